"""Dense projections as planes of bits: sums of weights taken by logic, 64 neurons to a machine word.

A weight is ``n * unit`` with a whole number n. Plane k of a presynaptic neuron has a bit for each postsynaptic one:
whether bit k of \|n| is set; positive and negative weights have planes of their own, and only planes with a bit in them
are kept. The input of a step is ``unit * sum_k 2^k (spikes over plane k)``, and that count, for 512 neurons at a time,
is a sum of bits: carry-save adders take eight planes to one at a time (Harley and Seal's way to count bits). A
projection that connects one pair in ten at weights of four bits is read at 5 bytes a synapse and needs a tenth of an
instruction for each, where a sum at a scattered place needs three bytes and several instructions.

Sums of whole numbers do not depend on their order, so that the bits are those of adding weight after weight, as long
as everything that was added before lies on a grid of powers of two too (:class:`Grid`).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from ..network import Projection
from .event_intrinsics import ask, expand, tally
from .event_types import BITS, BLOCK, GROUP, KINDS, LEVELS, SPIKES, TILE, WIDE, WORD

#: Targets from which on planes are worth it; bytes they may take for each synapse, on average.
LEAST, BYTES = 512, 6
#: Groups of planes that are asked for ahead.
AHEAD = 6


@dataclass(frozen=True)
class Grid:
    """What is added to the neurons of a population in a step: multiples of 2**low, altogether below 2**high."""

    low: int
    high: int

    @property
    def exact(self) -> bool:
        """Whether float64 holds every sum."""
        return self.high - self.low <= 53

    def join(self, other: Grid) -> Grid:
        """Both, one after the other."""
        return Grid(min(self.low, other.low), max(self.high, other.high) + 1)


def grid_of(known: NDArray[Any], pre: int) -> Grid:
    """The grid of the sums of up to ``pre`` weights, all among ``known``."""
    pairs = [float(x).as_integer_ratio() for x in known if x]
    fine = [(n & -n).bit_length() - d.bit_length() for n, d in pairs]
    large = int(np.frexp(np.abs(known).max(initial=0.0))[1])
    return Grid(min(fine, default=0), large + pre.bit_length())


@dataclass(frozen=True)
class Plan:
    """How a projection is laid out in planes."""

    unit: float
    sets: NDArray[np.uint32]  # kinds of planes that each different weight has a bit in
    kinds: NDArray[np.uint32]  # the same of each presynaptic neuron
    tile: int  # words
    tiles: int

    @property
    def words(self) -> int:
        """Words of a plane."""
        return self.tile * self.tiles

    @property
    def planes(self) -> int:
        """Planes of all presynaptic neurons."""
        return int(np.bitwise_count(self.kinds).sum())


def plan(q: Projection, values: NDArray[Any], known: NDArray[Any], grid: Grid, parts: int) -> Plan | None:
    """Planes for the weights ``values`` (all among ``known``) of ``q``, if they pay and sums on ``grid`` are exact.

    parts: how many tiles to divide the targets into, at least.
    """
    post, pre = q.weights.shape
    words = -(-post // BLOCK) * BLOCK // WORD
    if post < LEAST or q.synapses * BYTES < pre * words * 8 or not grid.exact:
        return None
    fine = grid_of(known, 1).low
    units = [int(math.ldexp(float(x), -fine)) for x in known]
    common = math.gcd(*units) or 1
    units = [n // common for n in units]
    if max(map(abs, units)) >> BITS:
        return None
    sets = np.array([abs(n) << (BITS if n < 0 else 0) for n in units], np.uint32)
    tile = -(-words // (parts * WIDE)) * WIDE
    kinds = np.zeros(pre, np.uint32)
    _kinds(q.weights.indices, values, known, sets, kinds)
    made = Plan(math.ldexp(common, fine), sets, kinds, tile, -(-words // tile))
    return made if 8 * made.words * made.planes <= BYTES * q.synapses else None


def fill(made: Plan, q: Projection, values: NDArray[Any], known: NDArray[Any], bits: NDArray[np.uint64]) -> Any:
    """Write the planes to ``bits`` (zero before); returns the first of each presynaptic neuron, and their kinds."""
    of_row = [np.flatnonzero(made.kinds >> k & 1) for k in range(KINDS)]
    kind = np.repeat(np.arange(KINDS, dtype=np.uint8), [len(rows) for rows in of_row])
    owner = np.concatenate(of_row)
    first = np.concatenate(([0], np.cumsum(np.bincount(owner, minlength=len(made.kinds)))))
    _fill(q.weights.indptr, q.weights.indices, values, known, made.sets, made.kinds, first, made.tile, made.words, bits)
    return first, kind[np.argsort(owner, kind="stable")]


@njit(cache=True, nogil=True)
def _kinds(indices, values, known, sets, kinds):
    for k in range(indices.size):
        kinds[indices[k]] |= sets[np.searchsorted(known, values[k])]


@njit(cache=True, nogil=True)
def _fill(indptr, indices, values, known, sets, kinds, first, tile, words, bits):
    """Planes of a presynaptic neuron stand together; within them, those of a tile."""
    for post in range(indptr.size - 1):
        word = post // WORD
        bit = np.uint64(1) << np.uint64(post % WORD)
        for k in range(indptr[post], indptr[post + 1]):
            i = indices[k]
            at = first[i] * words + word // tile * tile * (first[i + 1] - first[i]) + word % tile
            mine, all_kinds = sets[np.searchsorted(known, values[k])], kinds[i]
            while all_kinds:
                if mine & all_kinds & -all_kinds:
                    bits[at] |= bit
                all_kinds &= all_kinds - np.uint32(1)
                at += tile


@njit(nogil=True)
def _list(spk, lo, hi, first, plane_first, plane_kind, tile, words, base, place, stride, filled, groups, kinds):
    """The planes of the spikes spk[lo:hi] by kind: where the first tile of each begins, and words from tile to tile.

    Kind k stands at SPIKES * k, filled[k] planes of it, and more up to a whole number of groups: zeros, which are word
    0. groups: where each group begins. Returns how many there are, and of how many the weights are positive.
    """
    filled[:] = 0
    for j in range(lo, hi):
        row = np.uint64(spk[j] + first)
        low, high = np.uint64(plane_first[row]), np.uint64(plane_first[row + np.uint64(1)])
        at, step = base + np.int64(low) * words, np.int64(high - low) * tile
        for k in range(low, high):
            kind = np.uint64(plane_kind[k])
            n = np.uint64(filled[kind])
            filled[kind] = n + np.uint64(1)
            place[kind * np.uint64(SPIKES) + n] = at
            stride[kind * np.uint64(SPIKES) + n] = step
            at += tile
    count = positive = 0
    for kind in range(KINDS):
        if kind == BITS:
            positive = count
        for n in range(0, filled[kind], GROUP):
            groups[count] = kind * SPIKES + n
            kinds[count] = kind
            count += 1
        for n in range(filled[kind], -(-filled[kind] // GROUP) * GROUP):
            place[kind * SPIKES + n], stride[kind * SPIKES + n] = 0, 0
    return count, positive


@njit(nogil=True)
def deliver_planes(
    proj, dense, units, pop_first, pop_blk, plane_first, plane_kind, bits, cur, touched, scratch, listed, filled, sums,
    spk, q, lo, hi, own, end,
):  # fmt: skip
    """Add the weights of the spikes spk[lo:hi] of projection q to the input of its targets in the blocks own .. end-1.

    In one piece, since numba counts references at every call that passes arrays.
    """
    if own >= end:
        return
    pre, post, exponent = proj[q, 0], proj[q, 1], proj[q, 3]
    tile, words, base, first = dense[q, 1], dense[q, 2], dense[q, 3], dense[q, 0] - pop_first[pre]
    into = cur
    if exponent < 0:  # Loihi rounds the sum of a step down, so it needs a sum of its own
        into = scratch
        into[own * BLOCK : end * BLOCK] = 0.0
    begin, stop = (own - pop_blk[post]) * (BLOCK // WORD), (end - pop_blk[post]) * (BLOCK // WORD)
    start, last = begin // tile, (stop - 1) // tile
    place, stride, groups, kinds = listed[0], listed[1], listed[2], listed[3]
    while lo < hi:
        some = min(hi, lo + SPIKES)
        count, positive = _list(
            spk, lo, some, first, plane_first, plane_kind, tile, words, base, place, stride, filled, groups, kinds
        )
        lo = some
        for g in range(min(AHEAD, count)):
            ask(bits, place, stride, groups[g], start, 0, tile // WIDE)  # pyright: ignore[reportCallIssue]
        for t in range(start, last + 1):
            low, high = max(begin - t * tile, 0), min(stop - t * tile, tile)  # words of this tile
            x = low // WIDE * WIDE
            vectors = -(-(high - x) // WIDE)
            plus = rows = most = cleared = 0  # bits of the largest sum so far; the sum; rows that are in use
            for g in range(count):
                if g == positive:
                    plus, rows, most, cleared = rows, 0, 0, 0
                at, row = groups[g], 0 if g < positive else LEVELS
                kind = kinds[g]
                bit = kind if g < positive else kind - BITS
                most += min(GROUP, filled[kind] - (at - kind * SPIKES)) << bit
                while most >> rows:
                    rows += 1
                while cleared < max(rows, bit + 3):
                    for y in range(np.uint64(x), np.uint64(x + vectors * WIDE)):
                        sums[row + cleared, y] = 0
                    cleared += 1
                ahead, then = g + AHEAD, t
                while ahead >= count:
                    ahead, then = ahead - count, then + 1
                soon, then = (groups[ahead], then) if then <= last else (at, t)
                levels = max(rows - bit - 3, 0)
                tally(bits, place, stride, at, t, soon, then, x, vectors, sums, row + bit, levels)  # pyright: ignore[reportCallIssue]
            minus = 0 if count == positive else rows
            plus = rows if count == positive else plus
            to = pop_first[post] + t * tile * WORD
            for word in range(low, high):
                expand(sums, word, plus, minus, units[q], into, to + word * WORD)  # pyright: ignore[reportCallIssue]
    if exponent < 0:
        scale = 2.0**exponent
        for i in range(own * BLOCK, end * BLOCK):
            cur[i] += math.floor(scratch[i] * scale)
    touched[own:end] = 1
