"""Delivering spikes by the kernels of convolutions (:mod:`...layout.shared`), to neurons in blocks.

A presynaptic neuron reaches a neuron once at most, so that sums are taken in ascending order of presynaptic neurons if
spikes are delivered in that order, whatever the order within a window.
"""

from __future__ import annotations

import numpy as np

from ....._jit import inner
from ...arrays import BLOCK
from ...columns import (
    ACROSS,
    AREA,
    CHANNELS_IN,
    CHANNELS_OUT,
    DOWN,
    EXPONENT,
    FIRST_TAP,
    FIRST_X,
    FIRST_Y,
    HEIGHT,
    LINE_IN,
    LINE_OUT,
    MARK_ALL,
    PLANE,
    WINDOW,
)
from .rows import add_rounded

#: Rows of ``Work.listed``: from the first target of a window to each, and from its first weight to that of it.
_TO, _OF = 0, 1


@inner(inline="always")
def _add_whole(into, weight, listed, t, k, step, rows, columns, down, right, window):
    """Add a window to the targets from place t on, with weights from place k on; ``step``: (area, size of a window)."""
    area, size, outputs = step
    to, of = listed[_TO], listed[_OF]
    n = np.uint64(0)
    for r in range(rows):
        for i in range(columns):
            to[n] = r * down + i * right
            of[n] = r * window + i
            n += np.uint64(1)
    one, four = np.uint64(1), np.uint64(4)
    fours = n // four * four
    for _ in range(outputs):
        for e in range(np.uint64(0), fours, four):
            t0, w0 = t + np.uint64(to[e]), weight[k + np.uint64(of[e])]
            t1, w1 = t + np.uint64(to[e + one]), weight[k + np.uint64(of[e + one])]
            t2, w2 = t + np.uint64(to[e + one + one]), weight[k + np.uint64(of[e + one + one])]
            t3, w3 = t + np.uint64(to[e + one + one + one]), weight[k + np.uint64(of[e + one + one + one])]
            into[t0] += w0
            into[t1] += w1
            into[t2] += w2
            into[t3] += w3
        for e in range(fours, n):
            into[t + np.uint64(to[e])] += weight[k + np.uint64(of[e])]
        t += area
        k += size


@inner
def _add_checked(into, weight, tap, value, bounds, t, k, rows, columns, down, right, window):
    """Add the window of one output, times a value, to those of its targets that lie within bounds."""
    low, high = bounds
    for _ in range(rows):
        for i in range(columns):
            to = t + i * right
            if low <= to < high and tap[k + i]:
                into[to] += weight[k + i] * value
        t += down
        k += window


@inner
def _mark(pending, t, outputs, area, rows, columns, down, right, bounds):
    """Mark the blocks that a window reaches, and those between."""
    low, high = bounds
    for o in range(outputs):
        for r in range(rows):
            first = max(t + o * area + r * down, low)
            last = min(t + o * area + r * down + (columns - 1) * right, high - 1)
            for b in range(first // BLOCK, last // BLOCK + 1):
                pending[b] = 1


@inner
def add_window(shared, size, into, pending, listed, i, value, plain, mark, base, start, stop):
    """Add the weights of presynaptic neuron i, times a value (``plain``: 1), to the targets in start .. stop-1.

    base: place of the first target neuron; all places are those of ``into``.
    """
    weight, tap, axis = shared.weight, shared.tap, shared.axis
    channel = i // size[PLANE]
    rest = i - channel * size[PLANE]
    y = rest // size[LINE_IN]
    row, column = axis[size[FIRST_Y] + y], axis[size[FIRST_X] + rest - y * size[LINE_IN]]
    rows, columns = row[2], column[2]
    if rows == 0 or columns == 0:
        return
    area, outputs, window = size[AREA], size[CHANNELS_OUT], size[WINDOW]
    each, down, right = size[HEIGHT] * window, size[DOWN], size[ACROSS]
    first = channel // size[CHANNELS_IN] * outputs  # output
    low, high = max(first, (start - base) // area), min(first + outputs, -(-(stop - base) // area))
    if low >= high:
        return
    t = base + low * area + row[0] * size[LINE_OUT] + column[0]
    k = size[FIRST_TAP] + (channel * outputs + low - first) * each + row[1] * window + column[1]
    if not mark:
        _mark(pending, t, high - low, area, rows, columns, down, right, (start, stop))
    if plain and rows * columns <= listed.shape[1]:  # outputs of which all neurons are within bounds go together
        if base + low * area < start:
            _add_checked(into, weight, tap, 1.0, (start, stop), t, k, rows, columns, down, right, window)
            low, t, k = low + 1, t + area, k + each
        whole = high - (base + high * area > stop)
        if whole > low:
            step = np.uint64(area), np.uint64(each), whole - low
            _add_whole(
                into, weight, listed, np.uint64(t), np.uint64(k), step, rows, columns, down, right, window,
            )  # fmt: skip
            t, k, low = t + (whole - low) * area, k + (whole - low) * each, whole
    for _ in range(low, high):
        _add_checked(into, weight, tap, value, (start, stop), t, k, rows, columns, down, right, window)
        t += area
        k += each


@inner
def deliver_shared(shared, links, blocks, work, spikes, values, arrivals):
    """Add the weights of spikes, times their values (empty: 1), to the input of their targets in some blocks."""
    q, lo, hi, begin, end, first, first_block, _ = arrivals
    if begin >= end:
        return
    size, exponent, mark = shared.size[shared.row[q]], links[q, EXPONENT], links[q, MARK_ALL] != 0
    start, stop, into, pending = begin * BLOCK, end * BLOCK, blocks.input, blocks.pending
    if exponent < 0:  # Loihi rounds the sum of a step down, so it needs a sum of its own
        into, mark = work.scratch, True
        into[start:stop] = 0.0
    for j in range(lo, hi):
        value = values[j] if values.size else 1.0
        add_window(
            shared, size, into, pending, work.listed, spikes[j] - first, value, values.size == 0, mark,
            first_block * BLOCK, start, stop,
        )  # fmt: skip
    if exponent < 0:
        add_rounded(blocks.input, work.scratch, exponent, start, stop)
    if mark:
        pending[begin:end] = 1
