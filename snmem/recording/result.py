"""From what a recorder has taken in to the fields of a Recording."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ..spikes import Spikes
from .recorder import Memory, Recorder


def take_run(recorder: Recorder, spikes: Mapping[str, Spikes], traces: Mapping[str, Any], steps: int) -> Recorder:
    """Let the recorder take in a whole run, of a backend that has kept all spikes and traces; returns it."""
    for name, s in spikes.items():
        if name not in recorder.inputs:
            recorder.spikes(name, s.step, s.neuron)
    for name, samples in recorder.plan.traces.items():
        recorder.traces(name, 0, traces[name] if samples.which is None else traces[name][:, samples.which])
    recorder.finish(steps)
    return recorder


def kept_of(recorder: Recorder, steps: int) -> dict[str, Any]:
    """What the recorder has put into memory, as fields of a Recording; empty ones if it went into a file."""
    store, sizes, plan = recorder.store, recorder.sizes, recorder.plan
    found: dict[str, Any] = {"spikes": {}, "traces": {}, "counts": {}, "rates": {}, "weight_traces": {}, "plan": plan}
    if not isinstance(store, Memory):
        return found
    for name, which in plan.spikes.items():
        if name in recorder.inputs:  # they may carry values
            found["spikes"][name] = recorder.inputs[name].between(0, steps).of(which)
        else:
            found["spikes"][name] = Spikes.trusted(*store.spikes_of(name), steps, sizes[name])
    kind = np.float64 if recorder.network.arithmetic == "float" else np.int64
    tables = {("traces", name): (kind, (s.columns,)) for name, s in plan.traces.items()}
    tables |= {("weight_traces", name): (kind, (s.columns,)) for name, s in plan.weights.items()}
    tables |= {("counts", name): (np.int64, (sizes[name],)) for name in plan.counts}
    tables |= {("rates", name): (np.float64, ()) for name in plan.rates}
    for (table, name), (dtype, columns) in tables.items():
        found[table][name] = store.table(table, name, dtype, columns)
    return found
