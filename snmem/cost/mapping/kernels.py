"""Compiled loops of the placements."""

from __future__ import annotations

import numpy as np

from ..._jit import kernel


@kernel
def fill_cores(start, source, sources, work, most_work, limits, bits, core):
    """Core of every neuron when cores are filled in order, each as far as its limits allow.

    start, source : presynaptic sources of neuron j are source[start[j] : start[j + 1]], repeats adjacent or not.
    work : (neurons, 2) time each neuron takes its core to send and to receive, of each a core takes ``most_work``.
    limits : what a core takes of neurons, axons in, synapses, bits of synapse memory.
    bits : bits of a synapse, of the header of a list of synapses, and of the words that a list fills.
    """
    per_core, axons, synapses, memory = limits
    synapse_bits, list_bits, word_bits = bits
    count, owner = np.zeros(sources, np.int64), np.full(sources, -1, np.int64)
    here = neurons = used_axons = used_synapses = used_bits = 0
    used_work = np.zeros(2)
    j = 0
    while j < core.size:
        more_axons = more_bits = 0
        more = start[j + 1] - start[j]
        for k in range(start[j], start[j + 1]):
            s = source[k]
            if owner[s] != here:
                owner[s], count[s] = here, 0
            before = count[s] * synapse_bits + list_bits
            if count[s] == 0:
                more_axons += 1
                before = 0
            count[s] += 1
            after = count[s] * synapse_bits + list_bits
            more_bits += -(-after // word_bits) - (-(-before // word_bits))
        fits = (
            neurons < per_core
            and used_axons + more_axons <= axons
            and used_synapses + more <= synapses
            and (used_bits + more_bits) * word_bits <= memory
            and (used_work + work[j] <= most_work).all()
        )
        if not fits and neurons > 0:
            here += 1
            neurons = used_axons = used_synapses = used_bits = 0
            used_work[:] = 0.0
            continue
        core[j] = here
        neurons += 1
        used_axons += more_axons
        used_synapses += more
        used_bits += more_bits
        used_work += work[j]
        j += 1
    return here + 1


@kernel
def move_neurons(start, source, rate, part, reach, take, room, order):
    """One pass of single moves; returns how many neurons moved.

    start, source : presynaptic sources of neuron j are source[start[j] : start[j + 1]];  rate : spikes of each source.
    part : part of each neuron, changed in place;  reach : (sources, parts) synapses of a source in a part.
    take : (neurons, kinds) room a neuron takes;  room : (parts, kinds) room left, negative where a part is overfull.
    order : in which neurons get their turn.
    """
    parts, kinds = room.shape
    cost = np.empty(parts)
    moved = 0
    for j in order:
        a = part[j]
        gain = 0.0
        cost[:] = 0.0
        for k in range(start[j], start[j + 1]):
            s = source[k]
            if reach[s, a] == 1:
                gain += rate[s]
            if rate[s] > 0.0:
                for b in range(parts):
                    cost[b] += rate[s] * (reach[s, b] == 0)
        best, best_gain = -1, -np.inf if (room[a] < 0).any() else 1e-9
        for b in range(parts):
            if b != a and gain - cost[b] > best_gain and (room[b] >= take[j]).all():
                best, best_gain = b, gain - cost[b]
        if best < 0:
            continue
        part[j] = best
        moved += 1
        for i in range(kinds):
            room[a, i] += take[j, i]
            room[best, i] -= take[j, i]
        for k in range(start[j], start[j + 1]):
            reach[source[k], a] -= 1
            reach[source[k], best] += 1
    return moved


@kernel
def seat_parts(flow, entry, away, from_entry, pairs, luck, heat):
    """Seat of each part so that the sum of flow x distance is small: annealing on pairs of seats, then descent.

    flow : (parts, parts) packets between parts, symmetric;  entry : packets of inputs into each part;
    away : (seats, seats) price of the way between seats;  from_entry : price of the way from the entry.
    pairs : (trials, 2) random parts to try to swap;  luck : (trials,) random numbers;  heat : initial temperature.
    """
    n, trials = flow.shape[0], luck.size
    seat = np.arange(n)
    for t in range(trials):
        a, b = pairs[t]
        if a == b:
            continue
        p, q = seat[a], seat[b]
        change = (entry[a] - entry[b]) * (from_entry[q] - from_entry[p])
        for c in range(n):
            if c != a and c != b:
                change += (flow[a, c] - flow[b, c]) * (away[q, seat[c]] - away[p, seat[c]])
        warm = heat * max(0.0, 1.0 - 2.0 * t / trials)  # the second half only descends
        if change < 0 or (warm > 0 and luck[t] < np.exp(-change / warm)):
            seat[a], seat[b] = q, p
    return seat
