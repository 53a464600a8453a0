"""Traffic-aware placement: neurons that talk to each other share a core, cores that talk to each other are near.

Three stages, each on the true cost of packets (one per spike and destination core, plus its hops):

1. a multilevel graph partitioner (METIS, through pymetis) cuts the network into parts, weighting each neuron by the
   room or time it needs on a core, and pairs of neurons by the spikes that pass between them or that both receive;
2. groups of neurons with equal sources, then single neurons, move to the core where they save most packets, as long as
   there is room, until none does;
3. parts trade places on the mesh while that saves hops.

It is done for several numbers of cores, and from the order of the network too; the best placement is taken.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from ...errors import InputError, MissingDependencyError
from ...network import Network
from ...spikes import Spikes
from ..chip import Chip, load_chip
from ..counting.meter import Meter
from ..counting.wiring import Sparse, sources, synapses_by_target
from .hypergraph import partition_hyperedges
from .placement import Placement, chips_used, core_loads, fill, fit, place_in_order, split, tile_position

Array = NDArray[Any]
#: Largest weight of a vertex or edge given to METIS, passes of single moves, trials of seating per part.
_SCALE, _PASSES, _TRIALS = 1000, 8, 2000
#: Groups of equal neurons a core should hold at least; work of the busiest core over that of the mean core.
_GROUPS, _SLACK = 16, 1.1
#: The same where neurons with shared inputs are kept together; work of the busiest core over that in order, to try;
#: room over what is needed; most pairs of neurons to look at.
_SHARED_GROUPS, _WORK, _SPARE, _PAIRS = 4, (1.0, 0.8, 0.65, 0.5), 1.15, 10**7
#: Entries of a graph from which on METIS cuts it once only, not the best of four times.
_MANY = 500_000


def _one_spike_each(network: Network) -> dict[str, Spikes]:
    """A step in which everything spikes once: the traffic to expect where no run is given."""
    zeros = {p.name: np.zeros(p.size, np.int64) for p in network.populations}
    return {p.name: Spikes(zeros[p.name], np.arange(p.size), 1, p.size) for p in network.populations}


def _steps(spikes: Mapping[str, Spikes]) -> int:
    return next(iter(spikes.values())).steps


def _room(network: Network, synapses: Sparse, chip: Chip, like: Placement, per_core: int) -> tuple[Array, Array]:
    """What each neuron takes, (neurons, 2), and what a core has, (2,): neurons and synapses.

    How many synapses fit the memory depends on how they share lists; the mean of the placement ``like`` is taken.
    """
    fan_in = np.asarray(synapses.sum(axis=0)).reshape(-1).astype(np.int64)
    loads = core_loads(network, like, chip)
    limits = [chip.limit("synapses_per_core") or 2**62]
    memory = chip.limit("synapse_memory_per_core")
    if memory and "synapse_memory_per_core" in loads:
        bits = loads["synapse_memory_per_core"].sum() / max(loads["synapses_per_core"].sum(), 1)
        limits.append(int(memory / max(bits, 1)))
    return np.stack([np.ones_like(fan_in), fan_in], 1), np.array([per_core, min(limits)])


def _twins(synapses: Sparse, most: int) -> Sparse:
    """Groups of up to ``most`` neurons with the same sources, as a matrix (neurons, groups) of ones.

    The channels of a convolution at one place are such: moving one of them alone saves no packet.
    """
    into = sp.csc_array(synapses)
    key = _bits(synapses.shape[0])
    sums = np.concatenate([[np.uint64(0)], np.cumsum(key[into.indices])])
    same = np.unique(sums[into.indptr[1:]] - sums[into.indptr[:-1]], return_inverse=True)[1]
    order = np.argsort(same, kind="stable")
    rank = np.empty(len(same), np.int64)
    rank[order] = np.arange(len(same)) - np.searchsorted(same[order], same[order])
    group = np.unique(np.stack([same, rank // most], 1), axis=0, return_inverse=True)[1].reshape(-1)
    return sp.csr_array((np.ones(len(group), np.int32), (np.arange(len(group)), group)))


def _bits(count: int) -> Array:
    """63 bits for each of ``count``, always the same."""
    return np.random.default_rng(0).integers(0, 2**63, count, dtype=np.uint64)


def _partition(flow: Sparse, weight: Array, parts: int) -> Array:
    """METIS: a part for each vertex of the graph ``flow``; about equal sums of ``weight``, little flow across."""
    try:
        import pymetis
    except ImportError:
        raise MissingDependencyError(
            "placement 'traffic': package 'pymetis' is absent; pip install 'snmem[mapping]', or place in order"
        ) from None
    edges = np.maximum(np.rint(flow.data * (_SCALE / max(flow.data.max(initial=0), 1e-300))), 1)
    kind = pymetis.zero_copy_dtype()
    _, part = pymetis.part_graph(
        parts,
        adjacency=pymetis.CSRAdjacency(flow.indptr.astype(kind), flow.indices.astype(kind)),
        eweights=edges.astype(kind),
        vweights=np.ceil(weight * (_SCALE / weight.max())).astype(kind),
        recursive=False,
        options=pymetis.Options(seed=1, ufactor=60, ncuts=4 if flow.nnz < _MANY else 1),
    )
    return np.unique(np.asarray(part, np.int64), return_inverse=True)[1]


def _flow(synapses: Sparse, rate: Array, twins: Sparse) -> Sparse:
    """Spikes between groups of neurons: symmetric, without those of a group to itself."""
    neurons = twins.shape[0]
    flow = sp.diags_array(rate[:neurons] + rate.max() * 1e-3) @ (synapses[:neurons] > 0)
    flow = sp.csr_array(twins.T @ flow @ twins)
    flow = sp.csr_array(flow + flow.T)
    flow.setdiag(0)
    flow.eliminate_zeros()
    return flow


def _shared_inputs(synapses: Sparse, rate: Array, twins: Sparse) -> Sparse | None:
    """Spikes that groups of neurons both receive, symmetric; None where that are too many pairs."""
    table = sp.csr_array(synapses @ twins)
    reach = np.diff(table.indptr).astype(np.int64)
    if (reach**2).sum() > _PAIRS:
        return None
    into = sp.csr_array((np.ones(table.nnz), table.indices, table.indptr), shape=table.shape)
    each = (rate + rate.max() * 1e-3) / np.maximum(reach - 1, 1)  # a spike counts once, however many receive it
    shared = sp.csr_array(into.T @ sp.diags_array(each) @ into)
    shared.setdiag(0)
    shared.eliminate_zeros()
    return shared if shared.nnz else None


def _refine(synapses: Sparse, rate: Array, part: Array, parts: int, take: Array, full: Array) -> Array:
    """Move single neurons, or groups of them, while that saves packets or relieves an overfull part."""
    from .kernels import move_neurons

    into = sp.csc_array(synapses)
    neurons, part = len(part), part.copy()
    member = sp.csr_array((np.ones(neurons, np.int32), (np.arange(neurons), part)), shape=(neurons, parts))
    reach = sp.csr_array(synapses @ member).toarray()
    take = take.astype(np.float64)
    room = full - np.stack([np.bincount(part, column, minlength=parts) for column in take.T], 1)
    rng = np.random.default_rng(0)
    for _ in range(_PASSES):
        order = rng.permutation(neurons)
        if not move_neurons(into.indptr.astype(np.int64), into.indices, rate, part, reach, take, room, order):
            break
    return part


def _seat(synapses: Sparse, rate: Array, part: Array, chip: Chip, cores: Array) -> Array:
    """The core of ``cores`` for each part, so that packets make few and cheap hops."""
    from .kernels import seat_parts

    parts, neurons = len(cores), len(part)
    member = sp.csr_array((np.ones(neurons), (np.arange(neurons), part)), shape=(neurons, parts))
    reach = sp.csr_array(synapses @ member)
    reach.data = np.ones_like(reach.data)
    packets = sp.csr_array(sp.diags_array(rate) @ reach)
    flow = (member.T @ packets[:neurons]).toarray()
    entry = np.asarray(packets[neurons:].sum(axis=0)).reshape(-1)
    x, y, _ = tile_position(chip, np.append(cores, 0), int(cores.max()) // chip.cores + 1)
    ew, ns = (chip.energy(n) or chip.time(n) or 1.0 for n in ("hop_ew", "hop_ns"))
    away = ew * np.abs(x[:, None] - x) + ns * np.abs(y[:, None] - y)
    flow = flow + flow.T
    heat = 0.1 * float(flow.sum()) * float(away.mean()) / parts
    rng = np.random.default_rng(0)
    pairs, luck = rng.integers(0, parts, (_TRIALS * parts, 2)), rng.random(_TRIALS * parts)
    return cores[seat_parts(flow, entry, away[:-1, :-1], away[-1, :-1], pairs, luck, heat)]


@dataclass(frozen=True)
class Placed:
    """A placement and how it came out: ``table`` has a row for each strategy tried, ``strategy`` names the one taken.

    A row: joules of the network and seconds (simple model) of the run, each None where the chip has no such prices,
    packets, hops, largest share of a core in all synaptic events, broken limits.
    """

    placement: Placement
    strategy: str
    table: Mapping[str, Mapping[str, Any]]

    def gain(self, key: str) -> float | None:
        """1 - value / value in order, for "network_joules" or "seconds"; None where the chip has no such prices."""
        before = self.table["in_order"][key]
        if before is None:
            return None
        return 1 - self.table[self.strategy][key] / before if before else 0.0


def place(
    network: Network,
    chip: str | Path | Chip,
    spikes: Mapping[str, Spikes] | None = None,
    *,
    strategy: str = "traffic",
    objective: str = "both",
    neurons_per_core: int | None = None,
) -> Placed:
    """Place a network by the traffic of a run.

    Parameters
    ----------
    network, chip
        What is placed, and on which chip.
    spikes
        Spikes by population of a typical run (``Recording.spikes``); None: every source spikes once.
    strategy
        "in_order"; "traffic"; or "hypergraph": its candidates, and those of Mt-KaHyPar, which sees a spike and all that
        it reaches as one hyperedge (:mod:`snmem.cost.mapping.hypergraph`).
    objective
        What to make small: "energy" (of packets and hops), "time" (simple model), or "both": their product, with
        neither worse than in order. Where that is equal, or the chip has no such prices, packets and hops. The
        placement in order is always a candidate, and none that breaks more limits than it is taken, so the objective
        never gets worse.
    neurons_per_core
        Most neurons on a core; default: the chip's limit.

    Raises
    ------
    InputError
        For unknown strategies and objectives.
    MissingDependencyError
        Without pymetis, or for "hypergraph" without mtkahypar.
    """
    profile = load_chip(chip)
    if strategy not in ("in_order", "traffic", "hypergraph"):
        raise InputError(f'place: strategy must be "in_order", "traffic" or "hypergraph", got {strategy!r}')
    keys = {"energy": ("network_joules",), "time": ("seconds",), "both": ("network_joules", "seconds")}
    if objective not in keys:
        raise InputError(f"place: objective must be one of {', '.join(keys)}, got {objective!r}")
    first = place_in_order(network, profile, neurons_per_core)
    candidates = {"in_order": first}
    spikes = spikes or _one_spike_each(network)
    if strategy != "in_order" and len(first.cores) > 1:
        per_core = neurons_per_core or profile.limit("neurons_per_core") or 2**62
        candidates |= _by_traffic(network, profile, spikes, first, per_core, strategy == "hypergraph")
    table = {name: _figures(network, profile, spikes, p) for name, p in candidates.items()}
    start = table["in_order"]
    wanted = [key for key in keys[objective] if start[key] is not None]
    allowed = [n for n, row in table.items() if all(row[k] <= start[k] for k in (*wanted, "broken"))]

    def cost(name: str) -> tuple[float, int]:
        row = table[name]  # packets and hops decide where the chip has no prices or all are equal
        return float(np.prod([row[k] for k in wanted])), row["packets_off_core"] + row["hops"]

    best = min(allowed, key=cost)
    return Placed(candidates[best], best, table)


def _by_traffic(
    network: Network, chip: Chip, spikes: Mapping[str, Spikes], first: Placement, per_core: int, hyper: bool
) -> dict[str, Placement]:
    """Candidates, each on well chosen seats: in order; in order by work, on more cores; METIS by room and by work;
    ``hyper``: Mt-KaHyPar by room and by work."""
    synapses = sp.csr_array(synapses_by_target(network).T)
    rate = np.concatenate([spikes[p.name].counts().astype(float) for p in sources(network)])
    if not rate.any():
        rate[:] = 1.0
    work = _work(synapses, rate, chip, _steps(spikes))
    task, n = _Task(network, chip, synapses, rate, work, first, per_core, hyper), len(first.cores)
    parts = {"in_order, seated": np.concatenate(list(first.core.values()))}
    most = chips_used(chip, first) * chip.cores
    for cores in sorted({n, *(min(most, int(n * x)) for x in (1.25, 1.5, 2))}):
        parts[f"equal work, {cores} cores"] = _by_work(network, chip, work, per_core, cores)
    if synapses[: len(work)].nnz and n < len(work):  # there is something to cut
        for cores in sorted({n, max(2, int(0.85 * n)), min(n, _fewest_cores(synapses, chip, per_core))}):
            parts |= _cut(task, cores)
        parts |= _keep_together(task, most)
    out: dict[str, Placement] = {}
    for name, part in parts.items():
        cores, dense = np.unique(part, return_inverse=True)
        if np.bincount(dense).max() > per_core:  # moves could not mend what METIS made too large
            continue
        out[name] = split(network, _seat(synapses, rate, dense, chip, np.arange(len(cores)))[dense], name)
    return out


class _Task(NamedTuple):
    """What is to be placed: spikes of the sources are their ``rate``, ``work`` is that of each neuron by kind."""

    network: Network
    chip: Chip
    synapses: Sparse
    rate: Array
    work: Array
    first: Placement
    per_core: int
    hyper: bool


def _cut(task: _Task, cores: int) -> dict[str, Array]:
    """Parts of METIS, of equal room or of equal work, and parts in order, all refined by groups and by neurons.

    With ``task.hyper`` also parts of Mt-KaHyPar.
    """
    network, chip, synapses, rate, work, first, per_core, hyper = task
    twins = _twins(synapses, max(1, len(work) // (_GROUPS * cores)))
    group = twins.indices
    flow, table = _flow(synapses, rate, twins), sp.csr_array(synapses @ twins)
    take, full = _room(network, synapses, chip, first, per_core)
    weights = {"room": twins.T @ (take / full).max(1), "work": twins.T @ work[:, work.sum(0).argmax()]}
    starts = {f"METIS, equal {name}": _partition(flow, weight, cores)[group] for name, weight in weights.items()}
    if hyper:
        edges = sp.csr_array(table + sp.csr_array((np.ones(len(group)), (np.arange(len(group)), group)), table.shape))
        for name, weight in weights.items():
            starts[f"hypergraph, equal {name}"] = partition_hyperedges(edges, rate, weight, cores)[group]
    starts["in_order, refined"] = _by_work(network, chip, work, per_core, cores)
    out: dict[str, Array] = {}
    for name, part in starts.items():
        used = max(cores, int(part.max()) + 1)
        share = np.maximum(_SLACK * work.sum(0) / used, (twins.T @ work).max(0))
        take, full = _room(network, synapses, chip, split(network, part, ""), per_core)
        if "room" not in name:
            take, full = np.column_stack([take, work]), np.append(full, share)
        together = np.zeros(twins.shape[1], np.int64)
        together[group[::-1]] = part[::-1]  # a group is where its first neuron is
        part = _refine(table, rate, together, used, twins.T @ take, full)[group]
        out[f"{name}, {used} cores"] = _refine(synapses, rate, part, used, take, full)
    return out


def _keep_together(task: _Task, most: int) -> dict[str, Array]:
    """Parts of METIS, neurons with shared inputs together, on at most ``most`` cores: each with a share of the work
    of the busiest core in order."""
    network, chip, synapses, rate, work, first, per_core, _ = task
    twins = _twins(synapses, max(1, len(work) // (_SHARED_GROUPS * len(first.cores))))
    shared = _shared_inputs(synapses, rate, twins)
    out: dict[str, Array] = {}
    if shared is None:
        return out
    take, full = _room(network, synapses, chip, first, per_core)
    busiest = max(np.bincount(np.concatenate(list(first.core.values())), kind).max() for kind in work.T)
    for share in _WORK:
        need = np.maximum((take / full).max(1), (work / (share * busiest)).max(1))
        cores = int(np.ceil(_SPARE * need.sum()))
        if 1 < cores <= min(most, shared.shape[0]):
            out[f"shared inputs, {cores} cores"] = _partition(shared, twins.T @ need, cores)[twins.indices]
    return out


def _fewest_cores(synapses: Sparse, chip: Chip, per_core: int) -> int:
    """Cores that would do if lists of synapses were well filled, with a fifth to spare."""
    need = synapses.shape[1] / per_core
    memory = chip.limit("synapse_memory_per_core")
    if memory:
        need = max(need, 1.25 * synapses.sum() * chip.geometry("synapse_bits", 0) / memory)
    if most := chip.limit("synapses_per_core"):
        need = max(need, synapses.sum() / most)
    return max(2, int(np.ceil(1.2 * need)))


def _by_work(network: Network, chip: Chip, work: Array, per_core: int, cores: int) -> Array:
    """Neurons in order on at most about ``cores`` cores of nearly equal work."""
    high = float(work.sum(0).max())
    low = high / cores
    for _ in range(12):
        middle = (low + high) / 2
        used = len(fill(network, chip, per_core, work, middle).cores)
        low, high = (low, middle) if used <= cores else (middle, high)
    return np.concatenate(list(fill(network, chip, per_core, work, high).core.values()))


def _work(synapses: Sparse, rate: Array, chip: Chip, steps: int) -> Array:
    """Time each neuron takes its core over the run, (neurons, 2): for its own steps and spikes; to read synapses."""
    neurons = synapses.shape[1]
    own = (chip.time("neuron_access") or 0.0) + (chip.time("neuron_update") or 0.0)
    spiking = (chip.time("neuron_spike") or 0.0) + (chip.time("packet") or 0.0)
    reading = (chip.time("synaptic_event") or 0.0) * (synapses.T @ rate)
    work = np.stack([steps * own + spiking * rate[:neurons], reading], 1)
    return work if work.any() else np.ones((neurons, 2))


def _figures(network: Network, chip: Chip, spikes: Mapping[str, Spikes], placement: Placement) -> dict[str, Any]:
    meter = Meter(network, placement, chip, {q.name: "dense" for q in network.projections}, detailed=False)
    meter.add(spikes, _steps(spikes))
    counts = {n: meter.total(n) for n in ("packets", "hops_ew", "hops_ns")}
    prices = {"packets": "packet", "hops_ew": "hop_ew", "hops_ns": "hop_ns"}
    events = meter.by_core[:-1, 1]
    priced = any(chip.energy(name) is not None for name in prices.values())
    timed, tick = all(chip.time(name) is not None for name in ("neuron_access", "synaptic_event")), chip.time("tick")
    seconds = float(meter.simple.seconds.sum()) if timed else None
    return {
        "network_joules": sum(n * (chip.energy(prices[k]) or 0.0) for k, n in counts.items()) if priced else None,
        "seconds": seconds if tick is None else _steps(spikes) * tick,
        "packets": counts["packets"],
        "packets_off_core": counts["packets"] - meter.own_packets,
        "hops": counts["hops_ew"] + counts["hops_ns"],
        "cores": len(meter.cores),
        "load_imbalance": float(events.max() / events.mean()) if events.any() else 1.0,
        "broken": len(fit(network, placement, chip).violations),
    }
