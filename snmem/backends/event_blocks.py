"""Neurons in blocks: those in a block are stepped together, or sleep together."""

from __future__ import annotations

import numpy as np

from .._jit import kernel
from .event_intrinsics import above, advance, advance_alike, eight, lowest
from .event_types import ALIKE, ALPHA, BETA, BIAS, BLOCK, DRIVE, GAIN, PATIENCE, RESET, THETA, WORD


@kernel(keep=False)
def _advance(u, v, cur, par, tile, loihi, b, end, over):
    """u and v of the blocks b .. end-1, one step further, without resets; takes their input out of ``cur``.

    over: a bit for each neuron, whether it is over threshold.
    """
    rows = tile * par.shape[1] * BLOCK
    for block in range(b, end):
        if loihi:  # unsigned indices need no look at their sign, so the loop vectorises
            low = np.uint64(block * BLOCK)
            for i in range(low, low + np.uint64(BLOCK)):
                j = i - low
                un = np.trunc(par[tile, ALPHA, j] * u[i]) + 64.0 * cur[i]
                un = un - 16777216.0 if un > 8388608.0 else (un + 16777216.0 if un <= -8388608.0 else un)
                vn = np.trunc(par[tile, BETA, j] * v[i]) + un + par[tile, BIAS, j]
                u[i], v[i], cur[i] = un, min(max(vn, -8388607.0), 8388607.0), 0.0
            for k in range(0, BLOCK, WORD):
                over[block, k // WORD] = above(v, block * BLOCK + k, par, rows + THETA * BLOCK + k)  # pyright: ignore[reportCallIssue]
        elif par[tile, ALIKE, 0] != 0:
            for k in range(0, BLOCK, WORD):
                over[block, k // WORD] = advance_alike(u, v, cur, block * BLOCK + k, par, rows)  # pyright: ignore[reportCallIssue]
        else:
            for k in range(0, BLOCK, WORD):
                over[block, k // WORD] = advance(u, v, cur, block * BLOCK + k, par, rows + k)  # pyright: ignore[reportCallIssue]


@kernel(keep=False)
def may_spike(u, v, gain, drive, theta):
    """Whether a neuron may yet spike without input: an upper bound on every later v against theta.

    Also true where the bound is infinite or no number. Roundings of decaying subnormal numbers stay below 1e-300.
    """
    rise = gain * max(u, 0.0) + drive
    sure = rise <= 0.0  # v only decays from here: no rounding to allow for
    bound = max(v, 0.0) + rise + (0.0 if sure else 1e-9 * abs(v))
    limit = theta - (0.0 if sure else 1e-6 * abs(theta) + 1e-300)
    return not (bound <= limit) and theta < np.inf


@kernel(keep=False)
def reach(u, v, gain, drive):
    """What no later v of a neuron without input exceeds; not <= 0.999 theta - 1e-300 if :func:`may_spike` is true."""
    return abs(v) + gain * abs(u) + drive


@kernel(keep=False)
def _can_spike(u, v, par, b, tile):
    """Whether a neuron of block b may spike without input."""
    bad = 0
    low = np.uint64(b * BLOCK)
    for i in range(low, low + np.uint64(BLOCK)):
        j = i - low
        bad += may_spike(u[i], v[i], par[tile, GAIN, j], par[tile, DRIVE, j], par[tile, THETA, j])
    return bad > 0


@kernel(keep=False)
def _busy(u, v, cur, par, b, tile):
    """Neurons of block b with nonzero state, input or bias; a u that decays at once is none."""
    n = 0
    for j in range(BLOCK):
        i = b * BLOCK + j
        n += (par[tile, ALPHA, j] * u[i] != 0) | (v[i] != 0) | (cur[i] != 0) | (par[tile, BIAS, j] != 0)
    return n


@kernel(keep=False)
def _at_rest(u, v, par, b, tile, fresh):
    """Whether u, v and bias are 0 in all of block b, so that nothing moves without input; fresh: u and v are 0."""
    moving = 0
    for j in range(np.uint64(0), np.uint64(BLOCK)):
        moving += par[tile, BIAS, j] != 0
    if moving == 0 and not fresh:
        low = np.uint64(b * BLOCK)
        for i in range(low, low + np.uint64(BLOCK)):
            moving += (u[i] != 0) | (v[i] != 0)
    return moving == 0


@kernel(keep=False)
def catch_up(u, v, cur, par, b, tile, loihi, every, offset, start, stop, over, counts, p, counting):
    """Steps start .. stop-1 of block b, which gets no input and cannot spike; skips those in which nothing moves."""
    if start == stop or _at_rest(u, v, par, b, tile, start == 0):  # what was not stepped since step 0 is at 0
        return
    low, high = b * BLOCK, (b + 1) * BLOCK
    saved, before_u, before_v = cur[low:high].copy(), np.empty(BLOCK), np.empty(BLOCK)
    cur[low:high] = 0.0
    busy, t = 0, start
    while t < stop:
        if every > 0 and t % every == offset:
            u[low:high] = 0.0
            v[low:high] = 0.0
            if _at_rest(u, v, par, b, tile, True):
                break
        look = counting or (t - start) % PATIENCE == PATIENCE - 1
        if look:
            before_u[:] = u[low:high]
            before_v[:] = v[low:high]
        if counting:
            busy = _busy(u, v, cur, par, b, tile)
        _advance(u, v, cur, par, tile, loihi, b, b + 1, over)
        t += 1
        if counting:
            counts[p, 0] += busy
            counts[p, 1] += (before_v != v[low:high]).sum()
        if look and (before_u == u[low:high]).all() and (before_v == v[low:high]).all():
            still = stop if every == 0 else min(stop, t + (offset - t) % every)
            counts[p, 0] += busy * (still - t)
            t = still
    cur[low:high] = saved


@kernel(keep=False)
def step_blocks(
    pop_flags, blk_tile, par, u, v, cur, touched, awake, upto, over, counts, load, spk, spk_step, p, t,
    n, dense, counting, end, stop,
):  # fmt: skip
    """Step t of the blocks end .. stop-1 of population p; appends their spikes and returns the buffer's new length."""
    loihi, subtract = pop_flags[p, 0] != 0, pop_flags[p, 1] != 0
    every, offset = pop_flags[p, 2], pop_flags[p, 3]
    clear = every > 0 and t % every == offset
    while end < stop:
        while not dense and end + 8 <= stop and eight(touched, end) | eight(awake, end) == 0:  # pyright: ignore[reportCallIssue]
            end += 8
        if end == stop:
            break
        b = end
        end = b + 1
        if not (touched[b] or awake[b] or dense):
            continue
        tile = blk_tile[b]
        while end < stop and blk_tile[end] == tile and (touched[end] or awake[end] or dense):
            end += 1  # blocks b .. end-1 are alike and go together
        load[p, 0] += (end - b) * BLOCK
        for block in range(b, end):
            if upto[block] < t:
                catch_up(
                    u, v, cur, par, block, tile, loihi, every, offset, upto[block], t, over, counts, p, counting,
                )  # fmt: skip
        if clear:
            u[b * BLOCK : end * BLOCK] = 0.0
            v[b * BLOCK : end * BLOCK] = 0.0
        old = v[b * BLOCK : end * BLOCK]
        if counting:
            old = old.copy()
            for block in range(b, end):
                counts[p, 0] += _busy(u, v, cur, par, block, tile)
        _advance(u, v, cur, par, tile, loihi, b, end, over)
        for block in range(b, end):
            upto[block] = t + 1
            before = n
            for k in range(BLOCK // WORD):
                bits = over[block, k]
                while bits != 0:
                    j = k * WORD + lowest(bits)  # pyright: ignore[reportCallIssue]
                    bits &= bits - np.uint64(1)
                    i = block * BLOCK + j
                    v[i] = v[i] - par[tile, THETA, j] if subtract else par[tile, RESET, j]
                    spk[n] = i
                    spk_step[n] = t
                    n += 1
            if touched[block]:
                touched[block] = 0
                awake[block] = 1
            else:
                awake[block] = n > before or _can_spike(u, v, par, block, tile)
        if counting:
            for i in range(b * BLOCK, end * BLOCK):
                counts[p, 1] += old[i - b * BLOCK] != v[i]
    return n
