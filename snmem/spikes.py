"""Spikes as events, and what a simulation returns."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .errors import InputError


@dataclass(frozen=True, eq=False)
class Spikes:
    """Spikes of one population: events (step, neuron), sorted by step, then neuron, without repeats.

    Attributes
    ----------
    step, neuron : int64 vectors of equal length; steps count from 0.
    steps : length of the record in steps.    size : number of neurons.
    """

    step: NDArray[np.int64]
    neuron: NDArray[np.int64]
    steps: int
    size: int

    @classmethod
    def from_events(cls, step: ArrayLike, neuron: ArrayLike, steps: int, size: int, name: str = "spikes") -> Spikes:
        """Sort and check events; raises InputError for negative, fractional or out-of-range ones and repeats."""
        step, neuron = (_whole(x, f"{name}: {what}") for x, what in ((step, "steps"), (neuron, "neurons")))
        if step.shape != neuron.shape:
            raise InputError(f"{name}: {step.size} steps but {neuron.size} neurons; give one of each per spike")
        for values, limit, what in ((step, steps, "step"), (neuron, size, "neuron")):
            bad = (values < 0) | (values >= limit)
            if bad.any():
                raise InputError(f"{name}: {what} {values[bad][0]} is outside 0..{limit - 1}")
        order = np.lexsort((neuron, step))
        step, neuron = step[order], neuron[order]
        twice = (np.diff(step) == 0) & (np.diff(neuron) == 0)
        if twice.any():
            i = int(np.flatnonzero(twice)[0])
            raise InputError(f"{name}: neuron {neuron[i]} spikes twice in step {step[i]}; a neuron spikes once a step")
        return cls(step, neuron, int(steps), int(size))

    @classmethod
    def from_raster(cls, raster: ArrayLike, name: str = "spikes") -> Spikes:
        """From a (steps, neurons) array; every nonzero entry is one spike, entries must be 0 or 1."""
        array = np.asarray(raster)
        if array.ndim != 2:
            raise InputError(f"{name}: a raster has shape (steps, neurons), got {array.shape}")
        if not np.isin(array, (0, 1)).all():
            raise InputError(f"{name}: a raster holds 0 and 1 only; put graded values into weights or biases")
        step, neuron = np.nonzero(array)
        return cls(step.astype(np.int64), neuron.astype(np.int64), *map(int, array.shape))

    def __len__(self) -> int:
        return len(self.step)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Spikes):
            return NotImplemented
        same = (self.steps, self.size, len(self)) == (other.steps, other.size, len(other))
        return same and bool((self.step == other.step).all() and (self.neuron == other.neuron).all())

    __hash__ = None  # type: ignore[assignment]

    def raster(self) -> NDArray[np.bool_]:
        """Dense (steps, neurons) array of booleans."""
        out = np.zeros((self.steps, self.size), bool)
        out[self.step, self.neuron] = True
        return out

    def counts(self) -> NDArray[np.int64]:
        """Spikes of each neuron, shape (neurons,)."""
        return np.bincount(self.neuron, minlength=self.size)

    def between(self, start: int, stop: int) -> Spikes:
        """Spikes of steps start .. stop-1, with steps counted from start."""
        low, high = np.searchsorted(self.step, (start, stop))
        return Spikes(self.step[low:high] - start, self.neuron[low:high], stop - start, self.size)

    def differing(self, other: Spikes) -> tuple[int, int | None]:
        """Number of (step, neuron) cells in which two records differ, and the first such step."""
        if (self.steps, self.size) != (other.steps, other.size):
            raise InputError(
                f"records differ in shape: {self.steps} x {self.size} against {other.steps} x {other.size}"
            )
        a, b = (s.step * s.size + s.neuron for s in (self, other))
        cells = np.setxor1d(a, b, assume_unique=True)
        return len(cells), int(cells[0] // self.size) if len(cells) else None


def _whole(values: ArrayLike, what: str) -> NDArray[np.int64]:
    array = np.asarray(values).reshape(-1)
    if array.size == 0:
        return np.zeros(0, np.int64)
    if array.dtype.kind not in "iub" and not (array.dtype.kind == "f" and (array == np.floor(array)).all()):
        raise InputError(f"{what} must be whole numbers")
    return array.astype(np.int64)


@dataclass(frozen=True)
class Counters:
    """Counts that cost accounting needs, by population or projection name.

    spikes : spikes emitted.    synaptic_events : synapses of the neurons that spiked, counted at the spike.
    accessed : neurons x steps.
    updated : neuron-steps with nonzero state, input or bias (also a silent neuron whose v is not 0; not one whose u
        decays within the step).
    changed : neuron-steps in which v differs before and after.    weight_updates : synapses touched by learning.
    updated and changed are None unless the run was asked for ``counters=True``.
    """

    spikes: Mapping[str, int]
    synaptic_events: Mapping[str, int]
    accessed: Mapping[str, int]
    updated: Mapping[str, int] | None = None
    changed: Mapping[str, int] | None = None
    weight_updates: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Recording:
    """What :func:`snmem.simulate` returns.

    Attributes
    ----------
    backend : name of the backend.    steps : steps simulated.
    spikes : population name -> Spikes (input populations included).
    traces : "population.u" or "population.v" -> array (steps, neurons), after reset.
    counters : Counters.
    weights : projection name -> CSR array (post, pre) after the run, for plastic projections.
    state : opaque value to pass to the next ``simulate`` call to go on where this run ended, or None.
    exact : whether the spikes are shown to be those of stepping. False only after ``simulate(exact=False)``: if some v
        came nearer to theta than rounding may move it, if a population that had been taken through many steps at once
        was stepped again, or if the run went on from such a state.
    """

    backend: str
    steps: int
    spikes: Mapping[str, Spikes]
    traces: Mapping[str, NDArray[Any]]
    counters: Counters
    weights: Mapping[str, Any] = field(default_factory=dict)
    state: Any = None
    exact: bool = True

    def to_xarray(self) -> Any:
        """Traces and dense rasters as one xarray.Dataset with dimensions ``step`` and ``<population>``."""
        import xarray as xr

        data = {name: (("step", name.rsplit(".", 1)[0]), trace) for name, trace in self.traces.items()}
        data |= {f"{name}.spikes": (("step", name), s.raster()) for name, s in self.spikes.items()}
        return xr.Dataset(data, attrs={"backend": self.backend})

    def to_neo(self, dt: float = 1e-3) -> Any:
        """Spikes as a neo.Block, one SpikeTrain a neuron, times in seconds (needs the package ``neo``)."""
        try:
            import neo
        except ImportError:
            from .errors import MissingDependencyError

            raise MissingDependencyError("Recording.to_neo: package 'neo' is absent; pip install neo") from None
        block = neo.Block(name="snmem")
        for name, s in self.spikes.items():
            segment = neo.Segment(name=name)
            order = np.argsort(s.neuron, kind="stable")
            trains = np.split(s.step[order], np.cumsum(s.counts())[:-1])
            segment.spiketrains.extend(
                neo.SpikeTrain(t * dt, units="s", t_stop=self.steps * dt, neuron=i) for i, t in enumerate(trains)
            )
            block.segments.append(segment)
        return block


class Interrupted(KeyboardInterrupt):
    """Ctrl-C during a run. ``recording`` holds what was recorded before; its ``steps`` says how far it goes."""

    def __init__(self, recording: Recording) -> None:
        super().__init__(f"interrupted after {recording.steps} steps")
        self.recording = recording
