"""``snmem verify``: the same spikes on every runtime; ``snmem interop``: the same as other frameworks."""

from pathlib import Path
from typing import Annotated

from typer import Option

from ..contract import Report
from ..nir import Dt, InputFile, NirFile, Rate, Seed, Settings, Steps, reading_options
from ..progress import stages


def verify(
    file: NirFile,
    steps: Steps = None,
    inputs: InputFile = None,
    backends: Annotated[
        str | None, Option(metavar="A,B", help="Backends to compare; default: all that are installed.")
    ] = None,
    rate: Rate = 0.1,
    seed: Seed = 0,
    quantize: Annotated[
        bool, Option("--quantize", help="Also say how far the network in Loihi fixed point is from it.")
    ] = False,
    golden: Annotated[
        Path | None, Option(help="Spikes saved earlier, which must come out again; they bring their inputs.")
    ] = None,
    save_golden: Annotated[Path | None, Option(help="Save inputs and spikes to this file (.h5).")] = None,
    dt: Dt = None,
    settings: Settings = None,
    *,
    out: Path | None,
) -> Report:
    """Run a network on every backend and compare the spikes, entry by entry.

    Exit code 1: spikes differ, or a population never fired, so that nothing was compared.
    """
    from ...verify import verify, verify_tables

    names = None if backends is None else [name.strip() for name in backends.split(",")]
    with stages() as say:
        result = verify(
            file,
            inputs,
            steps,
            names,
            seed=seed,
            rate=rate,
            quantize=quantize,
            golden=golden,
            save_golden=save_golden,
            report=say,
            **reading_options(dt, settings),
        )
    return Report(result, verify_tables(result), result["agree"])


def interop() -> Report:
    """Compare recorded files and spikes of other frameworks, primitive by primitive, with what snmem reads and runs."""
    from ...verify.interop import interop, interop_tables

    result = interop()
    return Report(result, interop_tables(result))
