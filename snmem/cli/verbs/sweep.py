"""``snmem sweep``: many runs of a model, kept one by one, resumable."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

from typer import Argument, Option

from ..contract import Report
from ..progress import stages

#: Columns and lines that a terminal shows; everything is in the dataset.
_COLUMNS, _LINES = 8, 40


def sweep(
    model: Annotated[str, Argument(metavar="MODEL[:FUNCTION]", help="Model to run; `snmem models` lists them.")],
    grid: Annotated[
        list[str] | None, Option("--grid", metavar="NAME=A,B,...", help="Values of a parameter; may be repeated.")
    ] = None,
    seeds: Annotated[int, Option(min=1, help="Runs for each combination, with seeds from --first-seed on.")] = 1,
    first_seed: Annotated[int, Option(min=0, max=2**30)] = 0,
    settings: Annotated[
        list[str] | None, Option("--set", metavar="NAME=VALUE", help="A parameter that is the same in all runs.")
    ] = None,
    workers: Annotated[int | None, Option(min=1, help="Processes on this machine; default: one per processor.")] = None,
    scheduler: Annotated[
        str | None, Option(metavar="ADDRESS", help="Run on this Dask cluster instead, e.g. tcp://10.0.0.1:8786.")
    ] = None,
    folder: Annotated[
        Path, Option("--out", metavar="DIR", help="Where runs and results.nc are kept.", rich_help_panel="Output")
    ] = Path("snmem-sweep"),
) -> Report:
    """Run a model over parameters and seeds; what is finished is kept, and the same command goes on after a kill."""
    from ...sweep import parse_setting
    from ...sweep import sweep as run_sweep

    values = dict(map(parse_setting, grid or []))
    fixed = single_values(settings)
    with stages() as say:
        numbers = range(first_seed, first_seed + seeds)
        found = run_sweep(model, values, numbers, folder, fixed, workers, scheduler, say)
    failed = [{"parameters": point, "error": error} for point, error in found.failed]
    data = {"ok": not failed, "model": model, "results": found.path, "kept": found.kept, "done": found.done}
    data |= {"failed": failed, "rows": _means(found.data, list(values))}
    lines = [f"FAILED {row['parameters']}: {row['error']}" for row in failed[:_LINES]]
    counts = f"{found.kept} runs kept from before, {found.done} done, {len(failed)} failed"
    return Report(data, [_table(model, data["rows"]), *lines, counts, f"Dataset: {found.path}"], not failed)


def single_values(settings: Sequence[str] | None) -> dict[str, Any]:
    """Return what ``--set NAME=VALUE`` options say."""
    from ...sweep import parse_setting

    return {name: value for name, (value,) in (parse_setting(text, one=True) for text in settings or [])}


def _means(data: Any, names: list[str]) -> list[dict[str, Any]]:
    """Numbers (no arrays) of every combination of parameters, means over the seeds."""
    import itertools

    numbers = [name for name in data.data_vars if set(data[name].dims) <= {*names, "seed"}]
    rows = []
    for values in itertools.product(*(data[name].values.tolist() for name in names)):
        point = dict(zip(names, values, strict=True))
        rows.append({**point, **{n: float(data[n].sel(point).mean("seed")) for n in numbers}})
    return rows


def _table(model: str, rows: list[dict[str, Any]]) -> Any:
    from ..._rich import Table

    names = list(rows[0])
    shown = names[:_COLUMNS]
    more = f"; {len(names) - len(shown)} further results in the dataset" if len(names) > len(shown) else ""
    table = Table(*shown, title=f"sweep {model}, means over seeds{more}")
    for row in rows[:_LINES]:
        cells = (row[name] for name in shown)
        table.add_row(*(f"{x:.4g}" if isinstance(x, float) else x for x in cells))
    if len(rows) > _LINES:
        table.add_row(*("..." for _ in shown))
    return table
