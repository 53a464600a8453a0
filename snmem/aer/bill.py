"""The bill: what a recorded run costs on a chip. Counts first, prices second."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import InputError
from ..network import Network
from ..spikes import Recording
from .chip import Chip, load_chip
from .meter import SYNAPSES, Meter
from .placement import (
    Placement,
    check_fit,
    check_placement,
    chips_used,
    place_in_order,
    utilisation,
    violations,
)

STAGES = ("send", "receive")
#: Unit of the bill each constant belongs to.
UNIT_OF = {
    "neuron_access": "soma",
    "neuron_update": "soma",
    "neuron_spike": "soma",
    "synaptic_event": "synapse",
    "synaptic_event_sparse": "synapse",
    "synaptic_event_conv": "synapse",
    "packet": "network",
    "packet_receive": "network",
    "input_packet": "network",
    "hop_ew": "network",
    "hop_ns": "network",
    "synapse_update": "learning",
}


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


@dataclass(frozen=True)
class Bill:
    """What a run costs on a chip. Energies in joules, times in seconds.

    counters : spikes, synaptic events, neurons accessed / updated / changed, packets, hops.
    lines : the dynamic energy, one priced count each.    dynamic : the same by unit, with ``total``.
    static, host : power x time of the chips in use, ``free_running`` and ``throttled``; None where unknown.
    seconds : ``free_running`` (as fast as the chip goes, None if unknown) and ``throttled`` to ``step_time`` a step.
    pace : the core and stage that were slowest in most steps.    mapping : placement, use of limits, broken limits.
    unpriced : events that happened and have no public price, so ``dynamic`` is a lower bound; ``untimed`` likewise.
    """

    chip: str
    steps: int
    step_time: float
    counters: Mapping[str, Any]
    lines: tuple[Line, ...]
    dynamic: Mapping[str, float]
    static: Mapping[str, float | None]
    host: Mapping[str, float | None]
    seconds: Mapping[str, float | None]
    pace: Mapping[str, Any]
    mapping: Mapping[str, Any]
    unpriced: tuple[str, ...]
    untimed: tuple[str, ...]
    not_modelled: tuple[str, ...]
    items: int = 1
    provenance: Mapping[str, Any] = field(default_factory=dict)

    @property
    def lower_bound(self) -> bool:
        """True if some events have no public price."""
        return bool(self.unpriced)

    def per_item(self, items: int | None = None) -> dict[str, float | None]:
        """Cost of one of ``items`` equal parts of the run (recalls, inferences); default: ``self.items``.

        Keys: joules_per_item (dynamic + static, free-running), dynamic_, static_ and host_joules_per_item,
        seconds_per_item, energy_delay_product (J s), and the same with the prefix ``throttled_``.
        """
        n = self.items if items is None else items
        if n < 1:
            raise InputError(f"bill.per_item: items must be at least 1, got {n}")
        out: dict[str, float | None] = {"dynamic_joules_per_item": self.dynamic["total"] / n}
        for mode, prefix in (("free_running", ""), ("throttled", "throttled_")):
            static, host, seconds = self.static[mode], self.host[mode], self.seconds[mode]
            joules = None if static is None else (self.dynamic["total"] + static) / n
            out[f"{prefix}joules_per_item"] = joules
            out[f"{prefix}static_joules_per_item"] = None if static is None else static / n
            out[f"{prefix}host_joules_per_item"] = None if host is None else host / n
            out[f"{prefix}seconds_per_item"] = None if seconds is None else seconds / n
            out[f"{prefix}energy_delay_product"] = None if joules is None or seconds is None else joules * seconds / n
        return out

    def to_dict(self) -> dict[str, Any]:
        """The bill as plain numbers, texts, lists and dictionaries."""
        lines = [
            {"name": x.name, "unit": x.unit, "count": x.count, "price": x.price, "joules": x.joules}
            | {"kind": x.kind, "source": x.source, "note": x.note}
            for x in self.lines
        ]
        energy = {"dynamic": dict(self.dynamic), "static": dict(self.static), "host": dict(self.host), "lines": lines}
        energy |= {"lower_bound": self.lower_bound, "unpriced": list(self.unpriced)}
        time = dict(self.seconds) | {"step_time": self.step_time, "untimed": list(self.untimed)} | dict(self.pace)
        return {
            "chip": self.chip,
            "steps": self.steps,
            "items": self.items,
            "counters": dict(self.counters),
            "energy": energy,
            "time": time,
            "per_item": self.per_item(),
            "mapping": dict(self.mapping),
            "not_modelled": list(self.not_modelled),
            "provenance": dict(self.provenance),
        }

    def __rich__(self) -> Any:
        from .terminal import bill_table

        return bill_table(self)


def bill(
    network: Network,
    recording: Recording,
    chip: str | Path | Chip,
    *,
    placement: Placement | None = None,
    synapses: str | Mapping[str, str] = "dense",
    updated: str = "counted",
    step_time: float | None = None,
    items: int = 1,
    limits: str = "error",
) -> Bill:
    """Price a recorded run on a chip.

    Parameters
    ----------
    network, recording : the network and what :func:`snmem.simulate` returned for it with ``counters=True``.
    chip : profile name, path of a profile, or Chip.
    placement : neurons on cores; default :func:`place_in_order`.
    synapses : format of the synapses, "dense", "sparse" or "conv", for all or by projection name; it sets the price
        of a synaptic event where the chip distinguishes them.
    updated : "counted" takes ``recording.counters.updated``; "all" charges every neuron with an update in every step.
    step_time : seconds of a step when throttled to real time; default ``network.dt``.
    items : number of recalls or inferences in the run, for :meth:`Bill.per_item`.
    limits : "error" refuses a network that does not fit the chip; "report" bills it and lists the broken limits.

    Notes
    -----
    Dynamic energy is the sum over counted events of count x price. A neuron is *updated* in a step if its u, v, input
    or bias is not 0 (Loihi's soma has u and v; SANA-FE's has v alone, which is the same for alpha = 0). A spike sends
    one packet to each core that holds a target. Spikes of inputs have no soma; each costs one injected packet per
    destination core, hops from tile 0, and its synaptic events.

    Raises
    ------
    InputError
        for a recording without counters, a network that does not fit, unknown formats, or a chip without public
        energy per synaptic event.
    """
    profile = load_chip(chip)
    formats = _formats(network, profile, synapses)
    require_prices(profile)
    if updated not in ("counted", "all"):
        raise InputError(f'bill: updated must be "counted" or "all", got {updated!r}')
    if limits not in ("error", "report"):
        raise InputError(f'bill: limits must be "error" or "report", got {limits!r}')
    if updated == "counted" and recording.counters.updated is None:
        raise InputError("bill: the recording holds no count of updated neurons; call simulate(..., counters=True)")
    if placement is None:
        placement = place_in_order(network, profile)
    check_placement(network, placement)
    if limits == "error":
        check_fit(network, placement, profile)
    meter = Meter(network, placement, profile, formats)
    counts = recording.counters
    by_pop = counts.accessed if updated == "all" else counts.updated or {}
    meter.add(recording.spikes, _mean_updates(network, placement, by_pop, recording.steps), recording.steps)
    totals = {"updated": by_pop, "changed": counts.changed, "weight_updates": counts.weight_updates}
    return make_bill(network, placement, profile, meter, formats, totals, step_time, items)


def require_prices(chip: Chip) -> None:
    """InputError with the reason, if the chip has no public energy per synaptic event."""
    constant = chip.constant("energy", "synaptic_event")
    if constant.value is None:
        reason = constant.note or "no public figure"
        raise InputError(f"chip {chip.name}: gives no joules, energy.synaptic_event is unknown ({reason})")


def _formats(network: Network, chip: Chip, synapses: str | Mapping[str, str]) -> dict[str, str]:
    names = [q.name for q in network.projections]
    formats = (
        dict.fromkeys(names, synapses) if isinstance(synapses, str) else {**dict.fromkeys(names, "dense"), **synapses}
    )
    for name, kind in formats.items():
        if name not in names:
            raise InputError(f"bill: synapses names projection {name!r}; the network has {', '.join(names)}")
        if kind not in SYNAPSES:
            raise InputError(f"bill: synapses of {name!r} must be one of {', '.join(SYNAPSES)}, got {kind!r}")
    # a chip without a price of its own for a format charges the plain one
    return {n: k if chip.energy(SYNAPSES[k]) is not None else "dense" for n, k in formats.items()}


def _mean_updates(network: Network, placement: Placement, by_pop: Mapping[str, int], steps: int) -> Any:
    """Mean number of updated neurons per core and step, if updates are spread evenly over each population."""
    cores = placement.cores
    out = np.zeros(len(cores))
    for p in network.neurons:
        share = by_pop[p.name] / (p.size * steps)
        out += share * np.bincount(np.searchsorted(cores, placement.core[p.name]), minlength=len(cores))
    return out


def make_bill(
    network: Network,
    placement: Placement,
    chip: Chip,
    meter: Meter,
    formats: Mapping[str, str],
    totals: Mapping[str, Any],
    step_time: float | None,
    items: int,
) -> Bill:
    """Price what a meter has counted. ``totals``: updated, changed and weight_updates by name."""
    counters = _counters(network, meter, totals)
    lines, unpriced = _lines(chip, meter, formats, counters)
    dynamic = dict.fromkeys(dict.fromkeys(UNIT_OF.values()), 0.0)
    for line in lines:
        dynamic[line.unit] += line.joules or 0.0
    times = meter.times()
    step_time = network.dt if step_time is None else step_time
    timed = chip.time("neuron_access") is not None and chip.time("synaptic_event") is not None
    free = float(times.seconds.sum()) if timed else None
    throttled = float(np.maximum(times.seconds, step_time).sum()) if timed else meter.steps * step_time
    seconds = {"free_running": free, "throttled": throttled}
    chips = chips_used(chip, placement)
    power = {
        name: {mode: None if w is None or s is None else w * chips * s for mode, s in seconds.items()}
        for name, w in (("static", chip.power("static_chip")), ("host", chip.power("host_chip")))
    }
    return Bill(
        chip=chip.name,
        steps=meter.steps,
        step_time=step_time,
        counters=counters,
        lines=lines,
        dynamic=dynamic | {"total": sum(dynamic.values())},
        static=power["static"],
        host=power["host"],
        seconds=seconds,
        pace=_pace(times) if timed else {},
        mapping={
            "strategy": placement.strategy,
            "cores": len(meter.cores),
            "tiles": meter.tiles,
            "chips": chips,
            "utilisation": utilisation(network, placement, chip),
            "violations": violations(network, placement, chip),
        },
        unpriced=unpriced,
        untimed=_untimed(chip, counters),
        not_modelled=chip.not_modelled,
        items=items,
        provenance={"network": network.digest(), "mapping": placement.digest(), "chip": chip.digest},
    )


def _counters(network: Network, meter: Meter, totals: Mapping[str, Any]) -> dict[str, Any]:
    neurons = {p.name for p in network.neurons}
    sums = {name: None if totals[name] is None else sum(totals[name].values()) for name in totals}
    return {
        "neurons": sum(p.size for p in network.neurons),
        "synapses": sum(q.synapses for q in network.projections),
        "spikes": sum(n for name, n in meter.spikes.items() if name in neurons),
        "input_spikes": sum(n for name, n in meter.spikes.items() if name not in neurons),
        "synaptic_events": sum(meter.synaptic_events.values()),
        "accessed": sum(p.size for p in network.neurons) * meter.steps,
        **sums,
        "packets": meter.packets - meter.injected,
        "input_packets": meter.injected,
        "hops_ew": meter.hops_ew,
        "hops_ns": meter.hops_ns,
        "spikes_by_population": dict(meter.spikes),
        "synaptic_events_by_projection": dict(meter.synaptic_events),
    }


def _lines(
    chip: Chip, meter: Meter, formats: Mapping[str, str], counters: Mapping[str, Any]
) -> tuple[tuple[Line, ...], tuple[str, ...]]:
    counts = {
        "neuron_access": counters["accessed"],
        "neuron_update": counters["updated"],
        "neuron_spike": counters["spikes"],
        "packet": counters["packets"],
        "packet_receive": counters["packets"] + counters["input_packets"],
        "input_packet": counters["input_packets"],
        "hop_ew": counters["hops_ew"],
        "hop_ns": counters["hops_ns"],
        "synapse_update": counters["weight_updates"],
    } | dict.fromkeys((SYNAPSES[k] for k in formats.values()), 0)
    for name, kind in formats.items():
        counts[SYNAPSES[kind]] += meter.synaptic_events[name]
    lines, unpriced = [], []
    for name, count in counts.items():
        c = chip.constant("energy", name)
        if c.within or not count:
            continue
        if c.unknown:
            unpriced.append(f"{count} x {name}: {c.note or 'no public figure'}")
        lines.append(Line(name, UNIT_OF[name], count, c.value, c.kind, chip.sources.get(c.source, ""), c.note))
    return tuple(lines), tuple(unpriced)


def _untimed(chip: Chip, counters: Mapping[str, Any]) -> tuple[str, ...]:
    happened = {
        "neuron_update": counters["updated"],
        "neuron_spike": counters["spikes"],
        "packet": counters["packets"],
        "packet_receive": counters["packets"] + counters["input_packets"],
        "synapse_update": counters["weight_updates"],
    }
    return tuple(n for n, count in happened.items() if count and chip.constant("time", n).unknown)


def _pace(times: Any) -> dict[str, Any]:
    """Spread of the step times, and the core and stage that were the slowest in most steps."""
    pairs, often = np.unique(np.stack([times.core, times.stage], 1), axis=0, return_counts=True)
    core, stage = pairs[often.argmax()]
    p50, p99 = np.percentile(times.seconds, [50, 99])
    return {
        "critical_core": int(core),
        "critical_stage": STAGES[int(stage)],
        "critical_share": float(often.max() / often.sum()),
        "step_p50": float(p50),
        "step_p99": float(p99),
        "step_max": float(times.seconds.max()),
    }
