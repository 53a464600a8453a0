"""Convolutions one after the other, and factors before and after them, as one convolution where that is possible."""

from __future__ import annotations

from itertools import product
from math import prod
from typing import Any

import numpy as np
import scipy.sparse as sp

from ..._windows import Axis
from ...convolution import Convolution
from ...description import row_numbers

#: Numbers that the kernel of a product may hold, and cases that are looked at to see whether there is one.
_MOST, _CASES = 2**25, 2**24


def joined(second: Any, first: Any) -> Convolution | None:
    """The product ``second`` @ ``first`` as a convolution; None where it is none, or none that is known here.

    One of both is a diagonal matrix with a factor for each channel, or a convolution of each channel by itself, such as
    a pool. Terms are added as those of the product of the matrices are: in ascending order of what lies between.
    """
    one, other = isinstance(first, Convolution), isinstance(second, Convolution)
    if one and other:
        return _product(second, first)
    if one:
        factors = channel_factors(diagonal_of(second), first.output_shape)
        return None if factors is None else _scaled(first, factors.reshape(-1, 1, *[1] * len(first.axes)))
    if not other:
        return None
    factors = channel_factors(diagonal_of(first), second.input_shape)
    if factors is None:
        return None
    each = np.repeat(factors.reshape(second.groups, -1), second.kernel.shape[0] // second.groups, axis=0)
    return _scaled(second, each.reshape(*second.kernel.shape[:2], *[1] * len(second.axes)))


def diagonal_of(matrix: Any) -> Any:
    """The diagonal of a CSR matrix that has no other entries, else None."""
    if not isinstance(matrix, sp.csr_array) or matrix.shape[0] != matrix.shape[1] or matrix.nnz > matrix.shape[0]:
        return None
    return matrix.diagonal() if np.array_equal(matrix.indices, row_numbers(matrix)) else None


def channel_factors(values: Any, shape: tuple[int, ...]) -> Any:
    """The factor of each channel, where all values of a channel are the same; else None."""
    if values is None or values.size != prod(shape):
        return None
    by_channel = values.reshape(shape[0], -1)
    return by_channel[:, 0] if (by_channel == by_channel[:, :1]).all() else None


def _scaled(weights: Convolution, factors: Any) -> Convolution:
    kernel = weights.kernel.astype(np.float64) * factors
    return weights.with_kernel(kernel, kernel != 0)


def _product(second: Convolution, first: Convolution) -> Convolution | None:
    apart = [c.groups == c.input_shape[0] == c.kernel.shape[0] for c in (second, first)]
    if first.output_shape != second.input_shape or not any(apart):
        return None
    pairs = list(zip(second.axes, first.axes, strict=True))
    size = [(b.kernel - 1) * b.dilation * a.stride + (a.kernel - 1) * a.dilation + 1 for b, a in pairs]
    inner = second.kernel.shape[1] if apart[1] else first.kernel.shape[1]
    if second.kernel.shape[0] * inner * prod(size) > _MOST or not all(_complete(b, a) for b, a in pairs):
        return None
    after, before = (c.kernel.astype(np.float64) for c in (second, first))
    if apart[1]:  # (outputs, inputs of the group): of each pair of channels, the window of its input
        windows = before.reshape(second.groups, 1, -1, *before.shape[2:])
        windows = np.broadcast_to(windows, (second.groups, len(after) // second.groups, *windows.shape[2:]))
        before = windows.reshape(*after.shape[:2], *before.shape[2:])
    kernel = np.zeros((len(after), inner, *size))
    for late in product(*(range(b.kernel) for b, _ in pairs)):
        for early in product(*(range(a.kernel) for _, a in pairs)):
            steps = zip(pairs, late, early, strict=True)
            place = [k * b.dilation * a.stride + j * a.dilation for (b, a), k, j in steps]
            kernel[(..., *place)] += after[(..., *late)] * before[(..., *early)]
    padding, stride = [], [b.stride * a.stride for b, a in pairs]
    for (b, a), step, n in zip(pairs, stride, size, strict=True):
        low = b.before * a.stride + a.before
        padding.append((low, (b.outputs - 1) * step + n - a.size - low))
    return Convolution(kernel, first.input_shape, stride, padding, groups=second.groups if apart[1] else first.groups)


def _complete(second: Axis, first: Axis) -> bool:
    """Whether what the second window takes from beyond the outputs of the first is 0 there too, were they computed."""
    if second.outputs * second.kernel * first.kernel > _CASES:
        return False
    between = np.arange(second.outputs)[:, None] * second.stride + np.arange(second.kernel) * second.dilation
    between = np.unique(between - second.before)
    beyond = between[(between < 0) | (between >= first.outputs)]
    index = beyond[:, None] * first.stride + np.arange(first.kernel) * first.dilation - first.before
    return not ((index >= 0) & (index < first.size)).any()
