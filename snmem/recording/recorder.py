"""A run is taken in piece by piece; what the plan wants of it goes to a store, the rest is counted and let go."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from ..network import Network, Projection
from ..sources.drawn import Drawn
from ..spikes import Spikes
from .choice import Plan, Samples

Array = NDArray[Any]
#: Counts that are handed on at a time.
_ROWS = 1 << 20


class Store(Protocol):
    """Where recorded numbers go. Steps count from the first of the run."""

    def spikes(self, name: str, step: Array, neuron: Array, value: Array | None) -> None:
        """Take spikes of a population, later than those before; ``value``: of those of an input that carry some."""

    def rows(self, kind: str, name: str, rows: Array) -> None:
        """Take rows of the table ``kind`` ("traces", "weight_traces", "counts", "rates") of this name."""

    def reach(self, steps: int) -> None:
        """Take note that all of the first ``steps`` steps is there."""


class Memory:
    """Keeps all of it in arrays.

    Attributes
    ----------
    events, tables : dict
        Population -> pieces (step, neuron); (kind, name) -> pieces of rows.
    """

    def __init__(self) -> None:
        self.events: dict[str, list[tuple[Array, Array]]] = {}
        self.tables: dict[tuple[str, str], list[Array]] = {}

    def spikes(self, name: str, step: Array, neuron: Array, value: Array | None) -> None:
        """Keep spikes; values stay with the inputs."""
        self.events.setdefault(name, []).append((step, neuron))

    def rows(self, kind: str, name: str, rows: Array) -> None:
        """Keep rows."""
        self.tables.setdefault((kind, name), []).append(rows)

    def reach(self, steps: int) -> None:
        """Nothing to do."""

    def spikes_of(self, name: str) -> tuple[Array, Array]:
        """Steps and neurons of the spikes of a population."""
        nothing = np.zeros(0, np.int64)
        step, neuron = zip((nothing, nothing), *self.events.get(name, ()), strict=True)
        return np.concatenate(step), np.concatenate(neuron)

    def table(self, kind: str, name: str, dtype: Any, columns: tuple[int, ...]) -> Array:
        """The rows of a table, of this type and these columns."""
        return np.concatenate([np.zeros((0, *columns), dtype), *self.tables.get((kind, name), ())]).astype(dtype)


class Recorder:
    """Takes in what a run yields, in the order of its steps.

    Parameters
    ----------
    network : Network
        That is simulated.
    inputs : mapping
        Input -> Spikes of the whole run.
    plan : Plan
        What is wanted.
    start : int
        Number of the first step.
    store : Store or None
        Where it goes; None: into memory.
    """

    def __init__(
        self, network: Network, inputs: Mapping[str, Spikes], plan: Plan, start: int = 0, store: Store | None = None
    ) -> None:
        self.network, self.inputs, self.plan, self.start = network, inputs, plan, start
        self.store: Store = Memory() if store is None else store
        self.sizes = {p.name: p.size for p in network.populations}
        self.spiked = dict.fromkeys(self.sizes, 0)
        self.synaptic_events = dict.fromkeys((q.name for q in network.projections), 0)
        self.steps = 0
        self._bins = _Bins(plan, self.sizes, network.dt)
        self._dense = [q for q in network.projections if q.signal == "v"]
        sparse = [q for q in network.projections if q.signal != "v"]
        self._leaving = {name: [q for q in sparse if q.pre == name] for name in self.sizes}

    def spikes(self, name: str, step: Array, neuron: Array, value: Array | None = None) -> None:
        """Take spikes of a population, sorted by step, then neuron; none is earlier than those taken before."""
        if not len(step):
            return
        self.spiked[name] += len(step)
        for q in self._leaving[name]:
            self.synaptic_events[q.name] += synaptic_events(neuron, q)
        self._bins.add(name, step, neuron)
        which = self.plan.spikes.get(name, ())
        if which is not None:
            mine = np.isin(neuron, which) if len(which) else np.zeros(len(neuron), bool)
            step, neuron, value = step[mine], neuron[mine], None if value is None else value[mine]
        if len(step):
            self.store.spikes(name, step, neuron, value)

    def due(self, samples: Samples, step: int) -> bool:
        """Whether ``step`` of this run is sampled."""
        return (self.start + step) % samples.every == 0

    def traces(self, name: str, first: int, rows: Array) -> None:
        """Take the rows of a trace from step ``first`` on, of its chosen neurons."""
        sampled = self.plan.traces[name].steps(self.start + first, len(rows))
        begin = sampled.start - self.start - first
        if begin < len(rows):
            self.store.rows("traces", name, rows[begin :: sampled.step].copy())

    def weights(self, name: str, weights: Array) -> None:
        """Take the weights of all synapses of a projection, in the order of ``Projection.weights``, after a step."""
        which = self.plan.weights[name].which
        self.store.rows("weight_traces", name, (weights if which is None else weights[which])[None].copy())

    def reach(self, steps: int) -> None:
        """Take note that all of the first ``steps`` steps has been taken, but for the inputs, which are taken here."""
        for name, s in self.inputs.items():
            if not self._only_counted(name, s):
                part = s.between(self.steps, steps)  # a source draws this part alone
                self.spikes(name, part.step + self.steps, part.neuron, part.value)
        for q in self._dense:
            self.synaptic_events[q.name] += q.synapses * (steps - self.steps)
        self.steps = steps
        self._bins.reach(steps, self.store)
        self.store.reach(steps)

    def _only_counted(self, name: str, spikes: Spikes) -> bool:
        """Whether the events of a source are counted, and not looked at one by one once more."""
        which = self.plan.spikes.get(name, ())
        return isinstance(spikes, Drawn) and which is not None and not len(which) and name not in self._bins.found

    def finish(self, steps: int) -> None:
        """The run has ended after ``steps`` steps."""
        self.reach(steps)
        for name, s in self.inputs.items():
            if self._only_counted(name, s):
                whole = s if steps == s.steps else s.between(0, steps)
                self.spiked[name] = len(whole)
                for q in self._leaving[name]:
                    self.synaptic_events[q.name] = synaptic_events_of(whole, q)
        self._bins.finish(steps, self.store)
        self.store.reach(steps)


class _Bins:
    """Spikes counted in bins, of which the latest ones are not yet complete."""

    def __init__(self, plan: Plan, sizes: Mapping[str, int], dt: float) -> None:
        self.plan, self.dt, self.first, self.sizes = plan, dt, 0, sizes
        names = dict.fromkeys((*plan.counts, *plan.rates))
        #: Columns: the neurons where each is counted, else one.
        self.columns = {name: sizes[name] if name in plan.counts else 1 for name in names}
        #: Places bin * columns + column that have spikes, and how many; by population.
        self.found: dict[str, list[tuple[Array, Array]]] = {name: [] for name in names}

    def add(self, name: str, step: Array, neuron: Array) -> None:
        if name in self.found:
            number = step // self.plan.bin if self.plan.bin else 0 * step
            place = number * self.columns[name] + (neuron if name in self.plan.counts else 0)
            self.found[name].append(np.unique(place, return_counts=True))

    def reach(self, steps: int, store: Store) -> None:
        """Hand on the bins that lie before step ``steps``."""
        if self.plan.bin and self.found:
            self._close(steps // self.plan.bin, self.plan.bin, store)

    def finish(self, steps: int, store: Store) -> None:
        """Hand on the rest, which may be a shorter bin."""
        rest = steps - self.first * (self.plan.bin or 0)
        if self.found and rest > 0:
            self._close(self.first + 1, rest, store)

    def _close(self, stop: int, width: int, store: Store) -> None:
        if stop <= self.first:
            return
        for name, columns in self.columns.items():
            pieces = [np.concatenate(parts) for parts in zip(*self.found[name], strict=True)] or [np.zeros(0, int)] * 2
            done = pieces[0] < stop * columns
            self.found[name] = [(pieces[0][~done], pieces[1][~done])]
            place, counted = (array[done] for array in pieces)
            rows = max(1, _ROWS // columns)
            for first in range(self.first, stop, rows):
                last = min(first + rows, stop)
                here = (place >= first * columns) & (place < last * columns)
                table = np.zeros((last - first) * columns, np.int64)
                np.add.at(table, place[here] - first * columns, counted[here])
                self._hand_on(name, table.reshape(-1, columns), width, store)
        self.first = stop

    def _hand_on(self, name: str, table: Array, width: int, store: Store) -> None:
        if name in self.plan.counts:
            store.rows("counts", name, table)
        if name in self.plan.rates:
            store.rows("rates", name, table.sum(axis=1) / (self.sizes[name] * width * self.dt))


def synaptic_events(neuron: Array, q: Projection) -> int:
    """Synapses of ``q`` that so many spikes reach."""
    if q.even_fan_out is not None:
        return len(neuron) * q.even_fan_out
    return int(q.fan_out.take(neuron).sum())


def synaptic_events_of(spikes: Spikes, q: Projection) -> int:
    """Synapses of ``q`` that all spikes of its presynaptic population reach; all in every step, if it delivers v."""
    if q.signal == "v":
        return q.synapses * spikes.steps
    return int(spikes.counts() @ q.fan_out) if isinstance(spikes, Drawn) else synaptic_events(spikes.neuron, q)


def carries_values(spikes: Spikes) -> bool:
    """Whether spikes of an input may carry values; those of a source are not drawn for that."""
    return spikes.source.values if isinstance(spikes, Drawn) else spikes.value is not None
