"""Networks as the flat arrays that the compiled loops of the event engine run on."""

from __future__ import annotations

import gc
from dataclasses import dataclass
from functools import cached_property
from typing import Any
from weakref import WeakValueDictionary

import numpy as np

from ...._weights import values_of
from ....errors import BackendError
from ....loihi.arithmetic import condition_weights
from ....lowering import groups_of
from ....network import Network, Population, Projection
from ....sources.base import Source
from ..arrays import (
    BLOCK,
    KINDS,
    LEVELS,
    ROOM,
    SPIKES,
    TILE,
    WORD,
    Net,
    Neurons,
    Planes,
    State,
    Synapses,
    Work,
    copied,
    kinds,
    side_by_side,
    state_of_blocks,
    zeros,
)
from ..columns import FIRST_ROW, PARTS, ZEROS
from ..reweighted import reweighted
from . import bitplanes
from .bundle import SHARES, bundle_of, members_of
from .custom import custom_of, initial, is_custom
from .extended import Lanes, begin, extended_of
from .late import late_of, queue_of
from .parameters import blocks_of, flags_of, spontaneous, tiles_of
from .potentials import potentials_of
from .rules import rules_of
from .shared import is_shared, shared_of, small_written_out
from .synapses import distinct, parts_of, records_of

#: Bytes that the ring of spikes on their way may take in each thread: 16 for each population and step of delay.
_RING = 1 << 28


@dataclass(frozen=True)
class EventState:
    """A finished run, to go on from: the state arrays and the spikes still on their way.

    ``arrays.weight`` is None where nothing learns: the weights are those of the network. Copies and unpickled states
    are as good as the original, as a run copies all arrays to aligned ones before it goes on.
    """

    network: Network
    step: int
    last: int
    arrays: State
    spikes: Any
    exact: bool = True  # whether u and v are those of stepping
    values: Any = None  # what the spikes carry; None: all 1
    graded: frozenset[str] = frozenset()  # inputs whose spikes carry values


