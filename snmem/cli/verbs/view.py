"""``snmem view``: one page to explore a run in a browser."""

from pathlib import Path
from typing import Annotated, Any

from typer import Argument, Option

from ..contract import Report
from ..nir import Dt, InputFile, Rate, Seed, Settings, Steps, input_spikes, read_network

#: State variables that are recorded of a network that is run for the page, of so many neurons each.
_TRACES, _NEURONS = 4, 4


def view(
    source: Annotated[
        Path,
        Argument(
            metavar="DIR|FILE",
            help="Folder that a verb wrote with --out; or FILE.nir, which is run; or a run (simulate --to) or spikes.",
        ),
    ],
    html: Annotated[Path, Option("--html", metavar="FILE", help="The page to write.")] = Path("view.html"),
    steps: Steps = None,
    inputs: InputFile = None,
    backend: Annotated[str, Option(help="FILE.nir: runtime; a wrong name lists them.")] = "",
    rate: Rate = 0.1,
    seed: Seed = 0,
    neurons: Annotated[int, Option(min=1, help="Neurons of each trace to show.")] = _NEURONS,
    dt: Dt = None,
    settings: Settings = None,
    open_: Annotated[
        bool | None, Option("--open/--no-open", help="Open the page in a browser; default: at a terminal.")
    ] = None,
) -> Report:
    """Make one HTML page to explore a run: every spike, rates and potentials; it needs no network and no other file."""
    from ...view import view
    from ...view.source import open_source

    if source.suffix == ".nir":
        recording = _run(source, steps, inputs, backend, rate, seed, neurons, dt, settings)
    else:
        recording = open_source(source, dt).recording
    page = view(recording, neurons=neurons, title=source.name)
    size = page.save(html)
    _show(html, open_)
    run = page.data["run"]
    data = {
        "source": str(source),
        "page": str(html),
        "bytes": size,
        "steps": run["steps"],
        "start": run["start"],
        "populations": [{key: lane[key] for key in ("name", "size", "recorded", "spikes")} for lane in run["lanes"]],
        "traces": {trace["name"]: trace["neurons"] for trace in run["traces"]},
    }
    return Report(data, [f"{html}: {size / 1e6:.3g} MB, {page.about}"])


def _run(
    file: Path,
    steps: int | None,
    inputs: Path | None,
    backend: str,
    rate: float,
    seed: int,
    neurons: int,
    dt: float | None,
    settings: list[str] | None,
) -> Any:
    """Run a NIR file, and keep v of some neurons."""
    from ...recording import Record
    from ...simulation import simulate

    network = read_network(file, dt, settings)
    given, length = input_spikes(network, inputs, steps, rate, seed)
    traces = {f"{p.name}.v": list(range(min(neurons, p.size))) for p in network.neurons[:_TRACES]}
    name = backend or ("event" if network.arithmetic == "float" else "loihi")
    return simulate(network, given, length, name, record=Record(traces=traces))


def _show(page: Path, wanted: bool | None) -> None:
    """Open the page in the user's browser."""
    import sys
    import webbrowser

    if wanted or (wanted is None and sys.stdout.isatty()):
        webbrowser.open(page.absolute().as_uri())
