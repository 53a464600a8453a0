"""Gaussian noise that is a function of (seed, neuron, step): the same bits on every backend, in any order."""

from __future__ import annotations

from typing import Any

import numpy as np

from .._hash import mixed
from .base import FloatArray

#: Draws of 64 bits for a deviate; each holds four numbers of 16 bits.
DRAWS = 3


def shaped(total: Any) -> Any:
    """The deviate of a sum of twelve numbers of 16 bits.

    With ``r`` a quarter of the sum in units of its standard deviation, the polynomial in r of Teichroew (Knuth, The Art
    of Computer Programming 2, 1969, 3.4.1) is normal to 2e-4 within three standard deviations; nothing exceeds 8.
    Additions and products only, so that it is rounded alike everywhere.
    """
    r = (total - 393210.0) * 2.0**-18
    square = r * r
    return (
        (((0.029899776 * square + 0.008355968) * square + 0.076542912) * square + 0.252408784) * square + 3.949846138
    ) * r


def normal(seed: int, neurons: int, t: int) -> FloatArray:
    """Standard normal deviates of all neurons of a population in step t.

    With h the hash of :mod:`snmem._hash` and k = h(seed, t), neuron i has the twelve numbers of 16 bits of h(k, 3 i),
    h(k, 3 i + 1) and h(k, 3 i + 2), whose sum is shaped into a normal deviate.

    Parameters
    ----------
    seed : int
        Of the population.
    neurons : int
        Number of neurons.
    t : int
        Number of the step.
    """
    bits = mixed(mixed(seed, t), np.arange(DRAWS * neurons)).reshape(neurons, DRAWS)
    total = sum((bits >> np.uint64(k)) & np.uint64(0xFFFF) for k in (0, 16, 32, 48))
    return shaped(np.asarray(total).sum(axis=1).astype(np.float64))
