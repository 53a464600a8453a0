"""The graph of a NIR file: nodes and edges, nested graphs opened up. No weights are loaded here."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from io import BytesIO
from math import prod
from typing import TYPE_CHECKING, Any

import h5py
import numpy as np
from numpy.typing import NDArray

from .._text import one_line
from ..errors import FileError, InputError
from ..io.hdf5 import Limits, Store, open_memory, open_store
from .nodes.base import NODES, NodeType

if TYPE_CHECKING:
    import nir

#: Characters of the name of a node, with those of the graphs around it.
_NAME = 1000


@dataclass(eq=False)
class Node:
    """One node of a NIR file: its type and its datasets, read on demand and checked."""

    store: Store
    name: str
    type: str
    members: dict[str, Any] = field(repr=False)
    shape_in: tuple[int, ...] = ()
    shape_out: tuple[int, ...] = ()

    @property
    def kind(self) -> NodeType:
        """How nodes of this type are read; the type is one that :func:`check_types` knows."""
        return NODES[self.type]

    def owner(self, key: str = "") -> str:
        """How errors call this node."""
        return f"node {self.name!r} ({self.type})" + (f": {key}" if key else "")

    def error(self, message: str, key: str = "") -> FileError:
        """A FileError that names file, node and parameter."""
        return self.store.error(self.owner(key), message)

    def member(self, key: str) -> Any:
        """The dataset called ``key``; FileError if there is none."""
        if key not in self.members:
            raise self.error(f"{key!r} is missing; NIR asks for it", "")
        return self.members[key]

    def declared_shape(self, key: str) -> tuple[int, ...]:
        """Shape of a dataset of numbers, without reading it."""
        return self.store.dataset(self.member(key), self.owner(key)).shape

    def declared_type(self, key: str) -> np.dtype[Any]:
        """Type of a dataset of numbers, without reading it."""
        return self.store.dataset(self.member(key), self.owner(key)).dtype

    def numbers(self, key: str, *, finite: bool = True, limit: int | None = None) -> NDArray[np.float64]:
        """A dataset as float64; FileError for NaN and, if ``finite``, infinity."""
        limit = self.store.limits.neurons if limit is None else limit
        array = self.store.numbers(self.member(key), self.owner(key), limit).astype(np.float64, copy=False)
        bad = ~np.isfinite(array) if finite else np.isnan(array)
        if bad.any():
            raise self.error(f"holds {array[bad].flat[0]}; give {'finite ' if finite else ''}numbers", key)
        return array

    def whole(self, key: str, low: int, count: int) -> tuple[int, ...]:
        """``count`` whole numbers >= ``low`` (one number stands for all); FileError otherwise."""
        array = self.numbers(key, limit=16).reshape(-1)
        if array.size not in (1, count):
            raise self.error(f"must be 1 or {count} numbers, got {array.size}", key)
        if (array != np.floor(array)).any() or (array < low).any() or (array > 2**31).any():
            raise self.error(f"must be whole numbers >= {low}, got {array.tolist()}", key)
        return tuple(int(x) for x in np.broadcast_to(array, count))

    def declaration(self, key: str, *, required: bool = False) -> tuple[int, ...] | None:
        """A dataset that declares a shape; None where it is absent or text, or an axis has length 0 (not known).

        FileError for anything else than whole numbers, too many values, and where it is ``required`` and not known.
        """
        if key not in self.members and not required:
            return None
        if self.text(key) is not None:
            return None
        array = self.numbers(key, limit=16).reshape(-1)
        if (array != np.floor(array)).any() or (array < required).any():
            raise self.error(f"must be a shape of positive whole numbers, got {array.tolist()}", key)
        if (array == 0).any():
            return None
        shape = tuple(int(x) for x in array) or (1,)
        self.limit(shape)
        return shape

    def limit(self, shape: tuple[int, ...]) -> None:
        """FileError if an array of this shape would hold nothing, or more values than there may be neurons."""
        limit = self.store.limits.neurons
        if 0 in shape:
            raise self.error(f"shape {shape} holds no values; give every axis at least one")
        if prod(shape) > limit:
            raise self.error(
                f"shape {shape} means {prod(shape)} values, the limit is {limit}; raise the limit if this is meant"
            )

    def text(self, key: str) -> str | None:
        """A text dataset, or None if it holds numbers."""
        item = self.member(key)
        with self.store.guard(self.owner(key)):
            if not isinstance(item, h5py.Dataset) or item.dtype.kind in "fiub":
                return None
        texts = self.store.texts(item, self.owner(key)).reshape(-1)
        if texts.size != 1:
            raise self.error(f"must be one text or numbers, got {texts.size} texts", key)
        return str(texts[0])

    @cached_property
    def metadata(self) -> dict[str, Any]:
        """The node's metadata; nested groups become nested dicts."""
        return read_metadata(self.store, self.members.get("metadata"), self.owner("metadata"))


