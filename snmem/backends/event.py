"""The event-driven engine: work is proportional to spikes, synaptic events and neurons that may still spike.

Neurons are kept in blocks of 256. A block is updated only in steps in which an input reaches it or one of its neurons
may spike without input; otherwise it sleeps and is brought up to date, step by step and bit for bit, when its next
input comes. Large populations in which few neurons get input run in the same way, but neuron by neuron. When all sleep
and no spike is on its way, the engine jumps to the next input.
Both arithmetics run in the same loops (:mod:`snmem.backends.event_kernels`); results equal the reference step exactly.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import scipy.sparse as sp

from ..errors import InputError
from ..network import Projection
from ..plasticity import Instar, Outstar
from ..spikes import Interrupted, Recording, Spikes
from . import event_kernels as kernels
from .base import Backend, Job, make_recording, register_backend
from .event_layout import EventState, Layout, layout
from .event_modes import LONG
from .event_signals import CtrlC
from .event_team import Slice, Team, rebase
from .event_types import COUNT, LAST, STEP, Net, State, copied

#: Most steps that a run may reach (float64 counts them exactly), and most threads.
STEPS, THREADS = 1 << 53, 256
#: Seconds of bringing blocks up to date between two looks at Ctrl-C.
SETTLE_S = 0.1


def _start(job: Job, made: Layout) -> EventState:
    """The state to start from, copied so that the caller's stays as it was."""
    state = job.state
    if state is None:
        return made.fresh()
    if not isinstance(state, EventState):
        raise InputError(
            f"simulate: state is a {type(state).__name__}, expected Recording.state of an event-engine run"
        )
    fresh, given = made.fresh().arrays, state.arrays
    if given.weight is None:
        given = given._replace(weight=made.weight)
    if [(a.shape, a.dtype) for a in given] != [(a.shape, a.dtype) for a in fresh]:
        raise InputError("simulate: state is of another version of snmem; start without it")
    arrays = State(*(a if a is made.weight else copied(a) for a in given))
    arrays.counts[:] = 0
    arrays.learned[:] = 0
    return replace(state, network=job.network, arrays=arrays)


def _check(job: Job, start: int) -> None:
    """Raise InputError for more steps or threads than the engine counts."""
    if start + job.steps > STEPS:
        at = f" from step {start:,} on" if start else ""
        raise InputError(f"simulate: at most {STEPS:,} steps can be counted, got {job.steps:,}{at}; run fewer")
    if job.threads > THREADS:
        raise InputError(f"simulate: threads must be at most {THREADS}, got {job.threads:,}; use one per core")


def run(job: Job) -> Recording:
    """Run ``job`` on the event engine (both arithmetics, plasticity, continuing from a state).

    Ctrl-C raises Interrupted, which carries what was recorded so far.
    """
    _check(job, 0)
    made = layout(job.network)
    start = _start(job, made)
    _check(job, start.step)
    stopped = False
    with CtrlC() as ctrl_c:
        this = _Run(job, made, start)
        try:
            for _ in this.steps():
                ctrl_c.check()
        except KeyboardInterrupt:
            stopped = True
        finally:
            this.team.close()
        recording = this.recording(lambda: stopped or ctrl_c.pressed)
        try:
            ctrl_c.check()
        except KeyboardInterrupt:
            stopped = True
    if stopped:
        raise Interrupted(replace(recording, state=replace(recording.state, data=None)))
    return recording


class _Run:
    """A job while it runs: its threads, and what they have recorded."""

    def __init__(self, job: Job, made: Layout, start: EventState) -> None:
        self.job, self.made, self.start = job, made, start
        self.state = start.arrays
        if made.net.rule.size and self.state.weight is made.weight:
            self.state = self.state._replace(weight=made.weight.copy())
        self.net, self.out = _trace_plan(job, made)
        self.events, self.event_step = _input_events(job, made, start)
        self.team = Team(made, self.net, self.state, job, start)
        self.kept: list[Any] = []  # spikes that left no room in the buffer
        self.at = np.array([start.step, len(start.spikes), len(start.spikes), start.last, 0])

    def steps(self) -> Iterator[None]:
        """All steps, slice after slice."""
        job, start, team, at = self.job, self.start, self.team, self.at
        end = start.step + job.steps
        size = 8 if team.modes.candidates else end
        while at[STEP] < end:
            before = int(at[STEP])
            out = self.out[before - start.step :]
            stop = min(end, before + size)
            team.run(Slice(self.events, self.event_step, stop, out, bool(job.record), job.counters), at)
            if at[STEP] - max(before, at[LAST]) >= LONG:  # silence, which takes blocks no time, whatever its length
                team.modes.settle(int(at[STEP]))
                size = end
            else:
                team.modes.look(int(at[STEP]))
                size = min(8 * size, LONG if team.modes.candidates else end)
            if team.full(int(at[COUNT])):
                self.kept.append(self._later(team.spikes[:, : at[COUNT]]).copy())
                n, at[COUNT] = int(at[COUNT]), 0  # until they are moved, none that are not kept
                at[COUNT] = team.carry(n)
            if job.progress:
                job.progress(int(at[STEP]) - start.step)
            yield

    def recording(self, stopped: Callable[[], bool]) -> Recording:
        """What was recorded; ``stopped`` tells whether not to take long over what sleeps, and the state."""
        reached, spikes = int(self.at[STEP]), self.team.spikes
        steps = reached - self.start.step
        job = self.job
        if steps < job.steps:
            job = replace(job, steps=steps, inputs={name: s.between(0, steps) for name, s in job.inputs.items()})
        self.team.modes.settle(reached)
        if not self._settle(reached, stopped):
            job = replace(job, counters=False)  # what slept is not counted
        final = self._final(spikes)
        spikes = self._later(spikes[:, : self.at[COUNT]])
        if self.kept or 2 * spikes.size < self.team.spikes.size:  # else they stay where they are
            spikes = np.concatenate([*self.kept, spikes], axis=1)
        recording = _recording(job, self.made, final, self.state, spikes, self.out[:steps], self.start.step)
        return replace(recording, exact=self.start.exact and self.team.modes.certain)

    def _settle(self, end: int, stopped: Callable[[], bool]) -> bool:
        """Bring all blocks to step ``end``, with looks at ``stopped``; returns whether they are."""
        step, size = self.start.step, 1 << 16
        while step < end:
            step, began = min(end, step + size), time.perf_counter()
            kernels.settle(self.net, self.state, step, self.job.counters)
            if stopped() and step < end:
                return False
            size *= 2 if time.perf_counter() - began < SETTLE_S else 1
        return True

    def _final(self, spikes: Any) -> EventState:
        """The state to go on from."""
        reached, count, _, last, _ = map(int, self.at)
        ring, neurons = self.state.ring, self.team.neurons
        low = rebase(ring[:, :neurons], count)
        on_their_way = _on_their_way(spikes[0, low:count], self.events, ring[:, neurons:])
        arrays = self.state if self.net.rule.size else self.state._replace(weight=None)
        exact = self.start.exact and self.team.modes.exact
        return EventState(self.job.network, reached, last, arrays, on_their_way, exact)

    def _later(self, spikes: Any) -> Any:
        """Of ``spikes`` (neurons, steps), those of later steps than the ones kept, or carried over from before."""
        covered = max((part[1, -1] for part in self.kept if part.size), default=self.start.step - 1)
        return spikes[:, np.searchsorted(spikes[1], covered, side="right") :]


