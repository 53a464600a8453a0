"""Sums of products: the compiled form of :class:`snmem.loihi.learning.Learning`, with the same bits.

A step costs a pass over the traces of the neurons, and work at the synapses of those that spiked; every synapse is
visited in the steps in which a u<k> is due.
"""

from __future__ import annotations

import math

import numpy as np

from ....._jit import inner
from ...columns import (
    BEGIN,
    CHANCES,
    CHUNK,
    CHUNK_ROWS,
    CONSTANT,
    DECAYS,
    DEPENDENCY,
    DEPENDS,
    END,
    END_FACTOR,
    EVERY,
    FIRST_FACTOR,
    GAINS,
    GATE,
    GATE_PTR,
    HIGHEST,
    INTEGER,
    LEFT,
    LOWEST,
    MADE,
    MANTISSA,
    NEW,
    OF_D,
    OF_T,
    OF_U,
    OF_W,
    PRE_OF,
    PRODUCTS,
    RIGHT,
    ROUNDING,
    ROWS,
    SIGN,
    SYNAPSE,
    TAGS,
    TARGET,
    TOTAL,
    TRACE,
    TRACES,
    UNIT,
    VARIABLE_OF,
    WEIGHT,
    WIDTH,
    X0,
    X1,
    X_DECAY,
    X_GAIN,
    Y0,
    Y1,
    Y_DECAY,
    Y_GAIN,
)
from .random import next_real, next_word

#: Largest trace, and what exceeds the largest sum, in integers.
_TRACE_MAX, _TOP = 127.0, 1 << 15
#: What a rule depends on, as bits of DEPENDS.
ON_X0, ON_Y0, ON_U = 1, 2, 4
#: A trace below this in floating point is 0.
TINY = 2.0**-1000


@inner
def _fade(x, begin, size, decay, integer, chance):
    """Let a trace decay."""
    for i in range(begin, begin + size):
        y = decay * x[i]
        if integer:
            floor = math.floor(y)
            y = floor + (1.0 if chance < y - floor else 0.0)
        x[i] = y if y >= TINY else 0.0


@inner
def _trace_side(rules, x, random, r, side, size, first, come, begin, end, integer):
    """Traces of one side (0: x, 1: y) decay and take in the spikes of the step, which are marked."""
    rule, rate = rules.rule[r], rules.rate[r]
    chance, more = 0.0, 0.0
    if integer:
        decays, gains = (X_DECAY, X_GAIN) if side == 0 else (Y_DECAY, Y_GAIN)
        next_real(random[r, decays])
        chance = next_real(random[r, decays])
        more = np.float64((next_word(random[r, gains]) & np.uint64(0xFFFFFFFF)) >> np.uint64(25))
    for k in range(0 if side == 0 else 2, 2 if side == 0 else 5):
        at = rule[TRACES + k]
        if at < 0:
            continue
        _fade(x, at, size, rate[DECAYS + k], integer, chance)
        gain = rate[GAINS + k] + (1.0 if integer and more < rate[CHANCES + k] else 0.0)
        for j in range(begin, end):
            i = at + come[j] - first
            x[i] = min(x[i] + gain, _TRACE_MAX) if integer else x[i] + gain


@inner
def _multiply(rules, p, buffer, m):
    """MADE: product p of m synapses, in floating point."""
    made, first = MADE * CHUNK, rules.product[p, DEPENDENCY] * CHUNK
    constant = rules.constant[p]
    for i in range(m):
        buffer[made + i] = constant * buffer[first + i]
    for f in range(rules.product[p, FIRST_FACTOR], rules.product[p, END_FACTOR]):
        row, shift = rules.factor[f, VARIABLE_OF] * CHUNK, np.float64(rules.factor[f, CONSTANT])
        if rules.factor[f, SIGN] == 0:
            for i in range(m):
                buffer[made + i] *= buffer[row + i] + shift
        else:
            for i in range(m):
                value = buffer[row + i] + shift
                buffer[made + i] *= 1.0 if value > 0.0 else (-1.0 if value < 0.0 else value)


@inner
def _float_series(rules, begin, end, buffer, m, row):
    """TOTAL: a synaptic variable, whose values stand in ``row``, and its products."""
    total, made = TOTAL * CHUNK, MADE * CHUNK
    for i in range(m):
        buffer[total + i] = 0.0
    for p in range(begin, end):
        _multiply(rules, p, buffer, m)
        for i in range(m):
            buffer[total + i] += buffer[made + i]
    for i in range(m):
        buffer[total + i] = buffer[row + i] + buffer[total + i]


