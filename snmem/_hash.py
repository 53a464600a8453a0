"""A hash of (key, index) for randomness that needs no state: the same numbers in any order, on any thread."""

from typing import Any

import numpy as np

from ._jit import kernel


def _mix(key: Any, index: Any) -> Any:
    z = key + np.uint64(0x9E3779B97F4A7C15) * (np.uint64(index) + np.uint64(1))
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))


#: 64 well-mixed bits of (key, index), for kernels: the finaliser of splitmix64 (Steele, Lea & Flood 2014).
mix = kernel(_mix)


def mixed(key: Any, index: Any) -> Any:
    """:func:`mix` for numpy: of numbers, or of arrays of them."""
    with np.errstate(over="ignore"):
        return _mix(np.uint64(key), index)
