"""Damage to any memory: what it has stored is lost in part, rounded, or drifts."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...errors import InputError
from ...memory import KWinnerMemory, PatternMemory, SpikingKWinnerMemory

Change = Callable[[NDArray[Any]], NDArray[Any]]


def changed(memory: Any, change: Change) -> Any:
    """Return a copy of a memory in which every array that it has learned is another.

    Parameters
    ----------
    memory : Memory
        Stays as it is.
    change : function
        From an array to an array of the same shape; what it returns is brought back to the kind and the range of the
        array. A memory without synapses of units with themselves stays one.

    Raises
    ------
    InputError
        For a memory that does not say what it stores.
    """
    if isinstance(memory, SpikingKWinnerMemory):
        weights = [memory.forward_weights.copy(), memory.return_weights.copy()]
        for matrix in weights:
            matrix.data = change(matrix.data)
        return memory.with_weights(*weights)
    other = deepcopy(memory)
    if isinstance(memory, KWinnerMemory):
        for name in ("_forward", "_back"):
            if (array := getattr(other, name)).size:
                setattr(other, name, np.clip(change(array), 0.0, 1.0))
        return other
    if not isinstance(memory, PatternMemory):
        raise InputError(f"{type(memory).__name__}: does not say what it stores; derive it from PatternMemory")
    for name, stored in memory.arrays.items():
        value: Any = getattr(other, name)
        data = value.data if stored.kinds == "csr" else value
        if np.ndim(value) < 1 or not np.size(data):
            continue
        if stored.kinds == "csr":
            value.data = _within(change(data), data)
        else:
            setattr(other, name, _within(change(data), data))
    other._restored()
    return other


def _within(new: NDArray[Any], old: NDArray[Any]) -> NDArray[Any]:
    """``new`` in the type and the range of ``old``; a matrix without synapses of units with themselves stays one."""
    out = np.clip(np.asarray(new, float), float(old.min()), float(old.max()))
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
    return changed(memory, lambda array: np.where(rng.random(array.shape) < share, 0, array))


def dead_neurons(memory: Any, share: float, seed: int) -> Any:
    """A random share of the units that hold what is stored have lost it: hidden units, slots, or visible units.

    A memory with a method ``lesioned(neurons=...)`` says itself what that is; else it is the first axis of its arrays.
    """
    if hasattr(memory, "lesioned"):
        return memory.lesioned(neurons=share, seed=seed)

    def change(array: NDArray[Any]) -> NDArray[Any]:
        if array.ndim < 2:
            return array
        dead = np.random.default_rng(seed).random(len(array)) < share
        return np.where(dead.reshape(-1, *[1] * (array.ndim - 1)), 0, array)

    return changed(memory, change)


def rounded(memory: Any, bits: int) -> Any:
    """Everything stored takes one of 2**bits values from the least to the largest there is."""

    def change(array: NDArray[Any]) -> NDArray[Any]:
        low, high = float(array.min()), float(array.max())
        step = (high - low) / (2**bits - 1)
        return array if step == 0.0 else low + np.rint((array - low) / step) * step

    return changed(memory, change)


def drifted(memory: Any, sd: float, seed: int) -> Any:
    """Everything stored has Gaussian noise of so many times its range; of two values the nearer counts."""
    rng = np.random.default_rng(seed)

    def change(array: NDArray[Any]) -> NDArray[Any]:
        span = float(array.max()) - float(array.min())
        return array + rng.normal(0.0, 1.0, array.shape) * sd * span

    return changed(memory, change)
