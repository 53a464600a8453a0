"""``snmem simulate``: run a NIR file, and keep its spikes and traces."""

from pathlib import Path
from typing import Annotated, Any

from typer import Option

from ..contract import Report
from ..nir import Dt, InputFile, NirFile, Rate, Seed, Settings, Steps, input_spikes, read_network
from ..progress import say

#: Entries of all rasters together that are written as .npz; beyond, there is spikes.h5 alone.
RASTER = 10**9


def simulate(
    file: NirFile,
    steps: Steps = None,
    inputs: InputFile = None,
    backend: Annotated[str, Option(help="Runtime; a wrong name lists them.")] = "",
    rate: Rate = 0.1,
    seed: Seed = 0,
    record: Annotated[
        list[str] | None,
        Option(metavar="POPULATION.u|v", help="Keep a variable of a population; repeatable."),
    ] = None,
    every: Annotated[int, Option(min=1, help="Keep it in every so many steps only.")] = 1,
    spikes: Annotated[
        list[str] | None,
        Option(metavar="POPULATION", help="Keep the spikes of these populations only, or of 'none'; repeatable."),
    ] = None,
    to: Annotated[
        Path | None, Option(metavar="FILE.h5", help="Write what is kept to this file while the run goes on.")
    ] = None,
    merge: Annotated[
        str | None,
        Option(metavar="clip|add|error", help="Several events of a line in a step; default: clip, and say so."),
    ] = None,
    dt: Dt = None,
    settings: Settings = None,
    *,
    out: Path | None,
) -> Report:
    """Run a network on one backend; `--out` keeps spikes (.npz, NIR data as .h5) and traces (.npz).

    `--to` writes long runs to a file as they go, in constant memory; it is FILE.h5.partial until the run is complete.
    """
    from ...recording import Record
    from ...simulation import simulate

    network = read_network(file, dt, settings)
    given, length = input_spikes(network, inputs, steps, rate, seed, merge)
    name = backend or ("event" if network.arithmetic == "float" else "loihi")
    chosen: Any = True if not spikes else False if spikes == ["none"] else spikes
    wanted = Record(spikes=chosen, traces=record or False, every=every)
    try:
        recording = simulate(network, given, length, name, record=wanted, to=to)
    except KeyboardInterrupt:
        if to is not None:
            say(f"what was recorded is in {to}.partial")
        raise
    files = _write(out, recording) if out is not None and to is None else []
    data = {
        "file": str(file),
        "backend": name,
        "steps": recording.steps,
        "dt": network.dt,
        "seed": None if inputs else seed,
        "populations": [_row(p, recording) for p in network.populations],
        "traces": {key: list(rows.shape) for key, rows in recording.traces.items()},
        "files": files,
    }
    if to is not None:
        data["to"] = str(to)
    return Report(data, list(_tables(data)))


def _row(population: Any, recording: Any) -> dict[str, Any]:
    spikes = recording.counters.spikes[population.name]
    per_step = spikes / (recording.steps * population.size)
    return {
        "name": population.name,
        "neurons": population.size,
        "spikes": spikes,
        "per_neuron_and_step": per_step,
        "rate_hz": per_step / recording.dt,
    }


def _write(folder: Path, recording: Any) -> list[str]:
    """Spikes as events in NIR data, as rasters where they are of a reasonable size, and traces."""
    from ...io.arrays import save_arrays
    from ...io.spikes import write_spikes

    files = ["spikes.h5"]
    write_spikes(folder / files[0], recording.spikes, recording.dt, {"backend": recording.backend})
    if sum(s.steps * s.size for s in recording.spikes.values()) <= RASTER:
        files.append("spikes.npz")
        save_arrays(folder / files[-1], ((name, s.raster()) for name, s in recording.spikes.items()))
    if recording.traces:
        files.append("traces.npz")
        save_arrays(folder / files[-1], recording.traces.items())
    return files


def _tables(data: dict[str, Any]) -> Any:
    from ..._rich import Table

    table = Table("population", "neurons", "spikes", "per neuron and step", "Hz", title=f"{data['steps']} steps")
    for row in data["populations"]:
        rates = f"{row['per_neuron_and_step']:.4g}", f"{row['rate_hz']:.4g}"
        table.add_row(row["name"], f"{row['neurons']:,}", f"{row['spikes']:,}", *rates)
    yield table
    if "to" in data:
        yield f"written: {data['to']}"
    if data["files"]:
        yield f"written: {', '.join(data['files'])}"
