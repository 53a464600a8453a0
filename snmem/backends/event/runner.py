"""A run of the event engine: from a job to a recording."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import scipy.sparse as sp

from ...errors import InputError
from ...network import Projection
from ...recording.interrupts import CtrlC
from ...spikes import Interrupted, Recording, Spikes
from ..base import Job, make_recording
from .arrays import Part, State, copied, kinds, state_of_blocks
from .columns import CHANGED, COUNT, EVENT, FIRST_PTR, LAST, PROJECTION, STEP, UPDATED
from .feed import Feed, graded_of
from .kernels import entries
from .layout.custom import check_counters
from .layout.network import EventState, Layout, layout_of
from .modes import LONG
from .team import Team, rebase
from .traces import rows_at_a_time, trace_columns

#: Most steps that a run may reach (float64 counts them exactly), and most threads.
STEPS, THREADS = 1 << 53, 256
#: Seconds after which a recorder is given the spikes so far.
HAND_ON_S = 1.0
#: Seconds of bringing blocks up to date between two looks at Ctrl-C.
SETTLE_S = 0.1


def _start(job: Job, layout: Layout) -> EventState:
    """The state to start from, copied so that the caller's stays as it was."""
    state = job.state
    if state is None:
        return layout.fresh()
    if not isinstance(state, EventState):
        raise InputError(
            f"simulate: state is a {type(state).__name__}, expected Recording.state of an event-engine run"
        )
    given = state.arrays
    if given.weight is None:
        given = given._replace(weight=layout.weight)
    if kinds(given) != layout.kinds:
        raise InputError("simulate: state is of another version of snmem; start without it")
    blocks, held = state_of_blocks(given.blocks.pending.size, given.held.size)
    for array, copy in zip((*given.blocks, given.held), (*blocks, held), strict=True):
        copy[:] = array
    own = {"blocks": blocks, "held": held}
    rest = {name: a for name, a in given._asdict().items() if name not in own}
    arrays = State(**own, **{name: a if a is layout.weight else copied(a) for name, a in rest.items()})
    arrays.counts[:] = 0
    arrays.learned[:] = 0
    return replace(state, network=job.network, arrays=arrays)


def _check(job: Job, start: int) -> None:
    """Raise InputError for more steps or threads than the engine counts, BackendError for what it cannot count."""
    if start + job.steps > STEPS:
        at = f" from step {start:,} on" if start else ""
        raise InputError(f"simulate: at most {STEPS:,} steps can be counted, got {job.steps:,}{at}; run fewer")
    if job.threads > THREADS:
        raise InputError(f"simulate: threads must be at most {THREADS}, got {job.threads:,}; use one per core")
    if job.counters:
        check_counters(job.network)


