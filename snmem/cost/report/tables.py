"""The tables of a bill and of a report as titles, columns and rows of texts, for terminal and page alike."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..events import UNITS

if TYPE_CHECKING:
    from ..bill import Bill
    from .build import CostReport

MODES = ("free_running", "throttled")


@dataclass(frozen=True)
class Table:
    """A title, the column heads and the rows; the first column is text, the others are numbers."""

    title: str
    columns: tuple[str, ...]
    rows: list[list[str]]


def si(value: float | None, unit: str) -> str:
    """``value`` with four digits and an SI prefix: si(2.5e-6, "J") is "2.5 uJ"; "unknown" for None."""
    if value is None:
        return "unknown"
    if value == 0:
        return f"0 {unit}"
    for scale, prefix in ((1e9, "G"), (1e6, "M"), (1e3, "k"), (1, ""), (1e-3, "m"), (1e-6, "u"), (1e-9, "n")):
        if abs(value) >= scale:
            return f"{value / scale:.4g} {prefix}{unit}"
    return f"{value / 1e-12:.4g} p{unit}"


def _or_unknown(value: Any, form: str) -> str:
    return "unknown" if value is None else format(value, form)


def _at_least(bill: Bill, joules: float | None) -> str:
    return ("at least " if bill.lower_bound and joules is not None else "") + si(joules, "J")


def prices(bill: Bill, sources: bool = False) -> Table:
    """Counts, prices and energies; with ``sources`` also where each price comes from."""
    rows = [[x.name, f"{x.count:,}", si(x.price, "J"), si(x.joules, "J"), x.kind or "unknown"] for x in bill.lines]
    rows.append(["total", "", "", _at_least(bill, bill.dynamic["total"]), ""])
    columns = ("dynamic", "count", "price", "energy", "kind")
    if sources:
        rows = [
            row + extra for row, extra in zip(rows, [*([x.source, x.note] for x in bill.lines), ["", ""]], strict=True)
        ]
        columns = (*columns, "source", "note")
    return Table(f"Bill on {bill.chip}: {bill.steps} steps", columns, rows)


def totals(bill: Bill) -> Table:
    """Time, static and host energy, and the cost of an item, free-running and throttled."""
    per, within = bill.per_item(), bill.included.get("static_chip")
    prefixes = ("", "throttled_")
    rows = [
        ["time", *(si(bill.seconds[m], "s") for m in MODES)],
        ["static energy", *(f"in {within}" if within else si(bill.static[m], "J") for m in MODES)],
        ["host energy", *(si(bill.host[m], "J") for m in MODES)],
        ["per item: dynamic", *[_at_least(bill, per["dynamic_joules_per_item"])] * 2],
        ["per item: dynamic and static", *(_at_least(bill, per[f"{p}joules_per_item"]) for p in prefixes)],
        ["per item: time", *(si(per[f"{p}seconds_per_item"], "s") for p in prefixes)],
        ["per item: energy-delay product", *(si(per[f"{p}energy_delay_product"], "J s") for p in prefixes)],
    ]
    columns = ("", "free-running", f"throttled to {si(bill.step_time, 's')} a step")
    return Table(f"{bill.items} item(s)", columns, rows)


def counts(bill: Bill) -> Table:
    """All counters."""
    whole = {k: v for k, v in bill.counters.items() if isinstance(v, int)}
    rows = [[k, f"{v:,}", f"{v / bill.items:,.6g}"] for k, v in whole.items()]
    return Table("Counts", ("", "whole run", "per item"), rows)


def layers(bill: Bill) -> Table:
    """Counts and energies by population."""
    rows: list[list[str]] = []
    for name, row in bill.layers.items():
        numbers = [f"{row[k]:,}" for k in ("spikes", "synaptic_events", "packets")]
        rows.append([name, *numbers, *(si(row["joules"][u], "J") for u in UNITS)])
    return Table("By layer", ("layer", "spikes", "synaptic events", "packets", *UNITS), rows)


def times(bill: Bill) -> Table:
    """Both timing models, the spread of the step times and what sets the pace."""
    rows = [[name, si(bill.seconds.get(name), "s")] for name in ("simple", "detailed", "learning", "throttled")]
    if pace := bill.pace:
        for name, key in (("median step", "p50"), ("99 % step", "p99"), ("longest step", "max")):
            rows.append([name, si(pace[f"step_{key}"], "s")])
        rows.append(["barrier", si(pace["barrier"], "s")])
        rows += [[f"steps whose pace {n} sets", f"{share:.1%}"] for n, share in pace["stages"].items()]
        rows.append(["busiest core over mean core", _or_unknown(pace["load_imbalance"], ".3g")])
        rows.append(["packets held up by full queues", _or_unknown(pace["packets_held_up"], ",")])
    return Table("Time", ("", ""), rows)


def limits(bill: Bill) -> Table:
    """Use of the limits of a core."""
    rows = [
        [name, f"{r['max']:,}", _or_unknown(r["limit"], ","), str(r["core"]), f"{r['mean']:,.1f}"]
        for name, r in bill.mapping["utilisation"].items()
    ]
    return Table("Use of the cores", ("limit", "largest", "of", "on core", "mean"), rows)


def chips(report: CostReport) -> Table:
    """An item on every chip of the report."""
    rows: list[list[str]] = []
    for name, other in {report.bill.chip: report.bill, **report.others}.items():
        if isinstance(other, str):
            rows.append([name, "refused: " + other.split(": ", 1)[-1], "", ""])
            continue
        per = other.per_item()
        joules = [_at_least(other, per[f"{k}joules_per_item"]) for k in ("dynamic_", "")]
        rows.append([name, *joules, si(per["seconds_per_item"], "s")])
    for part in ("dynamic", "total"):
        low, high = report.interval[part]
        ends = "unknown"
        if low is not None or high is not None:
            ends = " to ".join("open" if x is None else si(x / report.bill.items, "J") for x in (low, high))
        rows.append([f"{part}, over the profiles of this chip", ends, "", ""])
    return Table("Per item, free-running", ("chip", "dynamic", "dynamic and static", "time"), rows)


def twin(report: CostReport) -> Iterator[Table]:
    """The dense twin on its machines: evaluated as often as asked for, and in every step."""
    data = report.twin
    about = f"{data['macs']:,} MACs, {data['bytes_moved']:,} bytes moved ({data['number']}) per item"
    now = f"this run: {_or_unknown(data['synaptic_events_per_mac'], '.3g')} synaptic events per MAC"
    now += f", {data['activity']:.3g} spikes per neuron and step"
    yield _machines(f"Dense twin, {data['evaluations']} evaluation(s): {about}; {now}", data["machines"])
    yield _machines("Dense twin, evaluated in every step", data["every_step"])


def _machines(title: str, machines: Mapping[str, Mapping[str, Any]]) -> Table:
    rows: list[list[str]] = []
    for name, r in machines.items():
        limits = ["unknown" if r["spiking_joules"] is None else "never", ""]
        if r["break_even"] is not None:
            limits = [f"{r['break_even']:.3g}", f"{r['break_even_activity']:.3g}"]
        ratio = _or_unknown(r["dense_over_spiking"], ".3g")
        rows.append([name, si(r["joules"], "J"), si(r["seconds"], "s"), ratio, *limits])
    columns = ("machine", "energy", "time", "energy over spiking", "spiking wins up to events per MAC", "activity")
    return Table(title, columns, rows)


def quantized(report: CostReport) -> Table:
    """The bit-matched quantised twin beside the spikes, part by part, on one machine."""
    pair = (report.quantized.quantized, report.quantized.spiking)
    rows = [
        [name, *(si(x.parts[name], "J") if name in x.parts else "" for x in pair)]
        for name in dict.fromkeys(name for x in pair for name in x.parts)
    ]
    rows.append(["total", *(si(x.joules, "J") for x in pair)])
    return Table("Bit-matched quantised twin, per item", ("", *(x.name for x in pair)), rows)


def twin_note(report: CostReport) -> str:
    """What the quantised twin assumes, and up to which spike rate spikes cost less."""
    data = report.quantized
    held = "; ".join(
        f"{name} in {row['kind']} at {si(row['joules_per_byte'], 'J')} a byte" for name, row in data.memory.items()
    )
    even = "at no spike rate"
    if data.break_even_rate is not None:
        even = (
            f"below a spike rate of {data.break_even_rate:.2%}" if data.break_even_rate < 1 else "at every spike rate"
        )
    return (
        f"Quantised twin: {data.weight_bits}-bit weights, arithmetic and memory of 45 nm for both; {held}. "
        f"Spikes cost less {even}; this run has {data.spike_rate:.2%}."
    )


def estimates(report: CostReport) -> Table:
    """What papers print for an item, beside the bill, all from the same counts."""
    bill = report.estimates[-1].joules
    rows: list[list[str]] = []
    for x in report.estimates:
        ratio = None if x.joules is None or not bill else x.joules / bill
        rows.append([x.name, si(x.joules, "J"), _or_unknown(ratio, ".3g"), x.note])
    return Table(
        "The usual estimates of an item, from the same counts", ("", "energy", "over the bill", "leaves out"), rows
    )


def placements(report: CostReport) -> Iterator[Table]:
    """The placements tried, if the report chose one."""
    if report.placed:
        rows: list[list[str]] = []
        for name, r in report.placed.table.items():
            mark = " (taken)" if name == report.placed.strategy else ""
            numbers = [f"{r[k]:,}" for k in ("packets", "hops", "cores")]
            rows.append([name + mark, si(r["network_joules"], "J"), si(r["seconds"], "s"), *numbers])
        yield Table("Placements", ("strategy", "network energy", "time", "packets", "hops", "cores"), rows)


def notes(bill: Bill) -> list[str]:
    """Sentences on the mapping, the pace, and what has no price or is not modelled."""
    m = bill.mapping
    out = [f"{m['cores']} cores on {m['tiles']} tiles of {m['chips']} chip(s), placed {m['strategy']}."]
    if m["turns"] > 1:
        out.append(
            f"Time-multiplexed: {m['chips']} chip(s) have too few cores, each takes {m['turns']} parts in turn; "
            f"seconds are multiplied by {m['turns']}, and what it takes to exchange their state is not in the bill."
        )
    if bill.pace:
        core, stage, share = (bill.pace[f"critical_{x}"] for x in ("core", "stage", "share"))
        out.append(f"Core {core} ({stage}) sets the pace in {share:.0%} of steps.")
    out += [f"Limit broken: {v}." for v in m["violations"]]
    if bill.dynamic["total"] is None:
        lacking = ", ".join(x.name for x in bill.lines if x.price is None)
        why = next((x.note for x in bill.lines if x.name == "synaptic_event" and x.note), "no public figures")
        out.append(f"Joules are unknown: {bill.chip} has no energy of {lacking} ({why}).")
    else:
        out += [f"No public price: {u}." for u in bill.unpriced]
    if bill.seconds["free_running"] is None:
        out.append(f"Seconds are unknown: {bill.chip} has no public time of a neuron step or of a synaptic event.")
    elif bill.untimed:
        out.append(f"No public time: {', '.join(bill.untimed)}.")
    out.append(f"Not modelled: {'; '.join(bill.not_modelled)}.")
    return out
