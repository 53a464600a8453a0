"""Options of verbs that read a NIR file, and ``snmem inspect``."""

from pathlib import Path
from typing import Annotated, Any

from typer import Argument, Option

from .contract import Report
from .progress import say

NirFile = Annotated[Path, Argument(metavar="FILE.nir", help="The network.")]
Dt = Annotated[
    float | None, Option("--dt", min=0, help="Time step in the file's time unit; default: the file's, else 1e-4.")
]
Settings = Annotated[
    list[str] | None,
    Option(
        "--set",
        metavar="NAME=VALUE",
        help="Settle what the file leaves open (VALUE@NODE: for one node); a wrong name lists the choices.",
    ),
]
Steps = Annotated[int | None, Option("--steps", min=1, help="Steps to run; default: length of the input, else 100.")]
InputFile = Annotated[
    Path | None,
    Option(
        "--input",
        metavar="FILE",
        help="Input spikes: .npy, .npz by input name, .h5, or a camera's file; default: random.",
    ),
]
Rate = Annotated[float, Option("--rate", min=0, help="Random input: spikes per line and step (Poisson).")]
Seed = Annotated[int, Option("--seed", min=0, help="Random input: its seed.")]


def reading_options(dt: float | None, settings: list[str] | None) -> dict[str, Any]:
    """Return the keyword arguments of ``read_nir`` that ``--dt`` and ``--set`` stand for."""
    from ..errors import InputError
    from ..nir_io import OPTIONS

    given: dict[str, Any] = {"dt": dt}
    for setting in settings or []:
        name, _, text = setting.partition("=")
        if name == "origin":
            given[name] = text
            continue
        text, at, node = text.partition("@")
        allowed = {str(value): value for value in OPTIONS[name].allowed} if name in OPTIONS else {}
        if text not in allowed:
            known = allowed or ("origin", *OPTIONS)
            raise InputError(
                f"--set {setting}: no such {'value' if allowed else 'name'}; use one of {', '.join(known)}"
            )
        if at or isinstance(given.get(name), dict):
            rest = given.get(name, {})
            given[name] = (rest if isinstance(rest, dict) else {"": rest}) | {node: allowed[text]}
        else:
            given[name] = allowed[text]
    return given


def read_network(file: Path, dt: float | None, settings: list[str] | None) -> Any:
    """The network of a NIR file; what the file leaves open is said as it is chosen."""
    from ..nir_io import read_nir

    options = reading_options(dt, settings)
    return read_nir(file, report=lambda choice: say(f"{file.name} leaves open: {choice}"), **options)


def input_spikes(
    network: Any, file: Path | None, steps: int | None, rate: float, seed: int, merge: str | None = None
) -> tuple[Any, int]:
    """The input of a run and its length: spikes of a file, or random ones, 100 steps unless told."""
    from ..io.inputs import load_inputs
    from ..stimuli import poisson

    if file is not None:
        return load_inputs(file, network, steps, merge=merge)
    return poisson(network, steps or 100, seed, rate), steps or 100


def inspect(file: NirFile, dt: Dt = None, settings: Settings = None) -> Report:
    """Show what is in a NIR file, of whatever origin, and what it leaves open."""
    from ..nir_io import inspect_nir, tables

    summary = inspect_nir(file, **reading_options(dt, settings))
    return Report(summary, tables(summary))
