"""Which neurons are updated in which step: from the traces of a run, chunk by chunk."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from ...convolution import Convolution
from ...lowering import split_delays
from ...network import Network, Population
from ...neurons import LIF
from ...spikes import Spikes
from .wiring import rows_of

Array = NDArray[Any]


def keeps_current(p: Population, name: str = "u") -> Array:
    """For each neuron, whether a synaptic current outlives the step (alpha != 0; on Loihi du != 4095)."""
    if isinstance(p.neuron, LIF):
        return p.neuron.vector("alpha" if name == "u" else "alpha2", p.size) != 0
    return p.neuron.vector("du", p.size) != 4095


def _lasting(p: Population) -> dict[str, Array]:
    """State variables beside v that make a neuron busy where they are not 0, and of which neurons."""
    there = {x: keeps_current(p, x) if x in ("u", "u2") else np.ones(p.size, bool) for x in p.neuron.variables}
    return {name: neurons for name, neurons in there.items() if name != "v" and neurons.any()}


def traces_needed(network: Network) -> list[str]:
    """Traces that :class:`Activity` needs: v of every population, and what else of its state outlives the step."""
    names = [f"{p.name}.v" for p in network.neurons]
    return names + [f"{p.name}.{name}" for p in network.neurons for name in _lasting(p)]


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

    A neuron is updated in a step if before it v is not 0 or u lives on (or the second current, the adaptation, a
    refractory period), if it has a bias or noise, if the spike of at least one presynaptic neuron arrives (whatever its
    weight), or if it spikes.
    """

    def __init__(self, network: Network) -> None:
        self.network = network = split_delays(network)
        self.step = 0
        self.state = {
            p.name: {name: x.astype(np.float64) for name, x in p.neuron.initial(p.size).items()}
            for p in network.neurons
        }
        self.lasting = {p.name: _lasting(p) for p in network.neurons}
        self.driven = {p.name: _driven(p) for p in network.neurons}
        sizes = [p.size for p in network.neurons]
        self.first = dict(zip([p.name for p in network.neurons], np.cumsum([0, *sizes]).tolist(), strict=False))
        self.pending = np.zeros((network.max_delay, sum(sizes)), np.uint8)
        self.ways = [_ways(q.weights) for q in network.projections]

    def chunk(self, spikes: Mapping[str, Spikes], traces: Mapping[str, Array], steps: int) -> Active:
        """The next ``steps`` steps, from their spikes and traces."""
        from .kernels import mark_arrivals, mark_late, mark_states
        from .windows import Windows, mark_windows

        late = len(self.pending)
        rows = np.zeros((steps + late, self.pending.shape[1]), np.uint8)
        rows[:late] = self.pending
        changed: dict[str, int] = {}
        changes = np.zeros((steps, rows.shape[1]), np.uint8)
        for p in self.network.neurons:
            s = spikes[p.name]
            rows[s.step, s.neuron + self.first[p.name]] = 1
            before, lasting = self.state[p.name], self.lasting[p.name]
            v, u = (traces.get(f"{p.name}.{x}", np.zeros((0, p.size))).astype(np.float64, copy=False) for x in "vu")
            for name in lasting.keys() - {"u"}:
                self._mark(p, name, np.asarray(traces[f"{p.name}.{name}"]), rows[:steps])
            changed[p.name] = mark_states(
                v, u if "u" in lasting else u[:0], before["v"], before["u"], keeps_current(p), self.driven[p.name],
                p.clear_every or 0, p.clear_offset, self.step, self.first[p.name], rows[:steps], changes,
            )  # fmt: skip
        for q, ways in zip(self.network.projections, self.ways, strict=True):
            s, first = spikes[q.pre], self.first[q.post]
            if isinstance(ways, Windows):
                mark_windows(ways.size, ways.taps, s.step, s.neuron, first, q.delay, rows)
                continue
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

    def _mark(self, p: Population, name: str, trace: Array, rows: Array) -> None:
        """Mark the neurons of which a further variable is not 0 before a step."""
        before = np.vstack([self.state[p.name][name], trace[:-1]])
        if p.clear_every:
            before[(self.step + np.arange(len(before))) % p.clear_every == p.clear_offset] = 0.0
        first = self.first[p.name]
        rows[:, first : first + p.size] |= ((before != 0) & self.lasting[p.name][name]).astype(np.uint8)
        self.state[p.name][name] = np.array(trace[-1], np.float64)


def _driven(p: Population) -> Array:
    """Which neurons have a bias or noise, so that they are updated in every step."""
    noise = p.neuron.vector("noise_sd", p.size) != 0 if isinstance(p.neuron, LIF) else False
    return (p.neuron.vector("bias", p.size) != 0) | noise


def _ways(weights: Any) -> Any:
    """The synapses of a projection, as far as arrivals need them."""
    from .windows import Windows

    return Windows(weights) if isinstance(weights, Convolution) else _Ways(weights)


class _Ways:
    """Synapses of a projection without weights, each (start, index): ``into`` by target, ``out`` by source."""

    def __init__(self, weights: Any) -> None:
        there = sp.csr_array((np.zeros(weights.nnz, np.int8), weights.indices, weights.indptr), weights.shape).tocsc()
        self.into, self.out = rows_of(weights), rows_of(there)
