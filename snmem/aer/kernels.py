"""Compiled counting loops."""

from __future__ import annotations

from numba import njit


@njit(cache=True)
def count_packets(
    step,
    source,
    start,
    target,
    synapses,
    seconds,
    core,
    layer,
    x,
    y,
    sent,
    received,
    reading,
    by_core,
    by_layer,
    by_step,
):
    """Turn spikes (step, source) into packets and add them up.

    x, y : tile position by core, the entry of injected spikes last.
    sent, received : int (steps, cores);  reading : float (steps, cores), seconds of synapse reading.
    by_core : int (cores + 1, 4), by_layer : int (layers, 4), by_step : int (steps, 4); the four columns are packets,
    synaptic events, hops along x, hops along y. In by_core packets and hops count at the sender (inputs in the last
    row), synaptic events at the receiver.
    """
    entry = by_core.shape[0] - 1
    for i in range(step.size):
        t, s = step[i], source[i]
        home = core[s] if core[s] >= 0 else entry
        for r in range(start[s], start[s + 1]):
            c = target[r]
            ew, ns = abs(x[c] - x[home]), abs(y[c] - y[home])
            if home != entry:
                sent[t, home] += 1
            received[t, c] += 1
            reading[t, c] += seconds[r]
            by_core[home, 0] += 1
            by_core[c, 1] += synapses[r]
            by_core[home, 2] += ew
            by_core[home, 3] += ns
            for row in (by_layer[layer[s]], by_step[t]):
                row[0] += 1
                row[1] += synapses[r]
                row[2] += ew
                row[3] += ns


@njit(cache=True)
def count_by_core(step, neuron, core, out):
    """Add one to ``out[step, core of neuron]`` for each event."""
    for i in range(step.size):
        out[step[i], core[neuron[i]]] += 1
