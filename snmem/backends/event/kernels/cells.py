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

from ...._jit import inner, kernel
from ..arrays import AGES, BATCH, BLOCK, LANES, WIDE, WORD, CellRows
from ..columns import (
    AGE,
    ALPHA,
    BEFORE_U,
    BEFORE_V,
    BETA,
    BIAS,
    CLEARS,
    DIRECT,
    DRIVE,
    FIELDS,
    GAIN,
    INPUT,
    LANE_INPUT,
    LANE_U,
    LANE_V,
    MARGIN,
    NEURON,
    PERIOD,
    RESET,
    STEPPED,
    STEPS,
    THETA,
    WAITS,
)
from ..llvm.cells import load_cells, store_cells
from ..llvm.lif import advance_older, advance_silent, class_of, not_below
from ..llvm.memory import lowest_bit, prefetch
from ..tuning import FAR, STRETCH
from .extended.state import array_of, has_of, lane_of
from .neuron import lif_step, may_spike, reach, reset
from .ranges import copy_range, differing

#: Fields of a cell, as unsigned numbers.
_FIELDS, _V, _INPUT, _AGE = np.uint64(FIELDS), np.uint64(1), np.uint64(INPUT), np.uint64(AGE)


@inner(inline="always")
def due_of(cell, p, thread, begin):
    """The list of population p and this thread, whose first block is ``begin``."""
    return cell.due[begin * BLOCK + p * cell.waiting.shape[0] + thread :]


@inner
def _by_age(due, n, out, classes, first):
    """out: due[:n] in ascending order of age, as :func:`..llvm.lif.class_of` tells ages apart.

    Every other one has counters of its own: an increment waits for the one before, whatever counters they are of.
    """
    fresh, last, even, odd = 0, 0, first[0], first[1]
    while fresh < n and due[fresh] <= NEURON:  # those kept from the step before come first, and are of age 0
        out[fresh] = due[fresh]
        fresh += 1
    for k in range(np.uint64(fresh), np.uint64(n)):
        classes[k] = class_of(due[k] >> 32)
        last = max(last, classes[k])
    pairs = fresh + (n - fresh) // 2 * 2
    for k in range(np.uint64(fresh), np.uint64(pairs), np.uint64(2)):
        even[np.uint64(classes[k])] += 1
        odd[np.uint64(classes[k + np.uint64(1)])] += 1
    if pairs < n:
        even[np.uint64(classes[pairs])] += 1
    total = fresh
    for number in range(np.uint64(0), np.uint64(last + 1)):
        total, even[number], odd[number] = total + even[number] + odd[number], total, total + even[number]
    for k in range(np.uint64(fresh), np.uint64(pairs), np.uint64(2)):
        number = np.uint64(classes[k])
        out[np.uint64(even[number])] = due[k]
        even[number] += 1
        number = np.uint64(classes[k + np.uint64(1)])
        out[np.uint64(odd[number])] = due[k + np.uint64(1)]
        odd[number] += 1
    if pairs < n:
        out[even[classes[pairs]]] = due[pairs]
    even[: last + 1] = 0
    odd[: last + 1] = 0


@inner
def _advance_by_age(lanes, age, steps, alpha, beta, bias):
    """Lane j, age[j] steps further without input, where later vectors of lanes are older."""
    u, v, vectors = lanes[LANE_U], lanes[LANE_V], LANES // WIDE
    for k in range(vectors):
        least = age[k * WIDE]
        for j in range(k * WIDE, (k + 1) * WIDE):
            least = min(least, age[j])
        steps[k] = least
    for k in range(vectors - 2, -1, -1):
        steps[k] = min(steps[k], steps[k + 1])
    for k in range(vectors):
        most, since = age[k * WIDE], steps[k]
        for j in range(k * WIDE, (k + 1) * WIDE):
            most = max(most, age[j])
        if most > since:
            advance_older(u, v, age, k * WIDE, since, most, alpha, beta, bias)
    for k in range(vectors - 1, 0, -1):
        steps[k] -= steps[k - 1]
    advance_silent(u, v, alpha, beta, bias, steps)


