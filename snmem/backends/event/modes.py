"""Which populations the event engine runs neuron by neuron (:mod:`.kernels.cells`), which in blocks.

Both give the same bits. Blocks are fast where most of them have something to do in every step; a cell costs as much as
many neurons of a block that is stepped, but only when an input reaches it. The choice follows what the run has met
since the last look.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from itertools import pairwise
from typing import Any

import numpy as np

from ...network import Network, Population
from ...neurons import LIF
from .arrays import AGE_CLASSES, AGES, BATCH, BLOCK, LANES, WIDE, Cells, Net, State, Work, copied, side_by_side, zeros
from .columns import (
    ALPHA,
    BETA,
    BIAS,
    DELAY,
    EVENTS,
    FIELDS,
    FIRST_ROW,
    LATE,
    MARGIN,
    NEURON,
    PEAKS,
    POST,
    STEPPED,
    STEPS,
    THETA,
)
from .kernels import entries
from .kernels.cells import powers
from .layout.network import Layout
from .tuning import CELL_LIMITS, CELLS_FROM

#: Steps of a slice at most, and steps after which cells are brought up to date at the next look, since the list of due
#: cells has 31 bits for an age.
LONG = 1 << 29


def eligible(network: Network, p: Population, exact: bool) -> bool:
    """Whether the neurons of ``p`` can run one by one: many float LIF neurons, all alike, never cleared.

    Those that are refractory must stand still meanwhile, and not spike afterwards without input; what arrives at v is
    then all that they may know besides the synaptic current.
    """
    if p.size < CELLS_FROM or p.clear_every or type(p.neuron) is not LIF:
        return False
    receptors = {network.receptor_of(q) for q in network.projections if q.post == p.name}
    if p.neuron.features or receptors - {0}:
        below = np.all(np.maximum(p.neuron.v_reset, 0) <= p.neuron.theta)  # v goes from v_reset to 0
        quiet = below and np.all(p.neuron.bias == 0) and p.neuron.reset == "zero"
        more = p.neuron.features - {"initial_state"}
        if not (exact and quiet and more <= {"freeze", "reset_current"} and ("freeze" not in more or len(more) == 2)):
            return False
    parameters = (getattr(p.neuron, name) for name in ("alpha", "beta", "bias", "theta", "v_reset"))
    return all(np.min(values) == np.max(values) for values in parameters)  # theta may be inf


def _cells(layout: Layout, net: Net, threads: int, candidates: list[int], exact: bool) -> list[Cells]:
    """The arrays of the populations that may run by cells, of each thread."""
    pops, par_of, tile_of = len(layout.sizes), net.neurons.par, net.neurons.tile
    neurons = int(layout.blocks[-1]) * BLOCK if candidates else 0
    par = np.zeros((pops, par_of.shape[1], 1))
    table = zeros(pops, AGES if candidates and not exact else 0, 4)
    for p in candidates:
        par[p, :, 0] = par_of[tile_of[layout.blocks[p]], :, 0]
        if not exact:
            table[p] = powers(*par[p, [ALPHA, BETA, BIAS], 0])
    cells = zeros(FIELDS * neurons)  # no cell lies across two lines of the cache
    shared = Cells(
        on=np.zeros(pops, np.uint8),
        cells=cells,
        ages=cells.view(np.int64),
        due=zeros(neurons + pops * threads, dtype=np.int64),
        waiting=np.zeros((threads, pops), np.int64),
        direct=np.zeros((threads, pops), np.uint8),
        par=par,
        table=table,
        margin=np.tile([np.inf, *[0.0] * BATCH], (pops, 1)),
        load=np.zeros((pops, STEPS + 1), np.int64),
        **_room(neurons),
    )
    margin, load = shared.margin, shared.load
    more = (shared._replace(margin=copied(margin), load=copied(load), **_room(neurons)) for _ in range(1, threads))
    return [shared, *more]


def _room(neurons: int) -> dict[str, Any]:
    """What a thread needs of ``Cells`` for the cells that it steps."""
    whole, classes = np.int64, (2, AGE_CLASSES if neurons else 0)
    names = ("lanes", "lane_age", "stages", "first", "ordered", "classes")
    kinds = ((5, LANES), np.float64), (LANES, whole), (LANES // WIDE, whole), (classes, whole)
    return dict(zip(names, side_by_side(*kinds, (neurons, whole), (neurons, whole)), strict=True))


class Modes:
    """The choice for every population, and the arrays of those that run by cells, one ``Cells`` for each thread.

    Parameters
    ----------
    layout : Layout
        The network as arrays.
    net : Net
        ``net.neurons.cut`` tells which threads the populations run on; what belongs to others lies idle.
    states, work : list
        Of each thread.
    fixed : bool
        Leave everything in blocks.
    exact : bool
        Step sleeping cells; else use the closed form of their steps.
    graded : collection of str
        Inputs whose spikes carry values; the populations that they reach stay in blocks.
    """

    def __init__(
        self,
        layout: Layout,
        net: Net,
        states: list[State],
        work: list[Work],
        fixed: bool,
        exact: bool,
        graded: Collection[str] = (),
    ) -> None:
        self.net, self.states, self.work = net, states, work
        dense = net.synapses.links[net.planes.dense[:, FIRST_ROW] >= 0, POST].tolist()  # planes reach all neurons
        network = layout.network
        apart = {q.post for q in network.projections if (q.pre in graded and q.receptor != "v") or q.signal == "v"}
        apart |= {q.pre for q in layout.network.projections if q.signal == "v"}
        links = net.synapses.links
        dense += links[(links[:, DELAY] == LATE) | (net.shared.row >= 0), POST].tolist()
        names = (p for p in network.neurons if layout.index[p.name] not in dense and eligible(network, p, exact))
        self.candidates = [] if fixed else [layout.index[p.name] for p in names if p.name not in apart]
        self.cells = _cells(layout, net, len(states), self.candidates, exact)
        self.pause = dict.fromkeys(self.candidates, 0)  # looks to let pass before the next try
        self.patience = dict.fromkeys(self.candidates, 1)
        self.entered = dict.fromkeys(self.candidates, 0)  # the step at which they became cells
        self.closed = self.cells[0].table.shape[1] > 0
        self.to_cells, self.to_blocks = CELL_LIMITS[exact]
        self.exact = True  # whether u and v are those of stepping
        self.certain = True  # whether the spikes are

    @property
    def threads(self) -> int:
        """Threads that the populations run on."""
        return self.net.neurons.cut.shape[1] - 1

    def divide(self, net: Net) -> None:
        """Divide the due cells among the threads of ``net`` from now on, by their blocks."""
        for p in self.candidates:
            if self.cells[0].on[p]:
                due = np.concatenate([self._due(p, k)[: self.cells[0].waiting[k, p]] for k in range(self.threads)])
                block = (due & NEURON) // BLOCK
                self.cells[0].waiting[:, p] = 0
                self.cells[0].direct[:, p] = self.cells[0].direct[:, p].max()
                for k, (begin, end) in enumerate(pairwise(net.neurons.cut[p])):
                    mine = due[(block >= begin) & (block < end)]
                    self._due(p, k, begin)[: len(mine)] = mine
                    self.cells[0].waiting[k, p] = len(mine)
        self.net = net

    def _due(self, p: int, thread: int, begin: int | None = None) -> Any:
        """The list of due cells of population p and a thread, whose first block is ``begin``."""
        block = self.net.neurons.cut[p, thread] if begin is None else begin
        return self.cells[0].due[block * BLOCK + p * len(self.cells) + thread :]

    def look(self, t: int, prepare: Callable[[], None]) -> None:
        """Choose anew at the start of step t; ``prepare`` has compiled what runs cells."""
        for p in self.candidates:
            loads = np.array([c.load[p] for c in self.cells])
            stepped, events, steps = loads[:, STEPPED].sum(), loads[:, EVENTS].max(), loads[:, STEPS].max()
            for c in self.cells:  # every thread sees all events
                c.load[p] = 0
            size = int(self.net.neurons.size[p])
            if self.cells[0].on[p]:
                if self.to_blocks * (stepped + events) > size * steps:
                    self._give_up(p, t)
                elif t - self.entered[p] >= LONG:
                    self._leave(p, t)
                    self._enter(p, t)
            elif self.pause[p]:
                self.pause[p] -= 1
            elif stepped > self.to_cells * events:
                prepare()
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
            entries.enter(self.net, self.states[k], self.work[k], self.cells[k], p, k, t)

    def _leave(self, p: int, t: int) -> None:
        """Population p in blocks from the start of step t on."""
        for k in range(self.threads):
            entries.leave(self.net, self.states[k], self.cells[k], p, k, t)

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
        alpha, beta, theta = self.cells[0].par[p, [ALPHA, BETA, THETA], 0]
        stay_u, stay_v = (t if decay >= 1 else min(t, 1 / (1 - decay)) for decay in (alpha, beta))
        margins = np.array([c.margin[p] for c in self.cells])
        error = 8 * np.finfo(float).eps * stay_v * (1 + stay_u) * margins[:, PEAKS:].max()
        return bool(error < min(margins[:, MARGIN].min(), 4e-7 * abs(theta)))  # may_spike leaves out what is 1e-6 away
