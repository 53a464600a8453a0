"""What the compiled loops need and numba does not offer: prefetching, wide loads, registers, indivisible counting."""

from __future__ import annotations

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic
from numba.np.arrayobj import make_array

from .event_types import ALPHA, BETA, BIAS, BLOCK, GROUP, LEVELS, THETA, TILE, WIDE, WORD


def _prefetch(builder, place):
    place, i32 = builder.bitcast(place, ir.IntType(8).as_pointer()), ir.IntType(32)
    kind = ir.FunctionType(ir.VoidType(), [place.type, i32, i32, i32])
    fetch = builder.module.declare_intrinsic("llvm.prefetch", [place.type], kind)
    builder.call(fetch, [place, i32(0), i32(3), i32(1)])


@intrinsic
def prefetch(typing, array, index):
    """Ask the processor to fetch ``array[index]`` into its cache."""

    def generate(context, builder, signature, arguments):
        data = make_array(signature.args[0])(context, builder, arguments[0]).data
        _prefetch(builder, builder.gep(data, [arguments[1]]))
        return context.get_dummy_value()

    return types.void(array, index), generate


@intrinsic
def four(typing, array, index):
    """``array[index]`` .. ``array[index + 3]`` of an array of unsigned integers; of short ones by a single load."""
    bits = array.dtype.bitwidth

    def generate(context, builder, signature, arguments):
        data = make_array(signature.args[0])(context, builder, arguments[0]).data
        place, i64 = builder.gep(data, [arguments[1]]), ir.IntType(64)
        if 4 * bits > 64:
            items = [builder.load(builder.gep(place, [i64(i)])) for i in range(4)]
        else:
            word = ir.IntType(4 * bits)
            joined = builder.load(builder.bitcast(place, word.as_pointer()), align=bits // 8)
            items = [builder.trunc(builder.lshr(joined, word(bits * i)), ir.IntType(bits)) for i in range(4)]
        items = [item if bits == 64 else builder.zext(item, i64) for item in items]
        return context.make_tuple(builder, signature.return_type, items)

    return types.UniTuple(types.uint64, 4)(array, index), generate


@intrinsic
def eight(typing, array, index):
    """``array[index]`` .. ``array[index + 7]`` of an array of bytes, as one number."""

    def generate(context, builder, signature, arguments):
        data = make_array(signature.args[0])(context, builder, arguments[0]).data
        place = builder.bitcast(builder.gep(data, [arguments[1]]), ir.IntType(64).as_pointer())
        return builder.load(place, align=1)

    return types.uint64(array, index), generate


@intrinsic
def arrive(typing, array, index):
    """Add 1 to ``array[index]`` as one indivisible step, with everything written before visible to whoever sees it."""

    def generate(context, builder, signature, arguments):
        data = make_array(signature.args[0])(context, builder, arguments[0]).data
        return builder.atomic_rmw("add", builder.gep(data, [arguments[1]]), ir.IntType(64)(1), "seq_cst")

    return types.int64(array, index), generate


@intrinsic
def look(typing, array, index):
    """``array[index]`` as it is now, and everything that was written before it."""

    def generate(context, builder, signature, arguments):
        data = make_array(signature.args[0])(context, builder, arguments[0]).data
        return builder.load_atomic(builder.gep(data, [arguments[1]]), "seq_cst", 8)

    return types.int64(array, index), generate


#: Offer the processor to another thread.
sched_yield = types.ExternalFunction("sched_yield", types.int32())


#: Neurons that :func:`coast` steps at a time.
LANES = 64


@intrinsic
def coast(typing, u, v, alpha, beta, bias, steps):
    """``steps`` steps of LANES neurons without input, in registers: u = alpha*u, v = beta*v + u + bias."""

    def generate(context, builder, signature, arguments):
        vector, i32 = ir.VectorType(ir.DoubleType(), WIDE), ir.IntType(32)
        nothing = ir.Constant(vector, ir.Undefined)
        same = ir.Constant(ir.VectorType(i32, WIDE), [0] * WIDE)
        factors = [builder.insert_element(nothing, x, i32(0)) for x in arguments[2:5]]
        alpha, beta, bias = (builder.shuffle_vector(x, nothing, same) for x in factors)
        places = []
        for kind, array in zip(signature.args[:2], arguments[:2], strict=True):
            data = make_array(kind)(context, builder, array).data
            parts = [builder.gep(data, [ir.IntType(64)(i)]) for i in range(0, LANES, WIDE)]
            places.append([builder.bitcast(part, vector.as_pointer()) for part in parts])
        registers = [[cgutils.alloca_once(builder, vector) for _ in row] for row in places]
        pairs = [pair for rows in zip(places, registers, strict=True) for pair in zip(*rows, strict=True)]
        for place, register in pairs:
            builder.store(builder.load(place, align=8), register)
        biased = builder.fcmp_unordered("!=", arguments[4], ir.Constant(ir.DoubleType(), 0.0))
        with builder.if_else(biased) as branches:
            for branch, add in zip(branches, (True, False), strict=True):
                with branch, cgutils.for_range(builder, arguments[5]):
                    for u, v in zip(*registers, strict=True):
                        now = builder.fmul(alpha, builder.load(u))
                        then = builder.fadd(builder.fmul(beta, builder.load(v)), now)
                        builder.store(now, u)
                        builder.store(builder.fadd(then, bias) if add else then, v)
        for place, register in pairs:
            builder.store(builder.load(register), place, align=8)
        return context.get_dummy_value()

    return types.void(u, v, alpha, beta, bias, steps), generate


@intrinsic
def above(typing, values, i, limits, j):
    """A word of WORD bits: whether ``values[i + k] > limits[j + k]``, both arrays read as flat."""

    def generate(context, builder, signature, arguments):
        kinds, vector = signature.args, ir.VectorType(ir.DoubleType(), WORD)
        sides = []
        for k in (0, 2):
            data = make_array(kinds[k])(context, builder, arguments[k]).data
            index = context.cast(builder, arguments[k + 1], kinds[k + 1], types.int64)
            sides.append(builder.load(builder.bitcast(builder.gep(data, [index]), vector.as_pointer()), align=8))
        return builder.bitcast(builder.fcmp_ordered(">", *sides), ir.IntType(WORD))

    return types.uint64(values, i, limits, j), generate


@intrinsic
def advance(typing, u, v, cur, i, par, j):
    """A step of the WORD neurons from i on, without resets; ``par[j:]`` are their parameters, read as flat.

    u = alpha*u + cur, v = beta*v + u + bias, cur = 0. A word of bits: whether v > theta.
    """

    def generate(context, builder, signature, arguments):
        kinds, vector = signature.args, ir.VectorType(ir.DoubleType(), WIDE)
        u, v, cur, par = (make_array(kinds[k])(context, builder, arguments[k]).data for k in (0, 1, 2, 4))
        i, j = (context.cast(builder, arguments[k], kinds[k], types.int64) for k in (3, 5))

        def place(array, index, offset):
            where = builder.gep(array, [builder.add(index, ir.IntType(64)(offset))])
            return builder.bitcast(where, vector.as_pointer())

        word = ir.IntType(WORD)
        over = word(0)
        for lane in range(0, WORD, WIDE):
            state = [place(array, i, lane) for array in (u, v, cur)]
            un, vn, given = (builder.load(where, align=8) for where in state)
            alpha, beta, bias, theta = (
                builder.load(place(par, j, row * BLOCK + lane), align=8) for row in (ALPHA, BETA, BIAS, THETA)
            )  # fmt: skip
            un = builder.fadd(builder.fmul(alpha, un), given)
            vn = builder.fadd(builder.fadd(builder.fmul(beta, vn), un), bias)
            for value, where in zip((un, vn, ir.Constant(vector, [0.0] * WIDE)), state, strict=True):
                builder.store(value, where, align=8)
            bits = builder.bitcast(builder.fcmp_ordered(">", vn, theta), ir.IntType(WIDE))
            over = builder.or_(over, builder.shl(builder.zext(bits, word), word(lane)))
        return over

    return types.uint64(u, v, cur, i, par, j), generate


@intrinsic
def lowest(typing, word):
    """The number of the lowest bit that is set, of a word other than 0."""

    def generate(context, builder, signature, arguments):
        return builder.cttz(arguments[0], ir.IntType(1)(1))

    return types.int64(word), generate


def _planes(builder, arrays, at, tile, begin):
    """Where GROUP planes begin, of which the lists tell from ``at`` on; arrays: bits, place, stride."""
    bits, *lists = arrays
    for j in range(GROUP):
        k = builder.add(at, ir.IntType(64)(j))
        first, step = (builder.load(builder.gep(array, [k])) for array in lists)
        yield builder.gep(bits, [builder.add(builder.add(first, begin), builder.mul(step, tile))])


@intrinsic
def ask(typing, bits, place, stride, at, tile, begin, vectors):
    """Ask the processor to fetch GROUP planes of a tile, numbered as in :func:`tally`."""

    def generate(context, builder, signature, arguments):
        kinds, i64 = signature.args, ir.IntType(64)
        arrays = [make_array(kinds[k])(context, builder, arguments[k]).data for k in range(3)]
        at, tile, begin, vectors = (context.cast(builder, arguments[k], kinds[k], types.int64) for k in range(3, 7))
        planes = list(_planes(builder, arrays, at, tile, begin))
        with cgutils.for_range(builder, vectors) as loop:
            for plane in planes:
                _prefetch(builder, builder.gep(plane, [builder.mul(loop.index, i64(WIDE))]))
        return context.get_dummy_value()

    return types.void(bits, place, stride, at, tile, begin, vectors), generate


def _add_bits(builder, a, b, c):
    """Sum and carry of three bits, in every place of a word."""
    either = builder.xor(a, b)
    return builder.xor(either, c), builder.or_(builder.and_(a, b), builder.and_(either, c))


@intrinsic
def tally(typing, bits, place, stride, at, tile, soon, then, begin, vectors, sums, row, levels):
    """Add GROUP planes to the sums of bits of a tile, from its word ``begin`` on for ``vectors`` times WIDE words.

    Plane j is ``bits[place[at + j] + stride[at + j] * tile :]`` and is worth bit 0 of ``sums[row:]``; the carry may
    reach ``levels`` rows beyond the third. Those of tile ``then`` that are listed from ``soon`` on are asked for.
    """

    def generate(context, builder, signature, arguments):
        i64, vector = ir.IntType(64), ir.VectorType(ir.IntType(64), WIDE)
        kinds = signature.args
        *arrays, sums = (make_array(kinds[k])(context, builder, arguments[k]).data for k in (0, 1, 2, 9))
        at, tile, soon, then, begin, vectors, row, levels = (
            context.cast(builder, arguments[k], kinds[k], types.int64) for k in (3, 4, 5, 6, 7, 8, 10, 11)
        )  # fmt: skip
        planes = list(_planes(builder, arrays, at, tile, begin))
        later = list(_planes(builder, arrays, soon, then, begin))
        row = builder.add(builder.mul(row, i64(TILE)), begin)
        carry = cgutils.alloca_once(builder, vector)
        with cgutils.for_range(builder, vectors) as loop:
            offset = builder.mul(loop.index, i64(WIDE))
            here = builder.add(row, offset)

            def wide(array, index):
                return builder.bitcast(builder.gep(array, [index]), vector.as_pointer())

            def level(number, here=here):
                return wide(sums, builder.add(here, builder.mul(number, i64(TILE))))

            for plane in later:
                _prefetch(builder, builder.gep(plane, [offset]))
            p = [builder.load(wide(plane, offset), align=64) for plane in planes]
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

    return types.void(bits, place, stride, at, tile, soon, then, begin, vectors, sums, row, levels), generate


@intrinsic
def expand(typing, sums, word, plus, minus, unit, into, at):
    """Add the sums of the WORD neurons of one word, times ``unit``, to ``into[at : at + WORD]``.

    plus, minus: bits of the sums of positive and of negative weights (rows from LEVELS on).
    """

    def generate(context, builder, signature, arguments):
        i32, i64, kinds = ir.IntType(32), ir.IntType(64), signature.args
        sums, into = (make_array(kinds[k])(context, builder, arguments[k]).data for k in (0, 5))
        word, plus, minus, at = (context.cast(builder, arguments[k], kinds[k], types.int64) for k in (1, 2, 3, 6))
        doubles = ir.VectorType(ir.DoubleType(), WORD)
        place = builder.bitcast(builder.gep(into, [at]), doubles.as_pointer())
        same = ir.Constant(ir.VectorType(i32, WORD), [0] * WORD)

        def everywhere(value, kind):
            nothing = ir.Constant(kind, ir.Undefined)
            return builder.shuffle_vector(builder.insert_element(nothing, value, i32(0)), nothing, same)

        def whole(width):
            """The sums as whole numbers of that many bits."""
            number = ir.IntType(width)
            lanes = ir.VectorType(number, WORD)
            total, worth = cgutils.alloca_once(builder, lanes), cgutils.alloca_once(builder, number)
            builder.store(ir.Constant(lanes, [0] * WORD), total)
            for rows, row, add in ((plus, 0, builder.add), (minus, LEVELS, builder.sub)):
                builder.store(number(1), worth)
                with cgutils.for_range(builder, rows) as loop:
                    index = builder.add(word, builder.mul(builder.add(loop.index, i64(row)), i64(TILE)))
                    chosen = builder.bitcast(
                        builder.load(builder.gep(sums, [index])), ir.VectorType(ir.IntType(1), WORD)
                    )
                    each = everywhere(builder.load(worth), lanes)
                    part = builder.select(chosen, each, ir.Constant(lanes, [0] * WORD))
                    builder.store(add(builder.load(total), part), total)
                    builder.store(builder.shl(builder.load(worth), number(1)), worth)
            return builder.sitofp(builder.load(total), doubles)

        short = builder.icmp_signed("<", builder.or_(plus, minus), i64(16))
        with builder.if_else(short) as branches:
            for branch, width in zip(branches, (16, 32), strict=True):
                with branch:
                    value = builder.fmul(whole(width), everywhere(arguments[4], doubles))
                    builder.store(builder.fadd(builder.load(place, align=8), value), place, align=8)
        return context.get_dummy_value()

    return types.void(sums, word, plus, minus, unit, into, at), generate
