"""Sizes of an attention layer by fast weights, and the checks of what goes in."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .._text import shown
from ..description import is_whole
from ..errors import InputError


@dataclass(frozen=True)
class AttentionConfig:
    r"""An attention layer on binary keys and values.

    Parameters
    ----------
    keys
        Number of key (and query) neurons.
    values
        Number of value (and output) neurons.
    hidden
        Hidden units; an item takes one. With k > 1 up to hidden - k + 1 items fit.
    k
        Hidden units that win a query. An output neuron spikes if more than ``share`` k of the winners vote for it.
    active
        Largest number of spikes of a key; sets the range of the search for the winners.
    novelty
        An unused unit starts with a drive of ``novelty * active``: it beats keys that share less than this share of
        their spikes with the new one. Above 1, every item takes an unused unit as long as there is one.
    levels
        This drive falls with the number of the unit from up to a quarter of ``active`` more, in ``levels`` steps, so
        that units are taken in order and few win together.    0: no such drive; the caller must provide one (the input
        projection of the MHN-transformers).
    share
        Share of the k winners that an output needs.
    write_all
        An item is written to all k winners, not to the first of them only. Units in order (``levels``) tell k of them
        apart only if ``levels = hidden``.
    dead
        Hidden units whose votes never arrive (a lesion).

    Raises
    ------
    InputError
        For sizes out of range.
    """

    keys: int
    values: int
    hidden: int
    k: int = 1
    active: int = 16
    novelty: float = 0.5
    levels: int = 8
    share: float = 0.5
    write_all: bool = False
    dead: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        for name in ("keys", "values", "hidden", "k", "active"):
            value = getattr(self, name)
            if not is_whole(value) or value < 1:
                raise InputError(f"AttentionConfig.{name}: must be a whole number >= 1, got {value!r}")
        if self.k > self.hidden:
            raise InputError(f"AttentionConfig.k: {self.k} winners of {self.hidden} hidden units; use k <= hidden")
        if self.active > self.keys:
            raise InputError(f"AttentionConfig.active: {self.active} spikes of {self.keys} keys; use active <= keys")
        if self.levels < 0:
            raise InputError(f"AttentionConfig.levels: must not be negative, got {self.levels}")
        if not (np.isfinite(self.novelty) and self.novelty > 0):
            raise InputError(f"AttentionConfig.novelty: must be a positive number, got {self.novelty}")
        if not 0 <= self.share < 1:
            raise InputError(f"AttentionConfig.share: must lie in [0, 1), got {self.share}")
        write_all: Any = self.write_all
        if not isinstance(write_all, (bool, np.bool_)):
            raise InputError(f"AttentionConfig.write_all: must be True or False, got {self.write_all!r}")
        object.__setattr__(self, "dead", self._units(self.dead))

    def _units(self, given: Any) -> tuple[int, ...]:
        """Hidden units named by the user, ascending."""
        listed = isinstance(given, (tuple, list, range, np.ndarray))
        units = cast("Sequence[Any]", given if listed else (None,))
        for unit in units:
            if not is_whole(unit) or not 0 <= unit < self.hidden:
                raise InputError(f"AttentionConfig.dead: needs units from 0 to {self.hidden - 1}, got {shown(given)}")
        return tuple(sorted({int(unit) for unit in units}))

    @property
    def span(self) -> float:
        """Range of the k-WTA search: a power of two above every drive."""
        return 2.0 ** math.ceil(math.log2(max(self.active, self.unused_drive.max()) + 1))

    @property
    def quantum(self) -> float:
        """Drives are multiples of this power of two: 1, or less for the levels of the unused units."""
        return 1.0 if self.levels < 2 else min(1.0, 2.0 ** math.floor(math.log2(self.active / 4 / (self.levels - 1))))

    @property
    def bits(self) -> int:
        """Probes of the k-WTA circuit: it tells drives apart that differ by one quantum."""
        return round(math.log2(self.span / self.quantum))

    @property
    def unused_drive(self) -> NDArray[np.float64]:
        """Drive of each unit while it is unused, (hidden,)."""
        if not self.levels:
            return np.zeros(self.hidden)
        level = np.arange(self.hidden)[::-1] * self.levels // self.hidden
        return np.floor(self.novelty * self.active) + level * self.quantum

    @property
    def capacity(self) -> int:
        """Items that fit before old ones are overwritten."""
        return self.hidden // self.k if self.write_all else self.hidden - self.k + 1

    @property
    def state_bits(self) -> int:
        """Bits that the fast weights hold: keys, values, and whether a unit is used."""
        return self.hidden * (self.keys + self.values + (self.levels > 0))

    def check(self, array: Any, what: str, size: int) -> NDArray[np.bool_]:
        """Return 0/1 rows (n, size) as booleans; InputError names what is wrong with them."""
        rows = np.asarray(array)
        if rows.ndim != 2 or rows.shape[1] != size:
            raise InputError(f"{what}: expected shape (n, {size}), got {rows.shape}")
        if rows.dtype != bool and not np.isin(rows, (0, 1)).all():
            raise InputError(f"{what}: must hold 0 and 1 only, one for each spike")
        return rows.astype(bool)

    def check_keys(self, array: ArrayLike, what: str) -> NDArray[np.bool_]:
        """As :meth:`check`, and every key spikes 1 to ``active`` times."""
        rows = self.check(array, what, self.keys)
        ones = rows.sum(1)
        wrong = np.flatnonzero((ones < 1) | (ones > self.active))
        if wrong.size:
            raise InputError(
                f"{what}: row {wrong[0]} has {ones[wrong[0]]} spikes; a key has 1 to active = {self.active} of them"
            )
        return rows

    def check_items(self, keys: ArrayLike, values: ArrayLike) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        """Keys and values of a context, checked; at least one item."""
        if np.shape(keys)[:1] == (0,):
            raise InputError("context: is empty; give at least one item (a key and a value)")
        rows, contents = self.check_keys(keys, "keys"), self.check(values, "values", self.values)
        if len(rows) != len(contents):
            raise InputError(f"context: {len(rows)} keys but {len(contents)} values; give one value for each key")
        return rows, contents

    def check_query(self, items: int) -> None:
        """Raise InputError for a query before any item, and for k above the number of items."""
        if items == 0:
            raise InputError("query: no item was written yet; write a context first")
        if self.k > items and not self.write_all:
            raise InputError(f"query: k = {self.k} winners, but the context holds {items} items; use k <= {items}")
