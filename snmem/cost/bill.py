"""The bill: what a run costs on a chip. Counts first, prices second."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypedDict

from ..description import Summary
from ..errors import InputError
from ..io.arguments import as_network
from ..network import Network
from ..recording.checks import check_recording
from ..spikes import Recording
from .chip import Chip
from .counting.meter import Meter
from .options import BillOptions, Order, options_of
from .pricing import (
    Line,
    Totals,
    by_core,
    by_layer,
    by_projection,
    counters,
    joules_by_unit,
    price,
    untimed,
)
from .recorded import count_recording
from .times import columns_by_step, pace_of, seconds_of

MODES = ("free_running", "throttled")


class Interval(TypedDict):
    """Low and high energy of a run, in joules; None where the profile leaves an end open."""

    dynamic: list[float | None]
    static: list[float | None]
    total: list[float | None]


class Energy(TypedDict):
    """The energies of :meth:`Bill.to_dict`, in joules."""

    dynamic: dict[str, float | None]
    static: dict[str, float | None]
    host: dict[str, float | None]
    total: dict[str, float | None]
    interval: Interval
    lower_bound: bool
    unpriced: list[str]
    included: dict[str, str]
    lines: list[dict[str, Any]]


class BillDict(TypedDict):
    """What :meth:`Bill.to_dict` returns; ``snmem cost --json`` prints it."""

    chip: str
    steps: int
    items: int
    counters: dict[str, Any]
    energy: Energy
    time: dict[str, Any]
    per_item: dict[str, float | None]
    layers: dict[str, Any]
    projections: dict[str, Any]
    cores: dict[str, Any]
    mapping: dict[str, Any]
    not_modelled: list[str]
    provenance: dict[str, Any]


@dataclass(frozen=True, repr=False)
class Bill(Summary):
    """What a run costs on a chip. Energies in joules, times in seconds.

    Attributes
    ----------
    counters
        Spikes, synaptic events, neurons accessed / updated / changed, packets, hops (docs/cost.md).
    lines
        The dynamic energy, one priced count each.
    dynamic
        The same by unit, with ``total``; None where the chip gives no energy per synaptic event and the unit has
        events without a price.
    static, host
        Power x time of the chips in use, by mode; None where unknown.
    seconds
        ``simple`` and ``detailed`` model (None if unknown or not asked for), ``free_running`` (the better of them) and
        ``throttled`` to ``step_time`` a step.
    interval
        Low and high of dynamic, static and total energy (free-running), as far as the profile gives them.
    pace
        The core and stage that were last in most steps, spread of the step times, load of the cores.
    layers, projections, cores
        Counts and joules by population, by projection, and by core (as columns); joules as in ``dynamic``.
    by_step
        Counts and times of every step as columns, if they were asked for.
    mapping
        Placement, use of limits, broken limits.
    unpriced
        Events that happened and have no public price, so ``dynamic`` is a lower bound; ``untimed`` likewise.
    included
        Constants that another one contains, by name (static power in the synaptic event, for example).
    """

    chip: str
    steps: int
    step_time: float
    counters: Mapping[str, Any]
    lines: tuple[Line, ...]
    dynamic: Mapping[str, float | None]
    static: Mapping[str, float | None]
    host: Mapping[str, float | None]
    seconds: Mapping[str, float | None]
    interval: Interval
    pace: Mapping[str, Any]
    layers: Mapping[str, Any]
    projections: Mapping[str, Any]
    cores: Mapping[str, Any]
    mapping: Mapping[str, Any]
    unpriced: tuple[str, ...]
    untimed: tuple[str, ...]
    not_modelled: tuple[str, ...]
    included: Mapping[str, str] = field(default_factory=dict[str, str])
    items: int = 1
    provenance: Mapping[str, Any] = field(default_factory=dict[str, Any])
    by_step: Mapping[str, Any] | None = None

    @property
    def lower_bound(self) -> bool:
        """True if some events have no public price."""
        return bool(self.unpriced)

    @property
    def total(self) -> dict[str, float | None]:
        """Dynamic, static and host energy together, by mode; None where dynamic or static energy is unknown."""
        return {m: _sum(self.dynamic["total"], self.static[m], self.host[m] or 0.0) for m in MODES}

    def per_item(self, items: int | None = None) -> dict[str, float | None]:
        """Cost of one of ``items`` equal parts of the run (recalls, inferences); default: ``self.items``.

        Keys: joules_per_item (dynamic + static, free-running), dynamic_, static_ and host_joules_per_item,
        seconds_per_item, energy_delay_product (J s), and the same with the prefix ``throttled_``.
        """
        n = self.items if items is None else items
        if n < 1:
            raise InputError(f"bill.per_item: items must be at least 1, got {n}")
        dynamic = self.dynamic["total"]
        out: dict[str, float | None] = {"dynamic_joules_per_item": None if dynamic is None else dynamic / n}
        for mode, prefix in zip(MODES, ("", "throttled_"), strict=True):
            static, host, seconds = self.static[mode], self.host[mode], self.seconds[mode]
            both = _sum(dynamic, static)
            joules = None if both is None else both / n
            out[f"{prefix}joules_per_item"] = joules
            out[f"{prefix}static_joules_per_item"] = None if static is None else static / n
            out[f"{prefix}host_joules_per_item"] = None if host is None else host / n
            out[f"{prefix}seconds_per_item"] = None if seconds is None else seconds / n
            out[f"{prefix}energy_delay_product"] = None if joules is None or seconds is None else joules * seconds / n
        return out

    def to_dict(self) -> BillDict:
        """The bill as plain numbers, texts, lists and dictionaries, without ``by_step``."""
        energy = Energy(
            dynamic=dict(self.dynamic),
            static=dict(self.static),
            host=dict(self.host),
            total=self.total,
            interval=self.interval.copy(),
            lower_bound=self.lower_bound,
            unpriced=list(self.unpriced),
            included=dict(self.included),
            lines=[x.to_dict() for x in self.lines],
        )
        time = {"critical_core": None, "critical_stage": None} | dict(self.seconds) | dict(self.pace)
        time |= {"step_time": self.step_time, "untimed": list(self.untimed)}
        return {
            "chip": self.chip,
            "steps": self.steps,
            "items": self.items,
            "counters": dict(self.counters),
            "energy": energy,
            "time": time,
            "per_item": self.per_item(),
            "layers": dict(self.layers),
            "projections": dict(self.projections),
            "cores": dict(self.cores),
            "mapping": dict(self.mapping),
            "not_modelled": list(self.not_modelled),
            "provenance": dict(self.provenance),
        }

    def steps_csv(self) -> str:
        """``by_step`` as CSV, a line a step.

        Raises
        ------
        InputError
            If the bill was made without ``per_step=True``.
        """
        if self.by_step is None:
            raise InputError("bill: holds no counts by step; make it with per_step=True")
        rows = zip(*self.by_step.values(), strict=True)
        lines = [",".join(("step", *self.by_step)), *(",".join(map(str, (i, *row))) for i, row in enumerate(rows))]
        return "\n".join(lines) + "\n"

    def _summary(self) -> tuple[str, list[tuple[str, str]]]:
        rows = [(f"{name} energy", _text(joules)) for name, joules in self.dynamic.items()]
        rows += [(f"{mode} total", _text(joules)) for mode, joules in self.total.items()]
        total = _text(self.dynamic["total"])
        return f"Bill: {self.steps:,} steps on {self.chip!r}, dynamic energy {total}", rows

    def __rich__(self) -> Any:
        from .report.terminal import bill_table

        return bill_table(self)


def bill(
    network: Network,
    recording: Recording,
    chip: str | Path | Chip,
    options: BillOptions | None = None,
    **changes: Any,
) -> Bill:
    """Price a recorded run on a chip.

    Parameters
    ----------
    network, recording
        The network and what :func:`snmem.simulate` returned for it. Neurons updated are counted as
        :func:`snmem.cost.measure` counts them: from the traces of
        :func:`snmem.cost.counting.activity.traces_needed` if it holds them, else by simulating the run once more.
        A run that was continued from a state cannot be: it needs ``counters=True``, and is billed as with
        ``updated="recorded"``.
    chip
        Profile name, path of a profile, or Chip.
    options
        How to bill (:class:`snmem.cost.BillOptions`); by default the usual.
    **changes
        Options by name, such as ``items=10``; they go before those of ``options``.

    Notes
    -----
    Dynamic energy is the sum over counted events of count x price. A neuron is *updated* in a step if its u, v, input
    or bias is not 0 (Loihi's soma has u and v; SANA-FE's has v alone, which is the same for alpha = 0). A spike sends
    one packet to each core that holds a target. Spikes of inputs have no soma; each costs one injected packet per
    destination core, hops from tile 0, and its synaptic events.

    Raises
    ------
    InputError
        For a recording of another network, a continued one without counters, a network that does not fit, or unknown
        formats.
    """
    network = as_network(network, "bill")
    check_recording(network, recording, "bill")
    order = options_of("bill", options, changes).order(network, chip)
    if recording.steps < 1:
        raise InputError("bill: the recording holds no steps; simulate at least one")
    return make_bill(order, *count_recording(order, recording))


def make_bill(order: Order, meter: Meter, totals: Totals) -> Bill:
    """Price what a meter has counted."""
    network, chip, placement = order.network, order.chip, order.placement
    counts = counters(network, meter, totals)
    lines, unpriced = price(chip, meter, order.formats, counts)
    dynamic = joules_by_unit(chip, lines)
    unknown = {unit for unit, joules in dynamic.items() if joules is None}
    per_event = (dynamic["synapse"] or 0.0) / max(counts["synaptic_events"], 1)
    seconds, times = seconds_of(order, meter, totals)
    chips = order.chips
    power = {
        name: {mode: _energy(chip.power(f"{name}_chip"), chips, seconds[mode]) for mode in MODES}
        for name in ("static", "host")
    }
    return Bill(
        chip=chip.name,
        steps=meter.steps,
        step_time=order.step_time,
        counters=counts,
        lines=lines,
        dynamic=dynamic,
        static=power["static"],
        host=power["host"],
        seconds=seconds,
        interval=_interval(chip, lines, chips, seconds["free_running"], dynamic["total"] is not None),
        pace=pace_of(times, meter) if times else {},
        layers=by_layer(network, chip, meter, order.formats, totals, unknown),
        projections=by_projection(network, chip, meter, order.formats, totals, unknown),
        by_step=columns_by_step(meter, times),
        cores=by_core(chip, meter, per_event, unknown),
        mapping={
            "strategy": placement.strategy,
            "cores": len(meter.cores),
            "tiles": meter.tiles,
            "chips": chips,
            "turns": order.turns,
            "packets_off_core": counts["packets"] - meter.own_packets,
            "mean_hops": (counts["hops_ew"] + counts["hops_ns"]) / max(meter.total("packets"), 1),
            "utilisation": dict(order.fit.utilisation),
            "violations": list(order.fit.violations),
        },
        unpriced=unpriced,
        untimed=untimed(chip, counts),
        not_modelled=chip.not_modelled,
        included={c.name: c.within for t in ("energy", "power") for c in chip.tables[t].values() if c.within},
        items=order.options.items,
        provenance={
            "network": network.digest(),
            "mapping": placement.digest(),
            "chip": chip.digest,
            "prices": {t: {n: c.to_dict() for n, c in chip.tables[t].items()} for t in ("energy", "time", "power")},
            "sources": dict(chip.sources),
        },
    )


def _sum(*joules: float | None) -> float | None:
    """Their sum; None if one is."""
    return None if None in joules else sum(x or 0.0 for x in joules)


def _text(joules: float | None) -> str:
    return "unknown" if joules is None else f"{joules:.3g} J"


def _energy(watts: float | None, chips: int, seconds: float | None) -> float | None:
    return None if watts is None or seconds is None else watts * chips * seconds


def _interval(chip: Chip, lines: tuple[Line, ...], chips: int, seconds: float | None, known: bool) -> Interval:
    """Low and high energies (free-running): ranges of the prices, the profile's accuracy, range of the static power.

    The high end is None where events without a price, or no stated accuracy and no range, leave it open; both ends of
    the dynamic energy are where it is not ``known``.
    """
    prices = [chip.constant("energy", x.name) for x in lines]
    error = chip.constant("accuracy", "energy").value
    priced = [(x.count, c, c.value) for x, c in zip(lines, prices, strict=True) if c.value is not None]
    low = high = None
    if known:
        low = sum(n * (value if c.low is None else c.low) for n, c, value in priced) * (1 - (error or 0.0))
    if known and len(priced) == len(lines) and (error is not None or any(c.high is not None for _, c, _ in priced)):
        high = sum(n * (value if c.high is None else c.high) for n, c, value in priced) * (1 + (error or 0.0))
    out: Interval = {"dynamic": [low, high], "static": [None, None], "total": [low, None]}
    watts, static = chip.power("static_chip"), chip.constant("power", "static_chip")
    if watts is not None and seconds is not None:
        ends = [w * chips * seconds for w in (static.low or watts, static.high or watts)]
        out["static"] = [*ends]
        out["total"] = [_sum(low, ends[0]), _sum(high, ends[1])]
    return out
