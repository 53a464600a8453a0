"""The section of the network: populations and projections, what they hold and what passes between them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from .._weights import values_of
from ..network import Network, Projection
from ..sources.base import Input

#: Bins of a histogram of weights, and weights of a projection that are looked at.
_BINS, _WEIGHTS = 24, 10**6


def graph(network: Network, spikes: Mapping[str, Any], steps: int) -> dict[str, Any]:
    """The graph of a network, as plain data.

    Parameters
    ----------
    network : Network
        The network.
    spikes : mapping
        Population -> its spikes, for rates and events; of those that were recorded.
    steps : int
        Steps of the run.
    """
    counts = {name: _counts(s) for name, s in spikes.items()}
    ranks = _ranks(network)
    nodes = []
    for p in network.populations:
        total = int(counts[p.name].sum()) if p.name in counts else None
        kind = type(p).__name__ if isinstance(p, Input) else type(p.neuron).__name__
        node = {"name": p.name, "input": isinstance(p, Input), "neuron": kind, "size": p.size, "shape": _shape(p)}
        nodes.append({**node, "rank": ranks[p.name], "spikes": total, "output": p.name in network.outputs})
    return {"nodes": nodes, "edges": [_edge(q, counts.get(q.pre)) for q in network.projections], "steps": steps}


def _shape(population: Any) -> list[int]:
    shape = population.shape
    return [int(n) for n in (shape if isinstance(shape, tuple) else (shape,))]


def _counts(spikes: Any) -> np.ndarray[Any, Any]:
    """Spikes of each neuron; of those on disk, block by block."""
    if hasattr(spikes, "counts"):
        return spikes.counts()
    total, block = np.zeros(spikes.size, np.int64), max(1, spikes.steps // (len(spikes) // 10**6 + 1))
    for first in range(0, spikes.steps, block):
        total += np.bincount(spikes.between(first, first + block).neuron, minlength=spikes.size)
    return total


def _edge(q: Projection, counts: Any) -> dict[str, Any]:
    values = np.asarray(values_of(q.weights))
    sample = values[:: -(-len(values) // _WEIGHTS)] if len(values) > _WEIGHTS else values
    heights, edges = np.histogram(sample.astype(np.float64), _BINS) if len(sample) else (np.zeros(0), np.zeros(0))
    return {
        "name": q.name,
        "pre": q.pre,
        "post": q.post,
        "synapses": q.synapses,
        "delays": [q.delays[0], q.delays[-1]] if q.delays else [0, 0],
        "weights": {"heights": heights.astype(int).tolist(), "edges": edges.tolist(), "stored": len(values)},
        "mean": float(values.mean()) if len(values) else None,
        "rule": None if q.plasticity is None else type(q.plasticity).__name__,
        "receptor": q.receptor or None,
        "signal": q.signal,
        "events": None if counts is None or q.signal != "spikes" else int(q.fan_out @ counts),
    }


def _ranks(network: Network) -> dict[str, int]:
    """Columns of the graph: how many populations lie between an input and each one, at least."""
    after: dict[str, list[str]] = {p.name: [] for p in network.populations}
    for q in network.projections:
        after[q.pre].append(q.post)
    first = [p.name for p in network.inputs] or [network.neurons[0].name]
    ranks, front = dict.fromkeys(first, 0), first
    while front:
        front = [*dict.fromkeys(name for one in front for name in after[one] if name not in ranks)]
        ranks.update(
            (name, max(ranks[one] for one in after if name in after[one] and one in ranks) + 1) for name in front
        )
    return {name: ranks.get(name, 1) for name in after}