@dataclass(eq=False)
class Graph:
    """All nodes by their (dotted) name, the edges in file order, and the metadata of the outermost graph."""

    store: Store
    nodes: dict[str, Node]
    edges: list[tuple[str, str]]
    metadata: dict[str, Any]
    version: str

    def into(self) -> dict[str, list[str]]:
        """node -> the nodes that feed it, in edge order."""
        out: dict[str, list[str]] = {name: [] for name in self.nodes}
        for pre, post in self.edges:
            out[post].append(pre)
        return out

    def out_of(self) -> dict[str, list[str]]:
        """node -> the nodes it feeds, in edge order."""
        out: dict[str, list[str]] = {name: [] for name in self.nodes}
        for pre, post in self.edges:
            out[pre].append(post)
        return out


def read_metadata(store: Store, group: Any, owner: str, depth: int = 8) -> dict[str, Any]:
    """A metadata group as a dict of numbers, texts, arrays and dicts."""
    if group is None or depth == 0:
        return {}
    if not isinstance(group, h5py.Group):
        raise store.error(owner, "is a dataset, expected a group")
    store.visit(group, owner)
    found: dict[str, Any] = {}
    for name, item in store.members(group, owner).items():
        if isinstance(item, h5py.Group):
            found[name] = read_metadata(store, item, f"{owner}: {name}", depth - 1)
            continue
        with store.guard(f"{owner}: {name}"):
            text = item.dtype.kind in "OS"
        value = (
            store.texts(item, f"{owner}: {name}")
            if text
            else store.numbers(item, f"{owner}: {name}", store.limits.neurons)
        )
        found[name] = value.reshape(-1)[0] if value.ndim == 0 else value
    return found


