"""The section of energy and latency: the tables of a cost report, from what ``snmem cost`` prints as JSON."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ..cost.events import UNITS
from ..cost.report.tables import MODES, Table, si
from ..errors import FileError


def bill(report: Mapping[str, Any]) -> dict[str, Any]:
    """The tables of a report and the energies its bars show, as plain data.

    Parameters
    ----------
    report : mapping
        ``CostReport.to_dict()``, or what ``snmem cost --json`` printed.

    Raises
    ------
    FileError
        For a mapping that is no such report.
    """
    try:
        tables = [{"title": t.title, "columns": list(t.columns), "rows": t.rows} for t in _tables(report)]
        layers = {name: dict(row["joules"]) for name, row in report["layers"].items()}
        chips = {name: _per_item(row) for name, row in _chips(report).items()}
    except (KeyError, TypeError, AttributeError, ValueError, ZeroDivisionError) as error:
        raise FileError(f"view: the cost report is damaged ({error!r}); write it again with snmem cost --out") from None
    return {"chip": str(report["chip"]), "tables": tables, "layers": layers, "chips": chips, "units": list(UNITS)}


def _chips(report: Mapping[str, Any]) -> dict[str, Any]:
    return {report["chip"]: dict(report["per_item"]), **report.get("chips", {})}


def _per_item(row: Mapping[str, Any]) -> dict[str, Any]:
    if "refused" in row:
        return {"refused": str(row["refused"])}
    names = ("dynamic_joules_per_item", "static_joules_per_item", "seconds_per_item")
    return {name: None if row[name] is None else float(row[name]) for name in names}


def _tables(report: Mapping[str, Any]) -> Iterator[Table]:
    energy, time = report["energy"], report["time"]
    rows = [[f"dynamic: {unit}", si(joules, "J"), ""] for unit, joules in energy["dynamic"].items()]
    rows += [[part, *(si(energy[part][mode], "J") for mode in MODES)] for part in ("static", "host", "total")]
    rows.append(["time", *(si(time[mode], "s") for mode in MODES)])
    yield Table(f"{report['steps']:,} steps on {report['chip']}", ("", "free-running", "in real time"), rows)
    columns = ("event", "unit", "count", "price", "energy", "kind", "source")
    rows = [
        [x["name"], x["unit"], f"{x['count']:,}", si(x["price"], "J"), si(x["joules"], "J"), x["kind"],
         ". ".join(text for text in (x["source"], x["note"]) if text)]
        for x in energy["lines"]
    ]  # fmt: skip
    yield Table("Prices and their sources", columns, rows)
    rows = []
    for name, row in _chips(report).items():
        per = _per_item(row)
        if "refused" in per:
            rows.append([name, f"refused: {per['refused']}", "", ""])
        else:
            rows.append([name, si(per["dynamic_joules_per_item"], "J"), si(per["static_joules_per_item"], "J"),
                         si(per["seconds_per_item"], "s")])  # fmt: skip
    yield Table("Chips side by side, per item, free-running", ("chip", "dynamic", "static", "time"), rows)
    rows = [
        [
            name,
            *(f"{row[k]:,}" for k in ("spikes", "synaptic_events", "packets")),
            *(si(row["joules"][u], "J") for u in UNITS),
        ]
        for name, row in report["layers"].items()
    ]
    yield Table("By population", ("population", "spikes", "synaptic events", "packets", *UNITS), rows)
    rows = [[name, f"{value:,}"] for name, value in report["counters"].items() if isinstance(value, int)]
    yield Table("Counts", ("", "whole run"), rows)
    rows = [
        [name, f"{r['max']:,}", "unknown" if r["limit"] is None else f"{r['limit']:,}", f"{r['mean']:,.1f}"]
        for name, r in report["mapping"]["utilisation"].items()
    ]
    yield Table("Use of the cores", ("limit", "largest", "of", "mean"), rows)
    notes = [
        *report["mapping"]["violations"],
        *energy["unpriced"],
        *(f"not modelled: {x}" for x in report["not_modelled"]),
    ]
    yield Table("What to know", ("",), [[str(note)] for note in notes])
