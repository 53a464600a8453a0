"""The event-driven engine: work is proportional to spikes, synaptic events and neurons that may still spike.

Neurons are kept in blocks of 256. A block is updated only in steps in which an input reaches it or one of its neurons
may spike without input; otherwise it sleeps and is brought up to date, step by step and bit for bit, when its next
input comes. Large populations in which few neurons get input run in the same way, but neuron by neuron. When all sleep
and no spike is on its way, the engine jumps to the next input.
Both arithmetics run in the same loops (:mod:`snmem.backends.event_kernels`); results equal the reference step exactly.
"""

from __future__ import annotations

import os
from collections import defaultdict
from concurrent.futures import Future, ThreadPoolExecutor, wait
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
from .event_modes import LONG, Modes
from .event_types import BLOCK, LINE, Net, State, check_aligned, copied, zeros

#: Most steps that a run may reach (float64 counts them exactly), and most threads.
STEPS, THREADS = 1 << 53, 256
#: Seconds of compiled work between two looks at Ctrl-C and progress.
SLICE_S = 0.2


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
    state = start.arrays
    if made.net.rule.size and state.weight is made.weight:
        state = state._replace(weight=made.weight.copy())
    net, out = _trace_plan(job, made)
    end = start.step + job.steps
    events, event_step = _input_events(job, made, start)
    neurons = len(job.network.neurons)
    team = _Team(made, net, state, job, start)
    kept: list[Any] = []
    stopped = False
    at = np.array([start.step, len(start.spikes), len(start.spikes), start.last])
    size = 8 if team.modes.candidates else end
    try:
        while at[0] < end:
            before = int(at[0])
            team.run(
                events, event_step, min(end, before + size), out[before - start.step :], bool(job.record), job.counters,
                at,
            )  # fmt: skip
            if at[0] - max(before, at[3]) >= LONG:  # silence, which takes blocks no time, whatever its length
                team.modes.settle(int(at[0]))
                size = end
            else:
                team.modes.look(int(at[0]))
                size = min(8 * size, LONG if team.modes.candidates else end)
            if team.full(int(at[1])):
                kept.append(_after(kept, start, team.spikes[:, : at[1]]).copy())
                n, at[1] = int(at[1]), 0  # until they are moved, none that are not kept
                at[1] = team.carry(neurons, n)
            if job.progress:
                job.progress(int(at[0]) - start.step)
    except KeyboardInterrupt:
        stopped = True
    finally:
        team.close()
    reached = int(at[0])
    team.modes.settle(reached)
    team.join()
    kernels.settle(net, state, reached, job.counters)
    spikes = _after(kept, start, team.spikes[:, : at[1]])
    if kept or 2 * spikes.size < team.spikes.size:  # else they stay where they are
        spikes = np.concatenate([*kept, spikes], axis=1)
    low = _rebase(state.ring[:, :neurons], int(at[1]))
    on_their_way = _on_their_way(team.spikes[0, low : at[1]], events, state.ring[:, neurons:])
    arrays = state if net.rule.size else state._replace(weight=None)
    final = EventState(job.network, reached, int(at[3]), arrays, on_their_way, start.exact and team.modes.exact)
    steps = reached - start.step
    if stopped:
        job = replace(job, steps=steps, inputs={name: s.between(0, steps) for name, s in job.inputs.items()})
    recording = _recording(job, made, final, state, spikes, out[:steps], start.step)
    recording = replace(recording, exact=start.exact and team.modes.certain)
    if stopped:
        raise Interrupted(replace(recording, state=replace(recording.state, data=None)))
    return recording


#: Arrays of a state with an entry for each neuron, or each block: how many of a block.
_OF_BLOCKS = {"u": BLOCK, "v": BLOCK, "cur": BLOCK, "touched": 1, "awake": 1, "upto": 1}


