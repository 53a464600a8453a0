"""The compiled inner loops of the event engine (see :mod:`snmem.backends.event` for the data layout).

All state is float64; Loihi's integers stay below 2**53 and are therefore exact in it. No fast-math: every sum is
evaluated in the order of :mod:`snmem.neuron`, so results are bit-identical to the reference step.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
from numba import njit

#: Neurons per block: the unit of updating, sleeping and waking.
BLOCK = 256
#: Rows of ``Net.par``: decay of u, decay of v, bias, threshold, reset value, bound factor, bound of the bias.
ALPHA, BETA, BIAS, THETA, RESET, GAIN, DRIVE = range(7)


class Net(NamedTuple):
    """What does not change during a run. Neurons of all populations stand in one index, each padded to whole blocks."""

    par: Any  # (tiles, 7, BLOCK) parameters; uniform populations share one tile
    blk_tile: Any  # (blocks,)
    pop_blk: Any  # (pops + 1,) blocks of population p: pop_blk[p] .. pop_blk[p + 1]
    pop_first: Any  # (pops,) first padded neuron of p; inputs have no blocks and are numbered after the neurons
    pop_size: Any  # (pops,)
    pop_flags: Any  # (pops, 4): Loihi arithmetic, subtractive reset, clear_every (0 = never), clear_offset
    order: Any  # neuron populations in update order
    in_pops: Any  # input populations
    proj: Any  # (projections, 6): pre, post, delay, exponent, offset into colptr, mark all blocks
    proj_in0: Any  # projections of delay 0, in the update order of their targets
    proj_late: Any  # projections with delay >= 1, in declared order
    colptr: Any  # per projection (pre + 1) offsets into target / weight
    target: Any  # padded neuron index of each synapse
    rule: Any  # (plastic, 6): projection, gate pop, signal pop, offset into lptr, offset into x, signal size
    rate: Any  # (plastic, 2): rate, decay
    lptr: Any  # synapses of each gate neuron: offsets into lpos / lother
    lpos: Any  # position in weight
    lother: Any  # signal neuron that the synapse moves towards
    traces: Any  # (recorded, 4): first block, neurons, row of the state (0 = u, 1 = v), column in the output


class State(NamedTuple):
    """What a step changes."""

    uv: Any  # (blocks, 2, BLOCK)
    cur: Any  # (blocks * BLOCK,) input of the coming step
    touched: Any  # (blocks,) 1 where cur may be nonzero
    awake: Any  # (blocks,) 1 where a neuron may spike without further input
    upto: Any  # (blocks,) steps done
    weight: Any  # synapses of all projections
    x: Any  # traces of the learning rules
    ring: Any  # (depth, pops, 2) ranges of the spike buffer, by step modulo depth
    counts: Any  # (pops, 2): updated, changed
    learned: Any  # (plastic,) weight updates


@njit(cache=True, inline="never")
def _update(uv, cur, par, mask, b, tile, loihi, subtract):
    """One step of block b; spikes go to mask. Returns their number. Clears the block's input."""
    spikes = 0
    s = uv[b]
    p = par[tile]
    c = cur[b * BLOCK : (b + 1) * BLOCK]
    if loihi:
        for i in range(BLOCK):
            u = math.trunc(p[ALPHA, i] * s[0, i]) + 64.0 * c[i]
            u = u - 16777216.0 if u > 8388608.0 else (u + 16777216.0 if u <= -8388608.0 else u)
            v = math.trunc(p[BETA, i] * s[1, i]) + u + p[BIAS, i]
            v = min(max(v, -8388607.0), 8388607.0)
            fired = v > p[THETA, i]
            s[0, i] = u
            s[1, i] = 0.0 if fired else v
            mask[i] = fired
            spikes += fired
    elif subtract:
        for i in range(BLOCK):
            u = p[ALPHA, i] * s[0, i] + c[i]
            v = p[BETA, i] * s[1, i] + u + p[BIAS, i]
            fired = v > p[THETA, i]
            s[0, i] = u
            s[1, i] = v - p[THETA, i] if fired else v
            mask[i] = fired
            spikes += fired
    else:
        for i in range(BLOCK):
            u = p[ALPHA, i] * s[0, i] + c[i]
            v = p[BETA, i] * s[1, i] + u + p[BIAS, i]
            fired = v > p[THETA, i]
            s[0, i] = u
            s[1, i] = p[RESET, i] if fired else v
            mask[i] = fired
            spikes += fired
    for i in range(BLOCK):
        c[i] = 0.0
    return spikes


@njit(cache=True)
def _can_spike(uv, par, b, tile):
    """Whether a neuron of block b may still spike without input: an upper bound on every later v against theta."""
    s = uv[b]
    p = par[tile]
    bad = 0
    for i in range(BLOCK):
        v = s[1, i]
        rise = p[GAIN, i] * max(s[0, i], 0.0) + p[DRIVE, i]
        top = max(v, 0.0)
        theta = p[THETA, i]
        if rise > 0.0:
            bad += top + rise + 1e-9 * abs(v) > theta - 1e-6 * abs(theta)
        else:
            bad += top > theta
    return bad > 0


