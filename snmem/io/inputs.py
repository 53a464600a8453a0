"""Input spikes for a network from a file."""

from __future__ import annotations

import os
from pathlib import Path

from .._events import NUMBERS
from .._text import listed, path_text, shown
from ..errors import InputError
from ..event_data import CAMERA_FILES, from_events, read_camera
from ..network import Input, Network
from ..spikes import Spikes
from .rasters import read_rasters
from .spikes import RASTERS, read_spikes


def load_inputs(
    path: str | os.PathLike[str],
    network: Network,
    steps: int | None = None,
    sample: int | None = None,
    merge: str | None = None,
) -> tuple[dict[str, Spikes], int]:
    """Read the input spikes of a run of ``network`` from a file of spikes (formats: :mod:`snmem.io.spikes`).

    A file without names (.npy, those of cameras) fits a network with one input. An input of shape (2, height, width)
    is given the off and on events of a camera in channels of their own, one of shape (1, height, width) or
    (height, width) both together. Inputs left out are silent; spikes of the network's
    other populations, which a file of a whole run holds too, are left aside.

    Parameters
    ----------
    path : path
        The file.
    network : Network
        Its inputs say which names and sizes fit, its dt how long a step lasts in a file of events.
    steps : int or None
        Length of the run; by default that of the longest record. Longer records are cut.
    sample : int or None
        Which of several samples in HDF5 to take.
    merge : str or None
        What becomes of several events of a line in one step: "clip", "add" (for an input that takes values), "error",
        or None, which clips with a warning (:func:`snmem.event_data.from_events`).

    Returns
    -------
    tuple
        Input name -> Spikes, and the number of steps.

    Raises
    ------
    FileError
        For a missing or damaged file.
    InputError
        For names and sizes that do not fit the network.
    """
    sizes = {p.name: p.size for p in network.fed}
    known = listed(sizes)
    if Path(path).suffix in RASTERS:
        expected = sizes | ({"": next(iter(sizes.values()))} if len(sizes) == 1 else {})
        found = read_rasters(path, steps, expected)
    elif Path(path).suffix in CAMERA_FILES and len(sizes) == 1:
        found = {"": _camera(path, network.inputs[0], network.dt, steps, merge)}
    elif Path(path).suffix in CAMERA_FILES:
        raise InputError(f"{path_text(path)}: a camera's file fits a network with one input, this one has {known}")
    else:
        found = dict(read_spikes(path, steps, network.dt, sample, merge).spikes)
    if set(found) == {""}:
        if len(sizes) != 1:
            raise InputError(f"{path_text(path)}: a single raster fits a network with one input, this one has {known}")
        found = {next(iter(sizes)): found[""]}
    strangers = sorted(set(found) - {p.name for p in network.populations})
    if strangers or not set(found) & set(sizes):
        name = (strangers or sorted(found) or ["nothing"])[0]
        raise InputError(
            f"{path_text(path)}: holds spikes of {shown(name)}, but the network's inputs are {known}; name them so"
        )
    taken = {name: spikes for name, spikes in found.items() if name in sizes}
    for name, spikes in taken.items():
        if spikes.size != sizes[name]:
            raise InputError(f"{path_text(path)}: input {name!r} is given {spikes.size} neurons, it has {sizes[name]}")
        if spikes.value is not None and not network[name].values:
            odd = spikes.value[spikes.value != 1][0]
            raise InputError(f"{path_text(path)}: input {name!r} is given {odd:g}, it takes 0 and 1 only; {NUMBERS}")
    return taken, steps or max(s.steps for s in taken.values())


def _camera(path: str | os.PathLike[str], p: Input, dt: float, steps: int | None, merge: str | None) -> Spikes:
    """The events of a camera's file as spikes of the input ``p``, whose shape says what becomes of polarities."""
    events, (width, height) = read_camera(path)
    shape = p.shape if len(p.shape) == 3 else (1, *p.shape)
    if shape not in ((1, height, width), (2, height, width)):
        raise InputError(
            f"{path_text(path)}: is of a sensor of {width} x {height} pixels, input {p.name!r} has shape {p.shape}, "
            f"expected (2, {height}, {width}), (1, {height}, {width}) or ({height}, {width})"
        )
    polarity = "separate" if shape[0] == 2 else "merge"
    return from_events(
        events, (width, height), dt, steps=steps, polarity=polarity, merge=merge, name=path_text(Path(path).name)
    )
