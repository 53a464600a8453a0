"""Spikes that were recorded earlier, by this package or by another tool, for a run to be compared with."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from .._text import listed, path_text, shown
from ..conformance import Difference
from ..errors import FileError, InputError
from ..io.spikes import SpikeFile, read_spikes
from ..network import Network
from ..spikes import Recording, Spikes
from .report import GoldenResult, PopulationResult

#: Steps by which spikes of another tool are tried earlier and later, to name the cause of a difference.
SHIFTS = (1, -1, 2, -2)


def read_golden(path: Any, network: Network, inputs: Any) -> SpikeFile:
    """Read recorded spikes of populations of ``network``, under its names.

    A file that this package saved holds the inputs too. Rasters of another tool need not: those of one layer are
    enough, under the name of its population, or any name where one population alone, outputs first, has their size.

    Parameters
    ----------
    path : path-like
        ``.npy``, ``.npz`` or HDF5 (:func:`snmem.io.spikes.read_spikes`).
    network : Network
        The network that is to give these spikes.
    inputs : mapping, path or None
        The inputs of the run, if the file does not bring them.

    Raises
    ------
    FileError
        For a missing or damaged file, and one that holds other populations.
    InputError
        If there are no inputs, or twice, and if it is not clear whose spikes a raster holds.
    """
    found = read_spikes(path, dt=network.dt)
    name = path_text(Path(path).name)
    sizes = {p.name: p.size for p in network.populations}
    held = {key: s.size for key, s in found.spikes.items()}
    spikes = {_population(name, key, s.size, network): s for key, s in found.spikes.items()}
    if len(spikes) < len(held):
        raise FileError(f"{name}: two of its records ({_described(held)}) fit one population of {_described(sizes)}")
    missing = [p.name for p in network.fed if p.name not in spikes]
    if not missing and network.fed and inputs is not None:
        raise InputError(f"verify: the golden file {name} holds its own inputs; leave inputs out")
    if missing and inputs is None:
        raise InputError(
            f"verify: the golden file {name} holds spikes of {_described(held)}, but none of the input "
            f"{missing[0]!r}; give the inputs of the run"
        )
    return SpikeFile(spikes, found.sha256, found.about)


def _described(sizes: Mapping[str, int]) -> str:
    """Names and sizes, of which the first few are named."""
    few = list(sizes.items())[:8]
    text = ", ".join(f"{shown(name) if name else 'a raster'} of {size} neurons" for name, size in few)
    return text + (f" and {len(sizes) - len(few)} more" if len(sizes) > len(few) else "")


def _population(file: str, name: str, size: int, network: Network) -> str:
    """The population that a record belongs to: of its name, else the one of its size."""
    sizes = {p.name: p.size for p in network.populations}
    if name in sizes:
        if sizes[name] != size:
            raise FileError(f"{file}: holds {size} neurons of {name!r}, which has {sizes[name]} in the network")
        return name
    outputs = [p for p in network.outputs if sizes[p] == size]
    fits = outputs if len(outputs) == 1 else [p.name for p in network.neurons if p.size == size]
    what = f"spikes of {shown(name)}, {size} neurons" if name else f"a raster of {size} neurons"
    if not fits:
        raise FileError(f"{file}: holds {what}, but the network has {_described(sizes)}; use its own file")
    if len(fits) > 1:
        raise InputError(f"{file}: holds {what}, which fits {listed(fits)}; name it after one of them in an .npz file")
    return fits[0]


def against_golden(path: Any, stored: SpikeFile, network: Network, recording: Recording) -> GoldenResult:
    """Compare the recorded spikes with a run of as many steps."""
    populations = {name: _compared(s, recording.spikes[name]) for name, s in stored.spikes.items()}
    return {
        "file": str(path),
        "sha256": stored.sha256,
        "same_network": stored.about.get("network_sha256") == network.digest(),
        "agree": not any(p["differing"] for p in populations.values()),
        "populations": populations,
    }


def _compared(golden: Spikes, run: Spikes) -> PopulationResult:
    count, first = golden.differing(run)
    row: PopulationResult = {**Difference(golden.steps * golden.size, count, first).as_dict(), "spikes": len(run)}  # type: ignore[typeddict-item]
    if count:
        row["reason"] = next((_shifted(k) for k in SHIFTS if _equal_when_shifted(golden, run, k)), None)
    return row


def _shifted(k: int) -> str:
    steps = "a step" if abs(k) == 1 else f"{abs(k)} steps"
    return f"equal where the recorded spikes are taken {steps} {'earlier' if k > 0 else 'later'}"


def _equal_when_shifted(golden: Spikes, run: Spikes, k: int) -> bool:
    """Whether spike t + k of the record is spike t of the run, in all steps that both have."""
    steps = golden.steps - abs(k)
    if steps <= 0 or not len(golden):
        return False
    mine, theirs = (max(-k, 0), max(k, 0))
    return golden.between(theirs, theirs + steps) == run.between(mine, mine + steps)
