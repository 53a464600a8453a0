"""What every encoder offers, and the checks they share."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..description import is_whole
from ..errors import InputError
from ..memory.patterns import active_units
from ..registry import Registry


def k_hot(values: NDArray[np.floating], active: int) -> NDArray[np.bool_]:
    """Return booleans (n, size) that are True at the ``active`` largest of each row of ``values``."""
    out = np.zeros(values.shape, bool)
    np.put_along_axis(out, np.argpartition(-values, active - 1, axis=1)[:, :active], True, axis=1)
    return out


#: Encoders by the kind of data that they take; a file that defines one registers it here.
ENCODERS: Registry[type[Encoder]] = Registry(
    "kind of data", ("snmem.encode.images", "snmem.encode.text", "snmem.encode.vectors")
)


class Encoder(ABC):
    """Items of one kind to k-hot patterns and back.

    Parameters
    ----------
    size
        Bits of a pattern (the memory's ``visible``).
    active
        Ones of a pattern, at most ``size``.

    Raises
    ------
    InputError
        If ``size`` or ``active`` is not a whole number with 1 <= active <= size.
    """

    def __init__(self, size: int, active: int) -> None:
        for name, value in (("size", size), ("active", active)):
            if not is_whole(value) or value < 1:
                raise InputError(f"{type(self).__name__}.{name}: must be a whole number, at least 1, got {value!r}")
        if active > size:
            limit = f"must be at most size = {size}, got {active}"
            raise InputError(f"{type(self).__name__}.active: {limit}; lower active or raise size")
        self.size, self.active = int(size), int(active)

    @abstractmethod
    def fit(self, items: Any) -> Self:
        """Take in the statistics of ``items`` that encoding and decoding need; return the encoder."""

    @abstractmethod
    def encode(self, items: Any) -> NDArray[np.bool_]:
        """Return the patterns of ``items``, shape (n, size), exactly ``active`` ones in each row."""

    @abstractmethod
    def decode(self, patterns: ArrayLike) -> Any:
        """Return the items that ``patterns`` (n, size) stand for, as well as they can be told."""

    def _check_patterns(self, patterns: ArrayLike) -> NDArray[np.bool_]:
        return active_units(patterns, self.size, "patterns", width="size").rows()

    def _not_fitted(self) -> InputError:
        name = type(self).__name__
        return InputError(f"{name}: not fitted to any data yet; call {name}.fit(items) first")


def real_array(values: ArrayLike, name: str, axes: str) -> NDArray[np.float64]:
    """Return ``values`` as finite float64 with the named axes, e.g. ``axes="n, height, width"``.

    Raises
    ------
    InputError
        For non-numeric or complex values, another number of axes, an empty array, NaN or infinity.
    """
    array = np.asarray(values)
    rank = axes.count(",") + 1
    if array.dtype.kind not in "biuf":
        raise InputError(f"{name}: expected real numbers, got dtype {array.dtype}; convert the data to numbers")
    if array.ndim != rank:
        raise InputError(f"{name}: expected {rank} axes ({axes}), got shape {array.shape}; reshape the data")
    if array.size == 0:
        raise InputError(f"{name}: is empty (shape {array.shape}); give at least one item")
    finite = np.isfinite(array)
    if not finite.all():
        place = tuple(int(i) for i in np.argwhere(~finite)[0])
        count = int(array.size - finite.sum())
        raise InputError(f"{name}: {count} value(s) are NaN or infinite, the first at {place}; remove or replace them")
    return array.astype(np.float64)
