"""Ranges of arrays: numba would take memory for an assignment or a comparison of slices."""

from __future__ import annotations

import numpy as np

from ...._jit import inner


@inner
def copy_range(source, low, size, into, at):
    """Copy source[low : low + size] to into[at : at + size]."""
    low, at = np.uint64(low), np.uint64(at)
    for j in range(np.uint64(0), np.uint64(size)):
        into[at + j] = source[low + j]


@inner
def differing(before, now, low, size):
    """How many of before[:size] are not as in now[low : low + size]."""
    n, begin = 0, np.uint64(low)
    for j in range(np.uint64(0), np.uint64(size)):
        n += before[j] != now[begin + j]
    return n
