"""Files of spikes: rasters as ``.npy`` and ``.npz``, and events as HDF5 in the layout of ``nir.write_data``.

The HDF5 form is what ``nir.read_data`` reads as an ``NIRGraphData``: a node per population, with the observable
"spikes" as events at the middle of their steps. A sha256 of all spikes stands beside them and is checked when read.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import FileError, InputError
from ..spikes import Spikes
from .files import replace_file
from .rasters import read_rasters

#: Largest number of events that is read.
LIMIT = 500_000_000
#: Suffixes of the files that hold rasters.
RASTERS = (".npy", ".npz")


@dataclass(frozen=True)
class SpikeFile:
    """Spikes by name, the sha256 of all of them, and what else was written: ``about``."""

    spikes: Mapping[str, Spikes]
    sha256: str
    about: Mapping[str, Any] = field(default_factory=dict)


def spikes_sha256(spikes: Mapping[str, Spikes]) -> str:
    """sha256 over names, shapes, steps and neurons, by name in alphabetical order; integers as 64-bit little-endian."""
    h = hashlib.sha256()
    for name in sorted(spikes):
        s = spikes[name]
        h.update(name.encode() + b"\0")
        for numbers in ((s.steps, s.size, len(s)), s.step, s.neuron):
            h.update(np.asarray(numbers).astype("<i8").tobytes())
    return h.hexdigest()


def write_spikes(
    path: str | os.PathLike[str], spikes: Mapping[str, Spikes], dt: float = 1e-3, about: Mapping[str, Any] | None = None
) -> str:
    """Write spikes as HDF5 (``nir.read_data`` reads it); returns their sha256.

    Parameters
    ----------
    dt : duration of a step in seconds.    about : texts and numbers to keep beside them, as attributes of the file.
    """
    import h5py
    import nir

    nodes: dict[str, Any] = {}
    for name, s in spikes.items():
        time = (s.step[None] + 0.5) * dt
        # half a step more, so that nir's conversion to a grid, which rounds down, finds all steps
        events = nir.EventData(idx=s.neuron[None], time=time, n_neurons=s.size, t_max=(s.steps + 0.5) * dt)
        nodes[name] = nir.NIRNodeData({"spikes": events})
    memory = BytesIO()
    nir.write_data(memory, nir.NIRGraphData(nodes))  # type: ignore[arg-type]
    digest = spikes_sha256(spikes)
    with h5py.File(memory, "a") as file:
        file.attrs.update({"dt": dt, "sha256": digest, **(about or {})})
    with replace_file(path) as out:
        out.write(memory.getvalue())
    return digest


def read_spikes(path: str | os.PathLike[str], steps: int | None = None) -> SpikeFile:
    """Read spikes from ``.npy`` (a raster (steps, neurons); its name is ""), ``.npz`` (rasters by name) or HDF5.

    Parameters
    ----------
    steps : keep the first ``steps`` steps only.

    Raises
    ------
    FileError
        if the file is missing, damaged, of another kind, or does not fit its sha256.
    """
    path = Path(path)
    if not path.is_file():
        raise FileError(f"{path}: there is no such file")
    try:
        found = _read_rasters(path, steps) if path.suffix in RASTERS else _read_events(path)
    except (OSError, KeyError, ValueError, TypeError, IndexError, AttributeError) as error:
        if isinstance(error, (FileError, InputError)):
            raise
        raise FileError(f"{path}: holds no spikes: {error}; expected .npy, .npz, or HDF5 of nir.write_data") from None
    if steps is not None:
        found = SpikeFile({n: s.between(0, min(steps, s.steps)) for n, s in found.spikes.items()}, "", found.about)
    return found


def _read_rasters(path: Path, steps: int | None) -> SpikeFile:
    spikes = read_rasters(path, steps)
    return SpikeFile(spikes, spikes_sha256(spikes))


def _read_events(path: Path) -> SpikeFile:
    import h5py

    with h5py.File(path, "r") as file:
        dt = float(file.attrs["dt"])
        spikes = {}
        for name, node in file["nodes"].items():
            events = node["observables"]["spikes"]
            if events["idx"].size > LIMIT:
                raise FileError(f"{path}: {name!r} has {events['idx'].size} events; at most {LIMIT} are read")
            steps, size = int(float(events.attrs["t_max"]) / dt), int(events.attrs["n_neurons"])
            step = np.floor(events["time"][0] / dt).astype(np.int64)
            spikes[name] = Spikes.from_events(step, events["idx"][0], steps, size, f"{path.name} {name}")
        about = {name: value for name, value in file.attrs.items() if not name.startswith("_")}
    digest = spikes_sha256(spikes)
    if about.get("sha256") != digest:
        raise FileError(f"{path}: its spikes do not fit its sha256 {about.get('sha256')}; it was changed or damaged")
    return SpikeFile(spikes, digest, about)
