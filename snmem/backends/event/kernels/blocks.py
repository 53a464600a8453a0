"""Neurons in blocks: those in a block are stepped together, or sleep together."""

from __future__ import annotations

import numpy as np

from ...._jit import inner
from ..arrays import BLOCK, WORD
from ..columns import (
    ALIKE,
    ALPHA,
    BIAS,
    CHANGED,
    CLEAR_EVERY,
    CLEAR_OFFSET,
    DRIVE,
    GAIN,
    LOIHI,
    RESET,
    STEPPED,
    SUBTRACT,
    THETA,
    UPDATED,
)
from ..llvm.lif import step_word, step_word_alike, step_word_loihi
from ..llvm.memory import load_bytes, lowest_bit
from ..tuning import PATIENCE
from .neuron import may_spike, reset
from .ranges import copy_range, differing


@inner
def advance(u, v, given, par, tile, loihi, begin, end, bits):
    """u and v of the blocks begin .. end-1, one step further, without resets; their input ``given`` becomes 0.

    bits: a bit for each neuron, whether it is over threshold.
    """
    rows = tile * par.shape[1] * BLOCK
    for block in range(begin, end):
        if loihi:
            for k in range(0, BLOCK, WORD):
                bits[block, k // WORD] = step_word_loihi(u, v, given, block * BLOCK + k, par, rows + k)
        elif par[tile, ALIKE, 0] != 0:
            for k in range(0, BLOCK, WORD):
                bits[block, k // WORD] = step_word_alike(u, v, given, block * BLOCK + k, par, rows)
        else:
            for k in range(0, BLOCK, WORD):
                bits[block, k // WORD] = step_word(u, v, given, block * BLOCK + k, par, rows + k)


@inner
def _can_spike(u, v, par, b, tile):
    """Whether a neuron of block b may spike without input."""
    bad = 0
    low = np.uint64(b * BLOCK)
    for i in range(low, low + np.uint64(BLOCK)):
        j = i - low
        bad += may_spike(u[i], v[i], par[tile, GAIN, j], par[tile, DRIVE, j], par[tile, THETA, j])
    return bad > 0


@inner
def _busy(u, v, given, par, b, tile):
    """Neurons of block b with nonzero state, input or bias; a u that decays at once is none."""
    n = 0
    for j in range(BLOCK):
        i = b * BLOCK + j
        n += (par[tile, ALPHA, j] * u[i] != 0) | (v[i] != 0) | (given[i] != 0) | (par[tile, BIAS, j] != 0)
    return n


@inner
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


@inner
def catch_up(kinds, blocks, work, counts, p, b, stop, counting):
    """Bring block b of population p to step ``stop``: it gets no input and cannot spike. Skips what does not move."""
    par, tile, start = kinds.par, kinds.tile[b], blocks.upto[b]
    u, v, given = blocks.u, blocks.v, blocks.input
    blocks.upto[b] = stop
    if start == stop or _at_rest(u, v, par, b, tile, start == 0):  # what was not stepped since step 0 is at 0
        return
    loihi, every, offset = kinds.flags[p, LOIHI] != 0, kinds.flags[p, CLEAR_EVERY], kinds.flags[p, CLEAR_OFFSET]
    low, high = b * BLOCK, (b + 1) * BLOCK
    saved, before_u, before_v = work.before[0], work.before[1], work.before[2]
    copy_range(given, low, BLOCK, saved, 0)
    given[low:high] = 0.0
    busy, t = 0, start
    while t < stop:
        if every > 0 and t % every == offset:
            u[low:high] = 0.0
            v[low:high] = 0.0
            if _at_rest(u, v, par, b, tile, True):
                break
        look = counting or (t - start) % PATIENCE == PATIENCE - 1
        if look:
            copy_range(u, low, BLOCK, before_u, 0)
            copy_range(v, low, BLOCK, before_v, 0)
        if counting:
            busy = _busy(u, v, given, par, b, tile)
        advance(u, v, given, par, tile, loihi, b, b + 1, work.over)
        t += 1
        if counting:
            counts[p, UPDATED] += busy
            counts[p, CHANGED] += differing(before_v, v, low, BLOCK)
        if look and differing(before_u, u, low, BLOCK) == 0 and differing(before_v, v, low, BLOCK) == 0:
            still = stop if every == 0 else min(stop, t + (offset - t) % every)
            counts[p, UPDATED] += busy * (still - t)
            t = still
    copy_range(saved, 0, BLOCK, given, low)


@inner(inline="always")
def spike(v, par, tile, block, bits, subtract, spikes, t, n):
    """Reset the neurons of a block that are over threshold and append them to the spikes; returns their new number."""
    for k in range(BLOCK // WORD):
        left = bits[block, k]
        while left != 0:
            j = k * WORD + lowest_bit(left)
            left &= left - np.uint64(1)
            i = block * BLOCK + j
            v[i] = reset(v[i], par[tile, THETA, j], par[tile, RESET, j], subtract)
            spikes.neuron[n] = i
            spikes.step[n] = t
            n += 1
    return n


@inner(forceinline=True)
def step_blocks(kinds, blocks, work, counts, load, spikes, n, turn):
    """A population's step in blocks; appends their spikes from place n on and returns the new number."""
    p, t, end, stop, stepped, counting = turn
    par, tiles, flags = kinds
    u, v, given, pending, awake, upto = blocks
    bits, old = work.over, work.scratch
    loihi, subtract, every = flags[p, LOIHI] != 0, flags[p, SUBTRACT] != 0, flags[p, CLEAR_EVERY]
    clear = every > 0 and t % every == flags[p, CLEAR_OFFSET]
    while end < stop:
        while not stepped and end + 8 <= stop and load_bytes(pending, end) | load_bytes(awake, end) == 0:
            end += 8
        if end == stop:
            break
        b = end
        end = b + 1
        if not (pending[b] or awake[b] or stepped):
            continue
        tile = tiles[b]
        while end < stop and tiles[end] == tile and (pending[end] or awake[end] or stepped):
            end += 1  # blocks b .. end-1 are alike and go together
        load[p, STEPPED] += (end - b) * BLOCK
        for block in range(b, end):
            if upto[block] < t:
                catch_up(kinds, blocks, work, counts, p, block, t, counting)
        if clear:
            u[b * BLOCK : end * BLOCK] = 0.0
            v[b * BLOCK : end * BLOCK] = 0.0
        if counting:
            copy_range(v, b * BLOCK, (end - b) * BLOCK, old, b * BLOCK)
            for block in range(b, end):
                counts[p, UPDATED] += _busy(u, v, given, par, block, tile)
        advance(u, v, given, par, tile, loihi, b, end, bits)
        for block in range(b, end):
            upto[block] = t + 1
            before = n
            n = spike(v, par, tile, block, bits, subtract, spikes, t, n)
            if pending[block]:
                pending[block] = 0
                awake[block] = 1
            else:
                awake[block] = n > before or _can_spike(u, v, par, block, tile)
        if counting:
            for i in range(b * BLOCK, end * BLOCK):
                counts[p, CHANGED] += old[i] != v[i]
    return n