def _on_their_way(spikes: Any, events: Any, ring: Any) -> Any:
    """``spikes``, and behind them those of inputs that the rings point to in ``events``; points the rings there."""
    parts, n = [spikes], len(spikes)
    for slot in ring:
        for place in slot:
            parts.append(events[place[0] : place[1]])
            place[:] = n, n + len(parts[-1])
            n += len(parts[-1])
    return np.concatenate(parts)


def _input_events(job: Job, made: Layout, start: EventState) -> tuple[Any, Any]:
    """Input spikes by step, then neuron, behind all that are on their way from before."""
    ids = [s.neuron + made.first[made.index[name]] for name, s in job.inputs.items()]
    when = [s.step + start.step if start.step else s.step for s in job.inputs.values()]
    if len(ids) > 1:
        all_ids, all_steps = np.concatenate(ids), np.concatenate(when)
        order = np.lexsort((all_ids, all_steps))
        ids, when = [all_ids[order]], [all_steps[order]]
    if len(start.spikes) or not ids:
        return np.concatenate([start.spikes, *ids]), np.concatenate([0 * start.spikes + start.step - 1, *when])
    return ids[0], when[0]


def _trace_plan(job: Job, made: Layout) -> tuple[Net, Any]:
    rows, column = [], 0
    for pop, var in job.traces():
        p = made.index[pop]
        rows.append((p, "uv".index(var), column))
        column += int(made.sizes[p])
    plan = np.array(rows, np.int64).reshape(-1, 3)
    return made.net._replace(traces=plan), np.zeros((job.steps if rows else 0, column))


def _recording(
    job: Job, made: Layout, final: EventState, state: State, events: Any, out: Any, offset: int
) -> Recording:
    network = job.network
    spikes = {}
    for p in network.populations:
        if p.name in job.inputs:
            spikes[p.name] = job.inputs[p.name]
            continue
        neuron, step = events
        if len(network.neurons) > 1:
            neuron = neuron - made.first[made.index[p.name]]
            mine = np.flatnonzero(neuron.view(np.uint64) < p.size)  # as unsigned numbers, those below 0 are large
            neuron, step = neuron.take(mine), step.take(mine)
        spikes[p.name] = Spikes.trusted(step - offset if offset else step, neuron, job.steps, p.size)
    kind = np.float64 if network.arithmetic == "float" else np.int64
    columns = np.cumsum([network[pop].size for pop, _ in job.traces()])[:-1]
    traces = dict(zip(job.record, np.split(out, columns, axis=1), strict=True)) if job.record else {}
    plastic = [network.projections[r] for r in made.net.rule[:, 0]]
    counts = {p.name: state.counts[made.index[p.name]] for p in network.neurons}
    return make_recording(
        job,
        "event",
        spikes,
        traces={name: trace.astype(kind) for name, trace in traces.items()},
        updated={name: int(c[0]) for name, c in counts.items()},
        changed={name: int(c[1]) for name, c in counts.items()},
        weight_updates={q.name: int(n) for q, n in zip(plastic, state.learned, strict=True)},
        weights={q.name: _learned_weights(made, q, state.weight) for q in plastic},
        state=final,
    )


def _learned_weights(made: Layout, q: Projection, weight: Any) -> sp.csr_array:
    i = made.network.projections.index(q)
    at = made.net.ptr[made.net.proj[i, 4]] + made.net.shift[i]
    c = q.by_pre
    return sp.csc_array((weight[at : at + q.synapses].copy(), c.indices, c.indptr), shape=c.shape).tocsr()


EVENT = register_backend(Backend("event", run, rules=(Instar, Outstar)))
