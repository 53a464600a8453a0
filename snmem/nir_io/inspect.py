"""What is in a NIR file: ``inspect_nir(path)`` as plain data, ``render(summary, console)`` as tables."""

from __future__ import annotations

import os
from dataclasses import asdict
from math import isfinite
from typing import TYPE_CHECKING, Any

import h5py
import numpy as np

from ..errors import FileError
from ..io.hdf5 import Limits
from ..io.hdf5.blocks import blocks
from ..network import Network, Projection
from .choices import Choice
from .exact import is_exact
from .graph import Graph, Node, check_types, open_graph, read_graph
from .nodes import NODES
from .read import read_nir
from .shapes import infer_shapes

if TYPE_CHECKING:
    import nir


def inspect_nir(
    path: str | os.PathLike[str] | nir.NIRGraph, *, limits: Limits | None = None, **options: Any
) -> dict[str, Any]:
    """Describe any NIR file, also one that snmem cannot simulate. Every value can be written as JSON.

    Parameters
    ----------
    path, limits, options
        As for :func:`read_nir`.

    Returns
    -------
    summary : ``file``, ``bytes``, ``nir_version``, ``written_by`` ("snmem" or None), ``metadata``;
        ``nodes``: name, type, input and output shape, and of each parameter type, shape, least and greatest value and
        the number of nonzero entries, and the synapses of a weight matrix; ``edges``, ``inputs``, ``outputs``;
        ``simulable``, and if not ``problem``; else ``network`` (dt in seconds, neurons, synapses, longest delay,
        populations, projections), ``choices`` (what was left open and how it was settled) and ``ambiguous`` (those that
        were settled by a default, by the origin, or deduced).

    Raises
    ------
    FileError
        If the file is missing, not HDF5, damaged, or holds no NIR graph.
    """
    with open_graph(path, limits) as store:
        graph = read_graph(store)
        problem = None
        try:
            check_types(graph)
            infer_shapes(graph)
        except FileError as error:
            problem = str(error)
        summary = {
            "file": str(store.path),
            "bytes": store.raw.size,
            "nir_version": graph.version,
            "written_by": "snmem" if is_exact(graph) else None,
            "metadata": {k: _plain(v) for k, v in graph.metadata.items() if not (is_exact(graph) and k == "network")},
            "nodes": [_node(node) for node in graph.nodes.values()],
            "edges": [list(edge) for edge in graph.edges],
            "inputs": _shapes(graph, "Input"),
            "outputs": _shapes(graph, "Output"),
        }
    choices: list[Choice] = []
    network = None
    if problem is None:
        try:
            network = read_nir(path, limits=limits, report=choices.append, **options)
        except FileError as error:
            problem = str(error)
    open_ones = [str(c) for c in choices if c.source in ("default", "origin", "deduced")]
    summary |= {"simulable": network is not None, "problem": problem, "network": network and _network(network)}
    return summary | {"choices": [_plain(asdict(c)) for c in choices], "ambiguous": open_ones}


def _shapes(graph: Graph, kind: str) -> dict[str, Any]:
    return {name: list(node.shape_out) or None for name, node in graph.nodes.items() if node.type == kind}


def _plain(value: Any) -> Any:
    """A value as JSON can hold it; long arrays as their range."""
    if isinstance(value, dict):
        return {str(k): _plain(v) for k, v in value.items()}
    if isinstance(value, np.ndarray) and not 0 < value.size <= 16:
        ends = [_plain(f()) for f in (value.min, value.max)] if value.size and value.dtype.kind in "fiu" else []
        return {"shape": list(value.shape)} | (dict(zip(("min", "max"), ends, strict=True)) if ends else {})
    if isinstance(value, (np.ndarray, list, tuple)):
        return [_plain(v) for v in value]
    if isinstance(value, np.generic):
        value = float(value) if value.dtype.kind == "f" else value.item()  # a long double's item is itself
    return value if not isinstance(value, float) or isfinite(value) else str(value)


def _node(node: Node) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for key, item in node.members.items():
        if key in ("type", "metadata"):
            continue
        try:
            values[key] = _dataset(node, key, item)
        except FileError as error:
            values[key] = {"problem": str(error)}
    shapes = {"input_shape": list(node.shape_in) or None, "output_shape": list(node.shape_out) or None}
    known = node.type in NODES
    synapses = node.kind.synapses(values) if known else None
    found = {"name": node.name, "type": node.type, "known": known, "synapses": synapses}
    return found | shapes | {"parameters": values}


def _dataset(node: Node, key: str, item: Any) -> dict[str, Any]:
    owner, store = node.owner(key), node.store
    if isinstance(item, h5py.Group):
        return {"group": sorted(store.names(item, owner))}
    with store.guard(owner):
        text = h5py.check_string_dtype(item.dtype) is not None
    if text:
        return {"text": " ".join(store.texts(item, owner).reshape(-1)[:16])}
    data = store.dataset(item, owner)
    store.claim(data.size, owner, store.limits.numbers)
    low, high, nonzero, odd, rest = np.inf, -np.inf, 0, 0, data.size
    for _, block in blocks(store, data, owner):
        block = np.asarray(block, np.float64)
        good = block[np.isfinite(block)]
        odd += block.size - good.size
        low, high = min(low, good.min(initial=np.inf)), max(high, good.max(initial=-np.inf))
        nonzero += int(np.count_nonzero(block))
        rest -= block.size
    if rest:  # what is not stored is 0
        low, high = min(low, 0.0), max(high, 0.0)
    found = {"dtype": str(data.dtype), "shape": list(data.shape), "nonzero": nonzero}
    found |= {"min": _plain(low), "max": _plain(high)} if low <= high else {}
    found |= {"not_finite": int(odd)} if odd else {}
    return found | ({"values": _plain(store.numbers(data, owner, 4)[()])} if 0 < data.size <= 4 else {})


