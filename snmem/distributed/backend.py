"""Backend "mpi": runs the part of this rank on the event engine, and puts the recordings of all together."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import scipy.sparse as sp

from ..backends import event
from ..backends.base import Backend, Job, make_recording, register_backend
from ..neurons import LIF
from ..plasticity import Instar, Outstar, PairSTDP, SelectiveClear, SelectiveSet
from ..sources.drawn import Drawn
from ..spikes import Recording, Spikes
from .agreement import agree_about
from .parts import Rank, check, rank_of
from .watch import watch
from .world import all_or_none, gathered, total, world


def run(job: Job) -> Recording:
    """Run the part of this rank; all ranks call this with the same job, and get the same recording.

    With a file to record to, each rank has its own, and its recording holds its own neurons' spikes only.
    """
    comm = world()
    check(job.network, comm)
    watch(comm)
    agree_about(job, comm)
    with all_or_none(comm, getattr(job.store, "place", None)):
        rank = rank_of(job.network, comm)
        found = event.run(_part_of(job, rank), rank.exchange.begin(dict(rank.relays)))
        return _whole(job, rank, found, comm)


def _part_of(job: Job, rank: Rank) -> Job:
    """The job of this rank."""
    inputs, wholes = dict[str, Spikes](), {gate: name for name, gate in rank.gates.items()}
    for p in rank.network.inputs:
        s = job.inputs[wholes.get(p.name, p.name)]
        if p.name in rank.own:
            s = _lines(s, p, *rank.own[p.name])
        inputs[p.name] = s
    there = {p.name for p in rank.network.neurons}
    record = tuple(f"{pop}.{var}" for pop, var in job.traces() if pop in there)
    return replace(
        job,
        network=rank.network,
        inputs=inputs,
        record=record,
        plan=None,
        store=None,
        progress=job.progress if rank.exchange.comm.rank == 0 else None,
    )


def _lines(spikes: Spikes, part: Any, low: int, high: int) -> Spikes:
    """Spikes of some lines of an input."""
    if isinstance(spikes, Drawn):
        return Drawn(part, spikes.start, spikes.steps, spikes.dt)
    mine = (spikes.neuron >= low) & (spikes.neuron < high)
    value = None if spikes.value is None else spikes.value[mine]
    return Spikes.trusted(spikes.step[mine], spikes.neuron[mine] - low, spikes.steps, high - low, value)


def _whole(job: Job, rank: Rank, found: Recording, comm: Any) -> Recording:
    """The recording of the whole network, of the parts of all ranks."""
    network, files = job.network, job.store is not None
    spikes: dict[str, Spikes] = dict(job.inputs)
    counts: dict[str, Any] = {}
    for p in network.neurons:
        own = _own_spikes(p, rank, found, job.steps)
        spikes[p.name] = own if files else _everybodys(own, comm)
        counts[p.name] = gathered(comm, np.bincount(own.neuron, minlength=p.size)[slice(*rank.own[p.name])])
    for p in network.inputs:
        full, part = job.inputs[p.name], found.spikes.get(p.name)
        if isinstance(full, Drawn):  # what was drawn here need not be drawn again to be counted
            drawn = np.zeros(0, np.int64) if part is None else part.counts()
            full.counted(gathered(comm, drawn) if p.name in rank.own else drawn)
        counts[p.name] = full.counts()
    traces = {name: _trace(job, name, found.traces.get(name), comm) for name in job.record}
    made = make_recording(
        job,
        "mpi",
        {p.name: spikes[p.name] for p in network.populations},
        traces=traces,
        updated=_sums(job, found.counters.updated, comm),
        changed=_sums(job, found.counters.changed, comm),
        weights=_weights(job, found, comm),
    )
    counters = replace(
        made.counters,
        spikes={name: int(n.sum()) for name, n in counts.items()},
        synaptic_events=_events(job, counts, comm),
        weight_updates=_updates(job, found, comm),
    )
    return replace(made, counters=counters)


def _own_spikes(p: Any, rank: Rank, found: Recording, steps: int) -> Spikes:
    """Spikes of this rank's neurons of a population, with their numbers in all of it."""
    own = found.spikes.get(p.name)
    if own is None:
        return Spikes.trusted(np.zeros(0, np.int64), np.zeros(0, np.int64), steps, p.size)
    return Spikes.trusted(own.step, own.neuron + rank.own[p.name][0], steps, p.size)


def _everybodys(own: Spikes, comm: Any) -> Spikes:
    """Spikes of all ranks' neurons of a population, by step, then neuron."""
    step, neuron = gathered(comm, own.step), gathered(comm, own.neuron)
    order = np.argsort(step, kind="stable")  # ranks have ascending neurons
    return Spikes.trusted(step[order], neuron[order], own.steps, own.size)


def _trace(job: Job, name: str, own: Any, comm: Any) -> Any:
    """A trace of all ranks' neurons."""
    columns = np.zeros((0, job.steps)) if own is None else np.ascontiguousarray(own.T)
    return np.ascontiguousarray(gathered(comm, columns.ravel()).reshape(-1, job.steps).T)


def _sums(job: Job, own: Mapping[str, int] | None, comm: Any) -> dict[str, int] | None:
    """Counts by population, of all ranks."""
    if own is None:
        return None
    names = [p.name for p in job.network.neurons]
    return dict(zip(names, total(comm, np.array([own.get(name, 0) for name in names])).tolist(), strict=True))


def _plastic(job: Job) -> list[Any]:
    return [q for q in job.network.projections if q.plasticity is not None]


def _updates(job: Job, found: Recording, comm: Any) -> dict[str, int]:
    """Synapses touched by learning, of all ranks."""
    names = [q.name for q in _plastic(job)]
    own = np.array([found.counters.weight_updates.get(name, 0) for name in names], np.int64)
    return dict(zip(names, total(comm, own).tolist(), strict=True))


def _weights(job: Job, found: Recording, comm: Any) -> dict[str, Any]:
    """Learned weights: all of them, or those of this rank where it has no others."""
    learned = {}
    for q in _plastic(job):
        own = found.weights[q.name].data if q.name in found.weights else np.zeros(0, q.weights.dtype)
        data = own if getattr(q.weights, "rows", None) else gathered(comm, own)
        learned[q.name] = sp.csr_array((data, q.weights.indices, q.weights.indptr), shape=q.weights.shape)
    return learned


def _events(job: Job, counts: Mapping[str, Any], comm: Any) -> dict[str, int]:
    """Synapses that the spikes of all ranks reach on all ranks."""
    queue = job.network.projections
    own = np.array([int(counts[q.pre] @ q.fan_out) for q in queue], np.int64)
    divided = np.array([getattr(q.weights, "rows", None) is not None for q in queue], bool)
    return dict(zip((q.name for q in queue), np.where(divided, total(comm, own), own).tolist(), strict=True))


MPI = register_backend(
    Backend(
        "mpi",
        run,
        neurons=(LIF,),
        rules=(Instar, Outstar, PairSTDP, SelectiveSet, SelectiveClear),
        without=("delay_0",),
        features=(
            "refractory", "freeze", "reset_current", "adaptation", "second_current", "initial_state", "receptor",
        ),
        states=(),
        on_request="for the processes that mpiexec starts",
        values=True,
        native=("synapse_delays",),
        divides=True,
    )
)  # fmt: skip
