"""Delivering spikes by bit planes (:mod:`...layout.bitplanes`)."""

from __future__ import annotations

import numpy as np

from ....._jit import inner
from ...arrays import BITS, BLOCK, GROUP_SIZE, KINDS, LEVELS, SPIKES, WIDE, WORD
from ...columns import (
    EXPONENT,
    FIRST_ROW,
    FIRST_WORD,
    GROUP,
    GROUP_KIND,
    KINDS_THERE,
    PLACE,
    TILE_STEP,
    TILE_WORDS,
    ZEROS,
)
from ...llvm.memory import lowest_bit, prefetch
from ...llvm.popcount import add_counts, count_planes, prefetch_planes
from ...tuning import GROUPS_AHEAD, SPIKES_AHEAD
from .rows import add_rounded


@inner
def _list_planes(spikes, lo, hi, first, rows, tile, zeros, listed, filled):
    """The planes of the spikes lo .. hi-1 by kind: where each begins in the first tile.

    Kind k stands at SPIKES * k, filled[k] planes of it, and more up to a whole number of groups: that of zeros.
    Returns how many groups there are, and of how many the weights are positive.
    """
    place, groups, kinds = listed[PLACE], listed[GROUP], listed[GROUP_KIND]
    filled[:] = 0
    for j in range(lo, hi):
        soon, row = np.uint64(spikes[min(j + SPIKES_AHEAD, hi - 1)] + first), np.uint64(spikes[j] + first)
        prefetch(rows, soon * np.uint64(2))
        at, left = rows[row, FIRST_WORD], rows[row, KINDS_THERE]
        while left:
            kind = np.uint64(lowest_bit(left))
            left &= left - 1
            n = np.uint64(filled[kind])
            filled[kind] = n + np.uint64(1)
            place[kind * np.uint64(SPIKES) + n] = at
            at += tile
    count = positive = 0
    for kind in range(KINDS):
        if kind == BITS:
            positive = count
        for n in range(0, filled[kind], GROUP_SIZE):
            groups[count] = kind * SPIKES + n
            kinds[count] = kind
            count += 1
        for n in range(filled[kind], -(-filled[kind] // GROUP_SIZE) * GROUP_SIZE):
            place[kind * SPIKES + n] = zeros
    return count, positive


@inner(inline="always")
def _count_tile(bits, listed, filled, sums, count, positive, t, last, step, x, vectors):
    """Sums of the listed planes over the words of tile t from x on; returns their bits: positive, and negative ones."""
    place, groups, kinds = listed[PLACE], listed[GROUP], listed[GROUP_KIND]
    plus = rows = most = cleared = 0  # bits of the largest sum so far; the sum; rows that are in use
    for g in range(count):
        if g == positive:
            plus, rows, most, cleared = rows, 0, 0, 0
        at, row = groups[g], 0 if g < positive else LEVELS
        kind = kinds[g]
        bit = kind if g < positive else kind - BITS
        most += min(GROUP_SIZE, filled[kind] - (at - kind * SPIKES)) << bit
        while most >> rows:
            rows += 1
        while cleared < max(rows, bit + 3):
            for y in range(np.uint64(x), np.uint64(x + vectors * WIDE)):
                sums[row + cleared, y] = 0
            cleared += 1
        ahead, then = g + GROUPS_AHEAD, t
        while ahead >= count:
            ahead, then = ahead - count, then + 1
        soon, then = (groups[ahead], then) if then <= last else (at, t)
        levels = max(rows - bit - 3, 0)
        count_planes(bits, place, at, t * step + x, soon, then * step + x, vectors, sums, row + bit, x, levels)
    return (rows if count == positive else plus), (0 if count == positive else rows)


@inner
def deliver_planes(links, planes, blocks, work, spikes, arrivals):
    """Add the weights of spikes to the input of their targets in some blocks."""
    q, lo, hi, begin, end, first, first_block, _ = arrivals
    if begin >= end:
        return
    dense, bits, listed, filled, sums = planes.dense, planes.bits, work.listed, work.filled, work.sums
    given, groups = blocks.input, work.listed[GROUP]
    exponent, unit, to = links[q, EXPONENT], planes.unit[q], first_block * BLOCK
    tile, step, zeros = dense[q, TILE_WORDS], dense[q, TILE_STEP], dense[q, ZEROS]
    first = dense[q, FIRST_ROW] - first
    into = given
    if exponent < 0:  # Loihi rounds the sum of a step down, so it needs a sum of its own
        into = work.scratch
        into[begin * BLOCK : end * BLOCK] = 0.0
    from_word, to_word = (begin - first_block) * (BLOCK // WORD), (end - first_block) * (BLOCK // WORD)
    start, last = from_word // tile, (to_word - 1) // tile
    while lo < hi:
        some = min(hi, lo + SPIKES)
        count, positive = _list_planes(spikes, lo, some, first, planes.rows, tile, zeros, listed, filled)
        lo = some
        for g in range(min(GROUPS_AHEAD, count)):
            prefetch_planes(bits, listed[PLACE], groups[g], start * step, tile // WIDE)
        for t in range(start, last + 1):
            low, high = max(from_word - t * tile, 0), min(to_word - t * tile, tile)  # words of this tile
            x = low // WIDE * WIDE
            vectors = -(-(high - x) // WIDE)
            plus, minus = _count_tile(bits, listed, filled, sums, count, positive, t, last, step, x, vectors)
            for word in range(low, high, BLOCK // WORD):
                add_counts(sums, word, plus, minus, unit, into, to + (t * tile + word) * WORD)
    if exponent < 0:
        add_rounded(given, work.scratch, exponent, begin * BLOCK, end * BLOCK)
    blocks.pending[begin:end] = 1
