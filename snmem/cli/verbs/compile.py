"""``snmem compile``: a NIR file as a Python module for Lava, as a C program, or as Verilog."""

from importlib import import_module
from pathlib import Path
from typing import Annotated, Any

from typer import Option

from ..contract import Report
from ..nir import Dt, InputFile, NirFile, Rate, Seed, Settings, Steps, read_network
from ..progress import stages

#: Modules with a ``compile``, by target.
_COMPILERS = {
    "lava": "lava.compiler.compile",
    "c": "c_target.compile",
    "verilog": "verilog_target.compile",
}
#: Cores listed in a terminal.
_CORES = 8


def compile(
    file: NirFile,
    to: Annotated[
        str, Option(help='"lava" (a Python module), "c" (a C99 program) or "verilog" (a core), both in fixed point.')
    ] = "lava",
    arithmetic: Annotated[str, Option(help='"fixed" (Loihi\'s integers) or "float" (Lava only).')] = "fixed",
    quantization: Annotated[
        str, Option(help='How scales are chosen: "calibrated" on sample input, "grid" (powers of two), or "plain".')
    ] = "calibrated",
    chip: Annotated[
        str | None,
        Option(help="Lava only: a chip that `snmem chips` lists, whose limits must hold; default: only report."),
    ] = None,
    start: Annotated[
        str, Option(help='v before the first step where v_reset is not 0: "zero", or "reset" (v_reset).')
    ] = "zero",
    steps: Steps = None,
    inputs: InputFile = None,
    rate: Rate = 0.1,
    seed: Seed = 0,
    run: Annotated[bool, Option("--run/--no-run", help="Run what was written and compare its spikes.")] = True,
    dt: Dt = None,
    settings: Settings = None,
    *,
    out: Path | None,
) -> Report:
    """Write a network for Lava, in C or in Verilog, in Loihi's arithmetic, and report what that took."""
    from ...io.inputs import load_inputs

    assert out is not None
    own = _own_options(to, arithmetic, chip, run)
    network = read_network(file, dt, settings)
    spikes, length = load_inputs(inputs, network, steps) if inputs else (None, steps or 100)
    shared: dict[str, Any] = {"title": file.name.removesuffix(".nir"), "quantization": quantization, "inputs": spikes}
    shared |= {"steps": length, "rate": rate, "seed": seed, "start": start}
    with stages() as tell:
        compiler = import_module(f"...{_COMPILERS[to]}", __package__)
        made = compiler.compile(network, out, **shared, **own, report=tell)
    tables = _tables(made.report) if to == "lava" else _own_tables(made.report, to)
    return Report(made.report, list(tables), made.report["ok"])


def _own_options(to: str, arithmetic: str, chip: str | None, run: bool) -> dict[str, Any]:
    """The options of one target alone."""
    from ...errors import InputError

    if to == "lava":
        return {"arithmetic": arithmetic, "chip": chip, "lava": run}
    if to not in _COMPILERS:
        raise InputError(f'--to {to}: use "lava", "c" or "verilog"')
    if arithmetic != "fixed":
        raise InputError(f'--arithmetic {arithmetic}: with --to {to} all is in "fixed" point; leave the option out')
    if chip is not None:
        raise InputError(f"--chip {chip}: with --to {to} there is no chip whose limits must hold; leave the option out")
    return {"run": run}


def _own_tables(data: dict[str, Any], to: str) -> Any:
    from ..._rich import Table

    table = Table("population", "neurons", "scale", "spikes", "differ from float", title="populations")
    differ = data["agreement"].get("quantised", {}).get("by_population", {})
    for row in data["populations"]:
        name, scale = row["name"], f"{row['scale']:.5g}" if "scale" in row else ""
        table.add_row(name, f"{row['size']:,}", scale, data["agreement"]["spikes"][name], differ.get(name, ""))
    yield table
    table = Table("projection", "synapses", "bytes", "index", "weight error", title="projections")
    for row in data["projections"]:
        error = f"{row['relative']:.2%}" if "relative" in row else ""
        size, index = sum(p["bytes"] for p in row["parts"]), ", ".join(p["index"] for p in row["parts"])
        table.add_row(row["name"], f"{row['synapses']:,}", f"{size:,}", index, error)
    yield table
    memory, agreement = data["memory"], data["agreement"]
    yield f"{memory['constant']:,} bytes of tables, {memory['state']:,} of state, sums of {memory['sum_bits']} bits"
    yield from data["warnings"]
    ran, twin, what = agreement[to], agreement["emulator"], {"c": "C", "verilog": "Verilog"}[to]
    if not ran["ran"]:
        yield f"{what}, {agreement['steps']} steps: not run ({ran['why']})"
        return
    yield f"{what}, {agreement['steps']} steps: {ran['cells']} differing cells"
    if "clocks_per_step" in ran:
        came = f"spikes that come in: {ran['input_clocks_per_step']:,.0f}"
        yield f"{ran['clocks_per_step']:,.0f} clocks a step, {ran['most_clocks']:,} at most; {came}"
    yield f"{1e6 * ran['seconds_per_step']:.3g} us a step; emulator: {1e6 * twin['seconds_per_step']:.3g} us"


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
