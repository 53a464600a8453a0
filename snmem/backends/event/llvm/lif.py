"""The LIF step in vectors: a word of neurons with their input, and cells without input in registers."""

from __future__ import annotations

from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils

from ..arrays import BLOCK, LANES, WIDE, WORD
from ..columns import ALPHA, BETA, BIAS, THETA
from ..kernels.neuron import NOTHING, lif_step, loihi_step
from .base import DOUBLE, DOUBLES, I64, constant, data_of, everywhere, llvm, vector_at, whole


def lif(builder: Any, u: Any, v: Any, given: Any, alpha: Any, beta: Any, bias: Any) -> tuple[Any, Any]:
    """Return u and v a step further, in the order of :func:`.kernels.neuron.lif_step`."""
    u = builder.fadd(builder.fmul(alpha, u), given)
    return u, builder.fadd(builder.fadd(builder.fmul(beta, v), u), bias)


def _advance_silent(u: Any, v: Any, alpha: Any, beta: Any, bias: Any, steps: Any) -> None:
    total = 0
    for k in range(LANES // WIDE):
        total += steps[k]
        for j in range(k * WIDE, (k + 1) * WIDE):
            for _ in range(total):
                u[j], v[j] = lif_step(u[j], v[j], NOTHING, alpha, beta, bias if bias != 0.0 else NOTHING)


@llvm(_advance_silent)
def advance_silent(typing, u, v, alpha, beta, bias, steps):
    """Steps of LANES neurons without input, in registers. A bias of 0 is not added.

    Of the vectors of WIDE neurons, number k makes ``steps[0] + .. + steps[k]`` steps: the last ones begin.
    """

    def generate(context, builder, signature, arguments):
        alpha, beta, bias = (everywhere(builder, x, DOUBLES) for x in arguments[2:5])
        nothing = constant(DOUBLES, NOTHING)
        *arrays, stages = data_of(context, builder, signature, arguments, (0, 1, 5))
        places = [[vector_at(builder, data, I64(i), DOUBLES) for i in range(0, LANES, WIDE)] for data in arrays]
        registers = [[cgutils.alloca_once(builder, DOUBLES) for _ in row] for row in places]
        pairs = [pair for rows in zip(places, registers, strict=True) for pair in zip(*rows, strict=True)]
        for place, register in pairs:
            builder.store(builder.load(place, align=8), register)
        biased = builder.fcmp_unordered("!=", arguments[4], DOUBLE(0.0))
        with builder.if_else(biased) as branches:
            for branch, added in zip(branches, (bias, nothing), strict=True):
                with branch:
                    for first in reversed(range(LANES // WIDE)):
                        steps = builder.load(builder.gep(stages, [I64(first)]))
                        with cgutils.for_range(builder, steps):
                            for u, v in list(zip(*registers, strict=True))[first:]:
                                un, vn = lif(builder, builder.load(u), builder.load(v), nothing, alpha, beta, added)
                                builder.store(un, u)
                                builder.store(vn, v)
        for place, register in pairs:
            builder.store(builder.load(register), place, align=8)
        return context.get_dummy_value()

    return types.void(u, v, alpha, beta, bias, steps), generate


def _advance_older(
    u: Any, v: Any, age: Any, low: Any, since: Any, until: Any, alpha: Any, beta: Any, bias: Any
) -> None:
    for j in range(low, low + WIDE):
        for _ in range(since, min(until, age[j])):
            u[j], v[j] = lif_step(u[j], v[j], NOTHING, alpha, beta, bias if bias != 0.0 else NOTHING)


@llvm(_advance_older)
def advance_older(typing, u, v, age, low, since, until, alpha, beta, bias):
    """Of the WIDE neurons from ``low`` on, those whose age is above s make a step, for s from ``since`` to ``until``.

    Without input; a bias of 0 is not added.
    """

    def generate(context, builder, signature, arguments):
        u, v, age = data_of(context, builder, signature, arguments, (0, 1, 2))
        low, since, until = whole(context, builder, signature, arguments, (3, 4, 5))
        biased = builder.fcmp_unordered("!=", arguments[8], DOUBLE(0.0))
        added = everywhere(builder, builder.select(biased, arguments[8], DOUBLE(NOTHING)), DOUBLES)
        alpha, beta = (everywhere(builder, x, DOUBLES) for x in arguments[6:8])
        numbers = ir.VectorType(I64, WIDE)
        ages = builder.load(vector_at(builder, age, low, numbers), align=8)
        places = [vector_at(builder, data, low, DOUBLES) for data in (u, v)]
        registers = [cgutils.alloca_once_value(builder, builder.load(place, align=8)) for place in places]
        with cgutils.for_range(builder, builder.sub(until, since)) as loop:
            older = builder.icmp_signed(">", ages, everywhere(builder, builder.add(since, loop.index), numbers))
            before = [builder.load(register) for register in registers]
            after = lif(builder, before[0], before[1], constant(DOUBLES, NOTHING), alpha, beta, added)
            for new, old, register in zip(after, before, registers, strict=True):
                builder.store(builder.select(older, new, old), register)
        for place, register in zip(places, registers, strict=True):
            builder.store(builder.load(register), place, align=8)
        return context.get_dummy_value()

    return types.void(u, v, age, low, since, until, alpha, beta, bias), generate


def _class_of(age: Any) -> Any:
    return max(0, (np.float64(age).view(np.int64) >> 48) - (1023 << 4))


@llvm(_class_of)
def class_of(typing, age):
    """A whole number that grows with an age, of at most 16 for each power of two; for ages below 32 a different one."""

    def generate(context, builder, signature, arguments):
        (age,) = whole(context, builder, signature, arguments, (0,))
        bits = builder.bitcast(builder.sitofp(age, DOUBLE), I64)
        number = builder.sub(builder.lshr(bits, I64(48)), I64(1023 << 4))
        return builder.select(builder.icmp_signed("<", number, I64(0)), I64(0), number)

    return types.int64(age), generate


def _not_below(values: Any, limit: Any) -> Any:
    word = np.uint64(0)
    for k in range(LANES):
        if not values[k] <= limit:
            word |= np.uint64(1) << np.uint64(k)
    return word


@llvm(_not_below)
def not_below(typing, values, limit):
    """A word of LANES bits: whether ``values[k] <= limit`` is false."""

    def generate(context, builder, signature, arguments):
        (values,), vector = data_of(context, builder, signature, arguments, (0,)), ir.VectorType(DOUBLE, LANES)
        loaded = builder.load(vector_at(builder, values, I64(0), vector), align=8)
        above = builder.fcmp_unordered(">", loaded, everywhere(builder, arguments[1], vector))
        return builder.bitcast(above, ir.IntType(LANES))

    return types.uint64(values, limit), generate


def _over(values: Any, i: Any, limits: Any, j: Any) -> Any:
    flat, word = limits.reshape(-1), np.uint64(0)
    for k in range(WORD):
        if values[i + k] > flat[j + k]:
            word |= np.uint64(1) << np.uint64(k)
    return word


@llvm(_over)
def over(typing, values, i, limits, j):
    """A word of WORD bits: whether ``values[i + k] > limits[j + k]``, limits read as flat."""

    def generate(context, builder, signature, arguments):
        vector = ir.VectorType(DOUBLE, WORD)
        values, limits = data_of(context, builder, signature, arguments, (0, 2))
        i, j = whole(context, builder, signature, arguments, (1, 3))
        sides = [builder.load(vector_at(builder, *side, vector), align=8) for side in ((values, i), (limits, j))]
        return builder.bitcast(builder.fcmp_ordered(">", *sides), ir.IntType(WORD))

    return types.uint64(values, i, limits, j), generate


def _stepping(typing: Any, u: Any, v: Any, given: Any, i: Any, par: Any, j: Any, alike: bool, step: Any = lif) -> Any:
    """Types and code of :func:`step_word`, :func:`step_word_alike` and :func:`step_word_loihi`."""

    def generate(context, builder, signature, arguments):
        u, v, given, par = data_of(context, builder, signature, arguments, (0, 1, 2, 4))
        i, j = whole(context, builder, signature, arguments, (3, 5))

        def place(array, index, offset):
            return vector_at(builder, array, builder.add(index, I64(offset)), DOUBLES)

        rows = [row * BLOCK for row in (ALPHA, BETA, BIAS, THETA)]
        firsts = [builder.load(builder.gep(par, [builder.add(j, I64(row))])) for row in rows]
        same = [everywhere(builder, first, DOUBLES) for first in firsts]
        word = ir.IntType(WORD)
        over = word(0)
        for lane in range(0, WORD, WIDE):
            state = [place(array, i, lane) for array in (u, v, given)]
            un, vn, more = (builder.load(where, align=8) for where in state)
            alpha, beta, bias, theta = (
                same if alike else [builder.load(place(par, j, row + lane), align=8) for row in rows]
            )  # fmt: skip
            un, vn = step(builder, un, vn, more, alpha, beta, bias)
            for value, where in zip((un, vn, constant(DOUBLES, 0.0)), state, strict=True):
                builder.store(value, where, align=8)
            bits = builder.bitcast(builder.fcmp_ordered(">", vn, theta), ir.IntType(WIDE))
            over = builder.or_(over, builder.shl(builder.zext(bits, word), word(lane)))
        return over

    return types.uint64(u, v, given, i, par, j), generate


def _step_word(u: Any, v: Any, given: Any, i: Any, par: Any, j: Any) -> Any:
    flat, word = par.reshape(-1), np.uint64(0)
    for k in range(WORD):
        alpha, beta, bias = flat[j + ALPHA * BLOCK + k], flat[j + BETA * BLOCK + k], flat[j + BIAS * BLOCK + k]
        u[i + k], v[i + k] = lif_step(u[i + k], v[i + k], given[i + k], alpha, beta, bias)
        given[i + k] = 0.0
        if v[i + k] > flat[j + THETA * BLOCK + k]:
            word |= np.uint64(1) << np.uint64(k)
    return word


@llvm(_step_word)
def step_word(typing, u, v, given, i, par, j):
    """A step of the WORD neurons from i on, without resets, with the input ``given``, which becomes 0.

    ``par[j:]`` are their parameters, read as flat. Returns a word of bits: whether v > theta.
    """
    return _stepping(typing, u, v, given, i, par, j, alike=False)


def _step_word_alike(u: Any, v: Any, given: Any, i: Any, par: Any, j: Any) -> Any:
    flat, word = par.reshape(-1), np.uint64(0)
    alpha, beta, bias, theta = (
        flat[j + ALPHA * BLOCK],
        flat[j + BETA * BLOCK],
        flat[j + BIAS * BLOCK],
        flat[j + THETA * BLOCK],
    )
    for k in range(WORD):
        u[i + k], v[i + k] = lif_step(u[i + k], v[i + k], given[i + k], alpha, beta, bias)
        given[i + k] = 0.0
        if v[i + k] > theta:
            word |= np.uint64(1) << np.uint64(k)
    return word


@llvm(_step_word_alike)
def step_word_alike(typing, u, v, given, i, par, j):
    """:func:`step_word` where all neurons have the parameters of the first: they stay in registers."""
    return _stepping(typing, u, v, given, i, par, j, alike=True)


def _step_word_loihi(u: Any, v: Any, given: Any, i: Any, par: Any, j: Any) -> Any:
    flat, word = par.reshape(-1), np.uint64(0)
    for k in range(WORD):
        alpha, beta, bias = flat[j + ALPHA * BLOCK + k], flat[j + BETA * BLOCK + k], flat[j + BIAS * BLOCK + k]
        u[i + k], v[i + k] = loihi_step(u[i + k], v[i + k], given[i + k], alpha, beta, bias)
        given[i + k] = 0.0
        if v[i + k] > flat[j + THETA * BLOCK + k]:
            word |= np.uint64(1) << np.uint64(k)
    return word


def _loihi(builder: Any, u: Any, v: Any, given: Any, alpha: Any, beta: Any, bias: Any) -> tuple[Any, Any]:
    """A step of vectors of u and v, without reset; as in :func:`..kernels.neuron.loihi_step`."""
    kind = ir.FunctionType(DOUBLES, [DOUBLES])
    trunc = cgutils.get_or_insert_function(builder.module, kind, f"llvm.trunc.v{WIDE}f64")
    turn, half, most = (constant(DOUBLES, x) for x in (16777216.0, 8388608.0, 8388607.0))
    low, least = constant(DOUBLES, -8388608.0), constant(DOUBLES, -8388607.0)
    u = builder.call(trunc, [builder.fmul(alpha, u)])
    u = builder.fadd(u, builder.fmul(constant(DOUBLES, 64.0), given))
    above, below = builder.fcmp_ordered(">", u, half), builder.fcmp_ordered("<=", u, low)
    u = builder.select(above, builder.fsub(u, turn), builder.select(below, builder.fadd(u, turn), u))
    v = builder.fadd(builder.fadd(builder.call(trunc, [builder.fmul(beta, v)]), u), bias)
    v = builder.select(builder.fcmp_ordered("<", v, least), least, v)
    return u, builder.select(builder.fcmp_ordered(">", v, most), most, v)


@llvm(_step_word_loihi)
def step_word_loihi(typing, u, v, given, i, par, j):
    """:func:`step_word` of neurons in Loihi's arithmetic."""
    return _stepping(typing, u, v, given, i, par, j, alike=False, step=_loihi)
