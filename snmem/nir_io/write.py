"""Write a Network as a NIR file."""

from __future__ import annotations

import json
import os
from dataclasses import fields
from io import BytesIO
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from .._text import one_line
from ..convolution import Convolution
from ..description import counts
from ..errors import InputError
from ..io.arguments import as_network
from ..io.hdf5 import Limits, save_hdf5
from ..lowering import split_delays
from ..network import Input, Network, Population, Projection
from ..neurons import LIF
from ..retime import when_cleared
from .graph import is_graph
from .layout import edges_of, layout_of
from .nodes.affine import write_dense
from .nodes.convolution import write_kernel
from .nodes.neurons.base import loihi_as_float, written_as
from .nodes.sparse_linear import write_sparse
from .nodes.writing import new_file, new_node, put, uncompressed
from .read import read_nir
from .sources import source_notes

if TYPE_CHECKING:
    import nir  # pyright: ignore[reportMissingTypeStubs]

#: Version of the NIR format that is written.
NIR_VERSION = "1.0.8"
#: Default largest number of entries of a weight matrix that is written densely.
MAX_DENSE = 2**24


def write_nir(
    network: Network | nir.NIRGraph, path: str | os.PathLike[str], max_dense: int = MAX_DENSE, delay_nodes: bool = True
) -> tuple[str, ...]:
    """Write ``network`` as a NIR file that :func:`read_nir` reads back equal, bit for bit.

    The graph itself, read by any other tool with forward Euler and the time step ``dt`` of its metadata, means the same
    network as far as NIR can say it (see docs, "NIR files"); the metadata hold the rest.

    Parameters
    ----------
    network : Network or nir.NIRGraph
        What to write, or a result that holds a network (``quantize``); a graph is read first. Loihi networks and
        plasticity are kept in the metadata; NIR itself cannot say them.
    path : path-like
        The file. It is built in memory; an older file of this name stays until the new one is complete.
    max_dense : int
        Weight matrices with more entries become SparseLinear nodes (CSR), which other readers refuse by name.
    delay_nodes : bool
        Write Delay nodes. Without, delays are kept in the metadata only, and readers that ignore these take the default
        steps of their own.

    Returns
    -------
    tuple of str
        One sentence for each thing that a reader which ignores the metadata will miss.

    Raises
    ------
    FileError
        if the file cannot be written.
    """
    if is_graph(network):
        network = read_nir(cast(Any, network))
    memory, notes = packed(as_network(network, "write_nir"), max_dense, delay_nodes)
    save_hdf5(path, memory)
    return notes


def to_nir(network: Any, **options: Any) -> nir.NIRGraph:
    """A network as a ``nir.NIRGraph``, as :func:`snmem.nir_io.write_nir` writes it.

    Parameters
    ----------
    network : Network
        Or a result that holds one.
    options
        ``max_dense``, ``delay_nodes`` of :func:`snmem.nir_io.write_nir`.

    Raises
    ------
    InputError
        For weight matrices of more than ``max_dense`` entries, for which NIR has no node.
    """
    import nir  # pyright: ignore[reportMissingTypeStubs]

    memory, _ = packed(as_network(network, "to_nir"), **options)
    try:
        return nir.read(memory)  # type: ignore[arg-type, return-value]
    except Exception as error:
        raise InputError(
            f"to_nir: nir cannot hold this network ({one_line(error)}); write larger matrices densely with max_dense"
        ) from None


def packed(network: Network, max_dense: int = MAX_DENSE, delay_nodes: bool = True) -> tuple[BytesIO, tuple[str, ...]]:
    """The file that :func:`write_nir` writes, in memory, and its notes."""
    with new_file() as (file, memory):
        notes = _write(file, split_delays(network), layout_of(network, delay_nodes), max_dense)
    limits = Limits()
    if _bytes_when_read(network, max_dense) > limits.memory + limits.expansion * memory.getbuffer().nbytes:
        memory = uncompressed(memory)
    return memory, notes


