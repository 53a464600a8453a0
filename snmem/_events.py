"""Events as arrays, as users give them: checked, sorted and added up."""

from __future__ import annotations

from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from ._text import one_line, shown
from .errors import InputError

#: The longest record, in steps.
LONGEST = 2**62
#: How to give numbers on purpose.
NUMBERS = "declare the input with Input(..., values=True) to give numbers"


def count(what: str, value: Any, low: int = 0, high: int | None = None) -> int:
    """``value`` as an int; InputError unless it is a whole number >= ``low``, and at most ``high``."""
    whole = not isinstance(value, (bool, np.bool_)) and isinstance(value, (int, np.integer))
    number = int(cast(int, value)) if whole else low - 1
    if number < low:
        raise InputError(f"{what} must be a whole number >= {low}, got {shown(cast(object, value))}")
    if high is not None and number > high:
        raise InputError(f"{what} must be at most {high:,}, got {shown(number)}")
    return number


def array_of(values: Any, what: str) -> NDArray[Any]:
    """``values`` as an array; InputError for ragged lists and the like."""
    if isinstance(values, np.ma.MaskedArray):
        raise InputError(f"{what}: is a masked array; fill it first (numpy.ma.filled)")
    try:
        return np.asarray(values)
    except (TypeError, ValueError, RuntimeError) as error:  # ragged lists; tensors that carry a gradient
        raise InputError(f"{what}: is no array of numbers ({one_line(error)})") from None


def check_bits(values: NDArray[Any], name: str) -> None:
    """Raise InputError unless all values are 0 or 1."""
    if values.dtype.kind == "b":
        return
    bad = ~np.isin(values, (0, 1)) if values.dtype.kind in "iuf" else np.ones(values.shape, bool)
    if bad.any():
        raise InputError(f"{name}: a raster holds 0 and 1 only, got {shown(values[bad].tolist()[0])}; {NUMBERS}")


def values_of(value: Any, step: NDArray[Any], neuron: NDArray[Any], name: str) -> NDArray[np.float64]:
    """The values of events as a float64 vector; InputError unless they are finite numbers, one for each event."""
    array = array_of(value, f"{name}: values").reshape(-1)
    if array.shape != step.shape:
        raise InputError(f"{name}: {step.size} events but {array.size} values; give one of each per event")
    if array.size and array.dtype.kind not in "biuf":
        raise InputError(f"{name}: values must be real numbers, got {array.dtype}; convert them to float64")
    if not (finite := np.isfinite(array)).all():
        i = int(np.flatnonzero(~finite)[0])
        raise InputError(f"{name}: holds {array[i]} for neuron {neuron[i]} in step {step[i]}; give finite numbers")
    found = array.astype(np.float64)
    if array.dtype.kind in "iu" and array.dtype.itemsize > 4 and (found.astype(array.dtype) != array).any():
        raise InputError(f"{name}: values hold {array.dtype} numbers that float64 does not; round them first")
    return found


def compact(value: NDArray[np.float64]) -> NDArray[np.float64] | None:
    """The values, or None where all are 1."""
    return None if (value == 1).all() else value


def add_up(
    step: NDArray[np.int64], neuron: NDArray[np.int64], value: NDArray[np.float64], steps: int, size: int
) -> tuple[NDArray[np.int64], NDArray[np.int64], int, int, NDArray[np.float64] | None]:
    """Events sorted by step, then neuron; those of one neuron in one step added up in their order, and no sum of 0."""
    order = np.lexsort((neuron, step))
    step, neuron, value = step[order], neuron[order], value[order]
    first = np.flatnonzero(np.concatenate([[True], (np.diff(step) != 0) | (np.diff(neuron) != 0)])[: len(step)])
    if len(first) < len(step):
        number = np.repeat(np.arange(len(first)), np.diff(np.append(first, len(step))))
        value = np.bincount(number, value, len(first)).astype(np.float64)
    there = value != 0
    first, value = first[there], value[there]
    return step[first], neuron[first], steps, size, compact(value)


def events_of(step: Any, neuron: Any, steps: int, size: int, name: str) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Steps and neurons of events as int64 vectors of one length and in range."""
    step, neuron = (whole_numbers(x, f"{name}: {what}") for x, what in ((step, "steps"), (neuron, "neurons")))
    if step.shape != neuron.shape:
        raise InputError(f"{name}: {step.size} steps but {neuron.size} neurons; give one of each per spike")
    for values, limit, what in ((step, steps, "step"), (neuron, size, "neuron")):
        bad = (values < 0) | (values >= limit)
        if bad.any():
            raise InputError(f"{name}: {what} {values[bad][0]} is outside 0..{limit - 1}")
    return step, neuron


def whole_numbers(values: Any, what: str) -> NDArray[np.int64]:
    """``values`` as an int64 vector; InputError names ``what`` must be whole numbers."""
    array = array_of(values, what).reshape(-1)
    if array.size == 0:
        return np.zeros(0, np.int64)
    whole = array.dtype.kind in "iub" or (
        array.dtype.kind == "f" and np.isfinite(array).all() and not (array % 1).any()
    )
    if not whole:
        raise InputError(f"{what} must be whole numbers")
    return array.astype(np.int64, copy=False)
