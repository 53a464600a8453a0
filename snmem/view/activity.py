"""The section of spikes, rates and potentials."""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ..plots.activity import columns_of_neurons, shared_threshold
from .blobs import Blobs
from .raster import add_raster, columns_of, rows_of

#: Numbers of a trace that a page holds at most.
_NUMBERS = 2**22


def activity(blobs: Blobs, recording: Any, names: Sequence[str], traces: Sequence[str], neurons: Any) -> dict[str, Any]:
    """Put spikes and traces of a recording into the page; returns what the page's script reads.

    Parameters
    ----------
    blobs : Blobs
        Bytes of the page.
    recording : Recording or StoredRun
        The run.
    names, traces : sequences of str
        Populations and traces to show.
    neurons : int or sequence of int
        How many neurons of each trace, or which.
    """
    spikes: Mapping[str, Any] = {name: recording.spikes[name] for name in names}
    rows = rows_of([s.size for s in spikes.values()])
    columns = columns_of(sum(map(len, spikes.values())))
    lanes = []
    for (name, s), n in zip(spikes.items(), rows, strict=True):
        about = {"name": name, "size": s.size, "recorded": len(recording.recorded(name)), "spikes": len(s)}
        lanes.append(about | add_raster(blobs, s, n, columns))
    about = {"steps": recording.steps, "start": recording.start, "dt": recording.dt, "backend": recording.backend}
    return {**about, "lanes": lanes, "traces": [_trace(blobs, recording, name, neurons) for name in traces]}


def _trace(blobs: Blobs, recording: Any, name: str, neurons: Any) -> dict[str, Any]:
    """Chosen neurons of a trace as float32, thinned out where it is longer than a page holds."""
    there, values = recording.recorded(name), recording.traces[name]
    columns = columns_of_neurons(name, neurons, there)
    at = np.round(recording.t(name) / (recording.dt or 1e-3)).astype(np.int64) - recording.start
    thin = -(-len(at) * len(columns) // _NUMBERS)
    rows = np.asarray(values[::thin])[:, columns].T.astype("<f4")
    chosen = [int(there[column]) for column in columns]
    return {
        "name": name,
        "neurons": chosen,
        "first": int(at[0]) if len(at) else 0,
        "every": int(at[1] - at[0]) * thin if len(at) > 1 else 1,
        "theta": shared_threshold(recording, name, chosen),
        "at": [blobs.add(zlib.compress(row.tobytes(), 6)) for row in rows],
    }
