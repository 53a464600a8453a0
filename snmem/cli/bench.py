"""``snmem bench``: timings beside peers, from the scripts in ``benchmarks``."""

import inspect
from pathlib import Path
from typing import Annotated

from typer import Argument, Option

from .contract import Report
from .progress import stages
from .rows import rows_table


def bench(
    name: Annotated[str, Argument(help="Benchmark to run; a wrong name lists them.")],
    quick: Annotated[bool, Option("--quick", help="A smaller size, for a first look.")] = False,
    *,
    out: Path | None,
) -> Report:
    """Time snmem beside its peers in one run, after checking that they compute the same."""
    from ..content import load_script

    run = getattr(load_script("benchmarks", name), f"bench_{name}")
    options = {"out": out} if "out" in inspect.signature(run).parameters else {}  # it draws
    with stages() as say:
        data = run(quick=quick, report=say, **options)
    return Report(data, [rows_table(f"bench {name}", data["rows"])], data["ok"])
