"""Projections that share weights, as arrays: each convolution by its kernel and by tables of its axes.

At index i of a spatial axis stand places k of the window with stride * m + dilation * k - before = i, for outputs m: as
m rises by dilation / gcd, k falls by stride / gcd. So the weights of a window are kept in descending order of k, those
of k modulo stride / gcd together; what a spike reaches is then one stretch of them along each axis.
"""

from __future__ import annotations

from dataclasses import replace
from math import gcd, prod
from typing import Any

import numpy as np

from ...._windows import Axis
from ....convolution import Convolution
from ....network import Network
from ..arrays import Shared, copied
from ..columns import SHARED_SIZE
from ..tuning import SHARED_FROM, SHARED_ROW


def small_written_out(network: Network) -> Network:
    """The network with those convolutions as matrices that are faster so, and small."""

    def small(q: Any) -> bool:
        return is_shared(q) and (q.synapses <= SHARED_FROM or q.synapses <= SHARED_ROW * q.weights.shape[1])

    if not any(map(small, network.projections)):
        return network
    projections = (replace(q, weights=q.weights.tocsr()) if small(q) else q for q in network.projections)
    return replace(network, projections=tuple(projections))


def is_shared(q: Any) -> bool:
    """Whether the synapses of a projection share their weights."""
    return isinstance(q.weights, Convolution)


def shared_of(network: Network, values: list[Any]) -> Shared:
    """Return ``Net.shared``; ``values``: of each projection, what a spike adds, as ``Convolution.values`` has it."""
    row, sizes = np.full(len(network.projections), -1, np.int64), []
    axes, weights, taps = [np.zeros((0, 3), np.int32)], [np.zeros(0)], [np.zeros(0, np.uint8)]
    at = place = 0
    for i, (q, value) in enumerate(zip(network.projections, values, strict=True)):
        if not is_shared(q):
            continue
        c: Convolution = q.weights
        both = (Axis(1, 1, 1, 1, 0, 0), *c.axes)[-2:]  # one axis is two, of which the first has one place
        tables, orders = zip(*map(_axis, both), strict=True)
        kernel = np.zeros(c.kernel.shape)
        kernel[c.used] = value
        weight, tap = (_in_order(c, x, orders) for x in (kernel, c.used.astype(np.uint8)))
        steps = [axis.dilation // gcd(axis.stride, axis.dilation) for axis in both]
        inner, outputs, area = c.kernel.shape[1], c.kernel.shape[0] // c.groups, prod(a.outputs for a in both)
        row[i] = len(sizes)
        sizes.append(
            (
                inner, outputs, both[0].kernel, both[1].kernel, prod(a.size for a in both), both[1].size,
                both[1].outputs, area, steps[0] * both[1].outputs, steps[1], at, place, place + both[0].size,
            )
        )  # fmt: skip
        axes += tables
        weights.append(weight)
        taps.append(tap)
        at, place = at + weight.size, place + sum(a.size for a in both)
    number = np.array(sizes, np.int64).reshape(-1, SHARED_SIZE)
    return Shared(row, number, *(copied(np.concatenate(parts)) for parts in (axes, weights, taps)))


def _axis(axis: Axis) -> tuple[Any, Any]:
    """Of each index of the input: first output, place of the weight for it, and how many; and the order of weights."""
    step = axis.stride // gcd(axis.stride, axis.dilation)
    k = np.arange(axis.kernel)[::-1]
    order = k[np.argsort(-(k % step), kind="stable")]
    place = np.empty(axis.kernel, np.int64)
    place[order] = np.arange(axis.kernel)
    table = np.zeros((axis.size, 3), np.int32)
    for low in range(0, axis.size, part := max(1, (1 << 20) // axis.kernel)):
        index, valid = axis.joined(np.arange(low, min(low + part, axis.size)), True)
        first, here = valid.argmax(axis=1), slice(low, low + part)
        table[here, 2] = valid.sum(axis=1)
        table[here, 0] = np.where(table[here, 2] > 0, index[np.arange(len(index)), first], 0)
        table[here, 1] = place[k[first]]
    return table, order


def _in_order(c: Convolution, kernel: Any, orders: Any) -> Any:
    """An array of the kernel's shape by input channel, output of its group, and place of the weight."""
    square = kernel.reshape(c.groups, -1, kernel.shape[1], *(1, *kernel.shape[2:])[-2:])
    return square.swapaxes(1, 2)[..., orders[0], :][..., orders[1]].reshape(-1)
