"""Dense projections as bit planes: sums of weights taken by logic, 64 neurons to a machine word.

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
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...._jit import kernel
from ....network import Network, Projection
from ....sources.base import Source
from ..arrays import BITS, BLOCK, WIDE, WORD
from ..tuning import PLANE_BYTES, PLANES_FROM
from .synapses import FOUND, number_in


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


def largest_value(network: Network, name: str, graded: Collection[str]) -> int | None:
    """The largest whole number that a spike of a population carries; None where it may be any number."""
    p = network[name]
    if name in graded or (isinstance(p, Source) and p.largest == math.inf):
        return None
    return int(p.largest) if isinstance(p, Source) else 1


@dataclass(frozen=True)
class Plan:
    """How a projection is laid out in bit planes."""

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


def plan_planes(q: Projection, values: NDArray[Any], known: NDArray[Any], grid: Grid, parts: int) -> Plan | None:
    """Plan for the weights ``values`` (all among ``known``) of ``q``, if planes pay and sums on ``grid`` are exact.

    parts: how many tiles to divide the targets into, at least.
    """
    post, pre = q.weights.shape
    if len(q.delays) > 1:
        return None
    words = -(-post // BLOCK) * BLOCK // WORD
    if post < PLANES_FROM or q.synapses * PLANE_BYTES < pre * words * 8 or not grid.exact or not known.any():
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
    plan = Plan(math.ldexp(common, fine), numbers, wide, kinds, tile, -(-words // tile))
    return plan if 8 * plan.words * plan.planes <= PLANE_BYTES * q.synapses else None


def fill(plan: Plan, q: Projection, values: NDArray[Any], known: NDArray[Any], bits: NDArray[np.uint64]) -> Any:
    """Write the planes to ``bits`` (zero before); returns (pre, 2): where those of each neuron begin, their kinds."""
    many = np.bitwise_count(plan.kinds).astype(np.int64)
    at = plan.tile * (1 + np.cumsum(many) - many)
    rows, shape = (q.weights.indptr, q.weights.indices), (plan.tile, plan.step)
    _fill(*rows, values, known, plan.numbers, plan.wide, plan.kinds, at, *shape, bits)
    return np.stack((at, plan.kinds), axis=1)


@kernel
def _set(n, wide):
    """The kinds of planes in which a weight of n units has a bit."""
    if n >= 0:
        return np.uint32(n)
    return np.uint32(-n << BITS if wide < 0 else n + (1 << wide) | 1 << BITS + wide)


@kernel
def _kinds(indices, values, known, numbers, wide, kinds):
    found = np.zeros(FOUND, np.uint8)
    for k in range(indices.size):
        i = indices[k]
        kinds[i] |= _set(numbers[number_in(known, values[k], found)], wide[i])


@kernel
def _fill(indptr, indices, values, known, numbers, wide, kinds, start, tile, step, bits):
    """Tile by tile: a plane of zeros, then those of each presynaptic neuron."""
    found = np.zeros(FOUND, np.uint8)
    for post in range(indptr.size - 1):
        word = post // WORD
        bit = np.uint64(1) << np.uint64(post % WORD)
        for k in range(indptr[post], indptr[post + 1]):
            i = indices[k]
            at = word // tile * step + start[i] + word % tile
            mine, left = _set(numbers[number_in(known, values[k], found)], wide[i]), kinds[i]
            while left:
                if mine & left & -left:
                    bits[at] |= bit
                left &= left - np.uint32(1)
                at += tile
