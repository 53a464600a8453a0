"""Read back exactly what :mod:`snmem.nir_io.write` wrote: structure and parameters from metadata, weights from nodes.

The plain values of the graph must agree with the metadata. Where they do not, somebody has edited the file, and reading
stops with the node's name: better than to choose one of two truths.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import fields
from itertools import groupby
from math import prod
from typing import Any

import numpy as np
import scipy.sparse as sp

from ..convolution import Convolution
from ..errors import FileError, NetworkError
from ..io.events import in_steps
from ..lowering import join_delays
from ..network import Input, Network, Population, Projection
from ..neurons import LIF, LoihiLIF
from ..plasticity import LearningRule
from .choices import OPTIONS
from .graph import Graph, Node
from .layout import LAYOUT, edges_of
from .nodes.affine import read_dense
from .nodes.convolution import read_kernel
from .nodes.neurons.base import loihi_as_float, neuron_types, read_neuron
from .nodes.sparse_linear import read_sparse
from .rules import rule_of
from .sources import read_input

_EDITED = "the file was changed after snmem wrote it; read it with metadata=False to take its plain values"
#: Keys of the layout and the types of their values; "?" marks those that may be absent or null.
_TOP = {"layout": int, "arithmetic": str, "populations": list, "projections": list, "outputs": list, "silent?": dict}
_POPULATION = {"node": str, "name": str, "kind": str, "flatten?": str, "values?": bool, "source?": dict}
_POPULATION |= {"shaped?": bool}
_PROJECTION = {"node": str, "name": str, "pre": str, "post": str, "delay": int, "exponent": int, "dtype": str}
_PROJECTION |= {"delay_node?": str, "plasticity?": dict, "receptor?": str, "signal?": str, "of?": str, "direct?": bool}
_OUTPUT = {"node": str, "population": str, "declared": bool}
_RULE = {"rule": str}


def is_exact(graph: Graph) -> bool:
    """Whether snmem wrote this graph."""
    written = graph.metadata.get("format")
    return isinstance(written, str) and written == "snmem" and "network" in graph.metadata


def read_exact(graph: Graph) -> Network:
    """The Network that was written; FileError if the file was changed since.

    NetworkError where the parts do not make a network (only if the file was changed, too).
    """
    layout = _layout(graph)
    dt = graph.metadata.get("dt")
    if not isinstance(dt, (int, float, np.floating, np.integer)) or not 0 < dt < np.inf:
        raise _damaged(graph, f"dt must be a positive number, got {dt!r}")
    _check_edges(graph, layout)
    dt, float_network = float(dt), layout["arithmetic"] == "float"
    populations = [_population(graph, entry, LIF if float_network else LoihiLIF, dt) for entry in layout["populations"]]
    projections = [_projection(graph, entry, dt) for entry in layout["projections"]]
    outputs = [o["population"] for o in layout["outputs"] if o["declared"]]
    return Network(tuple(populations), tuple(_joined(projections, layout)), tuple(outputs), dt)


def _joined(projections: list[Projection], layout: dict[str, Any]) -> Iterator[Projection]:
    """The projections, those of one whole with a delay for each synapse as that."""
    pairs = zip(layout["projections"], projections, strict=True)
    for name, group in groupby(pairs, lambda pair: pair[0].get("of")):
        parts = [q for _, q in group]
        yield from parts if name is None else [join_delays(parts, name)]


def _damaged(graph: Graph, what: str) -> FileError:
    return graph.store.error("metadata", f"{what}; {_EDITED}")


def _check(graph: Graph, owner: str, value: Any, keys: dict[str, type]) -> None:
    """FileError unless ``value`` is a dict with these keys and types."""
    if not isinstance(value, dict):
        raise _damaged(graph, f"{owner} is not a JSON object")
    for key, kind in keys.items():
        found = value.get(key.rstrip("?"))
        if type(found) is not kind and not (key.endswith("?") and found is None):
            raise _damaged(graph, f"{owner}: {key.rstrip('?')!r} is {found!r}, expected {kind.__name__}")


def _layout(graph: Graph) -> dict[str, Any]:
    """The layout kept in the metadata, with every key and type checked."""
    try:
        layout = json.loads(graph.metadata["network"])
    except (TypeError, ValueError, RecursionError) as error:
        raise _damaged(graph, f"'network' is not JSON ({error})") from None
    _check(graph, "network", layout, _TOP)
    if layout["layout"] > LAYOUT:
        raise graph.store.error("metadata", f"layout {layout['layout']} is newer than {LAYOUT}; update snmem")
    for p in layout["populations"]:
        _check(graph, "population", p, _POPULATION)
    for q in layout["projections"]:
        _check(graph, "projection", q, _PROJECTION)
        if q.get("plasticity") is not None:
            _check(graph, "plasticity", q["plasticity"], _RULE)
    silent = layout.get("silent")
    outputs = layout["outputs"] + ([] if silent is None else [silent | {"declared": False}])
    for o in outputs:
        _check(graph, "output", o, _OUTPUT)
    names = {p["name"] for p in layout["populations"]}
    used = {q[end] for q in layout["projections"] for end in ("pre", "post")} | {o["population"] for o in outputs}
    if not used <= names:
        raise _damaged(graph, f"there is no population {min(used - names)!r}")
    return layout


def _check_edges(graph: Graph, layout: dict[str, Any]) -> None:
    """The edges must be those of the layout; nir may have added Input and Output nodes at open ends."""
    expected = {(a, b) for a, b, _ in edges_of(layout)}
    found = set(graph.edges)
    known = {name for edge in expected for name in edge} | {p["node"] for p in layout["populations"]}
    extra = {(a, b) for a, b in found - expected if _added(graph, a, known) is _added(graph, b, known)}
    for edges, what in ((expected - found, "is missing"), (extra, "is not of the network")):
        if edges:
            raise _damaged(graph, f"edge {min(edges)} {what}")
    strange = [n for n, node in graph.nodes.items() if n not in known and node.type not in ("Input", "Output")]
    if strange:
        raise _damaged(graph, f"node {strange[0]!r} is not of the network")


def _added(graph: Graph, name: str, known: set[str]) -> bool:
    return name not in known and graph.nodes[name].type in ("Input", "Output")


def _node(graph: Graph, name: str, types: tuple[str, ...]) -> Node:
    if name not in graph.nodes or graph.nodes[name].type not in types:
        raise _damaged(graph, f"there is no node {name!r} of type {' or '.join(types)}")
    return graph.nodes[name]


def _population(graph: Graph, entry: dict[str, Any], model: type[LIF | LoihiLIF], dt: float) -> Input | Population:
    if entry["kind"] == "input":
        return read_input(entry["name"], _node(graph, entry["node"], ("Input",)).shape_in, entry)
    node = _node(graph, entry["node"], tuple(neuron_types()))
    metadata = node.metadata
    there = [f for f in fields(model) if f.name in metadata or f.name not in model.later]
    values: dict[str, Any] = {f.name: metadata.get(f.name) for f in there}
    for f in there:
        if isinstance(f.default, (str, bool)) and values[f.name] is not None:
            values[f.name] = type(f.default)(values[f.name])
    for key, value in values.items():
        if value is None:
            raise node.error(f"metadata lack {key!r}; {_EDITED}")
    neuron = model(**values)
    shape, size = np.atleast_1d(metadata.get("shape", node.shape_in)), prod(node.shape_in)
    if shape.dtype.kind not in "iu" or not 0 < shape.size <= 16 or np.prod(shape, dtype=float) != size:
        raise node.error(f"metadata 'shape' is not one of {size} neurons; {_EDITED}")
    shape = tuple(shape.reshape(-1).tolist())
    neuron.check_size(node.owner("metadata"), size)
    _check_agreement(node, neuron if isinstance(neuron, LIF) else loihi_as_float(neuron), dt)
    clear = metadata.get("clear_every"), metadata.get("clear_offset", 0)
    if any(x is not None and not isinstance(x, (int, np.integer)) for x in clear):
        raise node.error(f"metadata 'clear_every' and 'clear_offset' must be whole numbers, got {clear}")
    return Population(entry["name"], shape, neuron, None if clear[0] is None else int(clear[0]), int(clear[1]))


def _check_agreement(node: Node, neuron: LIF, dt: float) -> None:
    """The plain values, read with Euler, must give the parameters of the metadata (up to float32)."""
    plain = read_neuron(node, dt, lambda option: OPTIONS[option].default)
    for name in ("alpha", "beta", "theta", "bias", "v_reset", "gain"):
        if name in node.kind.defaults and name not in node.members:
            continue
        meant = 1.0 if name == "gain" else getattr(neuron, name)
        value = getattr(plain, name)
        wrong = ~np.isclose(value, meant, rtol=1e-6, atol=1e-9)
        if wrong.any():
            meant = np.broadcast_to(meant, value.shape)
            raise node.error(
                f"its parameters mean {name} = {value[wrong][0]:g}, metadata {meant[wrong][0]:g}; {_EDITED}"
            )


def _check_delay(node: Node, delay: int, dt: float) -> None:
    steps = in_steps(node.numbers("delay"), dt)
    if (np.abs(steps - delay) > 1e-3).any():
        raise node.error(f"delays by {steps.flat[0]:g} steps, metadata say {delay}; {_EDITED}")


def _projection(graph: Graph, entry: dict[str, Any], dt: float) -> Projection:
    node = _node(graph, entry["node"], ("Linear", "SparseLinear", "Conv1d", "Conv2d"))
    if entry.get("delay_node"):
        _check_delay(_node(graph, entry["delay_node"], ("Delay",)), entry["delay"], dt)
    matrix = _weights(graph, node, entry)
    rule, ends = _rule(graph, entry.get("plasticity")), (entry["pre"], entry["post"])
    options = entry.get("receptor") or "", entry.get("signal") or "spikes"
    return Projection(*ends, matrix, entry["delay"], rule, entry["name"], entry["exponent"], *options)


def _weights(graph: Graph, node: Node, entry: dict[str, Any]) -> sp.csr_array | Convolution:
    """The weights of a node, in the type of the metadata."""
    if entry["dtype"] not in ("float64", "float32", "int8", "int16", "int32") or abs(entry["exponent"]) > 16:
        raise _damaged(graph, f"projection of type {entry['dtype']} and exponent {entry['exponent']}")
    if node.type.startswith("Conv"):
        kernel = read_kernel(node)
        return kernel.with_kernel(_in_type(node, entry, kernel.kernel))
    matrix = read_sparse(node) if node.type == "SparseLinear" else _with_zeros(node, read_dense(node))
    if not entry["exponent"] and str(matrix.dtype) == entry["dtype"]:
        return matrix
    return sp.csr_array((_in_type(node, entry, matrix.data), matrix.indices, matrix.indptr), shape=matrix.shape)


def _in_type(node: Node, entry: dict[str, Any], values: Any) -> Any:
    data = values / 2.0 ** entry["exponent"]
    with np.errstate(over="ignore", invalid="ignore"):
        cast = data.astype(entry["dtype"])
    if cast.dtype.kind == "i" and (cast != data).any():
        raise node.error(
            f"holds the weight {data[cast != data][0]:g}, which is no {cast.dtype} of the metadata; {_EDITED}"
        )
    return cast


def _with_zeros(node: Node, matrix: sp.csr_array) -> sp.csr_array:
    """Add the synapses of weight 0 that the metadata list by their position in the dense matrix."""
    zeros = node.metadata.get("explicit_zeros")
    if zeros is None:
        return matrix
    zeros, rows, columns = np.atleast_1d(zeros), *node.shape_out, *node.shape_in
    position = np.where(zeros < 0, ~zeros, zeros) if zeros.dtype.kind == "i" else np.zeros(0)
    if not len(position) or position.max() >= rows * columns:
        raise node.error(f"metadata 'explicit_zeros' must be positions in 0..{rows * columns - 1}; {_EDITED}")
    filled = np.repeat(np.arange(rows) * columns, np.diff(matrix.indptr)) + matrix.indices
    place = np.concatenate([filled, position])
    data = np.concatenate([matrix.data, np.where(zeros < 0, -0.0, 0.0).astype(matrix.dtype)])
    order = np.argsort(place, kind="stable")  # sorted here: a sum of duplicates would lose the sign of -0.0
    row, column = np.divmod(place[order], columns)
    return sp.csr_array((data[order], column, np.searchsorted(row, np.arange(rows + 1))), shape=matrix.shape)


def _rule(graph: Graph, entry: dict[str, Any] | None) -> LearningRule | None:
    try:
        return None if entry is None else rule_of(entry)
    except NetworkError as error:
        raise _damaged(graph, str(error)) from None
