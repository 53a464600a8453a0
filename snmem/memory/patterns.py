"""The one check of binary patterns that all memories, levels and encoders share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import ArrayLike, NDArray

from ..errors import InputError

#: What memories take as patterns and cues: dense or sparse rows of 0 and 1.
Patterns = ArrayLike | sp.csr_array


@dataclass(frozen=True)
class ActiveUnits:
    """Checked patterns as the units that are 1.

    Attributes
    ----------
    units : int64 (ones,)
        Active units of all patterns, row after row, in increasing order within each.
    bounds : int64 (n + 1,)
        Where each row begins and ends in ``units``.
    visible : int
        Size of a pattern.
    single : bool
        One pattern was given as a vector instead of rows.
    sparse : bool
        They were given as a sparse array.
    """

    units: NDArray[np.int64]
    bounds: NDArray[np.int64]
    visible: int
    single: bool
    sparse: bool

    def __len__(self) -> int:
        return len(self.bounds) - 1

    def rows(self, dtype: Any = bool) -> NDArray[Any]:
        """Return the patterns as an array (n, visible) of 0 and 1."""
        out = np.zeros((len(self), self.visible), dtype)
        out[np.repeat(np.arange(len(self)), np.diff(self.bounds)), self.units] = 1
        return out


def active_units(
    patterns: Any,
    visible: int,
    name: str,
    *,
    exactly: int | None = None,
    at_least: int = 0,
    width: str = "visible",
) -> ActiveUnits:
    """Check patterns and return their active units.

    Parameters
    ----------
    patterns : array (n, visible) or (visible,)
        Numbers or booleans, all 0 or 1; or a scipy.sparse array or matrix of any format, whose rows cost nothing for
        their zeros. An empty list is no pattern.
    visible : int
        Size of a pattern.
    name : str
        What they are; begins every message.
    exactly : int or None
        Ones that every row must have.
    at_least : int
        Ones that every row must have at least.
    width : str
        What ``visible`` is called in messages.

    Raises
    ------
    InputError
        For another shape or kind of data, values other than 0 and 1, or another number of ones.
    """
    units, bounds, single = (_of_sparse if sp.issparse(patterns) else _of_dense)(patterns, visible, name, width)
    ones = np.diff(bounds)
    wrong = np.flatnonzero(ones < at_least if exactly is None else ones != exactly)
    if wrong.size:
        expected = f"at least {at_least}" if exactly is None else f"exactly active = {exactly}"
        remedy = "use an encoder of snmem.encode or another number of active units"
        raise InputError(f"{name}: row {wrong[0]} has {ones[wrong[0]]} ones, expected {expected}; {remedy}")
    return ActiveUnits(units, bounds, visible, single, sp.issparse(patterns))


def _of_dense(patterns: Any, visible: int, name: str, width: str) -> tuple[NDArray[Any], NDArray[Any], bool]:
    try:
        array = np.asarray(patterns)
    except ValueError:  # rows of different lengths
        raise InputError(f"{name}: rows differ in length; expected shape (n, {width} = {visible})") from None
    single = array.ndim == 1 and array.size > 0
    array = np.zeros((0, visible), bool) if array.shape == (0,) else array
    _check_shape(array.shape, visible, name, width)
    array = np.atleast_2d(array)
    if array.dtype != bool:
        if array.dtype.kind not in "iuf" or not ((array == 0) | (array == 1)).all():
            raise _not_binary(name, array.dtype)
        array = array.astype(bool)
    flat = np.flatnonzero(array)
    return flat % visible, np.searchsorted(flat, np.arange(len(array) + 1) * visible), single


def _of_sparse(patterns: Any, visible: int, name: str, width: str) -> tuple[NDArray[Any], NDArray[Any], bool]:
    single = patterns.ndim == 1
    _check_shape(patterns.shape, visible, name, width)
    try:
        if hasattr(patterns, "check_format"):  # compiled code of scipy relies on it
            patterns.check_format(full_check=True)
        array: Any = sp.csr_array(patterns.reshape(1, -1) if single else patterns)
        array.check_format(full_check=True)
    except ValueError as error:
        raise InputError(f"{name}: is no valid sparse array ({error}); build it again") from None
    if not array.has_canonical_format or not array.data.all():
        array = array.copy()
        array.sum_duplicates()
        array.eliminate_zeros()
    if array.dtype.kind not in "biuf" or not (array.data == 1).all():
        raise _not_binary(name, array.dtype)
    return array.indices.astype(np.int64), array.indptr.astype(np.int64), single


def _check_shape(shape: tuple[int, ...], visible: int, name: str, width: str) -> None:
    if not 1 <= len(shape) <= 2 or shape[-1] != visible:
        raise InputError(f"{name}: expected shape (n, {width} = {visible}), got {shape}")


def _not_binary(name: str, dtype: Any) -> InputError:
    return InputError(f"{name}: holds values other than 0 and 1 (dtype {dtype}); use an encoder of snmem.encode")
