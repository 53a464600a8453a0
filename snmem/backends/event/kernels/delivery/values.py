"""Delivering spikes that carry values: a synapse adds weight * value."""

from __future__ import annotations

import numpy as np

from ....._jit import inner
from ...arrays import BLOCK
from ...columns import EXPONENT, FIRST_PTR, RANGES
from .rows import add_rounded, first_from, rows_of, weight_of


@inner
def deliver_values(synapses, weight, blocks, scratch, spikes, values, arrivals):
    """Add the weights of spikes, each times the spike's value, to the input of their targets in some blocks.

    Spike after spike, so that every sum is taken in ascending order of the presynaptic neurons.
    """
    q, lo, hi, begin, end, first, first_block, last_block = arrivals
    if begin >= end:
        return
    links, ptr, target, rows = synapses.links, synapses.ptr, synapses.target, rows_of(synapses, weight, q)
    exponent, ranges, pending = links[q, EXPONENT], links[q, RANGES], blocks.pending
    start, stop, part = begin * BLOCK, end * BLOCK, begin > first_block or end < last_block
    into = blocks.input
    if exponent < 0:  # Loihi rounds the sum of a step down, so it needs a sum of its own
        into = scratch
        into[start:stop] = 0.0
    base = links[q, FIRST_PTR] - first * ranges
    for j in range(lo, hi):
        row, value = spikes[j] * ranges + base, values[j]
        low, high = np.uint64(ptr[row]), np.uint64(ptr[row + ranges])
        if part:
            low, high = first_from(target, low, high, start), first_from(target, low, high, stop)
        for k in range(low, high):
            i = np.uint64(target[k])
            into[i] += weight_of(rows, k) * value
            pending[i // np.uint64(BLOCK)] = 1
    if exponent < 0:
        add_rounded(blocks.input, scratch, exponent, start, stop)
        pending[begin:end] = 1
