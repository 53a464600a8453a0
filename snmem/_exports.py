"""Recordings as objects of other packages."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import numpy as np

from ._text import unique
from .errors import MissingDependencyError


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
    data |= {f"{name}.spikes": (("step", dims[name]), s.raster()) for name, s in spikes.items()}
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
        segment.spiketrains.extend(
            neo.SpikeTrain(trains[i], units="s", t_start=begin, t_stop=end, neuron=int(i))
            for i in recording.recorded(name)
        )
        block.segments.append(segment)
    return block
