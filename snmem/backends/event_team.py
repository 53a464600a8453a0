"""The threads of a run of the event engine: all together where that is faster, else the first alone.

Threads meet in every step. On a busy machine one that is not running keeps the others waiting, for milliseconds where
a step takes microseconds; in small networks meeting takes longer than the step. So both ways are timed
(:class:`Turns`). Which thread steps what changes no bit.
"""

from __future__ import annotations

import os
import time
from collections import defaultdict
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import Any, NamedTuple

import numpy as np

from ..simulation import Job
from . import event_kernels as kernels
from .event_layout import EventState, Layout
from .event_modes import Modes
from .event_types import BLOCK, DONE, Net, State, check_aligned, copied, zeros

#: Seconds of compiled work between two looks at Ctrl-C and progress.
SLICE_S = 0.2
#: Seconds that the first thread waits for the others to start.
START_S = 2e-3
#: Arrays of a state with an entry for each neuron, or each block: how many of a block.
_OF_BLOCKS = {"u": BLOCK, "v": BLOCK, "cur": BLOCK, "touched": 1, "awake": 1, "upto": 1}


class Slice(NamedTuple):
    """Steps to make: what a call of the kernel gets beside arrays of the network, the state and the threads."""

    events: Any  # input spikes by step, then neuron
    event_step: Any
    stop: int  # the step before which to end
    out: Any  # traces, from the first of the steps on
    stepped: bool  # whether every block is stepped in every step
    counting: bool


class Turns:
    """Whether to run on all threads, by the time that a step took on all and on one when that was last tried.

    Begins with one. The other way is tried for a short time, again and again; a trial that cost time is repeated after
    a multiple of what it cost, and after twice as large a one if it costs time again.
    """

    #: Seconds of a trial, until the first one, until the next one at least and at most, and while running on all.
    TRIAL, FIRST, PAUSE, PAUSE_MOST, CHECK = 0.005, 0.02, 0.2, 20.0, 2.0
    #: Part of the time on one thread that all must not exceed; what a trial lost is to be spent so often before the
    #: next, at first.
    GAIN, TIMES = 0.95, 30

    def __init__(self) -> None:
        self.together, self.pace, self.seconds = False, {False: np.inf, True: np.inf}, self.TRIAL
        self.times = self.TIMES
        self.trial: float | None = None  # when to try the other way; None before the first slice

    def choose(self, now: float) -> tuple[bool, float]:
        """Whether to run on all threads, and the seconds for which to do so."""
        if self.trial is None:
            self.trial = now + self.FIRST
        if now >= self.trial:
            return not self.together, self.TRIAL
        return self.together, min(self.seconds, self.trial - now) if self.together else self.trial - now

    def note(self, together: bool, began: float, ended: float, steps: int) -> None:
        """Learn from a slice; ``steps`` is 0 where not all threads started."""
        seconds, other = ended - began, self.pace[not together]
        pace = self.pace[together] = seconds / steps if steps else np.inf
        if together == self.together:
            self.seconds *= 2  # longer pieces while it goes well
            turn = together and pace > other
            if together and self.seconds > SLICE_S:
                self.times = self.TIMES
        else:
            turn = pace <= (self.GAIN * other if together else other)
        if turn:
            self.together, self.seconds = not self.together, self.TRIAL
        if together and not self.together:  # all threads were slower
            lost = seconds - (steps and steps * other)
            self.trial = ended + max(self.PAUSE, min(self.times * lost, self.PAUSE_MOST))
            self.times *= 2
        elif turn or together != self.together:
            self.trial = ended + (self.CHECK if self.together else self.PAUSE)