@inner
def _wrapped(value):
    """The lowest 32 bits of a whole number, signed."""
    return np.int64(np.int32(value))


@inner
def _multiply_integers(rules, p, buffer, m):
    """MADE: product p of m synapses, as it is added in Loihi's accumulator."""
    product, made = rules.product[p], MADE * CHUNK
    first = product[DEPENDENCY] * CHUNK
    for i in range(m):
        buffer[made + i] = buffer[first + i]
    for f in range(product[FIRST_FACTOR], product[END_FACTOR]):
        row, shift = rules.factor[f, VARIABLE_OF] * CHUNK, rules.factor[f, CONSTANT]
        limit, sign = np.int64(1) << rules.factor[f, WIDTH], rules.factor[f, SIGN] != 0
        for i in range(m):
            value = np.int64(buffer[row + i]) + shift
            if sign:
                value = np.int64(value > 0) - np.int64(value < 0)
            value = min(max(value, -limit), limit - 1)
            buffer[made + i] = np.float64(_wrapped(np.int64(buffer[made + i]) * value))
    mantissa, right, left = product[MANTISSA], product[RIGHT], product[LEFT]
    for i in range(m):
        value = _wrapped(np.int64(buffer[made + i]) * mantissa) >> right
        buffer[made + i] = np.float64(min(max(_wrapped(value << left), -_TOP - 1), _TOP - 1))


@inner
def _integer_series(rules, begin, end, buffer, m, row, r3):
    """TOTAL: a synaptic variable and its products, rounded at random."""
    total, made = TOTAL * CHUNK, MADE * CHUNK
    for i in range(m):
        buffer[total + i] = 128.0 * buffer[row + i]
    for p in range(begin, end):
        _multiply_integers(rules, p, buffer, m)
        for i in range(m):
            buffer[total + i] = min(max(buffer[total + i] + buffer[made + i], -_TOP - 1.0), _TOP - 1.0)
    for i in range(m):
        part = buffer[total + i] / 128.0
        floor = math.floor(part)
        buffer[total + i] = floor + (1.0 if r3 < part - floor else 0.0)


@inner
def _change(rules, r, buffer, m, weight, tags, integer, r3):
    """Let m synapses learn, whose places and values of both neurons stand in ``buffer``."""
    rule, rate = rules.rule[r], rules.rate[r]
    first, tag, unit, place, total = rule[WEIGHT], rule[TAGS], rate[UNIT], SYNAPSE * CHUNK, TOTAL * CHUNK
    for i in range(m):
        buffer[OF_W * CHUNK + i] = weight[first + np.int64(buffer[place + i])] / unit
    if tag >= 0:
        for i in range(m):
            at = tag + 2 * np.int64(buffer[place + i])
            buffer[OF_D * CHUNK + i], buffer[OF_T * CHUNK + i] = tags[at], tags[at + 1]
    for k in range(3):
        begin, end = rule[PRODUCTS + k], rule[PRODUCTS + k + 1]
        if begin == end:
            continue
        row, new = (OF_W + k) * CHUNK, (NEW + k) * CHUNK
        if integer:
            _integer_series(rules, begin, end, buffer, m, row, r3)
        else:
            _float_series(rules, begin, end, buffer, m, row)
        low, high = rate[LOWEST + k], rate[HIGHEST + k]
        for i in range(m):
            value = buffer[total + i]
            value = low if value < low else value
            buffer[new + i] = high if value > high else value
    if rule[PRODUCTS] < rule[PRODUCTS + 1]:
        for i in range(m):
            weight[first + np.int64(buffer[place + i])] = buffer[NEW * CHUNK + i] * unit
    for k in range(1, 3):
        if rule[PRODUCTS + k] < rule[PRODUCTS + k + 1]:
            for i in range(m):
                tags[tag + 2 * np.int64(buffer[place + i]) + k - 1] = buffer[(NEW + k) * CHUNK + i]


@inner
def _pre_values(rule, x, marks, buffer, m, i):
    """The m-th synapse of the chunk comes from neuron i."""
    buffer[X0 * CHUNK + m] = x[marks + i]
    for k in range(2):
        if rule[TRACES + k] >= 0:
            buffer[(X1 + k) * CHUNK + m] = x[rule[TRACES + k] + i]


@inner
def _post_values(rule, x, marks, buffer, m, j):
    """The m-th synapse of the chunk leads to neuron j."""
    buffer[Y0 * CHUNK + m] = x[marks + j]
    for k in range(3):
        if rule[TRACES + 2 + k] >= 0:
            buffer[(Y1 + k) * CHUNK + m] = x[rule[TRACES + 2 + k] + j]


