"""Regular events: one every period."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..errors import NetworkError
from .base import SOURCES, Source


# Parameters that all sources share are said for each by itself, as ``help`` shows one at a time.
@SOURCES.register("regular")
@dataclass(frozen=True, eq=False)
class Regular(Source):
    """An event on every line at phase, phase + period, phase + 2 period, ...

    The k-th is in step floor(phase + k period), both in steps; a period within a part in 10^9 of a whole number of
    steps is that number.

    Parameters
    ----------
    name : str
        Unique in the network.
    shape : int or tuple of int
        Lines.
    period : float or array
        From event to event, one for all lines or one for each; at least one step.
    phase : float or array
        When the first event comes, >= 0.
    unit : str
        "step" or "s": what period and phase are given in.

    Raises
    ------
    NetworkError
        For periods that are not positive or (in a network) shorter than a step, and negative phases.
    """

    period: Any = field(kw_only=True)
    phase: Any = field(default=0.0, kw_only=True)
    unit: str = field(default="step", kw_only=True)

    def __post_init__(self) -> None:
        super().__post_init__()
        self.per_line("period", 0.0, strict=True)
        self.per_line("phase", 0.0)
        self.choose("unit", ("step", "s"))

    def _in_steps(self, name: str, dt: float) -> Any:
        """Field ``name`` in steps, one number for each line."""
        time = np.broadcast_to(np.asarray(getattr(self, name), np.float64), self.size)
        steps = time / dt if self.unit == "s" else time
        whole = np.round(steps)
        return np.where(np.abs(steps - whole) <= 1e-9 * whole, whole, steps)

    def check(self, dt: float) -> None:
        """Raise NetworkError for a period below one step."""
        if (least := float(self._in_steps("period", dt).min())) < 1:
            raise NetworkError(
                f"source {self.name!r}: a period of {np.min(self.period):g} {self.unit} is {least:g} steps of {dt:g} "
                "s, a rate above 1/dt; lengthen it"
            )

    def expected(self, dt: float) -> float:
        """The sum of 1 / period."""
        return float((1 / self._in_steps("period", dt)).sum())

    def draw(self, start: int, stop: int, dt: float) -> Any:
        """Events between two steps."""
        period, phase = (self._in_steps(name, dt) for name in ("period", "phase"))
        first = np.maximum(np.floor((start - phase) / period).astype(np.int64) - 1, 0)
        last = np.maximum(np.floor((stop - phase) / period).astype(np.int64) + 2, first)
        many = last - first
        line = np.repeat(np.arange(self.size), many)
        k = np.arange(len(line)) - np.repeat(np.cumsum(many) - many, many) + first[line]
        step = np.floor(phase[line] + k * period[line] + 1e-9).astype(np.int64)
        there = (step >= start) & (step < stop)
        step, line = step[there], line[there]
        order = np.lexsort((line, step))
        return step[order], line[order], None
