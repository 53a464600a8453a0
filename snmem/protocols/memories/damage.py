"""Damage to any memory: what it has stored is lost in part, rounded, or drifts."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...errors import InputError
from ...memory import KWinnerMemory, PatternMemory, SpikingKWinnerMemory

#: From an array and the units that its elements belong to (None where they belong to none) to what it becomes.
Change = Callable[[NDArray[Any], Any], NDArray[Any]]


def changed(memory: Any, change: Change) -> Any:
    """Return a copy of a memory in which every array that it has learned is another.

    Parameters
    ----------
    memory : Memory
        Stays as it is.
    change : function
        From an array, and the unit of each element (its index on the first axis, in a shape that broadcasts; None for
        vectors), to an array of the same shape. What it returns is brought back to the kind and the range of the array.
        A memory without synapses of units with themselves stays one.

    Raises
    ------
    InputError
        For a memory that does not say what it stores.
    """
    if isinstance(memory, SpikingKWinnerMemory):
        forward, back = memory.forward_weights.copy(), memory.return_weights.copy()
        forward.data = _within(change(forward.data, _rows(forward)), forward.data)
        back.data = _within(change(back.data, back.indices), back.data)  # the hidden unit is the presynaptic one
        return memory.with_weights(forward, back)
    other = deepcopy(memory)
    if isinstance(memory, KWinnerMemory):
        for name in ("_forward", "_back"):
            if (array := getattr(other, name)).size:
                setattr(other, name, _within(change(array, None), array))
        return other
    if not isinstance(memory, PatternMemory):
        raise InputError(f"{type(memory).__name__}: does not say what it stores; derive it from PatternMemory")
    for name, stored in memory.arrays.items():
        value: Any = getattr(other, name)
        if stored.kinds == "csr":
            value.data = _within(change(value.data, _rows(value)), value.data)
        elif np.ndim(value) and np.size(value):
            units = np.arange(len(value)).reshape(-1, *[1] * (value.ndim - 1)) if value.ndim > 1 else None
            setattr(other, name, _within(change(value, units), value))
    other._restored()
    return other


def _rows(matrix: Any) -> NDArray[np.int64]:
    """The row of every element of a CSR matrix."""
    return np.repeat(np.arange(matrix.shape[0]), np.diff(matrix.indptr))


def _within(new: NDArray[Any], old: NDArray[Any]) -> NDArray[Any]:
    """``new`` in the type and the range of ``old`` (and 0), with its empty diagonal if it has one."""
    if not old.size:
        return old
    out = np.clip(np.asarray(new, float), min(float(old.min()), 0.0), max(float(old.max()), 0.0))
    if old.dtype.kind in "biu" or is_binary(old):
        out = np.floor(out + 0.5)
    if old.ndim == 2 and old.shape[0] == old.shape[1] and not old.diagonal().any():
        np.fill_diagonal(out, 0)
    return out.astype(old.dtype)


def is_binary(array: NDArray[Any]) -> bool:
    """Whether an array holds nothing but 0 and 1."""
    return bool(((array == 0) | (array == 1)).all())


def dead_synapses(memory: Any, share: float, seed: int) -> Any:
    """Of everything that is stored a random share is 0."""
    rng = np.random.default_rng(seed)
    return changed(memory, lambda array, _: np.where(rng.random(array.shape) < share, 0, array))


def dead_neurons(memory: Any, share: float, seed: int) -> Any:
    """A random share of the units that hold what is stored have lost it: hidden units, slots, or visible units.

    A memory with a method ``lesioned(neurons=..., seed=...)`` says itself what that is; else it is the first axis of
    its arrays. Arrays of equally many units lose the same ones.
    """
    if hasattr(memory, "lesioned"):
        return memory.lesioned(neurons=share, seed=seed)

    def change(array: NDArray[Any], units: Any) -> NDArray[Any]:
        if units is None or not array.size:
            return array
        dead = np.random.default_rng(seed).random(int(units.max()) + 1) < share
        return np.where(dead[units], 0, array)

    return changed(memory, change)


def rounded(memory: Any, bits: int) -> Any:
    """Everything stored takes one of 2**bits values from the least to the largest there is."""

    def change(array: NDArray[Any], _: Any) -> NDArray[Any]:
        if not array.size or float(array.max()) == float(array.min()):
            return array
        low = float(array.min())
        step = (float(array.max()) - low) / (2**bits - 1)
        return low + np.rint((array - low) / step) * step

    return changed(memory, change)


def drifted(memory: Any, sd: float, seed: int) -> Any:
    """Everything stored has Gaussian noise of so many times its range; of two values the nearer counts."""
    rng = np.random.default_rng(seed)

    def change(array: NDArray[Any], _: Any) -> NDArray[Any]:
        span = float(array.max()) - float(array.min()) if array.size else 0.0
        return array + rng.normal(0.0, 1.0, array.shape) * sd * span

    return changed(memory, change)
