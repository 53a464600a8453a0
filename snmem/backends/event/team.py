"""The threads of a run of the event engine: all together where that is faster, else the first alone.

Threads meet in every step. On a busy machine one that is not running keeps the others waiting, for milliseconds where
a step takes microseconds; in small networks meeting takes longer than the step. So both ways are timed
(:mod:`.turns`). Which thread steps what changes no bit.
"""

from __future__ import annotations

import os
import time
from collections import defaultdict
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import Any

import numpy as np

from ..base import Job
from . import turns
from .arrays import (
    BLOCK,
    WORD,
    Blocks,
    Buffer,
    Here,
    Inputs,
    Meeting,
    Net,
    Part,
    State,
    check_aligned,
    copied,
    state_of_blocks,
    zeros,
)
from .columns import BEGIN, COUNT, DONE, END, LANES, SHIFT, SIDE, STEP
from .kernels import entries
from .kernels.meeting import COLUMNS, GIVE_UP, PATIENCE, SAID, STARTED
from .layout.bundle import SHARES
from .layout.custom import runs_alone
from .layout.network import EventState, Layout
from .linking import link, link_cells
from .modes import Modes

#: Seconds that the first thread waits for the others to start.
START_S = 2e-3
#: Entries of the arrays of Blocks to a block.
_OF_BLOCK = Blocks(u=BLOCK, v=BLOCK, input=BLOCK, pending=1, awake=1, upto=1)


def with_cut(net: Net, cut: Any) -> Net:
    """Return the network with other blocks for each thread."""
    return net._replace(neurons=net.neurons._replace(cut=cut))


