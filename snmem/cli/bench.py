"""``snmem bench``: timings beside peers, from the scripts in ``benchmarks``."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

from typer import Argument, Option

from .contract import Report
from .progress import stages


def bench(
    name: Annotated[str, Argument(help="Benchmark to run; a wrong name lists them.")],
    quick: Annotated[bool, Option("--quick", help="A smaller size, for a first look.")] = False,
    *,
    out: Path | None,
) -> Report:
    """Time snmem beside its peers in one run, after checking that they compute the same."""
    from ..content import load_script

    run = getattr(load_script("benchmarks", name), f"bench_{name}")
    with stages() as say:
        data = run(quick=quick, report=say)
    return Report(data, [rows_table(f"bench {name}", data["rows"])], data["ok"])


def rows_table(title: str, rows: Sequence[Mapping[str, Any]]) -> Any:
    """Rows with name, value, target (or published and tolerance), unit and ok as a table."""
    from rich.table import Table

    table = Table("", "value", "target", "unit", "ok", title=title, title_justify="left")
    for row in rows:
        wanted = _number(row["target"]) if "target" in row else f"{_number(row['published'])} ± {row['tolerance']}"
        table.add_row(row["name"], _number(row["value"]), wanted, row["unit"], "yes" if row["ok"] else "NO")
    return table


def _number(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, (int, float)) else str(value)
