"""The oracle: the update equations in plain numpy, one neuron vector and one presynaptic spike at a time.

Slow on purpose and short on purpose; every other backend is tested against it.

Order of summation (it matters for weights off a dyadic grid): at the end of step t, for each projection of delay
d >= 1 in declared order, for each neuron that spiked in step t + 1 - d in ascending order, its weights, each times the
value of its spike, are added to the input of step t + 1; then plastic projections learn. Projections of delay 0 are
added just before the update. A projection whose synapses have delays of their own is added delay after delay,
ascending.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import scipy.sparse as sp

from .._weights import values_of
from ..convolution import Convolution
from ..loihi.arithmetic import condition_weights
from ..lowering import groups_of, matrix_at
from ..network import Input, Network, Population, Projection
from ..plasticity import RuleSpikes
from ..recording.recorder import Recorder
from ..spikes import Recording, Spikes
from .base import Backend, Job, make_recording, register_backend

#: Steps that are handed to a recorder together.
_AT_A_TIME = 64


@dataclass
class State:
    """Everything the next step depends on.

    Attributes
    ----------
    step : int
        Steps done.
    neurons : dict of str to dict of str to array
        State variables by population.
    current : dict of str to array
        What has been delivered for the next step, by population.
    weights : dict of str to sparse array (post, pre), or Convolution
        By projection; plastic ones change theirs.
    memory : dict of str to object
        What the rules remember, by projection.
    history : list of dict of str to array
        Neurons that spiked in the last steps, by population; the newest step comes last.
    values : list of dict of str to array
        What these spikes carry, for the populations whose spikes carry other values than 1; and under (name, "v"), the
        membrane potentials of populations that deliver them.
    """

    step: int
    neurons: dict[str, dict[str, Any]]
    current: dict[str, Any]
    weights: dict[str, Any]
    memory: dict[str, Any]
    history: list[dict[str, Any]] = field(default_factory=list)
    values: list[dict[Any, Any]] = field(default_factory=list)


def initial_state(network: Network) -> State:
    """The state before step 0."""
    kind: Any = np.float64 if network.arithmetic == "float" else np.int64
    neurons = {p.name: p.neuron.initial(p.size) for p in network.neurons}
    weights = {}
    for q in network.projections:
        if isinstance(q.weights, Convolution):
            weights[q.name] = _kernel(q, kind)
            continue
        weights[q.name] = q.weights.astype(np.float64)
        if kind is np.int64:
            weights[q.name] = weights[q.name].astype(np.int64)
            weights[q.name].data = _conditioned(q)
    plastic = [(q.name, q.plasticity) for q in network.projections if q.plasticity]
    memory = {name: rule.start(weights[name], kind is np.int64) for name, rule in plastic}
    return State(0, neurons, {p.name: _no_current(p) for p in network.neurons}, weights, memory)


def _kernel(q: Projection, kind: Any) -> Convolution:
    """A convolution as it acts: in float64, or of Loihi's weights."""
    kernel = q.weights.kernel.astype(np.float64)
    if kind is np.int64:
        kernel[q.weights.used] = condition_weights(values_of(q.weights))
        kernel[~q.weights.used] = 0
    return q.weights.with_kernel(kernel)


def _conditioned(q: Projection) -> Any:
    """Loihi's weights; those of each delay by themselves, as a projection of their own would have them."""
    if len(q.delays) == 1:
        return condition_weights(q.weights.data, clip=q.plasticity is None)
    out = np.zeros(q.synapses, np.int64)
    for _, at in groups_of(q):
        out[at] = condition_weights(q.weights.data[at])
    return out


def _columns(q: Projection, weights: Any) -> dict[int, Any]:
    """Delay -> the weights of its synapses, by presynaptic neuron."""
    if isinstance(weights, Convolution):
        return {q.delay: weights}
    if len(q.delays) == 1:
        return {q.delay: weights.tocsc()}
    return {delay: matrix_at(weights, at).tocsc() for delay, at in groups_of(q)}


def _no_current(p: Population) -> dict[str, Any]:
    kind = np.float64 if p.neuron.arithmetic == "float" else np.int64
    return {receptor: np.zeros(p.size, kind) for receptor in p.neuron.receptors}


def _synapses(matrix: Any, pre: int, kind: Any) -> tuple[Any, Any]:
    """Targets and weights of a presynaptic neuron; ``kind`` is the type of what they are added to."""
    if isinstance(matrix, Convolution):
        targets, weights = matrix.row(pre)
        return targets, weights.astype(kind)
    column = slice(matrix.indptr[pre], matrix.indptr[pre + 1])
    return matrix.indices[column], matrix.data[column]