def _delay(q: Projection) -> int | list[int]:
    """The delay in steps, or all that the synapses have."""
    return q.delay if len(q.delays) == 1 else list(q.delays)


def _network(network: Network) -> dict[str, Any]:
    return {
        "dt": network.dt,
        "arithmetic": network.arithmetic,
        "neurons": sum(p.size for p in network.neurons),
        "synapses": sum(q.synapses for q in network.projections),
        "max_delay": network.max_delay,
        "outputs": list(network.outputs),
        "populations": [
            {"name": p.name, "shape": list(p.shape), "neurons": p.size, "kind": type(getattr(p, "neuron", p)).__name__}
            for p in network.populations
        ],
        "projections": [
            {"name": q.name, "pre": q.pre, "post": q.post, "synapses": q.synapses, "delay": _delay(q)}
            | ({"plasticity": type(q.plasticity).__name__} if q.plasticity else {})
            for q in network.projections
        ],
    }


# --- for people ------------------------------------------------------------------------------------------------------


def render(summary: dict[str, Any], console: Any) -> None:
    """Print a summary of :func:`inspect_nir` on a ``rich.console.Console``."""
    for part in tables(summary):
        console.print(part)


def tables(summary: dict[str, Any]) -> list[Any]:
    """A summary of :func:`inspect_nir` as objects that rich prints."""
    from .._rich import Table, plain_text

    writer = " by snmem" if summary["written_by"] else ""
    head = f"{summary['file']}: NIR {summary['nir_version']}{writer}, {summary['bytes']:,} bytes, "
    lines = [head + f"{len(summary['nodes'])} nodes, {len(summary['edges'])} edges"]
    short = {k: v for k, v in summary["metadata"].items() if isinstance(v, (int, float, str)) and "\n" not in str(v)}
    if short:
        lines.append("metadata: " + ", ".join(f"{k} {v}" for k, v in short.items() if len(str(v)) <= 40))
    nodes = Table("node", "type", "in", "out", "parameters")
    for node in summary["nodes"]:
        kind = node["type"] if node["known"] else f"{node['type']} (unknown)"
        nodes.add_row(node["name"], kind, _by(node["input_shape"]), _by(node["output_shape"]), _line(node))
    parts: list[Any] = [*map(plain_text, lines), nodes]
    network = summary["network"]
    if network:
        parts += _projections(network)
    if summary["choices"]:
        choices = Table("left open", "taken", "from", "meaning")
        for c in summary["choices"]:
            choices.add_row(c["name"], c["value"], c["source"], c["decides"])
        parts.append(choices)
    if summary["problem"]:
        parts.append(plain_text(f"cannot be simulated: {summary['problem']}"))
    notes = summary["metadata"].get("notes", "none") if summary["written_by"] else "none"
    if notes != "none":
        parts.append(plain_text("only in the metadata, not seen by other readers:"))
        parts += [plain_text(f"  {line}") for line in str(notes).split("\n")]
    return parts


def _projections(network: dict[str, Any]) -> list[Any]:
    from .._rich import Table, plain_text

    head = (
        f"{network['neurons']:,} neurons, {network['synapses']:,} synapses, longest delay {network['max_delay']} "
        f"steps, dt {network['dt']:g} s, outputs {', '.join(network['outputs']) or 'none'}"
    )
    table = Table("projection", "from", "to", "synapses", "delay")
    for q in network["projections"]:
        rule = f", learns ({q['plasticity']})" if "plasticity" in q else ""
        row = (q["name"], q["pre"], q["post"], f"{q['synapses']:,}", f"{q['delay']}{rule}")
        table.add_row(*row)
    return [plain_text(head), table]


def _line(node: dict[str, Any]) -> str:
    """The parameters of a node in one line."""
    hidden = {"shape", "input_type", "indices", "indptr"} if node["known"] else set()
    shown = [_parameter(key, value) for key, value in node["parameters"].items() if key not in hidden]
    return ", ".join([*shown, f"{node['synapses']:,} synapses"] if node["synapses"] is not None else shown)


def _by(shape: list[int] | None) -> str:
    return " x ".join(map(str, shape)) if shape else "?"


def _parameter(key: str, value: dict[str, Any]) -> str:
    if "min" not in value:
        return f"{key} {value.get('text') or value.get('problem') or value.get('group') or 'empty'}"
    odd = f" ({value['not_finite']} not finite)" if "not_finite" in value else ""
    if value["min"] == value["max"]:
        return f"{key} {value['min']:.4g}{odd}"
    if isinstance(value.get("values"), list) and key not in ("weight", "bias"):
        return f"{key} {value['values']}{odd}"
    return f"{key} {value['min']:.4g} .. {value['max']:.4g}{odd}"
