"""Compiled counting loops."""

from __future__ import annotations

import numpy as np

from ..._jit import kernel


@kernel
def count_source(start, target, synapses, nonzero, core, tree, x, y, width, height, out, to_own):
    """What one spike of each source makes: ``out`` (sources, 6).

    Its columns are packets, synaptic events, hops along x, along y, between chips, synaptic events of weights other
    than 0.    x, y : tile position by core, the entry of injected spikes last.    width, height : tiles of one chip.
    tree : (sources, 3) hops along x, y and between chips of one multicast packet; no rows: unicast.
    to_own : (sources,) becomes True where a source has targets on its own core.
    """
    entry = x.size - 1
    for s in range(start.size - 1):
        home = core[s] if core[s] >= 0 else entry
        row = out[s]
        for r in range(start[s], start[s + 1]):
            c = target[r]
            row[0] += 1
            row[1] += synapses[r]
            row[2] += abs(x[c] - x[home])
            row[3] += abs(y[c] - y[home])
            row[4] += abs(x[c] // width - x[home] // width) + abs(y[c] // height - y[home] // height)
            row[5] += nonzero[r]
            to_own[s] |= c == core[s]
        if tree.shape[0] > 0 and row[0] > 0:
            row[0], row[2], row[3], row[4] = 1, tree[s, 0], tree[s, 1], tree[s, 2]


@kernel
def count_by_group(start, source, order, bound, keep, sources):
    """Synapses by (source, group of the target), as (start, group, synapses) of a CSR matrix.

    start, source : sources of target j are source[start[j] : start[j + 1]].
    order, bound : the targets in group g are order[bound[g] : bound[g + 1]].
    keep : of each synapse, whether it counts; empty: all do. A group without any that counts keeps its place.
    """
    seen = np.full(sources, -1, np.int32)  # the latest group of each source
    first = np.zeros(sources + 1, np.int64)
    for g in range(bound.size - 1):
        for j in order[bound[g] : bound[g + 1]]:
            for k in range(start[j], start[j + 1]):
                s = np.uint32(source[k])  # unsigned: no check for an index from the end
                if seen[s] != g:
                    seen[s] = g
                    first[s + 1] += 1
    for s in range(sources):
        first[s + 1] += first[s]
    group, synapses = np.empty(first[-1], np.int32), np.zeros(first[-1], np.int32)
    at = first[:-1] - 1
    seen[:] = -1
    for g in range(bound.size - 1):
        for j in order[bound[g] : bound[g + 1]]:
            for k in range(start[j], start[j + 1]):
                s = np.uint32(source[k])
                if seen[s] != g:
                    seen[s] = g
                    at[s] += 1
                    group[at[s]] = g
                synapses[at[s]] += keep.size == 0 or keep[k]
    return first, group, synapses


@kernel
def count_loads(core, synapses, own, bits, out):
    """Add the lists of synapses on each core to ``out`` (cores, 3): lists, synapses, bits of memory.

    core, synapses : of each list;  own : how many take memory of their own.
    bits : of a synapse, of the header of a list, of the words that a list fills.
    """
    synapse_bits, list_bits, word_bits = bits
    for r in range(core.size):
        row = out[core[r]]
        row[0] += 1
        row[1] += synapses[r]
        row[2] += -(-(own[r] * synapse_bits + list_bits) // word_bits) * word_bits


@kernel
def count_packets(step, source, start, target, seconds, core, packets, sent, received, reading):
    """Turn spikes (step, source) into packets: sent, received (steps, cores), and reading (steps, cores) in seconds.

    core : of each source, -1 for inputs;  packets : that a spike of each source makes.
    """
    for i in range(step.size):
        t, s = step[i], source[i]
        if core[s] >= 0:
            sent[t, core[s]] += packets[s]
        into, time = received[t], reading[t]
        for r in range(start[s], start[s + 1]):
            into[target[r]] += 1
            time[target[r]] += seconds[r]


@kernel
def count_read(counts, start, target, synapses, nonzero, out):
    """Synaptic events of each core, ``out`` (cores, 2): all, and of weights not 0; ``counts``: spikes by source."""
    for s in range(counts.size):
        if counts[s]:
            for r in range(start[s], start[s + 1]):
                out[target[r], 0] += counts[s] * synapses[r]
                out[target[r], 1] += counts[s] * nonzero[r]


@kernel
def count_ways(start, target, home, x, y, out):
    """Packets, hops along x and along y of a spike of each source, from its core ``home`` to those of its targets."""
    for s in range(start.size - 1):
        for r in range(start[s], start[s + 1]):
            out[s, 0] += 1
            out[s, 1] += abs(x[target[r]] - x[home[s]])
            out[s, 2] += abs(y[target[r]] - y[home[s]])


@kernel
def tree_hops(start, target, core, x, y, width, height, out):
    """Hops of one packet of each source along its multicast tree: along x first, then up and down each column."""
    entry = x.size - 1
    low, high = np.zeros(x.max() + 1, np.int64), np.zeros(x.max() + 1, np.int64)
    for s in range(start.size - 1):
        home = core[s] if core[s] >= 0 else entry
        x0, y0 = x[home], y[home]
        left, right = x0, x0
        low[:], high[:] = y0, y0
        for r in range(start[s], start[s + 1]):
            c = target[r]
            left, right = min(left, x[c]), max(right, x[c])
            low[x[c]], high[x[c]] = min(low[x[c]], y[c]), max(high[x[c]], y[c])
        out[s, 0] = right - left
        out[s, 2] = right // width - left // width
        for column in range(left, right + 1):
            out[s, 1] += high[column] - low[column]
            out[s, 2] += high[column] // height - low[column] // height


@kernel
def count_by_core(step, neuron, core, out):
    """Add one to ``out[step, core of neuron]`` for each event."""
    for i in range(step.size):
        out[step[i], core[neuron[i]]] += 1


@kernel
def mark_late(step, source, low, start, target, first, delay, arrived):
    """Set ``arrived[step + delay, first + target]`` for every synapse of the spikes from number ``low`` on."""
    for i in range(low, step.size):
        row = arrived[step[i] + delay, first:]
        for k in range(start[source[i]], start[source[i] + 1]):
            row[np.uint32(target[k])] = 1  # unsigned: no check for an index from the end


@kernel
def mark_arrivals(step_start, source, start, target, into_start, into, first, delay, active):
    """Set ``active[t + delay, first + target]`` for every synapse of every spike of step t, as far as there are rows.

    Two ways to the same result: along the synapses of the spikes, or, where that is less, from every neuron that is
    not marked yet along its own synapses until one comes from a spike.

    source : spikes of step t at step_start[t] : step_start[t + 1].
    start, target : targets of source s at start[s] : start[s + 1];  into_start, into : the same from target to source.
    """
    size = into_start.size - 1
    fired = np.zeros(start.size - 1, np.uint8)
    for t in range(min(step_start.size - 1, active.shape[0] - delay)):
        row = active[t + delay, first : first + size]
        spikes = source[step_start[t] : step_start[t + 1]]
        events = 0
        for s in spikes:
            events += start[s + 1] - start[s]
        unmarked = size
        for i in range(size):
            unmarked -= row[i]
        if unmarked == 0 or events == 0:
            continue
        # a share of events / synapses comes from spikes: about one over that many are looked at until one does
        if np.float64(events) * events < 2.0 * unmarked * into.size:
            for s in spikes:
                for k in range(start[s], start[s + 1]):
                    row[np.uint32(target[k])] = 1  # unsigned: no check for an index from the end
            continue
        for s in spikes:
            fired[s] = 1
        for i in range(size):
            if row[i] == 0:
                for k in range(into_start[i], into_start[i + 1]):
                    if fired[np.uint32(into[k])]:
                        row[i] = 1
                        break
        for s in spikes:
            fired[s] = 0


@kernel
def count_active(active, core, out):
    """Add the marked neurons of each step to ``out[step, core]``."""
    for t in range(active.shape[0]):
        for i in range(active.shape[1]):
            out[t, core[i]] += active[t, i]


@kernel
def mark_states(v, u, before_v, before_u, has_u, driven, every, offset, step, first, active, changes):
    """Mark the neurons of one population that are updated whatever arrives; returns how many changed.

    v, u : traces (steps, neurons), u with no rows if there are none;  before_v, before_u : state before the first step,
    replaced by that after the last.    driven : neurons with a bias.    every, offset : timed clear (0 = never).
    active : (steps, all neurons), becomes 1 where the state before is not 0 or a bias acts.
    changes : (steps, all neurons), becomes 1 where v differs before and after.
    """
    changed = 0
    size = v.shape[1]
    for t in range(v.shape[0]):
        if every > 0 and (step + t) % every == offset:
            before_v[:] = 0.0
            before_u[:] = 0.0
        row, other, after = active[t, first : first + size], changes[t, first : first + size], v[t]
        count = np.int64(0)
        for i in range(size):  # without a branch, so that the compiler takes several neurons at once
            row[i] |= (before_v[i] != 0.0) | driven[i] | (has_u[i] & (before_u[i] != 0.0))
            other[i] = after[i] != before_v[i]
            count += other[i]
            before_v[i] = after[i]
        changed += count
        if u.shape[0] > 0:
            before_u[:] = u[t]
    return changed
