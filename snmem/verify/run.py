"""Does every runtime give the same spikes? One network, run on all of them and compared entry by entry.

Float networks are compared with backend "reference", Loihi networks with "loihi".
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from .._compiling import compiled_first
from .._text import shown
from ..backends.base import BUILT_IN
from ..conformance.compare import Difference, differing, differing_traces
from ..conformance.explain import explain
from ..errors import BackendError, InputError, MissingDependencyError, NetworkError
from ..io.inputs import load_inputs
from ..io.spikes import spikes_sha256, write_spikes
from ..network import Network
from ..simulation import backend_names, get_backend, simulate
from ..spikes import Recording, Spikes
from ..stimuli import poisson
from .evidence import STEPS, Evidence, driving_input, is_readout, silent, unable_to_spike, why_no_verdict
from .golden import Golden, against_golden, read_golden
from .readings import best_reading, lost_by
from .report import BackendResult, PopulationResult, QuantizedResult, Verdict

__all__ = ["BASELINE", "verify"]

#: Backend that all others of an arithmetic are compared with.
BASELINE = {"float": "reference", "loihi": "loihi"}


#: Entries of v (steps x neurons) up to which readouts are compared.
_MOST_POTENTIALS = 10**8


@dataclass(frozen=True)
class _Run:
    """What is to be run, and the baseline's recording of it."""

    network: Network
    inputs: Mapping[str, Spikes]
    steps: int
    baseline: Recording

    @property
    def record(self) -> list[str]:
        """The potentials that are compared: v of readouts, which never spike."""
        return list(self.baseline.traces)


@compiled_first()
def verify(
    source: Network | str | os.PathLike[str],
    inputs: Mapping[str, Any] | str | os.PathLike[str] | None = None,
    steps: int | None = None,
    backends: Iterable[str] | None = None,
    *,
    seed: int = 0,
    rate: float = 0.1,
    quantize: bool = False,
    save_golden: str | os.PathLike[str] | None = None,
    golden: str | os.PathLike[str] | None = None,
    report: Callable[[str], None] = lambda message: None,
    **options: Any,
) -> Verdict:
    """Run a network on every installed backend and compare the spikes with the baseline's.

    Of readouts, which never spike, v is compared in every step. Any other population that never spikes agrees with
    anything. Where one does not, the rate of the Poisson input (and the
    number of steps, unless given) is raised until all do; if some still do not, or the input was given, there is no
    verdict: ``agree`` is False and ``evidence`` says why. Populations without a finite threshold need not spike.

    Parameters
    ----------
    source : Network or path
        A network, or a NIR file.
    inputs : mapping or path, optional
        Spikes by input name, as for ``simulate``; or a file of spikes (see :mod:`snmem.spike_files`). By default
        Poisson spikes: each line spikes with probability 1 - exp(-rate) per step.
    steps : int, optional
        Length of the run; by default that of the file of spikes, else 100.
    backends : iterable of str, optional
        Names to compare; by default all that are installed, but those that run on request only.
    seed : int
        Seed of the Poisson input.
    rate : float
        Spikes per line and step of the Poisson input.
    quantize : bool
        Also compare the float network with its Loihi version, and the runtimes of that arithmetic on it.
    save_golden : path, optional
        Write inputs and spikes of the baseline, with their sha256, to this file.
    golden : path, optional
        File so written, whose inputs and steps are used, and whose spikes every backend must reproduce. Or rasters of
        one layer or more from another tool, for the ``inputs`` given (:func:`snmem.verify.golden.read_golden`).
    report : callable
        Is told what is being done.
    **options : Any
        Options for :func:`snmem.nir_io.read_nir`.

    Returns
    -------
    Verdict
        A dict with ``agree`` (every backend that ran agrees, at least one did, none asked for by name is missing, the
        golden raster is reproduced, every population spiked), ``verdict`` ("agree", "differ" or "no evidence"),
        ``evidence``, ``origin`` (of a file), ``baseline``, and ``backends``: name -> ``status`` ("ran", "refused",
        "absent", "failed", "not run"), ``reason``, ``agree``, ``seconds`` and ``populations``: name -> ``cells``
        (steps x neurons), ``differing``, ``first_step``, ``spikes``, ``reason``, and ``late``: by how many steps a
        network without delay 0 had to be late.

    Raises
    ------
    InputError, FileError
        For unusable arguments and files.
    BackendError
        For a backend name that does not exist.
    """
    network, choices, origin = _load(source, options)
    wanted, later = _names(backends, quantize)
    stored = read_golden(golden, network, inputs) if golden is not None else None
    run, evidence = _baseline(network, _given(network, inputs, steps, stored), steps, seed, rate, report)
    if stored is not None:  # silent where the other tool was silent too
        evidence = replace(evidence, silent=[p for p in evidence.silent if not stored.is_silent(p)])
    reason = why_no_verdict(network, run.baseline, evidence, file=not isinstance(source, Network))
    base = BASELINE[network.arithmetic]
    results = _compare_all(run, wanted, base, report)
    result: Verdict = {
        "agree": _all_agree(results, wanted, bool(later)),
        "verdict": "",
        "evidence": {**asdict(evidence), "reason": reason},
        "file": None if isinstance(source, Network) else str(source),
        "origin": origin,
        "arithmetic": network.arithmetic,
        "baseline": base,
        "steps": run.steps,
        "seed": seed if inputs is None and stored is None else None,
        "input_spikes": {name: len(s) for name, s in run.inputs.items()},
        "spikes": {p.name: len(run.baseline.spikes[p.name]) for p in network.neurons},
        "sha256": spikes_sha256(run.baseline.spikes),
        "choices": [str(choice) for choice in choices],
        "backends": results,
    }
    if stored is not None:
        result["golden"] = against_golden(golden, stored, network, run.baseline)
        result["agree"] &= result["golden"]["agree"]
        if not result["golden"]["agree"] and choices:
            report("other readings of the file")
            differing = sum(d["differing"] for d in result["golden"]["populations"].values())
            reading = best_reading(source, options, choices, stored, run.inputs, differing, network.outputs)
            result["golden"]["reading"] = reading
            result["golden"]["lost"] = lost_by(origin) if reading is None or reading["differing"] else []
    if quantize:
        _add_quantized(result, run, wanted, later, report)
    result["verdict"] = "differ" if not result["agree"] else "no evidence" if result["evidence"]["reason"] else "agree"
    result["agree"] = result["verdict"] == "agree"
    if save_golden is not None:
        about = {"network_sha256": network.digest(), "backend": base}
        write_spikes(save_golden, run.baseline.spikes, network.dt, about)
        result["saved"] = str(save_golden)
    return result