class _Team:
    """The threads of a run: all step the same network, each its own blocks; the first is the caller's.

    What is kept by neuron or block, and counters, rings and buffers, are each thread's own: threads that write to one
    line of the cache wait for each other, also where only the processor, reading ahead, goes beyond the blocks of one
    to those of the next. Weights, cells and traces are shared.
    """

    def __init__(self, made: Layout, net: Net, state: State, job: Job, start: EventState) -> None:
        blocks = int(np.diff(made.pop_blk).max())
        threads = 1 if net.rule.size else min(job.threads, blocks)
        self.net = net._replace(cut=made.cut(threads))
        self.states = [state, *(self._own(state, k) for k in range(1, threads))]
        more = self.states[1:]
        self.found = zeros(2, threads, int(made.first[-1]) // 16 * 16 + 32 if more else 1, dtype=np.int64)
        self.sync = np.zeros((kernels.SAID + threads, 2 * LINE // 8), np.int64)
        self.work = made.work(threads)
        self.room = int(made.first[len(made.network.neurons)])  # spikes of a step, at most
        self.buffers = self._buffers(len(start.spikes))
        for own in self.buffers:
            own[0, : len(start.spikes)], own[1, : len(start.spikes)] = start.spikes, start.step - 1
        self.pool = _threads(threads - 1) if more else None
        self.modes = Modes(made, self.net, self.states, bool(job.record) or job.counters, job.exact)
        for work, cells in zip(self.work, self.modes.cells, strict=True):
            check_aligned(bits=net.bits, sums=work.sums, cells=cells.cells, table=cells.table)

    def _buffers(self, carried: int) -> list[Any]:
        """Room for neurons and steps of spikes, for each thread: of those carried over, and of two steps or more."""
        size = 4 * carried + max(2 * self.room, 1 << 18)
        return [np.empty((2, size), np.int64) for _ in self.states]

    @property
    def spikes(self) -> Any:
        """Neurons and steps of the spikes so far, from those carried over on."""
        return self.buffers[0]

    def full(self, n: int) -> bool:
        """Whether n spikes leave no room for another step."""
        return n + self.room > self.spikes.shape[1]

    def carry(self, neurons: int, n: int) -> int:
        """Of n spikes, move those still on their way to the start of the buffers; returns how many. Makes room."""
        low = _rebase(self.states[0].ring[:, :neurons], n)
        moved = self.spikes[:, low:n].copy()
        if self.spikes.shape[1] < 2 * (n - low + self.room):
            self.buffers = self._buffers(n - low)
        for state, own in zip(self.states, self.buffers, strict=True):
            state.ring[:] = self.states[0].ring
            own[:, : n - low] = moved
        return n - low

    def run(self, events: Any, event_step: Any, stop: int, out: Any, dense: bool, counting: bool, at: Any) -> None:
        """Steps up to ``stop``; ``at`` (step, spikes in the buffer, next event, step of the latest spike) moves on."""
        at_start = at.copy()

        def part(thread: int) -> None:
            kernels.run(
                self.net, self.states[thread], self.modes.cells[thread], events, event_step, stop, int(1e9 * SLICE_S),
                *self.buffers[thread], self.room, out, self.work[thread], dense, counting, thread, self.sync,
                self.found, at if thread == 0 else at_start.copy(),
            )  # fmt: skip

        def other(thread: int) -> None:
            try:
                part(thread)
            except BaseException:
                self.sync[kernels.GIVE_UP] = 1
                raise

        if self.pool is None:
            part(0)
            return
        others = []
        try:
            others += [self.pool.submit(other, k) for k in range(1, len(self.states))]
            part(0)
        except BaseException:
            if at[0] == at_start[0]:  # else all steps are done, and the others finish theirs
                self.sync[kernels.GIVE_UP] = 1  # nobody waits any longer
            raise
        finally:
            _wait_for(others)
        for done in others:
            done.result()

    def _own(self, state: State, thread: int) -> State:
        """Arrays of a thread's own; counts are 0 at the start of every run."""
        arrays = {name: zeros(*getattr(state, name).shape, dtype=getattr(state, name).dtype) for name in _OF_BLOCKS}
        own = state._replace(ring=copied(state.ring), counts=copied(state.counts), **arrays)
        self._hand_over(state, own, thread)
        return own

    def _hand_over(self, source: State, to: State, thread: int) -> None:
        """What there is of a thread's blocks in one state goes to another."""
        for begin, end in self.net.cut[:, thread : thread + 2]:
            for name, size in _OF_BLOCKS.items():
                mine = slice(begin * size, end * size)
                getattr(to, name)[mine] = getattr(source, name)[mine]

    def join(self) -> None:
        """What every thread knows of its blocks, in the first one's arrays."""
        for k, state in enumerate(self.states[1:], 1):
            self._hand_over(state, self.states[0], k)

    def close(self) -> None:
        """Leave the threads to the next run and add up what they counted."""
        if self.pool is not None:
            _idle[len(self.states) - 1].append(self.pool)
            for state in self.states[1:]:
                self.states[0].counts[:] += state.counts


#: Threads that wait for work, by their number: starting some takes longer than a short run. A process that is forked
#: off has none of them.
_idle: defaultdict[int, list[ThreadPoolExecutor]] = defaultdict(list)
if hasattr(os, "register_at_fork"):  # Windows has no fork
    os.register_at_fork(after_in_child=_idle.clear)


def _threads(number: int) -> ThreadPoolExecutor:
    """So many threads that work for nobody."""
    try:
        return _idle[number].pop()
    except IndexError:
        return ThreadPoolExecutor(number, "snmem")


def _wait_for(others: list[Future[None]]) -> None:
    """Wait until all are done, also where that is interrupted."""
    try:
        wait(others)
    except KeyboardInterrupt:
        _wait_for(others)
        raise


def _rebase(ring: Any, n: int) -> int:
    """Of n spikes, the first that is still on its way, from which on ``ring`` counts then."""
    live = ring[..., 1] > ring[..., 0]
    low = int(ring[..., 0][live].min()) if live.any() else n
    ring[live] -= low
    ring[~live] = 0
    return low


def _after(kept: list[Any], start: EventState, spikes: Any) -> Any:
    """Of ``spikes`` (neurons, steps), those of later steps than the ones kept before, or carried over from before."""
    covered = max((part[1, -1] for part in kept if part.size), default=start.step - 1)
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
