"""Input spikes for a network from a file."""

from __future__ import annotations

import os
from pathlib import Path

from .._events import NUMBERS
from .._text import listed, path_text, shown
from ..errors import InputError
from ..network import Network
from ..spikes import Spikes
from .rasters import read_rasters
from .spikes import RASTERS, read_spikes


def load_inputs(
    path: str | os.PathLike[str], network: Network, steps: int | None = None, sample: int | None = None
) -> tuple[dict[str, Spikes], int]:
    """Read the input spikes of a run of ``network`` from a file of spikes (formats: :mod:`snmem.io.spikes`).

    A file without names (.npy) fits a network with one input. Inputs left out are silent; spikes of the network's
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
    else:
        found = dict(read_spikes(path, steps, network.dt, sample).spikes)
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
