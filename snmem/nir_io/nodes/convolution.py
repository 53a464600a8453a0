"""Convolutions and pools.

======================  ==============================================================================
Conv1d, Conv2d          correlation, as in PyTorch: y[o, i] = b[o] + sum_ck W[o, c, k] x[c, stride i + dilation k - pad]
SumPool2d, AvgPool2d    a convolution of each channel with 1, or 1 / (kernel height * width); padding counts as zeros
======================  ==============================================================================
"""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..._windows import Axis
from ...convolution import Convolution as Weights
from ...errors import NetworkError
from .base import NODES, LinearNode, Shape, check_synapses, per_output
from .writing import new_node

if TYPE_CHECKING:
    from ..graph import Node

#: Values that one output may read; numbers that the weight of a convolution may hold; places of a window.
_TAPS, _WEIGHTS, _PLACES = 2**24, 2**25, 2**14


class _Windows(LinearNode):
    """What slides a kernel over the last axes of (channels, *space)."""

    def kernel(self, node: Node, rank: int) -> tuple[Shape, Shape, str | None]:
        """Kernel size and dilation per axis, and padding if it is a word."""
        raise NotImplementedError

    def window(self, node: Node, space: Shape) -> list[Axis]:
        """The spatial axes."""
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
        axes = zip(space, map(int, kernel), stride, dilation, left, strict=True)
        sizes = zip(out, spans, axes, strict=True)
        return [Axis(*axis, (o - 1) * axis[2] + span + 1 - axis[0] - axis[4]) for o, span, axis in sizes]

    def weights(self, node: Node, kernel: NDArray[np.float64], groups: int) -> Weights:
        """The convolution with a kernel, within limits."""
        axes = self.window(node, node.shape_in[1:])
        per_output = prod(kernel.shape[1:])
        if per_output > _TAPS:
            raise node.error(f"reads {per_output} values for each output, the limit is {_TAPS}; use a smaller kernel")
        if prod(kernel.shape[2:]) > _PLACES:
            raise node.error(f"has a window of {kernel.shape[2:]}, the limit is {_PLACES} places; use a smaller kernel")
        node.store.hold(9 * kernel.size, node.owner())
        padding = [(axis.before, axis.after) for axis in axes]
        stride, dilation = [axis.stride for axis in axes], [axis.dilation for axis in axes]
        made = Weights(kernel, node.shape_in, stride, padding, dilation, groups)
        check_synapses(node, prod(node.shape_out) * per_output - 4.0 * made.nnz, "taps, padding included")
        return made


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
        return (out, *(axis.outputs for axis in self.window(node, shape[1:])))

    def kernel(self, node: Node, rank: int) -> tuple[Shape, Shape, str | None]:
        """That of the weight."""
        return node.declared_shape("weight")[2:], node.whole("dilation", 1, rank), node.text("padding")

    def matrix(self, node: Node) -> Weights:
        """The correlation with the weight."""
        return self.weights(node, node.numbers("weight", limit=_WEIGHTS), node.whole("groups", 1, 1)[0])

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
        return (shape[0], *(axis.outputs for axis in self.window(node, shape[1:])))

    def kernel(self, node: Node, rank: int) -> tuple[Shape, Shape, str | None]:
        """That of ``kernel_size``."""
        return node.whole("kernel_size", 1, rank), (1,) * rank, None

    def matrix(self, node: Node) -> Weights:
        """A convolution of each channel by itself."""
        size, channels = node.whole("kernel_size", 1, 2), node.shape_in[0]
        if channels * prod(size) > _WEIGHTS:
            raise node.error(f"has a window of {size} in {channels} channels, the limit is {_WEIGHTS} numbers")
        weight = np.full((channels, 1, *size), 1 / prod(size) if self.mean else 1.0)
        return self.weights(node, weight, channels)


NODES.add("Conv1d", Convolution(1))
NODES.add("Conv2d", Convolution(2))
NODES.add("SumPool2d", Pool(mean=False))
NODES.add("AvgPool2d", Pool(mean=True))


def read_kernel(node: Node) -> Weights:
    """The convolution of a node that :func:`write_kernel` wrote, in float64."""
    assert isinstance(node.kind, Convolution)
    made = node.kind.matrix(node)
    zeros = node.metadata.get("zero_taps")
    if zeros is None:
        return made
    zeros, taps = np.atleast_1d(zeros), made.taps.copy().reshape(-1)
    if zeros.dtype.kind not in "iu" or zeros.min() < 0 or zeros.max() >= taps.size:
        raise node.error(f"metadata 'zero_taps' must be positions in 0..{taps.size - 1}")
    taps[zeros] = True
    return made.with_kernel(made.kernel, taps.reshape(made.taps.shape))


def write_kernel(nodes: Any, name: str, projection: str, weights: Weights, scale: float | None) -> None:
    """Write a convolution, its weights times ``scale`` if there is one, as a Conv1d or Conv2d node.

    Raises
    ------
    NetworkError
        For padding that NIR has no words for.
    """
    axes, spatial = weights.axes, weights.input_shape[1:]
    spans = [axis.dilation * (axis.kernel - 1) + 1 for axis in axes]
    both = [axis._replace(after=axis.before).outputs == axis.outputs and axis.before >= 0 for axis in axes]
    same = [axis.outputs == axis.size and axis.before == (s - 1) // 2 for axis, s in zip(axes, spans, strict=True)]
    padding: Any = np.array([axis.before for axis in axes])
    if not all(both):
        if not all(same) or max(weights.stride) > 1:
            raise NetworkError(
                f"projection {projection!r}: a padding of {weights.padding} differs before and after, which NIR has no "
                "words for; give it weights.tocsr()"
            )
        padding = "same"
    zeros = np.flatnonzero(weights.taps & (weights.kernel == 0))
    kernel = weights.kernel if scale is None else weights.kernel * scale
    new_node(
        nodes, name, f"Conv{len(axes)}d", {"zero_taps": zeros} if len(zeros) else {},
        input_shape=np.array(spatial) if len(axes) > 1 else spatial[0], weight=kernel,
        stride=np.array(weights.stride), padding=padding, dilation=np.array(weights.dilation), groups=weights.groups,
        bias=np.zeros(len(kernel), np.float64 if scale else kernel.dtype),
    )  # fmt: skip
