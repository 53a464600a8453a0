"""A block of neurons with further currents, or refractory ones, a vector at a time (:mod:`..kernels.extended.step`)."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils

from ..arrays import BLOCK, WIDE, WORD
from ..columns import ALIKE, ALIKE2, ALPHA, ALPHA2, BETA, BIAS, THETA
from ..kernels.neuron import NOTHING, lif_step
from .base import DOUBLE, DOUBLES, I64, constant, data_of, everywhere, llvm, vector_at, whole
from .lif import lif

_BYTE = ir.IntType(WIDE)
_ROWS = (ALPHA, BETA, BIAS, THETA)


class _Block(NamedTuple):
    """What the code of blocks needs: pointers to arrays, and places in them."""

    u: Any
    v: Any
    given: Any
    par: Any
    more: Any
    held: Any  # words of the block's bits, as ``bits``
    bits: Any
    i: Any
    j: Any
    m: Any
    second: Any
    lane: Any
    direct: Any
    hold: Any  # a word: the bits of ``held`` that keep v
    many: Any  # blocks


class _Has(NamedTuple):
    """What is the same for all blocks, each with code of its own."""

    alike: bool  # all neurons have the parameters of the first
    second: bool
    direct: bool
    freeze: bool  # the bits of ``hold`` keep the currents, too


def _loaded(builder: Any, array: Any, index: Any) -> tuple[Any, Any]:
    place = vector_at(builder, array, index, DOUBLES)
    return place, builder.load(place, align=8)


def _vector(builder: Any, at: _Block, k: Any, rows: list[Any], waiting: Any, has: _Has) -> Any:
    """Step the WIDE neurons from number k of the block on; returns the bits of those over threshold.

    rows: their parameters; waiting: the bits of those whose v stays as it is.
    """

    def loaded(array: Any, first: Any) -> tuple[Any, Any]:
        return _loaded(builder, array, builder.add(first, k))

    hold = builder.bitcast(waiting, ir.VectorType(ir.IntType(1), WIDE))
    (u_at, u0), (v_at, v0), inputs = loaded(at.u, at.i), loaded(at.v, at.i), [loaded(at.given, at.i)]
    alpha, beta, bias, theta, alpha2 = rows
    u, v = lif(builder, u0, v0, inputs[0][1], alpha, beta, constant(DOUBLES, NOTHING))
    kept = [(u_at, u0, u)]
    if has.second:
        own_at, own0 = loaded(at.u, at.second)
        inputs.append(loaded(at.given, at.lane))
        own = builder.fadd(builder.fmul(alpha2, own0), inputs[-1][1])
        v = builder.fadd(v, own)
        kept.append((own_at, own0, own))
    v = builder.fadd(v, bias)
    if has.direct:
        inputs.append(loaded(at.given, at.direct))
        v = builder.fadd(v, inputs[-1][1])
    for place, old, new in kept:
        builder.store(builder.select(hold, old, new) if has.freeze else new, place, align=8)
    builder.store(builder.select(hold, v0, v), v_at, align=8)
    for place, _ in inputs:
        builder.store(constant(DOUBLES, 0.0), place, align=8)
    over = builder.bitcast(builder.fcmp_ordered(">", v, theta), _BYTE)
    return builder.and_(over, builder.not_(waiting))


def _words(builder: Any, at: _Block, has: _Has) -> None:
    """All vectors of the blocks, a word of neurons in a turn of the loop."""
    word, places = ir.IntType(WORD), [(at.par, builder.add(at.j, I64(row * BLOCK))) for row in _ROWS]
    places.append((at.more, at.m))
    same = [everywhere(builder, builder.load(builder.gep(array, [place])), DOUBLES) for array, place in places]
    with cgutils.for_range(builder, builder.mul(at.many, I64(BLOCK // WORD))) as loop:
        waiting = builder.and_(builder.load(builder.gep(at.held, [loop.index])), at.hold)
        over = word(0)
        for lane in range(0, WORD, WIDE):
            k = builder.add(builder.mul(loop.index, I64(WORD)), I64(lane))
            within = builder.and_(k, I64(BLOCK - 1))
            own = [_loaded(builder, array, builder.add(place, within))[1] for array, place in places if not has.alike]
            byte = builder.trunc(builder.lshr(waiting, word(lane)), _BYTE)
            bits = _vector(builder, at, k, own or same, byte, has)
            over = builder.or_(over, builder.shl(builder.zext(bits, word), word(lane)))
        builder.store(over, builder.gep(at.bits, [loop.index]))


def _step_block(
    u: Any, v: Any, given: Any, i: Any, par: Any, j: Any, more: Any, m: Any, second: Any, lane: Any, direct: Any,
    held: Any, hold: Any, freeze: Any, bits: Any, b: Any, many: Any,
) -> None:  # fmt: skip
    flat, decays = par.reshape(-1), more.reshape(-1)
    for k in range(many * BLOCK):
        word, bit, n = b * (BLOCK // WORD) + k // WORD, np.uint64(1) << np.uint64(k % WORD), k % BLOCK
        waiting = held[word] & bit != 0
        alpha, beta, bias = flat[j + ALPHA * BLOCK + n], flat[j + BETA * BLOCK + n], flat[j + BIAS * BLOCK + n]
        un, vn = lif_step(u[i + k], v[i + k], given[i + k], alpha, beta, NOTHING)
        given[i + k] = 0.0
        if second >= 0:
            own = decays[m + ALPHA2 * BLOCK + n] * u[second + k] + given[lane + k]
            vn += own
            given[lane + k] = 0.0
            if not (freeze and waiting):
                u[second + k] = own
        vn += bias
        if direct >= 0:
            vn += given[direct + k]
            given[direct + k] = 0.0
        if k % WORD == 0:
            bits[b + k // BLOCK, n // WORD] = 0
        if vn > flat[j + THETA * BLOCK + n] and not (hold and waiting):
            bits[b + k // BLOCK, n // WORD] |= bit
        if not (freeze and waiting):
            u[i + k] = un
        if not (hold and waiting):
            v[i + k] = vn


@llvm(_step_block)
def step_block(typing, u, v, given, i, par, j, more, m, second, lane, direct, held, hold, freeze, bits, b, many):
    """A step of ``many`` blocks from b on, whose neurons begin at place i, without resets.

    ``bits[b]`` and those that follow tell whether v > theta. The blocks are alike.

    With a second current from place ``second`` of u on, whose input stands in ``given[lane:]``, and what arrives at v
    itself in ``given[direct:]``; a negative ``second`` or ``direct`` leaves it out. All input becomes 0. ``par[j:]``
    and ``more[m:]``, read as flat, are parameters, see ALPHA and ALPHA2. Neurons with a bit in ``held`` keep their v
    and do not spike where ``hold`` is true, and keep their currents where ``freeze`` is, too.
    """

    def generate(context, builder, signature, arguments):
        u, v, given, par, more, held, bits = data_of(context, builder, signature, arguments, (0, 1, 2, 4, 6, 11, 14))
        i, j, m, second, lane, direct, hold, freeze, b, many = whole(
            context, builder, signature, arguments, (3, 5, 7, 8, 9, 10, 12, 13, 15, 16)
        )
        first, word = builder.mul(b, I64(BLOCK // WORD)), ir.IntType(WORD)
        held, bits = (builder.gep(x, [first]) for x in (held, bits))
        holds = builder.icmp_signed("!=", hold, I64(0))
        hold, decay = builder.select(holds, word(-1), word(0)), builder.add(m, I64(ALPHA2 * BLOCK))
        at = _Block(u, v, given, par, more, held, bits, i, j, decay, second, lane, direct, hold, many)
        alike = [(par, builder.add(j, I64(ALIKE * BLOCK))), (more, builder.add(m, I64(ALIKE2 * BLOCK)))]
        alike = [builder.load(builder.gep(array, [place])) for array, place in alike]
        conditions = _Has(
            builder.fcmp_unordered("!=", builder.fmul(*alike), DOUBLE(0.0)),
            builder.icmp_signed(">=", second, I64(0)),
            builder.icmp_signed(">=", direct, I64(0)),
            builder.and_(holds, builder.icmp_signed("!=", freeze, I64(0))),
        )

        def branch(*known):
            if len(known) == len(conditions):
                _words(builder, at, _Has(*known))
                return
            with builder.if_else(conditions[len(known)]) as (then, otherwise):
                with then:
                    branch(*known, True)
                with otherwise:
                    branch(*known, False)

        branch()
        return context.get_dummy_value()

    arguments = u, v, given, i, par, j, more, m, second, lane, direct, held, hold, freeze, bits, b, many
    return types.void(*arguments), generate
