"""Delivering spikes by synapses in a row for each presynaptic neuron, to neurons in blocks."""

from __future__ import annotations

import math

import numpy as np

from ....._jit import inner
from ...arrays import BLOCK, Rows
from ...columns import CODED, EXPONENT, FIRST_PTR, MARK_ALL, RANGES, SINGLE
from ...llvm.memory import load_four, prefetch
from ...tuning import ROWS_AT_ONCE, STRIDE


@inner
def first_from(target, low, high, bound):
    """Where in the ascending target[low:high] the first one >= bound stands."""
    while low < high:
        middle = (low + high) >> np.uint64(1)
        if target[middle] < bound:
            low = middle + np.uint64(1)
        else:
            high = middle
    return low


@inner(inline="always")
def rows_of(synapses, weight, q):
    """Where the synapses of projection q stand; sums with ``shift`` wrap around as they should."""
    shift, coded = np.uint64(synapses.shift[q]), synapses.links[q, CODED] != 0
    return Rows(synapses.target, synapses.code, synapses.palette[q], weight, coded, shift)


@inner(inline="always")
def weight_of(rows, k):
    """The weight of synapse k."""
    return rows.palette[rows.code[k + rows.shift]] if rows.coded else np.float64(rows.weight[k + rows.shift])


@inner(inline="always")
def prefetch_synapses(rows, k):
    """Prefetch synapse k: its target, and its weight or the number of it."""
    prefetch(rows.target, k)
    if rows.coded:
        prefetch(rows.code, k + rows.shift)
    else:
        prefetch(rows.weight, k + rows.shift)


@inner
def add_rounded(given, sums, exponent, begin, end):
    """Add the sums of a step, times 2**exponent and rounded down as on Loihi, to the input of the neurons."""
    scale = 2.0**exponent
    for i in range(begin, end):
        given[i] += math.floor(sums[i] * scale)


@inner(inline="always")
def _deliver_single(rows, given, pending, spikes, arrivals, synapse):
    """:func:`deliver_blocks` where every row is one synapse, that of neuron 0 number ``synapse``."""
    lo, hi, begin, end = arrivals.low, arrivals.high, arrivals.begin, arrivals.end
    start, stop = begin * BLOCK, end * BLOCK
    for j in range(np.uint64(lo), np.uint64(hi)):
        k = np.uint64(spikes[j] + synapse)
        i = np.uint64(rows.target[k])
        if start <= np.int64(i) < stop:
            given[i] += weight_of(rows, k)
            pending[i // np.uint64(BLOCK)] = 1


@inner(inline="always")
def add_row(into, rows, low, high):
    """Add the weights of the synapses low .. high-1 to their targets' places, four at a time."""
    target, code, palette, weight, coded, shift = rows
    fours = low + (high - low) // np.uint64(4) * np.uint64(4)
    if coded:
        for k in range(low, fours, np.uint64(4)):
            i0, i1, i2, i3 = load_four(target, k)
            w0, w1, w2, w3 = load_four(code, k + shift)
            into[i0] += palette[w0]
            into[i1] += palette[w1]
            into[i2] += palette[w2]
            into[i3] += palette[w3]
        for k in range(fours, high):
            into[target[k]] += palette[code[k + shift]]
    else:
        for k in range(low, fours, np.uint64(4)):
            i0, i1, i2, i3 = load_four(target, k)
            into[i0] += weight[k + shift]
            into[i1] += weight[k + shift + np.uint64(1)]
            into[i2] += weight[k + shift + np.uint64(2)]
            into[i3] += weight[k + shift + np.uint64(3)]
        for k in range(fours, high):
            into[target[k]] += weight[k + shift]


@inner(forceinline=True)
def deliver_blocks(synapses, weight, blocks, scratch, spikes, arrivals):
    """Add the weights of spikes to the input of their targets in some blocks.

    One range of targets after the other, so that their sums stay in cache; within a range spike after spike, so that
    every sum is taken in ascending order of the presynaptic neurons.
    """
    q, lo, hi, begin, end, first, first_block, last_block = arrivals
    if begin >= end:
        return
    links, ptr, target, rows = synapses.links, synapses.ptr, synapses.target, rows_of(synapses, weight, q)
    given, pending = blocks.input, blocks.pending
    exponent, ranges, mark = links[q, EXPONENT], links[q, RANGES], links[q, MARK_ALL] != 0
    if links[q, SINGLE] != 0 and exponent == 0:
        _deliver_single(rows, given, pending, spikes, arrivals, ptr[links[q, FIRST_PTR]] - first)
        return
    start, stop = begin * BLOCK, end * BLOCK
    into = given
    if exponent < 0:  # Loihi rounds the sum of a step down, so it needs a sum of its own
        into = scratch
        into[start:stop] = 0.0
        mark = True
    base = links[q, FIRST_PTR] - first * ranges
    width = -(-(last_block - first_block) // ranges)  # blocks of a range
    begin_range = (begin - first_block) // width
    if ranges > 1:  # long rows, out of cache: the first of each at once
        for j in range(lo, min(hi, lo + ROWS_AT_ONCE)):
            k = np.uint64(ptr[spikes[j] * ranges + base + begin_range])
            prefetch(target, k + np.uint64(STRIDE))
            prefetch_synapses(rows, k)
    for r in range(base + begin_range, base - (first_block - end) // width):
        block = first_block + (r - base) * width
        part = block < begin or min(block + width, last_block) > end
        for j in range(lo, hi):
            low, high = np.uint64(ptr[spikes[j] * ranges + r]), np.uint64(ptr[spikes[j] * ranges + r + 1])
            if part:
                low, high = first_from(target, low, high, start), first_from(target, low, high, stop)
            if ranges > 1 and j + 1 < hi:
                after = spikes[j + 1] * ranges + r
                for k in range(np.uint64(ptr[after]), np.uint64(ptr[after + 1]), np.uint64(STRIDE)):
                    prefetch_synapses(rows, k)
            add_row(into, rows, low, high)
            if not mark:
                for k in range(low, high):
                    pending[target[k] // np.uint64(BLOCK)] = 1
    if exponent < 0:
        add_rounded(given, scratch, exponent, start, stop)
    if mark:
        pending[begin:end] = 1
