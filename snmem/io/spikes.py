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

from .._text import shown
from ..errors import FileError
from ..spikes import Spikes
from .events import fits, read_events
from .hdf5 import save_hdf5
from .rasters import read_rasters

#: Suffixes of the files that hold rasters.
RASTERS = (".npy", ".npz")


@dataclass(frozen=True)
class SpikeFile:
    """Spikes by name, the sha256 of all of them, and what else was written: ``about``."""

    spikes: Mapping[str, Spikes]
    sha256: str
    about: Mapping[str, Any] = field(default_factory=dict)


def spikes_sha256(spikes: Mapping[str, Spikes]) -> str:
    """sha256 over names, shapes, steps, neurons and values, by name in alphabetical order.

    Numbers count as 64-bit little-endian ones; values where they are not all 1.
    """
    h = hashlib.sha256()
    for name in sorted(spikes):
        s = spikes[name]
        h.update(name.encode() + b"\0")
        for numbers in ((s.steps, s.size, len(s)), s.step, s.neuron):
            h.update(np.asarray(numbers).astype("<i8").tobytes())
        if s.value is not None:
            h.update(s.value.astype("<f8").tobytes())
    return h.hexdigest()


def write_spikes(
    path: str | os.PathLike[str], spikes: Mapping[str, Spikes], dt: float = 1e-3, about: Mapping[str, Any] | None = None
) -> str:
    """Write spikes as HDF5 (``nir.read_data`` reads it); returns their sha256.

    Parameters
    ----------
    path : path-like
        File to write; an older one stays until the new one is complete.
    spikes : mapping
        Name -> Spikes.
    dt : float
        Duration of a step in seconds.
    about : mapping or None
        Texts and numbers to keep beside them, as attributes of the file.

    Raises
    ------
    FileError
        if the file cannot be written.
    """
    import nir

    nodes: dict[str, Any] = {}
    for name, s in spikes.items():
        time = (s.step[None] + 0.5) * dt
        # half a step more, so that nir's conversion to a grid, which rounds down, finds all steps
        events: Any = {"idx": s.neuron[None], "time": time, "n_neurons": s.size, "t_max": (s.steps + 0.5) * dt}
        events = nir.EventData(**events) if s.value is None else nir.ValuedEventData(**events, value=s.value[None])
        nodes[name] = nir.NIRNodeData({"spikes": events})
    digest = spikes_sha256(spikes)
    memory = _packed(nir.NIRGraphData(nodes), {"dt": dt, "sha256": digest, **(about or {})}, "gzip")
    if not fits(sum(len(s) * (2 if s.value is None else 3) for s in spikes.values()), memory.getbuffer().nbytes):
        memory = _packed(nir.NIRGraphData(nodes), {"dt": dt, "sha256": digest, **(about or {})}, None)
    save_hdf5(path, memory)
    return digest


def _packed(data: Any, about: Mapping[str, Any], compression: str | None) -> BytesIO:
    """The file in memory."""
    import h5py
    import nir

    memory = BytesIO()
    nir.write_data(memory, data, compression)  # type: ignore[arg-type]
    with h5py.File(memory, "a") as file:
        file.attrs.update(about)
    return memory


def read_spikes(
    path: str | os.PathLike[str],
    steps: int | None = None,
    dt: float | None = None,
    sample: int | None = None,
    merge: str | None = "error",
) -> SpikeFile:
    """Read spikes from ``.npy`` (a raster (steps, neurons); its name is ""), ``.npz`` (rasters by name) or HDF5.

    HDF5 holds events or grids as ``nir.write_data`` writes them (:mod:`snmem.io.events`). Numbers other than 0 and 1
    are values of the spikes (:attr:`snmem.Spikes.value`).

    Parameters
    ----------
    path : path-like
        The file.
    steps : int or None
        Keep the first ``steps`` steps only.
    dt : float or None
        Duration of a step in seconds, for events in a file that does not state it; snmem's own files do.
    sample : int or None
        Which of several samples in HDF5 to take.
    merge : str or None
        What becomes of several events of a neuron in one step, in HDF5 that others wrote: "error", "clip", "add", or
        None, which clips with a warning (:func:`snmem.event_data.from_events`).

    Raises
    ------
    FileError
        if the file is missing, damaged, of another kind, or does not fit its sha256.
    InputError
        if it needs ``dt`` or ``sample``, or holds something else than spikes.
    """
    path = Path(path)
    if path.suffix in RASTERS:
        spikes = read_rasters(path, steps)
        return SpikeFile(spikes, spikes_sha256(spikes))
    spikes, about = read_events(path, dt, sample, merge)
    digest = spikes_sha256(spikes)
    if about.get("sha256") not in (None, digest):
        raise FileError(f"{path}: its spikes do not fit its sha256 {shown(about['sha256'])}; it was changed or damaged")
    about = {name: value for name, value in about.items() if not name.startswith("_")}
    if steps is not None:
        spikes, digest = {name: s.between(0, min(steps, s.steps)) for name, s in spikes.items()}, ""
    return SpikeFile(spikes, digest, about)