@inner
def _advance(u, v, age, since, alpha, beta, bias, steps, stages, together):
    """``steps`` steps of all lanes, or of those that are older than ``since`` in the first of them, and so on."""
    if together:
        stages[:] = 0
        stages[0] = steps
        advance_silent(u, v, alpha, beta, bias, stages)
        return
    for low in range(0, LANES, WIDE):
        advance_older(u, v, age, low, since, since + steps, alpha, beta, bias)


@inner
def _advance_lanes(lanes, age, stages, alpha, beta, bias):
    """Lane j, age[j] steps further without input; stops where nothing moves any longer."""
    u, v, before_u, before_v = lanes[LANE_U], lanes[LANE_V], lanes[BEFORE_U], lanes[BEFORE_V]
    least, most, done = age[0], age[0], 0
    for j in range(LANES):
        least, most = min(least, age[j]), max(most, age[j])
    while done < most:
        together = done < least
        steps = min((least if together else most) - done, STRETCH)
        look = steps == STRETCH
        _advance(u, v, age, done, alpha, beta, bias, steps - look, stages, together)
        if look:
            copy_range(u, 0, LANES, before_u, 0)
            copy_range(v, 0, LANES, before_v, 0)
            _advance(u, v, age, done + steps - 1, alpha, beta, bias, 1, stages, together)
            if differing(before_u, u, 0, LANES) == 0 and differing(before_v, v, 0, LANES) == 0:
                return
        done += steps


@kernel(keep=False, _nrt=True)  # it takes memory
def _sort(array):
    array.sort()


