"""Counting over planes of bits in the machine's registers (:mod:`snmem.backends.event_planes`)."""

from __future__ import annotations

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic
from numba.np.arrayobj import make_array

from .event_intrinsics import everywhere, prefetch_line
from .event_types import BLOCK, GROUP, LEVELS, TILE, WIDE, WORD


def _planes(builder, bits, place, at, offset):
    """Pointers to ``bits[place[at + j] + offset]`` for GROUP planes j."""
    bits, place = builder.gep(bits, [offset]), builder.gep(place, [at])
    for j in range(GROUP):
        yield builder.gep(bits, [builder.load(builder.gep(place, [ir.IntType(64)(j)]))])


@intrinsic
def ask(typing, bits, place, at, offset, vectors):
    """Ask the processor to fetch GROUP planes, numbered as in :func:`tally`."""

    def generate(context, builder, signature, arguments):
        kinds, i64 = signature.args, ir.IntType(64)
        bits, place = (make_array(kinds[k])(context, builder, arguments[k]).data for k in range(2))
        at, offset, vectors = (context.cast(builder, arguments[k], kinds[k], types.int64) for k in range(2, 5))
        planes = list(_planes(builder, bits, place, at, offset))
        with cgutils.for_range(builder, vectors) as loop:
            for plane in planes:
                prefetch_line(builder, builder.gep(plane, [builder.mul(loop.index, i64(WIDE))]))
        return context.get_dummy_value()

    return types.void(bits, place, at, offset, vectors), generate


def _add_bits(builder, a, b, c):
    """Sum and carry of three bits, in every place of a word."""
    either = builder.xor(a, b)
    return builder.xor(either, c), builder.or_(builder.and_(a, b), builder.and_(either, c))


@intrinsic
def tally(typing, bits, place, at, offset, soon, then, vectors, sums, row, word, levels):
    """Add GROUP planes to the sums of bits of a tile, from its word ``word`` on for ``vectors`` times WIDE words.

    Plane j is ``bits[place[at + j] + offset :]`` and is worth bit 0 of ``sums[row:]``; the carry may reach ``levels``
    rows beyond the third. Planes ``bits[place[soon + j] + then :]`` are asked for.
    """

    def generate(context, builder, signature, arguments):
        i64, vector = ir.IntType(64), ir.VectorType(ir.IntType(64), WIDE)
        kinds = signature.args
        bits, place, sums = (make_array(kinds[k])(context, builder, arguments[k]).data for k in (0, 1, 7))
        at, offset, soon, then, vectors, row, word, levels = (
            context.cast(builder, arguments[k], kinds[k], types.int64) for k in (2, 3, 4, 5, 6, 8, 9, 10)
        )  # fmt: skip
        planes = list(_planes(builder, bits, place, at, offset))
        later = list(_planes(builder, bits, place, soon, then))
        row = builder.add(builder.mul(row, i64(TILE)), word)
        carry = cgutils.alloca_once(builder, vector)
        with cgutils.for_range(builder, vectors) as loop:
            along = builder.mul(loop.index, i64(WIDE))
            here = builder.add(row, along)

            def wide(array, index):
                return builder.bitcast(builder.gep(array, [index]), vector.as_pointer())

            def level(number, here=here):
                return wide(sums, builder.add(here, builder.mul(number, i64(TILE))))

            for plane in later:
                prefetch_line(builder, builder.gep(plane, [along]))
            p = [builder.load(wide(plane, along), align=64) for plane in planes]
            one, two, four = (builder.load(level(i64(k)), align=64) for k in range(3))
            fours = []
            for half in (p[:4], p[4:]):
                one, a = _add_bits(builder, one, half[0], half[1])
                one, b = _add_bits(builder, one, half[2], half[3])
                two, c = _add_bits(builder, two, a, b)
                fours.append(c)
            four, eight = _add_bits(builder, four, *fours)
            for k, total in enumerate((one, two, four)):
                builder.store(total, level(i64(k)), align=64)
            builder.store(eight, carry)
            with cgutils.for_range(builder, levels) as up:
                to = level(builder.add(up.index, i64(3)))
                old, new = builder.load(to, align=64), builder.load(carry)
                builder.store(builder.xor(old, new), to, align=64)
                builder.store(builder.and_(old, new), carry)
        return context.get_dummy_value()

    return types.void(bits, place, at, offset, soon, then, vectors, sums, row, word, levels), generate


