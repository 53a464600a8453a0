"""What the compiled loops need and numba does not offer: prefetching, wide loads, indivisible counting.

After a change here, touch event_kernels.py: numba's cache would not notice.
"""

from __future__ import annotations

from llvmlite import ir
from numba import types
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
