"""Delivering spikes by synapses in a row for each presynaptic neuron, to neurons in blocks."""

from __future__ import annotations

import math

import numpy as np

from ...._jit import inner
from ..arrays import BLOCK
from ..columns import CODED, EXPONENT, FIRST_PTR, MARK_ALL, POST, PRE, RANGES, SINGLE
from ..llvm.memory import load_four, prefetch
from ..tuning import ROWS_AT_ONCE, STRIDE


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
def prefetch_synapses(target, code, weight, coded, k, shift):
    """Prefetch synapse k: its target, and its weight or the number of it."""
    prefetch(target, k)
    if coded:
        prefetch(code, k + shift)
    else:
        prefetch(weight, k + shift)


@inner
def add_rounded(given, sums, exponent, begin, end):
    """Add the sums of a step, times 2**exponent and rounded down as on Loihi, to the input of the neurons."""
    scale = 2.0**exponent
    for i in range(begin, end):
        given[i] += math.floor(sums[i] * scale)


@inner(inline="always")
def _deliver_single(synapses, weight, given, pending, spikes, arrivals, first):
    """:func:`deliver_blocks` where every row is one synapse."""
    q, lo, hi, begin, end = arrivals
    target, code, palette, coded = synapses.target, synapses.code, synapses.palette, synapses.links[q, CODED] != 0
    start, stop, shift = begin * BLOCK, end * BLOCK, np.uint64(synapses.shift[q])
    synapse = synapses.ptr[synapses.links[q, FIRST_PTR]] - first
    for j in range(np.uint64(lo), np.uint64(hi)):
        k = np.uint64(spikes[j] + synapse)
        i = np.uint64(target[k])
        if start <= np.int64(i) < stop:
            given[i] += palette[q, code[k + shift]] if coded else np.float64(weight[k + shift])
            pending[i // np.uint64(BLOCK)] = 1


@inner(inline="always")
def _add_row(into, target, code, palette, weight, coded, q, low, high, shift):
    """Add the weights of the synapses low .. high-1 to their targets' places, four at a time."""
    fours = low + (high - low) // np.uint64(4) * np.uint64(4)
    if coded:
        for k in range(low, fours, np.uint64(4)):
            i0, i1, i2, i3 = load_four(target, k)
            w0, w1, w2, w3 = load_four(code, k + shift)
            into[i0] += palette[q, w0]
            into[i1] += palette[q, w1]
            into[i2] += palette[q, w2]
            into[i3] += palette[q, w3]
        for k in range(fours, high):
            into[target[k]] += palette[q, code[k + shift]]
    else:
        for k in range(low, fours, np.uint64(4)):
            i0, i1, i2, i3 = load_four(target, k)
            into[i0] += weight[k + shift]
            into[i1] += weight[k + shift + np.uint64(1)]
            into[i2] += weight[k + shift + np.uint64(2)]
            into[i3] += weight[k + shift + np.uint64(3)]
        for k in range(fours, high):
            into[target[k]] += weight[k + shift]


@inner
def deliver_blocks(neurons, synapses, weight, blocks, scratch, spikes, arrivals):
    """Add the weights of spikes to the input of their targets in some blocks.

    One range of targets after the other, so that their sums stay in cache; within a range spike after spike, so that
    every sum is taken in ascending order of the presynaptic neurons.
    """
    q, lo, hi, begin, end = arrivals
    if begin >= end:
        return
    links, ptr, target, code, palette = synapses.links, synapses.ptr, synapses.target, synapses.code, synapses.palette
    given, pending = blocks.input, blocks.pending
    exponent, ranges, coded, mark = links[q, EXPONENT], links[q, RANGES], links[q, CODED] != 0, links[q, MARK_ALL] != 0
    first, first_block, last_block = (
        neurons.first[links[q, PRE]], neurons.blocks[links[q, POST]], neurons.blocks[links[q, POST] + 1],
    )  # fmt: skip
    if links[q, SINGLE] != 0 and exponent == 0:
        _deliver_single(synapses, weight, given, pending, spikes, arrivals, first)
        return
    shift = np.uint64(synapses.shift[q])  # sums wrap around as they should
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
            prefetch_synapses(target, code, weight, coded, k, shift)
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
                    prefetch_synapses(target, code, weight, coded, k, shift)
            _add_row(into, target, code, palette, weight, coded, q, low, high, shift)
            if not mark:
                for k in range(low, high):
                    pending[target[k] // np.uint64(BLOCK)] = 1
    if exponent < 0:
        add_rounded(given, scratch, exponent, start, stop)
    if mark:
        pending[begin:end] = 1
