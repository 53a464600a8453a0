"""Shapes of the nodes of a NIR graph: from their own parameters, or from what feeds them."""

from __future__ import annotations

from collections import deque
from math import prod

import numpy as np

from .graph import Graph, Node

#: Values of all nodes together, for each neuron that a file may have: a neuron stands behind a few linear nodes.
_NODES_PER_NEURON = 4


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
        node.shape_out = _limited(node, node.kind.output_shape(node, shape))
        total += prod(node.shape_out)
        if total > _NODES_PER_NEURON * node.store.limits.neurons:
            raise node.error(f"brings the graph to {total} values; raise the limit of neurons if this is meant")
        open_shapes.pop(node.name, None)
        settled.append(node)

    for node in graph.nodes.values():
        shape, certain = node.kind.own_shape(node)
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
