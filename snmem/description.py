"""What networks, neurons and rules have in common: checked values that nobody can change afterwards, and their copies.

A description owns its arrays. What a caller hands over is copied, so that a later change of the caller's array reaches
no network, and no caller's array is reordered or made read-only.
"""

from __future__ import annotations

import operator
from collections.abc import Collection
from copy import deepcopy
from dataclasses import fields
from html import escape
from math import prod
from typing import Any, ClassVar, NoReturn, Self
from weakref import WeakValueDictionary

import numpy as np
import scipy.sparse as sp

from ._sums import overflow
from ._text import one_line, shortened, shown, visible
from .errors import NetworkError, SnmemError

#: Weight types that are kept; whole numbers of other types become float64, float16 becomes float32.
WEIGHT_TYPES = tuple(map(np.dtype, ("float64", "float32", "int8", "int16", "int32")))
#: Neurons are counted in 32 bits.
_MOST_NEURONS = 2**31
_PARTS = ("data", "indices", "indptr")


#: The frozen arrays there are, by their id.
_FROZEN: WeakValueDictionary[int, np.ndarray[Any, Any]] = WeakValueDictionary()


def frozen(array: Any, own: bool = False) -> np.ndarray[Any, Any]:
    """``array`` as a read-only array whose memory nobody else can write to.

    Parameters
    ----------
    array
        Array, copied unless it is frozen already.
    own
        True if nobody else refers to the array; then its memory is taken over.
    """
    if _FROZEN.get(id(array)) is array:
        return array
    memory = array if own and type(array) is np.ndarray and array.flags.owndata else np.array(array, subok=False)
    memory.setflags(write=False)
    view = memory.view()
    _FROZEN[id(view)] = view
    return view


class Weights(sp.csr_array):
    """A CSR matrix that refuses every change once it belongs to a projection; results of arithmetic are free again.

    Several entries of one place are synapses with different delays: they stay apart where scipy would add them up.

    rows : first and end of those that are here (:func:`snmem.topology.own_rows`); None: all.
    drawn : what all rows follow from, where only some are here; None: all.
    """

    _locked = False
    rows: tuple[int, int] | None = None
    drawn: Any = None

    def _refuse(self) -> NoReturn:
        raise NetworkError("weights of a projection cannot be changed; change a copy and use Network.with_weights")

    def __setattr__(self, name: str, value: Any) -> None:
        if self._locked and name in (*_PARTS, "_shape"):
            self._refuse()
        super().__setattr__(name, value)

    def __setitem__(self, key: Any, value: Any) -> None:
        if self._locked:
            self._refuse()
        super().__setitem__(key, value)

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in self.__dict__.items() if name != "_locked"}

    def sum_duplicates(self) -> None:
        """Add up entries of one place, unless they are synapses of a projection."""
        if not self._locked:
            super().sum_duplicates()

    def add_up(self, owner: str) -> None:
        """Add up entries of one place; NetworkError if a sum of whole numbers does not fit their type."""
        if self.dtype.kind == "i" and not self.has_canonical_format and (most := overflow(self)) is not None:
            raise NetworkError(
                f"{owner}: weights of one pair of neurons add up to {most:,}, which {self.dtype} does not hold; give "
                "weights of a wider type"
            )
        self.sum_duplicates()

    def astype(self, dtype: Any, casting: Any = "unsafe", copy: bool = True) -> Weights:
        """Every entry in another type."""
        return self._entries(self.data.astype(dtype, casting=casting, copy=True))

    def __abs__(self) -> Weights:
        return self._entries(abs(self.data))

    def _entries(self, data: Any) -> Weights:
        return type(self)((data, self.indices.copy(), self.indptr.copy()), shape=self.shape)

    @property
    def locked(self) -> bool:
        """Whether the matrix belongs to a projection and refuses changes."""
        return self._locked

    def lock(self, shared: Collection[str] = ()) -> Weights:
        """Freeze the arrays, copying those that others refer to, and refuse changes from now on; returns itself."""
        if not self._locked:
            for name in _PARTS:
                setattr(self, name, frozen(getattr(self, name), own=name not in shared))
            self._locked = True
        return self