def _bytes_when_read(network: Network, max_dense: int) -> int:
    """Memory that a reader takes for the arrays of a network, except for those that repeat one value."""
    total = 0
    for p in network.neurons:
        neuron: Any = p.neuron
        values = [np.asarray(getattr(neuron, f.name)) for f in fields(neuron)]
        varied = [x for x in values if x.ndim and (x != x.flat[0]).any()]
        total += 8 * p.size * (len(values) + 7) if varied else 0
    for q in network.projections:
        if isinstance(q.weights, Convolution):
            total += 24 * q.weights.kernel.size
            continue
        rows, columns = q.weights.shape
        each = 4 + q.weights.dtype.itemsize if rows * columns <= max_dense else 16
        total += each * q.synapses + 8 * (rows + int(np.count_nonzero(q.weights.data == 0)))
    return total


def _write(file: Any, network: Network, layout: dict[str, Any], max_dense: int) -> tuple[str, ...]:
    put(file, "version", NIR_VERSION)
    graph = file.create_group("node")
    put(graph, "type", "NIRGraph")
    nodes = graph.create_group("nodes")
    notes: list[str] = []
    feeding = {q.pre for q in network.projections if q.signal == "spikes"}
    for entry, p in zip(layout["populations"], network.populations, strict=True):
        if isinstance(p, Input):
            new_node(nodes, entry["node"], "Input", shape=np.array(p.shape))
            notes += source_notes(p)
            if "flatten" in entry:
                new_node(nodes, entry["flatten"], "Flatten", input_type=np.array(p.shape), start_dim=0, end_dim=-1)
        else:
            notes += _write_population(nodes, entry, p, network.dt, p.name in feeding)
            if "flatten" in entry:
                new_node(nodes, entry["flatten"], "Flatten", input_type=np.array(p.shape), start_dim=0, end_dim=-1)
    shaped = {entry["name"] for entry in layout["populations"] if entry.get("shaped")}
    for entry, q in zip(layout["projections"], network.projections, strict=True):
        notes += _write_projection(nodes, entry, q, max_dense, "direct" in entry and q.post in shaped)
        if "delay_node" in entry:
            shape = network[q.pre].shape if entry.get("direct") else (network[q.pre].size,)
            new_node(nodes, entry["delay_node"], "Delay", delay=np.full(shape, q.delay * network.dt))
        elif q.delay and q.pre != q.post:
            notes.append(f"projection {q.name!r}: its delay of {q.delay} steps is in the metadata only")
    for entry in layout["outputs"]:
        shown = network[entry["population"]]
        shape = shown.shape if isinstance(shown, Input) or shown.name in shaped else (shown.size,)
        new_node(nodes, entry["node"], "Output", shape=np.array(shape))
    if layout["silent"]:
        silent = layout["silent"]
        p = network[silent["population"]]
        new_node(nodes, silent["node"], "Input", shape=np.array(p.shape if p.name in shaped else [p.size]))
    edges = edges_of(layout)
    pairs = np.array([(a, b) for a, b, _ in edges], dtype=object).reshape(-1, 2)
    put(graph, "edges", pairs)
    metadata = _metadata(network, layout, [steps for _, _, steps in edges], notes)
    for key, value in metadata.items():
        put(graph.require_group("metadata"), key, value)
    return tuple(notes)


def _metadata(network: Network, layout: dict[str, Any], steps: list[int], notes: list[str]) -> dict[str, Any]:
    return {
        "format": "snmem",
        "dt": float(network.dt),
        "time_unit": "s",
        "discretization": "euler",
        "semantics": "u_then_v",
        "threshold": ">",
        "spike": "pulse",
        "dtype": "float64" if network.arithmetic == "float" else "int64",
        "sum_order": "projections in the order of the edges, presynaptic neurons ascending, same-step projections last",
        "edge_delay_steps": np.array(steps, np.int64),
        "notes": "\n".join(notes) or "none",
        "network": json.dumps(layout, separators=(",", ":")),
    }


