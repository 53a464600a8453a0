"""Projections whose synapses have delays of their own: a row of a presynaptic neuron, divided by delay.

The synapses of a neuron stand by delay, then target. Those of one delay are a group; a table lists the groups that
there are, so that memory goes with synapses and not with neurons times delays.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

import numpy as np

from ...._jit import kernel
from ....network import Network, Projection
from ..arrays import Late, copied
from ..columns import CODED, FIRST_PTR
from .synapses import Records


def queue_of(
    network: Network, index: dict[str, int], order: Sequence[int], bundled: Collection[int]
) -> tuple[Any, Any]:
    """Return ``Synapses.queue`` and ``Synapses.turns``; what has delay 0 and longer ones stands in both parts.

    The first of the projections in the bundle delivers for all of them.
    """
    pairs = [(i, q) for i, q in enumerate(network.projections) if i not in bundled or i == min(bundled)]
    parts = [[i for i, q in pairs if q.delays[0] == 0 and index[q.post] == p] for p in order]
    parts.append([i for i, q in pairs if q.delays[-1] > 0])
    return np.array([i for part in parts for i in part], np.int64), np.cumsum([0, *map(len, parts)])


def late_of(network: Network, records: Records, bundled: Collection[int]) -> Late:
    """Sort the synapses of such projections, but for those in the bundle, by delay, in place; returns the groups."""
    pairs = [(i, q) for i, q in enumerate(network.projections) if len(q.delays) > 1 and i not in bundled]
    base, first_row = np.zeros(len(network.projections), np.int64), np.zeros(len(network.projections), np.int64)
    used_first, used = np.zeros(len(network.projections) + 1, np.int64), [np.zeros(0, np.int64)]
    rows, steps, begins = [np.zeros(0, np.int64)], [], []
    row = group = 0
    for i, q in pairs:
        pointers, step, begin = _groups(q, i, records)
        base[i], first_row[i], used_first[i + 1] = pointers[0], row, len(q.delays)
        used.append(np.array(q.delays, np.int64))
        starts = np.searchsorted(begin, pointers - pointers[0])  # groups are not empty, rows may be
        rows.append(group + starts)
        steps.append(step)
        begins.append(begin)
        row, group = row + len(starts), group + len(step)
    small = np.result_type(np.uint16, *steps)
    wide = np.result_type(np.uint32, *(np.min_scalar_type(int(b[-1])) for b in begins))
    return Late(
        base,
        first_row,
        np.cumsum(used_first),
        np.concatenate(used),
        np.concatenate(rows),
        _joined(steps, small),
        _joined(begins, wide),
    )


def _joined(parts: list[Any], kind: Any) -> Any:
    out = np.zeros(sum(map(len, parts)), kind)
    at = 0
    for k, part in enumerate(parts):
        out[at : at + len(part)], parts[k] = part, None  # one after the other, so that no second copy is held
        at += len(part)
    return copied(out)


def _groups(q: Projection, i: int, records: Records) -> tuple[Any, Any, Any]:
    """Where the rows of a projection begin, and of its groups the delay and the first synapse, with one more behind."""
    first = int(records.links[i, FIRST_PTR])
    pointers = records.ptr[first : first + q.weights.shape[1] + 1]
    low, high, shift = int(pointers[0]), int(pointers[-1]), int(records.shift[i])
    values = records.code if records.links[i, CODED] else records.weight
    values = values[low + shift : high + shift]
    offsets, steps = pointers - low, np.zeros(high - low, q.delay.dtype)
    _by_pre(q.weights.indptr, q.weights.indices, q.delay, offsets[:-1].copy(), steps)
    count = _sort_rows(offsets, steps, records.target[low:high], values)
    step, begin = np.zeros(count + 1, q.delay.dtype), np.zeros(count + 1, np.int64)
    _list_groups(offsets, steps, step, begin)
    return pointers, step, begin


@kernel
def _by_pre(indptr, indices, steps, at, out):
    """The delays of fan-in rows in presynaptic order; ``at``: the next place of each presynaptic neuron."""
    for post in range(indptr.size - 1):
        for k in range(indptr[post], indptr[post + 1]):
            out[at[indices[k]]] = steps[k]
            at[indices[k]] += 1


@kernel
def _sort_rows(offsets, steps, target, values):
    """Sort each row by delay, equal ones in their order; returns the number of groups."""
    count = 0
    for row in range(offsets.size - 1):
        low, high = offsets[row], offsets[row + 1]
        order = np.argsort(steps[low:high], kind="mergesort")
        steps[low:high] = steps[low:high][order]
        target[low:high] = target[low:high][order]
        values[low:high] = values[low:high][order]
        for k in range(low, high):
            count += k == low or steps[k] != steps[k - 1]
    return count


@kernel
def _list_groups(offsets, steps, step, begin):
    n = 0
    for row in range(offsets.size - 1):
        for k in range(offsets[row], offsets[row + 1]):
            if k == offsets[row] or steps[k] != steps[k - 1]:
                step[n], begin[n] = steps[k], k
                n += 1
    begin[n] = steps.size
