"""The part of a network that a rank runs: its neurons, their synapses, and relays for where they come from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np

from ..description import Weights, frozen
from ..errors import BackendError
from ..network import Input, Network, Population, Projection
from ..sources import Source
from ..topology.own import share
from .exchange import Exchange
from .relay import Relay
from .world import total

#: Steps between two exchanges, at most.
_LONGEST = 64


@dataclass(frozen=True, eq=False)
class SomeLines(Source):
    """Some lines of a source.

    Parameters
    ----------
    name : str
        That of the source.
    shape : int
        How many there are.
    whole : Source
        What draws their events.
    first : int
        The first of them.
    """

    whole: Any = None
    first: int = 0

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "values", self.whole.values)

    @property
    def largest(self) -> float:
        """As that of the source."""
        return self.whole.largest

    def expected(self, dt: float) -> float:
        """Their share of the events."""
        return self.whole.expected(dt) * self.size / self.whole.size

    def draw(self, start: int, stop: int, dt: float) -> Any:
        """Events of these lines alone."""
        return self.whole.draw_part(start, stop, dt, self.first, self.first + self.size)

    def drawing(self, dt: float, low: int, high: int) -> Any:
        """As the source draws them."""
        return self.whole.drawing(dt, self.first + low, self.first + high)


@dataclass(frozen=True, eq=False)
class Rank:
    """What a rank runs.

    Attributes
    ----------
    network : Network
        Its neurons, inputs, and relays.
    own : mapping
        Population or divided input -> the first of its neurons, and the one behind the last.
    exchange : Exchange
        Of the spikes.
    relays : mapping
        Population -> the relay that stands for all of it.
    gates : mapping
        Input in place of the neurons of a plastic projection -> the one that has the lines of this rank's neurons.
    """

    network: Network
    own: Mapping[str, tuple[int, int]]
    exchange: Exchange
    relays: Mapping[str, str]
    gates: Mapping[str, str]


def check(network: Network, comm: Any) -> None:
    """Raise BackendError, naming the projection, for what cannot be divided among ranks."""
    for q in network.projections:
        owner, own = f"backend 'mpi': projection {q.name!r}", share(network[q.post].size, comm.rank, comm.size)
        rows = getattr(q.weights, "rows", own)
        if rows not in (None, own):
            raise BackendError(
                f"{owner} holds the synapses onto neurons {rows[0]}..{rows[1] - 1}, this rank has {own[0]}.."
                f"{own[1] - 1}; draw it within snmem.distributed.rank_rows"
            )
        if q.plasticity is not None and q.plasticity.third_of(q):
            raise BackendError(f"{owner} learns from a third population; run it on one process, with backend 'event'")


def rank_of(network: Network, comm: Any) -> Rank:
    """The part of this rank, of a network that :func:`check` has let pass."""
    ranks: tuple[int, int] = comm.rank, comm.size
    own = {p.name: share(p.size, *ranks) for p in network.neurons}
    every = _interval(network, comm)
    own |= {name: share(network[name].size, *ranks) for name in _divided(network, own, comm)}
    sizes = {p.name: p.size for p in network.neurons if any(p.name in _sources(q) for q in network.projections)}
    exchange = Exchange(comm, sizes, {name: own[name] for name in sizes}, every)
    taken = {p.name for p in network.populations} | {q.name for q in network.projections}
    relays = {name: _unused(f"{name} of all ranks", taken) for name in sizes}
    sides = {_post_side(q): q.post for q in network.projections if q.plasticity is not None}
    gates = {name: _unused(f"{name} of this rank", taken) for name in sides if isinstance(network[name], Input)}
    own |= {gate: own[sides[name]] for name, gate in gates.items()}
    populations = [_part(p, own) for p in network.populations if not _empty(p, own)]
    populations += [_lines(network[name], gate, *own[gate]) for name, gate in gates.items() if len(range(*own[gate]))]
    if sizes or not any(isinstance(p, Population) for p in populations):  # a network has one at least
        signal = exchange.step if sizes else _nothing
        populations.append(Population(_unused("exchange", taken), 1, Relay.calling(signal)))
    for (name, size), table in zip(sizes.items(), exchange.tables, strict=True):
        populations.append(Population(relays[name], size, Relay.of_table(table)))
    projections = [
        _projection(_gated(q, gates), network, own, relays, every - 1)
        for q in network.projections
        if own[q.post][0] < own[q.post][1]
    ]
    return Rank(Network(tuple(populations), tuple(projections), dt=network.dt), own, exchange, relays, gates)


def _gated(q: Projection, gates: Mapping[str, str]) -> Projection:
    """The projection, whose rule has the lines of this rank for an input in place of its neurons."""
    if q.plasticity is None or _post_side(q) not in gates:
        return q
    field: Any = "gate" if q.plasticity.gated_by == "post" else "signal"
    rule: Any = q.plasticity
    return replace(q, plasticity=replace(rule, **{field: gates[_post_side(q)]}))


def _empty(p: Any, own: Mapping[str, tuple[int, int]]) -> bool:
    """Whether a rank has no neuron of it."""
    low, high = own.get(p.name, (0, 1))
    return low == high


def _nothing() -> None:
    """What a rank does that has no neurons and hears of none."""


def _unused(name: str, taken: set[str]) -> str:
    while name in taken:
        name += "'"
    return name


def _sources(q: Projection) -> tuple[str, ...]:
    """Populations whose spikes reach the presynaptic side of a projection."""
    if q.plasticity is None:
        return (q.pre,)
    other = q.plasticity.signal_of(q) if q.plasticity.gated_by == "post" else q.plasticity.gate_of(q)
    return q.pre, other


def _post_side(q: Any) -> str:
    """The population whose spikes a plastic projection takes for those of its neurons."""
    return q.plasticity.gate_of(q) if q.plasticity.gated_by == "post" else q.plasticity.signal_of(q)


def _interval(network: Network, comm: Any) -> int:
    """Steps between two exchanges: the smallest delay, and less where rules see spikes earlier."""
    every = [_LONGEST]
    for q in network.projections:
        if isinstance(network[q.pre], Population):
            every.append(q.delays[0])
        if q.plasticity is not None and any(isinstance(network[name], Population) for name in _sources(q)):
            every.append(1 + q.plasticity.delays(q)[0] if q.plasticity.gate is q.plasticity.signal is None else 1)
    return int(total(comm, np.array([min(every)]), "MIN")[0])


def _divided(network: Network, own: Mapping[str, tuple[int, int]], comm: Any) -> list[str]:
    """Inputs of which each rank needs the lines with the numbers of its own neurons only."""
    fits = np.ones(len(network.inputs), np.int64)
    for k, p in enumerate(network.inputs):
        for q in network.projections:
            if p.name in _sources(q):
                low, high = own[q.post]
                mine = q.weights.indices[q.weights.indptr[low] : q.weights.indptr[high]]
                same = q.weights.shape[0] == p.size and q.plasticity is None
                fits[k] &= same and (not mine.size or (mine.min() >= low and mine.max() < high))
    fits = total(comm, fits, "MIN")
    return [p.name for p, fit in zip(network.inputs, fits, strict=True) if fit]


def _lines(p: Any, name: str, low: int, high: int) -> Any:
    """Some lines of an input, called ``name``; a source's events follow from its own."""
    if isinstance(p, Source):
        return SomeLines(name, high - low, whole=p, first=low)
    return replace(p, name=name, shape=high - low)


