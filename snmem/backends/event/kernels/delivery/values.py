"""Delivering numbers: spikes that carry values, and membrane potentials; a synapse adds weight * number."""

from __future__ import annotations

import numpy as np

from ....._jit import inner
from ...arrays import BLOCK
from ...columns import DELAY, EXPONENT, FIRST_PTR, PLACE_KEPT, POST, PRE, RANGES, RECEPTOR, SENDER, V_PLACE
from ..ranges import copy_range
from .rows import add_rounded, first_from, rows_of, weight_of
from .shared import add_window


@inner(inline="always")
def add_times(into, rows, low, high, value):
    """Add the weights of the synapses low .. high-1, times a value, to their targets' places."""
    for k in range(low, high):
        into[np.uint64(rows.target[k])] += weight_of(rows, k) * value


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
        add_times(into, rows, low, high, value)
        for k in range(low, high):
            pending[target[k] // np.uint64(BLOCK)] = 1
    if exponent < 0:
        add_rounded(blocks.input, scratch, exponent, start, stop)
        pending[begin:end] = 1


@inner
def keep_potentials(net, state, t):
    """Keep v of the populations that deliver it, as it is after step t, and have them stepped in the next one."""
    neurons, senders, depth = net.neurons, net.potentials.senders, state.ring.shape[0]
    for row in senders:
        p = row[SENDER]
        size = neurons.size[p]
        to = row[PLACE_KEPT] + t % depth * size
        if row[V_PLACE] >= 0:
            copy_range(state.custom, row[V_PLACE], size, state.potentials, to)
        else:
            copy_range(state.blocks.v, neurons.first[p], size, state.potentials, to)
        state.blocks.pending[neurons.blocks[p] : neurons.blocks[p + 1]] = 1


@inner
def deliver_potentials(net, state, work, q, then):
    """Add weight * v, of as many steps before ``then`` as the delay of projection q says, to the coming input."""
    neurons, synapses, row = net.neurons, net.synapses, net.potentials.senders[net.potentials.row[q]]
    links, ptr, blocks = synapses.links, synapses.ptr, state.blocks
    pre, size, ranges, left = links[q, PRE], neurons.size[links[q, PRE]], links[q, RANGES], then - links[q, DELAY]
    if left < 0:
        return
    if links[q, DELAY] > 0:
        v, at = state.potentials, row[PLACE_KEPT] + left % state.ring.shape[0] * size
    elif row[V_PLACE] >= 0:
        v, at = state.custom, row[V_PLACE]
    else:
        v, at = blocks.v, neurons.first[pre]
    rows, shared, post, aside = rows_of(synapses, state.weight, q), net.shared, links[q, POST], links[q, RECEPTOR]
    first_block, end = neurons.blocks[post] + aside, neurons.blocks[post + 1] + aside
    for j in range(size):
        if shared.row[q] >= 0:
            add_window(
                shared, shared.size[shared.row[q]], blocks.input, blocks.pending, work.listed, j, v[at + j], False,
                True, first_block * BLOCK, first_block * BLOCK, end * BLOCK,
            )  # fmt: skip
            continue
        first = j * ranges + links[q, FIRST_PTR]
        add_times(blocks.input, rows, np.uint64(ptr[first]), np.uint64(ptr[first + ranges]), v[at + j])
    blocks.pending[first_block:end] = 1