@inner(inline="always")
def _fire(cell, own, par, extended, ordered, low, near, subtract, spikes, at, again, p, t):
    """Let those of a group of cells spike that are over threshold; keep those on the list that may spike again.

    near: a bit for each that may be over it.

    A refractory cell stands still: it is as far ahead of the others as it waits.
    """
    cells, ages, due = own
    theta, gain, drive = par[THETA, 0], par[GAIN, 0], par[DRIVE, 0]
    clears, waits = extended.flags[p, CLEARS] != 0, extended.flags[p, WAITS] != 0
    v, u = cell.lanes[LANE_V], cell.lanes[LANE_U]
    while near != 0:
        j = np.uint64(lowest_bit(near))
        near &= near - np.uint64(1)
        if not may_spike(u[j], v[j], gain, drive, theta):
            continue
        i = ordered[low + j] & NEURON
        c = np.uint64(i) * _FIELDS
        cell.margin[p, MARGIN] = min(cell.margin[p, MARGIN], abs(v[j] - theta))
        if v[j] > theta:
            v[j] = reset(v[j], theta, par[RESET, 0], subtract)
            cells[c + _V] = v[j]
            spikes.neuron[at] = i
            spikes.step[at] = t
            at += 1
            if clears:
                u[j] = 0.0
                cells[c] = 0.0
            if waits:
                period = np.int64(extended.par[extended.tile[i // BLOCK], PERIOD, i % BLOCK])
                ages[c + _AGE] += period << 1
            if not may_spike(u[j], v[j], gain, drive, theta):
                continue
        ages[c + _AGE] |= 1
        due[again] = i
        again += 1
    return at, again


@inner(inline="always")
def aside_of(flags, p, what):
    """Places from the neurons of population p to a variable or input in a lane, by its column; 0 if there is none."""
    at = flags[p, what]
    lane = (at - 1) // 2 if what == WAITS else at
    return lane_of(has_of(flags, p), 0, lane) * BLOCK if at else 0


@inner(inline="always")
def _load(lanes, age, cells, ordered, low, count):
    """u, v, input and age of ``count`` cells from ordered[low] on, into the lanes; returns the largest age."""
    u, v, given, most, group = lanes[LANE_U], lanes[LANE_V], lanes[LANE_INPUT], np.int64(0), np.uint64(LANES)
    batch = np.uint64(BATCH)
    for j in range(np.uint64(0), count // batch * batch, batch):
        load_cells(cells, ordered, low + j, u, v, given, age, j)
    for j in range(count // batch * batch, count):
        c = np.uint64(ordered[low + j] & NEURON) * _FIELDS
        u[j], v[j], given[j], age[j] = cells[c], cells[c + _V], cells[c + _INPUT], ordered[low + j] >> 32
    for j in range(np.uint64(0), count):
        most = max(most, age[j])
    for j in range(count, group):
        u[j], v[j], given[j], age[j] = 0.0, 0.0, 0.0, most
    return most


@inner
def step_cells(cell, extended, subtract, direct, spikes, at, thread, turn):
    """A population's step for the due cells of this thread; returns the new number of spikes.

    direct: ``Blocks.input``, where what arrives at v itself stands in a lane.
    """
    p, t = turn.population, turn.step
    n = cell.waiting[thread, p]
    if n == 0:
        return at
    aside, straight = aside_of(extended.flags, p, DIRECT), cell.direct[thread, p] != 0
    cell.direct[thread, p] = 0
    cell.load[p, STEPPED] += n
    cell.load[p, STEPS] += 1
    cells, ages, par, lanes, lane_age = cell.cells, cell.ages, cell.par[p], cell.lanes, cell.lane_age
    due, ordered = due_of(cell, p, thread, turn.begin), cell.ordered
    alpha, beta, bias, theta = par[ALPHA, 0], par[BETA, 0], par[BIAS, 0], par[THETA, 0]
    gain, drive, limit = par[GAIN, 0], par[DRIVE, 0], 0.999 * theta - 1e-300
    u, v, given, most_v = lanes[LANE_U], lanes[LANE_V], lanes[LANE_INPUT], lanes[BEFORE_V]
    if n > 2 * WIDE and cell.table.shape[1] == 0:  # by the closed form, all are of age 0
        _by_age(due, n, ordered, cell.classes, cell.first)
    else:
        copy_range(due, 0, n, ordered, 0)
    again, begin = 0, at
    group, batch, total = np.uint64(LANES), np.uint64(BATCH), np.uint64(n)
    low, count = np.uint64(0), (total - np.uint64(1)) % group + np.uint64(1)  # the young ones share a group with nobody
    while low < total:
        if low + count < total:
            for j in range(low + count, low + count + group):
                prefetch(cells, np.uint64(ordered[j] & NEURON) * _FIELDS)
        most = _load(lanes, lane_age, cells, ordered, low, count)
        if most >= FAR:  # so long that something may have come to rest
            _advance_lanes(lanes, lane_age, cell.stages, alpha, beta, bias)
        elif most > 0:
            _advance_by_age(lanes, lane_age, cell.stages, alpha, beta, bias)
        for j in range(np.uint64(0), group):
            u[j], v[j] = lif_step(u[j], v[j], given[j], alpha, beta, bias)
        if straight:
            for j in range(np.uint64(0), count):
                place = (ordered[low + j] & NEURON) + aside
                v[j] += direct[place]
                direct[place] = 0.0
        for j in range(np.uint64(0), group):
            most_v[j] = reach(u[j], v[j], gain, drive)
        near = not_below(most_v, limit) & (~np.uint64(0) >> (group - count))
        for j in range(np.uint64(0), count // batch * batch, batch):
            store_cells(cells, ordered, low + j, u, v, j, (t + 1) << 1)
        for j in range(count // batch * batch, count):
            c = np.uint64(ordered[low + j] & NEURON) * _FIELDS
            cells[c], cells[c + _V], cells[c + _INPUT] = u[j], v[j], 0.0
            ages[c + _AGE] = (t + 1) << 1
        if near != 0:
            at, again = _fire(
                cell, CellRows(cells, ages, due), par, extended, ordered, low, near, subtract, spikes, at, again, p, t,
            )  # fmt: skip
        low += count
        count = group
    if at - begin > 1:
        _sort(spikes.neuron[begin:at])
    cell.waiting[thread, p] = again
    return at


def powers(alpha: float, beta: float, bias: float) -> NDArray[Any]:
    """Return (AGES, 4): n steps without input are u = a*u, v = b*v + c*u + d, with row n holding a, b, c, d."""
    out = np.zeros((AGES, 4))
    out[0, 0] = out[0, 1] = 1.0
    for n in range(1, AGES):
        a, b, c, d = out[n - 1]
        out[n] = alpha * a, beta * b, beta * c + alpha * a, beta * d + bias
    return out


@inner
def to_cells(cell, extended, p, thread, begin, end, blocks, held, t):
    """Make cells of the neurons begin .. end-1 of population p, which are at the start of step t."""
    u, v, given = blocks.u, blocks.v, blocks.input
    cells, ages, par, due, n = cell.cells, cell.ages, cell.par[p], due_of(cell, p, thread, begin // BLOCK), 0
    wait, direct = aside_of(extended.flags, p, WAITS), aside_of(extended.flags, p, DIRECT)
    waits = array_of(u, v, extended.flags[p, WAITS])
    for i in range(begin, end):
        c, ahead = np.uint64(i) * _FIELDS, 0
        if wait:
            ahead, waits[i + wait] = np.int64(waits[i + wait]), 0.0
            held[i // WORD] &= ~(np.uint64(1) << np.uint64(i % WORD))
        cells[c], cells[c + _V], cells[c + _INPUT] = u[i], v[i], given[i] if ahead == 0 else 0.0
        wake = given[i] != 0.0 or may_spike(u[i], v[i], par[GAIN, 0], par[DRIVE, 0], par[THETA, 0])
        wake = (wake or (direct != 0 and given[i + direct] != 0.0)) and ahead == 0
        ages[c + _AGE] = (t + ahead) << 1 | wake
        given[i] = 0.0
        if direct and ahead > 0:
            given[i + direct] = 0.0
        elif direct and given[i + direct] != 0.0:
            cell.direct[thread, p] = 1
        if wake:
            due[n] = i
            n += 1
    cell.waiting[thread, p] = n


@inner
def from_cells(cell, extended, p, thread, begin, end, blocks, held, t):
    """u, v and input, at the start of step t, of the cells begin .. end-1 of population p."""
    cell.waiting[thread, p] = 0
    if cell.table.shape[1] > 0:
        _from_cells_at_once(cell.cells, cell.ages, cell.par[p], cell.table[p], begin, end, blocks, t)
        return
    u, v, given = blocks.u, blocks.v, blocks.input
    cells, par, lanes, lane_age, ordered = cell.cells, cell.par[p], cell.lanes, cell.lane_age, cell.ordered
    due, count = due_of(cell, p, thread, begin // BLOCK), end - begin
    wait, waits = aside_of(extended.flags, p, WAITS), array_of(u, v, extended.flags[p, WAITS])
    for i in range(begin, end):
        c = np.uint64(i) * _FIELDS
        given[i] = cells[c + _INPUT]
        behind = t - (cell.ages[c + _AGE] >> 1)
        if behind < 0:  # refractory
            waits[i + wait], behind = -behind, 0
            held[i // WORD] |= np.uint64(1) << np.uint64(i % WORD)
        due[i - begin] = i | behind << 32
    _by_age(due, count, ordered, cell.classes, cell.first)
    for low in range(0, count, LANES):
        some = min(count - low, LANES)
        _load(lanes, lane_age, cells, ordered, np.uint64(low), np.uint64(some))
        _advance_lanes(lanes, lane_age, cell.stages, par[ALPHA, 0], par[BETA, 0], par[BIAS, 0])
        for j in range(some):
            i = ordered[low + j] & NEURON
            u[i], v[i] = lanes[LANE_U, j], lanes[LANE_V, j]


@inner(inline="always")
def catch_up_one(u, v, given, steps, alpha, beta, bias, table):
    """u and v, ``steps`` > 0 steps further: one with the input ``given``, then by the closed form."""
    u, v = lif_step(u, v, given, alpha, beta, bias)
    steps -= 1
    while steps > 0:
        n = min(steps, table.shape[0] - 1)
        before_u, before_v = u, v
        v = table[n, 1] * v + table[n, 2] * u + table[n, 3]
        u = table[n, 0] * u
        steps = 0 if u == before_u and v == before_v else steps - n  # where nothing moves, nothing will
    return u, v


@inner
def _from_cells_at_once(cells, ages, par, table, begin, end, blocks, t):
    """:func:`from_cells` by the closed form: a cell may hold the input of the step that it has reached."""
    alpha, beta, bias = par[ALPHA, 0], par[BETA, 0], par[BIAS, 0]
    u, v = blocks.u, blocks.v
    for i in range(begin, end):
        c = np.uint64(i) * _FIELDS
        un, vn, given, steps = cells[c], cells[c + _V], cells[c + _INPUT], t - (ages[c + _AGE] >> 1)
        if steps == 0:
            blocks.input[i] = given
        else:
            un, vn = catch_up_one(un, vn, given, steps, alpha, beta, bias, table)
        u[i], v[i] = un, vn
