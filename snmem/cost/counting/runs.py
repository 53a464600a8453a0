"""Runs that are counted while they are simulated: chunk by chunk, in memory that does not grow with their activity."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from ...io.arguments import as_inputs
from ...simulation import simulate
from ...spikes import Recording, Spikes
from ..pricing import Totals
from .activity import Activity, traces_needed
from .meter import Meter

#: Trace values (steps x neurons) to keep at once: about, and at most (for the sake of chunks of 8 steps).
CHUNK_VALUES, MOST_VALUES = 3 * 2**15, 2**22


class DiffersError(Exception):
    """A run is not the one that is to be repeated; holds the name of a population with other spikes."""


def run_metered(
    meters: Sequence[Meter],
    inputs: Any,
    steps: int | None,
    backend: str = "event",
    updated: str = "counted",
    progress: Callable[[int], None] | None = None,
    expected: Mapping[str, Spikes] | None = None,
) -> Totals:
    """Simulate ``steps`` steps once, under all meters (of one network); returns the totals they do not keep.

    Raises
    ------
    DiffersError
        If the spikes of a population are not those ``expected``.
    """
    network = meters[0].network
    activity = Activity(network)
    names = traces_needed(network) if updated == "counted" else []
    given, steps = as_inputs(network, inputs, steps)
    sums = {p.name: np.zeros(2, np.int64) for p in network.neurons}
    learned = {q.name: 0 for q in network.projections if q.plasticity}
    neurons = sum(p.size for p in network.neurons)
    chunk = max(1, min(1024, max(CHUNK_VALUES // neurons, min(8, MOST_VALUES // neurons))))
    state = None
    for low in range(0, steps, chunk):
        high = min(low + chunk, steps)
        part = {name: s.between(low, high) for name, s in given.items()}
        run = simulate(network, part, high - low, backend, record=names, counters=updated != "counted", state=state)
        state = run.state
        for name, spikes in (expected or {}).items():
            if run.spikes[name].differing(spikes.between(low, high))[0]:
                raise DiffersError(name)
        _add(meters, activity, run, updated, sums)
        for name, n in run.counters.weight_updates.items():
            learned[name] += n
        del run  # its spikes and traces, before the next ones come
        if progress:
            progress(high)
    counts = [{name: int(s[i]) for name, s in sums.items()} for i in range(2)]
    return Totals(counts[0], counts[1], learned)


def _add(meters: Sequence[Meter], activity: Activity, run: Recording, updated: str, sums: Mapping[str, Any]) -> None:
    counts = run.counters.accessed, run.counters.changed or dict.fromkeys(sums, 0)
    neurons = changes = None
    if updated == "counted":
        active = activity.chunk(run.spikes, run.traces, run.steps)
        counts, neurons, changes = (active.updated, active.changed), active.neurons, active.changes
    for meter in meters:
        meter.add(run.spikes, run.steps, neurons, changes=changes)
    for name, s in sums.items():
        s += counts[0][name], counts[1][name]