def weight_matrix(owner: str, weights: Any, keep_duplicates: bool = False) -> Weights:
    """``weights`` as a locked CSR matrix of its own.

    Parameters
    ----------
    owner
        What messages begin with.
    weights
        Array or sparse matrix.
    keep_duplicates
        True for a CSR matrix in order whose entries of one place are synapses of their own, with different delays.

    Raises
    ------
    NetworkError
        For what is no matrix of finite real numbers, or holds numbers that float64 does not.
    """
    if isinstance(weights, Weights) and weights._locked:
        return weights
    matrix = _from_sparse(owner, weights) if sp.issparse(weights) else _from_dense(owner, weights)
    if matrix.dtype not in WEIGHT_TYPES:
        matrix = _as_float64(owner, matrix)
    shared = _shared(matrix, weights) if sp.issparse(weights) else set()
    if not keep_duplicates and not matrix.has_canonical_format:
        for name in shared:
            setattr(matrix, name, getattr(matrix, name).copy())
        shared = set()
        matrix.add_up(owner)
    if not np.isfinite(matrix.data).all():
        raise NetworkError(f"{owner}: weights hold NaN or infinity; give finite weights")
    return matrix.lock(shared)


def same_matrix(a: Any, b: Any) -> bool:
    """Whether two CSR matrices, or convolutions, have the same shape, synapses and weights."""
    if not isinstance(a, sp.csr_array) or not isinstance(b, sp.csr_array):
        return bool(a == b)
    return same_pattern(a, b) and np.array_equal(a.data, b.data)


def same_pattern(a: Any, b: Any) -> bool:
    """Whether two CSR matrices have the same shape and synapses."""
    return a.shape == b.shape and all(np.array_equal(getattr(a, name), getattr(b, name)) for name in _PARTS[:0:-1])


def _shared(matrix: Weights, weights: Any) -> set[str]:
    """Names of the arrays of ``matrix`` that may share memory with an array of ``weights``."""
    theirs = [value for value in vars(weights).values() if isinstance(value, np.ndarray)]
    return {name for name in _PARTS if any(np.may_share_memory(getattr(matrix, name), array) for array in theirs)}


def _check_kind(owner: str, matrix: Any) -> None:
    if matrix.dtype.kind not in "fiub":
        raise NetworkError(f"{owner}: weights must be real numbers, got dtype {matrix.dtype}; convert them to float64")
    if matrix.ndim != 2:
        raise NetworkError(f"{owner}: weights must be a number matrix (post, pre), got shape {matrix.shape}")


def _from_dense(owner: str, weights: Any) -> Weights:
    if isinstance(weights, np.ma.MaskedArray):
        raise NetworkError(f"{owner}: weights are a masked array; fill it first (numpy.ma.filled)")
    try:
        dense = np.asarray(weights)
    except (TypeError, ValueError, RuntimeError) as error:  # ragged lists; tensors that carry a gradient
        raise NetworkError(f"{owner}: weights must be a number matrix (post, pre): {one_line(error)}") from None
    _check_kind(owner, dense)
    dense = dense.astype(np.float32) if dense.dtype == np.float16 else dense
    there, kind = dense != 0, np.int32 if dense.size < 2**31 else np.int64
    ends = np.cumsum(np.count_nonzero(there, axis=1), dtype=kind)
    columns = np.broadcast_to(np.arange(dense.shape[1], dtype=kind), dense.shape)[there]
    matrix = Weights((dense[there], columns, np.concatenate([np.zeros(1, kind), ends])), shape=dense.shape)
    matrix.has_canonical_format = True  # by rows and columns, each once
    return matrix


def _from_sparse(owner: str, weights: Any) -> Weights:
    """As CSR, with indices that lie inside; it may share memory with ``weights``."""
    _check_kind(owner, weights)
    source = weights
    if weights.format in ("csr", "csc", "bsr"):
        source = type(weights)(weights)  # check_format tidies up what it checks
        try:
            source.check_format(full_check=True)
        except (ValueError, IndexError) as error:
            raise NetworkError(f"{owner}: weights are a damaged sparse matrix: {one_line(error)}") from None
    return Weights(source.tocsr())


