"""Convolutions and pools as sparse matrices.

======================  ==============================================================================
Conv1d, Conv2d          correlation, as in PyTorch: y[o, i] = b[o] + sum_ck W[o, c, k] x[c, stride i + dilation k - pad]
SumPool2d, AvgPool2d    a convolution of each channel with 1, or 1 / (kernel height * width); padding counts as zeros
======================  ==============================================================================
"""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from .base import NODES, SYNAPSE, LinearNode, Shape, check_synapses, per_output

if TYPE_CHECKING:
    from ..graph import Node

#: Numbers that are unpacked at once, and values that one output may read.
_BLOCK, _TAPS = 2**22, 2**24
#: Numbers that the weight of a convolution may hold.
_WEIGHTS = 2**25
#: Size, kernel, stride, dilation and left padding of one spatial axis.
Axis = tuple[int, int, int, int, int]


class _Windows(LinearNode):
    """What slides a kernel over the last axes of (channels, *space)."""

    def kernel(self, node: Node, rank: int) -> tuple[Shape, Shape, str | None]:
        """Kernel size and dilation per axis, and padding if it is a word."""
        raise NotImplementedError

    def window(self, node: Node, space: Shape) -> tuple[list[int], list[Axis]]:
        """Output size and :data:`Axis` of each spatial axis."""
        n = len(space)
        kernel, dilation, padding = self.kernel(node, n)
        stride = node.whole("stride", 1, n)
        if padding not in (None, "same", "valid"):
            raise node.error(f"must be a number, 'same' or 'valid', got {padding!r}", "padding")
        if padding == "same" and max(stride) > 1:
            raise node.error(f"'same' needs stride 1, got {stride}", "padding")
        spans = [d * (k - 1) for d, k in zip(dilation, kernel, strict=True)]
        if padding == "same":
            left, both = tuple(s // 2 for s in spans), tuple(spans)
        else:
            left = (0,) * n if padding == "valid" else node.whole("padding", 0, n)
            both = tuple(2 * p for p in left)
        out = [(size + b - s - 1) // step + 1 for size, b, s, step in zip(space, both, spans, stride, strict=True)]
        if min(out) < 1:
            raise node.error(f"kernel {tuple(kernel)} does not fit into an input of shape {space}")
        return out, list(zip(space, map(int, kernel), stride, dilation, left, strict=True))


@dataclass(frozen=True)
class Convolution(_Windows):
    """``weight`` (out, in / groups, *kernel), ``bias`` (out,), ``stride``, ``padding``, ``dilation``, ``groups``."""

    rank: int

    declares = True

    def own_shape(self, node: Node) -> tuple[Shape | None, bool]:
        """Channels of the weight, and the space of ``input_shape`` if there is one."""
        if node.declaration("input_shape") is None:
            return None, False
        return (self._channels(node)[0], *node.whole("input_shape", 1, self.rank)), False

    def output_shape(self, node: Node, shape: Shape) -> Shape:
        """(output channels, *space)."""
        channels, out = self._channels(node)
        if len(shape) != 1 + self.rank or shape[0] != channels:
            raise node.error(f"takes {channels} channels of {self.rank} dimensions, got shape {shape}")
        return (out, *self.window(node, shape[1:])[0])

    def kernel(self, node: Node, rank: int) -> tuple[Shape, Shape, str | None]:
        """That of the weight."""
        return node.declared_shape("weight")[2:], node.whole("dilation", 1, rank), node.text("padding")

    def matrix(self, node: Node) -> sp.csr_array:
        """The correlation with the weight."""
        weight, (groups,) = node.numbers("weight", limit=_WEIGHTS), node.whole("groups", 1, 1)
        return _correlation(node, *self.window(node, node.shape_in[1:]), weight.shape[0], groups, weight)

    def bias(self, node: Node) -> NDArray[np.float64] | None:
        """One value per output channel."""
        return per_output(node, node.numbers("bias").reshape(-1, *(1,) * (len(node.shape_out) - 1)))

    def _channels(self, node: Node) -> tuple[int, int]:
        """Input and output channels."""
        shape, (groups,) = node.declared_shape("weight"), node.whole("groups", 1, 1)
        if len(shape) != 2 + self.rank:
            raise node.error(f"must have {2 + self.rank} dimensions (out, in, kernel), got shape {shape}", "weight")
        if 0 in shape or shape[0] % groups:
            raise node.error(f"weight of shape {shape} does not split into {groups} groups", "groups")
        return shape[1] * groups, shape[0]


@dataclass(frozen=True)
class Pool(_Windows):
    """Sum or mean over windows of ``kernel_size``, with ``stride`` and ``padding``."""

    mean: bool

    def output_shape(self, node: Node, shape: Shape) -> Shape:
        """(channels, height, width)."""
        if len(shape) != 3:
            raise node.error(f"takes shape (channels, height, width), got {shape}")
        return (shape[0], *self.window(node, shape[1:])[0])

    def kernel(self, node: Node, rank: int) -> tuple[Shape, Shape, str | None]:
        """That of ``kernel_size``."""
        return node.whole("kernel_size", 1, rank), (1,) * rank, None

    def matrix(self, node: Node) -> sp.csr_array:
        """A convolution of each channel by itself."""
        weight = np.array([1 / prod(node.whole("kernel_size", 1, 2)) if self.mean else 1.0])
        channels = node.shape_in[0]
        return _correlation(node, *self.window(node, node.shape_in[1:]), channels, channels, weight)


NODES.add("Conv1d", Convolution(1))
NODES.add("Conv2d", Convolution(2))
NODES.add("SumPool2d", Pool(mean=False))
NODES.add("AvgPool2d", Pool(mean=True))


def _correlation(
    node: Node, out_size: list[int], axes: list[Axis], outputs: int, groups: int, weight: NDArray[np.float64]
) -> sp.csr_array:
    """CSR matrix of a grouped convolution; weight has shape (outputs, in / groups, *kernel), or one value for all."""
    if len(axes) == 1:  # Conv1d as a Conv2d of height 1
        out_size, axes = [1, *out_size], [(1, 1, 1, 1, 0), *axes]
    inner = node.shape_in[0] // groups
    per_pixel = inner * axes[0][1] * axes[1][1]
    if per_pixel > _TAPS:
        raise node.error(f"reads {per_pixel} values for each output, the limit is {_TAPS}; use a smaller kernel")
    check_synapses(node, float(prod(out_size)) * per_pixel, "taps, padding included")
    (rows, hit_y), (columns, hit_x) = (_taps(n, *axis) for n, axis in zip(out_size, axes, strict=True))
    counts = inner * np.multiply.outer(hit_y.sum(1), hit_x.sum(1)).reshape(-1)  # taps of each output pixel
    total = int(counts.sum())
    check_synapses(node, float(outputs) * total)
    node.store.hold(SYNAPSE * outputs * total, node.owner())
    width, plane = axes[1][0], axes[0][0] * axes[1][0]
    # one output channel, ordered (y, x, channel, ky, kx): columns rise within each row
    column, tap = np.empty(total, np.int32), np.empty(total, np.int32)
    at, step = 0, max(1, _BLOCK // per_pixel)
    for start in range(0, prod(out_size), step):
        y, x = np.divmod(np.arange(start, min(start + step, prod(out_size))), out_size[1])
        hit = hit_y[y][:, None, :, None] & hit_x[x][:, None, None, :]
        hit = np.broadcast_to(hit, (len(y), inner, *hit.shape[2:]))
        place = rows[y][:, None, :, None] * width + columns[x][:, None, None, :]
        place = place + np.arange(inner)[:, None, None] * plane
        stop = at + int(counts[start : start + step].sum())
        column[at:stop] = place[hit]
        tap[at:stop] = np.flatnonzero(hit.reshape(len(y), -1)) % per_pixel
        at = stop
    first = np.arange(outputs) // (outputs // groups) * inner * plane  # first input element of each output's group
    indices = (column[None, :] + first.astype(np.int32)[:, None]).reshape(-1)
    values = np.broadcast_to(weight.reshape(len(weight), -1), (outputs, per_pixel))
    data = np.take(values, tap, axis=1).reshape(-1)
    indptr = np.concatenate([[0], np.cumsum(np.tile(counts, outputs))]).astype(np.int32)
    matrix = sp.csr_array((data, indices, indptr), shape=(prod(node.shape_out), prod(node.shape_in)))
    matrix.eliminate_zeros()
    return matrix


def _taps(
    outputs: int, size: int, kernel: int, stride: int, dilation: int, pad: int
) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Input position under each (output, kernel) pair, and whether it lies inside the input."""
    position = np.arange(outputs)[:, None] * stride + np.arange(kernel)[None, :] * dilation - pad
    return position, (position >= 0) & (position < size)
