"""The oracle: the update equations in plain numpy, one neuron vector and one presynaptic spike at a time.

Slow on purpose and short on purpose; every other backend is tested against it.

Order of summation (it matters for weights off a dyadic grid): at the end of step t, for each projection of delay
d >= 1 in declared order, for each neuron that spiked in step t + 1 - d in ascending order, its weights are added to
the input of step t + 1; then plastic projections learn. Projections of delay 0 are added just before the update.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..loihi.arithmetic import condition_weights
from ..loihi.learning import Learning
from ..network import Network
from ..neuron import LIF, step_lif, step_loihi
from ..plasticity import Instar, SumOfProducts
from ..spikes import Recording, Spikes
from .base import Backend, Job, make_recording, register_backend


@dataclass
class State:
    """Everything the next step depends on."""

    step: int
    u: dict[str, Any]
    v: dict[str, Any]
    current: dict[str, Any]
    history: list[dict[str, Any]]  # spike indices of the last steps, newest last
    weights: dict[str, Any]  # CSR (post, pre), plastic projections change theirs
    traces: dict[str, Any]
    engines: dict[str, Learning]  # of projections with a SumOfProducts


def initial_state(network: Network, v: Mapping[str, Any] | None = None) -> State:
    """The state before step 0: all zero, but for the membrane potentials ``v`` by population name."""
    kind = np.float64 if network.arithmetic == "float" else np.int64
    zeros = {p.name: np.zeros(p.size, kind) for p in network.neurons}
    begin = {p.name: np.zeros(p.size, kind) + np.asarray((v or {}).get(p.name, 0), kind) for p in network.neurons}
    weights = {}
    for q in network.projections:
        weights[q.name] = q.weights.astype(np.float64)
        if kind is np.int64:
            weights[q.name] = weights[q.name].astype(np.int64)
            weights[q.name].data = condition_weights(q.weights.data)
    traces = {q.name: 0.0 for q in network.projections if q.plasticity}
    rules = {q.name: q.plasticity for q in network.projections if isinstance(q.plasticity, SumOfProducts)}
    engines = {name: Learning(rule, weights[name], kind is np.int64) for name, rule in rules.items()}
    return State(0, dict(zeros), begin, {n: z.copy() for n, z in zeros.items()}, [], weights, traces, engines)


def _deliver(q: Any, matrix: Any, spiking: Any, current: Any) -> None:
    """Add the weights of the spiking neurons to ``current``."""
    total = current if q.exponent == 0 else np.zeros_like(current)
    for j in spiking:
        column = slice(matrix.indptr[j], matrix.indptr[j + 1])
        total[matrix.indices[column]] += matrix.data[column]
    if q.exponent > 0:
        current += total << q.exponent
    elif q.exponent < 0:
        current += total >> -q.exponent


def _learn(q: Any, state: State, spikes: dict[str, Any]) -> int:
    """One application of the rule of projection ``q``; returns the number of synapses touched."""
    rule, matrix = q.plasticity, state.weights[q.name]
    if isinstance(rule, SumOfProducts):
        return state.engines[q.name].step(matrix.data, spikes[q.pre], spikes[rule.gate or q.post])
    instar = isinstance(rule, Instar)
    gate = rule.gate or (q.post if instar else q.pre)
    signal = rule.signal or (q.pre if instar else q.post)
    x = np.zeros(matrix.shape[1 if instar else 0])
    x += rule.decay * state.traces[q.name]
    x[spikes[signal]] += 1
    state.traces[q.name] = x
    rows = np.repeat(np.arange(matrix.shape[0]), np.diff(matrix.indptr))
    own, other = (rows, matrix.indices) if instar else (matrix.indices, rows)
    touched = np.isin(own, spikes[gate])
    matrix.data[touched] += rule.rate * (x[other[touched]] - matrix.data[touched])
    return int(touched.sum())


def run(job: Job) -> Recording:
    """Run ``job`` with the reference equations (both arithmetics)."""
    network = job.network
    state: State = copy.deepcopy(job.state) if job.state is not None else initial_state(network)
    columns = {q.name: state.weights[q.name].tocsc() for q in network.projections}
    updated, changed = ({p.name: 0 for p in network.neurons} for _ in range(2))
    learned = {q.name: 0 for q in network.projections if q.plasticity}
    raster: dict[str, list[Any]] = {p.name: [] for p in network.populations}
    traces: dict[str, list[Any]] = {name: [] for name in job.record}
    for t in range(job.steps):
        spikes = {n: s.neuron[slice(*np.searchsorted(s.step, (t, t + 1)))] for n, s in job.inputs.items()}
        for name in network.update_order:
            p = network[name]
            current = state.current[name]
            for q in network.projections:
                if q.post == name and q.delay == 0:
                    _deliver(q, columns[q.name], spikes[q.pre], current)
            if p.clear_every and state.step % p.clear_every == p.clear_offset:
                state.u[name], state.v[name] = np.zeros_like(state.u[name]), np.zeros_like(state.v[name])
            before_u, before_v = state.u[name], state.v[name]
            step = step_lif if isinstance(p.neuron, LIF) else step_loihi
            u, v, s = step(p.neuron, before_u, before_v, current)  # type: ignore[arg-type]
            kept = p.neuron.alpha if isinstance(p.neuron, LIF) else 4095 - np.asarray(p.neuron.du)
            busy = (kept * before_u != 0) | (before_v != 0) | (current != 0) | (np.asarray(p.neuron.bias) != 0)
            updated[name] += int(busy.sum())
            changed[name] += int((v != before_v).sum())
            state.u[name], state.v[name], state.current[name] = u, v, np.zeros_like(u)
            spikes[name] = np.flatnonzero(s)
        state.history = [*state.history, spikes][-max(network.max_delay, 1) :]
        for q in network.projections:
            if q.delay and q.delay <= len(state.history):
                _deliver(q, columns[q.name], state.history[-q.delay][q.pre], state.current[q.post])
        for q in network.projections:
            if q.plasticity:
                learned[q.name] += _learn(q, state, spikes)
                columns[q.name] = state.weights[q.name].tocsc()
        state.step += 1
        for name, s in spikes.items():
            raster[name].append(s)
        for (pop, var), name in zip(job.traces(), job.record, strict=True):
            traces[name].append(getattr(state, var)[pop])
        if job.progress:
            job.progress(t + 1)
    return make_recording(
        job,
        "reference",
        {p.name: _events(raster[p.name], job.steps, p.size) for p in network.populations},
        traces={name: np.array(rows) for name, rows in traces.items()},
        updated=updated,
        changed=changed,
        weight_updates=learned,
        weights={q.name: state.weights[q.name].copy() for q in network.projections if q.plasticity},
        state=state,
    )


def _events(rows: list[Any], steps: int, size: int) -> Spikes:
    step = np.repeat(np.arange(steps), [len(r) for r in rows])
    return Spikes(step, np.concatenate(rows).astype(np.int64), steps, size)


register_backend(Backend("reference", run))