@njit(cache=True)
def _busy(uv, cur, par, b, tile):
    """Neurons of block b with nonzero state, input or bias."""
    n = 0
    for i in range(BLOCK):
        n += (uv[b, 0, i] != 0) | (uv[b, 1, i] != 0) | (cur[b * BLOCK + i] != 0) | (par[tile, BIAS, i] != 0)
    return n


@njit(cache=True)
def _step_block(net, state, mask, old, b, p, t, counting):
    """Step t of block b of population p, with clear and counters; returns the number of spikes."""
    tile = net.blk_tile[b]
    every = net.pop_flags[p, 2]
    if every > 0 and t % every == net.pop_flags[p, 3]:
        state.uv[b] = 0.0
    if counting:
        state.counts[p, 0] += _busy(state.uv, state.cur, net.par, b, tile)
        old[:] = state.uv[b]
    spikes = _update(state.uv, state.cur, net.par, mask, b, tile, net.pop_flags[p, 0] != 0, net.pop_flags[p, 1] != 0)
    if counting:
        for i in range(BLOCK):
            state.counts[p, 1] += old[1, i] != state.uv[b, 1, i]
    state.upto[b] = t + 1
    return spikes


@njit(cache=True)
def _catch_up(net, state, mask, old, b, p, t, counting):
    """Bring the sleeping block b up to the start of step t; stops stepping where nothing moves any more."""
    every, offset = net.pop_flags[p, 2], net.pop_flags[p, 3]
    tile = net.blk_tile[b]
    before = np.empty((2, BLOCK))
    saved = state.cur[b * BLOCK : (b + 1) * BLOCK].copy()
    state.cur[b * BLOCK : (b + 1) * BLOCK] = 0.0
    s = state.upto[b]
    while s < t:
        before[:] = state.uv[b]
        _step_block(net, state, mask, old, b, p, s, counting)
        s += 1
        if s < t and (before == state.uv[b]).all():
            stop = t
            if every > 0:
                stop = min(t, s + (offset - s) % every)
            if counting:
                state.counts[p, 0] += _busy(state.uv, state.cur, net.par, b, tile) * (stop - s)
            s = stop
    state.upto[b] = t
    state.cur[b * BLOCK : (b + 1) * BLOCK] = saved


