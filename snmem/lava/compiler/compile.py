"""From a Network or a NIR file to a Python module for Lava, with a report of everything that was decided.

1. :func:`~snmem.lava.compiler.preparation.prepare`: v_reset shifted to 0, every projection at least
   one step (latency table).
2. :func:`snmem.quantization.calibration.calibrate`, for fixed point.
3. :mod:`snmem.lava.compiler.module`: a module with ``inp`` and ``out`` ports, and its parameters.
4. :mod:`snmem.cost.mapping.limits`: cores of Loihi 1 and 2, and the limit that binds.
5. Spikes on given or random input: the float network, its integer twin, and the module itself on Lava.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..._text import shown
from ...cost.mapping.limits import CHIPS, check_limits, core_table
from ...errors import BackendError, FileError, InputError
from ...lowering import split_delays, written_out
from ...network import Network, Population
from ...quantization.compiling import (
    Integers,
    Spiking,
    check_strategy,
    differing_cells,
    in_integers,
    open_source,
    projection_rows,
    run_exact,
    starts_of,
)
from ...quantization.grid import Quantized
from ...retime import retime
from ...simulation import simulate
from ...spikes import Spikes
from ..plan import lava_parameters, sign_of
from ..shim import missing
from .module import Written, never_spikes, write_module
from .preparation import Prepared, prepare
from .run import run_module

ARITHMETICS = ("fixed", "float")


@dataclass(frozen=True)
class Compiled:
    """What :func:`compile` returns.

    network : the network that the module runs: LoihiLIF for fixed point.
    start : population -> v before the first step, where it is not 0.    late : steps by which populations run late.
    report : plain data: populations, projections, limits, latency, agreement, changes, warnings, choices, files, ok.
    """

    network: Network
    start: Mapping[str, Any]
    late: Mapping[str, int]
    report: dict[str, Any]


def compile(
    source: Network | str | os.PathLike[str],
    out: str | os.PathLike[str],
    *,
    title: str | None = None,
    arithmetic: str = "fixed",
    quantization: str = "calibrated",
    inputs: Mapping[str, Any] | None = None,
    steps: int = 100,
    rate: float = 0.1,
    seed: int = 0,
    start: str = "zero",
    chip: str | None = None,
    lava: bool = True,
    report: Callable[[str], None] = lambda message: None,
    **options: Any,
) -> Compiled:
    """Compile a network into the folder ``out``: ``network.py`` and ``parameters.npz``.

    Parameters
    ----------
    out
        Folder to write into.
    source
        A Network, or a NIR file.
    options
        Of :func:`snmem.nir_io.read_nir`, for a file.
    title
        What the module calls itself; by default the file's name.
    arithmetic
        "fixed" (Loihi's integers) or "float".
    quantization
        How scales are chosen, for fixed point (:func:`snmem.quantization.calibration.calibrate`). Sample input is
        ``inputs``, or Poisson spikes from another seed than those compared on.
    inputs, steps, rate, seed
        Spikes to compare on (as for :func:`snmem.simulate`); by default Poisson spikes with ``rate`` per line and step,
        from ``seed``.
    start
        Neurons whose v_reset is shifted begin at v = 0 ("zero") or at v_reset ("reset").
    chip
        A chip profile whose limits must hold; by default limits of Loihi 1 and 2 are reported only.
    lava
        Run the module on Lava and compare; without Lava installed the report says so.
    report
        Called with what happens.

    Raises
    ------
    FileError, InputError, NetworkError
        Naming node, population or projection, the limit, the value, and the remedy.
    BackendError
        Lava failed.
    """
    if arithmetic not in ARITHMETICS:
        raise InputError(f"compile: arithmetic={arithmetic!r}; use one of {', '.join(ARITHMETICS)}")
    check_strategy(quantization)
    opened, spiking = open_source(source, title, options), Spiking(inputs, steps, rate, seed)
    plainer = split_delays(written_out(opened.network, "compile"))
    network, given = plainer, spiking.compared(opened.network)
    report("preparing the network")
    prepared = _prepared(network, arithmetic, start)
    integers = Integers(prepared.network, None, prepared.network)
    if arithmetic == "fixed":
        integers = in_integers(prepared.network, spiking, quantization, report)
    made, quantized, begin = integers.network, integers.quantized, starts_of(integers.network)
    limits = _limits(made, chip, report)
    report("writing the module")
    folder = _folder(out)
    written = write_module(folder, made, opened.title, prepared.late, _summary(arithmetic))
    agreement = _agreement(network, prepared, made, given, steps, written if lava else None, report)
    plastic = any(q.plasticity for q in network.projections)
    found = None if plastic else integers.report(given, steps)
    left = _left(made, agreement.pop("twin"), found)
    data = {
        "title": opened.title,
        "arithmetic": arithmetic,
        "quantization": quantized.strategy if quantized else None,
        "populations": [_population(p, prepared, found, begin.get(p.name, 0)) for p in made.neurons],
        "projections": projection_rows(network, integers, found, lambda name: _part(made, name, written)),
        "limits": limits,
        "latency": {p.name: prepared.late[p.name] for p in network.populations},
        "agreement": agreement,
        "changes": list(prepared.changes),
        "warnings": [*_warnings(found), *_range_warnings(quantized, left)],
        "choices": [str(c) for c in opened.choices],
        "files": [str(f) for f in written.files],
        "ok": agreement["ok"] and not left and all(row["fits"] for row in limits.values() if chip),
    }
    return Compiled(made, begin, prepared.late, data)


def _folder(out: Any) -> Path:
    try:
        folder = Path(out)
        folder.mkdir(parents=True, exist_ok=True)
    except (OSError, TypeError, ValueError) as error:  # TypeError: no path at all; ValueError: NUL in it
        reason = getattr(error, "strerror", None) or error
        raise FileError(f"compile: {shown(out)} cannot be a folder ({reason}); name another one") from None
    return folder


def _summary(arithmetic: str) -> str:
    twin = 'backend "loihi"' if arithmetic == "fixed" else 'backends "reference" and "event"'
    return f"Every population spikes as with snmem's {twin}, late by the steps listed below."


def _prepared(network: Network, arithmetic: str, start: str) -> Prepared:
    if network.arithmetic == "float":
        return prepare(network, start)
    if arithmetic == "float":
        raise InputError("compile: the network is in Loihi's integers; compile it with arithmetic='fixed'")
    moved = retime(network)
    return Prepared(moved.network, moved.late, moved.early, ())


def _limits(network: Network, chip: str | None, report: Callable[[str], None]) -> dict[str, Any]:
    report("placing neurons on cores")
    if chip:
        found = check_limits(network, chip)
        return {found["chip"]: found}
    return {name: core_table(network, name) for name in CHIPS}


def aligned(
    network: Network, late: Mapping[str, int], inputs: Mapping[str, Any], steps: int
) -> tuple[dict[str, Spikes], Mapping[str, Any]]:
    """Spikes of a retimed network, moved back to the steps of the original, and the weights it learned."""
    total = steps + max(late.values())
    given = {p.name: _events(inputs.get(p.name)) for p in network.fed}
    run = run_exact(network, given, total)
    return {name: s.between(late[name], late[name] + steps) for name, s in run.spikes.items()}, run.weights


def _events(value: Any) -> Any:
    if value is None:
        return ((), ())
    if not isinstance(value, Spikes):
        return value
    return (value.step, value.neuron) if value.value is None else (value.step, value.neuron, value.value)


def _agreement(
    network: Network,
    prepared: Prepared,
    made: Network,
    inputs: Mapping[str, Any],
    steps: int,
    written: Written | None,
    report: Callable[[str], None],
) -> dict[str, Any]:
    """Differing cells: given network against prepared, against integers; integers (or float) against Lava."""
    report("comparing spikes")
    original = simulate(network, inputs, steps, "loihi" if network.arithmetic == "loihi" else "event").spikes
    given = {p.name: original[p.name] for p in network.inputs}
    twin, learned = aligned(made, prepared.late, given, steps)
    counts = {p.name: len(original[p.name]) for p in network.neurons}
    found: dict[str, Any] = {"steps": steps, "spikes": counts, "twin": twin}
    if network.arithmetic == "float":
        same, _ = aligned(prepared.network, prepared.late, given, steps)
        found["prepared"] = differing_cells(original, same, network)
    if made.arithmetic == "loihi" and network.arithmetic == "float":
        found["quantised"] = differing_cells(original, twin, network)
    absent = missing()
    if written is None or absent:
        return {**found, "lava": {"ran": False, "why": absent or "not asked for"}, "ok": True}
    report("running the module on Lava")
    try:
        out = run_module(written.files[0].parent, given, steps, run_seconds(made, steps))
    except BackendError as error:
        raise BackendError(f"compile: the module was written, but {error}") from error
    lava = {p.name: Spikes.from_raster(out[p.name]) for p in made.neurons}
    found["lava"] = {"ran": True, **differing_cells(twin, lava, network)}
    if written.weights:
        worst = {name: float(np.abs(out[at] - learned[name].toarray()).max()) for name, at in written.weights.items()}
        found["lava"]["weights"] = worst  # floating point: sums of another order
    found["ok"] = found["lava"]["cells"] == 0 and max(found["lava"].get("weights", {"": 0.0}).values()) < 1e-9
    return found


def run_seconds(network: Network, steps: int) -> float:
    """Time after which a run of the module must be stuck: about 20 times what it needs."""
    processes = len(network.populations) * 2 + len(network.projections)
    synapses = sum(q.synapses for q in network.projections)
    learning = sum(q.weights.shape[0] * q.weights.shape[1] for q in network.projections if q.plasticity)
    return 90 + processes + (0.01 * processes + 1e-7 * synapses + 5e-7 * learning) * steps


def _warnings(found: dict[str, Any] | None) -> list[str]:
    """Populations whose u leaves its range if all synapses are active at once, a sentence each."""
    return [
        f"population {name!r}: all synapses active at once would take u to {row['u_worst']:.2f} times its range, "
        f"where it wraps around; on this input it reaches {row['u_peak']:.2f}. --quantization grid keeps room for all"
        for name, row in (found["populations"] if found else {}).items()
        if row["u_worst"] > 1
    ]


def _left(made: Network, twin: Mapping[str, Spikes], found: dict[str, Any] | None) -> dict[str, int]:
    """Readout -> the first step in which its v left Loihi's range on this input."""
    steps = {p.name: int(twin[p.name].step[0]) for p in made.neurons if never_spikes(p) and len(twin[p.name])}
    rows = (found or {"populations": {}})["populations"]
    return steps | {name: row["v_leaves"] for name, row in rows.items() if row["v_leaves"] is not None}


def _range_warnings(quantized: Quantized | None, left: Mapping[str, int]) -> list[str]:
    """Readouts whose v leaves its range on this input, and those whose v could on another, a sentence each."""
    now = [
        f"population {name!r}: v of this readout leaves its range in step {step} on this input, where it spikes or is "
        "held at the limit; clear it before (clear_every), run fewer steps, or use --quantization calibrated"
        for name, step in left.items()
    ]
    return [*now, *(quantized.warnings if quantized else ())]


def _population(p: Population, prepared: Prepared, found: dict[str, Any] | None, start: Any) -> dict[str, Any]:
    row: dict[str, Any] = {"name": p.name, "size": p.size, "late": prepared.late[p.name]}
    row |= {"spiking": not never_spikes(p), "parameters": lava_parameters(p), "start": start}
    row |= {"spikes_before_start": p.name in prepared.early}
    return row | (found["populations"][p.name] if found else {})


def _part(made: Network, name: str, written: Written) -> dict[str, Any] | None:
    """The Lava connection that a projection became; None for one without synapses."""
    if name not in written.kinds:
        return None
    q = made[name]
    sign = sign_of(q.weights) if made.arithmetic == "loihi" else None
    return {"kind": written.kinds[name], "delay": q.delay, "exponent": q.exponent, "sign": sign}
