"""Bills and reports for the terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from . import tables
from .tables import Table, si

if TYPE_CHECKING:
    from ..bill import Bill
    from .build import CostReport

__all__ = ["bill_table", "report_tables", "si"]


def _rich(table: Table) -> Any:
    from ..._rich import Table as RichTable

    out = RichTable(title=table.title)
    for i, name in enumerate(table.columns):
        out.add_column(name, justify="right" if i else "left")
    for row in table.rows:
        out.add_row(*row, style="bold" if row[0] == "total" else "")
    return out


def _group(parts: list[Table], notes: list[str]) -> Any:
    from rich.console import Group

    from ..._rich import plain_text

    return Group(*map(_rich, parts), *map(plain_text, notes))


def bill_table(bill: Bill) -> Any:
    """A rich renderable: counts and dynamic energy, static and host energy, time, mapping, what is missing."""
    return _group([tables.prices(bill), tables.totals(bill)], tables.notes(bill))


def report_tables(report: CostReport) -> Any:
    """A rich renderable of the whole report."""
    bill = report.bill
    own = [tables.prices(bill), tables.totals(bill), tables.layers(bill), tables.times(bill), tables.limits(bill)]
    twins = [*tables.twin(report), tables.quantized(report), tables.estimates(report)]
    parts = [*own, tables.chips(report), *twins, *tables.placements(report)]
    return _group(parts, [*tables.notes(bill), tables.twin_note(report)])
