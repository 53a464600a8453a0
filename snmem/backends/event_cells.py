"""Neurons one by one, for large populations in which few get input in a step.

A neuron is a cell: u, v, the input of the coming step, and ``2 * upto + due`` (a whole number in the same 8 bytes),
where ``upto`` counts the steps done and ``due`` says that the cell stands on the list for the coming step. A cell is
left as it is until an input comes, or while it may spike without one. Then it is brought up to date: by stepping,
LANES cells of similar age at a time in registers and therefore bit for bit, or by the closed form of that many steps.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._jit import kernel
from .event_blocks import may_spike, reach
from .event_intrinsics import LANES, coast, prefetch
from .event_types import ALPHA, BETA, BIAS, BLOCK, DRIVE, GAIN, RESET, THETA

#: Fields of a cell.
FIELDS, INPUT, AGE = np.uint64(4), np.uint64(2), np.uint64(3)
#: Ages told apart when cells are ordered by age.
AGES = 1024
#: Steps between two looks whether anything still moves.
STRETCH = 256
#: An entry of the list of due cells: neuron + (age << 32).
NEURON = (1 << 32) - 1


@kernel(keep=False)
def due_of(cell, p, thread, own):
    """The list of population p and this thread, whose first block is ``own``."""
    return cell.due[own * BLOCK + p * cell.waiting.shape[0] + thread :]


@kernel(keep=False)
def _by_age(due, n, out, first):
    """out: due[:n] in ascending order of age (ages from AGES - 1 on as they come)."""
    first[:] = 0
    for k in range(n):
        first[min(due[k] >> 32, AGES - 1)] += 1
    total = 0
    for age in range(AGES):
        first[age], total = total, total + first[age]
    for k in range(n):
        age = min(due[k] >> 32, AGES - 1)
        out[first[age]] = due[k]
        first[age] += 1


@kernel(keep=False)
def _advance(u, v, age, since, alpha, beta, bias, steps, together):
    """``steps`` steps of all lanes, or of those that are older than ``since`` in the first of them, and so on."""
    if together:
        coast(u, v, alpha, beta, bias, np.int64(steps))  # pyright: ignore[reportCallIssue]
        return
    for s in range(since, since + steps):
        for j in range(LANES):
            un = alpha * u[j]
            vn = beta * v[j] + un + bias
            u[j] = un if age[j] > s else u[j]
            v[j] = vn if age[j] > s else v[j]


@kernel(keep=False)
def _coast(lanes, age, alpha, beta, bias):
    """Lane j, age[j] steps further without input; stops where nothing moves any longer."""
    u, v, before_u, before_v = lanes[0], lanes[1], lanes[3], lanes[4]
    least, most = age.min(), age.max()
    done = 0
    while done < most:
        together = done < least
        steps = min((least if together else most) - done, STRETCH)
        look = steps == STRETCH
        _advance(u, v, age, done, alpha, beta, bias, steps - look, together)
        if look:
            before_u[:] = u
            before_v[:] = v
            _advance(u, v, age, done + steps - 1, alpha, beta, bias, 1, together)
            if (before_u == u).all() and (before_v == v).all():
                return
        done += steps


@kernel(keep=False)
def step_cells(cell, p, thread, own, subtract, t, spk, spk_step, at):
    """Step t of the due cells of population p and this thread; returns the new number of spikes."""
    n = cell.waiting[thread, p]
    if n == 0:
        return at
    cell.load[p, 0] += n
    cell.load[p, 2] += 1
    cells, ages, par, lanes, lane_age = cell.cells, cell.ages, cell.par[p], cell.lanes, cell.lane_age
    due, ordered = due_of(cell, p, thread, own), cell.ordered
    alpha, beta, bias, theta = par[ALPHA, 0], par[BETA, 0], par[BIAS, 0], par[THETA, 0]
    gain, drive, reset = par[GAIN, 0], par[DRIVE, 0], par[RESET, 0]
    u, v, given = lanes[0], lanes[1], lanes[2]
    if n > 2 * LANES and cell.table.shape[1] == 0:  # by the closed form, all are of age 0
        _by_age(due, n, ordered, cell.first)
    else:
        ordered[:n] = due[:n]
    again, begin = 0, at
    group, total = np.uint64(LANES), np.uint64(n)  # unsigned indices need no look at their sign, so the loops vectorise
    for low in range(np.uint64(0), total, group):
        count = min(group, total - low)
        least, most = ordered[low] >> 32, ordered[low] >> 32
        for j in range(np.uint64(0), count):
            if low + group + j < total:
                prefetch(cells, np.uint64(ordered[low + group + j] & NEURON) * FIELDS)  # pyright: ignore[reportCallIssue]
            c = np.uint64(ordered[low + j] & NEURON) * FIELDS
            u[j], v[j], given[j] = cells[c], cells[c + np.uint64(1)], cells[c + INPUT]
            lane_age[j] = ordered[low + j] >> 32
            least, most = min(least, lane_age[j]), max(most, lane_age[j])
        for j in range(count, group):
            u[j], v[j], given[j], lane_age[j] = 0.0, 0.0, 0.0, least
        if most < AGES:  # here and not by _coast, since calls that pass arrays look for references to count
            coast(u, v, alpha, beta, bias, least)  # pyright: ignore[reportCallIssue]
            for s in range(least, most):
                for j in range(np.uint64(0), group):
                    un = alpha * u[j]
                    vn = beta * v[j] + un + bias
                    u[j] = un if lane_age[j] > s else u[j]
                    v[j] = vn if lane_age[j] > s else v[j]
        else:
            _coast(lanes, lane_age, alpha, beta, bias)
        some = 0
        for j in range(np.uint64(0), group):
            un = alpha * u[j] + given[j]
            vn = beta * v[j] + un + bias
            u[j] = un
            v[j] = vn
            some += not (reach(un, vn, gain, drive) <= 0.999 * theta - 1e-300)
        for j in range(np.uint64(0), count):
            c = np.uint64(ordered[low + j] & NEURON) * FIELDS
            cells[c], cells[c + np.uint64(1)], cells[c + INPUT] = u[j], v[j], 0.0
            ages[c + AGE] = (t + 1) << 1
        if some == 0:
            continue
        for j in range(np.uint64(0), count):
            if not may_spike(u[j], v[j], gain, drive, theta):
                continue
            i = ordered[low + j] & NEURON
            c = np.uint64(i) * FIELDS
            cell.margin[p, 0] = min(cell.margin[p, 0], abs(v[j] - theta))
            if v[j] > theta:
                v[j] = v[j] - theta if subtract else reset
                cells[c + np.uint64(1)] = v[j]
                spk[at] = i
                spk_step[at] = t
                at += 1
                if not may_spike(u[j], v[j], gain, drive, theta):
                    continue
            ages[c + AGE] |= 1
            due[again] = i
            again += 1
    spk[begin:at].sort()
    cell.waiting[thread, p] = again
    return at


def powers(alpha: float, beta: float, bias: float) -> NDArray[Any]:
    """(AGES, 4): n steps without input are u = a*u, v = b*v + c*u + d, with row n holding a, b, c, d."""
    out = np.zeros((AGES, 4))
    out[0, 0] = out[0, 1] = 1.0
    for n in range(1, AGES):
        a, b, c, d = out[n - 1]
        out[n] = alpha * a, beta * b, beta * c + alpha * a, beta * d + bias
    return out


@kernel(keep=False)
def to_cells(cell, p, thread, own, begin, end, u, v, cur, t):
    """Make cells of the neurons begin .. end-1 of population p, which are at the start of step t."""
    cells, ages, par, due, n = cell.cells, cell.ages, cell.par[p], due_of(cell, p, thread, own), 0
    for i in range(begin, end):
        c = np.uint64(i) * FIELDS
        cells[c], cells[c + np.uint64(1)], cells[c + INPUT] = u[i], v[i], cur[i]
        wake = cur[i] != 0.0 or may_spike(u[i], v[i], par[GAIN, 0], par[DRIVE, 0], par[THETA, 0])
        ages[c + AGE] = t << 1 | wake
        cur[i] = 0.0
        if wake:
            due[n] = i
            n += 1
    cell.waiting[thread, p] = n


@kernel(keep=False)
def from_cells(cell, p, thread, begin, end, u, v, cur, t):
    """u, v and input, at the start of step t, of the cells begin .. end-1 of population p."""
    cell.waiting[thread, p] = 0
    if cell.table.shape[1] > 0:
        _leap_cells(cell.cells, cell.ages, cell.par[p], cell.table[p], begin, end, u, v, cur, t)
        return
    cells, par, lanes, lane_age, ordered = cell.cells, cell.par[p], cell.lanes, cell.lane_age, cell.ordered
    due, count = due_of(cell, p, thread, begin // BLOCK), end - begin
    for i in range(begin, end):
        c = np.uint64(i) * FIELDS
        cur[i] = cells[c + INPUT]
        due[i - begin] = i | (t - (cell.ages[c + AGE] >> 1)) << 32
    _by_age(due, count, ordered, cell.first)
    for low in range(0, count, LANES):
        group = ordered[low : min(low + LANES, count)]
        for j in range(group.size):
            c = np.uint64(group[j] & NEURON) * FIELDS
            lanes[0, j], lanes[1, j], lane_age[j] = cells[c], cells[c + np.uint64(1)], group[j] >> 32
        lane_age[group.size :] = lane_age[0]
        _coast(lanes, lane_age, par[ALPHA, 0], par[BETA, 0], par[BIAS, 0])
        for j in range(group.size):
            u[group[j] & NEURON], v[group[j] & NEURON] = lanes[0, j], lanes[1, j]


@kernel(keep=False, inline="always")  # a call that passes an array looks for references to count
def leap_one(u, v, given, steps, alpha, beta, bias, table):
    """u and v, ``steps`` > 0 steps further: one with the input ``given``, then by the closed form."""
    u = alpha * u + given
    v = beta * v + u + bias
    steps -= 1
    while steps > 0:
        n = min(steps, table.shape[0] - 1)
        before_u, before_v = u, v
        v = table[n, 1] * v + table[n, 2] * u + table[n, 3]
        u = table[n, 0] * u
        steps = 0 if u == before_u and v == before_v else steps - n  # where nothing moves, nothing will
    return u, v


@kernel(keep=False)
def _leap_cells(cells, ages, par, table, begin, end, u, v, cur, t):
    """:func:`from_cells` by the closed form: a cell may hold the input of the step that it has reached."""
    alpha, beta, bias = par[ALPHA, 0], par[BETA, 0], par[BIAS, 0]
    for i in range(begin, end):
        c = np.uint64(i) * FIELDS
        un, vn, given, steps = cells[c], cells[c + np.uint64(1)], cells[c + INPUT], t - (ages[c + AGE] >> 1)
        if steps == 0:
            cur[i] = given
        else:
            un, vn = leap_one(un, vn, given, steps, alpha, beta, bias, table)
        u[i], v[i] = un, vn