def _names(backends: Iterable[str] | None, quantize: bool) -> tuple[list[str] | None, list[str]]:
    """The backends to compare (None: all), and those of them that run the quantized network."""
    if backends is None:
        return None, []
    wanted = [backends] if isinstance(backends, str) else list(backends) if isinstance(backends, Iterable) else None
    if wanted is None:
        raise InputError(f"verify: backends must be a list of names, got {shown(backends)}")
    for name in wanted:
        if name not in backend_names():
            get_backend(name)  # raises, naming the known ones
    later = [name for name in wanted if quantize and get_backend(name).arithmetics == {"loihi"}]
    return [name for name in wanted if name not in later], later


def _all_agree(results: Mapping[str, BackendResult], wanted: list[str] | None, others: bool) -> bool:
    ran = [r for r in results.values() if r["status"] == "ran"]
    missing = [name for name in wanted or () if results[name]["status"] != "ran"]
    failed = [name for name, r in results.items() if r["status"] == "failed"]
    return bool(ran or others) and all(r["agree"] for r in ran) and not missing and not failed


def _baseline(
    network: Network,
    given: tuple[Mapping[str, Any], int] | None,
    steps: int | None,
    seed: int,
    rate: float,
    report: Callable[[str], None],
) -> tuple[_Run, Evidence]:
    """The run of the baseline, with Poisson input that makes every population spike unless input was given."""
    if given is None and not (np.isfinite(rate) and rate >= 0):
        raise InputError(f"verify: rate must be a number of spikes per line and step >= 0, got {rate!r}")
    first = given or (poisson(network, steps or STEPS, seed, rate), steps or STEPS)
    run = _run_baseline(network, *first, report)
    spikes_only = all(s.value is None for s in run.inputs.values())  # numbers may drive what no spike does
    unable = unable_to_spike(network) if spikes_only and silent(network, run.baseline.spikes, {}) else {}
    readouts = [p.name for p in network.neurons if is_readout(p)]
    if given is not None:
        return run, Evidence(None, None, False, silent(network, run.baseline.spikes, unable), readouts, unable)
    tried = [(rate, run.steps)]
    if silent(network, run.baseline.spikes, unable):
        tried = driving_input(network, seed, rate, steps, unable, report)
    used, length = tried[-1]
    raised = (used, length) != (rate, run.steps)
    if raised:
        run = _run_baseline(network, poisson(network, length, seed, used), length, report)
    quiet = silent(network, run.baseline.spikes, unable)
    return run, Evidence(used, max(tried), raised, quiet, readouts, unable)


