"""Delivering spikes: their weights go to the input of the next step."""

from __future__ import annotations

import math

import numpy as np

from .._jit import kernel
from .event_blocks import may_spike, reach
from .event_cells import AGE, FIELDS, INPUT, due_of, leap_one
from .event_intrinsics import four, lowest, prefetch
from .event_leap import leap
from .event_types import AHEAD, ALPHA, BETA, BIAS, BLOCK, DRIVE, FLOCK, GAIN, NEAR, STRIDE, THETA


@kernel(keep=False)
def _first(target, low, high, bound):
    """Where in the ascending target[low:high] the first one >= bound stands."""
    while low < high:
        middle = (low + high) >> np.uint64(1)
        if target[middle] < bound:
            low = middle + np.uint64(1)
        else:
            high = middle
    return low


@kernel(keep=False)
def deliver_blocks(
    proj, shifts, pop_first, pop_blk, ptr, target, code, palette, weight, cur, touched, scratch, spk, q, lo, hi, own,
    end,
):  # fmt: skip
    """Add the weights of the spikes spk[lo:hi] of projection q to the input of its targets in the blocks own .. end-1.

    One range of targets after the other, so that their sums stay in cache; within a range spike after spike, so that
    every sum is taken in ascending order of the presynaptic neurons.
    """
    if own >= end:
        return
    pre, post, exponent, ranges = proj[q, 0], proj[q, 1], proj[q, 3], proj[q, 7]
    mark, coded, first = proj[q, 5] != 0, proj[q, 6] != 0, pop_first[pre]
    shift = np.uint64(shifts[q])  # unsigned indices need no look at their sign; sums wrap around as they should
    start, stop = own * BLOCK, end * BLOCK
    into = cur
    if exponent < 0:  # Loihi rounds the sum of a step down, so it needs a sum of its own
        into = scratch
        into[start:stop] = 0.0
        mark = True
    base = proj[q, 4] - first * ranges
    if proj[q, 10] != 0 and exponent == 0:
        synapse = ptr[proj[q, 4]] - first
        for j in range(np.uint64(lo), np.uint64(hi)):
            k = np.uint64(spk[j] + synapse)
            i = np.uint64(target[k])
            if start <= np.int64(i) < stop:
                into[i] += palette[q, code[k + shift]] if coded else np.float64(weight[k + shift])
                touched[i // np.uint64(BLOCK)] = 1
        return
    width = -(-(pop_blk[post + 1] - pop_blk[post]) // ranges)  # blocks of a range
    begin = (own - pop_blk[post]) // width
    if ranges > 1:  # long rows, out of cache: ask for the first of each at once
        for j in range(lo, min(hi, lo + AHEAD)):
            k = np.uint64(ptr[spk[j] * ranges + base + begin])
            prefetch(target, k)  # pyright: ignore[reportCallIssue]
            prefetch(target, k + np.uint64(STRIDE))  # pyright: ignore[reportCallIssue]
            if coded:
                prefetch(code, k + shift)  # pyright: ignore[reportCallIssue]
            else:
                prefetch(weight, k + shift)  # pyright: ignore[reportCallIssue]
    for r in range(base + begin, base - (pop_blk[post] - end) // width):
        block = pop_blk[post] + (r - base) * width
        part = block < own or min(block + width, pop_blk[post + 1]) > end
        for j in range(lo, hi):
            low, high = np.uint64(ptr[spk[j] * ranges + r]), np.uint64(ptr[spk[j] * ranges + r + 1])
            if part:
                low, high = _first(target, low, high, start), _first(target, low, high, stop)
            if ranges > 1 and j + 1 < hi:
                after = spk[j + 1] * ranges + r
                for k in range(np.uint64(ptr[after]), np.uint64(ptr[after + 1]), np.uint64(STRIDE)):
                    prefetch(target, k)  # pyright: ignore[reportCallIssue]
                    if coded:
                        prefetch(code, k + shift)  # pyright: ignore[reportCallIssue]
                    else:
                        prefetch(weight, k + shift)  # pyright: ignore[reportCallIssue]
            fours = low + (high - low) // np.uint64(4) * np.uint64(4)
            if coded:
                for k in range(low, fours, np.uint64(4)):
                    i0, i1, i2, i3 = four(target, k)  # pyright: ignore[reportCallIssue]
                    w0, w1, w2, w3 = four(code, k + shift)  # pyright: ignore[reportCallIssue]
                    into[i0] += palette[q, w0]
                    into[i1] += palette[q, w1]
                    into[i2] += palette[q, w2]
                    into[i3] += palette[q, w3]
                for k in range(fours, high):
                    into[target[k]] += palette[q, code[k + shift]]
            else:
                for k in range(low, fours, np.uint64(4)):
                    i0, i1, i2, i3 = four(target, k)  # pyright: ignore[reportCallIssue]
                    into[i0] += weight[k + shift]
                    into[i1] += weight[k + shift + np.uint64(1)]
                    into[i2] += weight[k + shift + np.uint64(2)]
                    into[i3] += weight[k + shift + np.uint64(3)]
                for k in range(fours, high):
                    into[target[k]] += weight[k + shift]
            if not mark:
                for k in range(low, high):
                    touched[target[k] // np.uint64(BLOCK)] = 1
    if exponent < 0:
        scale = 2.0**exponent
        for i in range(start, stop):
            cur[i] += math.floor(scratch[i] * scale)
    if mark:
        touched[own:end] = 1


@kernel(keep=False)
def deliver_cells(
    proj, shifts, pop_first, pop_blk, ptr, target, code, palette, weight, spk, q, lo, hi, own, end, cell, thread, t
):  # fmt: skip
    """Add the weights of the spikes spk[lo:hi] of projection q to the input of the cells of own .. end-1 in step t.

    Those that get their first join the due ones. With a ``table`` of closed forms a cell is brought to step t at
    once, and joins only if it may spike; else it keeps that input, and is brought past step t by its next one.
    In one piece, since every call that passes arrays looks for references to count.
    """
    p, coded, ranges, ahead, first = proj[q, 1], proj[q, 6] != 0, proj[q, 7], proj[q, 8], pop_first[proj[q, 0]]
    start, stop, part = own * BLOCK, end * BLOCK, own > pop_blk[p] or end < pop_blk[p + 1]
    cells, ages, par, table, peaks = cell.cells, cell.ages, cell.par[p], cell.table[p], cell.margin[p, 1:]
    due, n = due_of(cell, p, thread, own), cell.waiting[thread, p]
    shift, base = np.uint64(shifts[q]), proj[q, 4] - first * ranges
    exact = table.shape[0] == 0
    alpha, beta, bias, theta = par[ALPHA, 0], par[BETA, 0], par[BIAS, 0], par[THETA, 0]
    gain, drive, values = par[GAIN, 0], par[DRIVE, 0], palette[q]
    flock, near = np.uint64(FLOCK), np.uint64(NEAR)
    limit = 0.999 * theta - 1e-300
    form = (alpha, beta, bias, gain, drive, limit)
    for j in range(lo - 12 * ahead, hi):
        # Of the rows to come, ask for the offsets, then for the synapses, then for the cells.
        if j + 12 * ahead < hi:
            prefetch(ptr, np.uint64(spk[j + 12 * ahead] * ranges + base))  # pyright: ignore[reportCallIssue]
        if lo <= j + 6 * ahead < hi:
            row = spk[j + 6 * ahead] * ranges + base
            for k in range(np.uint64(ptr[row]), np.uint64(ptr[row + ranges]), np.uint64(STRIDE // 2)):
                prefetch(target, k)  # pyright: ignore[reportCallIssue]
                if coded:
                    prefetch(code, k + shift)  # pyright: ignore[reportCallIssue]
                else:
                    prefetch(weight, k + shift)  # pyright: ignore[reportCallIssue]
        if j < lo - ahead:
            continue
        row = spk[j + ahead] * ranges + base if j + ahead < hi else 0
        soon, until = np.uint64(ptr[row]), np.uint64(ptr[row + ranges] if j + ahead < hi else ptr[row])
        row = spk[max(j, lo)] * ranges + base
        low, high = np.uint64(ptr[row]), np.uint64(ptr[row + ranges] if j >= lo else ptr[row])
        if part:
            low, high = _first(target, low, high, start), _first(target, low, high, stop)
            soon, until = _first(target, soon, until, start), _first(target, soon, until, stop)
        # Of the cells, those that stand ``near`` further on in the row, or the first ones of the row to come.
        for k in range(soon + min(high - low, near), min(soon + near, until)):
            prefetch(cells, np.uint64(target[k]) * FIELDS)  # pyright: ignore[reportCallIssue]
        while low < high:
            some = min(low + flock, high)
            within = low + near < high
            begin = low + near if within else soon
            for k in range(begin, min(begin + flock, high if within else until)):
                prefetch(cells, np.uint64(target[k]) * FIELDS)  # pyright: ignore[reportCallIssue]
            soon += np.uint64(0) if within else flock
            if exact:
                for k in range(low, some):
                    i = np.uint64(target[k])
                    w = palette[q, code[k + shift]] if coded else np.float64(weight[k + shift])
                    age = ages[i * FIELDS + AGE]
                    cells[i * FIELDS + INPUT] += w
                    due[n] = np.int64(i) | (t - (age >> 1)) << 32
                    n += 1 - (age & 1)
                    ages[i * FIELDS + AGE] = age | 1
                low = some
                continue
            reaching = -1
            if some == low + flock and coded:
                reaching = leap(cells, target, low, values, code, low + shift, table, form, peaks, t)  # pyright: ignore[reportCallIssue]
            elif some == low + flock:
                reaching = leap(cells, target, low, weight, None, low + shift, table, form, peaks, t)  # pyright: ignore[reportCallIssue]
            if reaching < 0:
                reaching = 0
                for k in range(low, some):
                    c = np.uint64(target[k]) * FIELDS
                    w = palette[q, code[k + shift]] if coded else np.float64(weight[k + shift])
                    age = ages[c + AGE]
                    u, v, given, steps = cells[c], cells[c + np.uint64(1)], cells[c + INPUT], t - (age >> 1)
                    if steps > 0:
                        u, v = leap_one(u, v, given, steps, alpha, beta, bias, table)
                        cells[c], cells[c + np.uint64(1)] = u, v
                        given = 0.0
                    given += w
                    cells[c + INPUT], ages[c + AGE] = given, t << 1 | age & 1
                    u = alpha * u + given
                    v = beta * v + u + bias
                    most = reach(u, v, gain, drive)
                    peaks[0] = max(peaks[0], most, abs(u))
                    reaching |= (not (most <= limit)) << np.int64(k - low)
            while reaching:
                i = np.uint64(target[low + np.uint64(lowest(reaching))])  # pyright: ignore[reportCallIssue]
                reaching &= reaching - 1
                c = i * FIELDS
                u = alpha * cells[c] + cells[c + INPUT]
                v = beta * cells[c + np.uint64(1)] + u + bias
                if ages[c + AGE] & 1 == 0 and may_spike(u, v, gain, drive, theta):
                    ages[c + AGE] |= 1
                    due[n] = np.int64(i)
                    n += 1
            low = some
    cell.waiting[thread, p] = n
