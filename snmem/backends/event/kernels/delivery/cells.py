"""Delivering spikes by synapses in a row for each presynaptic neuron, to cells."""

from __future__ import annotations

import numpy as np

from ....._jit import inner
from ...arrays import BATCH, BLOCK, CellRows
from ...columns import (
    AGE,
    ALPHA,
    BETA,
    BIAS,
    DRIVE,
    FIELDS,
    FIRST_PTR,
    GAIN,
    INPUT,
    PEAKS,
    POST,
    RANGES,
    ROWS_AHEAD,
    THETA,
)
from ...llvm.closed_form import catch_up_batch
from ...llvm.memory import lowest_bit, prefetch
from ...tuning import CELLS_AHEAD, STRIDE
from ..cells import catch_up_one, due_of
from ..neuron import lif_step, may_spike, reach
from .rows import first_from, prefetch_synapses, rows_of, weight_of

_FIELDS, _V, _INPUT, _AGE = np.uint64(FIELDS), np.uint64(1), np.uint64(INPUT), np.uint64(AGE)


@inner(inline="always")
def _add_exactly(own, n, rows, k, t, freezes):
    """Add the weight of synapse k to its cell, which joins the due ones if it is its first; returns their number.

    freezes: whether cells that are refractory stand still, a while ahead of the others, and take no input.
    """
    cells, ages, due = own
    i = np.uint64(rows.target[k])
    age = ages[i * _FIELDS + _AGE]
    if freezes and age >> 1 > t:
        return n
    cells[i * _FIELDS + _INPUT] += weight_of(rows, k)
    due[n] = np.int64(i) | (t - (age >> 1)) << 32
    ages[i * _FIELDS + _AGE] = age | 1
    return n + np.uint64(~age & 1)


@inner(inline="always")
def _catch_up(own, rows, low, high, table, form, peaks, t):
    """What :func:`...llvm.closed_form.catch_up_batch` does, for any number of cells of any age."""
    cells, ages, _ = own
    alpha, beta, bias, gain, drive, limit = form
    reaching = 0
    for k in range(low, high):
        c = np.uint64(rows.target[k]) * _FIELDS
        w = weight_of(rows, k)
        age = ages[c + _AGE]
        u, v, given, steps = cells[c], cells[c + _V], cells[c + _INPUT], t - (age >> 1)
        if steps > 0:
            u, v = catch_up_one(u, v, given, steps, alpha, beta, bias, table)
            cells[c], cells[c + _V] = u, v
            given = 0.0
        given += w
        cells[c + _INPUT], ages[c + _AGE] = given, t << 1 | age & 1
        u, v = lif_step(u, v, given, alpha, beta, bias)
        most = reach(u, v, gain, drive)
        peaks[0] = max(peaks[0], most, abs(u))
        reaching |= (not (most <= limit)) << np.int64(k - low)
    return reaching


@inner(inline="always")
def _join(own, n, target, low, reaching, form, theta):
    """Of the cells with a bit in ``reaching``, those that may spike join the due ones; returns their new number."""
    cells, ages, due = own
    alpha, beta, bias, gain, drive, _ = form
    while reaching:
        i = np.uint64(target[low + np.uint64(lowest_bit(reaching))])
        reaching &= reaching - 1
        c = i * _FIELDS
        u, v = lif_step(cells[c], cells[c + _V], cells[c + _INPUT], alpha, beta, bias)
        if ages[c + _AGE] & 1 == 0 and may_spike(u, v, gain, drive, theta):
            ages[c + _AGE] |= 1
            due[n] = np.int64(i)
            n += np.uint64(1)
    return n


@inner
def deliver_direct(synapses, weight, cell, given, spikes, values, arrivals, aside, thread, t):
    """Add the weights of spikes, times what they carry, to what reaches v of their target cells itself, in step t.

    given: ``Blocks.input``, in which it stands ``aside`` blocks from the neurons.
    """
    q, lo, hi, begin, end, first, _, _ = arrivals
    links, ptr, rows = synapses.links, synapses.ptr, rows_of(synapses, weight, q)
    p, ranges, start, stop = links[q, POST], links[q, RANGES], begin * BLOCK, end * BLOCK
    due, ages, n = due_of(cell, p, thread, begin - aside), cell.ages, cell.waiting[thread, p]
    for j in range(lo, hi):
        row = spikes[j] * ranges + links[q, FIRST_PTR] - first * ranges
        for k in range(ptr[row], ptr[row + ranges]):
            place = np.int64(rows.target[k])
            i = place - aside * BLOCK
            age = ages[i * FIELDS + AGE]
            if place < start or place >= stop or age >> 1 > t:
                continue
            given[place] += weight_of(rows, np.uint64(k)) * (values[j] if values.size else 1.0)
            cell.direct[thread, p] = 1
            if age & 1 == 0:
                due[n] = i | (t - (age >> 1)) << 32
                ages[i * FIELDS + AGE] = age | 1
                n += 1
    cell.waiting[thread, p] = n


