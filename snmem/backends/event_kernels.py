"""The compiled inner loops of the event engine (see :mod:`snmem.backends.event_layout` for the data).

All state is float64; Loihi's integers stay below 2**53 and are therefore exact in it. No fast-math: every sum is
evaluated in the order of :mod:`snmem.neuron`, so results are bit-identical to the reference step.

All in one file on purpose: numba's cache looks for changes only in the file of the function it has compiled.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
from numba import njit

from .event_intrinsics import arrive, four, look, prefetch, sched_yield

#: Neurons per block: the unit of updating, sleeping and waking.
BLOCK = 256
#: Targets whose input is summed at a time: what fits the first-level cache together with the synapses streaming by.
RANGE = 2048
#: Steps of a sleeping block between two looks whether anything still moves in it.
PATIENCE = 16
#: Synapses between two prefetched places; rows whose beginnings are prefetched together.
STRIDE, AHEAD = 32, 16
#: Rows of ``Net.par``: decay of u, decay of v, bias, threshold, reset value, bound factor, bound of the bias.
ALPHA, BETA, BIAS, THETA, RESET, GAIN, DRIVE = range(7)


class Net(NamedTuple):
    """What does not change during a run. Neurons of all populations stand in one index, each padded to whole blocks."""

    par: Any  # (tiles, 7, BLOCK) parameters; uniform populations share one tile
    uniform: Any  # (tiles,) 1 where all neurons of the tile are alike
    blk_tile: Any  # (blocks,)
    pop_blk: Any  # (pops + 1,) blocks of population p: pop_blk[p] .. pop_blk[p + 1]
    pop_first: Any  # (pops,) first padded neuron of p; inputs have no blocks and are numbered after the neurons
    pop_size: Any  # (pops,)
    cut: Any  # (pops, threads + 1): thread k steps the blocks cut[p, k] .. cut[p, k + 1] of population p
    pop_flags: Any  # (pops, 4): Loihi arithmetic, subtractive reset, clear_every (0 = never), clear_offset
    order: Any  # neuron populations in update order
    in_pops: Any  # input populations
    proj: Any  # (projections, 8): pre, post, delay, exponent, offset into ptr, mark all, coded, ranges
    shift: Any  # (projections,) from a synapse's index in target to its index in code, or in State.weight
    proj_in0: Any  # projections of delay 0, in the update order of their targets
    proj_late: Any  # projections with delay >= 1, in declared order
    ptr: Any  # per projection (pre * ranges + 1) offsets into target: synapses by presynaptic neuron, then range
    target: Any  # padded neuron index of each synapse
    code: Any  # uint8: weights of projections with at most 256 different ones, as numbers into palette
    palette: Any  # (projections, 256)
    rule: Any  # (plastic, 6): projection, gate pop, signal pop, offset into lptr, offset into x, signal size
    rate: Any  # (plastic, 2): rate, decay
    lptr: Any  # synapses of each gate neuron: offsets into lpos / lother
    lpos: Any  # position in weight
    lother: Any  # signal neuron that the synapse moves towards
    traces: Any  # (recorded, 3): population, row of the state (0 = u, 1 = v), column in the output


class State(NamedTuple):
    """What a step changes."""

    u: Any  # (blocks * BLOCK,)
    v: Any
    cur: Any  # input of the coming step
    touched: Any  # (blocks,) 1 where cur may be nonzero
    awake: Any  # (blocks,) 1 where a neuron may spike without further input
    upto: Any  # (blocks,) steps done
    weight: Any  # weights of all other projections
    x: Any  # traces of the learning rules
    ring: Any  # (depth, pops, 2) ranges of the spike buffer, by step modulo depth
    counts: Any  # (pops, 2): updated, changed
    learned: Any  # (plastic,) weight updates


@njit(cache=True, nogil=True)
def _advance(u, v, cur, par, tile, uniform, loihi, b, end, above):
    """u and v of the blocks b .. end-1, one step further, without resets; takes their input out of ``cur``.

    above[block]: how many of its neurons are over threshold.
    Unsigned indices need no look at their sign, so the loops vectorise.
    """
    alpha, beta, bias, theta = par[tile, ALPHA, 0], par[tile, BETA, 0], par[tile, BIAS, 0], par[tile, THETA, 0]
    for block in range(b, end):
        low, n = np.uint64(block * BLOCK), 0
        high = low + np.uint64(BLOCK)
        if loihi:
            for i in range(low, high):
                j = i - low
                un = np.trunc(par[tile, ALPHA, j] * u[i]) + 64.0 * cur[i]
                un = un - 16777216.0 if un > 8388608.0 else (un + 16777216.0 if un <= -8388608.0 else un)
                vn = np.trunc(par[tile, BETA, j] * v[i]) + un + par[tile, BIAS, j]
                vn = min(max(vn, -8388607.0), 8388607.0)
                u[i] = un
                v[i] = vn
                cur[i] = 0.0
                n += vn > par[tile, THETA, j]
        elif uniform:
            for i in range(low, high):
                un = alpha * u[i] + cur[i]
                vn = beta * v[i] + un + bias
                u[i] = un
                v[i] = vn
                cur[i] = 0.0
                n += vn > theta
        else:
            for i in range(low, high):
                j = i - low
                un = par[tile, ALPHA, j] * u[i] + cur[i]
                vn = par[tile, BETA, j] * v[i] + un + par[tile, BIAS, j]
                u[i] = un
                v[i] = vn
                cur[i] = 0.0
                n += vn > par[tile, THETA, j]
        above[block] = n


@njit(cache=True, nogil=True)
def _fire(v, par, b, tile, subtract, t, spk, spk_step, n, above):
    """Reset the ``above`` neurons of block b that are above threshold and append them to the spikes."""
    end = n + above
    first = np.uint64(b * BLOCK)
    for low in range(np.uint64(0), np.uint64(BLOCK), np.uint64(32)):
        some = 0
        for j in range(low, low + np.uint64(32)):
            some += v[first + j] > par[tile, THETA, j]
        if some > 0:
            for j in range(low, low + np.uint64(32)):
                theta = par[tile, THETA, j]
                if v[first + j] > theta:
                    v[first + j] = v[first + j] - theta if subtract else par[tile, RESET, j]
                    spk[n] = first + j
                    spk_step[n] = t
                    n += 1
            if n == end:
                return


@njit(cache=True, nogil=True)
def _can_spike(u, v, par, b, tile):
    """Whether a neuron of block b may still spike without input: an upper bound on every later v against theta."""
    bad = 0
    low = np.uint64(b * BLOCK)
    for i in range(low, low + np.uint64(BLOCK)):
        j = i - low
        rise = par[tile, GAIN, j] * max(u[i], 0.0) + par[tile, DRIVE, j]
        top = max(v[i], 0.0)
        theta = par[tile, THETA, j]
        sure = rise <= 0.0  # v only decays from here: no rounding to allow for
        bad += (top + rise + (0.0 if sure else 1e-9 * abs(v[i]))) > theta - (0.0 if sure else 1e-6 * abs(theta))
    return bad > 0


@njit(cache=True, nogil=True)
def _busy(u, v, cur, par, b, tile):
    """Neurons of block b with nonzero state, input or bias."""
    n = 0
    for j in range(BLOCK):
        i = b * BLOCK + j
        n += (u[i] != 0) | (v[i] != 0) | (cur[i] != 0) | (par[tile, BIAS, j] != 0)
    return n


@njit(cache=True, nogil=True)
def _catch_up(u, v, cur, par, b, tile, uniform, loihi, every, offset, start, stop, above, counts, p, counting):
    """Steps start .. stop-1 of block b, which gets no input and cannot spike; skips those in which nothing moves."""
    low, high = b * BLOCK, (b + 1) * BLOCK
    saved, before_u, before_v = cur[low:high].copy(), np.empty(BLOCK), np.empty(BLOCK)
    cur[low:high] = 0.0
    busy, t = 0, start
    while t < stop:
        if every > 0 and t % every == offset:
            u[low:high] = 0.0
            v[low:high] = 0.0
        look = counting or (t - start) % PATIENCE == PATIENCE - 1
        if look:
            before_u[:] = u[low:high]
            before_v[:] = v[low:high]
        if counting:
            busy = _busy(u, v, cur, par, b, tile)
        _advance(u, v, cur, par, tile, uniform, loihi, b, b + 1, above)
        t += 1
        if counting:
            counts[p, 0] += busy
            counts[p, 1] += (before_v != v[low:high]).sum()
        if look and (before_u == u[low:high]).all() and (before_v == v[low:high]).all():
            still = stop if every == 0 else min(stop, t + (offset - t) % every)
            counts[p, 0] += busy * (still - t)
            t = still
    cur[low:high] = saved


@njit(cache=True, nogil=True)
def _first(target, low, high, bound):
    """Where in the ascending target[low:high] the first one >= bound stands."""
    while low < high:
        middle = (low + high) >> np.uint64(1)
        if target[middle] < bound:
            low = middle + np.uint64(1)
        else:
            high = middle
    return low


@njit(cache=True, nogil=True)
def _deliver(
    proj, shifts, pop_first, pop_blk, ptr, target, code, palette, weight, cur, touched, scratch, spk, q, lo, hi, own,
    end,
):  # fmt: skip
    """Add the weights of the spikes spk[lo:hi] of projection q to the input of its targets in the blocks own .. end-1.

    One range of targets after the other, so that their sums stay in cache; within a range spike after spike, so that
    every sum is taken in ascending order of the presynaptic neurons.
    """
    if own >= end:
        return
    pre, post, exponent, ranges = proj[q, 0], proj[q, 1], proj[q, 3], proj[q, 7]
    mark, coded, first = proj[q, 5] != 0, proj[q, 6] != 0, pop_first[pre]
    shift = np.uint64(shifts[q])  # unsigned indices need no look at their sign; sums wrap around as they should
    start, stop = own * BLOCK, end * BLOCK
    into = cur
    if exponent < 0:  # Loihi rounds the sum of a step down, so it needs a sum of its own
        into = scratch
        into[start:stop] = 0.0
        mark = True
    base = proj[q, 4] - first * ranges
    width = RANGE // BLOCK if ranges > 1 else pop_blk[post + 1] - pop_blk[post]  # blocks of a range
    begin = (own - pop_blk[post]) // width
    if ranges > 1:  # long rows, out of cache: ask for the first of each at once
        for j in range(lo, min(hi, lo + AHEAD)):
            k = np.uint64(ptr[spk[j] * ranges + base + begin])
            prefetch(target, k)  # pyright: ignore[reportCallIssue]
            prefetch(target, k + np.uint64(STRIDE))  # pyright: ignore[reportCallIssue]
            if coded:
                prefetch(code, k + shift)  # pyright: ignore[reportCallIssue]
            else:
                prefetch(weight, k + shift)  # pyright: ignore[reportCallIssue]
    for r in range(base + begin, base - (pop_blk[post] - end) // width):
        block = pop_blk[post] + (r - base) * width
        part = block < own or min(block + width, pop_blk[post + 1]) > end
        for j in range(lo, hi):
            low, high = np.uint64(ptr[spk[j] * ranges + r]), np.uint64(ptr[spk[j] * ranges + r + 1])
            if part:
                low, high = _first(target, low, high, start), _first(target, low, high, stop)
            if ranges > 1 and j + 1 < hi:
                after = spk[j + 1] * ranges + r
                for k in range(np.uint64(ptr[after]), np.uint64(ptr[after + 1]), np.uint64(STRIDE)):
                    prefetch(target, k)  # pyright: ignore[reportCallIssue]
                    if coded:
                        prefetch(code, k + shift)  # pyright: ignore[reportCallIssue]
                    else:
                        prefetch(weight, k + shift)  # pyright: ignore[reportCallIssue]
            fours = low + (high - low) // np.uint64(4) * np.uint64(4)
            if coded:
                for k in range(low, fours, np.uint64(4)):
                    i0, i1, i2, i3 = four(target, k)  # pyright: ignore[reportCallIssue]
                    w0, w1, w2, w3 = four(code, k + shift)  # pyright: ignore[reportCallIssue]
                    into[i0] += palette[q, w0]
                    into[i1] += palette[q, w1]
                    into[i2] += palette[q, w2]
                    into[i3] += palette[q, w3]
                for k in range(fours, high):
                    into[target[k]] += palette[q, code[k + shift]]
            else:
                for k in range(low, fours, np.uint64(4)):
                    i0, i1, i2, i3 = four(target, k)  # pyright: ignore[reportCallIssue]
                    into[i0] += weight[k + shift]
                    into[i1] += weight[k + shift + np.uint64(1)]
                    into[i2] += weight[k + shift + np.uint64(2)]
                    into[i3] += weight[k + shift + np.uint64(3)]
                for k in range(fours, high):
                    into[target[k]] += weight[k + shift]
            if not mark:
                for k in range(low, high):
                    touched[target[k] // np.uint64(BLOCK)] = 1
    if exponent < 0:
        scale = 2.0**exponent
        for i in range(start, stop):
            cur[i] += math.floor(scratch[i] * scale)
    if mark:
        touched[own:end] = 1


@njit(cache=True, nogil=True)
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


@njit(cache=True, nogil=True)
def _step_population(
    pop_flags, blk_tile, uniform_tile, par, u, v, cur, touched, awake, upto, above, counts, spk, spk_step, p, t, n,
    dense, counting, end, stop,
):  # fmt: skip
    """Step t of the blocks end .. stop-1 of population p; appends their spikes and returns the buffer's new length."""
    loihi, subtract = pop_flags[p, 0] != 0, pop_flags[p, 1] != 0
    every, offset = pop_flags[p, 2], pop_flags[p, 3]
    clear = every > 0 and t % every == offset
    while end < stop:
        b = end
        end = b + 1
        if not (touched[b] or awake[b] or dense):
            continue
        tile = blk_tile[b]
        uniform = uniform_tile[tile] != 0
        while end < stop and blk_tile[end] == tile and (touched[end] or awake[end] or dense):
            end += 1  # blocks b .. end-1 are alike and go together
        for block in range(b, end):
            if upto[block] < t:
                _catch_up(
                    u, v, cur, par, block, tile, uniform, loihi, every, offset, upto[block], t, above, counts, p,
                    counting,
                )  # fmt: skip
        if clear:
            u[b * BLOCK : end * BLOCK] = 0.0
            v[b * BLOCK : end * BLOCK] = 0.0
        old = v[b * BLOCK : end * BLOCK]
        if counting:
            old = old.copy()
            for block in range(b, end):
                counts[p, 0] += _busy(u, v, cur, par, block, tile)
        _advance(u, v, cur, par, tile, uniform, loihi, b, end, above)
        for block in range(b, end):
            upto[block] = t + 1
            if above[block] > 0:
                _fire(v, par, block, tile, subtract, t, spk, spk_step, n, above[block])
                n += above[block]
            if touched[block]:
                touched[block] = 0
                awake[block] = 1
            else:
                awake[block] = above[block] > 0 or _can_spike(u, v, par, block, tile)
        if counting:
            for i in range(b * BLOCK, end * BLOCK):
                counts[p, 1] += old[i - b * BLOCK] != v[i]
    return n


