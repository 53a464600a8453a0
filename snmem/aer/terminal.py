"""The bill as a table for the terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .bill import Bill


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


def bill_table(bill: Bill) -> Any:
    """A rich renderable: counts and dynamic energy, static and host power, time, mapping, what is missing."""
    from rich.console import Group
    from rich.table import Table
    from rich.text import Text

    table = Table(title=f"Bill on {bill.chip}: {bill.steps} steps", title_justify="left")
    for name, right in (("dynamic", False), ("count", True), ("price", True), ("energy", True), ("kind", False)):
        table.add_column(name, justify="right" if right else "left")
    for x in bill.lines:
        table.add_row(x.name, f"{x.count:,}", si(x.price, "J"), si(x.joules, "J"), x.kind)
    total = ("at least " if bill.lower_bound else "") + si(bill.dynamic["total"], "J")
    table.add_row("total", "", "", total, "", style="bold")
    rows = Table(show_header=True)
    for name in ("", "free-running", "throttled"):
        rows.add_column(name, justify="right" if name else "left")
    modes = ("free_running", "throttled")
    rows.add_row("time", *(si(bill.seconds[m], "s") for m in modes))
    rows.add_row("static energy", *(si(bill.static[m], "J") for m in modes))
    rows.add_row("host energy", *(si(bill.host[m], "J") for m in modes))
    if bill.items > 1:
        per = bill.per_item()
        rows.add_row("energy per item", si(per["joules_per_item"], "J"), si(per["throttled_joules_per_item"], "J"))
        rows.add_row("time per item", si(per["seconds_per_item"], "s"), si(per["throttled_seconds_per_item"], "s"))
    m = bill.mapping
    notes = [f"{m['cores']} cores on {m['tiles']} tiles of {m['chips']} chip(s), placed {m['strategy']}."]
    if bill.pace:
        share = f"{bill.pace['critical_share']:.0%}"
        core, stage = bill.pace["critical_core"], bill.pace["critical_stage"]
        notes.append(f"Core {core} ({stage}) sets the pace in {share} of steps.")
    notes += [f"Limit broken: {v}." for v in m["violations"]]
    notes += [f"No public price: {u}." for u in bill.unpriced]
    notes += [f"No public time: {', '.join(bill.untimed)}."] if bill.untimed else []
    notes.append(f"Not modelled: {'; '.join(bill.not_modelled)}.")
    return Group(table, rows, Text("\n".join(notes)))
