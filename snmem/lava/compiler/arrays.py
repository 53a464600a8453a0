"""Arrays in npz files: the library and the modules that it writes use the same functions, which stand in their text.

Other than numpy's own, these take any name ("file", "a.npy"), look at names, types and sizes before they read an array,
and never unpickle.
"""

import math
import os
import secrets
import zipfile
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

#: Entries of a raster that is read, at most.
LIMIT = 500_000_000


def write_arrays(path: Path | str, arrays: Mapping[str, NDArray]) -> None:
    """Write an npz file; until it is whole, what was there before stays.

    A symbolic link stays, the file that it leads to is replaced; pipes and devices are written to.
    """
    place = Path(os.path.realpath(path))
    if place.exists() and not place.is_file():
        _write_zip(place, arrays)
        return
    draft = place.with_name(f".{secrets.token_hex(8)}.npz")
    try:
        _write_zip(draft, arrays)
        draft.replace(place)
    finally:
        draft.unlink(missing_ok=True)


def _write_zip(path: Path, arrays: Mapping[str, NDArray]) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        for name, array in arrays.items():
            with file.open(f"{name}.npy", "w", force_zip64=True) as stream:
                np.lib.format.write_array(stream, np.asarray(array), allow_pickle=False)


def read_arrays(path: Path | str) -> dict[str, NDArray]:
    """All arrays of an npz file."""
    arrays = {}
    with zipfile.ZipFile(path) as file:
        for member in file.namelist():
            with file.open(member) as stream:
                arrays[member.removesuffix(".npy")] = np.lib.format.read_array(stream, allow_pickle=False)
    return arrays


def read_rasters(path: Path | str, sizes: Mapping[str, int], others: Collection[str]) -> dict[str, NDArray]:
    """The arrays of an npz file that are rasters of inputs; ValueError names the one that is wrong.

    Parameters
    ----------
    path
        The npz file.
    sizes
        Input -> lines.
    others
        Names of arrays that may be there too, and are not read.
    """
    if not Path(path).is_file():
        raise ValueError(f"{str(path)!r}: there is no such file")
    try:
        file = zipfile.ZipFile(path)
    except Exception as error:  # BadZipFile and others
        raise ValueError(f"{str(path)!r}: is no npz file ({error})") from None
    with file:
        members = {member.removesuffix(".npy"): member for member in file.namelist()}
        check_names(members, sizes, others)
        if sizes and not members.keys() & sizes.keys():
            raise ValueError(f"{str(path)!r}: holds no array of an input; name them {listed(sizes)}")
        return {name: read_raster(file, members[name], name, sizes[name]) for name in sizes if name in members}


def check_names(names: Iterable[str], inputs: Iterable[str], others: Collection[str]) -> None:
    """ValueError for a name that is neither of an input nor among ``others``."""
    known = dict.fromkeys(inputs)
    for name in names:
        if name not in known and name not in others:
            raise ValueError(f"array {name!r} is no input; the inputs are {listed(known)}")


def listed(names: Iterable[str]) -> str:
    """The first names, for a message."""
    shown = [*map(repr, names)]
    return ", ".join(shown[:10]) + (f" and {len(shown) - 10} more" if len(shown) > 10 else "") or "none"


def read_raster(file: zipfile.ZipFile, member: str, name: str, lines: int) -> NDArray:
    """The raster of one input; its header is checked before its entries are read."""
    headers = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
    try:
        with file.open(member) as stream:
            shape, _, kind = headers[np.lib.format.read_magic(stream)](stream)
        check_header(name, shape, kind, lines)
        with file.open(member) as stream:
            raster = np.lib.format.read_array(stream, allow_pickle=False)
        check_raster(name, raster, lines)
    except Exception as error:  # zipfile, zlib and numpy raise many kinds
        told = isinstance(error, ValueError) and str(error).startswith("input ")
        raise (error if told else ValueError(f"input {name!r} cannot be read: {error!r}")) from None
    return raster


def check_header(name: str, shape: tuple[int, ...], kind: np.dtype, lines: int) -> None:
    """ValueError unless an array of this shape and type can be a raster: (steps, lines), numbers, not too large."""
    if kind.kind not in "biuf":
        raise ValueError(f"input {name!r} is of type {str(kind)!r}, expected numbers")
    if len(shape) != 2 or shape[1] != lines:
        raise ValueError(f"input {name!r} has shape {shape}, expected (steps, {lines})")
    if not shape[0]:
        raise ValueError(f"input {name!r} has shape {shape}: give at least one step")
    if math.prod(shape) > LIMIT:
        raise ValueError(f"input {name!r} has {math.prod(shape):,} entries, the limit is {LIMIT:,}; give fewer steps")


def check_raster(name: str, raster: NDArray, lines: int) -> None:
    """ValueError unless ``raster`` is an array (steps, lines) of 0 and 1."""
    check_header(name, raster.shape, raster.dtype, lines)
    wrong = (raster != 0) & (raster != 1)
    if wrong.any():
        step, line = np.argwhere(wrong)[0].tolist()
        value = raster[step, line].item()
        raise ValueError(f"input {name!r} holds {value} in step {step}, line {line}; every entry is 0 or 1 (a spike)")
