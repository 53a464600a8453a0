"""All runs of a sweep as one xarray.Dataset: a dimension for every swept parameter, one for the seeds."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from .._text import one_line
from ..errors import InputError
from ..io.files import replace_file
from .points import Sweep

#: Numbers that a result may have in all runs together.
_NUMBERS = 2**26


def dataset(sweep: Sweep, runs: Mapping[str, Mapping[str, Any]]) -> Any:
    """Return the results; ``runs`` maps keys to variables, and runs that are missing are NaN.

    Where arrays of a variable differ in length, the shorter ones end in NaN.
    """
    import xarray as xr

    outer = (*sweep.grid, "seed")
    shape = tuple(len(values) for values in (*sweep.grid.values(), sweep.seeds))
    dims, inner = _layout(runs)
    for name, of in dims.items():
        clash = ({name, *of} & set(outer)) | (({name} & set(of)) if len(of) > 1 else set())
        if clash:
            raise InputError(
                f"result {name!r}: shares the name {min(clash)!r} with a parameter or dimension; rename it"
            )
    for name, of in dims.items():
        numbers = math.prod(shape) * math.prod(inner[d] for d in of)
        if numbers > _NUMBERS:
            raise InputError(
                f"result {name!r}: would have {numbers} numbers in all runs, the limit is {_NUMBERS}; "
                "sweep fewer runs at a time, or return less"
            )
    arrays = {name: np.full(shape + tuple(inner[d] for d in of), np.nan) for name, of in dims.items()}
    for number, point in enumerate(sweep.points()):
        place = np.unravel_index(number, shape)
        for name, (_, values) in runs.get(sweep.key(point), {}).items():
            arrays[name][(*place, *(slice(n) for n in values.shape))] = values
    coords: dict[str, Any] = {name: _coordinate(values) for name, values in sweep.grid.items()}
    coords["seed"] = np.array(sweep.seeds, np.int32)
    data = {}
    for name, of in dims.items():
        if of == (name,):  # the same in every run, up to its length
            coords[name] = np.fmax.reduce(arrays[name].reshape(math.prod(shape), inner[name]), axis=0)
        else:
            data[name] = ((*outer, *of), arrays[name])
    fixed = {f"set {name}": str(value) for name, value in sweep.fixed.items()}
    return xr.Dataset(data, coords, {"target": sweep.target, **fixed})


def _layout(runs: Mapping[str, Mapping[str, Any]]) -> tuple[dict[str, tuple[str, ...]], dict[str, int]]:
    """Dimensions of every variable, and the largest length of every dimension."""
    dims: dict[str, tuple[str, ...]] = {}
    inner: dict[str, int] = {}
    for variables in runs.values():
        for name, (of, values) in variables.items():
            if dims.setdefault(name, of) != of:
                raise InputError(f"result {name!r}: has dimensions {dims[name]} in some runs, {of} in others")
            for dim, length in zip(of, values.shape, strict=True):
                inner[dim] = max(length, inner.get(dim, 0))
    return dims, inner


def _coordinate(values: Any) -> Any:
    number = all(isinstance(value, (int, float)) and not isinstance(value, bool) for value in values)
    return np.array(values, np.float64) if number else np.array([str(value) for value in values])


def write_dataset(data: Any, path: Path) -> None:
    """Write a dataset as netCDF (version 3, which needs no further package), whole or not at all."""
    try:
        contents = data.to_netcdf(engine="scipy")
    except (ValueError, TypeError) as error:
        raise InputError(f"{path}: netCDF cannot hold these results ({one_line(error)}); rename them") from error
    with replace_file(path) as file:
        file.write(contents)
