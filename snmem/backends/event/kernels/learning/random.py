"""Numpy's default generator, number by number: PCG64 (PCG XSL RR 128/64, O'Neill 2014, HMC-CS-2014-0905)."""

from __future__ import annotations

import numpy as np

from ....._jit import inner

#: The multiplier of the generator, in two words.
_HIGH, _LOW = np.uint64(2549297995355413924), np.uint64(4865540595714422341)
_32, _58, _63, _64 = np.uint64(32), np.uint64(58), np.uint64(63), np.uint64(64)
_HALF = np.uint64(0xFFFFFFFF)


@inner
def _high_product(a, b):
    """The upper word of the product of two words."""
    a0, a1, b0, b1 = a & _HALF, a >> _32, b & _HALF, b >> _32
    low, left, right = a0 * b0, a1 * b0, a0 * b1
    middle = (low >> _32) + (left & _HALF) + (right & _HALF)
    return a1 * b1 + (left >> _32) + (right >> _32) + (middle >> _32)


@inner
def next_word(state):
    """The next 64 random bits; ``state``: upper and lower word of the state, and of the increment."""
    high, low = state[0], state[1]
    product = low * _LOW
    top = _high_product(low, _LOW) + high * _LOW + low * _HIGH
    low = product + state[3]
    high = top + state[2] + np.uint64(low < product)
    state[0], state[1] = high, low
    mixed, turn = high ^ low, high >> _58
    return (mixed >> turn) | (mixed << ((_64 - turn) & _63))


@inner
def next_real(state):
    """The next number of ``Generator.random``."""
    return np.float64(next_word(state) >> np.uint64(11)) * (1.0 / 9007199254740992.0)


def words(generator: np.random.Generator) -> list[int]:
    """The state of a generator as :func:`next_word` takes it."""
    state = generator.bit_generator.state["state"]
    return [part for name in ("state", "inc") for part in divmod(state[name], 1 << 64)]