def _part(p: Any, own: Mapping[str, tuple[int, int]]) -> Any:
    """The part of a population or input that a rank has."""
    low, high = own.get(p.name, (0, p.size))
    if high - low == p.size:
        return p
    if isinstance(p, Input):
        return _lines(p, p.name, low, high)
    values = {f.name: getattr(p.neuron, f.name) for f in fields(p.neuron)}  # pyright: ignore[reportArgumentType]
    some = {name: v[low:high] for name, v in values.items() if isinstance(v, np.ndarray)}
    return replace(p, shape=high - low, neuron=replace(p.neuron, **some))  # pyright: ignore[reportArgumentType]


def _projection(
    q: Projection, network: Network, own: Mapping[str, tuple[int, int]], relays: Mapping[str, str], late: int
) -> Projection:
    """The synapses of a rank's own neurons; spikes of other neurons come ``late`` steps late."""
    (low, high), relayed = own[q.post], q.pre in relays
    columns = own.get(q.pre, (0, network[q.pre].size)) if not relayed else (0, network[q.pre].size)
    weights, some = _rows(q.weights, low, high, columns)
    delay = q.delay if isinstance(q.delay, int) else q.delay[some]
    if relayed:
        delay = delay - late
    if not isinstance(delay, int):
        alike = not delay.size or bool((delay == delay[0]).all())
        delay = (int(delay[0]) if delay.size else 1) if alike else frozen(delay, own=True)
    rule: Any = q.plasticity
    if rule is not None:
        side = "signal" if rule.gated_by == "post" else "gate"
        if getattr(rule, side, None) is not None:
            rule = replace(rule, **{side: relays.get(getattr(rule, side), getattr(rule, side))})
        if relayed and late and getattr(rule, "pre_delay", None) is not None:
            rule = replace(rule, pre_delay=rule.pre_delay - late)
    pre = relays.get(q.pre, q.pre)
    return replace(q, pre=pre, weights=weights, delay=delay, plasticity=rule)


def _rows(weights: Any, low: int, high: int, columns: tuple[int, int]) -> tuple[Weights, slice]:
    """Rows of a matrix with these columns, and which of its entries they are; without a copy where they are all."""
    begin, end = int(weights.indptr[low]), int(weights.indptr[high])
    data, indices, some = weights.data, weights.indices, slice(begin, end)
    if end - begin < len(data):
        data, indices = data[some].copy(), indices[some].copy()
    if columns[0]:
        indices = indices - columns[0]
    indptr = weights.indptr[low : high + 1] - weights.indptr[low]
    made = Weights((data, indices, indptr), shape=(high - low, columns[1] - columns[0]))
    made.data, made.indices, made.indptr = data, indices, indptr
    return made.lock(), some
