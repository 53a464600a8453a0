"""Does every runtime give the same spikes? One network, run on all of them and compared cell by cell.

Float networks are compared with backend "reference", Loihi networks with "loihi".
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from .conformance.compare import Difference, differing
from .conformance.explain import explain
from .errors import BackendError, FileError, InputError, MissingDependencyError, NetworkError
from .io.spikes import SpikeFile, read_spikes, spikes_sha256, write_spikes
from .network import Network
from .simulation import BACKENDS, backend_names, get_backend, simulate
from .spikes import Recording, Spikes

#: Backends that are compared only when asked for, and why.
ON_REQUEST = {
    "brian2_cython": "compiles for a minute; backend brian2 runs the same code in numpy",
    "brian2_cpp": "compiles for a minute; backend brian2 runs the same code in numpy",
    "snntorch_float32": "rounds to float32",
}
#: Backends of one arithmetic; all others are taken to run both.
_ONLY = {
    "float": {"lava_float", "brian2", "brian2_cython", "brian2_cpp", "snntorch", "snntorch_float32"},
    "loihi": {"loihi", "lava_fixed"},
}
BASELINE = {"float": "reference", "loihi": "loihi"}


@dataclass(frozen=True)
class _Run:
    """What is to be run, and the baseline's recording of it."""

    network: Network
    inputs: Mapping[str, Spikes]
    steps: int
    baseline: Recording


def verify(
    source: Network | str | os.PathLike[str],
    inputs: Mapping[str, Any] | str | os.PathLike[str] | None = None,
    steps: int = 100,
    backends: Iterable[str] | None = None,
    *,
    seed: int = 0,
    rate: float = 0.1,
    quantize: bool = False,
    save_golden: str | os.PathLike[str] | None = None,
    golden: str | os.PathLike[str] | None = None,
    report: Callable[[str], None] = lambda message: None,
    **options: Any,
) -> dict[str, Any]:
    """Run a network on every installed backend and compare the spikes with the baseline's.

    Parameters
    ----------
    source : a Network or a NIR file.    options : for :func:`snmem.nir_io.read_nir`.
    inputs : spikes by input name, as for ``simulate``; or a file of spikes (see :mod:`snmem.io.spikes`).
        By default Poisson spikes: each line spikes with probability 1 - exp(-rate) per step.
    steps, seed, rate : length of the run; seed and spikes per line and step of the Poisson input.
    backends : names to compare; by default all that are installed, except those of ON_REQUEST.
    quantize : also compare the float network with its Loihi version, and the runtimes of that arithmetic on it.
    save_golden : write inputs and spikes of the baseline, with their sha256, to this file.
    golden : file so written, whose inputs and steps are used, and whose spikes every backend must reproduce.
    report : told what is being done.

    Returns
    -------
    dict with ``agree`` (every backend that ran agrees, at least one did, none asked for by name is missing, the golden
    raster is reproduced), ``baseline``, and ``backends``: name -> ``status`` ("ran", "refused", "absent", "failed",
    "not run"), ``reason``, ``agree``, ``seconds`` and ``populations``: name -> ``cells``, ``differing``,
    ``first_step``, ``reason``, and ``late``: by how many steps a network without delay 0 had to be late.

    Raises
    ------
    InputError, FileError
        for unusable arguments and files.    BackendError : for a backend name that does not exist.
    """
    network, choices = _load(source, options)
    stored = None if golden is None else _read_golden(golden, network)
    if stored is not None:
        if inputs is not None:
            raise InputError("verify: a golden file holds its own inputs; leave inputs out")
        steps = next(iter(stored.spikes.values())).steps
        given: dict[str, Any] = {p.name: stored.spikes[p.name] for p in network.inputs}
    else:
        given = _inputs(network, inputs, steps, seed, rate)
    base = BASELINE[network.arithmetic]
    report(f"{base}, {steps} steps")
    recording = simulate(network, given, steps, base)
    run = _Run(network, {p.name: recording.spikes[p.name] for p in network.inputs}, steps, recording)
    wanted = list(backends) if backends is not None else None
    for name in wanted or ():
        if name not in backend_names():
            get_backend(name)  # raises, naming the known ones
    later = [name for name in wanted or () if quantize and name in _ONLY["loihi"]]
    wanted = None if wanted is None else [name for name in wanted if name not in later]
    results = _compare_all(run, wanted, base, report)
    ran = [r for r in results.values() if r["status"] == "ran"]
    missing = [name for name in wanted or () if results[name]["status"] != "ran"]
    failed = [name for name, r in results.items() if r["status"] == "failed"]
    result: dict[str, Any] = {
        "agree": bool(ran or later) and all(r["agree"] for r in ran) and not missing and not failed,
        "file": None if isinstance(source, Network) else str(source),
        "arithmetic": network.arithmetic,
        "baseline": base,
        "steps": steps,
        "seed": seed if inputs is None and stored is None else None,
        "input_spikes": {name: len(s) for name, s in run.inputs.items()},
        "spikes": {p.name: len(recording.spikes[p.name]) for p in network.neurons},
        "sha256": spikes_sha256(recording.spikes),
        "choices": choices,
        "backends": results,
    }
    if stored is not None:
        result["golden"] = _against_golden(golden, stored, network, recording)
        result["agree"] = result["agree"] and result["golden"]["agree"]
    if quantize:
        report("the same network in Loihi's integers")
        integer = None if wanted is None else [*(n for n in wanted if n not in _ONLY["float"]), *later]
        result["quantized"] = _quantized(run, integer, report)
        apart = result["quantized"].get("backends", {})
        result["agree"] &= all(r["agree"] for r in apart.values() if r["status"] == "ran")
        result["agree"] &= all(name in apart and apart[name]["status"] == "ran" for name in later)
    if save_golden is not None:
        about = {"network_sha256": network.digest(), "backend": base}
        write_spikes(save_golden, recording.spikes, network.dt, about)
        result["saved"] = str(save_golden)
    return result


