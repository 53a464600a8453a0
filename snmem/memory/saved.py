"""Saved memories: ``.npz`` files of plain arrays beside a JSON header, checked before compiled code sees them."""

from __future__ import annotations

import os
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from functools import cached_property
from typing import Any, cast

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from .._text import one_line, shown
from ..errors import FileError, InputError
from ..io.arrays import ArrayFile, open_arrays
from ..io.reading import parse_json
from .config import KWinnerConfig

#: Visible units that a saved memory may have; or so many for each of its synapses, if that is more.
_VISIBLE, _VISIBLE_PER_SYNAPSE = 2**20, 16
#: Largest size of a weight; sums of a million of them are far from overflow.
WEIGHT = 2.0**20


class SavedMemory:
    """The open file of a saved memory."""

    def __init__(self, file: ArrayFile, form: str) -> None:
        self._file = file
        header = parse_json(file.text("header"), f"{file.name}: header", file.remedy)
        self._header: Mapping[str, Any] = {"format": header}
        if isinstance(header, dict):
            self._header = cast("dict[str, Any]", header)
        if (found := self._header.get("format")) != form:
            raise self.error(f"holds {shown(found)}, this version reads {form!r}")

    def error(self, what: str) -> FileError:
        """Return a FileError that names the file and says what to give instead."""
        return self._file.error(what)

    def value(self, name: str, kind: type, low: int = 0, high: int = 0, default: Any = None) -> Any:
        """Return an entry of the header: of this type, and for integers from ``low`` to ``high``."""
        value = self._header.get(name, default)
        if type(value) is not kind or (kind is int and not low <= value <= high):
            limits = f" from {low} to {high}" if kind is int else ""
            raise self.error(f"header: {name} is {shown(value)}, expected {kind.__name__}{limits}")
        return value

    @cached_property
    def config(self) -> KWinnerConfig:
        """The sizes of a K-winner memory; those of the arrays are compared with them when they are read."""
        given = self.value("config", dict)
        try:
            config = KWinnerConfig(**given)
        except (TypeError, InputError) as error:
            raise self.error(f"header: config: {one_line(error)}") from None
        limit = max(_VISIBLE, _VISIBLE_PER_SYNAPSE * config.synapses)
        if config.visible > limit:
            raise self.error(f"header: config: visible = {config.visible}, the limit for its synapses is {limit}")
        return config

    def limit_sizes(self, parameters: Mapping[str, Any]) -> None:
        """Refuse whole numbers that no memory of this file's size has, before any memory is taken for them."""
        limit = max(_VISIBLE, _VISIBLE_PER_SYNAPSE * sum(h.count for h in self._file.headers.values()))
        for name, value in parameters.items():
            if isinstance(value, int) and abs(value) > limit:
                raise self.error(f"header: parameters: {shown(name)} = {value}, the limit for its arrays is {limit}")

    def require(self, name: str, kinds: str, shape: tuple[int | None, ...]) -> None:
        """Compare what an array declares with what it must be; see :meth:`snmem.io.arrays.ArrayFile.require`."""
        self._file.require(name, kinds, shape)

    def numbers(self, name: str, kinds: str, shape: tuple[int | None, ...], low: float, high: float) -> NDArray[Any]:
        """Return an array of the given kinds and shape whose values lie in [low, high] (so that none is NaN)."""
        array = np.ascontiguousarray(self._file.read(name, kinds, shape))
        if kinds == "f":
            with np.errstate(over="ignore"):
                array = array.astype(np.float64, copy=False)
        if not ((array >= low) & (array <= high)).all():
            raise self.error(f"array {name!r}: holds values outside {low:g} .. {high:g}")
        return array

    def matrix(self, name: str, shape: tuple[int, int]) -> sp.csr_array:
        """Return the CSR matrix in the arrays ``<name>_data``, ``<name>_indices`` and ``<name>_indptr``."""
        rows, columns = shape
        data = self.numbers(f"{name}_data", "f", (None,), -WEIGHT, WEIGHT)
        indices = self.numbers(f"{name}_indices", "iu", data.shape, 0, columns - 1)
        bounds = self.numbers(f"{name}_indptr", "iu", (rows + 1,), 0, len(data)).astype(np.int64)
        if bounds[0] != 0 or bounds[-1] != len(data) or (np.diff(bounds) < 0).any():
            raise self.error(f"array '{name}_indptr': must rise from 0 to {len(data)}")
        rising = np.diff(indices.astype(np.int64), prepend=-1) > 0
        rising[bounds[:-1][np.diff(bounds) > 0]] = True  # a row begins anew
        if not rising.all():
            raise self.error(f"array '{name}_indices': must rise within each row")
        matrix = sp.csr_array((data, indices.astype(np.int32), bounds.astype(np.int32)), shape=shape)
        matrix.check_format(full_check=True)
        return matrix


@contextmanager
def open_saved(path: str | os.PathLike[str], form: str, owner: str) -> Generator[SavedMemory]:
    """Open a saved memory.

    Parameters
    ----------
    path : path
        The file.
    form : str
        Format that its header must name.
    owner : str
        Class that writes such files.

    Raises
    ------
    FileError
        If the file is missing, damaged, or of another kind; while it is open, if anything in it is out of range.
    """
    with open_arrays(path, f"give a file written by {owner}.save") as file:
        yield SavedMemory(file, form)


def same_synapses(forward: sp.csr_array, back: sp.csr_array) -> bool:
    """Whether two CSR matrices, (a, b) and (b, a), connect the same pairs of units."""
    turned: Any = back.T.tocsr().sorted_indices()
    return np.array_equal(forward.indptr, turned.indptr) and np.array_equal(forward.indices, turned.indices)


def check_weights(matrix: Any, shape: tuple[int, int], name: str) -> sp.csr_array:
    """Return a sparse matrix as valid CSR of finite float64; InputError names what compiled code could not rely on."""
    found = getattr(matrix, "shape", type(matrix).__name__)
    if (sp.issparse(matrix), found) != (True, shape):
        raise InputError(f"{name}: expected a scipy.sparse array of shape {shape}, got {found}")
    try:
        if hasattr(matrix, "check_format"):
            matrix.check_format(full_check=True)
        checked: Any = sp.csr_array(matrix, dtype=np.float64)
        checked.check_format(full_check=True)
    except (ValueError, TypeError) as error:
        raise InputError(f"{name}: is no valid sparse array of numbers ({error}); build it again") from None
    if not (np.abs(checked.data) <= WEIGHT).all():
        raise InputError(f"{name}: holds weights that are not finite or beyond {WEIGHT:g}; scale them")
    return checked