@inner
def _row(rules, ptr, target, r, i, x, buffer, weight, tags, marks, skip, integer, r3):
    """Let the synapses of presynaptic neuron i learn, but for those whose postsynaptic neuron spiked if ``skip``."""
    rule, m, learned = rules.rule[r], 0, 0
    base, begin, end = ptr[rule[ROWS]], ptr[rule[ROWS] + i], ptr[rule[ROWS] + i + 1]
    for k in range(begin, end):
        j = np.int64(target[k]) - rule[TARGET]
        if not skip or x[marks[1] + j] == 0.0:
            buffer[SYNAPSE * CHUNK + m] = np.float64(k - base)
            _pre_values(rule, x, marks[0], buffer, m, i)
            _post_values(rule, x, marks[1], buffer, m, j)
            m += 1
        if m == CHUNK or (k == end - 1 and m > 0):
            _change(rules, r, buffer, m, weight, tags, integer, r3)
            learned += m
            m = 0
    return learned


@inner
def _column(rules, r, j, x, buffer, weight, tags, marks, integer, r3):
    """Let the synapses onto postsynaptic neuron j learn."""
    rule, m = rules.rule[r], 0
    begin, end = rules.ptr[rule[GATE_PTR] + j], rules.ptr[rule[GATE_PTR] + j + 1]
    for k in range(begin, end):
        buffer[SYNAPSE * CHUNK + m] = np.float64(np.int64(rules.position[k]) - rule[WEIGHT])
        _pre_values(rule, x, marks[0], buffer, m, np.int64(rules.other[k]))
        _post_values(rule, x, marks[1], buffer, m, j)
        m += 1
        if m == CHUNK or k == end - 1:
            _change(rules, r, buffer, m, weight, tags, integer, r3)
            m = 0
    return end - begin


@inner
def _mark(x, at, come, begin, end, first, value):
    for j in range(begin, end):
        x[at + come[j] - first] = value


@inner
def learn_sums(net, state, r, pres, posts, slot, t):
    """Apply rule r after step t, whose spikes are those of ring slot ``slot``."""
    rules, neurons, ring, x = net.rules, net.neurons, state.ring, state.x
    rule, integer = rules.rule[r], rules.rule[r, INTEGER] != 0
    pre, post = rule[PRE_OF], rule[GATE]
    n_pre, n_post = neurons.size[pre], neurons.size[post]
    a0, a1 = ring[slot, pre, BEGIN], ring[slot, pre, END]
    b0, b1 = ring[slot, post, BEGIN], ring[slot, post, END]
    first_a, first_b = neurons.first[pre], neurons.first[post]
    _trace_side(rules, x, state.random, r, 0, n_pre, first_a, pres, a0, a1, integer)
    _trace_side(rules, x, state.random, r, 1, n_post, first_b, posts, b0, b1, integer)
    r3 = next_real(state.random[r, ROUNDING]) if integer else 0.0
    on, due = rule[DEPENDS], (t + 1) & ((np.int64(1) << rule[EVERY]) - 1) == 0
    everything = on & ON_U != 0 and due
    if not everything and a0 == a1 and b0 == b1:
        return
    buffer = x[rule[TRACE] : rule[TRACE] + CHUNK_ROWS * CHUNK]
    marks = (rule[TRACE] + CHUNK_ROWS * CHUNK, rule[TRACE] + CHUNK_ROWS * CHUNK + n_pre)
    for i in range(CHUNK if on & ON_U != 0 else 0):
        buffer[OF_U * CHUNK + i] = 1.0 if due else 0.0
    _mark(x, marks[0], pres, a0, a1, first_a, 1.0)
    _mark(x, marks[1], posts, b0, b1, first_b, 1.0)
    weight, tags, ptr, target, learned = state.weight, state.tags, net.synapses.ptr, net.synapses.target, 0
    if not everything and on & ON_Y0 != 0:
        for j in range(b0, b1):
            learned += _column(rules, r, posts[j] - first_b, x, buffer, weight, tags, marks, integer, r3)
    skip = not everything and on & ON_Y0 != 0
    if everything:
        for i in range(n_pre):
            learned += _row(rules, ptr, target, r, i, x, buffer, weight, tags, marks, False, integer, r3)
    elif on & ON_X0 != 0:
        for j in range(a0, a1):
            learned += _row(rules, ptr, target, r, pres[j] - first_a, x, buffer, weight, tags, marks, skip, integer, r3)
    state.learned[r] += learned
    _mark(x, marks[0], pres, a0, a1, first_a, 0.0)
    _mark(x, marks[1], posts, b0, b1, first_b, 0.0)
