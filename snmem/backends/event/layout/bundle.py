"""Projections whose synapses have delays of their own, all in one: a row of each presynaptic neuron, divided by delay.

A spike reaches few neurons of each population after each delay, so that looking for these synapses takes longer than
adding their weights. Where all weights are whole numbers of one unit, and their sums exact in any order, the synapses
of all such projections stand together: those of a neuron by delay, then by share of the target's population (so that
threads find theirs), then by target. A synapse is one word of 32 bits: the place of its target, and above it its weight
in units.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ...._jit import kernel
from ....network import Network, Population, Projection
from ..arrays import BLOCK, Bundle, zeros
from ..tuning import BUNDLE_BYTES
from . import bitplanes

#: Parts of every population that threads may divide among themselves.
SHARES = 4
#: Synapses of presynaptic neurons that are placed at a time, so that their places stay in cache.
_AT_ONCE = 1 << 18


def members_of(
    network: Network, known: Sequence[Any], graded: frozenset[str], places: int
) -> tuple[frozenset[int], float]:
    """Numbers of the projections that go into the bundle, and the unit of their weights.

    Of synapses with delays of their own, from neurons, that do not learn, those into receptors whose sums are exact
    whatever their order, with weights that fit beside the place of the target.

    Parameters
    ----------
    network : Network
        The description.
    known : sequence
        Of each projection the different weights, or None.
    graded : set of str
        Inputs whose spikes carry values.
    places : int
        Places of neurons.
    """
    queue, sums = network.projections, dict[Any, bitplanes.Grid | None]()
    for q, d in zip(queue, known, strict=True):
        to, most = (q.post, network.receptor_of(q)), bitplanes.largest_value(network, q.pre, graded)
        if d is None or most is None or q.signal == "v" or sums.get(to, bitplanes.EMPTY) is None:
            sums[to] = None
        else:
            row = int(np.diff(q.weights.indptr).max(initial=0)) if len(q.delays) > 1 else q.weights.shape[1]
            sums[to] = (sums.get(to) or bitplanes.EMPTY).join(bitplanes.grid_of(d, row * most))
    chosen = []
    for i, q in enumerate(queue):
        grid, sender = sums[q.post, network.receptor_of(q)], network[q.pre]
        if grid is not None and grid.exact and _may_join(network, q) and isinstance(sender, Population):
            chosen.append(i)
    if not chosen:
        return frozenset(), 1.0
    values = np.unique(np.concatenate([known[i] for i in chosen]))
    unit = 2.0 ** max(bitplanes.grid_of(values, 1).low, -1000) if values.any() else 1.0
    rows = sum(network[name].size for name in {queue[i].pre for i in chosen})
    table = 4 * rows * SHARES * len({d for i in chosen for d in queue[i].delays})
    fits = np.abs(values).max() / unit < 1 << (31 - _bits(places))
    small = table <= BUNDLE_BYTES * sum(queue[i].synapses for i in chosen)
    return (frozenset(chosen), unit) if fits and small else (frozenset(), 1.0)


def _may_join(network: Network, q: Projection) -> bool:
    return network.arithmetic == "float" and len(q.delays) > 1 and q.delays[0] > 0 and q.plasticity is None


def _bits(places: int) -> int:
    return max(1, (places - 1).bit_length())


def bundle_of(
    network: Network,
    members: frozenset[int],
    unit: float,
    values: Sequence[Any],
    index: dict[str, int],
    first: Any,
    shares: Any,
    aside: Sequence[int],
    places: int,
) -> Bundle:
    """Return ``Net.bundle``.

    Parameters
    ----------
    network : Network
        The description.
    members, unit
        Of :func:`members_of`.
    values : sequence of array
        Of each projection, what a spike adds, in the order of its weights.
    index, first
        Number of each population, and ``Neurons.first``.
    shares : array
        (pops, SHARES + 1) blocks at which populations are divided.
    aside : sequence of int
        Of each projection, blocks from those of the target neurons to those of the receptor that it reaches.
    places : int
        Places of neurons.
    """
    queue = [network.projections[i] for i in sorted(members)]
    row, rows = np.full(len(index), -1, np.int64), 0
    for name in sorted({q.pre for q in queue}, key=lambda name: index[name]):
        row[index[name]], rows = rows, rows + network[name].size
    used = np.array(sorted({d for q in queue for d in q.delays}), np.int64)
    targets = sorted({(index[q.post], aside[i]) for q, i in zip(queue, sorted(members), strict=True)})
    begin, base = zeros(rows, len(used) * SHARES + 1, dtype=np.uint32), np.zeros(rows + 1, np.int64)
    rank = np.zeros(int(used[-1]) + 1 if used.size else 0, np.int64)
    rank[used] = np.arange(len(used))
    bits = _bits(places)
    synapses = zeros(sum(q.synapses for q in queue), dtype=np.int32)
    jobs = []
    for q, i in zip(queue, sorted(members), strict=True):
        post = index[q.post]
        share = np.repeat(np.arange(SHARES), np.diff(shares[post]) * BLOCK)[: network[q.post].size]
        jobs.append((q, values[i], row[index[q.pre]], share, int(first[post]) + aside[i] * BLOCK))
    for q, _, at, share, _ in jobs:
        _count(q.weights.indptr, q.weights.indices, q.delay, rank, share, at, begin)
    _add_up(begin, base)
    for q, w, at, share, place in jobs:
        _place(
            q.weights.indptr, q.weights.indices, q.delay, w, rank, share, at, begin, base, place, unit, bits, synapses,
            max(1, _AT_ONCE * len(base) // max(q.synapses, 1)),
        )  # fmt: skip
    _move_back(begin)
    return Bundle(row, np.array(targets, np.int64).reshape(-1, 2), used, begin, base, synapses, unit, bits)


@kernel
def _count(indptr, indices, delay, rank, share, at, out):
    """Count the synapses of each presynaptic neuron (row ``at`` + number), delay and share, one column further on."""
    for post in range(indptr.size - 1):
        for k in range(indptr[post], indptr[post + 1]):
            out[at + indices[k], rank[delay[k]] * SHARES + share[post] + 1] += 1


@kernel
def _add_up(begin, base):
    """Counts become places from the neuron's first synapse on, and ``base`` the first synapse of each neuron."""
    for i in range(begin.shape[0]):
        for k in range(1, begin.shape[1]):
            begin[i, k] += begin[i, k - 1]
        base[i + 1] = base[i] + begin[i, -1]


@kernel
def _place(indptr, indices, delay, values, rank, share, at, begin, base, place, unit, bits, out, some):
    """Write synapses to their places, those of ``some`` presynaptic neurons at a time; ``begin`` moves to the ends."""
    here, last = indptr[:-1].copy(), -1
    for k in range(indices.size):
        last = max(last, indices[k])
    for low in range(0, last + 1, some):
        for post in range(here.size):
            k, end = here[post], indptr[post + 1]
            while k < end and indices[k] < low + some:
                i, group = at + indices[k], rank[delay[k]] * SHARES + share[post]
                out[base[i] + begin[i, group]] = (np.int64(values[k] / unit) << bits) | (place + post)
                begin[i, group] += 1
                k += 1
            here[post] = k


@kernel
def _move_back(begin):
    """Ends of groups become beginnings: each group begins where the one before it ends, the first at 0."""
    for i in range(begin.shape[0]):
        for k in range(begin.shape[1] - 1, 0, -1):
            begin[i, k] = begin[i, k - 1]
        begin[i, 0] = 0