def _run_baseline(network: Network, inputs: Mapping[str, Any], steps: int, report: Callable[[str], None]) -> _Run:
    base = BASELINE[network.arithmetic]
    report(f"{base}, {steps} steps")
    readouts = [p for p in network.neurons if is_readout(p)]
    fits = steps * sum(p.size for p in readouts) <= _MOST_POTENTIALS
    recording = simulate(network, inputs, steps, base, record=[f"{p.name}.v" for p in readouts if fits])
    return _Run(network, {p.name: recording.spikes[p.name] for p in network.fed}, steps, recording)


def _given(
    network: Network, inputs: Any, steps: int | None, stored: Golden | None
) -> tuple[Mapping[str, Any], int] | None:
    """The input spikes that were given and the number of steps, or None."""
    length = None if stored is None else stored.steps
    if stored is not None and inputs is None:
        return {p.name: stored.spikes[p.name] for p in network.fed}, length or 0
    if length is not None and steps not in (None, length):
        raise InputError(f"verify: steps={steps}, but the golden file holds {length} steps; leave steps out")
    steps = length or steps
    if inputs is None:
        return None
    if isinstance(inputs, Mapping):
        return inputs, steps or STEPS
    return load_inputs(inputs, network, steps)


def _load(source: Any, options: Mapping[str, Any]) -> tuple[Network, list[Any], str | None]:
    """The network, what its file left open and how it was settled, and the framework that it is taken to be from."""
    if isinstance(source, Network):
        if options:
            raise InputError(f"verify: {sorted(options)[0]!r} is an option for reading a file; leave it out")
        return source, [], None
    from ..nir_io import read_nir

    choices: list[Any] = []
    network = read_nir(source, report=choices.append, **options)
    origin = next((choice.value for choice in choices if choice.name == "origin"), None)
    return network, choices, origin


def _compare_all(
    run: _Run, wanted: list[str] | None, base: str, report: Callable[[str], None]
) -> dict[str, BackendResult]:
    results: dict[str, BackendResult] = {}
    for name in wanted if wanted is not None else backend_names():
        backend = get_backend(name)
        if wanted is None and (name == base or run.network.arithmetic not in backend.arithmetics):
            continue
        if wanted is None and backend.on_request:
            results[name] = _not_run("not run", f"{backend.on_request}; name it to compare it")
            continue
        report(f"{name}, {run.steps} steps")
        results[name] = _compare(run, name)
    return results


def _not_run(status: str, reason: str) -> BackendResult:
    return {"status": status, "agree": None, "reason": reason, "seconds": None, "populations": {}}


def _compare(run: _Run, name: str) -> BackendResult:
    began = time.perf_counter()
    try:
        found, late = _simulate(run, name)
    except MissingDependencyError as error:
        return _not_run("absent", str(error))
    except (BackendError, NetworkError) as error:
        return _not_run("refused", str(error))
    except Exception as error:
        if name in BUILT_IN:
            raise
        return _not_run("failed", f"{type(error).__name__}: {error}")
    seconds = time.perf_counter() - began
    differences = _without_inputs(run, differing(run.baseline, found))
    potentials = differing_traces(run.baseline, found)
    precision = get_backend(name).precision
    reasons = explain(run.network, run.inputs, run.baseline, found, differences, precision)
    populations: dict[str, PopulationResult] = {}
    for pop, d in differences.items():
        populations[pop] = {**_numbers(d), "reason": reasons.get(pop), "late": late.get(pop, 0)}
        populations[pop]["spikes"] = len(found.spikes[pop])
        if f"{pop}.v" in potentials and not d.differing:
            populations[pop] |= {**_numbers(potentials[f"{pop}.v"]), "reason": "v compared"}
    agree = not any(p["differing"] for p in populations.values())
    return {"status": "ran", "agree": agree, "reason": None, "seconds": seconds, "populations": populations}


