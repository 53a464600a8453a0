"""Populations whose neurons do more than the plain LIF neuron (:mod:`...layout.extended`), in blocks.

A block is stepped pass by pass, each a loop over its neurons that the compiler makes vectors of: what is not switched
on takes no time, and the few neurons that are refractory are put back afterwards. All in the order of
:func:`snmem.neurons.lif.step_extended`.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numba.np.numpy_support import carray

from ....._hash import mix
from ....._jit import inner
from ...arrays import BLOCK, ROOM, WORD, Buffer, Kinds, Turn
from ...columns import (
    ALIKE,
    CHANGED,
    CLEAR_EVERY,
    CLEAR_OFFSET,
    EXTENDED_FLAGS,
    EXTENDED_ROWS,
    KAPPA,
    LOIHI,
    PERIOD,
    RHO,
    SD,
    STEPPED,
    STEPS,
    SUBTRACT,
    THETA,
    UPDATED,
)
from ...llvm.calls import CATCH_UP
from ...llvm.extended import step_block
from ...llvm.lif import over
from ...llvm.memory import lowest_bit
from ...tuning import PATIENCE
from ..blocks import advance, spike
from ..ranges import copy_range, differing
from .noise import deviate
from .state import (
    KEPT_U,
    KEPT_U2,
    KEPT_V,
    LIMIT,
    STATES,
    WORDS,
    Parts,
    Where,
    array_of,
    at_rest,
    busy_of,
    changed,
    clear_block,
    exchange,
    has_of,
    lane_of,
    may_spike,
    place_of,
    store,
)


class Waking(NamedTuple):
    """What says whether blocks sleep, of ``Blocks``."""

    pending: Any
    awake: Any
    upto: Any


@inner
def _noise(v, par, tile, b, first, seed, t):
    """Noise; ``first`` is the population's first block."""
    low, key, number = np.uint64(b * BLOCK), mix(np.uint64(seed), t), np.uint64((b - first) * BLOCK)
    for j in range(np.uint64(0), np.uint64(BLOCK)):
        v[low + j] += par[tile, SD, j] * deviate(key, number + j)


@inner
def _adapt(a, at, extended, par, x, tile, limit):
    """What spikes added to the threshold decays; ``limit``: the thresholds."""
    own = np.uint64(at)
    for j in range(np.uint64(0), np.uint64(BLOCK)):
        value = extended[x, RHO, j] * a[own + j]
        a[own + j] = value
        limit[j] = par[tile, THETA, j] + value


@inner
def _anybody(held, b):
    """Whether a neuron of block b is refractory."""
    some = np.uint64(0)
    for k in range(b * WORDS, (b + 1) * WORDS):
        some |= held[k]
    return some != 0


@inner
def _keep(u, v, u2, held, room, b, at):
    """Keep u, v and u2 of the refractory neurons of a block."""
    for k in range(WORDS):
        left = held[b * WORDS + k]
        while left != 0:
            j = k * WORD + lowest_bit(left)
            left &= left - np.uint64(1)
            room[KEPT_U, j], room[KEPT_V, j], room[KEPT_U2, j] = u[b * BLOCK + j], v[b * BLOCK + j], u2[at + j]


@inner
def _put_back(u, v, u2, held, bits, room, b, at, freezes):
    """Give refractory neurons their v, and frozen ones their currents, back; none spikes."""
    for k in range(WORDS):
        left = held[b * WORDS + k]
        bits[b, k] &= ~left
        while left != 0:
            j = k * WORD + lowest_bit(left)
            left &= left - np.uint64(1)
            v[b * BLOCK + j] = room[KEPT_V, j]
            if freezes:
                u[b * BLOCK + j], u2[at + j] = room[KEPT_U, j], room[KEPT_U2, j]


@inner
def _wait(wait, held, b, at):
    """Refractory neurons of block b have a step less to wait; ``at``: the first place of its steps in ``wait``."""
    first, word = np.uint64(at), np.uint64(b * WORDS)
    for k in range(np.uint64(0), np.uint64(WORDS)):
        left, over = held[word + k], np.uint64(0)
        while left != 0:
            bit = left & (~left + np.uint64(1))
            left ^= bit
            i = first + np.uint64(lowest_bit(bit))
            wait[i] -= 1.0
            over |= bit if wait[i] == 0.0 else np.uint64(0)
        held[word + k] ^= over
        first += np.uint64(WORD)


@inner(inline="always")
def _alone(has, loihi):
    """Whether blocks are stepped one at a time, as more changes v than the vectors of :func:`_vectors`."""
    return loihi or has.adaptive != 0 or has.noisy