class Layout:
    """A network as flat arrays: ``net`` for the kernels, ``fresh()`` for a state at step 0.

    Parameters
    ----------
    network : Network
        What to lay out.
    graded : set of str
        Inputs whose spikes carry values: their synapses are not counted by bit planes, and leave no sum on a grid.
    """

    def __init__(self, network: Network, graded: frozenset[str] = frozenset()) -> None:
        self.network, self.graded = network, graded
        self.made_of = network  # or what was written out of it; its parts live as long as the layout
        pops = [*network.neurons, *network.inputs]
        self.index = {p.name: i for i, p in enumerate(pops)}
        blocks = [blocks_of(p.size) if isinstance(p, Population) else 0 for p in pops]
        self.blocks = np.concatenate(([0], np.cumsum(blocks)))
        padded = [b * BLOCK or p.size for b, p in zip(blocks, pops, strict=True)]
        self.first = np.concatenate(([0], np.cumsum(padded)))
        self.sizes = np.array([p.size for p in pops])
        self.depth, self.needed = network.spike_memory, _needed(network)
        self.lanes = Lanes(network, int(self.blocks[-1]))
        _check_delays(network, _RING // (16 * len(pops)))
        self._cuts: dict[int, Any] = {}
        self.turns: dict[int, Any] = {}  # by threads: which way of running was faster (see .turns)
        values = [self.values_of(q) for q in network.projections]
        known = [None if q.plasticity else distinct(w) for q, w in zip(network.projections, values, strict=True)]
        plans = self._plans(values, known)
        self.tile = np.zeros(len(pops), np.int64)  # blocks
        for q, p in zip(network.projections, plans, strict=True):
            if p:
                self.tile[self.index[q.post]] = p.tile * WORD // BLOCK
        planes = self._planes(plans, values, known)
        aside = [self.lanes.offset(q, self.blocks, self.index) for q in network.projections]
        most = max(int(self.first[-1]), self.lanes.total * BLOCK)
        bundled, unit = members_of(network, known, graded, most)
        self.shared_out = bool(bundled)  # in shares, between which threads divide
        bundle = bundle_of(network, bundled, unit, values, self.index, self.first, self.cut(SHARES), aside, most)
        apart = [p is not None or is_shared(q) for q, p in zip(network.projections, plans, strict=True)]
        apart = [there or i in bundled for i, there in enumerate(apart)]
        records = records_of(network, self.index, self.first, self.blocks, apart, values, known, aside, most)
        late, shared = late_of(network, records, bundled), shared_of(network, values)
        del values  # some are as large as the weights
        self.weight = records.weight
        order = [self.index[name] for name in network.update_order]
        par, tile = tiles_of(network)
        custom, self.functions = custom_of(network, len(pops))
        rules = rules_of(network, self.index, self.first, self.sizes, records)
        self._memory = rules.memory()
        potentials, self.kept = potentials_of(network, self.index, custom)
        self.net = Net(
            Neurons(
                par, tile, self.blocks, self.first, self.sizes, self.cut(1), flags_of(network, len(pops)),
                np.array(order), np.arange(len(network.neurons), len(pops)),
            ),
            Synapses(*records[:2], *queue_of(network, self.index, order, bundled), *records[2:6]),
            planes,
            rules.rules(records.weight.size),
            custom,
            np.zeros((0, 6), np.int64),
            extended_of(network, self.lanes, self.index, self.blocks),
            potentials,
            late,
            bundle,
            shared,
            np.zeros(PARTS, np.int64),
        )  # fmt: skip

    def values_of(self, q: Projection) -> Any:
        """What a spike adds, in the order of ``q.weights``; of a convolution, in that of its ``values``."""
        if self.network.arithmetic == "float":
            return values_of(q.weights)
        if len(q.delays) == 1:
            return condition_weights(values_of(q.weights), clip=q.plasticity is None) * 2.0 ** max(q.exponent, 0)
        values = np.zeros(q.synapses)
        for _, at in groups_of(q):
            values[at] = condition_weights(q.weights.data[at]) * 2.0 ** max(q.exponent, 0)
        return values

    def _plans(self, values: list[Any], known: list[Any]) -> list[bitplanes.Plan | None]:
        """For each projection: how to lay it out in bit planes, or None.

        Sums on a grid are exact in any order. Those into a population are taken up to the first projection off it.
        """
        queue = self.network.projections
        plans: list[bitplanes.Plan | None] = [None] * len(queue)
        grids: dict[Any, bitplanes.Grid | None] = {}
        for i in sorted(range(len(queue)), key=lambda i: queue[i].delays == (0,)):  # as they are delivered
            q, w, d, to = queue[i], values[i], known[i], (queue[i].post, self.network.receptor_of(queue[i]))
            grid = grids.get(to, bitplanes.EMPTY)
            most = bitplanes.largest_value(self.network, q.pre, self.graded)
            d = None if most is None or q.signal == "v" else d
            if d is not None and most is not None and grid is not None:
                row = q.weights.shape[1] if len(q.delays) == 1 else int(np.diff(q.weights.indptr).max())
                grid = grid.join(bitplanes.grid_of(d, row * most))
                if not is_shared(q) and most == 1:
                    plans[i] = bitplanes.plan_planes(q, w, d, grid, parts_of(q.weights.shape[0]))
            grids[to] = None if d is None else grid
        return plans

    def _planes(self, plans: list[bitplanes.Plan | None], values: list[Any], known: list[Any]) -> Planes:
        """Return ``Net.planes``."""
        bits = zeros(sum(p.step * p.tiles for p in plans if p), dtype=np.uint64)
        dense, unit = np.zeros((len(plans), ZEROS + 1), np.int64), np.zeros(len(plans))
        dense[:, FIRST_ROW] = -1
        rows, row, word = [np.zeros((0, 2), np.int64)], 0, 0
        for i, (q, p) in enumerate(zip(self.network.projections, plans, strict=True)):
            if p is not None:
                rows.append(bitplanes.fill(p, q, values[i], known[i], bits[word:]) + np.array([word, 0]))
                dense[i], unit[i] = (row, p.tile, p.step, word), p.unit
                row, word = row + len(rows[-1]), word + p.step * p.tiles
        return Planes(dense, unit, np.concatenate(rows), bits)

    def variable(self, p: Population, name: str) -> tuple[int, int]:
        """A state variable as its neurons number them, or 0 for u and 1 for v; places from the neurons' to its own."""
        number = p.neuron.variables.index(name)
        if p.name not in self.lanes.first:
            return number, 0
        array, blocks = self.lanes.place(p, number, self.blocks, self.index)
        return array, blocks * BLOCK

    def work(self, threads: int) -> list[Work]:
        """Return room for the sums of each thread."""
        blocks = self.lanes.total
        scratch, net = zeros(blocks * BLOCK), self.net
        lists = net.planes.bits.size or net.late.used.size or net.bundle.used.size
        kinds = (
            ((3, KINDS * SPIKES if lists else 0), np.int64),
            (KINDS, np.int64),
            ((2 * LEVELS, TILE), np.uint64),
            ((blocks, BLOCK // WORD), np.uint64),
            ((3, BLOCK), np.float64),
            ((ROOM if self.lanes.first else 0, BLOCK), np.float64),
        )
        return [Work(scratch, *side_by_side(*kinds)) for _ in range(threads)]

    def cut(self, threads: int) -> Any:
        """(pops, threads + 1) blocks at which populations are divided among threads; between ranges if possible."""
        if self.shared_out and threads < SHARES and SHARES % threads == 0:
            return self.cut(SHARES)[:, :: SHARES // threads]
        if threads not in self._cuts:
            blocks, parts = np.diff(self.blocks), np.array([parts_of(size) for size in self.sizes])
            width = np.where(parts % threads == 0, np.maximum(-(-blocks // parts), self.tile), 1)
            width = np.maximum(width, 1)[:, None]
            at = width * np.round(-(-blocks[:, None] // width) * np.arange(threads + 1) / threads).astype(np.int64)
            self._cuts[threads] = self.blocks[:-1, None] + np.minimum(at, blocks[:, None])
        return self._cuts[threads]

    @cached_property
    def _awake(self) -> Any:
        """(blocks,) 1 where a spike may come without input, and where neurons are stepped in every step."""
        awake = np.zeros(self.lanes.total, np.uint8)
        awake[: self.blocks[-1]] = spontaneous(self.net.neurons.par)[self.net.neurons.tile]
        sending = {q.pre for q in self.network.projections if q.signal == "v"}
        for p in self.network.neurons:
            if is_custom(p) or p.name in self.lanes.first or p.name in sending:
                awake[slice(*self.blocks[self.index[p.name] :][:2])] = 1
        return awake

    @cached_property
    def _variables(self) -> Any:
        return initial(self.network)

    @cached_property
    def kinds(self) -> list[Any]:
        """Shape and type of each array of a state."""
        return kinds(self.fresh().arrays)

    def fresh(self) -> EventState:
        """The state before step 0; blocks that are not extended and in which no bias may bring a spike are asleep."""
        n = self.lanes.total
        x, tags, random = map(copied, self._memory)
        blocks, held = state_of_blocks(n, n * (BLOCK // WORD) if self.lanes.first else 0)
        blocks.awake[:] = self._awake
        state = State(
            blocks,
            copied(self._variables),
            weight=self.weight,
            x=x,
            tags=tags,
            random=random,
            ring=np.zeros((self.depth, len(self.sizes), 2), np.int64),
            counts=np.zeros((len(self.sizes), 2), np.int64),
            learned=np.zeros(len(self.net.rules.rule), np.int64),
            held=held,
            potentials=zeros(self.kept),
        )
        begin(self.network, self.lanes, self.index, self.blocks, blocks.u, blocks.v)
        return EventState(self.network, 0, -1, state, np.zeros(0, np.int64))


def _check_delays(network: Network, most: int) -> None:
    for q in network.projections:
        if q.delays[-1] > most:
            raise BackendError(
                f"backend 'event': projection {q.name!r} has a delay of {q.delays[-1]:,} steps; with "
                f"{len(network.populations)} populations it keeps up to {most:,}; use a shorter one, or backend "
                "'reference'"
            )


class Kept:
    """The layout kept with a network; copies and pickles of the network begin without one and build their own."""

    layout: Layout | None = None
    graded: Layout | None = None  # the last one for inputs that carry values
    ready: bool = False  # whether it has run, so that all that a run begins with is compiled

    def __reduce__(self) -> Any:
        return Kept, ()


#: Layouts that are in use, by what they are made of: networks that differ in what their sources draw share one.
_SHARED: WeakValueDictionary[Any, Layout] = WeakValueDictionary()


def _parts(network: Network) -> Any:
    """What a layout depends on, with each neuron population and projection by the object that it is."""
    inputs = tuple((p.name, p.size, p.largest if isinstance(p, Source) else 0.0) for p in network.inputs)
    names = tuple(p.name for p in network.populations)
    return tuple(map(id, (*network.neurons, *network.projections))), inputs, names, network.dt


def kept_of(network: Network) -> Kept:
    """What is kept with a network."""
    return network.__dict__.setdefault("_event_layout", Kept())


def layout_of(network: Network, graded: frozenset[str] = frozenset()) -> Layout:
    """Return the compiled form of a network, built once and kept with it, and with others of the same parts.

    Garbage collection is disabled meanwhile: numba, which loads compiled functions here for the first time, makes half
    a million objects that stay.

    Parameters
    ----------
    network : Network
        What to lay out.
    graded : set of str
        Inputs whose spikes carry values. Where these reach populations that receive bit planes, or synapses of the
        bundle, the network is laid out a second time without them.
    """
    kept = kept_of(network)
    if kept.layout is None:
        parts = _parts(network)
        kept.layout = _SHARED.get(parts) or _out_of_another(network, parts) or _built(network, frozenset())
        _SHARED[parts] = kept.layout
    if not graded or not _sums_reached(kept.layout, graded):
        return kept.layout
    if kept.graded is None or kept.graded.graded != graded:
        kept.graded = _built(network, graded)
    return kept.graded


def _out_of_another(network: Network, parts: Any) -> Layout | None:
    """The layout, where one in use is of a network with other weights alone."""
    ids, *rest = parts
    neurons = ids[: len(network.neurons)]
    for (others, *more), layout in list(_SHARED.items()):
        if more == rest and others[: len(neurons)] == neurons and (made := reweighted(layout, network)):
            return made
    return None


def _sums_reached(layout: Layout, graded: frozenset[str]) -> bool:
    """Whether a population that these inputs reach takes sums in any order: of bit planes, or of the bundle."""
    queue = layout.network.projections
    reached = {q.post for q in queue if q.pre in graded}
    planes = layout.net.planes.dense[:, FIRST_ROW] >= 0
    bundled = {layout.index[name] for name in reached} & set(layout.net.bundle.target[:, 0].tolist())
    return bool(bundled) or any(q.post in reached for q, there in zip(queue, planes, strict=True) if there)


def _built(network: Network, graded: frozenset[str]) -> Layout:
    collecting = gc.isenabled()
    gc.disable()
    try:
        layout = Layout(small_written_out(network), graded)
        layout.made_of = network
        return layout
    finally:
        if collecting:
            gc.enable()


def _needed(network: Network) -> Any:
    """For how many steps the spikes of each input are needed: the longest delay, or where rules see them, always."""
    last = {p.name: 1 for p in network.inputs}
    for q in network.projections:
        rule = q.plasticity
        seen = {q.pre} if rule is None else {q.pre, q.post, rule.third_of(q)}
        most = q.delays[-1] if rule is None else network.spike_memory
        last |= {name: max(last[name], most) for name in seen & last.keys()}
    return np.array(list(last.values()), np.int64)
