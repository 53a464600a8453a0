"""Rows that judge a figure: a target, or a published value with its tolerance."""

from collections.abc import Mapping, Sequence
from typing import Any


def rows_table(title: str, rows: Sequence[Mapping[str, Any]]) -> Any:
    """Rows with name, value, target (or published or expected, and tolerance), unit and ok as a table."""
    from .._rich import Table

    table = Table("", "value", "wanted", "unit", "ok", title=title)
    for row in rows:
        cells = (row["name"], _number(row["value"]), _wanted(row), row["unit"], "yes" if row["ok"] else "NO")
        table.add_row(*cells)
    return table


def _wanted(row: Mapping[str, Any]) -> str:
    wanted = _number(next(row[key] for key in ("target", "published", "expected") if key in row))
    tolerance = row.get("tolerance", "")
    return wanted if isinstance(tolerance, str) else f"{wanted} ± {_number(tolerance)}"


def _number(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, (int, float)) else str(value)