#: The words of a block, whose sums are taken apart together.
_WORDS = ir.VectorType(ir.IntType(64), BLOCK // WORD)


def _difference(builder, sums, word, plus, minus, rows):
    """Sums of positive weights less those of negative ones, bit by bit, into ``rows``; returns what the sign bit is."""
    i64, zero = ir.IntType(64), ir.Constant(_WORDS, [0] * (BLOCK // WORD))
    borrow = cgutils.alloca_once_value(builder, zero)

    def load(side, row):
        index = builder.add(word, builder.mul(builder.add(row, i64(side)), i64(TILE)))
        return builder.load(builder.bitcast(builder.gep(sums, [index]), _WORDS.as_pointer()), align=32)

    def give(row, value):
        builder.store(value, builder.gep(rows, [row]), align=32)

    both = builder.select(builder.icmp_signed("<", plus, minus), plus, minus)
    with cgutils.for_range(builder, both) as loop:
        p, m, b = load(0, loop.index), load(LEVELS, loop.index), builder.load(borrow)
        either = builder.xor(p, m)
        give(loop.index, builder.xor(either, b))
        builder.store(builder.or_(builder.and_(builder.not_(p), m), builder.and_(builder.not_(either), b)), borrow)
    with cgutils.for_range_slice(builder, both, plus, i64(1), i64) as (row, _):
        p, b = load(0, row), builder.load(borrow)
        give(row, builder.xor(p, b))
        builder.store(builder.and_(builder.not_(p), b), borrow)
    with cgutils.for_range_slice(builder, both, minus, i64(1), i64) as (row, _):
        m, b = load(LEVELS, row), builder.load(borrow)
        give(row, builder.xor(m, b))
        builder.store(builder.or_(m, b), borrow)
    return builder.load(borrow)


def _unpack(builder, a, b, high):
    """The low or high halves of all 128 bits of a and b, their elements by turns, as elements twice as wide."""
    count, width = a.type.count, a.type.element.width
    lane = count // 2
    order = [half + high * lane // 2 + j + side for half in (0, lane) for j in range(lane // 2) for side in (0, count)]
    mixed = builder.shuffle_vector(a, b, ir.Constant(ir.VectorType(ir.IntType(32), count), order))
    return builder.bitcast(mixed, ir.VectorType(ir.IntType(2 * width), count // 2))


def _bytes(builder, rows, first):
    """Eight rows from ``first`` on, turned: vectors of a byte for each neuron.

    Vector k has the neurons 16 * k + (0 .. 15), and those 128 further on. Squares of 8 by 8 bits are transposed by
    exchanging their quarters, then quarters of those, and so on; then bytes, pairs and fours are put in order.
    """
    vectors = [builder.load(builder.gep(rows, [ir.IntType(64)(first + r)]), align=32) for r in range(8)]
    for step, mask in ((4, 0x0F0F0F0F0F0F0F0F), (2, 0x3333333333333333), (1, 0x5555555555555555)):
        by, kept = (ir.Constant(_WORDS, [x] * _WORDS.count) for x in (step, mask))
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
        chosen = ir.Constant(ir.VectorType(ir.IntType(32), count // 2), lanes)
        yield first + 128 * half, builder.shuffle_vector(parts[0], parts[0], chosen)


@intrinsic
def expand(typing, sums, word, plus, minus, unit, into, at):
    """Add the sums of the BLOCK neurons from ``word`` on, times ``unit``, to ``into[at : at + BLOCK]``.

    plus, minus: bits of the sums of positive and of negative weights (rows from LEVELS on).
    """

    def generate(context, builder, signature, arguments):
        i64, kinds = ir.IntType(64), signature.args
        sums, into = (make_array(kinds[k])(context, builder, arguments[k]).data for k in (0, 5))
        word, plus, minus, at = (context.cast(builder, arguments[k], kinds[k], types.int64) for k in (1, 2, 3, 6))
        rows = cgutils.alloca_once(builder, _WORDS, size=32)
        rows.align = 32
        sign = _difference(builder, sums, word, plus, minus, rows)
        top = builder.select(builder.icmp_signed("<", plus, minus), minus, plus)

        def add(octets):
            """Add numbers of so many bytes."""
            with cgutils.for_range_slice(builder, top, i64(8 * octets), i64(1), i64) as (row, _):
                builder.store(sign, builder.gep(rows, [row]), align=32)
            for k, parts in enumerate(zip(*(_bytes(builder, rows, 8 * b) for b in range(octets)), strict=True)):
                for first, numbers in _numbers(builder, parts, 16 * k):
                    count = numbers.type.count
                    doubles = ir.VectorType(ir.DoubleType(), count)
                    if octets < 4:
                        numbers = builder.sext(numbers, ir.VectorType(ir.IntType(32), count))
                    unit = everywhere(builder, arguments[4], doubles)
                    value = builder.fmul(builder.sitofp(numbers, doubles), unit)
                    place = builder.bitcast(builder.gep(into, [builder.add(at, i64(first))]), doubles.as_pointer())
                    builder.store(builder.fadd(builder.load(place, align=8), value), place, align=8)

        with builder.if_else(builder.icmp_signed("<", top, i64(8))) as (one, more):
            with one:
                add(1)
            with more, builder.if_else(builder.icmp_signed("<", top, i64(16))) as (two, four):
                with two:
                    add(2)
                with four:
                    add(4)
        return context.get_dummy_value()

    return types.void(sums, word, plus, minus, unit, into, at), generate
