"""``snmem demo``: the main job."""

from pathlib import Path
from typing import Annotated

from typer import Option

from ..contract import Report
from ..progress import stages


def demo(
    data: Annotated[
        str, Option(help='"digits", a UTF-8 text file with one memory a line, or an .npy file with one vector a row.')
    ] = "digits",
    seed: Annotated[int, Option(help="Chooses items, damage and synapses.", min=0)] = 0,
    lava: Annotated[bool, Option("--lava/--no-lava", help="Run on Lava too.")] = True,
    meaning: Annotated[
        bool, Option("--meaning", help="Store lines of text by what they mean; needs MiniLM (snmem[language]).")
    ] = False,
    *,
    out: Path | None,
) -> Report:
    """Store real data in a spiking memory, recall it from damaged cues, compare all runtimes, read the bill."""
    from ...protocols.demo import demo, tables

    with stages() as say:
        result = demo(data, out, seed, lava, say, meaning)
    return Report(result, tables(result), result["ok"])