class Team:
    """The threads of a run: all step the same network, each its own blocks; the first is the caller's.

    What is kept by neuron or block, and counters, rings and buffers, are each thread's own: threads that write to one
    line of the cache wait for each other, also where only the processor, reading ahead, goes beyond the blocks of one
    to those of the next. Weights, cells and traces are shared.
    """

    def __init__(self, made: Layout, net: Net, state: State, job: Job, start: EventState) -> None:
        blocks = int(np.diff(made.pop_blk).max())
        threads = 1 if net.rule.size else min(job.threads, blocks)
        self.nets = [net._replace(cut=made.cut(n)) for n in (1, threads)]
        self.states = [state, *(self._own(state) for _ in range(1, threads))]
        self.found = zeros(2, threads, int(made.first[-1]) // 16 * 16 + 32 if threads > 1 else 1, dtype=np.int64)
        self.work = made.work(threads)
        self.room = int(made.first[len(made.network.neurons)])  # spikes of a step, at most
        self.neurons = len(made.network.neurons)
        self.buffers = self._buffers(len(start.spikes))
        self.spikes[0, : len(start.spikes)], self.spikes[1, : len(start.spikes)] = start.spikes, start.step - 1
        self.pool = _threads(threads - 1) if threads > 1 else None
        self.modes = Modes(made, self.nets[0], self.states, bool(job.record) or job.counters, job.exact)
        for work, cells in zip(self.work, self.modes.cells, strict=True):
            check_aligned(bits=net.bits, sums=work.sums, cells=cells.cells, table=cells.table)
        self.divided = False  # whether what belongs to each thread's blocks is in its own arrays, or all in the first's
        self.turns = made.turns.setdefault(threads, Turns())

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

    def carry(self, n: int) -> int:
        """Of n spikes, move those still on their way to the start of the buffer; returns how many. Makes room."""
        self.unite()
        low = rebase(self.states[0].ring[:, : self.neurons], n)
        moved = self.spikes[:, low:n].copy()
        if self.spikes.shape[1] < 2 * (n - low + self.room):
            self.buffers = self._buffers(n - low)
        self.spikes[:, : n - low] = moved
        return n - low

    def run(self, part: Slice, at: Any) -> None:
        """Make steps; ``at`` (see STEP and what follows) moves on."""
        if self.pool is None:
            self._part(self.nets[0], 0, part, at, np.zeros((1, 1), np.int64), SLICE_S)
            return
        began, done = time.monotonic(), int(at[DONE])
        together, seconds = self.turns.choose(began)
        started = not together or self._together(part, at, min(seconds, SLICE_S))
        if not together:
            self.unite()
            self._part(self.nets[0], 0, part, at, np.zeros((1, 1), np.int64), min(seconds, SLICE_S))
        steps = int(at[DONE]) - done
        if steps or not started:
            self.turns.note(together, began, time.monotonic(), steps)

    def _together(self, part: Slice, at: Any, seconds: float) -> bool:
        """Make steps on all threads, or none where one of them does not start in time; returns whether all did.

        A thread that starts too late returns as soon as it runs, and nobody waits for it.
        """
        self._divide(int(at[1]))
        begin, threads, net = at.copy(), len(self.states), self.nets[1]
        sync = np.zeros((kernels.SAID + threads, int(kernels.COLUMNS)), np.int64)
        sync[kernels.PATIENCE] = 1e9 * START_S

        def other(thread: int) -> None:
            try:
                self._part(net, thread, part, begin.copy(), sync, seconds)
            except BaseException:
                sync[kernels.GIVE_UP] = 1
                raise

        others: list[Future[None]] = []
        try:
            others += _submit(self.pool, other, threads)
            if not others:
                sync[kernels.GIVE_UP] = 1
                return False
            self._part(net, 0, part, at, sync, seconds)
        except BaseException:
            if at[0] == begin[0]:  # else all steps are done, and the others finish theirs
                sync[kernels.GIVE_UP] = 1  # nobody waits any longer
            raise
        finally:
            if sync[kernels.STARTED, 0]:
                _wait_for(others)
        for done in others:
            if done.done():
                done.result()
        return bool(sync[kernels.STARTED, 0])

    def _part(self, net: Net, thread: int, part: Slice, at: Any, sync: Any, seconds: float) -> None:
        kernels.run(
            net, self.states[thread], self.modes.cells[thread], part.events, part.event_step, part.stop,
            int(1e9 * seconds), *self.buffers[thread], self.room, part.out, self.work[thread], part.stepped,
            part.counting, thread, sync, self.found, at,
        )  # fmt: skip

    def _own(self, state: State) -> State:
        """Arrays of a thread's own; counts are 0 at the start of every run."""
        arrays = {name: zeros(*getattr(state, name).shape, dtype=getattr(state, name).dtype) for name in _OF_BLOCKS}
        return state._replace(ring=copied(state.ring), counts=copied(state.counts), **arrays)

    def _hand_over(self, source: State, to: State, thread: int) -> None:
        """What there is of a thread's blocks in one state goes to another."""
        for begin, end in self.nets[1].cut[:, thread : thread + 2]:
            for name, size in _OF_BLOCKS.items():
                mine = slice(begin * size, end * size)
                getattr(to, name)[mine] = getattr(source, name)[mine]

    def _divide(self, n: int) -> None:
        """Let every thread have what belongs to its blocks, and the spikes on their way among the last n."""
        if self.divided:
            return
        ring = self.states[0].ring
        low = _oldest(ring[:, : self.neurons], n)
        for k, state in enumerate(self.states[1:], 1):
            self._hand_over(self.states[0], state, k)
            state.ring[:] = ring
            self.buffers[k][:, low:n] = self.spikes[:, low:n]
        self.modes.divide(self.nets[1])
        self.divided = True

    def unite(self) -> None:
        """Let the first thread have everything."""
        if self.divided:
            for k, state in enumerate(self.states[1:], 1):
                self._hand_over(state, self.states[0], k)
            self.modes.divide(self.nets[0])
            self.divided = False

    def close(self) -> None:
        """Leave the threads to the next run, with everything and all counts in the first state."""
        self.unite()
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
    """An idle pool of that many threads."""
    try:
        return _idle[number].pop()
    except IndexError:
        return ThreadPoolExecutor(number, "snmem")


def _submit(pool: Any, function: Any, threads: int) -> list[Future[None]]:
    """Call ``function`` with 1 .. threads-1 in threads of the pool; nothing where the system gives no more threads."""
    try:
        return [pool.submit(function, thread) for thread in range(1, threads)]
    except RuntimeError:
        return []


def _wait_for(others: list[Future[None]]) -> None:
    """Wait until all are done, also where that is interrupted."""
    try:
        wait(others)
    except KeyboardInterrupt:
        _wait_for(others)
        raise


def _oldest(ring: Any, n: int) -> int:
    """Of n spikes, the first that is still on its way."""
    live = ring[..., 1] > ring[..., 0]
    return int(ring[..., 0][live].min()) if live.any() else n


def rebase(ring: Any, n: int) -> int:
    """Of n spikes, the first that is still on its way, from which on ``ring`` counts then."""
    low = _oldest(ring, n)
    live = ring[..., 1] > ring[..., 0]
    ring[live] -= low
    ring[~live] = 0
    return low