def _numbers(d: Difference) -> PopulationResult:
    return {"cells": d.cells, "differing": d.differing, "first_step": d.first_step}


def _without_inputs(run: _Run, differences: dict[str, Difference]) -> dict[str, Difference]:
    return {p.name: differences[p.name] for p in run.network.neurons}


def _simulate(run: _Run, name: str) -> tuple[Recording, Mapping[str, int]]:
    """The recording, shifted back if the backend could only run the network with every delay >= 1."""
    try:
        return simulate(run.network, run.inputs, run.steps, name, record=run.record), {}
    except BackendError:
        if all(q.delays[0] for q in run.network.projections):
            raise
        from ..retime import retime

        try:
            changed = retime(run.network)
        except NetworkError:
            changed = None
        if changed is None:
            raise
        longest = max(changed.late.values())
        found = simulate(changed.network, run.inputs, run.steps + longest, name, record=run.record)
        back = {n: s.between(changed.late[n], changed.late[n] + run.steps) for n, s in found.spikes.items()}
        late = {n: changed.late[n.rpartition(".")[0]] for n in found.traces}
        traces = {n: v[late[n] : late[n] + run.steps] for n, v in found.traces.items()}
        return replace(found, spikes=back, traces=traces, steps=run.steps), changed.late


def _add_quantized(
    result: Verdict, run: _Run, wanted: list[str] | None, later: list[str], report: Callable[[str], None]
) -> None:
    """Compare the network in Loihi fixed point too: it may differ from the float network, its runtimes may not."""
    report("the same network in Loihi fixed point")
    names = None if wanted is None else [*(n for n in wanted if get_backend(n).arithmetics != {"float"}), *later]
    found = result["quantized"] = _quantized(run, names, report)
    backends = found.get("backends", {})
    result["agree"] &= all(bool(r["agree"]) for r in backends.values() if r["status"] == "ran")
    result["agree"] &= all(name in backends and backends[name]["status"] == "ran" for name in later)
    quiet = [name for name in found.get("silent", []) if result["spikes"][name]]
    if quiet and any(r["status"] == "ran" for r in backends.values()) and not result["evidence"]["reason"]:
        result["evidence"]["reason"] = (
            f"no evidence: population {quiet[0]!r} never fired in Loihi fixed point; give --input or a higher --rate"
        )


def _quantized(run: _Run, wanted: list[str] | None, report: Callable[[str], None]) -> QuantizedResult:
    """How far the Loihi version is from the float network, and whether the runtimes of that arithmetic agree on it."""
    if run.network.arithmetic == "loihi":
        raise InputError("verify: the network is in Loihi fixed point already; leave quantize out")
    from ..quantization.grid import convert

    try:
        made = convert(run.network.freeze())
        found = simulate(made.network, run.inputs, run.steps, BASELINE["loihi"])
    except NetworkError as error:
        return {"status": "refused", "agree": None, "reason": str(error), "populations": {}}
    populations: dict[str, PopulationResult] = {}
    for pop, d in _without_inputs(run, differing(run.baseline, found)).items():
        one, other = (r.spikes[pop] for r in (run.baseline, found))
        worst = max((made.weight_error[q.name] for q in run.network.projections if q.post == pop), default=0.0)
        reason = f"rounding of weights (by up to {worst:.3g}), thresholds and decays" if d.differing else None
        populations[pop] = {**_numbers(d), "reason": reason, "spikes": len(one), "spikes_loihi": len(other)}
    return {
        "status": "ran",
        "agree": not any(d["differing"] for d in populations.values()),
        "reason": None,
        "weight_error": made.weight_error,
        "clipped": made.clipped,
        "warnings": list(made.warnings),
        "silent": silent(made.network, found.spikes, {}),
        "populations": populations,
        "backends": _compare_all(replace(run, network=made.network, baseline=found), wanted, BASELINE["loihi"], report),
    }