@inner(inline="always")
def _row_at(j, synapses, spikes, arrivals, rows, ahead, ranges, base):
    """Synapses low .. high-1 of spike j in its blocks, and soon .. until-1 of the spike ``ahead``; 0 where none is.

    Of the rows to come, the offsets are prefetched, then the synapses.
    """
    ptr, target, lo, hi = synapses.ptr, rows.target, arrivals.low, arrivals.high
    if j + 12 * ahead < hi:
        prefetch(ptr, np.uint64(spikes[j + 12 * ahead] * ranges + base))
    if lo <= j + 6 * ahead < hi:
        row = spikes[j + 6 * ahead] * ranges + base
        for k in range(np.uint64(ptr[row]), np.uint64(ptr[row + ranges]), np.uint64(STRIDE // 2)):
            prefetch_synapses(rows, k)
    row, come = spikes[max(j, lo)] * ranges + base, j >= lo
    low, high = np.uint64(ptr[row]), np.uint64(ptr[row + ranges] if come else ptr[row])
    come = lo <= j + ahead < hi
    row = spikes[j + ahead] * ranges + base if come else 0
    soon, until = np.uint64(ptr[row]), np.uint64(ptr[row + ranges] if come else ptr[row])
    if arrivals.begin > arrivals.first_block or arrivals.end < arrivals.last_block:
        start, stop = arrivals.begin * BLOCK, arrivals.end * BLOCK
        low, high = first_from(target, low, high, start), first_from(target, low, high, stop)
        soon, until = first_from(target, soon, until, start), first_from(target, soon, until, stop)
    return low, high, soon, until


@inner
def _deliver_exactly(own, n, synapses, spikes, arrivals, rows, ahead, ranges, base, t, freezes):
    """:func:`deliver_cells` to cells that stay as old as they are; returns the number of due ones."""
    cells, target, near = own.cells, rows.target, np.uint64(CELLS_AHEAD)
    for j in range(arrivals.low - 12 * ahead, arrivals.high):
        low, high, soon, until = _row_at(j, synapses, spikes, arrivals, rows, ahead, ranges, base)
        # Of the cells, those that stand ``near`` further on in the row, or the first ones of the row to come.
        for k in range(soon + min(high - low, near), min(soon + near, until)):
            prefetch(cells, np.uint64(target[k]) * _FIELDS)
        last = high - min(high - low, near)
        for k in range(low, last):
            prefetch(cells, np.uint64(target[k + near]) * _FIELDS)
            n = _add_exactly(own, n, rows, k, t, freezes)
        for k in range(last, high):
            if soon < until:
                prefetch(cells, np.uint64(target[soon]) * _FIELDS)
                soon += np.uint64(1)
            n = _add_exactly(own, n, rows, k, t, freezes)
    return n


@inner
def _deliver_at_once(own, n, synapses, weight, spikes, arrivals, rows, ahead, ranges, base, t, closed, theta):
    """:func:`deliver_cells` with a table of closed forms; returns the number of due ones."""
    cells, (target, code, values, _, coded, shift), (table, form, peaks) = own.cells, rows, closed
    batch, near = np.uint64(BATCH), np.uint64(CELLS_AHEAD)
    for j in range(arrivals.low - 12 * ahead, arrivals.high):
        low, high, soon, until = _row_at(j, synapses, spikes, arrivals, rows, ahead, ranges, base)
        for k in range(soon + min(high - low, near), min(soon + near, until)):
            prefetch(cells, np.uint64(target[k]) * _FIELDS)
        while low < high:
            some = min(low + batch, high)
            within = low + near < high
            ask = low + near if within else soon
            for k in range(ask, min(ask + batch, high if within else until)):
                prefetch(cells, np.uint64(target[k]) * _FIELDS)
            soon += np.uint64(0) if within else batch
            reaching = -1
            if some == low + batch and coded:
                reaching = catch_up_batch(cells, target, low, values, code, low + shift, table, form, peaks, t)
            elif some == low + batch:
                reaching = catch_up_batch(cells, target, low, weight, None, low + shift, table, form, peaks, t)
            if reaching < 0:
                reaching = _catch_up(own, rows, low, some, table, form, peaks, t)
            n = _join(own, n, target, low, reaching, form, theta)
            low = some
    return n


@inner
def deliver_cells(synapses, weight, cell, spikes, arrivals, thread, t, freezes):
    """Add the weights of spikes to the input of their target cells in some blocks, in step t.

    Those that get their first join the due ones. With a ``table`` of closed forms a cell is brought to step t at
    once, and joins only if it may spike; else it keeps that input, and is brought past step t by its next one.
    """
    q, links = arrivals.link, synapses.links
    p, ranges, ahead, rows = links[q, POST], links[q, RANGES], links[q, ROWS_AHEAD], rows_of(synapses, weight, q)
    base, n = links[q, FIRST_PTR] - arrivals.first * ranges, np.uint64(cell.waiting[thread, p])
    own = CellRows(cell.cells, cell.ages, due_of(cell, p, thread, arrivals.begin))
    par, table = cell.par[p], cell.table[p]
    if table.shape[0] > 0:
        theta = par[THETA, 0]
        form = (par[ALPHA, 0], par[BETA, 0], par[BIAS, 0], par[GAIN, 0], par[DRIVE, 0], 0.999 * theta - 1e-300)
        closed = table, form, cell.margin[p, PEAKS:]
        n = _deliver_at_once(own, n, synapses, weight, spikes, arrivals, rows, ahead, ranges, base, t, closed, theta)
    elif freezes:
        n = _deliver_exactly(own, n, synapses, spikes, arrivals, rows, ahead, ranges, base, t, True)
    else:
        n = _deliver_exactly(own, n, synapses, spikes, arrivals, rows, ahead, ranges, base, t, False)
    cell.waiting[thread, p] = n
