"""Instar and outstar: the weights of the neurons that gate move towards the traces of others."""

from __future__ import annotations

import numpy as np

from ....._jit import inner
from ...columns import (
    BEGIN,
    DECAY,
    END,
    GATE,
    GATE_PTR,
    RATE,
    SIGNAL,
    SIGNAL_SIZE,
    TRACE,
)
from ...llvm.memory import prefetch
from ...tuning import WEIGHTS_AHEAD


@inner
def learn_gated(net, state, r, spikes, inputs, slot):
    """The weights of the neurons that gate move towards the traces of others."""
    rules, neurons, ring = net.rules, net.neurons, state.ring
    rule, rate, decay = rules.rule[r], rules.rate[r, RATE], rules.rate[r, DECAY]
    gate, signal, base, x0, size = rule[GATE], rule[SIGNAL], rule[GATE_PTR], rule[TRACE], rule[SIGNAL_SIZE]
    g0, g1 = ring[slot, gate, BEGIN], ring[slot, gate, END]
    s0, s1 = ring[slot, signal, BEGIN], ring[slot, signal, END]
    own = neurons.size.size - neurons.inputs.size
    gates, signals = spikes if gate < own else inputs, spikes if signal < own else inputs
    x, weight, positions, others = state.x[x0 : x0 + size], state.weight, rules.position, rules.other
    if decay > 0.0:
        for i in range(size):
            x[i] *= decay
    elif g0 == g1:
        return
    for j in range(s0, s1):
        x[signals[j] - neurons.first[signal]] += 1.0
    ahead = np.uint64(WEIGHTS_AHEAD)
    for j in range(g0, g1):
        k0 = base + gates[j] - neurons.first[gate]
        low, high = np.uint64(rules.ptr[k0]), np.uint64(rules.ptr[k0 + 1])
        for k in range(low, high):  # a gate's weights are scattered over those of the projection
            if k + ahead < high:
                prefetch(weight, np.uint64(positions[k + ahead]))
            at = np.uint64(positions[k])
            weight[at] += rate * (x[np.uint64(others[k])] - weight[at])
        state.learned[r] += np.int64(high - low)
    if decay == 0.0:
        for j in range(s0, s1):
            x[signals[j] - neurons.first[signal]] = 0.0
