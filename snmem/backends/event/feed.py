"""Input spikes as the loop reads them: all of a run at once, or, where sources draw, some steps at a time."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..._jit import kernel
from ...sources.base import Source
from ...sources.drawn import AT_ONCE, Drawn
from ...spikes import Spikes
from ..base import Job
from .arrays import Inputs
from .layout.network import EventState, Layout
from .tuning import MERGED_FROM

#: Steps that sources draw at a time, at most.
_ROWS = 2**15


@kernel
def place_spikes(step, neuron, value, at, first, began, steps, neurons, values):
    """Write the spikes of an input behind those of their steps that are there; ``at``: the next place of each step."""
    for i in range(step.size):
        t = step[i]
        k = at[t]
        at[t] = k + 1
        steps[k], neurons[k] = t + began, neuron[i] + first
        if value.size:
            values[k] = value[i]


def graded_of(job: Job) -> frozenset[str]:
    """Inputs whose spikes may carry any number, also those of earlier runs that are still on their way.

    The counts of a source, which a layout knows of, are whole numbers of limited size.
    """
    names = {name for name, s in job.inputs.items() if not isinstance(s, Drawn) and s.value is not None}
    names |= {n for n, s in job.inputs.items() if isinstance(s, Drawn) and _unlimited(s.source, None)}
    if isinstance(job.state, EventState):
        names |= {name for name in job.state.graded if _unlimited(job.network[name], job.state.values)}
    return frozenset(names)


def _unlimited(source: Any, values: Any) -> bool:
    """Whether an input, or some of its ``values`` that are on their way, may be other than a source's small counts."""
    if not isinstance(source, Source) or source.largest == np.inf:
        return True
    return values is not None and bool(((values % 1 != 0) | (values > source.largest)).any())


def _carrying(job: Job) -> frozenset[str]:
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
        self.graded = _carrying(job)
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
        if len(parts) > 1 and sum(len(s.step) for s in parts) >= MERGED_FROM and high - low <= _ROWS:
            self.inputs = self._merged(parts, began, high - low, carried, values)
            return self.inputs
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

    def _merged(self, parts: list[Spikes], began: int, rows: int, carried: Any, values: Any) -> Inputs:
        """The same, many spikes of several inputs: each goes straight to its place."""
        counts = sum(np.bincount(s.step, minlength=rows) for s in parts)
        at, n = np.cumsum(np.concatenate([[len(carried)], counts])), len(carried)
        neuron, step = np.empty((2, at[-1]), np.int64)
        value = np.empty(at[-1] if self.graded else 0)
        neuron[:n], step[:n], value[:n] = carried, began - 1, 1.0 if values is None else values[: len(value)]
        for s, first in zip(parts, self.first, strict=True):
            place_spikes(
                s.step, s.neuron, s.values if self.graded else value[:0], at, first, began, step, neuron, value
            )
        return Inputs(neuron, step, value, self.flags)

    def _part(self, spikes: Spikes, low: int, high: int) -> Spikes:
        if isinstance(spikes, Drawn):
            return spikes.chunk(low, high)
        return spikes if high - low == spikes.steps else spikes.between(low, high)


def _order(steps: Any, began: int, rows: int) -> Any:
    """Places in the order of the steps; within a step they stay, by input, then line."""
    small = np.uint16 if rows < 2**16 else np.int64  # numpy sorts 16 bits by counting
    return np.argsort((steps - began).astype(small), kind="stable")