@njit(cache=True)
def _deliver(net, state, scratch, q, lo, hi, spk):
    """Add the weights of the spikes spk[lo:hi] of projection q to the input of its targets."""
    pre, post, exponent, base, mark = net.proj[q, 0], net.proj[q, 1], net.proj[q, 3], net.proj[q, 4], net.proj[q, 5]
    first = net.pop_first[pre]
    target, weight, cur, touched = net.target, state.weight, state.cur, state.touched
    if exponent < 0:  # Loihi rounds the sum of a step down, so it needs a sum of its own
        start = net.pop_first[post]
        stop = net.pop_blk[post + 1] * BLOCK
        scratch[start:stop] = 0.0
        for j in range(lo, hi):
            k0 = base + spk[j] - first
            for k in range(net.colptr[k0], net.colptr[k0 + 1]):
                scratch[target[k]] += weight[k]
        scale = 2.0**exponent
        for i in range(start, stop):
            cur[i] += math.floor(scratch[i] * scale)
        mark = 1
    elif mark:
        for j in range(lo, hi):
            k0 = base + spk[j] - first
            for k in range(net.colptr[k0], net.colptr[k0 + 1]):
                cur[target[k]] += weight[k]
    else:
        for j in range(lo, hi):
            k0 = base + spk[j] - first
            for k in range(net.colptr[k0], net.colptr[k0 + 1]):
                i = target[k]
                cur[i] += weight[k]
                touched[i // BLOCK] = 1
    if mark:
        touched[net.pop_blk[post] : net.pop_blk[post + 1]] = 1


@njit(cache=True)
def _learn(net, state, r, spk, slot):
    """Apply rule r after step t (whose spikes stand in ring slot ``slot``)."""
    gate, signal, base, x0, size = net.rule[r, 1], net.rule[r, 2], net.rule[r, 3], net.rule[r, 4], net.rule[r, 5]
    rate, decay = net.rate[r, 0], net.rate[r, 1]
    g0, g1 = state.ring[slot, gate]
    s0, s1 = state.ring[slot, signal]
    if decay > 0.0:
        for i in range(x0, x0 + size):
            state.x[i] *= decay
    elif g0 == g1:
        return
    for j in range(s0, s1):
        state.x[x0 + spk[j] - net.pop_first[signal]] += 1.0
    for j in range(g0, g1):
        k0 = base + spk[j] - net.pop_first[gate]
        for k in range(net.lptr[k0], net.lptr[k0 + 1]):
            w = state.weight[net.lpos[k]]
            state.weight[net.lpos[k]] = w + rate * (state.x[x0 + net.lother[k]] - w)
        state.learned[r] += net.lptr[k0 + 1] - net.lptr[k0]
    if decay == 0.0:
        for j in range(s0, s1):
            state.x[x0 + spk[j] - net.pop_first[signal]] = 0.0


@njit(cache=True)
def _step_population(net, state, mask, old, p, t, spk, spk_step, n, dense, counting):
    """Step t of population p; appends its spikes and returns the new length of the spike buffer."""
    words = mask.view(np.uint64)
    for b in range(net.pop_blk[p], net.pop_blk[p + 1]):
        touched = state.touched[b]
        if not (touched or state.awake[b] or dense):
            continue
        if state.upto[b] < t:
            _catch_up(net, state, mask, old, b, p, t, counting)
        spikes = _step_block(net, state, mask, old, b, p, t, counting)
        state.touched[b] = 0
        state.awake[b] = touched or spikes > 0 or _can_spike(state.uv, net.par, b, net.blk_tile[b])
        if spikes > 0:
            for w in range(BLOCK // 8):
                if words[w] != 0:
                    for i in range(8 * w, 8 * w + 8):
                        if mask[i]:
                            spk[n] = b * BLOCK + i
                            spk_step[n] = t
                            n += 1
    return n


@njit(cache=True)
def _idle(net, state, t, last, depth):
    """Whether nothing can happen before the next input: all blocks asleep, no spike on its way."""
    if last >= 0 and t - last < depth:
        return False
    for b in range(state.awake.size):  # noqa: SIM110 (a compiled loop)
        if state.awake[b] or state.touched[b]:
            return False
    return True


@njit(cache=True)
def run(net, state, events, event_step, e, t, stop, spk, spk_step, n, room, last, out, scratch, dense, counting):
    """Steps t .. stop-1, or until the spike buffer has no room for one more; returns (t, n, e, last).

    events, event_step: input spikes sorted by step, then population, then neuron; e: the next one.
    last: step of the latest spike, or -1.    out: (steps, columns) of traces, filled from row 0.
    """
    mask = np.zeros(BLOCK, np.uint8)
    old = np.zeros((2, BLOCK))
    depth = state.ring.shape[0]
    may_skip = not dense
    for r in range(net.rule.shape[0]):
        may_skip = may_skip and net.rate[r, 1] == 0.0
    start = t
    while t < stop and n + room <= spk.size:
        if may_skip and _idle(net, state, t, last, depth):
            after = event_step[e] if e < events.size else stop
            if after > t:
                t = min(after, stop)
                for d in range(depth):
                    state.ring[d] = 0
                continue
        slot = t % depth
        before = n
        for p in net.in_pops:
            state.ring[slot, p, 0] = n
            first = net.pop_first[p]
            size = net.pop_size[p]
            while e < events.size and event_step[e] == t and first <= events[e] < first + size:
                spk[n] = events[e]
                spk_step[n] = t
                n += 1
                e += 1
            state.ring[slot, p, 1] = n
        k = 0
        for p in net.order:
            while k < net.proj_in0.size and net.proj[net.proj_in0[k], 1] == p:
                q = net.proj_in0[k]
                lo, hi = state.ring[slot, net.proj[q, 0]]
                if hi > lo:
                    _deliver(net, state, scratch, q, lo, hi, spk)
                k += 1
            state.ring[slot, p, 0] = n
            n = _step_population(net, state, mask, old, p, t, spk, spk_step, n, dense, counting)
            state.ring[slot, p, 1] = n
        for q in net.proj_late:
            lo, hi = state.ring[(t + 1 - net.proj[q, 2]) % depth, net.proj[q, 0]]
            if hi > lo and t + 1 >= net.proj[q, 2]:
                _deliver(net, state, scratch, q, lo, hi, spk)
        for r in range(net.rule.shape[0]):
            _learn(net, state, r, spk, slot)
        for r in range(net.traces.shape[0]):
            b, size, row, column = net.traces[r]
            for i in range(size):
                out[t - start, column + i] = state.uv[b + i // BLOCK, row, i % BLOCK]
        if n > before:
            last = t
        t += 1
    return t, n, e, last


@njit(cache=True)
def settle(net, state, t, counting):
    """Bring every block up to the start of step t."""
    mask = np.zeros(BLOCK, np.uint8)
    old = np.zeros((2, BLOCK))
    for p in net.order:
        for b in range(net.pop_blk[p], net.pop_blk[p + 1]):
            if state.upto[b] < t:
                _catch_up(net, state, mask, old, b, p, t, counting)
