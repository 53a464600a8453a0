"""Which populations the event engine runs neuron by neuron (:mod:`snmem.backends.event_cells`), which in blocks.

Both give the same bits. Blocks are fast where most of them have something to do in every step; a cell costs as much as
many neurons of a block that is stepped, but only when an input reaches it. The choice follows what the run has met
since the last look.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np

from ..network import Population
from ..neurons import LIF
from . import event_cells, event_kernels
from .event_intrinsics import LANES
from .event_layout import Layout
from .event_types import BLOCK, FLOCK, Cells, Net, State, copied, zeros

#: Neurons of a population from which on it may run by cells; below, its state stays in a near cache anyway.
FROM = 8192
#: exact -> (a, b): to cells where there are more than ``a`` neurons stepped to a synaptic event; back to blocks where
#: there are fewer than ``b`` neurons to an event or due cell. Measured where one way becomes faster than the other.
LIMITS = {True: (20, 7), False: (8, 5)}

#: Steps of a slice at most, and steps after which cells are brought up to date at the next look, since the list of due
#: cells has 31 bits for an age.
LONG = 1 << 29


def eligible(p: Population) -> bool:
    """Whether the neurons of ``p`` can run one by one: many float LIF neurons, all alike, never cleared."""
    if p.size < FROM or p.clear_every or not isinstance(p.neuron, LIF):
        return False
    return all(np.ptp(getattr(p.neuron, name)) == 0 for name in ("alpha", "beta", "bias", "theta", "v_reset"))


class Modes:
    """The choice for every population, and the arrays of those that run by cells, one ``Cells`` for each thread.

    ``net.cut`` tells which threads they run on; ``states`` and cells of any others lie idle.
    ``fixed``: leave everything in blocks.    ``exact``: step sleeping cells; else use the closed form of their steps.
    """

    def __init__(self, made: Layout, net: Net, states: list[State], fixed: bool, exact: bool) -> None:
        self.net, self.states = net, states
        dense = net.proj[net.dense[:, 0] >= 0, 1].tolist()  # planes of bits reach all neurons at once
        able = (made.index[p.name] for p in made.network.neurons if made.index[p.name] not in dense and eligible(p))
        self.candidates = [] if fixed else list(able)
        pops, threads = len(made.sizes), len(states)
        neurons = int(made.pop_blk[-1]) * BLOCK if self.candidates else 0
        par = np.zeros((pops, net.par.shape[1], 1))
        table = zeros(pops, event_cells.AGES if self.candidates and not exact else 0, 4)
        for p in self.candidates:
            par[p, :, 0] = net.par[net.blk_tile[made.pop_blk[p]], :, 0]
            if not exact:
                table[p] = event_cells.powers(*par[p, : event_cells.BIAS + 1, 0])
        cells = zeros(4 * neurons)  # no cell lies across two lines of the cache
        shared = Cells(
            on=np.zeros(pops, np.uint8),
            cells=cells,
            ages=cells.view(np.int64),
            due=zeros(neurons + pops * threads, dtype=np.int64),
            waiting=np.zeros((threads, pops), np.int64),
            par=par,
            table=table,
            margin=np.tile([np.inf, *[0.0] * FLOCK], (pops, 1)),
            load=np.zeros((pops, 3), np.int64),
            ordered=zeros(neurons, dtype=np.int64),
            first=np.zeros(event_cells.AGES, np.int64),
            lanes=np.zeros((5, LANES)),
            lane_age=np.zeros(LANES, np.int64),
        )
        own = ("margin", "load", "ordered", "first", "lanes", "lane_age") if self.candidates else ("load",)
        more = [shared._replace(**{name: copied(getattr(shared, name)) for name in own}) for _ in states[1:]]
        self.cells = [shared, *more]
        self.pause = dict.fromkeys(self.candidates, 0)  # looks to let pass before the next try
        self.patience = dict.fromkeys(self.candidates, 1)
        self.entered = dict.fromkeys(self.candidates, 0)  # the step at which they became cells
        self.closed = table.shape[1] > 0
        self.to_cells, self.to_blocks = LIMITS[exact]
        self.exact = True  # whether u and v are those of stepping
        self.certain = True  # whether the spikes are

    @property
    def threads(self) -> int:
        """Threads that the populations run on."""
        return self.net.cut.shape[1] - 1

    def divide(self, net: Net) -> None:
        """Divide the due cells among the threads of ``net`` from now on, by their blocks."""
        for p in self.candidates:
            if self.cells[0].on[p]:
                due = np.concatenate([self._due(p, k)[: self.cells[0].waiting[k, p]] for k in range(self.threads)])
                block = (due & event_cells.NEURON) // BLOCK
                self.cells[0].waiting[:, p] = 0
                for k, (begin, end) in enumerate(pairwise(net.cut[p])):
                    mine = due[(block >= begin) & (block < end)]
                    self._due(p, k, begin)[: len(mine)] = mine
                    self.cells[0].waiting[k, p] = len(mine)
        self.net = net

    def _due(self, p: int, thread: int, begin: int | None = None) -> Any:
        """The list of due cells of population p and a thread, whose first block is ``begin``."""
        block = self.net.cut[p, thread] if begin is None else begin
        return self.cells[0].due[block * BLOCK + p * len(self.cells) + thread :]

    def look(self, t: int) -> None:
        """Choose anew at the start of step t."""
        for p in self.candidates:
            loads = np.array([c.load[p] for c in self.cells])
            stepped, (_, events, steps) = loads[:, 0].sum(), loads.max(axis=0)  # every thread sees all events
            for c in self.cells:
                c.load[p] = 0
            size = int(self.net.pop_size[p])
            if self.cells[0].on[p]:
                if self.to_blocks * (stepped + events) > size * steps:
                    self._give_up(p, t)
                elif t - self.entered[p] >= LONG:
                    self._leave(p, t)
                    self._enter(p, t)
            elif self.pause[p]:
                self.pause[p] -= 1
            elif stepped > self.to_cells * events:
                self.exact &= not self.closed
                self._enter(p, t)
                if self.to_blocks * self.cells[0].waiting[:, p].sum() > size:  # they spike without input
                    self._give_up(p, t)

    def _give_up(self, p: int, t: int) -> None:
        self.certain &= not self.closed  # blocks do not look at the margin
        self._leave(p, t)
        self.pause[p] = self.patience[p]
        self.patience[p] *= 2

    def _enter(self, p: int, t: int) -> None:
        """Population p by cells from the start of step t on."""
        self.entered[p] = t
        for k in range(self.threads):
            event_kernels.enter(self.net, self.states[k], self.cells[k], p, k, t)

    def _leave(self, p: int, t: int) -> None:
        """Population p in blocks from the start of step t on."""
        for k in range(self.threads):
            event_kernels.leave(self.net, self.states[k], self.cells[k], p, k, t)

    def settle(self, t: int) -> None:
        """Everything in blocks, at the start of step t."""
        for p in self.candidates:
            if self.cells[0].on[p]:
                self.certain &= not self.closed or self._decided(p, t)
                self._leave(p, t)

    def _decided(self, p: int, t: int) -> bool:
        """Whether rounding in t steps by the closed form, and in as many by stepping, cannot have moved v over theta.

        Each step rounds u and v by at most 4 eps of the largest value, and what it leaves behind decays as they do.
        """
        alpha, beta, theta = self.cells[0].par[p, [event_cells.ALPHA, event_cells.BETA, event_cells.THETA], 0]
        stay_u, stay_v = (t if decay >= 1 else min(t, 1 / (1 - decay)) for decay in (alpha, beta))
        margins = np.array([c.margin[p] for c in self.cells])
        error = 8 * np.finfo(float).eps * stay_v * (1 + stay_u) * margins[:, 1:].max()
        return bool(error < min(margins[:, 0].min(), 4e-7 * abs(theta)))  # may_spike leaves out what is 1e-6 away