def _load(source: Any, options: Mapping[str, Any]) -> tuple[Network, list[str]]:
    if isinstance(source, Network):
        if options:
            raise InputError(f"verify: {sorted(options)[0]!r} is an option for reading a file; leave it out")
        return source, []
    from .nir_io import read_nir

    choices: list[Any] = []
    return read_nir(source, report=choices.append, **options), [str(choice) for choice in choices]


def _inputs(network: Network, inputs: Any, steps: int, seed: int, rate: float) -> dict[str, Any]:
    if inputs is None:
        if not (np.isfinite(rate) and rate >= 0):
            raise InputError(f"verify: rate must be a number of spikes per line and step >= 0, got {rate!r}")
        return poisson(network, steps, seed, rate)
    if isinstance(inputs, Mapping):
        return dict(inputs)
    found = dict(read_spikes(inputs, steps).spikes)
    if set(found) == {""} and len(network.inputs) == 1:
        found = {network.inputs[0].name: found[""]}
    known = {p.name for p in network.inputs}
    if not known & set(found):
        raise InputError(f"{inputs}: holds {sorted(found)}, the network's inputs are {sorted(known)}; name them so")
    return {name: s for name, s in found.items() if name in known}


def poisson(network: Network, steps: int, seed: int, rate: float) -> dict[str, Spikes]:
    """Poisson spikes of ``rate`` per line and step for every input, at most one per step; one random stream each."""
    p = -np.expm1(-rate)
    out = {}
    for i, source in enumerate(network.inputs):
        rng = np.random.default_rng([seed, i])
        cells = np.flatnonzero(rng.random((steps, source.size)) < p)
        out[source.name] = Spikes(cells // source.size, cells % source.size, steps, source.size)
    return out


def _compare_all(
    run: _Run, wanted: list[str] | None, base: str, report: Callable[[str], None]
) -> dict[str, dict[str, Any]]:
    other = "loihi" if run.network.arithmetic == "float" else "float"
    results: dict[str, dict[str, Any]] = {}
    for name in wanted if wanted is not None else backend_names():
        if wanted is None and (name == base or name in _ONLY[other]):
            continue
        if wanted is None and name in ON_REQUEST:
            results[name] = _not_run("not run", f"{ON_REQUEST[name]}; name it to compare it")
            continue
        report(f"{name}, {run.steps} steps")
        results[name] = _compare(run, name)
    return results


def _not_run(status: str, reason: str) -> dict[str, Any]:
    return {"status": status, "agree": None, "reason": reason, "seconds": None, "populations": {}}


def _compare(run: _Run, name: str) -> dict[str, Any]:
    began = time.perf_counter()
    try:
        found, late = _simulate(run, name)
    except MissingDependencyError as error:
        return _not_run("absent", str(error))
    except (BackendError, NetworkError) as error:
        return _not_run("refused", str(error))
    except Exception as error:
        if name in BACKENDS:
            raise
        return _not_run("failed", f"{type(error).__name__}: {error}")
    seconds = time.perf_counter() - began
    differences = _without_inputs(run, differing(run.baseline, found))
    precision = "float32" if name.endswith("float32") else "float64"
    reasons = explain(run.network, run.inputs, run.baseline, found, differences, precision)
    populations = {
        pop: {**d.as_dict(), "reason": reasons.get(pop), "late": late.get(pop, 0)} for pop, d in differences.items()
    }
    agree = not any(d.differing for d in differences.values())
    return {"status": "ran", "agree": agree, "reason": None, "seconds": seconds, "populations": populations}


def _without_inputs(run: _Run, differences: dict[str, Difference]) -> dict[str, Difference]:
    return {p.name: differences[p.name] for p in run.network.neurons}


def _simulate(run: _Run, name: str) -> tuple[Recording, Mapping[str, int]]:
    """The recording, shifted back if the backend could only run the network with every delay >= 1."""
    try:
        return simulate(run.network, run.inputs, run.steps, name), {}
    except BackendError:
        if all(q.delay for q in run.network.projections):
            raise
        from .retime import retime

        try:
            changed = retime(run.network)
        except NetworkError:
            changed = None
        if changed is None:
            raise
        longest = max(changed.late.values())
        found = simulate(changed.network, run.inputs, run.steps + longest, name)
        back = {n: s.between(changed.late[n], changed.late[n] + run.steps) for n, s in found.spikes.items()}
        return replace(found, spikes=back, steps=run.steps), changed.late


def _quantized(run: _Run, wanted: list[str] | None, report: Callable[[str], None]) -> dict[str, Any]:
    """How far the Loihi version is from the float network, and whether the runtimes of that arithmetic agree on it."""
    if run.network.arithmetic == "loihi":
        raise InputError("verify: the network is in Loihi's integers already; leave quantize out")
    from .quantization.grid import quantize

    try:
        made = quantize(run.network.freeze())
        found = simulate(made.network, run.inputs, run.steps, BASELINE["loihi"])
    except NetworkError as error:
        return _not_run("refused", str(error))
    populations = {}
    for pop, d in _without_inputs(run, differing(run.baseline, found)).items():
        one, other = (r.spikes[pop] for r in (run.baseline, found))
        worst = max((made.weight_error[q.name] for q in run.network.projections if q.post == pop), default=0.0)
        reason = f"rounding of weights (by up to {worst:.3g}), thresholds and decays" if d.differing else None
        populations[pop] = {**d.as_dict(), "reason": reason, "spikes": len(one), "spikes_loihi": len(other)}
    agree = not any(d["differing"] for d in populations.values())
    return {
        "status": "ran",
        "agree": agree,
        "reason": None,
        "weight_error": made.weight_error,
        "clipped": made.clipped,
        "populations": populations,
        "backends": _compare_all(replace(run, network=made.network, baseline=found), wanted, BASELINE["loihi"], report),
    }


def _read_golden(path: Any, network: Network) -> SpikeFile:
    found = read_spikes(path)
    names = {p.name: p.size for p in network.populations}
    held = {name: s.size for name, s in found.spikes.items()}
    if names != held:
        raise FileError(f"{Path(path).name}: holds spikes of {held}, but the network has {names}; use its own file")
    return found


def _against_golden(path: Any, stored: SpikeFile, network: Network, recording: Recording) -> dict[str, Any]:
    populations = {}
    for name, s in stored.spikes.items():
        count, first = s.differing(recording.spikes[name])
        populations[name] = Difference(s.steps * s.size, count, first).as_dict()
    return {
        "file": str(path),
        "sha256": stored.sha256,
        "same_network": stored.about.get("network_sha256") == network.digest(),
        "agree": not any(p["differing"] for p in populations.values()),
        "populations": populations,
    }


def verify_tables(result: Mapping[str, Any]) -> list[Any]:
    """The result of :func:`verify` for a terminal: rich tables and lines of markup."""
    from rich.markup import escape
    from rich.table import Table

    table = Table("backend", "population", "cells", "differing", "first step", "", title_justify="left")
    table.title = f"against {result['baseline']}, {result['steps']} steps"
    _add_backends(table, result["backends"])
    parts: list[Any] = [*(escape(choice) for choice in result["choices"]), table]
    for key, title in (
        ("golden", "against the golden raster"),
        ("quantized", "in Loihi's integers: quantized against the float network, the runtimes against loihi"),
    ):
        if key in result:
            extra = Table("", "population", "cells", "differing", "first step", "", title=title, title_justify="left")
            _add_rows(extra, key, result[key]["populations"])
            if result[key].get("status", "ran") != "ran":
                extra.add_row(key, "", "", "", "", escape(result[key]["reason"]))
            _add_backends(extra, result[key].get("backends", {}))
            parts.append(extra)
    parts.append("[green]All agree.[/]" if result["agree"] else "[red]Not all agree.[/]")
    return parts


def _add_backends(table: Any, backends: Mapping[str, Mapping[str, Any]]) -> None:
    from rich.markup import escape

    for name, found in backends.items():
        if found["status"] != "ran":
            table.add_row(name, "", "", "", "", escape(f"{found['status']}: {found['reason']}"), style="dim")
        _add_rows(table, name, found["populations"])


def _add_rows(table: Any, name: str, populations: Mapping[str, Mapping[str, Any]]) -> None:
    from rich.markup import escape

    for pop, d in populations.items():
        first = "" if d["first_step"] is None else str(d["first_step"])
        note = d.get("reason") or ("" if not d.get("late") else f"runs {d['late']} steps late, taken into account")
        style = "red" if d["differing"] else None
        table.add_row(name, escape(pop), str(d["cells"]), str(d["differing"]), first, escape(note or ""), style=style)
