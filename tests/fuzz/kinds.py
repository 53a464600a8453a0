"""The kinds of files: how one is made from a seed, and what is done with it."""

from __future__ import annotations

import json
import os
import random
import signal
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from snmem.circuits import Race
from snmem.installation.content import content_dir
from snmem.memory import KWinnerMemory, SpikingKWinnerMemory
from snmem.sweep.storage import RUNS, SweepFolder

from . import array_mutations, text_mutations, uses
from .bytes_mutations import damage

try:
    from . import hdf5_mutations
except ImportError:
    hdf5_mutations = None

Random = random.Random


@dataclass(frozen=True)
class Kind:
    """One kind of file.

    Attributes
    ----------
    suffix : str
        Ending of the file's name.
    make : callable
        Random -> the contents of a damaged file.
    use : callable
        Path, Random -> whether the file was accepted.
    share : int
        How many of all files are of this kind, in relation to the others.
    """

    suffix: str
    make: Callable[[Random], bytes]
    use: Callable[[Path, Random], bool]
    share: int


def _hdf5(prefix: str) -> Callable[[Random], bytes]:
    def make(rng: Random) -> bytes:
        files = [data for name, data in sorted(hdf5_mutations.bases().items()) if name.startswith(prefix)]
        return hdf5_mutations.mutate(rng, rng.choice(files))

    return make


def _raster(rng: Random) -> Any:
    steps = rng.choice([1, 5, 20])
    array = np.random.default_rng(rng.randrange(100)).random((steps, rng.choice([3, 3, 3, 4]))) < 0.4
    return array.astype(rng.choice(["?", "u1", "i8", "f4", "f8"]))


def _rasters(rng: Random) -> bytes:
    names = rng.choice([("in",), ("in", "x"), ("in", "a"), ("x",)])
    arrays = {name: _raster(rng) for name in names}
    if "x" in arrays:
        arrays["x"] = np.ones((len(arrays["x"]), 4), np.uint8)
    return array_mutations.mutate_npz(rng, arrays)


def _vectors(rng: Random) -> bytes:
    rows, size = rng.choice([(1, 3), (2, 2), (30, 5), (5, 60)])
    array = np.random.default_rng(rng.randrange(100)).normal(size=(rows, size)) * rng.choice([1, 1, 1e-200, 1e200, 0])
    return array_mutations.mutate_npy(
        rng, array.astype(rng.choice(["f8", "f8", "f4", "i4"])) if abs(array).max() < 1e9 else array
    )


@cache
def _memories() -> dict[str, list[dict[str, Any]]]:
    """Arrays of saved memories of both levels."""
    found: dict[str, list[dict[str, Any]]] = {"algorithm": [], "spiking": []}
    with TemporaryDirectory() as folder:
        path = Path(folder, "m.npz")
        tied = KWinnerMemory(uses.replace_config(tied=True, bits=3), 2)
        for kind, memory in (
            ("algorithm", KWinnerMemory(uses.CONFIG, 1)),
            ("algorithm", tied),
            ("algorithm", tied.lesioned(0.2)),
            ("spiking", SpikingKWinnerMemory(uses.CONFIG, 1)),
            ("spiking", SpikingKWinnerMemory(uses.CONFIG, 2, kwta=Race(20))),
        ):
            memory.save(path)
            with np.load(path) as file:
                found[kind].append(dict(file))
    return found


@cache
def _run() -> dict[str, Any]:
    """Arrays of a run of a sweep."""
    with TemporaryDirectory() as folder:
        home, key = SweepFolder(Path(folder)), uses.plan().key(uses.POINT)
        results = {
            "capacity": ((), np.array(3.5)),
            "age": (("age",), np.arange(4.0)),
            "f": (("age", "k"), np.ones((4, 2))),
        }
        home.keep(key, uses.POINT, results, 0.1)
        with np.load(home.path / RUNS / f"{key}.npz") as file:
            return dict(file)


def _mark(rng: Random) -> bytes:
    value = {"target": "kwinner-map", "grid": {"winners": [5, 10]}, "fixed": {}, "seeds": [0, 1]}
    data = json.dumps(array_mutations.mutate_json(rng, value)).encode()
    return damage(rng, data) if rng.random() < 0.4 else data


@cache
def _profiles() -> list[str]:
    return [path.read_text("utf-8") for path in sorted(content_dir("hardware").glob("[!_]*.toml"))]


#: By name; the names of kept failures begin with them.
KINDS: dict[str, Kind] = {
    "raster": Kind(".npy", lambda rng: array_mutations.mutate_npy(rng, _raster(rng)), uses.use_inputs, 6),
    "rasters": Kind(".npz", _rasters, uses.use_inputs, 12),
    "vectors": Kind(".npy", _vectors, uses.use_data, 4),
    "lines": Kind(".txt", text_mutations.make_lines, uses.use_data, 2),
    "algorithm": Kind(
        ".npz",
        lambda rng: array_mutations.mutate_npz(rng, rng.choice(_memories()["algorithm"])),
        uses.use_algorithm,
        8,
    ),
    "spiking": Kind(
        ".npz", lambda rng: array_mutations.mutate_npz(rng, rng.choice(_memories()["spiking"])), uses.use_spiking, 8
    ),
    "sweep": Kind(".npz", lambda rng: array_mutations.mutate_npz(rng, _run()), uses.use_sweep, 6),
    "mark": Kind(".json", _mark, uses.use_mark, 2),
    "chip": Kind(".toml", lambda rng: text_mutations.mutate_toml(rng, rng.choice(_profiles())), uses.use_chip, 10),
    "rule": Kind(".txt", text_mutations.make_rule, uses.use_rule, 6),
    "name": Kind(".txt", text_mutations.make_name, uses.use_name, 6),
    "path": Kind(".txt", text_mutations.make_name, uses.use_file_name, 2),
}
if hdf5_mutations:
    KINDS |= {
        "nir": Kind(".nir", _hdf5("nir_"), uses.use_nir, 36),
        "run": Kind(".h5", _hdf5("run_"), uses.use_run, 8),
        "golden": Kind(".h5", _hdf5("golden_"), uses.use_golden, 8),
        "events": Kind(".h5", _hdf5(("data_", "golden_")), uses.use_inputs, 6),
    }


#: Cases that go wrong, to see that they are noticed; no part of a run that does not ask for them.
FAULTS: dict[str, Kind] = {
    "fault_raise": Kind(".txt", lambda rng: b"x", lambda path, rng: bool(1 // 0), 1),
    "fault_words": Kind(".txt", lambda rng: b"x", uses.fail_in_two_lines, 1),
    "fault_crash": Kind(".txt", lambda rng: b"x", lambda path, rng: os.kill(os.getpid(), signal.SIGSEGV) or True, 1),
    "fault_loop": Kind(".txt", lambda rng: b"x", uses.run_for_ever, 1),
    "fault_memory": Kind(".txt", lambda rng: b"x", lambda path, rng: bool(np.ones(2**28).any()), 1),
}
ALL = KINDS | FAULTS


def choose(rng: Random, names: list[str]) -> str:
    """A kind, as often as its share."""
    return rng.choices(names, [ALL[name].share for name in names])[0]
