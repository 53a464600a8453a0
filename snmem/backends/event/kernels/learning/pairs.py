"""Rules of pairs of spikes and selective rules: work at the synapses of neurons that spike, at their spikes only.

A trace stands beside the step of its neuron's last spike and decays where it is read (:mod:`snmem.plasticity.decay`).
"""

from __future__ import annotations

import numpy as np

from ....._jit import inner
from ...columns import (
    A_MINUS,
    A_PLUS,
    BEGIN,
    END,
    FADE,
    GAINS_AT,
    GATE,
    GATE_PTR,
    KIND,
    LOWER,
    MINUS,
    NEAREST,
    PLUS,
    POST_FIRST,
    POST_LATE,
    PRE_LATE,
    PRE_OF,
    RATE,
    REWARD,
    ROWS,
    SERIES,
    SERIES_SIZE,
    SIGNAL,
    SOFT,
    SYNAPSES,
    TAGS,
    TARGET,
    THIRD,
    TRACE,
    UPPER,
    VALUE,
    WEIGHT,
)
from ...llvm.memory import prefetch
from ...tuning import WEIGHTS_AHEAD


@inner
def _far(number, at, low, high, n):
    """Power n of a decay, beyond the first table."""
    k = n >> 16
    if k == 0 or k >= high:
        return 0.0
    return number[at + (n & 0xFFFF)] * number[at + low + k]


@inner(inline="always")
def _power(number, table, n):
    """Power n of a decay (:class:`snmem.plasticity.decay.Powers`); ``table``: its place, and sizes of both parts."""
    at, low, high = table
    if n < low:
        return number[np.uint64(at + n)]
    return _far(number, at, low, high, n)


@inner(inline="always")
def _now(number, table, x, cell, t):
    """A trace in step t."""
    at = np.uint64(cell)
    value = x[at]
    if value != 0.0:
        value = value * _power(number, table, t - np.int64(x[at + np.uint64(1)]))
    return value


@inner
def _table(rule, place):
    """The powers of a decay, as :func:`_power` takes them."""
    return rule[place], rule[place + 1], rule[place + 2]


@inner
def _spike(number, rule, place, x, cell, t, gain):
    """Let a trace take in a spike."""
    before = 0.0 if rule[NEAREST] != 0 else _now(number, _table(rule, place), x, cell, t)
    x[cell], x[cell + 1] = before + gain, np.float64(t)


@inner(inline="always")
def _clipped(value, low, high):
    value = low if value < low else value
    return high if value > high else value


@inner(inline="always")
def _eligible(number, table, tags, at, t, change):
    """Let an eligibility gain a change."""
    tags[at], tags[at + 1] = _now(number, table, tags, at, t) + change, np.float64(t)


@inner
def _depress(number, rule, rate, ptr, target, x, weight, tags, posts, i, t):
    """A presynaptic spike of neuron i; returns the number of its synapses."""
    rows, low, high, soft = rule[ROWS], rate[LOWER], rate[UPPER], rule[SOFT] != 0
    _spike(number, rule, PLUS, x, rule[TRACE] + 2 * i, t, rate[A_PLUS])
    begin, end, minus, fade = ptr[rows + i], ptr[rows + i + 1], _table(rule, MINUS), _table(rule, FADE)
    first, shift, tag = posts - 2 * rule[TARGET], rule[WEIGHT] - ptr[rows], rule[TAGS] - 2 * ptr[rows]
    if rule[KIND] == REWARD:
        for k in range(begin, end):
            y = _now(number, minus, x, first + 2 * np.int64(target[k]), t)
            _eligible(number, fade, tags, tag + 2 * k, t, -y)
        return end - begin
    for k in range(np.uint64(begin), np.uint64(end)):
        y = _now(number, minus, x, first + 2 * np.int64(target[k]), t)
        at = np.uint64(shift + np.int64(k))
        w = weight[at]
        if soft:
            y = y * (w - low)
        weight[at] = _clipped(w - y, low, high)
    return end - begin


@inner
def _fetch_column(rules, rule, j):
    """Fetch what lists the synapses onto neuron j."""
    begin, end = rules.ptr[rule[GATE_PTR] + j], rules.ptr[rule[GATE_PTR] + j + 1]
    for k in range(begin, end, 16):
        prefetch(rules.position, np.uint64(k))
        prefetch(rules.other, np.uint64(k))


@inner
def _fetch_weights(rules, rule, weight, j):
    """Fetch the first weights of the synapses onto neuron j."""
    begin, end = rules.ptr[rule[GATE_PTR] + j], rules.ptr[rule[GATE_PTR] + j + 1]
    for k in range(begin, min(end, begin + WEIGHTS_AHEAD)):
        prefetch(weight, np.uint64(rules.position[np.uint64(k)]))


@inner
def _potentiate(rules, rule, rate, x, weight, tags, posts, j, after, t):
    """A postsynaptic spike of neuron j, before one of neuron ``after``; returns the number of its synapses."""
    _fetch_column(rules, rule, after)
    number, position, other = rules.number, rules.position, rules.other
    low, high, soft, first = rate[LOWER], rate[UPPER], rule[SOFT] != 0, rule[TRACE]
    _spike(number, rule, MINUS, x, posts + 2 * j, t, rate[A_MINUS])
    begin, end = rules.ptr[rule[GATE_PTR] + j], rules.ptr[rule[GATE_PTR] + j + 1]
    plus, fade, tag = _table(rule, PLUS), _table(rule, FADE), rule[TAGS] - 2 * rule[WEIGHT]
    if rule[KIND] == REWARD:
        for k in range(begin, end):
            gain = _now(number, plus, x, first + 2 * np.int64(other[k]), t)
            _eligible(number, fade, tags, tag + 2 * np.int64(position[k]), t, gain)
        return end - begin
    ahead, last = np.uint64(WEIGHTS_AHEAD), np.uint64(end)
    for k in range(np.uint64(begin), last):
        if k + ahead < last:
            prefetch(weight, np.uint64(position[k + ahead]))
        gain = _now(number, plus, x, first + 2 * np.int64(other[k]), t)
        at = np.uint64(position[k])
        w = weight[at]
        if soft:
            gain = gain * (high - w)
        weight[at] = _clipped(w + gain, low, high)
    _fetch_weights(rules, rule, weight, after)
    return end - begin


