"""``snmem compile``: a NIR file as a Python module for Lava."""

from pathlib import Path
from typing import Annotated, Any

from typer import Option

from ..contract import Report
from ..nir import Dt, InputFile, NirFile, Rate, Seed, Settings, Steps, reading_options
from ..progress import say, stages

#: Cores listed in a terminal.
_CORES = 8


def compile(
    file: NirFile,
    to: Annotated[str, Option(help='"lava" is the one target.')] = "lava",
    arithmetic: Annotated[str, Option(help='"fixed" (Loihi\'s integers) or "float".')] = "fixed",
    quantization: Annotated[
        str, Option(help='How scales are chosen: "calibrated" on sample input, "grid" (powers of two), or "plain".')
    ] = "calibrated",
    chip: Annotated[
        str | None, Option(help="A chip that `snmem chips` lists, whose limits must hold; default: only report.")
    ] = None,
    start: Annotated[
        str, Option(help='v before the first step where v_reset is not 0: "zero", or "reset" (v_reset).')
    ] = "zero",
    steps: Steps = None,
    inputs: InputFile = None,
    rate: Rate = 0.1,
    seed: Seed = 0,
    run: Annotated[bool, Option("--run/--no-run", help="Run the module on Lava and compare its spikes.")] = True,
    dt: Dt = None,
    settings: Settings = None,
    *,
    out: Path | None,
) -> Report:
    """Write a network as a Python module for Lava, in Loihi's arithmetic, and report what that took."""
    from ...errors import InputError
    from ...io.inputs import load_inputs
    from ...lava.compiler.compile import compile
    from ...nir_io import read_nir

    if to != "lava":
        raise InputError(f'--to {to}: the one target is "lava"')
    assert out is not None
    options = reading_options(dt, settings)
    network = read_nir(file, report=lambda choice: say(f"{file.name} leaves open: {choice}"), **options)
    spikes, length = load_inputs(inputs, network, steps) if inputs else (None, steps or 100)
    with stages() as tell:
        made = compile(
            network,
            out,
            title=file.name.removesuffix(".nir"),
            arithmetic=arithmetic,
            quantization=quantization,
            inputs=spikes,
            steps=length,
            rate=rate,
            seed=seed,
            start=start,
            chip=chip,
            lava=run,
            report=tell,
        )
    return Report(made.report, list(_tables(made.report)), made.report["ok"])


def _cores(limits: dict[str, Any]) -> Any:
    """The loads of the first cores, each with its share of the limit."""
    from ..._rich import Table

    names = list(limits["utilisation"])
    table = Table("core", "populations", *(n.removesuffix("_per_core").replace("_", " ") for n in names))
    for row in limits["table"][:_CORES]:
        held = ", ".join(f"{name} {count:,}" for name, count in row["populations"].items())
        most = [limits["utilisation"][name]["limit"] for name in names]
        loads = [f"{row[n]:,}" + (f" ({row[n] / m:.0%})" if m else "") for n, m in zip(names, most, strict=True)]
        table.add_row(row["core"], held, *loads)
    if limits["cores"] > _CORES:
        table.caption = f"and {limits['cores'] - _CORES} more, in report.json"
    return table


def _tables(data: dict[str, Any]) -> Any:
    from ..._rich import Table

    columns = ("population", "neurons", "late", "scale", "u peak", "spikes", "expected", "alone", "differ from float")
    table = Table(*columns, title="populations")
    differ = data["agreement"].get("quantised", data["agreement"].get("prepared", {})).get("by_population", {})
    for row in data["populations"]:
        name = row["name"]
        spikes = data["agreement"]["spikes"][name]
        scale = (f"{row['scale']:.5g}", f"{row['u_peak']:.1%}") if "scale" in row else ("", "")
        cells = (name, f"{row['size']:,}", row["late"], *scale, spikes)
        alone = (f"{row['expected']:.0f}", row["measured"]) if "scale" in row else ("", "")
        table.add_row(*cells, *alone, differ.get(name, ""))
    yield table
    table = Table("projection", "synapses", "connections", "weight error", "clipped", title="projections")
    for row in data["projections"]:
        parts = ", ".join(f"{p['kind']} {p['sign'] or ''} 2^{p['exponent']}" for p in row["parts"])
        error = f"{row['relative']:.2%}" if "relative" in row else ""
        table.add_row(row["name"], f"{row['synapses']:,}", parts, error, row.get("clipped", ""))
    yield table
    for limits in data["limits"].values():
        used = f", {limits['binding']} up to {limits['used']:.0%}" if limits["binding"] else ""
        broken = "".join(f"; does not fit: {text}" for text in limits["violations"])
        yield f"{limits['chip']}: {limits['cores']} cores on {limits['chips']} chips{used}{broken}"
        if limits["cores"] > 1:
            yield _cores(limits)
    yield from data["warnings"]
    lava = data["agreement"]["lava"]
    cells = f"{lava['cells']} differing cells" if lava["ran"] else f"not run ({lava['why']})"
    yield f"Lava, {data['agreement']['steps']} steps: {cells}"
