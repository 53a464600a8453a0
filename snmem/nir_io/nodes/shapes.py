"""Shapes of the nodes of a NIR graph: from their own parameters, or from what feeds them."""

from __future__ import annotations

from collections import deque
from math import prod

import numpy as np

from ..graph import DEFAULTS, ELEMENTWISE, Graph, Node

#: Values of all nodes together, for each neuron that a file may have: a neuron stands behind a few linear nodes.
_NODES_PER_NEURON = 4


def window(node: Node, space: tuple[int, ...]) -> tuple[list[int], list[tuple[int, int, int, int, int]]]:
    """Output size and (size, kernel, stride, dilation, left padding) of a convolution or pool, per spatial axis."""
    n = len(space)
    if node.type.startswith("Conv"):
        kernel = node.declared_shape("weight")[2:]
        dilation, padding = node.whole("dilation", 1, n), node.text("padding")
    else:
        kernel, dilation, padding = node.whole("kernel_size", 1, n), (1,) * n, None
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


def _own_shape(node: Node) -> tuple[tuple[int, ...] | None, bool]:
    """The input shape that a node declares itself, and whether it is certain (not open to broadcasting)."""
    kind = node.type
    if kind in ("Input", "Output") or (kind == "Identity" and "shape" in node.members):
        return node.shape("shape"), True
    if kind in ("Linear", "Affine"):
        shape = node.declared_shape("weight")
        if len(shape) < 2:
            raise node.error(f"must have at least 2 dimensions (out, in), got shape {shape}", "weight")
        return (*shape[:-2], shape[-1]), True
    if kind == "SparseLinear":
        return (node.whole("shape", 1, 2)[1],), True
    if kind in ELEMENTWISE:
        shapes = [node.declared_shape(k) for k in ELEMENTWISE[kind] if k in node.members or k not in DEFAULTS]
        try:
            shape = np.broadcast_shapes(*shapes)
        except ValueError:
            raise node.error(f"parameters have shapes {shapes}, which do not fit together") from None
        return shape or (1,), all(n > 1 for n in shape) and shape != ()
    if kind in ("Conv1d", "Conv2d") and "input_shape" in node.members:
        rank = int(kind[4])
        return (_channels(node)[0], *node.whole("input_shape", 1, rank)), True
    if kind == "Flatten" and "input_type" in node.members:
        return node.shape("input_type"), True
    return None, False


def _channels(node: Node) -> tuple[int, int, int]:
    """(input channels, output channels, groups) of a convolution."""
    shape, (groups,) = node.declared_shape("weight"), node.whole("groups", 1, 1)
    if len(shape) != 2 + int(node.type[4]):
        raise node.error(f"must have {2 + int(node.type[4])} dimensions (out, in, kernel), got shape {shape}", "weight")
    if 0 in shape or shape[0] % groups:
        raise node.error(f"weight of shape {shape} does not split into {groups} groups", "groups")
    return shape[1] * groups, shape[0], groups


def _output_shape(node: Node, shape: tuple[int, ...]) -> tuple[int, ...]:
    kind = node.type
    if kind in ("Linear", "Affine"):
        weight = node.declared_shape("weight")
        return (*weight[:-2], weight[-2])
    if kind == "SparseLinear":
        return (node.whole("shape", 1, 2)[0],)
    if kind in ("Conv1d", "Conv2d"):
        channels, out, _ = _channels(node)
        if len(shape) != 1 + int(kind[4]) or shape[0] != channels:
            raise node.error(f"takes {channels} channels of {kind[4]} dimensions, got shape {shape}")
        return (out, *window(node, shape[1:])[0])
    if kind in ("SumPool2d", "AvgPool2d"):
        if len(shape) != 3:
            raise node.error(f"takes shape (channels, height, width), got {shape}")
        return (shape[0], *window(node, shape[1:])[0])
    if kind == "Flatten":
        return _flattened(node, shape)
    return shape


def _flattened(node: Node, shape: tuple[int, ...]) -> tuple[int, ...]:
    ends = []
    for key, default in (("start_dim", 1), ("end_dim", -1)):
        value = node.whole(key, -len(shape), 1)[0] if key in node.members else default
        if not -len(shape) <= value < len(shape):
            raise node.error(f"must be a dimension of shape {shape}, got {value}", key)
        ends.append(value % len(shape))
    start, end = ends
    if start > end:
        raise node.error(f"start_dim {start} lies behind end_dim {end}")
    return (*shape[:start], int(np.prod(shape[start : end + 1])), *shape[end + 1 :])


def _limited(node: Node, shape: tuple[int, ...]) -> tuple[int, ...]:
    limit = node.store.limits.neurons
    if 0 in shape:
        raise node.error(f"shape {shape} holds no values; give every axis at least one")
    if prod(shape) > limit:
        raise node.error(
            f"shape {shape} means {prod(shape)} values, the limit is {limit}; raise the limit if this is meant"
        )
    return shape


def _broadcast(own: tuple[int, ...] | None, given: tuple[int, ...]) -> tuple[int, ...]:
    """The shape of a node with parameters of shape ``own`` (None: no parameters) when fed with shape ``given``."""
    if own is None:
        return given
    try:
        return given if np.broadcast_shapes(own, given) == given else own
    except ValueError:
        return own


def infer_shapes(graph: Graph) -> list[tuple[str, str]]:
    """Set ``shape_in`` and ``shape_out`` of every node; returns the edges along which values are reshaped.

    A node's shape comes from its own parameters, or where these leave it open (pools, scalars) from what feeds it.
    FileError where a shape cannot be known, is too large, or differs in size from what feeds it.
    """
    out_of = graph.out_of()
    total = 0
    open_shapes: dict[str, tuple[int, ...] | None] = {}
    settled: deque[Node] = deque()

    def settle(node: Node, shape: tuple[int, ...]) -> None:
        nonlocal total
        node.shape_in = _limited(node, shape)
        node.shape_out = _limited(node, _output_shape(node, shape))
        total += prod(node.shape_out)
        if total > _NODES_PER_NEURON * node.store.limits.neurons:
            raise node.error(f"brings the graph to {total} values; raise the limit of neurons if this is meant")
        open_shapes.pop(node.name, None)
        settled.append(node)

    for node in graph.nodes.values():
        shape, certain = _own_shape(node)
        if shape is not None and certain:
            settle(node, shape)
        else:
            open_shapes[node.name] = shape
    while settled or open_shapes:
        while settled:
            node = settled.popleft()
            for name in out_of[node.name]:
                if name in open_shapes:
                    settle(graph.nodes[name], _broadcast(open_shapes[name], node.shape_out))
        guess = next(((name, shape) for name, shape in open_shapes.items() if shape is not None), None)
        if guess:
            settle(graph.nodes[guess[0]], guess[1])
        elif open_shapes:
            lost = graph.nodes[next(iter(open_shapes))]
            feeders = graph.into()[lost.name]
            raise lost.error(
                f"its shape is unknown (fed by {feeders or 'nothing'}); start the graph with a shaped Input"
            )
    return _check_edges(graph)


def _check_edges(graph: Graph) -> list[tuple[str, str]]:
    reshaped = []
    for pre, post in graph.edges:
        given, taken = graph.nodes[pre].shape_out, graph.nodes[post].shape_in
        if prod(given) != prod(taken):
            raise graph.nodes[post].error(
                f"takes shape {taken} = {prod(taken)} values, but {pre!r} gives {given} = {prod(given)}; correct them"
            )
        if given != taken:
            reshaped.append((pre, post))
    return reshaped
