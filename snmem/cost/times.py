"""Times of a billed run: seconds by model and mode, and what sets the pace."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from .counting.meter import STEP_COLUMNS, Meter
from .pricing import Totals, trace_updates
from .timing.model import STAGES, StepTimes

if TYPE_CHECKING:
    from .options import Order


def seconds_of(order: Order, meter: Meter, totals: Totals) -> tuple[dict[str, float | None], StepTimes | None]:
    """Seconds by model and mode, and the step times behind ``free_running``; learning adds to every model."""
    chip, tick = order.chip, order.chip.time("tick")
    untimed: dict[str, float | None] = {"simple": None, "detailed": None, "learning": None}
    if tick is not None:  # the chip goes no faster than real time
        span = meter.steps * max(tick * order.turns, order.step_time)
        return untimed | {"free_running": meter.steps * tick * order.turns, "throttled": span}, None
    if any(chip.time(name) is None for name in ("neuron_access", "synaptic_event")):
        return untimed | {"free_running": None, "throttled": meter.steps * order.step_time}, None
    learning = _learning_seconds(order, meter, totals) * order.turns
    simple = times = _in_turns(meter.simple, order.turns)
    out: dict[str, float | None] = {"simple": float(simple.seconds.sum()) + learning, "detailed": None}
    if meter.timer:
        times = _in_turns(meter.detailed, order.turns)
        out["detailed"] = float(times.seconds.sum()) + learning
    free = float(times.seconds.sum()) + learning
    per_step = times.seconds + learning / meter.steps
    throttled = float(np.maximum(per_step, order.step_time).sum())
    return out | {"learning": learning, "free_running": free, "throttled": throttled}, times


def _in_turns(times: StepTimes, turns: int) -> StepTimes:
    """Times of cores that take ``turns`` parts one after the other."""
    return times if turns == 1 else replace(times, seconds=times.seconds * turns)


def _learning_seconds(order: Order, meter: Meter, totals: Totals) -> float:
    """Weight and trace updates on the busiest core, spread over the cores of the targets by their synapses."""
    chip = order.chip
    weight, trace = chip.time("synapse_update") or 0.0, chip.time("trace_update") or 0.0
    load: Any = np.zeros(int(order.placement.cores[-1]) + 1)
    for q in order.network.projections:
        if q.plasticity:
            share = np.diff(q.weights.indptr) / max(q.synapses, 1)
            seconds = weight * totals.weight_updates.get(q.name, 0) + trace * trace_updates(q, meter.spikes)
            load += seconds * np.bincount(order.placement.core[q.post], share, minlength=len(load))
    return float(load.max())


def pace_of(times: StepTimes, meter: Meter) -> dict[str, Any]:
    """Spread of the step times, who was last in most steps, and how unevenly the cores are loaded."""
    pairs, often = np.unique(times.core * len(STAGES) + times.stage, return_counts=True)
    core, stage = divmod(int(pairs[often.argmax()]), len(STAGES))
    p50, p99 = np.percentile(times.seconds, [50, 99])
    events = meter.by_core[:-1, 1]
    return {
        "critical_core": meter.cores_of(np.array([core]))[0],
        "critical_stage": STAGES[stage],
        "critical_share": float(often.max() / often.sum()),
        "stages": {name: float((times.stage == i).mean()) for i, name in enumerate(STAGES)},
        "step_p50": float(p50),
        "step_p99": float(p99),
        "step_max": float(times.seconds.max()),
        "barrier": meter.barrier,
        "load_imbalance": float(events.max() / events.mean()) if events.any() else None,
        "packets_held_up": int(meter.timer.waits) if meter.timer else None,
    }


def columns_by_step(meter: Meter, times: StepTimes | None) -> dict[str, Any] | None:
    """Columns of counts by step, and time, slowest core and its stage where the chip has times."""
    if meter.by_step is None:
        return None
    out: dict[str, Any] = {name: c.tolist() for name, c in zip(STEP_COLUMNS, meter.by_step.T, strict=True)}
    if times:
        out |= {"seconds": times.seconds.tolist(), "critical_core": meter.cores_of(times.core)}
        out["critical_stage"] = [STAGES[i] for i in times.stage]
    return out
