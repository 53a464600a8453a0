"""Counts of a recording: what a meter shows of it, and its neurons updated."""

from __future__ import annotations

import warnings

import numpy as np

from ..errors import BackendError, InputError, SnmemWarning
from ..spikes import Recording
from .counting.activity import Activity, traces_needed
from .counting.meter import Meter
from .counting.runs import DiffersError, run_metered
from .options import Order
from .pricing import Totals


def count_recording(order: Order, recording: Recording) -> tuple[Meter, Totals]:
    """A meter that has counted the recording, and the totals it does not keep.

    Raises
    ------
    InputError
        If the updated neurons can neither be counted anew nor were counted in the run.
    """
    if order.options.updated == "all":
        counts, meter = recording.counters, order.meter()
        meter.add(recording.spikes, recording.steps)
        return meter, Totals(counts.accessed, counts.changed, counts.weight_updates)
    return _anew(order, recording) or _as_recorded(order, recording)


def _anew(order: Order, recording: Recording) -> tuple[Meter, Totals] | None:
    """Updated neurons by step and core: from the traces, or by simulating the run once more.

    None if they are to be taken as recorded, if the run continued another, or if the engine does not repeat it.
    """
    network, meter = order.network, order.meter()
    if order.options.updated == "recorded" or recording.start > 0:
        return None
    if all(name in recording.traces for name in traces_needed(network)):
        active = Activity(network).chunk(recording.spikes, recording.traces, recording.steps)
        meter.add(recording.spikes, recording.steps, active.neurons, changes=active.changes)
        return meter, Totals(active.updated, active.changed, recording.counters.weight_updates)
    inputs = {p.name: recording.spikes[p.name] for p in network.fed}
    try:
        return meter, run_metered([meter], inputs, recording.steps, expected=recording.spikes)
    except DiffersError as error:
        what = f"spikes of {error.args[0]!r} are not those of the event engine"
    except BackendError as error:
        what = f"the event engine does not run it ({error})"
    warnings.warn(
        f"bill: the recording cannot be repeated, {what}; updated neurons are those it counted, spread evenly",
        SnmemWarning,
        stacklevel=4,
    )
    return None


def _as_recorded(order: Order, recording: Recording) -> tuple[Meter, Totals]:
    """Updated neurons as the run counted them, spread evenly over steps and cores."""
    network, counts, meter = order.network, recording.counters, order.meter()
    if counts.updated is None:
        raise InputError("bill: the recording holds no count of updated neurons; call simulate(..., counters=True)")
    share = [np.full(p.size, counts.updated[p.name] / (p.size * recording.steps)) for p in network.neurons]
    meter.add(recording.spikes, recording.steps, share=np.concatenate(share))
    return meter, Totals(counts.updated, counts.changed, counts.weight_updates)
