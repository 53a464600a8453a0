"""The benchmark as a whole: sweeps over memories, parts and seeds, and the file of results.

The file is one JSON object:

* ``schema``: "snmem memories 1"; ``form``: "quick", "full", or "own" sizes; ``versions``: of packages; ``seeds``.
* ``patterns``: ``visible``, ``active``, ``bits`` (the budget), ``count`` (stored, where their number is not measured),
  ``most`` (stored at most).
* ``memories``: for each name its ``origin`` ("snmem", "peer" or "file"), the ``bits`` it takes of the budget, and
  ``spiking``.
* ``rows``: one for each memory, condition and setting: ``memory``, ``condition``, ``setting`` (a number, or a name),
  ``metric``, ``unit``, ``value`` (mean over seeds), ``sd`` (over seeds, null for one), ``runs`` (seeds that gave a
  number).
* ``missing``: ``memory``, ``part``, ``reason`` of what could not be measured.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from ...errors import FileError
from ...io.reading import parse_json, read_bytes
from ...io.results import versions, write_json
from ...memory import MEMORIES
from ...sweep import sweep
from . import parts
from .peers import PEERS

SCHEMA, TARGET = "snmem memories 1", "snmem.protocols.memories.parts:run"
_BYTES = 2**26


@dataclass(frozen=True)
class Scale:
    """Sizes of the benchmark.

    Parameters
    ----------
    visible, active : int
        Bits and ones of a pattern.
    bits : int
        What every memory may take.
    count : int
        Patterns stored, where not their number is measured.
    most : int
        Patterns stored at most.
    """

    visible: int = 512
    active: int = 16
    bits: int = 8 * 512**2
    count: int = 256
    most: int = 8192


QUICK = Scale(128, 8, 8 * 128**2, 64, 2048)
#: Of every variable: condition, metric, unit, and the settings where it is an array.
VARIABLES: dict[str, tuple[str, str, str, Sequence[Any]]] = {
    "capacity_patterns_99": ("capacity", "99 % accurate", "patterns", ()),
    "capacity_patterns_95": ("capacity", "95 % accurate", "patterns", ()),
    "capacity_patterns_50": ("capacity", "50 % accurate", "patterns", ()),
    "capacity_bits_per_bit": ("capacity", "information at 95 %", "bits / bit", ()),
    "cues_erased": ("cue, share of ones kept", "accuracy", "", parts.CUES),
    "cues_inserted": ("cue, share of ones added", "accuracy", "", parts.INSERTED),
    "cues_told_apart": ("familiarity", "stored above new", "share", ()),
    "cues_false_alarms": ("familiarity", "new above threshold", "share", ()),
    "age_by_age": ("age", "accuracy", "", tuple(f"{a}-{b}" for a, b in parts.AGES)),
    "similarity_random": ("similarity", "accuracy", "", ("random",)),
    "similarity_similar": ("similarity", "accuracy", "", ("tree",)),
    "damage_whole": ("undamaged", "accuracy", "", ()),
    "damage_neurons": ("dead neurons", "accuracy", "", parts.SHARES),
    "damage_synapses": ("dead synapses", "accuracy", "", parts.SHARES),
    "damage_precision": ("bits of a weight", "accuracy", "", parts.BITS),
    "damage_drift": ("drift, sd in ranges", "accuracy", "", parts.DRIFTS),
    "energy_steps": ("recall in spikes", "steps", "steps", ()),
    "energy_neurons": ("recall in spikes", "neurons", "neurons", ()),
    "energy_spikes": ("recall in spikes", "spikes", "spikes", ()),
    "energy_events": ("recall in spikes", "synaptic events", "events", ()),
    "energy_differing": ("recall in spikes", "bits unlike the algorithm", "bits", ()),
    **{f"energy_joules_{n}": ("recall in spikes", "energy", "J", (chip,)) for n, chip in enumerate(parts.CHIPS)},
    **{f"energy_seconds_{n}": ("recall in spikes", "time", "s", (chip,)) for n, chip in enumerate(parts.CHIPS)},
}


def measure(
    scale: Scale,
    form: str = "own",
    seeds: int = 3,
    memories: Sequence[str] | None = None,
    load: Sequence[str] = (),
    folder: str | os.PathLike[str] | None = None,
    workers: int | None = None,
    report: Callable[[str], None] = lambda text: None,
) -> dict[str, Any]:
    """Measure memories under all conditions.

    Parameters
    ----------
    scale : Scale
        Sizes.
    form : str
        What the results call them.
    seeds : int
        Runs of everything.
    memories : sequence of str or None
        Names; by default all of the registry, and the peers.
    load : sequence of str
        Files that register further memories.
    folder : path or None
        Where finished runs are kept, so that a killed benchmark goes on; by default nowhere.
    workers : int or None
        Processes; by default one for each processor.
    report : function
        Told about the progress.

    Returns
    -------
    dict
        The results, as the module describes them.

    Raises
    ------
    InputError
        For a name that no memory has.
    FileError
        For a file that cannot be run, or a folder of something else.
    """
    paths = os.pathsep.join(str(Path(file).absolute()) for file in load)
    parts.load_files(paths)
    names = list(memories) if memories else [*MEMORIES, *PEERS]
    origins = {name: _origin(name) for name in names}
    grid = {"memory": names, "part": list(parts.PARTS)}
    fixed = {**asdict(scale), "load": paths}
    with TemporaryDirectory() as temporary:
        found = sweep(TARGET, grid, seeds, folder or temporary, fixed, workers, report=report)
        data = found.data.load()
    reasons = {(point["memory"], point["part"]): error for point, error in found.failed}
    return {
        "schema": SCHEMA,
        "form": form,
        "versions": versions(),
        "seeds": list(range(seeds)),
        "patterns": asdict(scale),
        "memories": {name: _about(data, name, origins[name]) for name in names},
        "rows": [row for name in names for row in rows_of(data, name)],
        "missing": [{"memory": m, "part": p, "reason": reason} for (m, p), reason in reasons.items()],
    }


def _origin(name: str) -> str:
    if name in PEERS:
        return "peer"
    return "snmem" if MEMORIES[name].__module__.split(".")[0] == "snmem" else "file"


def _about(data: Any, name: str, origin: str) -> dict[str, Any]:
    bits, steps = (_over_seeds(data, variable, name)[0] for variable in ("capacity_bits", "energy_steps"))
    whole = int(bits[0]) if np.isfinite(bits).any() else None
    return {"origin": origin, "bits": whole, "spiking": bool(np.isfinite(steps).any())}


def _over_seeds(data: Any, variable: str, name: str) -> tuple[Any, Any, Any]:
    """Means, standard deviations and numbers of runs of a variable, a value for each setting."""
    if variable not in data:
        return np.array([np.nan]), np.array([np.nan]), np.array([0])
    part = variable.split("_")[0]
    values = data[variable].sel(memory=name, part=part).values  # (seeds, ...)
    values = values.reshape(len(values), -1)
    runs = np.isfinite(values).sum(axis=0)
    mean = np.where(runs, np.nansum(values, axis=0) / np.maximum(runs, 1), np.nan)
    apart = np.nansum((values - mean) ** 2, axis=0)
    return mean, np.sqrt(apart / np.maximum(runs - 1, 1)), runs


def rows_of(data: Any, name: str) -> list[dict[str, Any]]:
    """The rows of a memory."""
    rows = []
    for variable, (condition, metric, unit, settings) in VARIABLES.items():
        mean, sd, runs = _over_seeds(data, variable, name)
        for n, setting in enumerate(settings or ("",)):
            if n < len(mean) and runs[n]:
                rows.append(_row(name, condition, setting, metric, unit, mean[n], sd[n], runs[n]))
    loads, accuracy = (_over_seeds(data, f"capacity_{key}", name) for key in ("loads", "accuracy"))
    for load, value, sd, runs in zip(loads[0], *accuracy, strict=False):
        if runs:
            rows.append(_row(name, "patterns stored", int(load), "accuracy", "", value, sd, runs))
    return rows


def _row(
    memory: str, condition: str, setting: Any, metric: str, unit: str, value: Any, sd: Any, runs: Any
) -> dict[str, Any]:
    about = {"memory": memory, "condition": condition, "setting": setting, "metric": metric, "unit": unit}
    return {**about, "value": float(value), "sd": float(sd) if runs > 1 else None, "runs": int(runs)}


def save(results: Mapping[str, Any], path: Path) -> None:
    """Write results as JSON, whole or not at all."""
    write_json(path, results)


def load_results(path: str | os.PathLike[str]) -> dict[str, Any]:
    """Read a results file.

    Raises
    ------
    FileError
        If it is missing, no JSON, or of another schema.
    """
    remedy = "write it with snmem bench memories --out DIR"
    found = parse_json(read_bytes(Path(path), _BYTES, remedy), str(path), remedy)
    schema = found.get("schema") if isinstance(found, dict) else None
    if not isinstance(found, dict) or schema != SCHEMA:
        raise FileError(f"{path}: has schema {json.dumps(schema)[:60]}, this version reads {SCHEMA!r}; {remedy}")
    return found