def _as_float64(owner: str, matrix: Weights) -> Weights:
    cast: Any = matrix.astype(np.float64)
    with np.errstate(all="ignore"):
        if matrix.dtype.itemsize >= 8 and (cast.data.astype(matrix.dtype) != matrix.data).any():
            raise NetworkError(f"{owner}: weights hold {matrix.dtype} numbers that float64 does not; round them first")
    return cast


def is_whole(value: Any) -> bool:
    """Whether ``value`` is a whole number of Python or numpy; True and False are none."""
    return isinstance(value, (int, np.integer)) and not isinstance(value, bool)


def whole(what: str, value: Any, low: int, high: int | None = None) -> int:
    """``value`` as a Python int within low..high; NetworkError says that ``what`` must be one."""
    try:
        number = operator.index(value)
    except TypeError:
        number = None
    if number is None or number < low or (high is not None and number > high):
        limits = f">= {low}" if high is None else f"in {low}..{high}"
        raise NetworkError(f"{what} must be a whole number {limits}, got {shown(value)}")
    return number


def entries(value: Any, times: int = 1) -> tuple[Any, ...]:
    """What a tuple, list or vector holds, or so many times the value alone."""
    many = isinstance(value, (tuple, list)) or (isinstance(value, np.ndarray) and value.ndim > 0)
    return tuple(value) if many else (value,) * times


def shape_of(owner: str, shape: Any) -> tuple[int, ...]:
    """A size or shape as a tuple of ints; NetworkError unless they are positive whole numbers."""
    given = entries(shape)
    if not given or any(not is_whole(n) or n < 1 for n in given):
        raise NetworkError(f"{owner}: size must be a positive whole number or a tuple of them, got {shown(shape)}")
    if prod(map(int, given)) >= _MOST_NEURONS:
        raise NetworkError(f"{owner}: size {shown(shape)} is over the limit of {_MOST_NEURONS - 1:,}; divide it")
    return tuple(map(int, given))


def row_numbers(matrix: Any) -> np.ndarray[Any, np.dtype[np.int64]]:
    """Row of every entry of a CSR matrix, in the order of its data."""
    return np.repeat(np.arange(matrix.shape[0], dtype=np.int64), np.diff(matrix.indptr))


def check_whole(owner: str, weights: Any, low: int, high: int) -> None:
    """NetworkError unless weights are whole numbers within Loihi's ``low`` .. ``high``."""
    bad = (weights < low) | (weights > high) | (weights != np.floor(weights))
    if bad.any():
        raise NetworkError(
            f"{owner}: Loihi weights are whole numbers in {low}..{high}, got {weights[bad][0]:g}; use snmem.quantize"
        )


def flag(what: str, value: Any, error: type[SnmemError] = NetworkError) -> bool:
    """``value`` as a bool; ``error`` says that ``what`` must be True or False."""
    if not isinstance(value, (bool, np.bool_)):
        raise error(f"{what} must be True or False, got {shown(value)}")
    return bool(value)


def option(what: str, value: Any, known: Collection[str], error: type[SnmemError] = NetworkError) -> str:
    """``value``; ``error`` unless it is one of the ``known`` texts."""
    if not isinstance(value, str) or value not in known:
        names = " or ".join(map(repr, known)) if len(known) == 2 else f"one of {', '.join(known)}"
        raise error(f"{what} must be {names}, got {shown(value)}")
    return value


def number(owner: str, value: Any) -> float:
    """``value`` as a Python float, never -0.0; NetworkError for anything but one real number."""
    array = real_array(value)
    if array is None or array.ndim:
        raise NetworkError(f"{owner}: must be a number, got {shown(value)}")
    return float(array) + 0.0


