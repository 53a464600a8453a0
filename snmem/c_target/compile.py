"""From a Network or a NIR file to a C99 program in Loihi's fixed point, with a report of everything that was decided.

1. :func:`~snmem.lava.compiler.preparation.shifted`: v_reset shifted to 0.
2. :func:`snmem.quantization.calibration.calibrate`: scales of the integers.
3. :mod:`snmem.c_target.tables`: constant tables, one byte a weight; beside them ``network.c``, ``network.h``,
   ``main.c`` and a ``Makefile``, the same for every network.
4. Spikes on given or random input: the float network, its integer twin, and the program itself.
"""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..io.files import replace_file
from ..lava.compiler.preparation import shifted
from ..lowering import split_delays, written_out
from ..network import Network
from ..quantization.compiling import (
    Spiking,
    check_strategy,
    differing_cells,
    in_integers,
    open_source,
    projection_rows,
    run_exact,
    starts_of,
)
from ..simulation import simulate
from ..spikes import Spikes
from .run import Ran, build, compiler, run
from .tables import Tables, describe

#: Files that are the same for every network.
FIXED = ("network.c", "network.h", "network_types.h", "main.c", "Makefile")


@dataclass(frozen=True)
class Compiled:
    """What :func:`compile` returns.

    network : the LoihiLIF network that the program runs.
    start : population -> v before the first step, where it is not 0.
    report : plain data: populations, projections, memory, agreement, changes, warnings, choices, files, ok.
    """

    network: Network
    start: Mapping[str, Any]
    report: dict[str, Any]


@dataclass(frozen=True)
class Target:
    """What programs are written for.

    Attributes
    ----------
    name : str
        In the report, and of ``--to``.
    describe : callable
        From a LoihiLIF network to tables, which have ``projections``: what the report says of each.
    write : callable
        Write tables into a folder; returns the files.
    missing : callable
        Why programs cannot be run here; empty if they can.
    run : callable
        Build and run what stands in a folder: (folder, scratch folder, network, inputs, steps) to what it did.
    memory : callable
        What the report says of the memory of tables.
    measured : callable
        What it says of a run beside its time.
    """

    name: str
    describe: Callable[[Network], Any]
    write: Callable[[Path, Any], list[Path]]
    missing: Callable[[], str]
    run: Callable[[Path, Path, Network, Mapping[str, Spikes], int], Ran]
    memory: Callable[[Any], Mapping[str, int]]
    measured: Callable[[Ran, int], Mapping[str, Any]] = lambda ran, steps: {}


# The options of Lava's ``compile`` stand here once more, so that editors and ``help`` show them.
def compile(
    source: Network | str | os.PathLike[str],
    out: str | os.PathLike[str],
    *,
    title: str | None = None,
    quantization: str = "calibrated",
    inputs: Mapping[str, Any] | None = None,
    steps: int = 100,
    rate: float = 0.1,
    seed: int = 0,
    start: str = "zero",
    run: bool = True,
    report: Callable[[str], None] = lambda message: None,
    **options: Any,
) -> Compiled:
    """Compile a network into the folder ``out``: a C99 program without heap and without libraries.

    Parameters
    ----------
    source : Network or path-like
        A network of LIF or LoihiLIF populations without learning, or a NIR file of one.
    out : path-like
        Folder to write into.
    title : str, optional
        What the report calls it; by default the file's name.
    quantization : str
        How scales are chosen (:func:`snmem.quantization.calibration.calibrate`).
    inputs : mapping, optional
        Spikes to compare on, as for :func:`snmem.simulate`; by default Poisson spikes.
    steps : int
        Steps to compare.
    rate : float
        Probability of a Poisson spike per line and step.
    seed : int
        Of the Poisson spikes.
    start : str
        Neurons whose v_reset is shifted begin at v = 0 ("zero") or at v_reset ("reset").
    run : bool
        Build the program, run it and compare; without a C compiler the report says so.
    report : callable
        Called with what happens.
    options
        Of :func:`snmem.nir_io.read_nir`, for a file.

    Raises
    ------
    FileError, InputError, NetworkError
        Naming node, population or projection, the limit, the value, and the remedy.
    BackendError
        If the compiler or the program fails.
    """
    return compile_to(
        _TARGET,
        source,
        out,
        title=title,
        quantization=quantization,
        inputs=inputs,
        steps=steps,
        rate=rate,
        seed=seed,
        start=start,
        run=run,
        report=report,
        **options,
    )