@inner(inline="always")
def _vectors(parts, where, many, loihi):
    """Block where.b and those that follow, ``many`` that are alike, one step further; ``over``: who is over theta."""
    u, v, given, held, par, more, has, room, bits = parts
    _, b, tile, x = where
    at = place_of(has, b, has.second) if has.second else b * BLOCK  # u2 is always in u
    rows, some = tile * par.shape[1] * BLOCK, False
    for block in range(b, b + many if has.waits else b):
        some = some or _anybody(held, block)
    apart = some and _alone(has, loihi)
    if apart:
        _keep(u, v, u, held, room, b, at)
    if loihi or (has.second == 0 and has.direct == 0 and not some):
        advance(u, v, given, par, tile, loihi, b, b + many, bits)
    else:
        own, lane = at if has.second else -1, lane_of(has, b, 1) * BLOCK
        straight = lane_of(has, b, has.direct) * BLOCK if has.direct else -1
        hold = some and not apart
        step_block(
            u, v, given, b * BLOCK, par, rows, more, x * more.shape[1] * BLOCK, own, lane, straight, held, hold,
            hold and has.freezes, bits, b, many,
        )  # fmt: skip


@inner(inline="always")
def _behind(parts, where, loihi, first, t):
    """What follows the vectors in a block's step. Returns whether somebody was refractory.

    first: the population's first block.
    """
    u, v, _, held, par, more, has, room, bits = parts
    _, b, tile, x = where
    adaptive, waits, rows = has.adaptive, has.waits, tile * par.shape[1] * BLOCK
    some = waits != 0 and _anybody(held, b)
    if has.noisy:
        _noise(v, more, x, b, first, has.seed, t)
        for k in range(0, BLOCK, WORD):
            bits[b, k // WORD] = over(v, b * BLOCK + k, par, rows + THETA * BLOCK + k)
    if adaptive:
        _adapt(array_of(u, v, adaptive), place_of(has, b, adaptive), more, par, x, tile, room[LIMIT])
        for k in range(0, BLOCK, WORD):
            bits[b, k // WORD] = over(v, b * BLOCK + k, room, LIMIT * BLOCK + k)
    if some and _alone(has, loihi):
        at = place_of(has, b, has.second) if has.second else b * BLOCK
        _put_back(u, v, u, held, bits, room, b, at, has.freezes)
    if some:
        _wait(array_of(u, v, waits), held, b, place_of(has, b, waits))
    return some


@inner
def _after_spikes(parts, where):
    """What spikes of a block change besides v: currents, threshold, and how long the neurons are refractory."""
    u, v, _, held, _, more, has, _, bits = parts
    _, b, _, x = where
    second, adaptive, waits, clears = has.second, has.adaptive, has.waits, has.clears
    if not (clears or adaptive or waits):
        return
    for k in range(WORDS):
        left = bits[b, k]
        while left != 0:
            bit = left & (~left + np.uint64(1))
            j = k * WORD + lowest_bit(left)
            left ^= bit
            if clears:
                u[b * BLOCK + j] = 0.0
                if second:
                    u[place_of(has, b, second) + j] = 0.0
            if adaptive:
                array_of(u, v, adaptive)[place_of(has, b, adaptive) + j] += more[x, KAPPA, j]
            if waits and more[x, PERIOD, j] > 0.0:
                array_of(u, v, waits)[place_of(has, b, waits) + j] = more[x, PERIOD, j]
                held[b * WORDS + k] |= bit


@inner
def _catch_up(parts, where, flags, first, counts, t, stop, counting):
    """A block from step t to step ``stop``, without input; flags: ``Neurons.flags``, first: see :func:`_behind`."""
    p, start = where.p, t
    loihi, every, offset = flags[p, LOIHI] != 0, flags[p, CLEAR_EVERY], flags[p, CLEAR_OFFSET]
    exchange(parts, where, False)
    while t < stop:
        if every > 0 and t % every == offset:
            clear_block(parts, where)
        look = counting or (t - start) % PATIENCE == PATIENCE - 1
        if look:
            if at_rest(parts, where):
                break
            store(parts, where)
        busy = busy_of(parts, where) if counting else 0
        _vectors(parts, where, 1, loihi)
        waiting = _behind(parts, where, loihi, first, t)
        t += 1
        if counting:
            counts[p, UPDATED] += busy
            counts[p, CHANGED] += differing(parts.room[STATES + 1], parts.v, where.b * BLOCK, BLOCK)
        if look and not waiting and changed(parts, where) == 0:
            still = stop if every == 0 else min(stop, t + (offset - t) % every)
            counts[p, UPDATED] += busy * (still - t)
            t = still
    exchange(parts, where, True)


@inner(inline="always")
def _arrived(has, pending, b):
    """Whether something arrived in a lane of block b."""
    some = False
    for k in range(has.lanes):
        some = some or pending[lane_of(has, b, k)] != 0
    return some


@inner
def _step(parts, kinds, more, blocks, work, counts, load, spikes, n, turn, first):
    """A population's step; appends its spikes from place n on and returns the new number.

    kinds: ``Net.neurons``; more: tiles of ``Extended.par``; work: room for v; first: the population's first block.
    """
    p, t, begin, stop, stepped, counting = turn
    has, v, pending, awake, upto = parts.has, parts.v, blocks.pending, blocks.awake, blocks.upto
    every, loihi, subtract = kinds.flags[p, CLEAR_EVERY], kinds.flags[p, LOIHI] != 0, kinds.flags[p, SUBTRACT] != 0
    clear = every > 0 and t % every == kinds.flags[p, CLEAR_OFFSET]
    end = begin
    while end < stop:
        b, tile, x = end, kinds.tile[end], more[end]
        while end < stop and kinds.tile[end] == tile and more[end] == x and (end == b or not _alone(has, loihi)):
            if not (stepped or awake[end] or _arrived(has, pending, end)):
                break
            where = Where(p, end, tile, x)
            if upto[end] < t:
                _catch_up(parts, where, kinds.flags, first, counts, upto[end], t, counting)
            if clear:
                clear_block(parts, where)
            if counting:
                copy_range(v, end * BLOCK, BLOCK, work, end * BLOCK)
                counts[p, UPDATED] += busy_of(parts, where)
            end += 1
        if end == b:
            end += 1
            continue
        load[p, STEPPED] += (end - b) * BLOCK
        _vectors(parts, Where(p, b, tile, x), end - b, loihi)
        for block in range(b, end):
            where = Where(p, block, tile, x)
            _behind(parts, where, loihi, first, t)
            upto[block], before = t + 1, n
            n = spike(v, parts.par, tile, block, parts.over, subtract, spikes, t, n)
            if n > before:
                _after_spikes(parts, where)
            if _arrived(has, pending, block):
                for k in range(has.lanes):
                    pending[lane_of(has, block, k)] = 0
                awake[block] = 1
            else:
                awake[block] = n > before or has.noisy or may_spike(parts, where)
            if counting:
                for i in range(block * BLOCK, (block + 1) * BLOCK):
                    counts[p, CHANGED] += work[i] != v[i]
    return n


def step_extended(
    u, v, given, pending, awake, upto, held, par, tile, kinds, more, more_tile, flags, scratch, room, bits, counts,
    load, spiking, step, p, t, begin, stop, mode, counting, n, first,
):  # fmt: skip
    """A step of population p in blocks begin .. stop-1, or in mode CATCH_UP, these blocks brought to step t.

    A function of the C calling convention (``EXTENDED``), so that loops over steps are the same machine code for every
    network; arrays are pointers to what :mod:`...arrays` describes. Returns the number of spikes.
    """
    size = 1 << 40  # how long they are is not known here
    parts = Parts(
        carray(u, (size,)), carray(v, (size,)), carray(given, (size,)), carray(held, (size,)),
        carray(par, (size, ALIKE + 1, BLOCK)), carray(more, (size, EXTENDED_ROWS, BLOCK)),
        has_of(carray(flags, (size, EXTENDED_FLAGS)), p), carray(room, (ROOM, BLOCK)), carray(bits, (size, WORDS)),
    )  # fmt: skip
    neurons = Kinds(parts.par, carray(tile, (size,)), carray(kinds, (size, CLEAR_OFFSET + 1)))
    tiles, counted, done = carray(more_tile, (size,)), carray(counts, (size, CHANGED + 1)), carray(upto, (size,))
    if mode == CATCH_UP:
        for b in range(begin, stop):
            if done[b] < t:
                where = Where(p, b, neurons.tile[b], tiles[b])
                _catch_up(parts, where, neurons.flags, first, counted, done[b], t, counting != 0)
                done[b] = t
        return n
    blocks = Waking(carray(pending, (size,)), carray(awake, (size,)), done)
    spikes = Buffer(carray(spiking, (size,)), carray(step, (size,)))
    turn = Turn(p, t, begin, stop, mode != 0, counting != 0)
    loads = carray(load, (size, STEPS + 1))
    return _step(parts, neurons, tiles, blocks, carray(scratch, (size,)), counted, loads, spikes, n, turn, first)
