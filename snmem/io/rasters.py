"""Spikes as rasters in ``.npy`` and ``.npz`` files, read block by block: what is silent takes no memory."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from .._text import path_text, shown
from ..errors import InputError
from ..spikes import Spikes
from .arrays import ArrayFile, open_arrays

#: Spikes that are read from one file; or one for each of its bytes, if those are more.
SPIKES = 2**24


def read_rasters(
    path: str | os.PathLike[str], steps: int | None = None, sizes: Mapping[str, int] | None = None
) -> dict[str, Spikes]:
    """Read rasters (steps, neurons) by name; that of an ``.npy`` file has the name "".

    Entries other than 0 are spikes; where they are not all 1, the spikes carry them as values.

    Parameters
    ----------
    path : path
        An ``.npy`` or ``.npz`` file.
    steps : int or None
        Keep the first ``steps`` steps only.
    sizes : mapping or None
        Neurons that a raster of each name must have, told before anything is unpacked; other names have any size.

    Raises
    ------
    FileError
        If the file is missing, damaged or of another kind (:func:`snmem.io.arrays.open_arrays`).
    InputError
        If it holds something else than rasters of these sizes, or more spikes than are read.
    """
    with open_arrays(path) as file:
        for name, header in file.headers.items():
            owner = _owner(path, name)
            if len(header.shape) != 2 or header.dtype.kind not in "biuf":
                raise InputError(
                    f"{owner}: a raster has shape (steps, neurons) and holds numbers, "
                    f"got shape {header.shape}, {header.dtype}"
                )
            wanted = (sizes or {}).get(name, header.shape[1])
            if header.shape[1] != wanted:
                raise InputError(f"{owner}: is given {header.shape[1]} neurons, it has {wanted}")
        return {name: _spikes(file, name, steps, _owner(path, name)) for name in file.headers}


def _owner(path: str | os.PathLike[str], name: str) -> str:
    return f"{path_text(Path(path).name)}: input {shown(name)}" if name else f"{path_text(Path(path).name)}: raster"


def _all_values(parts: list[Any], count: int) -> Any:
    """The values of ``count`` spikes, or None where all are 1; the first parts are left out as long as they are."""
    value = np.concatenate(parts)
    return np.concatenate([np.ones(count - value.size), value]) if value.size else None


def _spikes(file: ArrayFile, name: str, steps: int | None, owner: str) -> Spikes:
    header = file.headers[name]
    rows, columns = header.shape
    kept = rows if steps is None else min(rows, steps)
    limit = max(SPIKES, file.bytes)
    parts, values, graded, total, at = [np.zeros(0, np.int64)], [np.zeros(0)], False, 0, 0
    for block in file.blocks(name):
        ones = np.flatnonzero(block)
        value = block[ones].astype(np.float64)
        if not np.isfinite(value).all():
            raise InputError(f"{owner}: holds {value[~np.isfinite(value)][0]}; give finite numbers")
        ones += at
        at += len(block)
        if kept < rows:
            early = (ones % rows if header.columns_first else ones // columns) < kept
            ones, value = ones[early], value[early]
        total += len(ones)
        if total > limit:
            raise InputError(f"{owner}: holds more than {limit} spikes, the limit; cut it into shorter runs")
        parts.append(ones)
        graded = graded or bool((value != 1).any())
        values += [value] * graded
    cells = np.concatenate(parts)
    value = _all_values(values, cells.size)
    if header.columns_first:
        cells = cells % max(rows, 1) * columns + cells // max(rows, 1)
        order = np.argsort(cells, kind="stable")
        cells, value = cells[order], value if value is None else value[order]
    step, neuron = np.divmod(cells, max(columns, 1))
    return Spikes(step, neuron, kept, columns, value)
