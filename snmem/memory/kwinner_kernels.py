"""Compiled inner loops of the K-winner memory. Work is proportional to the active synapses, never to visible x hidden.

Names: ``start``/``post`` list the hidden units behind each visible unit (CSC), in the order of ``forward``;
``inputs[j]`` are the visible units of hidden unit j in increasing order, ``place[j]`` the positions of these synapses
in ``forward``, ``back[j]`` their return weights (with tied weights ``back`` is empty, ``forward`` serves both ways).
``scratch`` is what :func:`make_scratch` returns; kernels leave all its sums and marks at zero, so that it serves any
number of calls, one at a time.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .._hash import mix
from .._jit import kernel

#: Drives up to here count as none.
LEAST = 1e-300
#: Hidden units whose drives are summed up at a time: 256 kB of them.
BLOCK = 32768
#: Bins of the histogram that finds the winners: the leading bits of a positive double, 64 per power of 2 from 2**-6 on.
BINS, SHIFT, FIRST = 1024, 46, (1023 - 6) << 6


def make_scratch(hidden: int, visible: int) -> Any:
    """Return working memory: sums and marks of hidden, then of visible units, values and units, and two targets."""
    most = max(hidden, visible)
    sums = (np.zeros(hidden), np.zeros(hidden, np.bool_), np.zeros(visible), np.zeros(visible, np.bool_))
    return *sums, np.empty(most), np.empty(most, np.int64), np.zeros(visible, np.float32), np.zeros(visible, np.float32)


@kernel
def pattern_key(seed, active):
    """Return a key for breaking ties that depends on the seed and the set of active units only."""
    key = seed
    for i in active:
        key ^= mix(seed, i)
    return mix(key, 0)


@kernel(keep=False)
def _before(value, unit, other_value, other_unit, key):
    if value != other_value:
        return value < other_value
    return mix(key, unit) < mix(key, other_unit)


@kernel(keep=False)
def _sift(values, units, size, value, unit, key):
    """Put (value, unit) at the root of a heap with the smallest on top and let it sink to its place."""
    here = 0
    while True:
        child = 2 * here + 1
        if child >= size:
            break
        if child + 1 < size and _before(values[child + 1], units[child + 1], values[child], units[child], key):
            child += 1
        if not _before(values[child], units[child], value, unit, key):
            break
        values[here], units[here] = values[child], units[child]
        here = child
    values[here], units[here] = value, unit


@kernel(keep=False)
def _rise(values, units, at, value, unit, key):
    """Add (value, unit) at the end of the heap, position ``at``, and let it rise to its place."""
    while at > 0:
        parent = (at - 1) // 2
        if not _before(value, unit, values[parent], units[parent], key):
            break
        values[at], units[at] = values[parent], units[parent]
        at = parent
    values[at], units[at] = value, unit


@kernel(keep=False)
def _offer(values, units, size, value, unit, key):
    """Keep (value, unit) if it is among the best so far; return how many are kept.

    Once ``units`` is full, ``values[0]`` is the smallest kept value: callers need not offer less.
    """
    if size < units.size:
        _rise(values, units, size, value, unit, key)
        return size + 1
    if _before(values[0], units[0], value, unit, key):
        _sift(values, units, size, value, unit, key)
    return size


@kernel(keep=False)
def _fill(units, size, total, taken, key):
    """Fill up ``units[size:]`` with random units of 0..total-1 that are not among ``units[:size]``."""
    for n in range(size):
        taken[units[n]] = True
    draw = 0
    while size < units.size:
        unit = np.int64(mix(key, total + draw) % np.uint64(total))
        draw += 1
        if not taken[unit]:
            taken[unit] = True
            units[size] = unit
            size += 1
    for n in range(size):
        taken[units[n]] = False


@kernel(keep=False)
def _bin(bits):
    """Return the bin of a positive double, given its bits; larger numbers never come into lower bins."""
    return min(max((bits >> SHIFT) - FIRST, 0), BINS - 1)


@kernel(keep=False)
def _top(values, units, size, total, out, heap, taken, key):
    """Set ``out`` to the ``out.size`` units of largest value among the first ``size``; where too few, to random others.

    A histogram finds the values that are in for sure; a heap decides in the bin where the limit falls.
    """
    if size <= out.size:
        for n in range(size):
            out[n] = units[n]
        _fill(out, size, total, taken, key)
        return
    bits = values.view(np.int64)
    bins = np.zeros(BINS, np.int64)
    for n in range(size):
        bins[_bin(bits[n])] += 1
    limit, above = BINS - 1, 0
    while above + bins[limit] < out.size:
        above += bins[limit]
        limit -= 1
    found, kept = 0, 0
    for n in range(size):
        at = _bin(bits[n])
        if at > limit:
            out[found] = units[n]
            found += 1
        elif at == limit:
            kept = _offer(heap[: out.size - above], out[above:], kept, values[n], units[n], key)


@kernel(keep=False)
def _add_by_blocks(active, start, post, forward, drive):
    """Add the active synapses to ``drive``, one block of hidden units after the other, so that it stays in the cache.

    The synapses of a visible unit are in the order of their hidden units; sums have the order they always have.
    """
    place = np.empty(active.size, np.uint64)
    for n in range(active.size):
        place[n] = start[active[n]]
    for end in range(BLOCK, drive.size + BLOCK, BLOCK):
        for n in range(active.size):
            p, last = place[n], start[active[n] + 1]
            while p < last and post[p] < end:
                drive[post[p]] += forward[p]
                p += np.uint64(1)
            place[n] = p


@kernel(keep=False)
def _winners(active, start, post, forward, drive, taken, values, units, heap, out, key):
    """Set ``out`` to the hidden units of largest drive, ties at random; ``drive`` is all zero before and after."""
    synapses = np.uint64(0)
    for i in active:
        synapses += start[i + 1] - start[i]
    size = 0
    if synapses >= np.uint64(drive.size):
        if drive.size > 2 * BLOCK:
            _add_by_blocks(active, start, post, forward, drive)
        else:
            for i in active:
                for p in range(start[i], start[i + 1]):
                    drive[post[p]] += forward[p]
        for j in range(drive.size):
            if drive[j] > LEAST:
                values[size], units[size] = drive[j], j
                size += 1
            drive[j] = 0.0
    else:
        reached = 0
        for i in active:
            for p in range(start[i], start[i + 1]):
                j = post[p]
                before = drive[j]
                drive[j] = before + forward[p]
                units[reached] = j
                reached += before == 0.0
        for n in range(reached):
            j = units[n]
            values[size], units[size] = drive[j], j
            size += drive[j] > LEAST
            drive[j] = 0.0
    _top(values, units, size, drive.size, out, heap, taken, key)


@kernel(keep=False)
def _read_out(winners, inputs, place, forward, back, drive, taken, values, units, heap, out, key):
    """Set ``out`` to the visible units of largest return drive; ``drive`` is all zero before and after."""
    tied = back.size == 0
    for j in winners:
        targets = inputs[j]
        if tied:
            for n in range(targets.size):
                drive[targets[n]] += forward[place[j, n]]
        else:
            weights = back[j]
            for n in range(targets.size):
                drive[targets[n]] += weights[n]
    size = 0
    if winners.size * inputs.shape[1] >= drive.size:
        for i in range(drive.size):
            values[size], units[size] = drive[i], i
            size += drive[i] > LEAST
            drive[i] = 0.0
    else:
        for j in winners:
            for i in inputs[j]:
                values[size], units[size] = drive[i], np.int64(i)
                size += drive[i] > LEAST
                drive[i] = 0.0
    _top(values, units, size, drive.size, out, heap, taken, key)


@kernel(keep=False)
def _imprint(winners, inputs, place, forward, back, rate, target, back_target):
    """Move all synapses of the winners towards the targets (1.0 or 0.0 for each visible unit)."""
    for j in winners:
        units, places = inputs[j], place[j]
        for n in range(units.size):
            forward[places[n]] += rate * (target[units[n]] - forward[places[n]])
        if back.size:
            weights = back[j]
            for n in range(units.size):
                weights[n] += rate * (back_target[units[n]] - weights[n])


@kernel
def round_at_random(value, levels, key, draw):
    """Return one of the two multiples of 1 / levels beside ``value``, on average ``value``."""
    scaled = value * levels
    low = np.floor(scaled)
    chance = np.float64(mix(key, draw) >> np.uint64(11)) * 2.0**-53
    return (low + (chance < scaled - low)) / levels


@kernel(keep=False)
def _imprint_levels(winners, inputs, place, forward, back, rate, target, back_target, levels, key):
    """Do the same with weights that are multiples of 1 / levels."""
    draw = 0
    for j in winners:
        units, places = inputs[j], place[j]
        for n in range(units.size):
            p = places[n]
            forward[p] = round_at_random(forward[p] + rate * (target[units[n]] - forward[p]), levels, key, draw)
            draw += 1
        if back.size:
            weights = back[j]
            for n in range(units.size):
                moved = weights[n] + rate * (back_target[units[n]] - weights[n])
                weights[n] = round_at_random(moved, levels, key, draw)
                draw += 1


@kernel
def store(
    cues, bounds, targets, back_targets, start, post, inputs, place, forward, back, rate, count, random, levels, clock,
    seed, scratch,
):  # fmt: skip
    """Learn cue after cue (active units ``cues[bounds[r]:bounds[r+1]]``): its winners move to the target rows.

    ``clock`` counts the cues learned before, so that rounding differs each time.
    """
    drive, taken, _, _, values, units, target, back_target = scratch
    heap, winners = np.empty(count), np.empty(count, np.int64)
    for row in range(bounds.size - 1):
        active = cues[bounds[row] : bounds[row + 1]]
        key = pattern_key(seed, active)
        if random:
            _fill(winners, 0, drive.size, taken, key)
        else:
            _winners(active, start, post, forward, drive, taken, values, units, heap, winners, key)
        target[targets[row]] = 1.0
        back_target[back_targets[row]] = 1.0
        if levels:
            now = mix(key, clock + row)
            _imprint_levels(winners, inputs, place, forward, back, rate, target, back_target, levels, now)
        else:
            _imprint(winners, inputs, place, forward, back, rate, target, back_target)
        target[targets[row]] = 0.0
        back_target[back_targets[row]] = 0.0


@kernel
def find_winners(cues, bounds, start, post, forward, count, seed, scratch):
    """Return the winners of every cue, shape (rows, count), unsorted."""
    drive, taken, _, _, values, units, _, _ = scratch
    heap, out = np.empty(count), np.empty((bounds.size - 1, count), np.int64)
    for row in range(bounds.size - 1):
        active = cues[bounds[row] : bounds[row + 1]]
        key = pattern_key(seed, active)
        _winners(active, start, post, forward, drive, taken, values, units, heap, out[row], key)
    return out


@kernel
def recall(cues, bounds, start, post, inputs, place, forward, back, count, ones, seed, scratch):
    """Return the active units of every recalled pattern, shape (rows, ones), unsorted."""
    drive, taken, sums, chosen, values, units, _, _ = scratch
    heap, winners = np.empty(max(count, ones)), np.empty(count, np.int64)
    out = np.empty((bounds.size - 1, ones), np.int64)
    for row in range(bounds.size - 1):
        active = cues[bounds[row] : bounds[row + 1]]
        key = pattern_key(seed, active)
        _winners(active, start, post, forward, drive, taken, values, units, heap, winners, key)
        _read_out(winners, inputs, place, forward, back, sums, chosen, values, units, heap, out[row], key)
    return out


@kernel
def draw_rows(uniform, visible, pool, inputs):
    """Fill each row with distinct numbers below ``visible``, in any order, by partial shuffles of ``pool``."""
    fan_in = inputs.shape[1]
    for row in range(inputs.shape[0]):
        for n in range(fan_in):
            at = n + np.int64(uniform[row, n] * (visible - n))
            pool[n], pool[at] = pool[at], pool[n]
            inputs[row, n] = pool[n]  # no later shuffle of this row moves it


@kernel
def index_by_visible(inputs, start, post, place):
    """Order the synapses by visible, then hidden unit: fill ``start`` (zeros, visible + 1), ``post`` and ``place``."""
    for j in range(inputs.shape[0]):
        for i in inputs[j]:
            start[i + 1] += np.uint64(1)
    for i in range(start.size - 1):
        start[i + 1] += start[i]
    free = start[:-1].copy()
    for j in range(inputs.shape[0]):
        for n in range(inputs.shape[1]):
            p = free[inputs[j, n]]
            free[inputs[j, n]] += np.uint64(1)
            post[p] = j
            place[j, n] = p
