"""Inputs of a network: lines whose events come from outside, and sources, which draw their own."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, fields
from functools import cached_property
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from .._text import CONTROL, LONGEST_NAME, shown
from ..description import Description, flag, frozen, option, real_array, shape_of
from ..errors import NetworkError
from ..registry import Registry
from .draw import Drawing


def checked_name(kind: str, name: object) -> str:
    """``name`` as a plain str, if every file and runtime can take it."""
    if not isinstance(name, str) or not name or "/" in name[:LONGEST_NAME]:
        raise NetworkError(
            f'{kind} name {shown(name)}: must be a non-empty text without "/" (NIR files cannot hold it)'
        )
    if len(name) > LONGEST_NAME:
        raise NetworkError(f"{kind} name {name[:20]!r}...: has {len(name):,} characters; use at most {LONGEST_NAME:,}")
    if found := CONTROL.search(name):
        what = "control character" if found[0] < "\ud800" else "lone surrogate"
        raise NetworkError(f"{kind} name {name!r}: holds the {what} {found[0]!r}; leave it out")
    return str.__str__(name)  # not of a subclass, which prints and so hashes differently


@dataclass(frozen=True)
class Input(Description):
    """A source of spikes that the caller provides.

    Parameters
    ----------
    name : str
        Unique in the network.
    shape : int or tuple of int
        Number of lines, or a tuple such as (2, 34, 34).
    values : bool
        Whether the lines take numbers: graded spikes, analog frames, currents. A synapse then delivers weight * value
        in the step of the event. Where this is not said, anything but 0 and 1 is refused, as a mistake.

    Raises
    ------
    NetworkError
        For an invalid name or size.
    """

    name: str
    shape: Any
    values: bool = False

    later: ClassVar[tuple[str, ...]] = ("values",)

    def __post_init__(self) -> None:
        object.__setattr__(self, "name", checked_name("input", self.name))
        object.__setattr__(self, "shape", shape_of(f"input {self.name!r}", self.shape))
        object.__setattr__(self, "values", flag(f"input {self.name!r}: values", self.values))

    @cached_property
    def size(self) -> int:
        """Number of input lines."""
        return math.prod(self.shape)

    def check(self, dt: float) -> None:
        """Raise NetworkError where the input cannot be part of a network with steps of ``dt`` seconds."""


#: Sources by name; a file that defines one registers it here.
SOURCES: Registry[type[Source]] = Registry(
    "source", ("snmem.sources.poisson", "snmem.sources.regular", "snmem.sources.scheduled")
)


@dataclass(frozen=True, eq=False)
class Source(Input):
    """An input that draws its own events, which :func:`snmem.simulate` is not given.

    The events of a step follow from the source and the number of the step alone: they are the same on every backend,
    for any number of threads, and in runs that go on from a state. ``values`` says whether events may carry values.
    """

    values: bool = field(default=False, init=False)

    @property
    def largest(self) -> float:
        """What no value exceeds where all are whole numbers from 1 on; infinite where they may be others."""
        return np.inf if self.values else 1.0

    def expected(self, dt: float) -> float:
        """Events of all lines in a step of ``dt`` seconds, on average or at most."""
        raise NotImplementedError(f"{type(self).__name__} does not say how many events it draws")

    def draw(self, start: int, stop: int, dt: float) -> tuple[NDArray[np.int64], NDArray[np.int64], Any]:
        """Events of the steps start .. stop-1: steps, lines, and values (None: all 1), by step, then line.

        Parameters
        ----------
        start, stop : int
            Numbers of steps; step 0 is the first of the first run.
        dt : float
            Seconds of a step.
        """
        raise NotImplementedError(f"{type(self).__name__} draws no events")

    def draw_part(
        self, start: int, stop: int, dt: float, low: int, high: int
    ) -> tuple[NDArray[np.int64], NDArray[np.int64], Any]:
        """Events of the lines low .. high-1 alone, which count as 0, 1, ..."""
        step, line, value = self.draw(start, stop, dt)
        mine = (line >= low) & (line < high)
        return step[mine], line[mine] - low, None if value is None else value[mine]

    def drawing(self, dt: float, low: int, high: int) -> Drawing | None:
        """How lines low .. high-1 are drawn, where they can be drawn together with others; else None."""
        return None

    def per_line(self, name: str, low: float, strict: bool = False) -> None:
        """Make field ``name`` a number, or a read-only vector of one for each line; NetworkError unless >= ``low``."""
        owner, array = f"source {self.name!r}", real_array(getattr(self, name))
        if array is None or array.size not in (1, self.size) or array.shape not in ((), (array.size,), self.shape):
            got = shown(getattr(self, name)) if array is None else f"shape {array.shape}"
            raise NetworkError(f"{owner}: {name} must be a number or {self.size} numbers, one for each line, got {got}")
        values = array.astype(np.float64).reshape(-1) + 0.0
        bad = ~np.isfinite(values) | (values < low) | (values <= low if strict else False)
        if bad.any():
            limit = f"{'above' if strict else '>='} {low:g}"
            raise NetworkError(f"{owner}: {name} must be finite and {limit}, got {values[bad][0]:g}")
        alike = (values == values[0]).all()
        object.__setattr__(self, name, float(values[0]) if alike else frozen(values, own=True))

    def choose(self, name: str, known: tuple[str, ...]) -> None:
        """Raise NetworkError unless field ``name`` is one of the known texts."""
        option(f"source {self.name!r}: {name}", getattr(self, name), known)

    def __eq__(self, other: object) -> bool:
        if type(other) is not type(self):
            return NotImplemented
        return all(np.array_equal(getattr(self, f.name), getattr(other, f.name)) for f in fields(self))

    __hash__ = None  # type: ignore[assignment]