class Team:
    """The threads of a run: all step the same network, each its own blocks; the first is the caller's.

    What is kept by neuron or block, and counters, rings and buffers, are each thread's own: threads that write to one
    line of the cache wait for each other, also where only the processor, reading ahead, goes beyond the blocks of one
    to those of the next. Weights, cells and traces are shared.
    """

    def __init__(self, layout: Layout, net: Net, inputs: Inputs, job: Job, start: EventState) -> None:
        blocks = int(np.diff(layout.blocks).max())
        alone = net.rules.rule.size or runs_alone(layout.network) or net.potentials.senders.size
        threads = 1 if alone else min(job.threads, blocks)
        if net.bundle.used.size:  # divided into as many shares
            threads = 1 << (min(threads, SHARES).bit_length() - 1)
        self.nets = [with_cut(net, layout.cut(n)) for n in (1, threads)]
        self.inputs = inputs
        self.states = [start.arrays, *(self._own(start.arrays) for _ in range(1, threads))]
        room = int(layout.first[-1]) // 16 * 16 + 32 if threads > 1 else 1
        self.spiking = zeros(2, threads, room, dtype=np.int64)
        self.ignored = [np.empty(room, np.int64) for _ in range(threads)]
        self.work = layout.work(threads)
        self.neurons = len(layout.network.neurons)
        self.room = int(layout.first[self.neurons])  # spikes of a step, at most
        self.buffers = self._buffers(len(start.spikes))
        self.spikes.neuron[: len(start.spikes)], self.spikes.step[: len(start.spikes)] = start.spikes, start.step - 1
        self.pool = _threads(threads - 1) if threads > 1 else None
        fixed = bool(job.record) or job.counters
        graded = [p.name for p, yes in zip(layout.network.inputs, inputs.graded, strict=True) if yes]
        self.modes = Modes(layout, self.nets[0], self.states, self.work, fixed, job.exact, graded)
        link(self._here())
        for work, cells in zip(self.work, self.modes.cells, strict=True):
            check_aligned(bits=net.planes.bits, sums=work.sums, cells=cells.cells, table=cells.table)
        self.divided = False  # whether what belongs to each thread's blocks is in its own arrays, or all in the first's
        self.turns = layout.turns.setdefault(threads, turns.Turns())

    def _here(self) -> Here:
        """What the loop works on, on the first thread."""
        meeting = Meeting(0, _alone(), self.spiking, self.ignored[0])
        cells = self.modes.cells[0]
        return Here(self.nets[0], self.states[0], cells, self.work[0], self.inputs, self.buffers[0], meeting)

    def _buffers(self, carried: int) -> list[Buffer]:
        """Room for spikes, for each thread: for those carried over, and of two steps or more."""
        size = 4 * carried + max(2 * self.room, 1 << 18)
        return [Buffer(*np.empty((2, size), np.int64)) for _ in self.states]

    @property
    def spikes(self) -> Buffer:
        """The spikes so far, from those carried over on."""
        return self.buffers[0]

    def look(self, t: int) -> None:
        """Choose anew, at the start of step t, what runs neuron by neuron."""
        self.modes.look(t, lambda: link_cells(self._here()))

    def full(self, n: int) -> bool:
        """Whether n spikes leave no room for another step."""
        return n + self.room > self.spikes.neuron.size

    def carry(self, n: int) -> int:
        """Of n spikes, move those still on their way to the start of the buffer; returns how many. Makes room."""
        self.unite()
        low = rebase(self.states[0].ring[:, : self.neurons], n)
        moved = [array[low:n].copy() for array in self.spikes]
        if self.spikes.neuron.size < 2 * (n - low + self.room):
            self.buffers = self._buffers(n - low)
        for array, part in zip(self.spikes, moved, strict=True):
            array[: n - low] = part
        return n - low

    def run(self, part: Part, at: Any) -> None:
        """Make steps; ``at`` (see STEP and what follows) moves on."""
        if self.pool is None:
            self._alone(part, at, turns.SLICE_S)
            return
        began, done = time.monotonic(), int(at[DONE])
        together, seconds = self.turns.choose(began)
        started = not together or self._together(part, at, min(seconds, turns.SLICE_S))
        if not together:
            self.unite()
            self._alone(part, at, min(seconds, turns.SLICE_S))
        steps = int(at[DONE]) - done
        if steps or not started:
            self.turns.note(together, began, time.monotonic(), steps)

    def _alone(self, part: Part, at: Any, seconds: float) -> None:
        self._part(self.nets[0], 0, part, at, _alone(), seconds)

    def _together(self, part: Part, at: Any, seconds: float) -> bool:
        """Make steps on all threads, or none where one of them does not start in time; returns whether all did.

        A thread that starts too late returns as soon as it runs, and nobody waits for it.
        """
        self._divide(int(at[COUNT]))
        begin, threads, net = at.copy(), len(self.states), self.nets[1]
        sync = np.zeros((SAID + threads, int(COLUMNS)), np.int64)
        sync[PATIENCE] = 1e9 * START_S

        def other(thread: int) -> None:
            try:
                self._part(net, thread, part, begin.copy(), sync, seconds)
            except BaseException:
                sync[GIVE_UP] = 1
                raise

        others: list[Future[None]] = []
        try:
            others += _submit(self.pool, other, threads)
            if not others:
                sync[GIVE_UP] = 1
                return False
            self._part(net, 0, part, at, sync, seconds)
        except BaseException:
            if at[STEP] == begin[STEP]:  # else all steps are done, and the others finish theirs
                sync[GIVE_UP] = 1  # nobody waits any longer
            raise
        finally:
            if sync[STARTED, 0]:
                _wait_for(others)
        for done in others:
            if done.done():
                done.result()
        return bool(sync[STARTED, 0])

    def _part(self, net: Net, thread: int, part: Part, at: Any, sync: Any, seconds: float) -> None:
        part = part._replace(time=int(1e9 * seconds), room=self.room)
        meeting = Meeting(thread, sync, self.spiking, self.ignored[thread])
        state, cells, work = self.states[thread], self.modes.cells[thread], self.work[thread]
        entries.run(net, state, cells, work, self.inputs, self.buffers[thread], part, meeting, at)

    @staticmethod
    def _own(state: State) -> State:
        """Arrays of a thread's own; counts are 0 at the start of every run."""
        blocks, held = state_of_blocks(state.blocks.pending.size, state.held.size)
        return state._replace(blocks=blocks, ring=copied(state.ring), counts=copied(state.counts), held=held)

    def _hand_over(self, source: State, to: State, thread: int) -> None:
        """What there is of a thread's blocks in one state goes to another."""
        arrays = [*zip(_OF_BLOCK, source.blocks, to.blocks, strict=True), (BLOCK // WORD, source.held, to.held)]
        for flags, cut in zip(self.nets[1].extended.flags, self.nets[1].neurons.cut, strict=True):
            lanes = range(max(int(flags[LANES]), 1))
            for aside in (int(k > 0) * (flags[SHIFT] + (k - 1) * flags[SIDE]) for k in lanes):
                begin, end = cut[thread : thread + 2] + aside
                for size, old, new in arrays:
                    mine = slice(begin * size, end * size)
                    new[mine] = old[mine]

    def _divide(self, n: int) -> None:
        """Let every thread have what belongs to its blocks, and the spikes on their way among the last n."""
        if self.divided:
            return
        ring = self.states[0].ring
        low = _oldest(ring[:, : self.neurons], n)
        for k, state in enumerate(self.states[1:], 1):
            self._hand_over(self.states[0], state, k)
            state.ring[:] = ring
            for mine, first in zip(self.buffers[k], self.spikes, strict=True):
                mine[low:n] = first[low:n]
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


def _alone() -> Any:
    """Where a thread meets nobody."""
    return np.zeros((1, 1), np.int64)


#: Pools of idle threads, by their number: starting some takes longer than a short run. A process that is forked off has
#: none of them.
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
    live = ring[..., END] > ring[..., BEGIN]
    return int(ring[..., BEGIN][live].min()) if live.any() else n


def rebase(ring: Any, n: int) -> int:
    """Of n spikes, the first that is still on its way, from which on ``ring`` counts then."""
    low = _oldest(ring, n)
    live = ring[..., END] > ring[..., BEGIN]
    ring[live] -= low
    ring[~live] = 0
    return low
