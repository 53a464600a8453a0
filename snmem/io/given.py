"""What users give an input: spikes, events, rasters, and, where the input takes numbers, frames and currents."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from scipy.sparse import issparse

from .._events import NUMBERS, array_of, whole_numbers
from .._text import listed, shown
from ..errors import BackendError, InputError
from ..network import Input
from ..spikes import Spikes

#: Events that a constant becomes, at most: 2.4 GB.
MOST_CONSTANT = 10**8
#: Values of the events of networks in Loihi's integers stay below this.
LOIHI_VALUE = 2**23
_KEYS = ("step", "neuron", "value")


def as_spikes(p: Input, value: Any, steps: int | None) -> Spikes:
    """The spikes of input ``p``.

    Parameters
    ----------
    p : Input
        Where it takes numbers (``values=True``), entries of an array are values, and a number, or one for each line, is
        a constant for all steps.
    value : object
        Spikes, events (step, neuron) or (step, neuron, value), or an array or sparse matrix (steps, lines).
    steps : int or None
        The length of the run, if that is known.

    Raises
    ------
    InputError
        For anything else, and numbers that are not finite.
    """
    owner = f"input {p.name!r}"
    if isinstance(value, Spikes):
        return value
    if isinstance(value, Mapping):
        if set(value) not in ({*_KEYS[:2]}, {*_KEYS}):
            raise InputError(f'{owner}: a dict of events has the keys "step" and "neuron", got {listed(value)}')
        value = tuple(value[key] for key in _KEYS if key in value)
    if isinstance(value, tuple) and len(value) in (2, 3):
        return _from_events(p, value, steps, owner)
    if isinstance(value, list) and len(value) == 2 and np.ndim(value[0]) == np.ndim(value[1]) == 1:
        raise InputError(
            f"{owner}: a list of two lists may be a raster of two steps or events; write numpy.array(...) for the "
            "raster, a tuple (steps, neurons) for events"
        )
    if p.values and not issparse(value):
        value = _frames(p, value, steps, owner)
    if not issparse(value) and np.ndim(value) > 2 and np.shape(value)[1:] == p.shape:
        value = np.reshape(value, (len(value), p.size))
    return Spikes.from_raster(value, name=owner, values=p.values)


def _from_events(p: Input, events: tuple[Any, ...], steps: int | None, owner: str) -> Spikes:
    step = whole_numbers(events[0], f"{owner}: steps")
    length = steps if steps is not None else 1 + max(-1, int(step.max(initial=-1)))
    value = events[2] if len(events) == 3 else np.ones(len(step)) if p.values else None
    return Spikes.from_events(step, events[1], steps=length, size=p.size, name=owner, value=value)


def _frames(p: Input, value: Any, steps: int | None, owner: str) -> Any:
    """``value`` itself, or a constant as an array (steps, lines)."""
    array = array_of(value, owner)
    if array.dtype.kind not in "biuf":
        raise InputError(f"{owner}: must be spikes, or numbers of shape (steps, {p.size}), got {shown(value)}")
    lines = array.size in (1, p.size) and array.shape in ((), (p.size,), p.shape)
    if not lines or (array.ndim == 2 and array.shape[1] == p.size):
        return array
    if steps is None:
        raise InputError(f"{owner}: is given a constant, which does not say how long; give the number of steps")
    if steps * p.size > MOST_CONSTANT:
        raise InputError(
            f"{owner}: a constant of {steps:,} steps of {p.size:,} lines is over the limit of {MOST_CONSTANT:,} "
            "values; put it into the bias of the neurons, or run in pieces"
        )
    return np.broadcast_to(array.reshape(-1), (steps, p.size))


def of_length(p: Input, spikes: Spikes | None, steps: int, whole: bool) -> Spikes:
    """The spikes of input ``p`` for a run of ``steps`` steps; ``whole``: values must be whole numbers (Loihi)."""
    if spikes is None:
        nothing = np.zeros(0, np.int64)
        return Spikes.trusted(nothing, nothing, steps, p.size)
    owner = f"input {p.name!r}"
    if spikes.size != p.size:
        raise InputError(f"{owner}: spikes are for {spikes.size} neurons, the input has {p.size}")
    if len(spikes) and spikes.step[-1] >= steps:
        raise InputError(f"{owner}: last spike is in step {spikes.step[-1]}, but the run has only {steps} steps")
    if spikes.value is not None:
        _check_values(p, spikes, spikes.value, whole, owner)
    return Spikes.trusted(spikes.step, spikes.neuron, steps, p.size, spikes.value)


def require_plain(owner: str, inputs: Mapping[str, Spikes]) -> None:
    """Raise BackendError, naming the input, where spikes carry values, for ``owner`` that takes none."""
    for name, spikes in inputs.items():
        if spikes.value is not None:
            raise BackendError(
                f"{owner}: input {name!r} carries values other than 1; give spikes, or use 'event' or 'reference'"
            )


def _check_values(p: Input, spikes: Spikes, value: Any, whole: bool, owner: str) -> None:
    bad = value != 1 if not p.values else (value % 1 != 0) | (np.abs(value) >= LOIHI_VALUE) if whole else None
    if bad is None or not bad.any():
        return
    i = int(np.flatnonzero(bad)[0])
    what = f"{owner}: the event of line {spikes.neuron[i]} in step {spikes.step[i]} has the value {value[i]:g}"
    if p.values:
        raise InputError(f"{what}, a network in Loihi's integers takes whole numbers below 2**23; round them")
    raise InputError(f"{what}, the input takes 0 and 1 only; {NUMBERS}")
