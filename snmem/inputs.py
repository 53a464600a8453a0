"""Input spikes for a network: from a file, or random."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np

from .errors import FileError, InputError
from .network import Network
from .spikes import Spikes


def load_inputs(path: str | os.PathLike[str], network: Network, steps: int | None = None) -> dict[str, Spikes]:
    """Read input spikes from an .npy or .npz file of plain arrays.

    Parameters
    ----------
    path : an .npy file holds a raster of 0 and 1, shape (steps, neurons), for a network with one input. An .npz file
        holds for every input either such a raster under its name, or its events as two vectors of whole numbers,
        ``<name>.step`` and ``<name>.neuron``. Inputs left out are silent.
    steps : length of the run; by default that of the rasters, or up to the last event.

    Returns
    -------
    Input name -> Spikes, all of the same number of steps.

    Raises
    ------
    FileError
        for a missing or damaged file.    InputError : for names, shapes and values that do not fit the network.
    """
    path = Path(path)
    arrays = _arrays(path)
    sizes = {p.name: p.size for p in network.inputs}
    if list(arrays) == [""]:
        if len(sizes) != 1:
            known = ", ".join(sizes) or "none"
            raise InputError(f"{path.name}: a single raster fits a network with one input, this one has {known}")
        arrays = {next(iter(sizes)): arrays[""]}
    names = {name.removesuffix(".step").removesuffix(".neuron") if name not in sizes else name for name in arrays}
    unknown = sorted(names - set(sizes))
    if unknown:
        raise InputError(f"{path.name}: the network has no input {unknown[0]!r}; it has {', '.join(sizes) or 'none'}")
    if steps is None:
        steps = max((_length(name, array) for name, array in arrays.items()), default=0)
    if steps < 1:
        raise InputError(f"{path.name}: holds no spikes; give the number of steps")
    return {name: _spikes(path.name, name, arrays, steps, sizes[name]) for name in sorted(names)}


def random_inputs(network: Network, steps: int, rate: float, seed: int) -> dict[str, Spikes]:
    """Return independent random spikes for every input: each neuron spikes in each step with probability ``rate``."""
    if not 0 <= rate <= 1:
        raise InputError(f"random inputs: rate is a probability per neuron and step in [0, 1], got {rate!r}")
    rng = np.random.default_rng(seed)
    return {p.name: _random(p.size, steps, rate, rng) for p in network.inputs}


def _random(size: int, steps: int, rate: float, rng: np.random.Generator) -> Spikes:
    """As many cells as a binomial draw says, drawn without repeats: memory grows with the spikes only."""
    cells = rng.choice(steps * size, rng.binomial(steps * size, rate), replace=False, shuffle=False)
    return Spikes.from_events(cells // size, cells % size, steps, size)


def _arrays(path: Path) -> dict[str, Any]:
    try:
        loaded: Any = np.load(path, allow_pickle=False)
        if isinstance(loaded, np.ndarray):
            return {"": loaded}
        with loaded:
            return {name: loaded[name] for name in loaded.files}
    except FileNotFoundError:
        raise FileError(f"{path}: no such file; give an .npy or .npz file of input spikes") from None
    except (OSError, ValueError, EOFError) as error:
        reason = str(error).splitlines()[0]
        raise FileError(
            f"{path.name}: is no .npy or .npz file of plain arrays ({reason}); write it with numpy"
        ) from None


def _length(name: str, array: Any) -> int:
    if name.endswith(".neuron"):
        return 0
    return int(np.max(array, initial=-1)) + 1 if name.endswith(".step") else len(array)


def _spikes(file: str, name: str, arrays: dict[str, Any], steps: int, size: int) -> Spikes:
    owner = f"{file}, input {name!r}"
    if name in arrays:
        spikes = Spikes.from_raster(arrays[name], name=owner)
        if spikes.size != size:
            raise InputError(f"{owner}: the raster is for {spikes.size} neurons, the input has {size}")
        return Spikes.from_events(spikes.step, spikes.neuron, steps, size, name=owner)
    try:
        step, neuron = arrays[f"{name}.step"], arrays[f"{name}.neuron"]
    except KeyError as error:
        raise InputError(f"{owner}: {error.args[0]} is missing; give both .step and .neuron") from None
    return Spikes.from_events(step, neuron, steps, size, name=owner)
