"""``snmem bench``: timings beside peers, from the scripts in ``benchmarks``."""

from pathlib import Path
from typing import Annotated, Any

from typer import Argument, Option

from ..contract import Report
from ..progress import stages
from ..rows import rows_table


def bench(
    name: Annotated[str, Argument(help="Benchmark to run; a wrong name lists them.")],
    quick: Annotated[bool, Option("--quick", help="A smaller size, for a first look.")] = False,
    suite: Annotated[
        bool, Option("--suite", help="engine: all cases and peers, growth and the limit of this machine.")
    ] = False,
    runs: Annotated[
        Path | None, Option("--runs", metavar="DIR", help="memories: keeps finished runs, to go on after a kill.")
    ] = None,
    load: Annotated[
        list[Path] | None, Option("--load", metavar="FILE", help="memories: a file that registers one more.")
    ] = None,
    only: Annotated[
        list[str] | None, Option("--only", metavar="NAME", help="memories, models: this one; may be repeated.")
    ] = None,
    simulators: Annotated[
        list[str] | None,
        Option("--simulator", metavar="NAME", help="models: this one beside snmem; may be repeated; snmem: no other."),
    ] = None,
    *,
    out: Path | None,
) -> Report:
    """Time snmem beside its peers in one run, after checking that they compute the same."""
    from ..._compiling import compiled_first
    from ...errors import InputError
    from ...installation.content import load_script

    script = load_script("benchmarks", name)
    if suite and not hasattr(script, f"bench_{name}_suite"):
        raise InputError(f"bench {name}: has no suite; leave --suite out")
    for option, given, takers in (
        ("--runs", runs, ("memories",)),
        ("--load", load, ("memories",)),
        ("--only", only, ("memories", "models")),
        ("--simulator", simulators, ("models",)),
    ):
        if given and name not in takers:
            raise InputError(f"bench {name}: takes no {option}; leave it out")
    with stages() as say, compiled_first():
        if name == "models":
            data = script.bench_models(quick, say, only, simulators)
        elif name == "memories":
            data = script.bench_memories(quick, say, out, runs, [str(path) for path in load or ()], only or ())
        elif suite:
            data = getattr(script, f"bench_{name}_suite")(quick=quick, report=say, out=out)
        else:
            data = getattr(script, f"bench_{name}")(quick=quick, report=say)
    tables = [_table(*data.pop("table"))] if suite else []
    return Report(data, [*tables, rows_table(f"bench {name}", data["rows"])], data["ok"])


def _table(head: tuple[str, ...], *lines: list[str]) -> Any:
    from ..._rich import Table

    table = Table(*head, title="engines side by side")
    for line in lines:
        table.add_row(*line)
    return table