class _Collector:
    """Walks the groups of a file and opens nested graphs up into one flat graph."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.nodes: dict[str, Node] = {}
        self.edges: list[tuple[str, str]] = []
        self.groups = 0

    def members(self, group: Any, owner: str) -> dict[str, Any]:
        if not isinstance(group, h5py.Group):
            raise self.store.error(owner, "is not a group; a NIR node is a group with a 'type'")
        self.store.visit(group, owner)
        self.groups += 1
        if self.groups > 3 * self.store.limits.nodes:
            raise self.store.error(owner, f"the file holds more than {self.store.limits.nodes} nodes; raise the limit")
        return self.store.members(group, owner)

    def node(self, group: Any, name: str) -> Node:
        owner = f"node {name!r}" if name else "graph"
        if len(name) > _NAME:
            raise self.store.error(owner, f"has a name of {len(name)} characters, the limit is {_NAME}; shorten it")
        members = self.members(group, owner)
        if "type" not in members:
            raise self.store.error(owner, "has no 'type'; every NIR node names its type")
        kind = self.store.texts(members["type"], f"{owner}: type").reshape(-1)
        if kind.size != 1:
            raise self.store.error(owner, f"'type' must be one text, got {kind.size}")
        return Node(self.store, name, str(kind[0]), members)

    def add(self, node: Node) -> str:
        """Register a node under a name of its own; returns that name."""
        if len(self.nodes) >= self.store.limits.nodes:
            raise node.error(f"is one node too many, the limit is {self.store.limits.nodes}; raise the limit")
        name, i = node.name, 2
        while node.name in self.nodes:
            node.name, i = f"{name}_{i}", i + 1
        self.nodes[node.name] = node
        return node.name

    def graph(self, outer: Node, depth: int) -> tuple[list[str], list[str]]:
        """Collect a graph; returns the names of its Input and Output nodes."""
        prefix = f"{outer.name}." if outer.name else ""
        if depth > self.store.limits.depth:
            raise outer.error(
                f"is nested {depth} graphs deep, the limit is {self.store.limits.depth}; flatten the graph"
            )
        ends: dict[str, tuple[list[str], list[str]]] = {}
        inputs, outputs = [], []
        groups = outer.member("nodes")
        for key, group in self.members(groups, outer.owner("nodes")).items():
            node = self.node(group, prefix + key)
            if node.type == "NIRGraph":
                ends[key] = self.graph(node, depth + 1)
                continue
            (inputs if node.type == "Input" else outputs if node.type == "Output" else []).append(node.name)
            if prefix and node.type in ("Input", "Output"):
                node.type = "Identity"
            name = self.add(node)
            ends[key] = [name], [name]
        here = [(a, b) for a, b in self._edges(outer)]
        self._connect(outer, here, ends)
        fed = {b for _, b in here}
        feeding = {a for a, _ in here}
        roots = [n for key, (first, _) in ends.items() if key not in fed for n in first]
        leaves = [n for key, (_, last) in ends.items() if key not in feeding for n in last]
        return inputs or roots, outputs or leaves

    def _edges(self, outer: Node) -> list[tuple[str, str]]:
        pairs = self.store.texts(outer.member("edges"), outer.owner("edges"))
        if pairs.size and (pairs.ndim != 2 or pairs.shape[1] != 2):
            raise outer.error(f"must be pairs of node names, got shape {pairs.shape}", "edges")
        return [(str(a), str(b)) for a, b in pairs.reshape(-1, 2)]

    def _connect(self, outer: Node, edges: list[tuple[str, str]], ends: dict[str, tuple[list[str], list[str]]]) -> None:
        seen = set()
        for edge in edges:
            for key in edge:
                if key not in ends:
                    raise outer.error(f"edge {edge} names {key!r}, which is no node of the graph", "edges")
            if edge in seen:
                raise outer.error(f"edge {edge} is there twice; sum the two connections into one", "edges")
            seen.add(edge)
        into, out_of = ({key: [e for e in edges if e[end] == key] for key in ends} for end in (1, 0))
        for edge in edges:
            pre = self._port(outer, edge, edge[0], out_of[edge[0]], ends[edge[0]][1], "outputs")
            post = self._port(outer, edge, edge[1], into[edge[1]], ends[edge[1]][0], "inputs")
            self.edges.append((pre, post))

    def _port(
        self, outer: Node, edge: tuple[str, str], key: str, edges: list[tuple[str, str]], names: list[str], what: str
    ) -> str:
        """The input or output of a nested graph that an edge means.

        With as many edges as inputs or outputs, it does not matter which takes which where all lead to the same nodes,
        or come from them.
        """
        if len(names) == 1:
            return names[0]
        here, there = (1, 0) if what == "outputs" else (0, 1)
        beyond = {frozenset(e[there] for e in self.edges if e[here] == name) for name in names}
        if names and len(edges) == len(names) and len(beyond) == 1:
            return names[edges.index(edge)]
        raise outer.error(
            f"edge {edge}: nested graph {key!r} has {len(names)} {what}, and NIR cannot say which is "
            "meant; connect its inner nodes in one flat graph",
            "edges",
        )


def is_graph(value: object) -> bool:
    """Whether a value is a ``nir.NIRGraph``."""
    return type(value).__name__ == "NIRGraph" and hasattr(value, "nodes") and hasattr(value, "edges")


@contextmanager
def open_graph(source: str | os.PathLike[str] | nir.NIRGraph, limits: Limits | None) -> Iterator[Store]:
    """Open a NIR file, or a graph in memory as the file that ``nir.write`` makes of it.

    Raises
    ------
    FileError
        As :func:`snmem.io.hdf5.open_store`.
    InputError
        For a graph that nir cannot write.
    """
    if not is_graph(source):
        with open_store(source, limits or Limits()) as store:  # type: ignore[arg-type]
            yield store
        return
    import nir

    memory = BytesIO()
    try:
        nir.write(memory, source, compression=None)  # type: ignore[arg-type]
    except Exception as error:
        raise InputError(f"read_nir: nir cannot write this graph ({one_line(error)}); correct the graph") from None
    with open_memory(memory, "graph", limits) as store:
        yield store


def read_graph(store: Store) -> Graph:
    """The flat graph of an open file, checked, without shapes."""
    collector = _Collector(store)
    top = store.members(store.file, "file")
    if "node" not in top:
        raise store.error("file", f"has no group 'node' (it holds {', '.join(top) or 'nothing'}); not a NIR file")
    root = collector.node(top["node"], "")
    if root.type != "NIRGraph":
        raise store.error(
            "file", f"holds a single {root.type} node, expected a NIRGraph; wrap it with nir.NIRGraph.from_list"
        )
    collector.graph(root, 1)
    version = store.texts(top["version"], "version").reshape(-1) if "version" in top else np.array(["unknown"])
    graph = Graph(
        store, collector.nodes, collector.edges, root.metadata, str(version[0]) if version.size else "unknown"
    )
    for pre, post in graph.edges:
        if graph.nodes[post].type == "Input":
            raise graph.nodes[post].error(f"is fed by {pre!r}; an Input is fed by the user only")
        if graph.nodes[pre].type == "Output":
            raise graph.nodes[pre].error(f"feeds {post!r}; connect {post!r} to what feeds the Output")
    return graph


def check_types(graph: Graph) -> None:
    """FileError that names the first node of a type snmem does not know."""
    for node in graph.nodes.values():
        if node.type not in NODES:
            known = sorted({"NIRGraph", *NODES} - {"Identity"})
            raise node.error(f"unknown node type {node.type!r}; known are {', '.join(known)}")
