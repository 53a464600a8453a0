"""Chains of linear nodes between neurons, multiplied into one sparse matrix, or kernel, per (source, delay)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from graphlib import CycleError, TopologicalSorter
from math import prod

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from ..convolution import Convolution
from .graph import Graph, Node
from .nodes.base import SYNAPSE, LinearNode, as_matrix, check_synapses, is_linear
from .nodes.chains import joined

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Path:
    """What reaches a place from one source after ``delay`` steps: ``matrix`` @ spikes (None: the identity).

    label : the one node that holds the weights, if there is just one.    order : position of the edge it came by.
    """

    source: str
    delay: int
    matrix: sp.csr_array | Convolution | None = None
    label: str = ""
    order: int = 0


@dataclass(frozen=True)
class Signal:
    """Everything that reaches a place: paths from inputs and neurons, and a constant."""

    paths: tuple[Path, ...]
    constant: Array | None = None


def incoming(graph: Graph, delay_steps: Callable[[Node], NDArray[np.int64] | None]) -> dict[str, Signal]:
    """The Signal into every node that is not linear. ``delay_steps`` gives the steps of the elements of a node
    that delays.

    FileError for a cycle of linear nodes and for products with too many synapses.
    """
    into = graph.into()
    edge_order = {edge: i for i, edge in enumerate(graph.edges)}
    linear = {name: [p for p in into[name] if is_linear(graph.nodes[p])] for name in graph.nodes}
    sorter = TopologicalSorter({n: before for n, before in linear.items() if is_linear(graph.nodes[n])})
    try:
        order = list(sorter.static_order())
    except CycleError as error:
        names = error.args[1]
        raise graph.nodes[names[0]].error(
            f"cycle without a neuron: {' -> '.join(names)}; put a neuron into it"
        ) from None
    waiting = {name: len(posts) for name, posts in graph.out_of().items()}
    after: dict[str, Signal] = {}

    def gather(name: str) -> Signal:
        signals = []
        for pre in into[name]:
            signal = after.get(pre) if is_linear(graph.nodes[pre]) else Signal((Path(pre, 0),))
            assert signal is not None
            at = edge_order[pre, name]
            signals.append(replace(signal, paths=tuple(replace(p, order=at) for p in signal.paths)))
            waiting[pre] -= 1
            if not waiting[pre]:
                after.pop(pre, None)
        return _sum(graph.nodes[name], signals)

    for name in order:
        after[name] = _apply(graph.nodes[name], gather(name), delay_steps)
    return {name: gather(name) for name, node in graph.nodes.items() if not is_linear(node)}


def _sum(node: Node, signals: list[Signal]) -> Signal:
    merged: dict[tuple[str, int], Path] = {}
    for path in (p for s in signals for p in s.paths):
        key = path.source, path.delay
        if key in merged:
            size = prod(node.shape_in)
            both = [_eye(size) if p.matrix is None else as_matrix(node, p.matrix) for p in (merged[key], path)]
            path = replace(merged[key], matrix=sp.csr_array(both[0] + both[1]), label="")
        merged[key] = path
    constants = [s.constant for s in signals if s.constant is not None]
    return Signal(tuple(merged.values()), np.sum(constants, axis=0) if constants else None)


def _eye(n: int) -> sp.csr_array:
    return sp.csr_array(sp.eye_array(n, format="csr"))


def _apply(node: Node, signal: Signal, delay_steps: Callable[[Node], NDArray[np.int64] | None]) -> Signal:
    kind, steps = node.kind, delay_steps(node)
    assert isinstance(kind, LinearNode)
    if steps is not None:
        signal = _delayed(node, signal, steps)
    matrix, bias, constant = kind.matrix(node), kind.bias(node), signal.constant
    if constant is not None and matrix is not None:
        constant = matrix @ constant
    if bias is not None:
        constant = bias if constant is None else constant + bias
    if matrix is None:
        return Signal(signal.paths, constant)
    return Signal(tuple(_multiplied(node, matrix, path) for path in signal.paths), constant)


def _multiplied(node: Node, matrix: sp.csr_array | Convolution, path: Path) -> Path:
    if path.matrix is None:
        return replace(path, matrix=matrix, label=node.name)
    kernel = joined(matrix, path.matrix)
    if kernel is not None:
        node.store.hold(9 * kernel.kernel.size, node.owner())
        return replace(path, matrix=kernel, label="")
    matrix, first = as_matrix(node, matrix), as_matrix(node, path.matrix)
    # terms of the product: synapses into each inner element times synapses out of it
    terms = np.bincount(matrix.indices, minlength=prod(node.shape_in)) @ np.diff(first.indptr).astype(float)
    filled = np.count_nonzero(np.diff(matrix.indptr)) * np.count_nonzero(np.bincount(first.indices))
    most = min(float(terms), float(filled))
    check_synapses(node, most)
    node.store.hold(SYNAPSE * int(most), node.owner(), for_now=True)
    product = sp.csr_array(matrix.astype(np.float64) @ first.astype(np.float64))
    product.eliminate_zeros()
    product.sort_indices()
    return replace(path, matrix=product, label="")


def _delayed(node: Node, signal: Signal, steps: NDArray[np.int64]) -> Signal:
    """Each path split into one for every delay that occurs."""
    values = np.unique(steps)
    check_synapses(node, float(len(values)) * len(steps) * len(signal.paths), "row pointers")
    if len(values) == 1:
        paths = tuple(replace(p, delay=p.delay + int(values[0])) for p in signal.paths)
        return _sum(node, [Signal(paths, signal.constant)])
    paths = []
    for path in signal.paths:
        whole = _eye(len(steps)) if path.matrix is None else as_matrix(node, path.matrix)
        rows = np.repeat(steps, np.diff(whole.indptr))
        for value in values:
            kept = rows == value
            indptr = np.concatenate([[0], np.cumsum(kept)])[whole.indptr]
            part = sp.csr_array((whole.data[kept], whole.indices[kept], indptr), shape=whole.shape)
            if part.nnz:
                paths.append(replace(path, delay=path.delay + int(value), matrix=part))
    return _sum(node, [Signal(tuple(paths), signal.constant)])
