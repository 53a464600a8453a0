"""Projections as synapses by presynaptic neuron: targets, and weights or the numbers of weights."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from ...._jit import inner, kernel
from ....network import Network, Projection
from ..arrays import BLOCK, copied, zeros
from ..columns import DELIVERS, LATE, LINK_SIZE
from ..tuning import CELLS_AHEAD, FLOAT32_FROM, RANGE, STRIDE

#: Places for numbers of weights, see :func:`number_in`: 2**12.
FOUND = 4096


class Records(NamedTuple):
    """What ``Synapses`` holds of each projection, and the weights."""

    links: Any
    shift: Any
    ptr: Any
    target: Any
    code: Any
    palette: Any
    weight: Any


def parts_of(size: int) -> int:
    """Ranges of at most RANGE neurons that a population is divided into: one, or an even number, for two threads."""
    parts = -(-size // RANGE)
    return parts + parts % 2 if parts > 1 else 1


def _ranges(q: Projection) -> int:
    """Number of ranges of targets to deliver to one after the other.

    One, unless the synapses of a neuron would still come in long rows, and none of them learns.
    """
    post, pre = q.weights.shape
    ranges = parts_of(post)
    return 1 if q.plasticity or len(q.delays) > 1 or q.synapses < 2 * STRIDE * ranges * pre else ranges


def distinct(values: Any) -> Any:
    """Return the different weights, ascending, or None if there are more than 256."""
    known = np.unique(values[:: max(1, len(values) // 4096)]).astype(np.float64)
    at = 0
    while len(known) <= 256:
        at = _first_unknown(values, known, at)
        if at == len(values):
            return known
        known = np.union1d(known, values[at])
    return None


def fits_float32(values: Any) -> bool:
    """Whether float32 holds every value exactly."""
    parts = (values[i : i + (1 << 22)] for i in range(0, len(values), 1 << 22))
    return values.dtype == np.float32 or all(np.array_equal(p.astype(np.float32), p) for p in parts)


def _room(network: Network, apart: list[bool], values: list[Any], known: list[Any], neurons: int) -> tuple[Any, ...]:
    """Arrays of the smallest types for all targets, numbers of weights, and weights."""
    queue = network.projections
    total = sum(0 if p else q.synapses for q, p in zip(queue, apart, strict=True))
    kept = [w for w, d, p in zip(values, known, apart, strict=True) if d is None and not p]
    wide = sum(len(w) for w in kept)
    single = wide > FLOAT32_FROM and not any(q.plasticity for q in queue) and all(fits_float32(w) for w in kept)
    target = zeros(total, dtype=np.uint16 if neurons <= np.iinfo(np.uint16).max else np.uint32)
    code, weight = zeros(total - wide, dtype=np.uint8), zeros(wide, dtype=np.float32 if single else np.float64)
    return target, code, weight


def records_of(
    network: Network,
    index: dict[str, int],
    first: Any,
    blocks: Any,
    apart: list[bool],
    values: list[Any],
    known: list[Any],
    aside: list[int],
    most: int,
) -> Records:
    """Lay out the projections whose synapses are not kept in another way.

    Written straight from the fan-in rows into arrays of the smallest types, which is the most that is ever held.

    Parameters
    ----------
    network : Network
        The description.
    index : dict
        Name of a population -> its number.
    first, blocks : array
        ``Neurons.first`` and ``Neurons.blocks``.
    apart, values, known : list
        Of each projection: whether it is kept as bit planes or as a kernel; what a spike adds, in the order of its
        weights; the different ones of these, or None.
    aside : list of int
        Of each projection: blocks from those of the target neurons to those of the receptor that it reaches.
    most : int
        Places of neurons, at most.
    """
    queue = network.projections
    target, code, weight = _room(network, apart, values, known, most)
    links, shift = np.zeros((len(queue), LINK_SIZE), np.int64), np.zeros(len(queue), np.int64)
    palette, pointers = np.zeros((len(queue), 256)), [np.zeros(0, np.int64)]
    at = row = at_code = at_weight = 0
    for i, (q, w) in enumerate(zip(queue, values, strict=True)):
        pre, post, rows, codes = index[q.pre], index[q.post], q.weights, known[i]
        mean, delay = -(-q.synapses // rows.shape[1]), q.delay if len(q.delays) == 1 else LATE
        mark_all = q.synapses >= 2 * (blocks[post + 1] - blocks[post]) * rows.shape[1]
        ends = pre, post, delay, min(q.exponent, 0)
        if apart[i]:
            links[i, :DELIVERS] = *ends, 0, mark_all, 0, 1, 1, mean, 0, aside[i]
            continue
        ranges = _ranges(q)
        offsets = _offsets(rows.indptr, rows.indices, rows.shape[1], ranges)
        begin = first[post] + aside[i] * BLOCK
        place(
            target[at : at + q.synapses], rows.indptr, rows.indices, offsets[:-1:ranges].copy(), begin, w,
            np.zeros(0) if codes is None else codes, code[at_code:], weight[at_weight:],
        )  # fmt: skip
        if codes is None:
            shift[i], at_weight = at_weight - at, at_weight + q.synapses
        else:
            palette[i, : len(codes)] = codes
            shift[i], at_code = at_code - at, at_code + q.synapses
        ahead = min(16, max(1, CELLS_AHEAD // max(mean, 1)))
        single, coded = q.synapses == rows.shape[1] and (np.diff(offsets) == 1).all(), codes is not None
        links[i, :DELIVERS] = *ends, row, mark_all, coded, ranges, ahead, mean, single, aside[i]
        pointers.append(offsets + at)
        at, row = at + q.synapses, row + len(offsets)
    return Records(links, shift, copied(np.concatenate(pointers)), target, code, palette, weight)


@inner
def number_in(known, value, found):
    """Where a weight stands in ``known`` (ascending), or would stand.

    found: (FOUND,) of uint8, zeros at first: numbers found before, by a hash of the weight, which spares the search.
    """
    value = np.float64(value)
    place = (np.uint64(value.view(np.int64)) * np.uint64(0x9E3779B97F4A7C15)) >> np.uint64(52)
    if known[found[place]] != value:
        number = np.searchsorted(known, value)
        if number == known.size:
            return number
        found[place] = number
    return np.int64(found[place])


@kernel
def _offsets(indptr, indices, pre, ranges):
    """Where the synapses of each presynaptic neuron and range begin (pre * ranges + 1,)."""
    width = -(-(indptr.size - 1) // BLOCK)  # blocks of a range
    width = -(-width // ranges)
    out = np.zeros(pre * ranges + 1, np.int64)
    for post in range(indptr.size - 1):
        r = post // (width * BLOCK) + 1
        for k in range(indptr[post], indptr[post + 1]):
            out[indices[k] * ranges + r] += 1
    for i in range(pre * ranges):
        out[i + 1] += out[i]
    return out


@kernel
def place(target, indptr, indices, at, first, values, known, code, weight):
    """Write targets, and weights or their numbers among ``known``, of fan-in rows in presynaptic order.

    at: the next place of each presynaptic neuron. Some of these at a time, so that the places stay in cache.
    """
    here, found = indptr[:-1].copy(), np.zeros(FOUND, np.uint8)
    pre = at.size
    some = max(1, int(pre * 2_000_000.0 / max(values.size, 1)))
    for low in range(0, pre, some):
        for post in range(here.size):
            k, end = here[post], indptr[post + 1]
            while k < end and indices[k] < low + some:
                j = at[indices[k]]
                at[indices[k]] = j + 1
                target[j] = first + post
                if known.size:
                    code[j] = number_in(known, values[k], found)
                else:
                    weight[j] = values[k]
                k += 1
            here[post] = k


@kernel
def _first_unknown(values, known, start):
    """Index >= start of the first value that is not in the ascending ``known``, or the number of values."""
    found = np.zeros(FOUND, np.uint8)
    for i in range(start, values.size):
        j = number_in(known, values[i], found)
        if j == known.size or known[j] != values[i]:
            return i
    return values.size