def compile_to(
    target: Target,
    source: Network | str | os.PathLike[str],
    out: str | os.PathLike[str],
    *,
    title: str | None = None,
    quantization: str = "calibrated",
    inputs: Mapping[str, Any] | None = None,
    steps: int = 100,
    rate: float = 0.1,
    seed: int = 0,
    start: str = "zero",
    run: bool = True,
    report: Callable[[str], None] = lambda message: None,
    **options: Any,
) -> Compiled:
    """:func:`compile`, for any target of programs in Loihi's fixed point."""
    check_strategy(quantization)
    opened, spiking = open_source(source, title, options), Spiking(inputs, steps, rate, seed)
    plainer = split_delays(written_out(opened.network, "compile"))
    network, given = plainer, spiking.compared(opened.network)
    report("preparing the network")
    ready, changes = shifted(network, start) if network.arithmetic == "float" else (network, [])
    integers = in_integers(ready, spiking, quantization, report)
    made, quantized = integers.network, integers.quantized
    report("writing the program")
    tables = target.describe(made)
    files = target.write(Path(out), tables)
    agreement = _agreement(target, network, made, given, steps, files[0].parent if run else None, report)
    found = integers.report(given, steps)
    data = {
        "title": opened.title,
        "arithmetic": "fixed",
        "quantization": quantized.strategy if quantized else None,
        "populations": [{"name": p.name, "size": p.size} | _row(found, "populations", p.name) for p in made.neurons],
        "projections": projection_rows(network, integers, found, tables.projections.get),
        "memory": target.memory(tables),
        "agreement": agreement,
        "changes": changes,
        "warnings": list(quantized.warnings) if quantized else [],
        "choices": [str(c) for c in opened.choices],
        "files": [str(f) for f in files],
        "ok": agreement["ok"],
    }
    return Compiled(made, starts_of(made), data)


def write(folder: Path, tables: Tables) -> list[Path]:
    """Write a program into ``folder``; returns its files."""
    folder.mkdir(parents=True, exist_ok=True)
    texts = {"network_tables.c": tables.text, "network_sizes.h": tables.sizes}
    texts |= {name: (Path(__file__).parent / name).read_text(encoding="utf-8") for name in FIXED}
    for name, text in texts.items():
        with replace_file(folder / name, "w") as file:
            file.write(text)
    return [folder / name for name in texts]


def _row(found: dict[str, Any] | None, kind: str, name: str) -> dict[str, Any]:
    return dict(found[kind][name]) if found else {}


def _agreement(
    target: Target,
    network: Network,
    made: Network,
    inputs: Mapping[str, Any],
    steps: int,
    folder: Path | None,
    report: Callable[[str], None],
) -> dict[str, Any]:
    """Differing cells: the network given against integers, integers against the program; time of a step."""
    report("comparing spikes")
    original = simulate(network, inputs, steps, "loihi" if network.arithmetic == "loihi" else "event").spikes
    given = {p.name: original[p.name] for p in network.inputs}
    began = time.perf_counter()
    twin = run_exact(made, given, steps).spikes
    emulator = {"backend": "loihi", "seconds_per_step": (time.perf_counter() - began) / steps}
    found: dict[str, Any] = {"steps": steps, "spikes": {p.name: len(original[p.name]) for p in network.neurons}}
    if network.arithmetic == "float":
        found["quantised"] = differing_cells(original, twin, network)
    found["emulator"] = emulator
    absent = "not asked for" if folder is None else target.missing()
    if folder is None or absent:
        return {**found, target.name: {"ran": False, "why": absent}, "ok": True}
    report("building and running the program")
    with tempfile.TemporaryDirectory(prefix="snmem-") as scratch:
        ran = target.run(folder, Path(scratch), made, given, steps)
    cells = differing_cells(twin, ran.spikes, network)
    found[target.name] = {"ran": True, **cells, "seconds_per_step": ran.seconds / steps, **target.measured(ran, steps)}
    return {**found, "ok": cells["cells"] == 0}


def _run(folder: Path, scratch: Path, network: Network, inputs: Mapping[str, Spikes], steps: int) -> Ran:
    return run(build(folder, scratch / "network"), network, inputs, steps)


def _memory(tables: Tables) -> dict[str, int]:
    return {"constant": tables.constant, "state": tables.state, "sum_bits": 64 if tables.wide else 32}


_TARGET = Target(
    name="c",
    describe=describe,
    write=write,
    missing=lambda: "" if compiler() else "no C compiler on the PATH",
    run=_run,
    memory=_memory,
)
