"""Noise of :func:`snmem.neurons.noise.normal`, neuron by neuron."""

from __future__ import annotations

import numpy as np

from ....._hash import mix
from ....._jit import inner
from .....neurons.noise import DRAWS, shaped

_shaped = inner(shaped)


@inner
def deviate(key, i):
    """The deviate of neuron i; ``key`` is the hash of (seed, step)."""
    total = np.uint64(0)
    for k in range(np.uint64(0), np.uint64(DRAWS)):
        bits = mix(key, np.uint64(DRAWS) * np.uint64(i) + k)
        for shift in (np.uint64(0), np.uint64(16), np.uint64(32), np.uint64(48)):
            total += (bits >> shift) & np.uint64(0xFFFF)
    return _shaped(np.float64(total))
