"""What a recording says of its numbers: times, neurons, and all of it as objects of other packages."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ._text import unique
from .errors import MissingDependencyError, UnknownNameError


class Sampled:
    """Base of Recording and of StoredRun: when was recorded, and of which neurons."""

    steps: int
    start: int
    dt: Any
    spikes: Any
    traces: Any
    counts: Any
    rates: Any
    weight_traces: Any
    plan: Any

    @property
    def time(self) -> NDArray[np.float64]:
        """When each step begins, in seconds from step 0 of the first run."""
        return np.asarray((self.start + np.arange(self.steps)) * (self.dt or 1e-3), np.float64)

    def t(self, name: str) -> NDArray[np.float64]:
        """The time axis of a trace, weights over time, counts or rates in seconds: begins of the steps, or of the bins.

        A row of a trace holds the values after the step that begins then.
        """
        if name in self.traces or name in self.weight_traces:
            if self.plan is None:
                return self.time
            samples = (self.plan.traces if name in self.traces else self.plan.weights)[name]
            return np.asarray(samples.steps(self.start, self.steps), np.float64) * (self.dt or 1e-3)
        if name not in self.counts and name not in self.rates:
            known = [*self.traces, *self.weight_traces, *self.counts, *self.rates]
            raise UnknownNameError("recording: no trace, weights over time, counts or rates of", name, known)
        return self.time[:: self.plan.bin or self.steps]

    def recorded(self, name: str) -> NDArray[np.int64]:
        """Numbers of the neurons of a population or trace that were recorded, or of a projection's synapses."""
        of = self.plan
        if name in self.traces:
            samples = of.traces.get(name) if of is not None else None
            which, size = (samples.which if samples else None), self.traces[name].shape[1]
        elif name in self.weight_traces:
            which, size = of.weights[name].which, self.weight_traces[name].shape[1]
        else:
            which, size = (of.spikes.get(name) if of is not None else None), self.spikes[name].size
        return np.arange(size) if which is None else which


class Axes(Sampled):
    """Base of Recording: its axes, and all of it as objects of other packages."""

    def times(self, population: str) -> NDArray[np.float64]:
        """When each spike of a population is, in seconds: the begin of its step; beside ``spikes[...].neuron``."""
        return np.asarray((self.start + self.spikes[population].step) * (self.dt or 1e-3), np.float64)

    def to_xarray(self) -> Any:
        """Traces and dense rasters as one xarray.Dataset with dimensions ``step`` and ``<population>``.

        A population whose name the dataset uses otherwise, such as "step", has the dimension ``<population>.neuron``.
        A trace of chosen neurons or steps has dimensions of its own, with their numbers as coordinates.
        """
        return to_xarray(self)

    def to_neo(self, dt: float | None = None) -> Any:
        """Spikes as a neo.Block, one SpikeTrain a neuron, times in seconds (needs the package ``neo``).

        ``dt``: seconds of a step; by default the network's.
        """
        return to_neo(self, dt)


def to_xarray(recording: Any) -> Any:
    """Traces and dense rasters of a Recording as one xarray.Dataset."""
    xarray: Any = import_module("xarray")
    spikes, traces = recording.spikes, recording.traces
    taken = {"step", *traces, *(f"{name}.spikes" for name in spikes)}
    dims = {n: unique(f"{n}.neuron", taken | set(spikes)) if n in taken else n for n in spikes}
    data: dict[str, Any] = {}
    for name, trace in traces.items():
        if recording.plan is None:
            data[name] = (("step", dims[name.rsplit(".", 1)[0]]), trace)
        else:
            steps = recording.plan.traces[name].steps(recording.start, recording.steps)
            axes = {f"{name} step": [*steps], f"{name} neuron": recording.recorded(name)}
            data[name] = xarray.DataArray(trace, axes, tuple(axes))
    for name, s in spikes.items():
        data[f"{name}.spikes"] = (("step", dims[name]), s.raster() if s.value is None else s.frames())
    about = {"backend": recording.backend, "dt": recording.dt or 1e-3, "start": recording.start}
    return xarray.Dataset(data, attrs=about)


def to_neo(recording: Any, dt: float | None) -> Any:
    """Spikes of a Recording as a neo.Block, one SpikeTrain for each neuron that was recorded."""
    try:
        neo: Any = import_module("neo")
    except ImportError:
        raise MissingDependencyError("Recording.to_neo: package 'neo' is absent; pip install neo") from None
    dt = dt or recording.dt or 1e-3
    begin, end = recording.start * dt, (recording.start + recording.steps) * dt
    block: Any = neo.Block(name="snmem")
    for name, s in recording.spikes.items():
        segment: Any = neo.Segment(name=name)
        order = np.argsort(s.neuron, kind="stable")
        trains = np.split((s.step[order] + recording.start) * dt, np.cumsum(s.counts())[:-1])
        values = np.split(s.values[order], np.cumsum(s.counts())[:-1])
        for i in recording.recorded(name):
            also = {} if s.value is None else {"array_annotations": {"value": values[i]}}
            segment.spiketrains.append(
                neo.SpikeTrain(trains[i], units="s", t_start=begin, t_stop=end, neuron=int(i), **also)
            )
        block.segments.append(segment)
    return block
