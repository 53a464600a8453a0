"""Which state variables the loop writes down, and where."""

from __future__ import annotations

import numpy as np

from ..base import Job
from .arrays import Net
from .layout.network import Layout

#: Numbers of traces that are held before a recorder is given them.
_HELD = 1 << 20


def trace_columns(job: Job, layout: Layout) -> tuple[int, Net]:
    """How many numbers a step writes down; and the network, with ``traces`` (see POPULATION) that say which.

    A row of that table stands for neurons that follow one another.
    """
    if not job.record:
        return 0, layout.net
    rows, columns = [], 0
    for name, (pop, variable) in zip(job.record, job.traces(), strict=True):
        p = layout.index[pop]
        (number, aside), size = layout.variable(job.network[pop], variable), int(layout.sizes[p])
        which = job.plan.traces[name].which if job.plan else None
        if which is None:
            rows.append((p, number, aside, columns, 0, size))
            columns += size
            continue
        ends = np.flatnonzero(np.diff(which) != 1) + 1
        for run in np.split(which, ends) if len(which) else ():
            rows.append((p, number, aside, columns, int(run[0]), int(run[-1]) + 1))
            columns += len(run)
    return columns, layout.net._replace(traces=np.array(rows, np.int64).reshape(-1, 6))


def rows_at_a_time(columns: int, steps: int) -> int:
    """Steps whose traces are held together."""
    return min(steps, max(1, _HELD // max(columns, 1)))
