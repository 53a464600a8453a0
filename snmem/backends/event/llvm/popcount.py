"""Bit-sliced counting over bit planes in registers (:mod:`..bitplanes`)."""

from __future__ import annotations

from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils

from ..arrays import BLOCK, GROUP_SIZE, LEVELS, TILE, WIDE, WORD
from .base import DOUBLE, I32, I64, constant, data_of, everywhere, llvm, prefetch_line, vector_at, whole

_REGISTER = ir.VectorType(I64, WIDE)
#: The words of a block, whose sums are taken apart together.
_WORDS = ir.VectorType(I64, BLOCK // WORD)


def _planes(builder, bits, place, at, offset):
    """Pointers to ``bits[place[at + j] + offset]`` for GROUP_SIZE planes j."""
    bits, place = builder.gep(bits, [offset]), builder.gep(place, [at])
    for j in range(GROUP_SIZE):
        yield builder.gep(bits, [builder.load(builder.gep(place, [I64(j)]))])


def _prefetch_planes(bits: Any, place: Any, at: Any, offset: Any, vectors: Any) -> None:
    """Nothing: what is fetched ahead changes no result."""


@llvm(_prefetch_planes)
def prefetch_planes(typing, bits, place, at, offset, vectors):
    """Make the processor fetch GROUP_SIZE planes, numbered as in :func:`count_planes`."""

    def generate(context, builder, signature, arguments):
        bits, place = data_of(context, builder, signature, arguments, (0, 1))
        at, offset, vectors = whole(context, builder, signature, arguments, (2, 3, 4))
        planes = list(_planes(builder, bits, place, at, offset))
        with cgutils.for_range(builder, vectors) as loop:
            for plane in planes:
                prefetch_line(builder, builder.gep(plane, [builder.mul(loop.index, I64(WIDE))]))
        return context.get_dummy_value()

    return types.void(bits, place, at, offset, vectors), generate


def _add_bits(builder, a, b, c):
    """Sum and carry of three bits, in every place of a word."""
    either = builder.xor(a, b)
    return builder.xor(either, c), builder.or_(builder.and_(a, b), builder.and_(either, c))


def _count_planes(
    bits: Any, place: Any, at: Any, offset: Any, soon: Any, then: Any, vectors: Any, sums: Any, row: Any, word: Any,
    levels: Any,
) -> None:  # fmt: skip
    for w in range(vectors * WIDE):
        for j in range(GROUP_SIZE):
            carry = bits[place[at + j] + offset + w]
            for level in range(3 + levels):
                before = sums[row + level, word + w]
                sums[row + level, word + w] = before ^ carry
                carry = before & carry


@llvm(_count_planes)
def count_planes(typing, bits, place, at, offset, soon, then, vectors, sums, row, word, levels):
    """Add GROUP_SIZE planes to the sums of bits of a tile, from its word ``word`` on for ``vectors`` times WIDE words.

    Plane j is ``bits[place[at + j] + offset :]`` and is worth bit 0 of ``sums[row:]``; the carry may reach ``levels``
    rows beyond the third. Planes ``bits[place[soon + j] + then :]`` are prefetched. ``bits`` and ``sums`` are aligned
    to 64 bytes, ``offset``, planes and ``word`` are multiples of WIDE.
    """

    def generate(context, builder, signature, arguments):
        bits, place, sums = data_of(context, builder, signature, arguments, (0, 1, 7))
        numbers = whole(context, builder, signature, arguments, (2, 3, 4, 5, 6, 8, 9, 10))
        at, offset, soon, then, vectors, row, word, levels = numbers
        planes = list(_planes(builder, bits, place, at, offset))
        later = list(_planes(builder, bits, place, soon, then))
        row = builder.add(builder.mul(row, I64(TILE)), word)
        carry = cgutils.alloca_once(builder, _REGISTER)
        with cgutils.for_range(builder, vectors) as loop:
            along = builder.mul(loop.index, I64(WIDE))
            here = builder.add(row, along)

            def level(number, here=here):
                return vector_at(builder, sums, builder.add(here, builder.mul(number, I64(TILE))), _REGISTER)

            for plane in later:
                prefetch_line(builder, builder.gep(plane, [along]))
            p = [builder.load(vector_at(builder, plane, along, _REGISTER), align=64) for plane in planes]
            one, two, four = (builder.load(level(I64(k)), align=64) for k in range(3))
            fours = []
            for half in (p[:4], p[4:]):
                one, a = _add_bits(builder, one, half[0], half[1])
                one, b = _add_bits(builder, one, half[2], half[3])
                two, c = _add_bits(builder, two, a, b)
                fours.append(c)
            four, eight = _add_bits(builder, four, *fours)
            for k, total in enumerate((one, two, four)):
                builder.store(total, level(I64(k)), align=64)
            builder.store(eight, carry)
            with cgutils.for_range(builder, levels) as up:
                to = level(builder.add(up.index, I64(3)))
                old, new = builder.load(to, align=64), builder.load(carry)
                builder.store(builder.xor(old, new), to, align=64)
                builder.store(builder.and_(old, new), carry)
        return context.get_dummy_value()

    return types.void(bits, place, at, offset, soon, then, vectors, sums, row, word, levels), generate


def _difference(builder, sums, word, plus, minus, rows):
    """Sums of positive weights less those of negative ones, bit by bit, into ``rows``; returns what the sign bit is."""
    borrow = cgutils.alloca_once_value(builder, constant(_WORDS, 0))

    def load(side, row):
        index = builder.add(word, builder.mul(builder.add(row, I64(side)), I64(TILE)))
        return builder.load(vector_at(builder, sums, index, _WORDS), align=32)

    def give(row, value):
        builder.store(value, builder.gep(rows, [row]), align=32)

    both = builder.select(builder.icmp_signed("<", plus, minus), plus, minus)
    with cgutils.for_range(builder, both) as loop:
        p, m, b = load(0, loop.index), load(LEVELS, loop.index), builder.load(borrow)
        either = builder.xor(p, m)
        give(loop.index, builder.xor(either, b))
        builder.store(builder.or_(builder.and_(builder.not_(p), m), builder.and_(builder.not_(either), b)), borrow)
    with cgutils.for_range_slice(builder, both, plus, I64(1), I64) as (row, _):
        p, b = load(0, row), builder.load(borrow)
        give(row, builder.xor(p, b))
        builder.store(builder.and_(builder.not_(p), b), borrow)
    with cgutils.for_range_slice(builder, both, minus, I64(1), I64) as (row, _):
        m, b = load(LEVELS, row), builder.load(borrow)
        give(row, builder.xor(m, b))
        builder.store(builder.or_(m, b), borrow)
    return builder.load(borrow)


def _unpack(builder, a, b, high):
    """The low or high halves of all 128 bits of a and b, their elements by turns, as elements twice as wide."""
    count, width = a.type.count, a.type.element.width
    lane = count // 2
    order = [half + high * lane // 2 + j + side for half in (0, lane) for j in range(lane // 2) for side in (0, count)]
    mixed = builder.shuffle_vector(a, b, ir.Constant(ir.VectorType(I32, count), order))
    return builder.bitcast(mixed, ir.VectorType(ir.IntType(2 * width), count // 2))


def _bytes(builder, rows, first):
    """Eight rows from ``first`` on, turned: vectors of a byte for each neuron.

    Vector k has the neurons 16 * k + (0 .. 15), and those 128 further on. Squares of 8 by 8 bits are transposed by
    exchanging their quarters, then quarters of those, and so on; then bytes, pairs and fours are put in order.
    """
    vectors = [builder.load(builder.gep(rows, [I64(first + r)]), align=32) for r in range(8)]
    for step, mask in ((4, 0x0F0F0F0F0F0F0F0F), (2, 0x3333333333333333), (1, 0x5555555555555555)):
        by, kept = constant(_WORDS, step), constant(_WORDS, mask)
        for r in (r for r in range(8) if not r & step):
            a, b = vectors[r], vectors[r + step]
            moved = builder.and_(builder.xor(builder.lshr(a, by), b), kept)
            vectors[r], vectors[r + step] = builder.xor(a, builder.shl(moved, by)), builder.xor(b, moved)
    octets = ir.VectorType(ir.IntType(8), BLOCK // 8)
    vectors = [builder.bitcast(v, octets) for v in vectors]
    for _ in range(3):  # vectors[::2] and vectors[1::2] go together; what comes of their low halves, before the high
        pairs = list(zip(vectors[::2], vectors[1::2], strict=True))
        vectors = [_unpack(builder, a, b, high) for high in (0, 1) for a, b in pairs]
    return [builder.bitcast(vectors[k], octets) for k in (0, 4, 2, 6, 1, 5, 3, 7)]


def _numbers(builder, parts, first):
    """From bytes of whole numbers, lowest first: the neurons, from which one on, and their numbers."""
    count = parts[0].type.count
    if len(parts) > 1:
        pairs = list(zip(parts[::2], parts[1::2], strict=True))
        for high in (0, 1):
            joined = [_unpack(builder, a, b, high) for a, b in pairs]
            yield from _numbers(builder, joined, first + high * count // 4)
        return
    for half in (0, 1):
        lanes = [half * count // 2 + j for j in range(count // 2)]
        chosen = ir.Constant(ir.VectorType(I32, count // 2), lanes)
        yield first + 128 * half, builder.shuffle_vector(parts[0], parts[0], chosen)


def _add_octets(builder, rows, octets, top, sign, unit, into, at):
    """Add the numbers in the bits of ``rows``, of ``octets`` bytes with sign, times ``unit``, to ``into[at:]``."""
    with cgutils.for_range_slice(builder, top, I64(8 * octets), I64(1), I64) as (row, _):
        builder.store(sign, builder.gep(rows, [row]), align=32)
    for k, parts in enumerate(zip(*(_bytes(builder, rows, 8 * b) for b in range(octets)), strict=True)):
        for first, numbers in _numbers(builder, parts, 16 * k):
            count = numbers.type.count
            doubles = ir.VectorType(DOUBLE, count)
            if octets < 4:
                numbers = builder.sext(numbers, ir.VectorType(I32, count))
            value = builder.fmul(builder.sitofp(numbers, doubles), everywhere(builder, unit, doubles))
            place = vector_at(builder, into, builder.add(at, I64(first)), doubles)
            builder.store(builder.fadd(builder.load(place, align=8), value), place, align=8)


def _add_counts(sums: Any, word: Any, plus: Any, minus: Any, unit: Any, into: Any, at: Any) -> None:
    for n in range(BLOCK):
        total, bit = np.int64(0), np.uint64(n % WORD)
        for k in range(plus):
            total += np.int64((sums[k, word + n // WORD] >> bit) & np.uint64(1)) << np.int64(k)
        for k in range(minus):
            total -= np.int64((sums[LEVELS + k, word + n // WORD] >> bit) & np.uint64(1)) << np.int64(k)
        into[at + n] += np.float64(total) * unit


@llvm(_add_counts)
def add_counts(typing, sums, word, plus, minus, unit, into, at):
    """Add the sums of the BLOCK neurons from ``word`` on, times ``unit``, to ``into[at : at + BLOCK]``.

    plus, minus: bits of the sums of positive and of negative weights (rows from LEVELS on).
    """

    def generate(context, builder, signature, arguments):
        sums, into = data_of(context, builder, signature, arguments, (0, 5))
        word, plus, minus, at = whole(context, builder, signature, arguments, (1, 2, 3, 6))
        rows = cgutils.alloca_once(builder, _WORDS, size=32)
        rows.align = 32
        sign = _difference(builder, sums, word, plus, minus, rows)
        top = builder.select(builder.icmp_signed("<", plus, minus), minus, plus)

        def add(octets):
            _add_octets(builder, rows, octets, top, sign, arguments[4], into, at)

        with builder.if_else(builder.icmp_signed("<", top, I64(8))) as (one, more):
            with one:
                add(1)
            with more, builder.if_else(builder.icmp_signed("<", top, I64(16))) as (two, four):
                with two:
                    add(2)
                with four:
                    add(4)
        return context.get_dummy_value()

    return types.void(sums, word, plus, minus, unit, into, at), generate
