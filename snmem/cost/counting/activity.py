"""Which neurons are updated in which step: from the traces of a run, chunk by chunk."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from ...lowering import split_delays
from ...network import Network, Population
from ...neurons import LIF
from ...spikes import Spikes
from .wiring import rows_of

Array = NDArray[Any]


def keeps_current(p: Population) -> Array:
    """For each neuron, whether its synaptic current outlives the step (alpha != 0; on Loihi du != 4095)."""
    if isinstance(p.neuron, LIF):
        return p.neuron.vector("alpha", p.size) != 0
    return p.neuron.vector("du", p.size) != 4095


def traces_needed(network: Network) -> list[str]:
    """Traces that :class:`Activity` needs: v of every population, u of those whose current outlives the step."""
    names = [f"{p.name}.v" for p in network.neurons]
    return names + [f"{p.name}.u" for p in network.neurons if keeps_current(p).any()]


@dataclass(frozen=True, eq=False)
class Active:
    """Updated neurons of a chunk.

    neurons, changes : uint8 (steps, neurons of all populations), who is updated, and whose v differs before and after.
    updated, changed : neuron-steps by population.
    """

    neurons: Array
    changes: Array
    updated: Mapping[str, int]
    changed: Mapping[str, int]


class Activity:
    """Follows a run from its start; :meth:`chunk` takes the next steps.

    A neuron is updated in a step if before it v is not 0 or u lives on, if it has a bias, if the spike of at least one
    presynaptic neuron arrives (whatever its weight), or if it spikes.
    """

    def __init__(self, network: Network) -> None:
        self.network = network = split_delays(network)
        self.step = 0
        self.state = {p.name: (np.zeros(p.size), np.zeros(p.size)) for p in network.neurons}
        sizes = [p.size for p in network.neurons]
        self.first = dict(zip([p.name for p in network.neurons], np.cumsum([0, *sizes]).tolist(), strict=False))
        self.pending = np.zeros((network.max_delay, sum(sizes)), np.uint8)
        self.ways = [_Ways(q.weights) for q in network.projections]

    def chunk(self, spikes: Mapping[str, Spikes], traces: Mapping[str, Array], steps: int) -> Active:
        """The next ``steps`` steps, from their spikes and traces."""
        from .kernels import mark_arrivals, mark_late, mark_states

        late = len(self.pending)
        rows = np.zeros((steps + late, self.pending.shape[1]), np.uint8)
        rows[:late] = self.pending
        changed: dict[str, int] = {}
        changes = np.zeros((steps, rows.shape[1]), np.uint8)
        for p in self.network.neurons:
            s = spikes[p.name]
            rows[s.step, s.neuron + self.first[p.name]] = 1
            v, u = (traces.get(f"{p.name}.{x}", np.zeros((0, p.size))).astype(np.float64, copy=False) for x in "vu")
            changed[p.name] = mark_states(
                v, u, *self.state[p.name], keeps_current(p), p.neuron.vector("bias", p.size) != 0,
                p.clear_every or 0, p.clear_offset, self.step, self.first[p.name], rows[:steps], changes,
            )  # fmt: skip
        for q, ways in zip(self.network.projections, self.ways, strict=True):
            s, first = spikes[q.pre], self.first[q.post]
            step_start = np.searchsorted(s.step, np.arange(steps + 1))
            mark_arrivals(step_start, s.neuron, *ways.out, *ways.into, first, q.delay, rows[:steps])
            mark_late(s.step, s.neuron, step_start[max(steps - q.delay, 0)], *ways.out, first, q.delay, rows)
        self.pending = rows[steps:].copy()
        self.step += steps
        now = rows[:steps]
        updated = {p.name: now[:, self.first[p.name] : self.first[p.name] + p.size] for p in self.network.neurons}
        return Active(
            neurons=now,
            changes=changes,
            updated={name: int(np.count_nonzero(x)) for name, x in updated.items()},
            changed={name: int(n) for name, n in changed.items()},
        )


class _Ways:
    """Synapses of a projection without weights, each (start, index): ``into`` by target, ``out`` by source."""

    def __init__(self, weights: Any) -> None:
        there = sp.csr_array((np.zeros(weights.nnz, np.int8), weights.indices, weights.indptr), weights.shape).tocsc()
        self.into, self.out = rows_of(weights), rows_of(there)