#: What other readers miss of neurons, by feature.
_LOST = {
    "refractory": "a refractory period, while which currents go on",
    "freeze": "a refractory period, while which currents and v stand still",
    "reset_current": "a spike sets the synaptic current to 0",
    "adaptation": "a threshold that rises with each spike",
    "second_current": "a second synaptic current",
    "noise": "noise",
    "initial_state": "u and v other than 0 before the first step",
    "loihi_subtract": "reset by subtraction of the threshold",
}


def _write_population(nodes: Any, entry: dict[str, Any], p: Population, dt: float, feeds_others: bool) -> list[str]:
    exact: Any = p.neuron
    neuron = exact if isinstance(exact, LIF) else loihi_as_float(exact)
    kind, values = written_as(neuron, feeds_others, dt)
    metadata = {f.name: getattr(exact, f.name) for f in fields(exact) if counts(exact, f)} | {
        "gain": 1.0,
        "shape": np.array(p.shape),
    }
    if p.clear_every:
        metadata |= {"clear_every": int(p.clear_every), "clear_offset": int(p.clear_offset)}
    vectors = {key: np.broadcast_to(np.asarray(v, float), (p.size,)) for key, v in values.items()}
    shape = p.shape if entry.get("shaped") else (p.size,)
    new_node(nodes, entry["node"], kind, metadata, **{key: v.reshape(shape) for key, v in vectors.items()})
    notes: list[str] = []
    if isinstance(exact, LIF):
        notes += [f"population {p.name!r}: reset by subtraction of the threshold"] if exact.reset == "subtract" else []
        if "tau" in vectors or "tau_mem" in vectors:
            notes += _rounding(f"population {p.name!r}", neuron, vectors, dt)
    else:
        notes.append(f"population {p.name!r}: Loihi's integer arithmetic (rounding, wrapping, saturation)")
    notes += [f"population {p.name!r}: {_LOST[name]}" for name in sorted(exact.features)]
    if p.clear_every:
        notes.append(f"population {p.name!r}: set to u = v = 0 {when_cleared(p)}")
    return notes


def _rounding(name: str, neuron: LIF, vectors: dict[str, Any], dt: float) -> list[str]:
    """A note where no float64 time constant gives exactly the decay that is meant."""
    found: list[str] = []
    pairs = (("beta", vectors.get("tau_mem", vectors.get("tau"))), ("alpha", vectors.get("tau_syn")))
    for key, tau in pairs:
        if tau is not None:
            error = np.abs(1 - dt / tau - getattr(neuron, key)).max()
            found += [f"{name}: {key} = 1 - dt/tau only to {error:.1e}"] if error else []
    return found


def _write_projection(nodes: Any, entry: dict[str, Any], q: Projection, max_dense: int, shaped: bool) -> list[str]:
    matrix, scale = q.weights, 2.0**q.exponent if q.exponent else None
    notes = [f"projection {q.name!r}: learning rule {type(q.plasticity).__name__}"] if q.plasticity else []
    notes += [f"projection {q.name!r}: reaches {q.receptor}"] if q.receptor else []
    if isinstance(matrix, Convolution):
        write_kernel(nodes, entry["node"], q.name, matrix, scale)
        what = f"{matrix.groups} groups of channels" if matrix.groups > 1 else ""
        what = what if shaped else "a kernel between populations of other shapes"
        return [*notes, f"projection {q.name!r}: {what}, which nir reads with type_check=False only"] if what else notes
    if matrix.shape[0] * matrix.shape[1] > max_dense:
        write_sparse(nodes, entry["node"], matrix, scale)
        return [*notes, f"projection {q.name!r}: a SparseLinear node, which other readers refuse"]
    zero = np.flatnonzero(matrix.data == 0)
    metadata: dict[str, Any] = {}
    if len(zero):
        row = np.searchsorted(matrix.indptr, zero, side="right") - 1
        position = row.astype(np.int64) * matrix.shape[1] + matrix.indices[zero]
        metadata["explicit_zeros"] = np.where(np.signbit(matrix.data[zero]), ~position, position)  # ~position: -0.0
    write_dense(nodes, entry["node"], matrix, scale, metadata)
    return notes
