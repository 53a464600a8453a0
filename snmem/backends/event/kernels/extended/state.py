"""What extended populations (:mod:`.step`) keep of a block: where it stands, whether it moves or may spike."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from ....._jit import inner
from ...arrays import BLOCK, WORD
from ...columns import (
    ADAPTIVE,
    ALPHA,
    ALPHA2,
    BIAS,
    CLEARS,
    CURRENT2,
    DIRECT,
    DRIVE,
    FREEZES,
    GAIN,
    GAIN2,
    LANES,
    NOISY,
    SD,
    SEED,
    SHIFT,
    SIDE,
    THETA,
    WAITS,
)
from ..ranges import copy_range, differing

#: Words of bits to a block.
WORDS = BLOCK // WORD
#: Rows of ``Work.room``: u, v and u2 of refractory neurons; thresholds; saved inputs and states, by lane.
KEPT_U, KEPT_V, KEPT_U2, LIMIT, INPUTS, STATES = 0, 1, 2, 3, 4, 7


class Has(NamedTuple):
    """What a population has, of its row of ``Extended.flags``: read once, for arrays may change while it is stepped."""

    lanes: int
    shift: int
    side: int
    second: int
    adaptive: int
    waits: int
    direct: int
    freezes: bool
    clears: bool
    noisy: bool
    seed: int


class Parts(NamedTuple):
    """What the functions below need; every array costs when it changes hands."""

    u: Any
    v: Any
    given: Any
    held: Any
    par: Any  # Neurons.par
    more: Any  # Extended.par
    has: Any  # see Has
    room: Any
    over: Any


class Where(NamedTuple):
    """A block: its population, its number and its tiles of ``Neurons.par`` and ``Extended.par``."""

    p: int
    b: int
    tile: int
    more: int


@inner(inline="always")
def has_of(flags, p):
    """What population p has."""
    row = flags[p]
    return Has(
        row[LANES], row[SHIFT], row[SIDE], row[CURRENT2], row[ADAPTIVE], row[WAITS], row[DIRECT],
        row[FREEZES] != 0, row[CLEARS] != 0, row[NOISY] != 0, row[SEED],
    )  # fmt: skip


@inner(inline="always")
def lane_of(has, b, k):
    """The block in which lane k of block b stands."""
    return b if k == 0 else b + has.shift + (k - 1) * has.side


@inner(inline="always")
def place_of(has, b, variable):
    """The first place in u or v of a variable of block b, given as 1 + its number."""
    return lane_of(has, b, (variable - 1) // 2) * BLOCK


@inner(inline="always")
def array_of(u, v, variable):
    """The array in which a variable stands, given as 1 + its number: u and v by turns."""
    return u if (variable - 1) % 2 == 0 else v


@inner(inline="always")
def _may(v, rise, a, theta):
    """Whether a neuron may spike without input: v and a, and at most ``rise`` to come."""
    bound = max(v, 0.0) + rise + 1e-9 * abs(v)
    limit = theta + min(a, 0.0) - (1e-6 * (abs(theta) + abs(a)) + 1e-300)
    sure = rise <= 0.0 and max(v, 0.0) <= theta + min(a, 0.0)
    return not (sure or bound <= limit) and theta < np.inf


@inner
def may_spike(parts, where):
    """Whether a neuron of a block may spike without input, by a bound as in :func:`..neuron.may_spike`.

    A refractory neuron stays below it too, and a threshold only comes back to theta from above or below. The first
    neuron is asked alone: where a bias lets all spike, it is enough.
    """
    u, v, _, _, par, more, has, _, _ = parts
    _, b, tile, x = where
    second, adaptive = has.second, has.adaptive
    own = place_of(has, b, second) if second else b * BLOCK
    other, above = array_of(u, v, adaptive), place_of(has, b, adaptive) if adaptive else b * BLOCK
    first, size = 0, 1
    while first < BLOCK:
        bad = 0
        for j in range(first, first + size):
            i = b * BLOCK + j
            rise = par[tile, GAIN, j] * max(u[i], 0.0) + par[tile, DRIVE, j]
            rise += more[x, GAIN2, j] * max(u[own + j], 0.0) if second else 0.0
            bad += _may(v[i], rise, other[above + j] if adaptive else 0.0, par[tile, THETA, j])
        if bad > 0:
            return True
        first, size = (0, WORD) if size == 1 else (first + WORD, WORD)
    return False


@inner
def busy_of(parts, where):
    """Neurons of a block that count as updated (:meth:`snmem.neurons.lif.LIF.updated`)."""
    u, v, given, _, par, more, has, _, _ = parts
    _, b, tile, x = where
    second, adaptive, waits = has.second, has.adaptive, has.waits
    n = 0
    for j in range(BLOCK):
        i = b * BLOCK + j
        busy = (par[tile, ALPHA, j] * u[i] != 0) or v[i] != 0 or par[tile, BIAS, j] != 0 or more[x, SD, j] != 0
        busy = busy or (second != 0 and more[x, ALPHA2, j] * u[place_of(has, b, second) + j] != 0)
        busy = busy or (adaptive != 0 and array_of(u, v, adaptive)[place_of(has, b, adaptive) + j] != 0)
        busy = busy or (waits != 0 and array_of(u, v, waits)[place_of(has, b, waits) + j] != 0)
        for k in range(has.lanes):
            busy = busy or given[lane_of(has, b, k) * BLOCK + j] != 0
        n += busy
    return n


@inner
def clear_block(parts, where):
    """All state variables of a block become 0."""
    for k in range(parts.has.lanes):
        low = lane_of(parts.has, where.b, k) * BLOCK
        parts.u[low : low + BLOCK] = 0.0
        parts.v[low : low + BLOCK] = 0.0
    parts.held[where.b * WORDS : (where.b + 1) * WORDS] = 0


@inner
def at_rest(parts, where):
    """Whether nothing of a block moves without input: all variables, biases and noise are 0."""
    u, v, _, _, par, more, has, _, _ = parts
    _, b, tile, x = where
    moving = 0
    for j in range(BLOCK):
        moving += par[tile, BIAS, j] != 0 or more[x, SD, j] != 0
    for k in range(has.lanes):
        low = lane_of(has, b, k) * BLOCK
        for i in range(low, low + BLOCK):
            moving += u[i] != 0 or v[i] != 0
    return moving == 0


@inner
def store(parts, where):
    """Keep the state of a block, to see whether it changes."""
    for k in range(parts.has.lanes):
        low = lane_of(parts.has, where.b, k) * BLOCK
        copy_range(parts.u, low, BLOCK, parts.room[STATES + 2 * k], 0)
        copy_range(parts.v, low, BLOCK, parts.room[STATES + 2 * k + 1], 0)


@inner
def changed(parts, where):
    """How many numbers of a block's state are not as they were when it was kept."""
    n = 0
    for k in range(parts.has.lanes):
        low = lane_of(parts.has, where.b, k) * BLOCK
        n += differing(parts.room[STATES + 2 * k], parts.u, low, BLOCK)
        n += differing(parts.room[STATES + 2 * k + 1], parts.v, low, BLOCK)
    return n


@inner
def exchange(parts, where, back):
    """Put the input of a block aside, and 0 in its place; or ``back``."""
    for k in range(parts.has.lanes):
        low = lane_of(parts.has, where.b, k) * BLOCK
        if back:
            copy_range(parts.room[INPUTS + k], 0, BLOCK, parts.given, low)
        else:
            copy_range(parts.given, low, BLOCK, parts.room[INPUTS + k], 0)
            parts.given[low : low + BLOCK] = 0.0