@inner
def _series(rules, rule, t):
    """The reward that a series gives in step t."""
    first, size = rule[SERIES], rule[SERIES_SIZE]
    low, high = 0, size
    while low < high:
        middle = (low + high) // 2
        if rules.number[first + middle] < t:
            low = middle + 1
        else:
            high = middle
    if low < size and rules.number[first + low] == t:
        return rules.number[first + size + low]
    return 0.0


@inner
def _reward(net, state, r, come, slot, t):
    """Turn eligibilities into changes of weights; returns the number of synapses."""
    rules, neurons, ring, weight, tags = net.rules, net.neurons, state.ring, state.weight, state.tags
    rule, rate, third, reward = rules.rule[r], rules.rate[r], rules.rule[r, THIRD], 0.0
    if third >= 0:
        for j in range(ring[slot, third, BEGIN], ring[slot, third, END]):
            reward += rules.number[rule[GAINS_AT] + come[j] - neurons.first[third]]
    reward += _series(rules, rule, t)
    if reward == 0.0:
        return 0
    low, high, first, tag = rate[LOWER], rate[UPPER], rule[WEIGHT], rule[TAGS]
    fade = _table(rule, FADE)
    for k in range(rule[SYNAPSES]):
        e = _now(rules.number, fade, tags, tag + 2 * k, t)
        weight[first + k] = _clipped(weight[first + k] + reward * e, low, high)
    return rule[SYNAPSES]


@inner
def learn_pairs(net, state, r, spikes, inputs, slot, t):
    """Apply rule r after step t, whose spikes are those of ring slot ``slot``."""
    rules, neurons, ring, x = net.rules, net.neurons, state.ring, state.x
    rule, rate, depth = rules.rule[r], rules.rate[r], ring.shape[0]
    own = neurons.size.size - neurons.inputs.size
    pre, post, weight, tags = rule[PRE_OF], rule[GATE], state.weight, state.tags
    posts, learned = rule[TRACE] + 2 * neurons.size[pre], 0
    for turn in range(2):
        if (turn == 0) == (rule[POST_FIRST] == 0):
            late = rule[PRE_LATE]
            if late > t:
                continue
            come, then = spikes if pre < own else inputs, (t - late) % depth
            for j in range(ring[then, pre, BEGIN], ring[then, pre, END]):
                learned += _depress(
                    rules.number, rule, rate, net.synapses.ptr, net.synapses.target, x, weight, tags, posts,
                    come[j] - neurons.first[pre], t,
                )  # fmt: skip
        else:
            late = rule[POST_LATE]
            if late > t:
                continue
            come, then = spikes if post < own else inputs, (t - late) % depth
            end = ring[then, post, END]
            for j in range(ring[then, post, BEGIN], end):
                here, after = come[j] - neurons.first[post], come[min(j + 1, end - 1)] - neurons.first[post]
                learned += _potentiate(rules, rule, rate, x, weight, tags, posts, here, after, t)
    if rule[KIND] == REWARD:
        learned += _reward(net, state, r, spikes if rule[THIRD] < own else inputs, slot, t)
    state.learned[r] += learned


@inner
def _move(rules, rule, rate, x, weight, value, j, t):
    """Let the synapses of gate neuron j move to ``value``; returns their number."""
    begin, end = rules.ptr[rule[GATE_PTR] + j], rules.ptr[rule[GATE_PTR] + j + 1]
    position, other, plus = rules.position, rules.other, _table(rule, PLUS)
    for k in range(begin, end):
        share = rate[RATE] * _now(rules.number, plus, x, rule[TRACE] + 2 * np.int64(other[k]), t)
        if share == 0.0:
            continue
        at = position[k]
        w = weight[at]
        way = value - w
        moved = w + share * way
        moved = min(moved, value) if way >= 0.0 else max(moved, value)
        weight[at] = value if share == 1.0 else moved
    return end - begin


@inner
def learn_selective(net, state, r, spikes, inputs, slot, t):
    """Apply rule r after step t, whose spikes are those of ring slot ``slot``."""
    rules, neurons, ring, x = net.rules, net.neurons, state.ring, state.x
    rule, rate, own = rules.rule[r], rules.rate[r], neurons.size.size - neurons.inputs.size
    signal, learned = rule[SIGNAL], 0
    come = spikes if signal < own else inputs
    for j in range(ring[slot, signal, BEGIN], ring[slot, signal, END]):
        _spike(rules.number, rule, PLUS, x, rule[TRACE] + 2 * (come[j] - neurons.first[signal]), t, 1.0)
    for turn in range(2):
        gate = rule[GATE] if turn == 0 else rule[THIRD]
        if gate < 0:
            continue
        come = spikes if gate < own else inputs
        for j in range(ring[slot, gate, BEGIN], ring[slot, gate, END]):
            learned += _move(rules, rule, rate, x, state.weight, rate[VALUE + turn], come[j] - neurons.first[gate], t)
    state.learned[r] += learned