def _deliver(q: Any, matrix: Any, spiking: Any, values: Any, current: Any) -> None:
    """Add the weights of the spiking neurons, times the values of their spikes (None: 1), to ``current``."""
    total = current if q.exponent == 0 else np.zeros_like(current)
    for k, j in enumerate(spiking):
        targets, weights = _synapses(matrix, j, current.dtype)
        total[targets] += weights if values is None else weights * values[k]
    if q.exponent > 0:
        current += total << q.exponent
    elif q.exponent < 0:
        current += total >> -q.exponent


class Run:
    """A run in progress: the state, and what is counted and recorded on the way.

    Parameters
    ----------
    job : Job
        What to run.
    """

    def __init__(self, job: Job) -> None:
        self.job, self.network, self.done = job, job.network, 0
        self.state: State = initial_state(job.network) if job.state is None else copy.deepcopy(job.state)
        self.columns = {q.name: _columns(q, self.state.weights[q.name]) for q in self.network.projections}
        targets = {q.name: self.network[q.post].neuron.receptors for q in self.network.projections}
        self.receptor = {q.name: targets[q.name][self.network.receptor_of(q)] for q in self.network.projections}
        self.updated, self.changed = ({p.name: 0 for p in self.network.neurons} for _ in range(2))
        self.learned = {q.name: 0 for q in self.network.projections if q.plasticity}
        self.raster: dict[str, list[Any]] = {p.name: [] for p in self.network.neurons}
        self.traces: dict[str, list[Any]] = {name: [] for name in job.record}
        self.recorder, self.kept = job.recorder(), 0

    def step(self) -> None:
        """One step; progress is told of it."""
        t = self.done
        with np.errstate(over="ignore", invalid="ignore"):  # beyond float64 lies infinity, as in every other backend
            spikes = self._next(t)
        self.state.step += 1
        for name, rows in self.raster.items():
            rows.append(spikes[name])
        for (pop, variable), name in zip(self.job.traces(), self.job.record, strict=True):
            values = self.state.neurons[pop][variable]
            which = self.job.plan.traces[name].which if self.recorder and self.job.plan else None
            self.traces[name].append(values if which is None else values[which])
        self.done = t + 1
        if self.recorder:
            for name, samples in self.recorder.plan.weights.items():
                if self.recorder.due(samples, t):
                    self.recorder.weights(name, self.state.weights[name].data)
            if self.done - self.kept >= _AT_A_TIME:
                self._hand_on(self.recorder)
        if self.job.progress:
            self.job.progress(self.done)

    def _next(self, t: int) -> dict[str, Any]:
        """Bring the state one step on; returns the neurons that spike."""
        spikes, values = self._inputs(t)
        for name in self.network.update_order:
            spikes[name] = self._update(self.network[name], spikes, values)
        self._deliver_later(spikes, values)
        for q in self.network.projections:
            if q.plasticity:
                self._learn(q, spikes)
        return spikes

    def _hand_on(self, recorder: Recorder) -> None:
        """Give the recorder the spikes and traces since the last call."""
        if self.done == self.kept:
            return
        for name, rows in self.raster.items():
            found = _events(rows, len(rows), self.network[name].size)
            recorder.spikes(name, found.step + self.kept, found.neuron)
            rows.clear()
        for name, rows in self.traces.items():
            recorder.traces(name, self.kept, np.array(rows))
            rows.clear()
        self.kept = self.done
        recorder.reach(self.done)

    def recording(self, backend: str = "reference", state: Any = None) -> Recording:
        """What was recorded, also of fewer steps than asked for.

        Parameters
        ----------
        backend : str
            Whose name it bears.
        state : object
            The state to go on from; None: that of the reference.
        """
        job, done = self.job, self.done
        if done < job.steps:
            job = replace(job, steps=done, inputs={name: s.between(0, done) for name, s in job.inputs.items()})
        if self.recorder:
            self._hand_on(self.recorder)
            self.recorder.finish(done)
        return make_recording(
            job,
            backend,
            self.recorder or {p.name: self._spikes(p, job) for p in job.network.populations},
            traces={name: np.array(rows[:done]) for name, rows in self.traces.items()},
            updated=self.updated,
            changed=self.changed,
            weight_updates=self.learned,
            weights={name: _copied(self.state.weights[name]) for name in self.learned},
            state=self.state if state is None else state,
        )

    def _spikes(self, p: Input | Population, job: Job) -> Spikes:
        """What a population did, or an input was given."""
        if isinstance(p, Population):
            return _events(self.raster[p.name][: job.steps], job.steps, p.size)
        given = job.inputs[p.name]
        same = given.steps == job.steps
        return given if same else Spikes.trusted(given.step, given.neuron, job.steps, p.size, given.value)

    def _inputs(self, t: int) -> tuple[dict[str, Any], dict[str, Any]]:
        """Lines of the inputs that spike in step t of this run, and the values of these spikes where they are not 1."""
        at = {name: slice(*np.searchsorted(s.step, (t, t + 1))) for name, s in self.job.inputs.items()}
        kind: Any = np.float64 if self.network.arithmetic == "float" else np.int64
        graded = {name: s.value[at[name]] for name, s in self.job.inputs.items() if s.value is not None}
        values = {name: value.astype(kind) for name, value in graded.items()}
        return {name: s.neuron[at[name]] for name, s in self.job.inputs.items()}, values

    def _update(self, p: Population, spikes: Mapping[str, Any], values: Mapping[str, Any]) -> Any:
        """Step the neurons of a population; returns those that spike."""
        state, name = self.state, p.name
        current = state.current[name]
        for q in self.network.projections:
            if q.post == name and q.delays[0] == 0:
                into = current[self.receptor[q.name]]
                columns = self.columns[q.name][0]
                if q.signal == "v":
                    v = state.neurons[q.pre]["v"]
                    _deliver(q, columns, range(len(v)), v, into)
                else:
                    _deliver(q, columns, spikes[q.pre], values.get(q.pre), into)
        if p.clear_every and state.step % p.clear_every == p.clear_offset:
            state.neurons[name] = {v: np.zeros_like(array) for v, array in state.neurons[name].items()}
        before = state.neurons[name]
        after, spiking = p.neuron.step(before, current, state.step)
        self.updated[name] += int(p.neuron.updated(before, current).sum())
        watched = ["v"] if "v" in after else list(after)
        self.changed[name] += int(np.logical_or.reduce([after[v] != before[v] for v in watched]).sum())
        state.neurons[name], state.current[name] = after, _no_current(p)
        return np.flatnonzero(spiking)

    def _deliver_later(self, spikes: dict[str, Any], values: dict[Any, Any]) -> None:
        """Deliver, for the next step, the spikes that have been on their way long enough."""
        state, kept = self.state, self.network.spike_memory
        sending = {q.pre for q in self.network.projections if q.signal == "v"}
        values = values | {(name, "v"): state.neurons[name]["v"] for name in sending}
        state.history, state.values = [*state.history, spikes][-kept:], [*state.values, values][-kept:]
        for q in self.network.projections:
            into = state.current[q.post][self.receptor[q.name]]
            for delay, columns in self.columns[q.name].items():
                if 0 < delay <= len(state.history):
                    spiking, value = state.history[-delay][q.pre], state.values[-delay].get(q.pre)
                    if q.signal == "v":
                        value = state.values[-delay][q.pre, "v"]
                        spiking = range(len(value))
                    _deliver(q, columns, spiking, value, into)

    def _before(self, name: str, steps: int) -> Any:
        """Neurons of a population that spiked so many steps ago."""
        history = self.state.history
        return history[-1 - steps][name] if steps < len(history) else np.zeros(0, np.int64)

    def _learn(self, q: Projection, spikes: Mapping[str, Any]) -> None:
        rule, weights = q.plasticity, self.state.weights[q.name]
        assert rule is not None
        pre, post = (self._before(*late) for late in zip((q.pre, q.post), rule.delays(q), strict=True))
        third = rule.third_of(q)
        who = RuleSpikes(
            pre,
            post,
            spikes[rule.gate_of(q)],
            spikes[rule.signal_of(q)],
            () if third is None else spikes[third],
        )
        self.learned[q.name] += rule.step(weights, self.state.memory[q.name], who)
        self.columns[q.name] = _columns(q, weights)


def run(job: Job) -> Recording:
    """Run ``job`` with the reference equations: any neuron and rule that defines its step, in both arithmetics."""
    this = Run(job)
    while this.done < job.steps:
        this.step()
    return this.recording()


def _copied(weights: Any) -> sp.csr_array:
    """Weights of the result, which anybody may change."""
    return sp.csr_array(tuple(a.copy() for a in (weights.data, weights.indices, weights.indptr)), shape=weights.shape)


def _events(rows: list[Any], steps: int, size: int) -> Spikes:
    step = np.repeat(np.arange(steps), [len(r) for r in rows])
    return Spikes.trusted(step, np.concatenate(rows).astype(np.int64), steps, size)


register_backend(
    Backend(
        "reference",
        run,
        neurons=None,
        rules=None,
        features=None,
        weight_traces=True,
        values=True,
        native=("synapse_delays", "shared_weights"),
    )
)
