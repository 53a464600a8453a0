"""``snmem reproduce``: published results beside our own."""

from pathlib import Path
from typing import Annotated

from typer import Argument, Option

from ..contract import Report
from ..progress import stages
from ..rows import rows_table


def reproduce(
    name: Annotated[str, Argument(help="Recipe to run; a wrong name lists them.")],
    quick: Annotated[bool, Option("--quick", help="A smaller size, for a first look.")] = False,
    seed: Annotated[int, Option(min=0, help="Seed of all randomness.")] = 0,
    *,
    out: Path | None,
) -> Report:
    """Reproduce a figure or table of a paper: our numbers beside the published ones."""
    from ...protocols import reproduce

    with stages() as say:
        data = reproduce(name, quick, seed, out, say)
    return Report(data, [rows_table(f"reproduce {name}", data["rows"])], data["ok"])