@njit(cache=True, nogil=True)
def _idle(awake, touched, t, last, depth):
    """Whether nothing can happen before the next input: all blocks asleep, no spike on its way."""
    if last >= 0 and t - last < depth:
        return False
    for b in range(awake.size):  # noqa: SIM110 (a compiled loop)
        if awake[b] or touched[b]:
            return False
    return True


#: Looks at the other threads before the processor is offered to somebody else.
_SPINS = 2000


@njit(cache=True, nogil=True)
def _wait(sync, threads):
    """Go on when all threads have come here (``sync[0]`` counts arrivals), or when ``sync[1]`` tells to give up."""
    arrived = arrive(sync, np.int64(0)) + 1  # pyright: ignore[reportCallIssue]
    wanted = -(-arrived // threads) * threads
    spins = 0
    while look(sync, np.int64(0)) < wanted and sync[1] == 0:  # pyright: ignore[reportCallIssue]
        spins += 1
        if spins > _SPINS:
            sched_yield()


@njit(cache=True, nogil=True)
def _gather(found, sync, thread, threads, spk, spk_step, t, n):
    """Append what all threads found to the spikes, in their order; returns the new length."""
    _wait(sync, threads)
    for k in range(threads):
        count = found[k, 0] - 1
        if k == thread:
            spk[n : n + count] = found[k, 1 : 1 + count]
            spk_step[n : n + count] = t
        n += count
    _wait(sync, threads)
    return n


@njit(cache=True, nogil=True)
def run(
    net, state, events, event_step, stop, spk, spk_step, room, out, scratch, dense, counting, thread, sync, found, at
):  # fmt: skip
    """Steps up to stop-1, or until the spike buffer has no room for one more.

    events, event_step: input spikes sorted by step, then population, then neuron.
    at: step t, spikes n in the buffer, next event e, step of the latest spike or -1; set to where the run ended.
    out: (steps, columns) of traces, filled from row 0.
    thread: which of the threads this is. Each steps its own blocks (``net.cut``) and delivers to them, from rings and
    counters of its own; ``found`` takes the spikes of each in a step, and ``sync`` is where they wait for each other.
    """
    # Taken out of the tuples once: every access in the loop would count references.
    proj, shift, first, blk, ptr, target = net.proj, net.shift, net.pop_first, net.pop_blk, net.ptr, net.target
    code, palette, flags, blk_tile, uniform, par = (
        net.code, net.palette, net.pop_flags, net.blk_tile, net.uniform, net.par,
    )  # fmt: skip
    size, in_pops, order, in0, late, traces = (
        net.pop_size, net.in_pops, net.order, net.proj_in0, net.proj_late, net.traces,
    )  # fmt: skip
    u, v, cur, touched, awake, upto, weight = (
        state.u, state.v, state.cur, state.touched, state.awake, state.upto, state.weight,
    )  # fmt: skip
    cut, threads = net.cut, net.cut.shape[1] - 1
    above = np.zeros(awake.size, np.int64)
    ring, counts, rules = state.ring, state.counts, net.rule.shape[0]
    depth = ring.shape[0]
    ignored = np.empty(found.shape[1], np.int64)
    may_skip = not dense
    for r in range(rules):
        may_skip = may_skip and net.rate[r, 1] == 0.0
    t, n, e, last = at
    start = t
    while t < stop and n + room <= spk.size:
        # Another thread may be marking the targets of the oldest spikes still, hence one step more.
        if may_skip and _idle(awake, touched, t, last, depth + (threads > 1)):
            after = event_step[e] if e < events.size else stop
            if after > t:
                t = min(after, stop)
                ring[:] = 0
                continue
        slot = t % depth
        before = n
        for p in in_pops:
            ring[slot, p, 0] = n
            while e < events.size and event_step[e] == t and first[p] <= events[e] < first[p] + size[p]:
                spk[n] = events[e]
                spk_step[n] = t
                n += 1
                e += 1
            ring[slot, p, 1] = n
        k = 0
        for p in order:
            while k < in0.size and proj[in0[k], 1] == p:
                q = in0[k]
                lo, hi = ring[slot, proj[q, 0], 0], ring[slot, proj[q, 0], 1]
                if hi > lo:
                    _deliver(
                        proj, shift, first, blk, ptr, target, code, palette, weight, cur, touched, scratch, spk,
                        q, lo, hi, cut[p, thread], cut[p, thread + 1],
                    )  # fmt: skip
                k += 1
            ring[slot, p, 0] = n
            if threads == 1:
                n = _step_population(
                    flags, blk_tile, uniform, par, u, v, cur, touched, awake, upto, above, counts, spk, spk_step, p, t,
                    n, dense, counting, blk[p], blk[p + 1],
                )  # fmt: skip
            else:
                found[thread, 0] = _step_population(
                    flags, blk_tile, uniform, par, u, v, cur, touched, awake, upto, above, counts, found[thread],
                    ignored, p, t, 1, dense, counting, cut[p, thread], cut[p, thread + 1],
                )  # fmt: skip
                n = _gather(found, sync, thread, threads, spk, spk_step, t, n)
                if sync[1] != 0:
                    return
            ring[slot, p, 1] = n
        for q in late:
            then = (t + 1 - proj[q, 2]) % depth
            lo, hi = ring[then, proj[q, 0], 0], ring[then, proj[q, 0], 1]
            if hi > lo and t + 1 >= proj[q, 2]:
                _deliver(
                    proj, shift, first, blk, ptr, target, code, palette, weight, cur, touched, scratch, spk, q, lo, hi,
                    cut[proj[q, 1], thread], cut[proj[q, 1], thread + 1],
                )  # fmt: skip
        for r in range(rules):
            _learn(net, state, r, spk, slot)
        for r in range(traces.shape[0]):
            p, row, column = traces[r, 0], traces[r, 1], traces[r, 2]
            for i in range(cut[p, thread] * BLOCK, min(cut[p, thread + 1] * BLOCK, first[p] + size[p])):
                out[t - start, column + i - first[p]] = v[i] if row else u[i]
        if n > before:
            last = t
        t += 1
    at[0], at[1], at[2], at[3] = t, n, e, last


@njit(cache=True, nogil=True)
def settle(net, state, t, counting):
    """Bring every block up to the start of step t."""
    above = np.zeros(state.awake.size, np.int64)
    for p in net.order:
        flags = net.pop_flags[p]
        for b in range(net.pop_blk[p], net.pop_blk[p + 1]):
            tile = net.blk_tile[b]
            _catch_up(
                state.u, state.v, state.cur, net.par, b, tile, net.uniform[tile] != 0, flags[0] != 0, flags[2],
                flags[3], state.upto[b], t, above, state.counts, p, counting,
            )  # fmt: skip
            state.upto[b] = t
