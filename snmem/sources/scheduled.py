"""Scheduled events: at given times."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from .._events import add_up, events_of, values_of, whole_numbers
from ..description import frozen, real_array
from ..errors import InputError, NetworkError
from .base import SOURCES, Source


# Parameters that all sources share are said for each by itself, as ``help`` shows one at a time.
@SOURCES.register("scheduled")
@dataclass(frozen=True, eq=False)
class Scheduled(Source):
    """Events at given times; those of one line in a step add up.

    Parameters
    ----------
    name : str
        Unique in the network.
    shape : int or tuple of int
        Lines.
    times : array
        When the events are, in any order: steps, or seconds from the begin of step 0. Time t is in step
        floor(t / dt + 1e-6).
    lines : array
        The line of each.
    value : array or None
        What each carries; None: 1.
    unit : str
        "step" or "s".

    Raises
    ------
    NetworkError
        For times that are negative or not finite, steps that are not whole, and lines that are out of range.
    """

    times: Any = field(kw_only=True)
    lines: Any = field(kw_only=True)
    value: Any = field(default=None, kw_only=True)
    unit: str = field(default="step", kw_only=True)

    def __post_init__(self) -> None:
        super().__post_init__()
        self.choose("unit", ("step", "s"))
        owner = f"source {self.name!r}"
        try:
            whole = None if self.unit == "s" else whole_numbers(self.times, f"{owner}: times in steps")
            times = real_array(self.times) if whole is None else whole
            if times is None or not np.isfinite(times).all() or (times < 0).any():
                raise NetworkError(f"{owner}: times must be finite numbers >= 0; leave out what comes before step 0")
            times = times.reshape(-1).astype(np.float64)
            _, lines = events_of(np.zeros(times.size, np.int64), self.lines, 1, self.size, owner)
            given = np.ones(times.size) if self.value is None else self.value
            value = values_of(given, lines, lines, owner)
        except InputError as error:
            raise NetworkError(str(error)) from None
        order = np.lexsort((lines, times))
        for name, array in (("times", times), ("lines", lines)):
            object.__setattr__(self, name, frozen(array[order], own=True))
        object.__setattr__(self, "value", None if self.value is None else frozen(value[order], own=True))
        object.__setattr__(self, "values", True)

    def _steps(self, dt: float) -> Any:
        return self.times.astype(np.int64) if self.unit == "step" else np.floor(self.times / dt + 1e-6).astype(np.int64)

    def expected(self, dt: float) -> float:
        """All events, spread over the steps up to the last one."""
        return len(self.times) / max(1.0, float(self._steps(dt)[-1] + 1)) if len(self.times) else 0.0

    def draw(self, start: int, stop: int, dt: float) -> Any:
        """Events between two steps."""
        steps = self._steps(dt)
        low, high = np.searchsorted(steps, (start, stop))
        value = np.ones(high - low) if self.value is None else self.value[low:high]
        step, line, _, _, value = add_up(steps[low:high], self.lines[low:high], value, stop, self.size)
        return step, line, value
