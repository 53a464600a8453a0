"""What the compiled loops need and numba does not offer: prefetching, wide loads, registers, indivisible counting."""

from __future__ import annotations

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic
from numba.np.arrayobj import make_array


@intrinsic
def prefetch(typing, array, index):
    """Ask the processor to fetch ``array[index]`` into its cache."""

    def generate(context, builder, signature, arguments):
        data = make_array(signature.args[0])(context, builder, arguments[0]).data
        place = builder.bitcast(builder.gep(data, [arguments[1]]), ir.IntType(8).as_pointer())
        i32 = ir.IntType(32)
        kind = ir.FunctionType(ir.VoidType(), [place.type, i32, i32, i32])
        fetch = builder.module.declare_intrinsic("llvm.prefetch", [place.type], kind)
        builder.call(fetch, [place, i32(0), i32(3), i32(1)])
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


#: Neurons that :func:`coast` steps at a time, and how many of them fill a register of the widest kind.
LANES, _WIDE = 64, 8


@intrinsic
def coast(typing, u, v, alpha, beta, bias, steps):
    """``steps`` steps of LANES neurons without input, in registers: u = alpha*u, v = beta*v + u + bias."""

    def generate(context, builder, signature, arguments):
        vector, i32 = ir.VectorType(ir.DoubleType(), _WIDE), ir.IntType(32)
        nothing = ir.Constant(vector, ir.Undefined)
        same = ir.Constant(ir.VectorType(i32, _WIDE), [0] * _WIDE)
        factors = [builder.insert_element(nothing, x, i32(0)) for x in arguments[2:5]]
        alpha, beta, bias = (builder.shuffle_vector(x, nothing, same) for x in factors)
        places = []
        for kind, array in zip(signature.args[:2], arguments[:2], strict=True):
            data = make_array(kind)(context, builder, array).data
            parts = [builder.gep(data, [ir.IntType(64)(i)]) for i in range(0, LANES, _WIDE)]
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
