"""``snmem view``: one page to explore a run in a browser."""

import sys
import webbrowser
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

from typer import Argument, Option

from ..contract import Report
from ..nir import Dt, InputFile, Rate, Seed, Settings, Steps, input_spikes, read_network
from ..progress import say, stages

#: Populations whose v is recorded when a network is run for the page, and neurons of each.
_TRACES, _NEURONS = 4, 4


def view(
    source: Annotated[
        Path,
        Argument(
            metavar="DIR|FILE",
            help="Folder that simulate, cost or verify wrote with --out; FILE.nir, which is run; or a run "
            "(simulate --to) or a file of spikes.",
        ),
    ],
    html: Annotated[Path, Option("--html", metavar="FILE", help="The page to write.")] = Path("view.html"),
    chip: Annotated[
        list[str] | None, Option(help="Price the run on this chip; repeat it to compare others. Needs the network.")
    ] = None,
    verify: Annotated[
        bool, Option("--verify", help="FILE.nir: compare the spikes on every installed runtime.")
    ] = False,
    backends: Annotated[str | None, Option(metavar="A,B", help="Runtimes to compare; with --verify.")] = None,
    perfetto: Annotated[
        Path | None,
        Option(metavar="FILE.json", help="Also write the timeline of the first --chip's cores, for ui.perfetto.dev."),
    ] = None,
    steps: Steps = None,
    inputs: InputFile = None,
    rate: Rate = 0.1,
    seed: Seed = 0,
    neurons: Annotated[int, Option(min=1, help="Neurons of each trace to show.")] = _NEURONS,
    dt: Dt = None,
    settings: Settings = None,
    open_: Annotated[
        bool | None, Option("--open/--no-open", help="Open the page in a browser; default: at a terminal.")
    ] = None,
) -> Report:
    """Make one HTML page to explore a run: spikes, network, chip, energy and latency; it needs no other file."""
    from ...errors import InputError
    from ...view import view
    from ...view._view import view_report
    from ...view.source import Source, open_source

    verdict, found = None, Source(None)
    if source.suffix == ".nir":
        recording = _run(source, steps, inputs, rate, seed, neurons, dt, settings)
        if verify:
            verdict = _verdict(recording, backends)
    else:
        if verify:
            raise InputError(f"view: --verify needs a network, {source} is none; give FILE.nir")
        found = open_source(source, dt)
        recording = _with_network(found, source)
    if recording is None:
        page = view_report(found.verb, found.report, source.name)
    else:
        page = view(recording, neurons=neurons, chips=chip or (), verdict=verdict, title=source.name)
    data: dict[str, Any] = {"source": str(source), "page": str(html), **_about(page.data)}
    if perfetto is not None:
        data["perfetto"] = {"file": str(perfetto), **_timeline(perfetto, recording, chip)}
    data["bytes"] = size = page.save(html)
    if open_ or (open_ is None and sys.stdout.isatty()):
        webbrowser.open(html.absolute().as_uri())
    return Report(data, [f"{html}: {size / 1e6:.3g} MB, {page.about}"])


def _timeline(path: Path, recording: Any, chip: list[str] | None) -> dict[str, Any]:
    """Write the timeline of the cores; needs the network and a chip."""
    from ...errors import InputError
    from ...network import Network
    from ...view.perfetto import write_trace

    network = getattr(recording, "network", None)
    if not chip or not isinstance(network, Network):
        lacks = "a network: give FILE.nir or the folder of its simulation" if chip else "a --chip"
        raise InputError(f"view: --perfetto needs {lacks}")
    inputs = {p.name: recording.spikes[p.name] for p in network.fed}
    return write_trace(path, network, inputs, recording.steps, chip[0])


def _about(data: Any) -> dict[str, Any]:
    """What the page holds."""
    run = data.get("run", {"lanes": [], "traces": [], "steps": None, "start": None})
    return {
        "steps": run["steps"],
        "start": run["start"],
        "populations": [{key: lane[key] for key in ("name", "size", "recorded", "spikes")} for lane in run["lanes"]],
        "traces": {trace["name"]: trace["neurons"] for trace in run["traces"]},
        "sections": [name for name in ("run", "network", "chip", "bill", "conformance") if data.get(name)],
    }


def _run(
    file: Path,
    steps: int | None,
    inputs: Path | None,
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
    name = "event" if network.arithmetic == "float" else "loihi"
    return simulate(network, given, length, name, record=Record(traces=traces))


def _verdict(recording: Any, backends: str | None) -> Any:
    """Whether the runtimes give the spikes of the same run."""
    from ...verify import verify

    network = recording.network
    given = {p.name: recording.spikes[p.name] for p in network.fed}
    names = None if backends is None else [name.strip() for name in backends.split(",")]
    with stages() as tell:
        return verify(network, given, recording.steps, names, report=tell)


def _with_network(found: Any, source: Path) -> Any:
    """The recording with the network that its folder names, if its file is there and fits."""
    from ...errors import SnmemError

    name = found.config.get("file")
    if found.recording is None or not isinstance(name, str):
        return found.recording
    places = [path for path in (Path(name), source.parent / name) if path.is_file()]
    if not places:
        say(f"{name} is not there, so the page shows no network")
        return found.recording
    settings = found.config.get("settings")
    try:
        network = read_network(places[0], found.config.get("dt"), settings if isinstance(settings, list) else None)
    except SnmemError as error:
        say(f"the page shows no network: {error}")
        return found.recording
    recording = replace(found.recording, network=network)
    sizes = {p.name: p.size for p in network.populations}
    if {name: s.size for name, s in recording.spikes.items()}.items() <= sizes.items():
        return recording
    say(f"{places[0]} is another network than that of the run, so the page shows none")
    return found.recording
