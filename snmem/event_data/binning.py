"""Events and frames put into steps.

The line of an event is that of an input of shape (channels, height, width), flattened as numpy does it:
(channel * height + y) * width + x. Channel 0 holds "off" events (p = 0 or -1), channel 1 "on" events (p = 1), as tonic
and torch have them.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from numbers import Real
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._events import array_of
from .._text import listed, one_line, shown
from ..description import option
from ..errors import InputError, SnmemWarning
from ..spikes import Spikes, count

POLARITIES = ("separate", "merge", "on", "off")
MERGES = ("clip", "add", "error")
#: Names under which the fields of an event are found.
_FIELDS = {"x": ("x",), "y": ("y",), "p": ("p", "on", "polarity", "pol"), "t": ("t", "timestamp", "ts")}
_STEPS, _LINES = 2**62, 2**31


def from_events(
    events: Any,
    sensor_size: Sequence[int],
    dt: float,
    *,
    steps: int | None = None,
    start: float | None = None,
    time_unit: float = 1e-6,
    polarity: str = "separate",
    merge: str | None = None,
    name: str = "events",
) -> Spikes:
    """Put events into steps: one at time t is in step k where k dt <= (t - start) time_unit < (k + 1) dt.

    Parameters
    ----------
    events : structured array, or mapping of arrays
        With x, y, p and t, as tonic's data sets and cameras' readers give them. y may be missing where the height is 1,
        and p where polarities are merged.
    sensor_size : tuple
        (width, height), as tonic's ``sensor_size``, whose third number is not looked at.
    dt : float
        Duration of a step in seconds.
    steps : int or None
        Steps of the result, later events are left out; None: up to the last event.
    start : float or None
        When step 0 begins, in the unit of t, earlier events are left out; None: at the earliest event.
    time_unit : float
        Unit of t in seconds; that of cameras is a microsecond.
    polarity : str
        "separate": off events in channel 0, on events in channel 1; "merge": both in one channel; "on" or "off": these
        alone, in one channel.
    merge : str or None
        What becomes of several events of a line in one step: "clip", one spike; "add", a spike whose value is their
        number; "error". None: "clip", and a warning says how many.
    name : str
        How errors call the events.

    Raises
    ------
    InputError
        For fields that are missing or no numbers, events outside of the sensor, and unknown options.
    """
    option(f"{name}: polarity", polarity, POLARITIES, InputError)
    width, height = _sizes(sensor_size, name)
    needed = {"x", "t"} | ({"y"} if height > 1 else set()) | ({"p"} if polarity != "merge" else set())
    fields = _fields(events, needed, name)
    length = len(fields["t"])
    x, y = (_places(fields.get(key), length, size, key, name) for key, size in (("x", width), ("y", height)))
    step = _steps(fields["t"], start, dt, time_unit, name)
    there = step >= 0
    if steps is not None:
        there &= step < count(f"{name}: steps", steps, high=_STEPS)
    channel = np.zeros(length, np.int64)
    if polarity != "merge":
        on = fields["p"] > 0
        channel = on.astype(np.int64) if polarity == "separate" else channel
        there &= np.ones(length, bool) if polarity == "separate" else on == (polarity == "on")
    line = line_of(x, y, channel, width, height)[there]
    total = int(step[there].max(initial=-1)) + 1 if steps is None else steps
    size = (2 if polarity == "separate" else 1) * width * height
    if total >= _STEPS // max(size, 1):
        raise InputError(f"{name}: events of {total:,} steps of {dt:g} s; give start and time_unit, or a larger dt")
    return merged(step[there], line, np.ones(len(line)), total, size, merge, name)


def line_of(x: Any, y: Any, channel: Any, width: int, height: int) -> Any:
    """The line of an event in an input of shape (channels, height, width)."""
    return (np.asarray(channel, np.int64) * height + y) * width + x


def from_frames(frames: Any, *, merge: str | None = None, name: str = "frames") -> Spikes:
    """Put frames (steps, channels, height, width), or of any shape (steps, ...), of counts of events into steps.

    Parameters
    ----------
    frames : array
        Whole numbers >= 0: events of each line in each step.
    merge : str or None
        As for :func:`from_events`.
    name : str
        How errors call the frames.

    Raises
    ------
    InputError
        For frames that hold anything else.
    """
    try:
        array = np.asarray(frames)
    except (TypeError, ValueError, RuntimeError) as error:
        raise InputError(f"{name}: is no array of numbers ({one_line(error)})") from None
    if array.ndim < 2 or array.dtype.kind not in "biuf":
        raise InputError(f"{name}: must be numbers of shape (steps, ...), got {array.dtype} of shape {array.shape}")
    array = array.reshape(len(array), -1)
    step, line = np.nonzero(array)
    counts = array[step, line].astype(np.float64)
    bad = (counts < 0) | (counts % 1 != 0)
    if bad.any():
        raise InputError(
            f"{name}: hold counts of events, whole numbers >= 0, got {counts[bad][0]:g}; numbers that are no counts go "
            "in by Spikes.from_raster(values=True)"
        )
    return merged(step, line, counts, len(array), array.shape[1], merge, name)


def merged(
    step: Any, line: Any, counts: NDArray[np.float64], steps: int, size: int, merge: str | None, name: str
) -> Spikes:
    """Spikes of events, of which several may be of one line and step."""
    if merge is not None:
        option(f"{name}: merge", merge, MERGES, InputError)
    cells, inverse = np.unique(np.asarray(step, np.int64) * max(size, 1) + line, return_inverse=True)
    number = np.bincount(inverse, counts, len(cells))
    more = int(number.sum()) - len(cells)
    at, of = cells // max(size, 1), cells % max(size, 1)
    if more and merge == "error":
        i = int(np.flatnonzero(number > 1)[0])
        raise InputError(
            f"{name}: {int(number[i])} events of line {of[i]} in step {at[i]}; use a smaller dt, or "
            'merge="clip" or "add"'
        )
    if more and merge is None:
        warnings.warn(
            f"{name}: {more:,} of {int(number.sum()):,} events fall on another of their line and step, and count once "
            '(merge="clip"; "add" gives spikes with values)',
            SnmemWarning,
            stacklevel=3,
        )
    return Spikes.from_events(at, of, steps, size, name, number if more and merge == "add" else None)


def _sizes(sensor_size: Any, name: str) -> tuple[int, int]:
    if not isinstance(sensor_size, Sequence) or isinstance(sensor_size, str) or len(sensor_size) not in (2, 3):
        raise InputError(f"{name}: sensor_size must be (width, height), got {shown(sensor_size)}")
    width, height = (count(f"{name}: {what}", n, 1) for what, n in zip(("width", "height"), sensor_size, strict=False))
    if 2 * width * height > _LINES:
        raise InputError(f"{name}: a sensor of {width} x {height}; the limit is {_LINES // 2:,} pixels")
    return width, height


def _fields(events: Any, needed: set[str], name: str) -> dict[str, NDArray[Any]]:
    """The columns of events by their short names."""
    names = events.dtype.names if isinstance(events, np.ndarray) else None
    if names is None and not isinstance(events, Mapping):
        raise InputError(
            f"{name}: must be a structured array or a mapping with x, y, p and t, got a {type(events).__name__}"
        )
    known: list[str] = [*(names or events)]
    found: dict[str, NDArray[Any]] = {}
    for key in sorted(needed):
        field = next((other for other in _FIELDS[key] if other in known), None)
        if field is None:
            raise InputError(f"{name}: have no field {key!r}; they have {listed(known)}")
        array = array_of(events[field], f"{name}: {key}")
        if array.ndim != 1 or array.dtype.kind not in "biuf" or not np.isfinite(array).all():
            raise InputError(f"{name}: {key} must be a vector of finite numbers, got {array.dtype}, {array.shape}")
        found[key] = array
    if len({len(array) for array in found.values()}) > 1:
        raise InputError(f"{name}: fields differ in length; give one of each per event")
    return found


def _places(values: NDArray[Any] | None, length: int, size: int, what: str, name: str) -> NDArray[np.int64]:
    if values is None:
        return np.zeros(length, np.int64)
    bad = (values < 0) | (values >= size) | (values % 1 != 0 if values.dtype.kind == "f" else False)
    if bad.any():
        raise InputError(f"{name}: {what} = {values[bad][0]} lies outside of the sensor, 0..{size - 1}")
    return values.astype(np.int64)


def _seconds(value: Any) -> float:
    """``value`` as a float; NaN for what is no real number, or too large a one."""
    try:
        return float(value) if isinstance(value, Real) and not isinstance(value, bool) else np.nan
    except OverflowError:
        return np.nan


def _steps(t: NDArray[Any], start: Any, dt: Any, time_unit: Any, name: str) -> NDArray[np.int64]:
    """Steps of times; below 0 before the start."""
    for what, value in (("dt", dt), ("time_unit", time_unit)):
        if not 0 < _seconds(value) < np.inf:
            raise InputError(f"{name}: {what} must be > 0 seconds, got {shown(value)}")
    if not len(t):
        return np.zeros(0, np.int64)
    if start is None:
        start = t.min()
    elif not np.isfinite(_seconds(start)):
        raise InputError(f"{name}: start must be a finite number, got {shown(start)}")
    ratio = float(dt) / float(time_unit)
    whole = round(ratio) if 1 <= ratio < 2**53 else 0
    countable = t.dtype.kind in "iu" and int(t.max()) < 2**62 and abs(float(start)) < 2**62
    if countable and float(start) % 1 == 0 and whole and abs(ratio - whole) <= 1e-9 * ratio:
        return (t.astype(np.int64) - int(start)) // whole
    exact = (t.astype(np.float64) - float(start)) / ratio
    if np.abs(exact).max() >= 2**53:
        raise InputError(
            f"{name}: times of up to {np.abs(t).max():g} are no steps of {dt:g} s; give start or time_unit"
        )
    return np.floor(exact + 1e-6).astype(np.int64)
