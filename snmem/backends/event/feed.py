"""Input spikes as the loop reads them: all of a run at once, or, where sources draw, some steps at a time."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...sources.base import Source
from ...sources.draw import Draw
from ...sources.drawn import AT_ONCE, Drawn
from ...spikes import Spikes
from ..base import Job
from .arrays import Inputs
from .layout.network import EventState, Layout
from .tuning import DRAWN_AT_ONCE

#: Steps that sources draw at a time, at most.
_ROWS = 2**15


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
        self.together = self._together()
        at_once = AT_ONCE if self.together is None else DRAWN_AT_ONCE
        self.rows = max(1, int(min(at_once / max(sum(drawn), 1e-9), _ROWS))) if drawn else job.steps
        self.room = np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0)
        self.inputs = self.next(start.spikes, start.values)

    def _together(self) -> Draw | None:
        """The inputs, where all are drawn and can be drawn together."""
        drawn = [s for s in self.job.inputs.values() if isinstance(s, Drawn)]
        drawings = [d for s in drawn if (d := s.source.drawing(s.dt, 0, s.size)) is not None]
        if not drawings or len(drawings) < len(self.job.inputs):
            return None
        return Draw(drawings, [int(first) for first in self.first])

    def next(self, carried: Any, values: Any) -> Inputs:
        """Spikes of the next steps, by step, then neuron, behind those on their way, ``carried``, with their values."""
        low = self.until - self.offset
        high = min(low + self.rows, self.job.steps)
        if self.together is not None:
            self.inputs = self._drawn(self.together, low, high, carried, values)
            return self.inputs
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

    def _drawn(self, draw: Draw, low: int, high: int, carried: Any, values: Any) -> Inputs:
        """The same for steps low .. high-1, or the first of them; whoever has the last ones has no need of them now."""
        inputs: Any = list(self.job.inputs.values())
        n, start, began = len(carried), inputs[0].start + low, self.until
        if self.room[0].size < n + draw.room(high - low):
            self.room = tuple(np.empty(n + draw.room(high - low), array.dtype) for array in self.room)
        neuron, step, value = self.room
        neuron[:n], step[:n], value[:n] = carried, began - 1, 1.0 if values is None else values
        n, reached = draw.into(start, start + high - low, began - start, (step, neuron, value), n)
        self.until = began + reached - start
        for s, counts in zip(inputs, draw.seen(), strict=True):
            s.add(low, low + reached - start, counts)
        return Inputs(neuron[:n], step[:n], value[: n if self.graded else 0], self.flags)

    def _part(self, spikes: Spikes, low: int, high: int) -> Spikes:
        if isinstance(spikes, Drawn):
            return spikes.chunk(low, high)
        return spikes if high - low == spikes.steps else spikes.between(low, high)


def _order(steps: Any, began: int, rows: int) -> Any:
    """Places in the order of the steps; within a step they stay, by input, then line."""
    small = np.uint16 if rows < 2**16 else np.int64  # numpy sorts 16 bits by counting
    return np.argsort((steps - began).astype(small), kind="stable")
