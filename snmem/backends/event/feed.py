"""Input spikes as the loop reads them: all of a run at once, or, where sources draw, some steps at a time."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...sources.drawn import AT_ONCE, Drawn
from ...spikes import Spikes
from ..base import Job
from .arrays import Inputs
from .layout.network import EventState, Layout

#: Steps that sources draw at a time, at most.
_ROWS = 2**15


def graded_of(job: Job) -> frozenset[str]:
    """Inputs whose spikes carry values, also those of earlier runs that are still on their way."""
    names = {name for name, spikes in job.inputs.items() if _carries(spikes)}
    return frozenset(names | (job.state.graded if isinstance(job.state, EventState) else set()))


def _carries(spikes: Spikes) -> bool:
    return spikes.source.values if isinstance(spikes, Drawn) else spikes.value is not None


class Feed:
    """What the inputs of a job hold, up to step ``until``.

    Parameters
    ----------
    job : Job
        Its inputs.
    layout : Layout
        The network as arrays.
    start : EventState
        Where the run begins, with spikes that are on their way.
    """

    def __init__(self, job: Job, layout: Layout, start: EventState) -> None:
        self.job, self.offset, self.until = job, start.step, start.step
        self.first = [layout.first[layout.index[name]] for name in job.inputs]
        self.graded = graded_of(job)
        self.flags = np.array([p.name in self.graded for p in job.network.inputs], np.uint8)
        drawn = [s.source.expected(s.dt) for s in job.inputs.values() if isinstance(s, Drawn)]
        self.rows = max(1, int(min(AT_ONCE / max(sum(drawn), 1e-9), _ROWS))) if drawn else job.steps
        self.inputs = self.next(start.spikes, start.values)

    def next(self, carried: Any, values: Any) -> Inputs:
        """Spikes of the next steps, by step, then neuron, behind those on their way, ``carried``, with their values."""
        low = self.until - self.offset
        high = min(low + self.rows, self.job.steps)
        began, self.until = self.until, self.offset + high
        parts = [self._part(s, low, high) for s in self.job.inputs.values()]
        ids = [s.neuron + first for s, first in zip(parts, self.first, strict=True)]
        when = [s.step + began if began else s.step for s in parts]
        value = [s.values for s in parts] if self.graded else []
        if len(ids) > 1:
            all_ids, all_steps = np.concatenate(ids), np.concatenate(when)
            order = _order(all_steps, began, high - low)
            ids, when = [all_ids[order]], [all_steps[order]]
            value = [np.concatenate(value)[order]] if self.graded else []
        if len(carried) or not ids:
            ids, when = [carried, *ids], [0 * carried + began - 1, *when]
            value = [np.ones(len(carried)) if values is None else values, *value] if self.graded else []
        self.inputs = Inputs(
            np.concatenate(ids) if len(ids) > 1 else ids[0],
            np.concatenate(when) if len(when) > 1 else when[0],
            np.concatenate([np.zeros(0), *value]),
            self.flags,
        )
        return self.inputs

    def _part(self, spikes: Spikes, low: int, high: int) -> Spikes:
        if isinstance(spikes, Drawn):
            return spikes.chunk(low, high)
        return spikes if high - low == spikes.steps else spikes.between(low, high)


def _order(steps: Any, began: int, rows: int) -> Any:
    """Places in the order of the steps; within a step they stay, by input, then line."""
    small = np.uint16 if rows < 2**16 else np.int64  # numpy sorts 16 bits by counting
    return np.argsort((steps - began).astype(small), kind="stable")
