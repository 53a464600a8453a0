"""Where each spike goes: for every source neuron, its destination cores and the synapses it reads there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from ..._weights import values_of
from ...convolution import Convolution
from ...lowering import written_out
from ...network import Input, Network, Population, Projection

Array = NDArray[Any]
#: A scipy sparse array; its type stubs are too narrow to be of use.
Sparse = Any


@dataclass(frozen=True, eq=False)
class Wiring:
    """Routes of a placed network. Sources are its neurons, then its input lines, numbered through.

    core : (sources,) core of each source; -1 for input lines, whose spikes enter at tile 0.
    start : (sources + 1,) and target, synapses, seconds : (routes,): source i sends one packet to each of the cores
        ``target[start[i]:start[i+1]]``, which reads ``synapses`` synapses there in ``seconds``, of which ``nonzero``
        have a weight other than 0.
    offset : population name -> number of its first source.
    by_projection : its own routes: synapses by (presynaptic neuron, core).
    """

    core: Array
    start: Array
    target: Array
    synapses: Array
    nonzero: Array
    seconds: Array
    offset: Mapping[str, int]
    by_projection: Mapping[str, Sparse]


def sources(network: Network) -> tuple[Input | Population, ...]:
    """Populations in the order in which sources are numbered: neurons, then inputs."""
    return (*network.neurons, *network.inputs)


def offsets(network: Network) -> dict[str, int]:
    """Number of the first source of each population and input."""
    sizes = [p.size for p in sources(network)]
    return dict(zip([p.name for p in sources(network)], np.cumsum([0, *sizes[:-1]]).tolist(), strict=True))


def fan_out_to(network: Network, group: Array, groups: int, nonzero: bool = False) -> list[Sparse]:
    """For each projection, its synapses by (presynaptic neuron, group of the target): arrays (pre, groups).

    ``group`` has one entry per source of the network (those of inputs are not used).    ``nonzero``: count only weights
    other than 0; a group that has none keeps its place.
    """
    from .kernels import count_by_group
    from .windows import Windows

    first = offsets(network)
    tables: list[Sparse] = []
    for q in network.projections:
        targets, sources = q.weights.shape
        mine = group[first[q.post] : first[q.post] + targets]
        order = np.argsort(mine, kind="stable")
        bound = np.searchsorted(mine[order], np.arange(groups + 1))
        if isinstance(q.weights, Convolution):
            keep = (q.weights.kernel != 0).reshape(-1) if nonzero else None
            tables.append(Windows(q.weights).by_group(order, bound, keep))
            continue
        keep = q.weights.data != 0 if nonzero else np.zeros(0, bool)
        start, found, synapses = count_by_group(*rows_of(q.weights), order, bound, keep, sources)
        tables.append(sp.csr_array((synapses, found, start), shape=(sources, groups)))
    return tables


def rows_of(matrix: Sparse) -> tuple[Array, Array]:
    """(start, index) of a CSR or CSC matrix: read-only, int64 and int32, so that loops over them compile once."""
    pair = matrix.indptr.astype(np.int64), matrix.indices.astype(np.int32, copy=False).view()
    for a in pair:
        a.setflags(write=False)
    return pair


def synapses_by_target(network: Network) -> Sparse:
    """Number of synapses of all projections as one CSR matrix (neurons, sources).

    Raises
    ------
    BackendError
        For convolutions of more synapses than are written out.
    """
    network = written_out(network, "placement by traffic (placement in order takes kernels as they are)")
    rows: list[Sparse] = []
    for p in network.neurons:
        parts: dict[str, Sparse] = {}
        for q in network.projections:
            if q.post == p.name:
                ones = np.ones(q.synapses, np.int32)
                part = sp.csr_array((ones, q.weights.indices, q.weights.indptr), shape=q.weights.shape)
                parts[q.pre] = parts[q.pre] + part if q.pre in parts else part
        all_parts = [parts.get(s.name, sp.csr_array((p.size, s.size), dtype=np.int32)) for s in sources(network)]
        rows.append(sp.hstack(all_parts, format="csr"))
    return sp.csr_array(sp.vstack(rows, format="csr")) if len(rows) > 1 else rows[0]


def nonzero_fan_out(q: Projection) -> Array:
    """Synapses of weight other than 0 of each presynaptic neuron."""
    w = q.weights
    if isinstance(w, Convolution):
        return w.sums_by_pre(w.taps & (w.kernel != 0))
    return np.bincount(w.indices[w.data != 0], minlength=w.shape[1]) if (w.data == 0).any() else q.fan_out


def wire(
    network: Network, core: Mapping[str, Array], cores: int, synapse_seconds: Mapping[str, float | None]
) -> Wiring:
    """Routes of ``network`` with its neurons on ``core``; ``synapse_seconds``: reading time by projection name."""
    place = np.concatenate(
        [np.full(p.size, -1) if isinstance(p, Input) else core[p.name] for p in sources(network)]
    ).astype(np.int32)
    first = offsets(network)
    tables = fan_out_to(network, place, cores)
    zeros = any((values_of(q.weights) == 0).any() for q in network.projections)
    total = _sum(network, tables, cores)
    seconds = [synapse_seconds[q.name] or 0.0 for q in network.projections]
    if len(set(seconds)) > 1:
        each = [sp.csr_array((t.data * s, t.indices, t.indptr), t.shape) for t, s in zip(tables, seconds, strict=True)]
        reading = _sum(network, each, cores).data
    else:
        reading = total.data * (seconds[0] if seconds else 0.0)
    nonzero = _sum(network, fan_out_to(network, place, cores, nonzero=True), cores) if zeros else total
    return Wiring(
        core=place,
        start=total.indptr.astype(np.int64),
        target=total.indices.astype(np.int32, copy=False),
        synapses=total.data,
        nonzero=nonzero.data,
        seconds=reading,
        offset=first,
        by_projection={q.name: table for q, table in zip(network.projections, tables, strict=True)},
    )


def _sum(network: Network, tables: list[Sparse], cores: int) -> Sparse:
    """Tables (pre, cores) of the projections as one (sources, cores); a place that any of them has stays, even at 0."""
    parts: list[Sparse] = []
    for p in sources(network):
        mine = [table for q, table in zip(network.projections, tables, strict=True) if q.pre == p.name]
        if len(mine) > 1:
            rows = np.concatenate([np.repeat(np.arange(p.size, dtype=np.int32), np.diff(t.indptr)) for t in mine])
            columns, data = (np.concatenate([getattr(t, x) for t in mine]) for x in ("indices", "data"))
            mine = [sp.csr_array(sp.coo_array((data, (rows, columns)), shape=(p.size, cores)))]
        parts += mine or [sp.csr_array((p.size, cores), dtype=np.int32)]
    if len(parts) == 1:
        return parts[0]
    ends = np.cumsum([0, *(t.nnz for t in parts)])
    start = np.concatenate([t.indptr[:-1] + end for t, end in zip(parts, ends[:-1], strict=True)] + [ends[-1:]])
    data, indices = (np.concatenate([getattr(t, x) for t in parts]) for x in ("data", "indices"))
    return sp.csr_array((data, indices, start), shape=(len(start) - 1, cores))
