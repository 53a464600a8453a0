"""Dense projections as planes of bits: sums of weights taken by logic, 64 neurons to a machine word.

A weight is ``n * unit`` with a whole number n. A plane of a presynaptic neuron has a bit for each postsynaptic one:
whether the weight between them has bit k. Planes are of two kinds for each k, worth 2^k or -2^k: a neuron whose weights
have one sign has planes of |n|, any other those of two's complement, and only planes with a bit in them are kept. The
input of a step counts the spikes over each plane, ``unit * sum_k ±2^k count_k``, for 512 neurons at a time: carry-save
adders take eight planes to one (Harley and Seal's way to count bits), which is less than an instruction for a synapse.

Sums of whole numbers do not depend on their order, so that the bits are those of adding weight after weight, as long
as everything that was added before lies on a grid of powers of two too (:class:`Grid`).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._jit import kernel
from ..network import Projection
from .event_intrinsics import lowest, prefetch
from .event_tally import ask, expand, tally
from .event_types import BITS, BLOCK, GROUP, KINDS, LEVELS, SPIKES, WIDE, WORD

#: Targets from which on planes are worth it; bytes they may take for each synapse, on average.
LEAST, BYTES = 512, 6
#: Groups of planes that are asked for ahead.
AHEAD = 5
#: Spikes whose rows of ``planes`` are asked for ahead.
SOON = 8


@dataclass(frozen=True)
class Grid:
    """What is added to the neurons of a population in a step: multiples of 2**low, altogether below 2**high."""

    low: int
    high: int

    @property
    def exact(self) -> bool:
        """Whether float64 holds every sum."""
        return self.high - self.low <= 53 and self.high <= 1024

    def join(self, other: Grid) -> Grid:
        """Both, one after the other."""
        return Grid(min(self.low, other.low), max(self.high, other.high) + 1)


#: The grid of no weights at all.
EMPTY = Grid(5000, -5000)


def grid_of(known: NDArray[Any], pre: int) -> Grid:
    """The grid of the sums of up to ``pre`` weights, all among ``known``."""
    pairs = [float(x).as_integer_ratio() for x in known if x]
    if not pairs:
        return EMPTY
    fine = min((n & -n).bit_length() - d.bit_length() for n, d in pairs)
    return Grid(fine, int(np.frexp(np.abs(known).max())[1]) + pre.bit_length())


@dataclass(frozen=True)
class Plan:
    """How a projection is laid out in planes."""

    unit: float
    numbers: NDArray[np.int64]  # each different weight, in units
    wide: NDArray[np.int8]  # of each presynaptic neuron: bits of two's complement, or -1 if its weights have one sign
    kinds: NDArray[np.uint32]  # of each presynaptic neuron: a bit for each kind of planes that it has
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

    @property
    def step(self) -> int:
        """Words from tile to tile: its part of a plane of zeros, and of all planes."""
        return self.tile * (1 + self.planes)


def plan(q: Projection, values: NDArray[Any], known: NDArray[Any], grid: Grid, parts: int) -> Plan | None:
    """Planes for the weights ``values`` (all among ``known``) of ``q``, if they pay and sums on ``grid`` are exact.

    parts: how many tiles to divide the targets into, at least.
    """
    post, pre = q.weights.shape
    words = -(-post // BLOCK) * BLOCK // WORD
    if post < LEAST or q.synapses * BYTES < pre * words * 8 or not grid.exact or not known.any():
        return None
    fine = grid_of(known, 1).low
    units = [int(math.ldexp(float(x), -fine)) for x in known]
    common = math.gcd(*units) or 1
    if max(map(abs, units)) // common >> (BITS - 1):
        return None
    numbers = np.array(units) // common
    wide, kinds, low = np.full(pre, -1, np.int8), np.zeros(pre, np.uint32), np.uint32((1 << BITS) - 1)
    _kinds(q.weights.indices, values, known, numbers, wide, kinds)
    mixed = np.flatnonzero((kinds & low != 0) & (kinds >> BITS != 0))
    if mixed.size:
        wide[mixed] = np.frexp(kinds[mixed] & low | kinds[mixed] >> BITS)[1]
        kinds[mixed] = 0
        _kinds(q.weights.indices, values, known, numbers, wide, kinds)
    tile = -(-words // (parts * WIDE)) * WIDE
    made = Plan(math.ldexp(common, fine), numbers, wide, kinds, tile, -(-words // tile))
    return made if 8 * made.words * made.planes <= BYTES * q.synapses else None


def fill(made: Plan, q: Projection, values: NDArray[Any], known: NDArray[Any], bits: NDArray[np.uint64]) -> Any:
    """Write the planes to ``bits`` (zero before); returns (pre, 2): where those of each neuron begin, their kinds."""
    many = np.bitwise_count(made.kinds).astype(np.int64)
    at = made.tile * (1 + np.cumsum(many) - many)
    rows, shape = (q.weights.indptr, q.weights.indices), (made.tile, made.step)
    _fill(*rows, values, known, made.numbers, made.wide, made.kinds, at, *shape, bits)
    return np.stack((at, made.kinds), axis=1)


@kernel
def _set(n, wide):
    """The kinds of planes in which a weight of n units has a bit."""
    if n >= 0:
        return np.uint32(n)
    return np.uint32(-n << BITS if wide < 0 else n + (1 << wide) | 1 << BITS + wide)


@kernel
def _kinds(indices, values, known, numbers, wide, kinds):
    for k in range(indices.size):
        i = indices[k]
        kinds[i] |= _set(numbers[np.searchsorted(known, values[k])], wide[i])


@kernel
def _fill(indptr, indices, values, known, numbers, wide, kinds, start, tile, step, bits):
    """Tile by tile: a plane of zeros, then those of each presynaptic neuron."""
    for post in range(indptr.size - 1):
        word = post // WORD
        bit = np.uint64(1) << np.uint64(post % WORD)
        for k in range(indptr[post], indptr[post + 1]):
            i = indices[k]
            at = word // tile * step + start[i] + word % tile
            mine, left = _set(numbers[np.searchsorted(known, values[k])], wide[i]), kinds[i]
            while left:
                if mine & left & -left:
                    bits[at] |= bit
                left &= left - np.uint32(1)
                at += tile


@kernel(keep=False)
def _list(spk, lo, hi, first, planes, tile, zeros, place, filled, groups, kinds):
    """The planes of the spikes spk[lo:hi] by kind: where each begins in the first tile.

    Kind k stands at SPIKES * k, filled[k] planes of it, and more up to a whole number of groups: that of zeros. groups:
    where each group begins. Returns how many there are, and of how many the weights are positive.
    """
    filled[:] = 0
    for j in range(lo, hi):
        soon, row = np.uint64(spk[min(j + SOON, hi - 1)] + first), np.uint64(spk[j] + first)
        prefetch(planes, soon * np.uint64(2))  # pyright: ignore[reportCallIssue]
        at, left = planes[row, 0], planes[row, 1]
        while left:
            kind = np.uint64(lowest(left))  # pyright: ignore[reportCallIssue]
            left &= left - 1
            n = np.uint64(filled[kind])
            filled[kind] = n + np.uint64(1)
            place[kind * np.uint64(SPIKES) + n] = at
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
            place[kind * SPIKES + n] = zeros
    return count, positive


@kernel(keep=False)
def deliver_planes(
    proj, dense, units, pop_first, pop_blk, planes, bits, cur, touched, scratch, listed, filled, sums, spk, q, lo, hi,
    own, end,
):  # fmt: skip
    """Add the weights of the spikes spk[lo:hi] of projection q to the input of its targets in the blocks own .. end-1.

    In one piece, since every call that passes arrays looks for references to count.
    """
    if own >= end:
        return
    pre, post, exponent = proj[q, 0], proj[q, 1], proj[q, 3]
    first, tile, step, zeros = dense[q, 0] - pop_first[pre], dense[q, 1], dense[q, 2], dense[q, 3]
    into = cur
    if exponent < 0:  # Loihi rounds the sum of a step down, so it needs a sum of its own
        into = scratch
        into[own * BLOCK : end * BLOCK] = 0.0
    begin, stop = (own - pop_blk[post]) * (BLOCK // WORD), (end - pop_blk[post]) * (BLOCK // WORD)
    start, last = begin // tile, (stop - 1) // tile
    place, groups, kinds = listed[0], listed[1], listed[2]
    while lo < hi:
        some = min(hi, lo + SPIKES)
        count, positive = _list(spk, lo, some, first, planes, tile, zeros, place, filled, groups, kinds)
        lo = some
        for g in range(min(AHEAD, count)):
            ask(bits, place, groups[g], start * step, tile // WIDE)  # pyright: ignore[reportCallIssue]
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
                tally(bits, place, at, t * step + x, soon, then * step + x, vectors, sums, row + bit, x, levels)  # pyright: ignore[reportCallIssue]
            minus = 0 if count == positive else rows
            plus = rows if count == positive else plus
            to = pop_first[post] + t * tile * WORD
            for word in range(low, high, BLOCK // WORD):
                expand(sums, word, plus, minus, units[q], into, to + word * WORD)  # pyright: ignore[reportCallIssue]
    if exponent < 0:
        scale = 2.0**exponent
        for i in range(own * BLOCK, end * BLOCK):
            cur[i] += math.floor(scratch[i] * scale)
    touched[own:end] = 1
