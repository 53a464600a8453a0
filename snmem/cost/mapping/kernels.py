"""Compiled loops of the placements."""

from __future__ import annotations

import numpy as np

from ..._jit import kernel


@kernel
def fill_cores(
    start, source, own, kernels, words, work, most_work, limits, bits, count, owner, holder, used, busy, core
):
    """Core of every neuron when cores are filled in order, each as far as its limits allow; goes on where it stopped.

    start, source : presynaptic sources of neuron j are source[start[j] : start[j + 1]], repeats adjacent or not.
    own : of each of them, whether the synapse takes memory of its own.
    kernels, words : (neurons, kernels each) kernels that a neuron reads, held once by a core; words of each kernel.
    work : (neurons, 2) time each neuron takes its core to send and to receive, of each a core takes ``most_work``.
    limits : what a core takes of neurons, axons in, synapses, bits of synapse memory.
    bits : bits of a synapse, of the header of a list of synapses, and of the words that a list fills.
    count, owner, holder : of each source, its own synapses in the core that last had some, and that core; core that
    last held each kernel.    used : the core, and its neurons, axons, synapses and words;  busy : its work.
    """
    per_core, axons, synapses, memory = limits
    synapse_bits, list_bits, word_bits = bits
    j = 0
    while j < core.size:
        here = used[0]
        more_axons = more_words = 0
        more = start[j + 1] - start[j]
        for k in range(start[j], start[j + 1]):
            s = source[k]
            before = 0
            if owner[s] != here:
                owner[s], count[s] = here, 0
                more_axons += 1
            else:
                before = count[s] * synapse_bits + list_bits
            count[s] += own[k]
            after = count[s] * synapse_bits + list_bits
            more_words += -(-after // word_bits) - (-(-before // word_bits))
        for k in kernels[j]:
            if holder[k] != here:
                holder[k] = here
                more_words += words[k]
        fits = (
            used[1] < per_core
            and used[2] + more_axons <= axons
            and used[3] + more <= synapses
            and (used[4] + more_words) * word_bits <= memory
            and (busy + work[j] <= most_work).all()
        )
        if not fits and used[1] > 0:
            used[0] += 1
            used[1:] = 0
            busy[:] = 0.0
            continue
        core[j] = here
        used[1] += 1
        used[2] += more_axons
        used[3] += more
        used[4] += more_words
        busy += work[j]
        j += 1


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
