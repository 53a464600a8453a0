"""Prices on counts: the lines of a bill, the tables by layer and by core, and what stays without a price."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..errors import InputError
from ..network import Network, Projection
from .chip import Chip
from .counting.meter import COLUMNS, Meter
from .counting.wiring import sources
from .events import EVENTS, SYNAPSES, UNITS


@dataclass(frozen=True)
class Line:
    """One line of the bill: ``count`` events of ``name`` at ``price`` J each (None: no public price)."""

    name: str
    unit: str
    count: int
    price: float | None
    kind: str
    source: str
    note: str = ""

    @property
    def joules(self) -> float | None:
        """count * price, None if there is no price."""
        return None if self.price is None else self.count * self.price

    def to_dict(self) -> dict[str, Any]:
        """The line as plain data."""
        names = ("name", "unit", "count", "price", "joules", "kind", "source", "note")
        return {name: getattr(self, name) for name in names}


@dataclass(frozen=True)
class Totals:
    """Neuron-steps updated and changed by population, weight updates by projection; changed may be unknown (None)."""

    updated: Mapping[str, int]
    changed: Mapping[str, int] | None
    weight_updates: Mapping[str, int]


def synapse_formats(network: Network, chip: Chip, synapses: str | Mapping[str, str]) -> dict[str, str]:
    """Format of every projection; one that the chip does not distinguish becomes "dense"."""
    names = [q.name for q in network.projections]
    given = dict.fromkeys(names, synapses) if isinstance(synapses, str) else dict(synapses)
    for name, kind in given.items():
        if name not in names:
            raise InputError(f"bill: synapses names projection {name!r}; the network has {', '.join(names)}")
        if kind not in SYNAPSES:
            raise InputError(f"bill: synapses of {name!r} must be one of {', '.join(SYNAPSES)}, got {kind!r}")
    formats = dict.fromkeys(names, "dense") | given
    return {n: k if chip.energy(SYNAPSES[k]) is not None else "dense" for n, k in formats.items()}


def counters(network: Network, meter: Meter, totals: Totals) -> dict[str, Any]:
    """All counts of a run, by the names docs/cost.md explains."""
    neurons = {p.name for p in network.neurons}
    return {
        "neurons": sum(p.size for p in network.neurons),
        "synapses": sum(q.synapses for q in network.projections),
        "spikes": sum(n for name, n in meter.spikes.items() if name in neurons),
        "input_spikes": sum(n for name, n in meter.spikes.items() if name not in neurons),
        "synaptic_events": sum(meter.synaptic_events.values()),
        "synaptic_events_nonzero": sum(meter.nonzero_events.values()),
        "accessed": sum(p.size for p in network.neurons) * meter.steps,
        "updated": sum(totals.updated.values()),
        "changed": None if totals.changed is None else sum(totals.changed.values()),
        "weight_updates": sum(totals.weight_updates.values()),
        "trace_updates": sum(trace_updates(q, meter.spikes) for q in network.projections),
        "packets": meter.total("packets") - meter.injected,
        "input_packets": meter.injected,
        "hops_ew": meter.total("hops_ew"),
        "hops_ns": meter.total("hops_ns"),
        "hops_chip": meter.total("hops_chip"),
        "spikes_by_population": dict(meter.spikes),
        "synaptic_events_by_projection": dict(meter.synaptic_events),
    }


def trace_updates(q: Projection, spikes: Mapping[str, int]) -> int:
    """Spikes that move traces of a projection, each counted once for every trace; ``spikes`` by population."""
    return 0 if q.plasticity is None else q.plasticity.trace_updates(q, spikes)


def price(
    chip: Chip, meter: Meter, formats: Mapping[str, str], counts: Mapping[str, Any]
) -> tuple[tuple[Line, ...], tuple[str, ...]]:
    """The lines of the bill, and a sentence for each kind of event that has no public price."""
    by_format = dict.fromkeys((SYNAPSES[kind] for kind in formats.values()), 0)
    for name, kind in formats.items():
        by_format[SYNAPSES[kind]] += meter.synaptic_events[name]
    lines: list[Line] = []
    unpriced: list[str] = []
    for event in EVENTS.values():
        count = event.count(counts) if event.counted else by_format.get(event.name, 0)
        c = chip.constant("energy", event.name)
        if c.within or not count:
            continue
        if c.unknown:
            unpriced.append(f"{count:,} x {event.name}: {c.note or 'no public figure'}")
        lines.append(Line(event.name, event.unit, count, c.value, c.kind, chip.sources.get(c.source, ""), c.note))
    return tuple(lines), tuple(unpriced)


def joules_by_unit(chip: Chip, lines: Iterable[Line]) -> dict[str, float | None]:
    """Dynamic joules by unit, and their ``total``.

    Events without a price are left out, so that the sum is a lower bound. Without a public energy per synaptic event
    that would say next to nothing: then a unit with such events is None, and so is the total.
    """
    joules: dict[str, float | None] = dict.fromkeys(UNITS, 0.0)
    given = not chip.constant("energy", "synaptic_event").unknown
    for line in lines:
        so_far = joules[line.unit]
        if line.joules is None and not given:
            joules[line.unit] = None
        elif so_far is not None:
            joules[line.unit] = so_far + (line.joules or 0.0)
    return joules | {"total": None if None in joules.values() else sum(x or 0.0 for x in joules.values())}


def untimed(chip: Chip, counts: Mapping[str, Any]) -> tuple[str, ...]:
    """Names of the events that happened and have no public time; none on a chip that runs in real time."""
    if chip.time("tick") is not None:
        return ()
    happened = [event.name for event in EVENTS.values() if event.timed and event.count(counts)]
    return tuple(name for name in (*happened, "barrier") if chip.constant("time", name).unknown)


def by_layer(
    network: Network, chip: Chip, meter: Meter, formats: Mapping[str, str], totals: Totals, unknown: Collection[str]
) -> dict[str, dict[str, Any]]:
    """Counts and joules by unit of every population: soma and packets of its own spikes, synapses read by it.

    Joules of the units in ``unknown`` are None.
    """
    out: dict[str, dict[str, Any]] = {}
    traces: dict[str, int] = {}  # charged to the population that holds the plastic synapses
    for q in network.projections:
        traces[q.post] = traces.get(q.post, 0) + trace_updates(q, meter.spikes)
    for row, p in zip(meter.by_layer.tolist(), sources(network), strict=True):
        packets, _, ew, ns = row[:4]
        is_input = p.name not in totals.updated
        into = {q.name: meter.synaptic_events[q.name] for q in network.projections if q.post == p.name}
        updates = {q.name: n for q in network.projections if (n := totals.weight_updates.get(q.name, 0))}
        learned = sum(n for name, n in updates.items() if network[name].post == p.name)
        accessed = 0 if is_input else p.size * meter.steps
        joules = {
            "soma": _joules(chip, neuron_access=accessed, neuron_update=totals.updated.get(p.name, 0))
            + (0.0 if is_input else _joules(chip, neuron_spike=meter.spikes[p.name])),
            "synapse": sum(n * (chip.energy(SYNAPSES[formats[name]]) or 0.0) for name, n in into.items()),
            "network": _joules(chip, hop_ew=ew, hop_ns=ns, **{"input_packet" if is_input else "packet": packets}),
            "learning": _joules(chip, synapse_update=learned, trace_update=traces.get(p.name, 0)),
        }
        out[p.name] = {
            "neurons": p.size,
            "spikes": meter.spikes[p.name],
            "accessed": accessed,
            "updated": totals.updated.get(p.name, 0),
            "changed": None if totals.changed is None else totals.changed.get(p.name, 0),
            "synaptic_events": sum(into.values()),
            "synaptic_events_nonzero": sum(meter.nonzero_events[name] for name in into),
            "packets": packets,
            "hops_ew": ew,
            "hops_ns": ns,
            "weight_updates": learned,
            "joules": {unit: None if unit in unknown else x for unit, x in joules.items()},
        }
    return out


def by_projection(
    network: Network, chip: Chip, meter: Meter, formats: Mapping[str, str], totals: Totals, unknown: Collection[str]
) -> dict[str, dict[str, Any]]:
    """Counts and joules of every projection: its synapses read and changed, the packets that carry its spikes.

    Joules of the units in ``unknown`` are None.
    """
    out: dict[str, dict[str, Any]] = {}
    for q in network.projections:
        ways = meter.by_projection[q.name]
        counted = [None] * 3 if ways is None else ways.tolist()
        events, learned = meter.synaptic_events[q.name], totals.weight_updates.get(q.name, 0)
        changed = trace_updates(q, meter.spikes)
        joules = {
            "synapse": events * (chip.energy(SYNAPSES[formats[q.name]]) or 0.0),
            "learning": _joules(chip, synapse_update=learned, trace_update=changed),
        }
        out[q.name] = {
            "synapses": q.synapses,
            "synaptic_events": events,
            "synaptic_events_nonzero": meter.nonzero_events[q.name],
            **dict(zip(("packets", "hops_ew", "hops_ns"), counted, strict=True)),
            "weight_updates": learned,
            "trace_updates": changed,
            "joules": {unit: None if unit in unknown else x for unit, x in joules.items()},
        }
    return out


def by_core(chip: Chip, meter: Meter, synapse_price: float, unknown: Collection[str]) -> dict[str, list[Any]]:
    """Counts and joules of every used core, as columns; ``synapse_price``: mean joules of a synaptic event.

    Joules of the units in ``unknown`` are None.
    """
    table = meter.by_core[:-1]
    columns = {name: table[:, i] for i, name in enumerate(COLUMNS) if name != "hops_chip"}
    soma = meter.neurons * meter.steps * (chip.energy("neuron_access") or 0.0)
    soma = soma + meter.core_updated * (chip.energy("neuron_update") or 0.0)
    soma = soma + meter.core_spikes * (chip.energy("neuron_spike") or 0.0)
    network = columns["packets"] * (chip.energy("packet") or 0.0)
    network = network + columns["hops_ew"] * (chip.energy("hop_ew") or 0.0)
    network = network + columns["hops_ns"] * (chip.energy("hop_ns") or 0.0)
    data = {"core": meter.cores, "neurons": meter.neurons, "spikes": meter.core_spikes}
    data |= {"accessed": meter.neurons * meter.steps, "updated": meter.core_updated, "changed": meter.core_changed}
    data |= columns
    joules = {"soma": soma, "synapse": columns["synaptic_events"] * synapse_price, "network": network}
    data |= {unit: [None] * len(table) if unit in unknown else x for unit, x in joules.items()}
    return {name: np.asarray(column).tolist() for name, column in data.items()}


def _joules(chip: Chip, **events: int) -> float:
    return sum(count * (chip.energy(name) or 0.0) for name, count in events.items())