def run(job: Job, begin: Callable[[Layout, Team], None] | None = None) -> Recording:
    """Run ``job`` on the event engine (both arithmetics, plasticity, continuing from a state).

    Ctrl-C raises Interrupted, which carries what was recorded so far. ``begin`` is called before the first step.
    """
    _check(job, 0)
    layout = layout_of(job.network, graded_of(job))
    start = _start(job, layout)
    _check(job, start.step)
    stopped = False
    with CtrlC() as ctrl_c:
        this = _Run(job, layout, start)
        try:
            if begin is not None:
                begin(layout, this.team)
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

    def __init__(self, job: Job, layout: Layout, start: EventState) -> None:
        if layout.net.rules.rule.size and start.arrays.weight is layout.weight:
            start = replace(start, arrays=start.arrays._replace(weight=layout.weight.copy()))
        self.job, self.layout, self.start = job, layout, start
        self.state = start.arrays
        self.recorder = job.recorder()
        self.columns, self.net = trace_columns(job, layout)
        self.rows = job.steps if self.recorder is None else rows_at_a_time(self.columns, job.steps)
        self.out = np.zeros((self.rows if job.record else 0, self.columns))
        self.feed = Feed(job, layout, start)
        self.team = Team(layout, self.net, self.feed.inputs, job, start)
        self.kept: list[Any] = []  # spikes that left no room in the buffer
        self.covered, self.kept_at = start.step - 1, time.monotonic()  # the last step whose spikes are kept
        self.handed_on = start.step  # steps whose traces and weights the recorder was given
        self.at = np.array([start.step, len(start.spikes), len(start.spikes), start.last, 0])

    def steps(self) -> Iterator[None]:
        """All steps, slice after slice."""
        job, start, team, at = self.job, self.start, self.team, self.at
        end = start.step + job.steps
        size = 8 if team.modes.candidates else end
        while at[STEP] < end:
            before = int(at[STEP])
            if before == self.feed.until:
                self._feed()
            out, stop = self._room(before), min(end, before + size, self._next_stop(before), self.feed.until)
            team.run(Part(out, stop, 0, 0, bool(job.record), job.counters), at)
            if at[STEP] - max(before, at[LAST]) >= LONG:  # silence, which takes blocks no time, whatever its length
                team.modes.settle(int(at[STEP]))
                size = end
            else:
                team.look(int(at[STEP]))
                size = min(8 * size, LONG if team.modes.candidates else end)
            self._hand_on()
            if team.full(int(at[COUNT])):
                self._keep()
                n, at[COUNT] = int(at[COUNT]), 0  # until they are moved, none that are not kept
                at[COUNT] = team.carry(n)
            if job.progress:
                job.progress(int(at[STEP]) - start.step)
            yield

    def _carried(self, n: int) -> tuple[Any, Any]:
        """Spikes of inputs that are on their way, and their values; points the rings to them, from place n on."""
        depth, ring = self.layout.depth, self.state.ring[:, self.team.neurons :]
        back = (int(self.at[STEP]) - 1 - np.arange(depth)) % depth + 1  # steps since the last one of each slot
        ring[back[:, None] > self.layout.needed] = 0
        places = _on_their_way(n, ring)
        inputs = self.feed.inputs
        return inputs.neuron[places], inputs.value[places] if inputs.value.size else None

    def _feed(self) -> None:
        """Let the inputs of the next steps follow those that are on their way."""
        self.team.unite()
        carried = self._carried(0)
        self.team.inputs = self.feed.next(*carried)
        self.at[EVENT] = len(carried[0])

    def _room(self, before: int) -> Any:
        """Where the traces of the next steps go."""
        return self.out if self.recorder else self.out[before - self.start.step :]

    def _next_stop(self, before: int) -> int:
        """Before which step to stop next, after step ``before``, so that the recorder is given what is due."""
        if self.recorder is None:
            return STEPS
        every = [samples.every for samples in self.recorder.plan.weights.values()]
        return min(
            [before + max(self.rows, 1) if self.job.record else STEPS, *(before + 1 + -before % n for n in every)]
        )

    def _hand_on(self) -> None:
        """Give the recorder the traces and weights of the steps since the last call; and now and then, the spikes."""
        recorder, offset, before, reached = self.recorder, self.start.step, self.handed_on, int(self.at[STEP])
        if recorder is None or reached == before:
            return
        self.handed_on, first = reached, 0
        for name, samples in recorder.plan.traces.items():
            recorder.traces(name, before - offset, self.out[: reached - before, first : first + samples.columns])
            first += samples.columns
        for name, samples in recorder.plan.weights.items():
            if recorder.due(samples, reached - 1 - offset):
                q = self.job.network[name]
                recorder.weights(name, _learned_weights(self.layout, q, self.state.weight).data)
        if time.monotonic() - self.kept_at > HAND_ON_S:
            self._keep()

    def _keep(self) -> None:
        """Keep the spikes of the steps since the last call, or give them to the recorder."""
        later, reached = self._later(), int(self.at[STEP])
        if self.recorder is None:
            self.kept.append([array.copy() for array in later])
        else:
            for name, step, neuron in _by_population(self.job, self.layout, later, self.start.step):
                self.recorder.spikes(name, step, neuron)
            self.recorder.reach(reached - self.start.step)
        self.covered, self.kept_at = reached - 1, time.monotonic()

    def recording(self, stopped: Callable[[], bool]) -> Recording:
        """What was recorded; ``stopped`` tells whether not to take long over what sleeps, and the state."""
        job, reached = self.job, int(self.at[STEP])
        steps = reached - self.start.step
        if steps < job.steps:
            job = replace(job, steps=steps, inputs={name: s.between(0, steps) for name, s in job.inputs.items()})
        self.team.modes.settle(reached)
        if not self._settle(reached, stopped):
            job = replace(job, counters=False)  # what slept is not counted
        final = self._final()
        if self.recorder is not None:
            self._hand_on()
            self._keep()
            self.recorder.finish(steps)
        spikes = self._later()
        if self.kept or 2 * spikes[0].size < self.team.spikes.neuron.size:  # else they stay where they are
            spikes = [np.concatenate(parts) for parts in zip(*self.kept, spikes, strict=True)]
        found = _found(job, self.layout, spikes, self.start.step) if self.recorder is None else self.recorder
        traces = _traces(job, self.out[:steps]) if self.recorder is None else {}
        recording = _recording(job, self.layout, final, self.state, found, traces)
        certain = self.start.exact and self.team.modes.certain
        return recording if certain else replace(recording, exact=False)

    def _settle(self, end: int, stopped: Callable[[], bool]) -> bool:
        """Bring all blocks to step ``end``, with looks at ``stopped``; returns whether they are."""
        step, size = self.start.step, 1 << 16
        while step < end:
            step, began = min(end, step + size), time.perf_counter()
            entries.settle(self.team.nets[0], self.state, self.team.work[0], step, self.job.counters)
            if stopped() and step < end:
                return False
            size *= 2 if time.perf_counter() - began < SETTLE_S else 1
        return True

    def _final(self) -> EventState:
        """The state to go on from."""
        reached, count, last = (int(self.at[column]) for column in (STEP, COUNT, LAST))
        ring, neurons = self.state.ring, self.team.neurons
        low = rebase(ring[:, :neurons], count)
        carried, values = self._carried(count - low)
        on_their_way = np.concatenate([self.team.spikes.neuron[low:count], carried])
        graded = frozenset[str]()
        if values is not None and (values != 1).any():
            values, graded = np.concatenate([np.ones(count - low), values]), self.feed.graded
        else:
            values = None
        arrays = self.state if self.net.rules.rule.size else self.state._replace(weight=None)
        exact = self.start.exact and self.team.modes.exact
        return EventState(self.job.network, reached, last, arrays, on_their_way, exact, values, graded)

    def _later(self) -> Any:
        """Neurons and steps of the spikes in the buffer of later steps than those kept, or carried over from before."""
        neuron, step = (array[: self.at[COUNT]] for array in self.team.spikes)
        first = np.searchsorted(step, self.covered, side="right")
        return [neuron[first:], step[first:]]


