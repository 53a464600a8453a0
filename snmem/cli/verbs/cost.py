"""``snmem cost``: the bill of a NIR file on chips."""

import inspect
from pathlib import Path
from typing import Annotated, Any, Literal

from typer import Argument, Option

from ...errors import InputError
from ..contract import Report
from ..modules import is_module, module_report
from ..nir import Dt, Rate, Seed, Settings, Steps, input_spikes, read_network

File = Annotated[
    Path,
    Argument(
        metavar="FILE.nir",
        help="The network; or FILE.py:NAME, a module of snnTorch, SpikingJelly, Norse or Sinabs or what makes it.",
    ),
]
Chips = Annotated[
    list[str],
    Option(help="A name that `snmem chips` lists, or a profile of your own (.toml); repeat it to compare others."),
]
Sample = Annotated[
    Path | None,
    Option(
        "--input",
        "--sample",
        metavar="FILE",
        help="Input spikes: .npy, .npz by input name, .h5, or a camera's file; default: random. "
        "For a module: .npy of shape (steps, samples, ...).",
    ),
]
Items = Annotated[int, Option(min=1, help="Recalls or inferences in the run, for the cost of one.")]
StepTime = Annotated[float | None, Option(help="Seconds per step in real time; default: the file's dt.", min=1e-12)]
Placement = Annotated[Literal["in_order", "traffic", "hypergraph"], Option(help="How neurons go on cores.")]
Objective = Annotated[
    Literal["both", "energy", "time"],
    Option(help="What traffic-aware placement makes small; both: neither network energy nor time gets worse."),
]
Synapses = Annotated[
    Literal["dense", "sparse", "conv"], Option(help="Format of the synapses, where the chip has several.")
]
Evaluations = Annotated[int, Option(min=1, help="Dense twin: passes through the network per item.")]
Number = Annotated[Literal["fp32", "fp16", "int8"], Option(help="Dense twin: its numbers.")]
Stored = Annotated[
    int | None,
    Option(min=1, help="Dense twin: stored weights, where convolutions share them; default: all synapses."),
]
WeightBits = Annotated[int, Option(min=1, max=32, help="Quantised twin: bits of a weight.")]
Html = Annotated[Path | None, Option(metavar="FILE", help="Write the report as one HTML page.")]
AllowOversize = Annotated[
    bool, Option("--allow-oversize", help="Bill a network that breaks limits of the chip, and list them.")
]
MostChips = Annotated[
    int | None,
    Option(min=1, help="Chips there are; where they have too few cores, cores take several parts in turn."),
]
Batch = Annotated[bool, Option("--batch/--no-batch", help="Module: whether its input has an axis of samples.")]


def cost(
    file: File,
    chip: Chips,
    steps: Steps = None,
    inputs: Sample = None,
    rate: Rate = 0.1,
    seed: Seed = 0,
    items: Items = 1,
    step_time: StepTime = None,
    placement: Placement = "in_order",
    objective: Objective = "both",
    synapses: Synapses = "dense",
    evaluations: Evaluations = 1,
    number: Number = "fp16",
    parameters: Stored = None,
    weight_bits: WeightBits = 8,
    html: Html = None,
    allow_oversize: AllowOversize = False,
    most_chips: MostChips = None,
    dt: Dt = None,
    settings: Settings = None,
    batch: Batch = True,
    *,
    out: Path | None,
) -> Report:
    """Run a network and price its spikes, synaptic events, packets and time on chips and as dense arithmetic."""
    options = dict(locals())
    if is_module(file):
        return module_report(options, {name: p.default for name, p in inspect.signature(cost).parameters.items()})
    if not batch:
        raise InputError("cost: --no-batch is for modules (FILE.py:NAME); input of a network has no axis of samples")
    from ...cost.report.build import cost_report

    network = read_network(file, dt, settings)
    spikes, length = input_spikes(network, inputs, steps, rate, seed)
    report = cost_report(
        network,
        spikes,
        length,
        chip[0],
        also=chip[1:] or None,
        placement=placement,
        objective=objective,
        synapses=synapses,
        step_time=step_time,
        items=items,
        limits="report" if allow_oversize else "error",
        most_chips=most_chips,
        evaluations=evaluations,
        number=number,
        parameters=parameters,
        weight_bits=weight_bits,
        per_step=out is not None,
    )
    _write(report, html, out)
    stimulus = {"file": inputs} if inputs else {"rate": rate, "seed": seed}
    return Report({**report.to_dict(), "network": network.digest(), "input": stimulus}, [report])


def _write(report: Any, html: Path | None, out: Path | None) -> None:
    """Write the page, and what a folder gets."""
    from ...io.files import replace_file

    for page in [*([html] if html else []), *([out / "report.html"] if out else [])]:
        with replace_file(page, "w") as target:
            target.write(report.html())
    if out:
        (out / "steps.csv").write_text(report.bill.steps_csv(), encoding="utf-8")
