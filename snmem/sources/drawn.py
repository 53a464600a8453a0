"""The events of a source in a run, drawn when somebody looks at them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError
from ..spikes import Spikes
from .base import Source

#: Events that are drawn at a time, and that may be kept: 24 bytes each.
AT_ONCE, MOST = 2**20, 10**9


class Drawn(Spikes):
    """Spikes of a source, which are kept only when their steps, neurons or values are asked for.

    Parameters
    ----------
    source : Source
        What draws them.
    start : int
        Number of the first step.
    steps : int
        Length of the record.
    dt : float
        Seconds of a step.
    """

    source: Source
    start: int
    dt: float

    def __init__(self, source: Source, start: int, steps: int, dt: float) -> None:
        self.__dict__.update(source=source, start=start, dt=dt, steps=steps, size=source.size)
        self.__dict__.update(_counts=np.zeros(source.size, np.int64), _counted=0)

    def chunk(self, low: int, high: int) -> Spikes:
        """Spikes of the steps low .. high-1 of the record, with steps counted from low."""
        step, line, value = self.source.draw(self.start + low, self.start + high, self.dt)
        if low == self._counted:
            self.add(low, high, np.bincount(line, minlength=self.size))
        return Spikes.trusted(step - (self.start + low), line, high - low, self.size, value)

    def pieces(self) -> Iterator[tuple[int, int]]:
        """The record in pieces of about AT_ONCE events: the first step, and the one behind the last."""
        rows = max(1, min(int(AT_ONCE / max(self.source.expected(self.dt), 1e-9)), 2**15))
        for low in range(0, self.steps, rows):
            yield low, min(low + rows, self.steps)

    @property
    def _all(self) -> Spikes:
        if "_kept" not in self.__dict__:
            expected = self.source.expected(self.dt) * self.steps
            if expected > MOST:
                raise InputError(
                    f"source {self.source.name!r}: {self.steps:,} steps are about {expected:.3g} events, the limit for "
                    f"keeping them is {MOST:.0e}; use backend 'event', which keeps none, or run in pieces"
                )
            parts = [(low, self.chunk(low, high)) for low, high in self.pieces()]
            step = np.concatenate([np.zeros(0, np.int64), *(part.step + low for low, part in parts)])
            line = np.concatenate([np.zeros(0, np.int64), *(part.neuron for _, part in parts)])
            plain = all(part.value is None for _, part in parts)
            value = None if plain else np.concatenate([part.values for _, part in parts])
            self.__dict__["_kept"] = Spikes.trusted(step, line, self.steps, self.size, value)
        return self.__dict__["_kept"]

    @property
    def step(self) -> NDArray[np.int64]:  # type: ignore[override]
        """Steps of all events."""
        return self._all.step

    @property
    def neuron(self) -> NDArray[np.int64]:  # type: ignore[override]
        """Lines of all events."""
        return self._all.neuron

    @property
    def value(self) -> NDArray[np.float64] | None:  # type: ignore[override]
        """Values of all events; None: all are 1."""
        return self._all.value if self.source.values else None

    def counts(self) -> NDArray[np.int64]:
        """Events of each line; none is kept."""
        for low, high in self.pieces():
            if high > self._counted:
                self.chunk(max(low, self._counted), high)
        return self._counts.copy()

    def add(self, low: int, high: int, counts: NDArray[np.int64]) -> None:
        """Take note of the events of each line in the steps low .. high-1, which somebody has counted."""
        if low == self._counted:
            self._counts[:] += counts
            self.__dict__["_counted"] = high

    def counted(self, counts: NDArray[np.int64]) -> None:
        """Take note of the events of each line, which somebody has counted."""
        self._counts[:] = counts
        self.__dict__["_counted"] = self.steps

    def __len__(self) -> int:
        return int(self.counts().sum())

    def __repr__(self) -> str:
        return f"Drawn({self.source.name!r}, {self.steps:,} steps from step {self.start:,})"

    def between(self, start: int, stop: int) -> Spikes:
        """Spikes of steps start .. stop-1, with steps counted from start."""
        return Drawn(self.source, self.start + start, stop - start, self.dt)

    def __eq__(self, other: object) -> bool:
        if isinstance(other, Drawn) and self._origin() == other._origin():
            return True
        return super().__eq__(other)

    def _origin(self) -> tuple[Source, int, int, float]:
        return self.source, self.start, self.steps, self.dt

    __hash__ = None  # type: ignore[assignment]

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") or name not in self.__dict__:
            raise AttributeError(name)
        return self.__dict__[name]