def _on_their_way(n: int, ring: Any) -> Any:
    """Places of the spikes of inputs that the rings point to; points the rings to places from n on, in this order."""
    parts = [np.zeros(0, np.int64)]
    for slot in ring:
        for place in slot:
            parts.append(np.arange(place[0], place[1]))
            place[:] = n, n + len(parts[-1])
            n += len(parts[-1])
    return np.concatenate(parts)


def _by_population(job: Job, layout: Layout, events: Any, offset: int) -> Iterator[tuple[str, Any, Any]]:
    """Of spikes of all populations, the name of each, and the steps of this run and neurons of its own."""
    network = job.network
    for p in network.neurons:
        neuron, step = events
        if len(network.neurons) > 1:
            neuron = neuron - layout.first[layout.index[p.name]]
            mine = np.flatnonzero(neuron.view(np.uint64) < p.size)  # as unsigned numbers, those below 0 are large
            neuron, step = neuron.take(mine), step.take(mine)
        yield p.name, step - offset if offset else step, neuron


def _found(job: Job, layout: Layout, events: Any, offset: int) -> dict[str, Spikes]:
    """All spikes of a run, by population."""
    found = dict(job.inputs)
    for name, step, neuron in _by_population(job, layout, events, offset):
        found[name] = Spikes.trusted(step, neuron, job.steps, job.network[name].size)
    return {p.name: found[p.name] for p in job.network.populations}


def _traces(job: Job, out: Any) -> dict[str, Any]:
    """All traces of a run, in full."""
    if not job.record:
        return {}
    kind = np.float64 if job.network.arithmetic == "float" else np.int64
    columns = np.cumsum([job.network[pop].size for pop, _ in job.traces()])[:-1]
    traces = zip(job.record, np.split(out, columns, axis=1), strict=True)
    return {name: np.ascontiguousarray(trace, kind) for name, trace in traces}  # one alone in float64 is not copied


def _recording(job: Job, layout: Layout, final: EventState, state: State, found: Any, traces: Any) -> Recording:
    network = job.network
    plastic = [network.projections[r] for r in layout.net.rules.rule[:, PROJECTION]]
    counts = {p.name: state.counts[layout.index[p.name]] for p in network.neurons}
    return make_recording(
        job,
        "event",
        found,
        traces=traces,
        updated={name: int(c[UPDATED]) for name, c in counts.items()},
        changed={name: int(c[CHANGED]) for name, c in counts.items()},
        weight_updates={q.name: int(n) for q, n in zip(plastic, state.learned, strict=True)},
        weights={q.name: _learned_weights(layout, q, state.weight) for q in plastic},
        state=final,
    )


def _learned_weights(layout: Layout, q: Projection, weight: Any) -> sp.csr_array:
    i, synapses = layout.network.projections.index(q), layout.net.synapses
    at = synapses.ptr[synapses.links[i, FIRST_PTR]] + synapses.shift[i]
    c, data = q.by_pre, weight[at : at + q.synapses].copy()
    if layout.network.arithmetic == "loihi":
        data = (data / 2.0 ** max(q.exponent, 0)).astype(np.int64)
    return sp.csc_array((data, c.indices, c.indptr), shape=c.shape).tocsr()
