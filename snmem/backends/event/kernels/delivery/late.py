"""Delivering spikes by synapses with delays of their own (:mod:`...layout.late`), to neurons in blocks."""

from __future__ import annotations

import numpy as np

from ....._jit import inner
from ...arrays import BLOCK
from ...columns import BEGIN, END, EXPONENT, MARK_ALL
from .rows import add_rounded, add_row, first_from, prefetch_synapses, rows_of, weight_of


@inner(inline="always")
def _group_of(late, row, rank, many, delay):
    """The group of a row with this delay, the ``rank``-th of ``many`` in use; -1 if there is none.

    Looked for from where it stands if the delays of the row are spread evenly over those in use.
    """
    low, high, step = late.row[row], late.row[row + 1], late.step
    g = low + rank * (high - low) // many
    while g < high and step[g] < delay:
        g += 1
    while g > low and step[g - 1] >= delay:
        g -= 1
    return g if g < high and step[g] == delay else -1


@inner
def _add_groups(listed, count, rows, values, into, pending, mark, begin, end, part):
    """Add the synapses listed[0, n] .. listed[1, n] - 1 of all n < count to their targets in some blocks.

    values: what the spike number listed[2, n] carries; empty where spikes carry none.
    """
    target, start, stop = rows.target, begin * BLOCK, end * BLOCK
    for n in range(count):
        low, high = np.uint64(listed[0, n]), np.uint64(listed[1, n])
        if part:
            low, high = first_from(target, low, high, start), first_from(target, low, high, stop)
        if values.size:
            for k in range(low, high):
                into[target[k]] += weight_of(rows, k) * values[listed[2, n]]
        else:
            add_row(into, rows, low, high)
        if not mark:
            for k in range(low, high):
                pending[target[k] // np.uint64(BLOCK)] = 1


@inner
def deliver_late(late, synapses, weight, blocks, work, ring, spikes, values, arrivals, pre, t, same):
    """Add what arrives in step t (``same``), or after it in time for step t + 1, to the input of the targets.

    Delay after delay, ascending, from the ring of past spikes; groups are listed first, and prefetched meanwhile.
    """
    q, _, _, begin, end, first, first_block, last_block = arrivals
    if begin >= end:
        return
    links, rows, listed, depth = synapses.links, rows_of(synapses, weight, q), work.listed, ring.shape[0]
    exponent, mark = links[q, EXPONENT], links[q, MARK_ALL] != 0
    start, stop, part = begin * BLOCK, end * BLOCK, begin > first_block or end < last_block
    given, pending, into = blocks.input, blocks.pending, blocks.input
    if exponent < 0:  # Loihi rounds the sum of a step and delay down, so it needs a sum of its own
        into, mark = work.scratch, True
    own, until, here = late.used_first[q], late.used_first[q + 1], t % depth
    base, first_row, room, count, any_spike = late.base[q], late.first_row[q] - first, listed.shape[1], 0, False
    for i in range(own, until):
        delay = late.used[i]
        since = delay if same else delay - 1  # steps between the spikes and now
        if (delay == 0) != same or since > t:
            continue
        slot = here - since + (depth if since > here else 0)
        lo, hi = ring[slot, pre, BEGIN], ring[slot, pre, END]
        if lo == hi:
            continue
        any_spike = True
        if exponent < 0:
            into[start:stop] = 0.0
        for j in range(lo, hi):
            g = _group_of(late, first_row + spikes[j], i - own, until - own, delay)
            if g < 0:
                continue
            k = base + np.int64(late.begin[g])
            listed[0, count], listed[1, count], listed[2, count] = k, base + np.int64(late.begin[g + 1]), j
            prefetch_synapses(rows, np.uint64(k))
            count += 1
            if count == room:
                _add_groups(listed, count, rows, values, into, pending, mark, begin, end, part)
                count = 0
        if exponent < 0:
            _add_groups(listed, count, rows, values, into, pending, mark, begin, end, part)
            add_rounded(given, into, exponent, start, stop)
            count = 0
    _add_groups(listed, count, rows, values, into, pending, mark, begin, end, part)
    if mark and any_spike:
        pending[begin:end] = 1
