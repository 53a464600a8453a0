"""``snmem cost``: the bill of a NIR file on a chip."""

from pathlib import Path
from typing import Annotated

from typer import Option

from .contract import Report
from .nir import Dt, InputFile, NirFile, Rate, Seed, Settings, Steps, reading_options
from .progress import say


def cost(
    file: NirFile,
    chip: Annotated[str, Option(help="A name that `snmem chips` lists, or a profile of your own (.toml).")],
    steps: Steps = None,
    inputs: InputFile = None,
    rate: Rate = 0.1,
    seed: Seed = 0,
    items: Annotated[int, Option(min=1, help="Recalls or inferences in the run, for the cost of one.")] = 1,
    step_time: Annotated[
        float | None, Option(help="Seconds per step in real time; default: the file's dt.", min=1e-12)
    ] = None,
    allow_oversize: Annotated[
        bool, Option("--allow-oversize", help="Bill a network that breaks limits of the chip, and list them.")
    ] = False,
    dt: Dt = None,
    settings: Settings = None,
    *,
    out: Path | None,
) -> Report:
    """Run a network and price its spikes, synaptic events, packets and time on a chip."""
    from ..aer import measure
    from ..inputs import load_inputs
    from ..nir_io import read_nir
    from ..verify import poisson

    options = reading_options(dt, settings)
    network = read_nir(file, report=lambda choice: say(f"{file.name} leaves open: {choice}"), **options)
    if inputs:
        spikes, length = load_inputs(inputs, network, steps)
    else:
        length = steps or 100
        spikes = poisson(network, length, seed, rate)
    limits = "report" if allow_oversize else "error"
    made = measure(network, spikes, length, chip, items=items, step_time=step_time, limits=limits)
    stimulus = {"file": inputs} if inputs else {"rate": rate, "seed": seed}
    return Report({**made.to_dict(), "network": network.digest(), "input": stimulus}, [made])
