"""Spikes that were recorded earlier, by this package or by another tool, for a run to be compared with."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from .._text import path_text
from ..conformance import Difference
from ..errors import FileError, InputError
from ..io.spikes import read_spikes
from ..network import Network
from ..spikes import Recording, Spikes
from .evidence import is_readout
from .records import assign, described
from .report import GoldenResult, PopulationResult

#: Steps by which spikes of another tool are tried earlier and later, to name the cause of a difference.
SHIFTS = (1, -1, 2, -2)
#: Difference of a readout's v that float32 sums of another tool explain, relative to its largest value.
ROUNDING = 1e-5


@dataclass(frozen=True)
class Golden:
    """What was recorded, under the names of the network.

    Attributes
    ----------
    spikes : dict
        Population -> its spikes.
    potentials : dict
        Readout -> its v as (steps, neurons), in the network's unit.
    names : dict
        Population -> the record it was taken from, where that has another name.
    sha256 : str
        Of the spikes in the file.
    about : dict
        What else was written beside them.
    """

    spikes: dict[str, Spikes]
    potentials: dict[str, np.ndarray]
    names: dict[str, str]
    sha256: str
    about: dict[str, Any] = field(default_factory=dict)

    @property
    def steps(self) -> int:
        """Length of the records."""
        rasters = [s.steps for s in self.spikes.values()] + [len(v) for v in self.potentials.values()]
        return rasters[0] if rasters else 0

    def is_silent(self, population: str) -> bool:
        """Whether another tool recorded a population and it did not spike."""
        own = "network_sha256" in self.about  # saved by this package: no evidence beyond its own
        return not own and population in self.spikes and not len(self.spikes[population])


def read_golden(path: Any, network: Network, inputs: Any) -> Golden:
    """Read recorded spikes of populations of ``network``, under its names.

    A file that this package saved holds the inputs too. Rasters of another tool need not; those of one layer are
    enough, under any name that leaves no doubt (:func:`snmem.verify.records.assign`). Numbers recorded of a readout
    are its v.

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
        For a missing or damaged file, one that holds other populations, and one that holds nothing.
    InputError
        If there are no inputs, or twice, or nothing else, and if it is not clear whose spikes a raster holds.
    """
    found = read_spikes(path, dt=network.dt)
    name = path_text(Path(path).name)
    lengths = {s.steps for s in found.spikes.values()}
    if lengths in (set(), {0}):
        raise FileError(f"{name}: holds no {'steps' if lengths else 'spikes of anything'}; record the layers of a run")
    if len(lengths) > 1:
        raise InputError(f"{name}: its records hold {min(lengths)} and {max(lengths)} steps; give all the same length")
    assigned = assign(name, found.spikes, network)
    spikes = {population: found.spikes[record] for record, population in assigned.items()}
    potentials = {p: s.frames() for p, s in spikes.items() if len(s) and _is_potential(name, network, p, s)}
    spikes = {p: s for p, s in spikes.items() if p not in potentials}
    missing = [p.name for p in network.fed if p.name not in spikes]
    if not missing and network.fed and inputs is not None:
        raise InputError(f"verify: the golden file {name} holds its own inputs; leave inputs out")
    if missing and inputs is None:
        held = described({key: s.size for key, s in found.spikes.items()})
        raise InputError(
            f"verify: the golden file {name} holds spikes of {held}, but none of the input "
            f"{missing[0]!r}; give the inputs of the run"
        )
    if not any(p.name in {**spikes, **potentials} for p in network.neurons):
        raise InputError(f"verify: the golden file {name} holds nothing but inputs; record a layer or an output too")
    names = {population: record for record, population in assigned.items() if record != population}
    return Golden(spikes, potentials, names, found.sha256, dict(found.about))


def _is_potential(file: str, network: Network, population: str, spikes: Spikes) -> bool:
    """Whether a record holds v of a readout. Other populations spike: their numbers are counts."""
    if population in [p.name for p in network.fed]:
        return False
    if is_readout(network[population]):  # type: ignore[arg-type]
        return True
    wrong = spikes.values[(spikes.values <= 0) | (spikes.values % 1 != 0)]
    if wrong.size:
        what = f"{file}: holds {wrong[0]:.6g} of population {population!r}"
        raise InputError(f"{what}, which spikes; record its spikes, or leave it out")
    return False


def against_golden(path: Any, stored: Golden, network: Network, recording: Recording) -> GoldenResult:
    """Compare what was recorded with a run of as many steps."""
    populations = {name: _compared(s, recording.spikes[name]) for name, s in stored.spikes.items()}
    populations |= {name: _potential(v, recording.traces[f"{name}.v"]) for name, v in stored.potentials.items()}
    return {
        "file": str(path),
        "sha256": stored.sha256,
        "same_network": stored.about.get("network_sha256") == network.digest(),
        "agree": not any(p["differing"] for p in populations.values()),
        "populations": populations,
        "records": stored.names,
    }


def _compared(golden: Spikes, run: Spikes) -> PopulationResult:
    count, first = golden.differing(run)
    row: PopulationResult = {**Difference(golden.steps * golden.size, count, first).as_dict(), "spikes": len(run)}  # type: ignore[typeddict-item]
    if count:
        shift = next((_shifted(k) for k in SHIFTS if _equal_when_shifted(golden, run, k)), None)
        several = int((golden.values > 1).sum())
        counts = f"{several} recorded entries are several spikes in one step, which a neuron here sends as one"
        row["reason"] = shift or (counts if several else None)
    return row


def _potential(golden: np.ndarray, run: np.ndarray) -> PopulationResult:
    """A readout's v against the run's, in float32 or better."""
    apart = np.abs(golden - run)
    largest, scale = float(apart.max(initial=0)), float(np.abs(golden).max(initial=0))
    wrong = apart > ROUNDING * scale
    first = int(np.argmax(wrong.any(axis=1))) if wrong.any() else None
    reason = f"v of a readout: largest difference {largest:.2g}, largest v {scale:.4g}"
    row: PopulationResult = {**Difference(golden.size, int(wrong.sum()), first).as_dict(), "spikes": 0}  # type: ignore[typeddict-item]
    return {**row, "reason": reason}


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