def real_array(value: Any) -> np.ndarray[Any, Any] | None:
    """``value`` as an array of real numbers, or None where it is none (text, complex, ragged, masked, objects)."""
    try:
        array = np.asarray(value)
    except (TypeError, ValueError, RuntimeError):  # the last: a tensor that carries a gradient
        return None
    return None if array.dtype.kind not in "fiub" or isinstance(value, np.ma.MaskedArray) else array


def name_of(value: Any) -> Any:
    """The name of a population or projection that is given as an object; any other value stays."""
    return value if isinstance(value, str) else getattr(value, "name", value)


#: Rows that a summary shows, and characters of a value in it.
_ROWS, _WIDTH = 8, 72


class Summary:
    """A repr of a few lines, and the same as a table in notebooks."""

    def _summary(self) -> tuple[str, list[tuple[str, str]]]:
        """A title, and rows of a name and what it has."""
        raise NotImplementedError

    def _lines(self) -> tuple[str, list[tuple[str, str]], int]:
        title, rows = self._summary()
        lines = [(shortened(visible(a), _WIDTH // 2), shortened(visible(b), _WIDTH)) for a, b in rows[:_ROWS]]
        return shortened(visible(title), 2 * _WIDTH), lines, max(len(rows) - _ROWS, 0)

    def __repr__(self) -> str:
        title, rows, more = self._lines()
        wide = max((len(name) for name, _ in rows), default=0)
        lines = [f"  {name:{wide}}  {text}" for name, text in rows]
        return "\n".join([title, *lines, *([f"  ... {more} more"] if more else [])])

    def _repr_html_(self) -> str:
        title, rows, more = self._lines()
        cells = "".join(f"<tr><td>{escape(name)}</td><td>{escape(text)}</td></tr>" for name, text in rows)
        return f"<div>{escape(title)}<table>{cells}</table>{f'... {more} more' if more else ''}</div>"


def _fields_shown(self: Any) -> str:
    """As the repr of a dataclass, with arrays in a few words, and without :attr:`Description.later` fields unused."""
    shown_fields = (f"{f.name}={_in_short(getattr(self, f.name))}" for f in fields(self) if f.repr and counts(self, f))
    return f"{type(self).__qualname__}({', '.join(shown_fields)})"


def _in_short(value: Any) -> str:
    if isinstance(value, np.ndarray):
        return f"<{value.size} values in {value.min():g}..{value.max():g}>" if value.size else "<no values>"
    if isinstance(value, sp.csr_array):
        return f"<{value.shape[0]} x {value.shape[1]}, {value.nnz} synapses>"
    return repr(value)


def counts(item: Any, f: Any) -> bool:
    """Whether field ``f`` counts in the digest of ``item``: always, unless it came later and is as by default."""
    return f.name not in getattr(item, "later", ()) or not np.array_equal(getattr(item, f.name), f.default)


class Description:
    """A frozen dataclass whose copies and pickles hold its fields alone, and none of what was computed from them.

    Attributes
    ----------
    later : tuple of str
        Fields that came after digests of networks stood in files: they count in these, and are shown, only where they
        are not as by default.
    """

    later: ClassVar[tuple[str, ...]] = ()

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        if "__repr__" not in cls.__dict__ and Summary not in cls.__mro__:  # before dataclass gives it another one
            cls.__repr__ = _fields_shown

    def __getstate__(self) -> dict[str, Any]:
        return {f.name: getattr(self, f.name) for f in fields(self)}  # type: ignore[arg-type]

    def __setstate__(self, state: dict[str, Any]) -> None:
        for name, value in state.items():
            if isinstance(value, np.ndarray):
                value = frozen(value, own=True)
            elif isinstance(value, Weights):
                value.lock()
            object.__setattr__(self, name, value)


class LearnsInPlace:
    """What learns by changing its arrays: copies share none with it, and unpickled arrays are its own and writable."""

    def __copy__(self) -> Self:
        return deepcopy(self)

    def __setstate__(self, state: dict[str, Any]) -> None:
        for name, value in state.items():
            self.__dict__[name] = np.array(value, subok=False) if isinstance(value, np.ndarray) else value
