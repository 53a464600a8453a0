"""What the compiled loops need and numba does not offer: prefetching, wide loads, registers, indivisible counting."""

from __future__ import annotations

import ctypes
import os
import time
from collections.abc import Callable
from typing import Any

import llvmlite.binding
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic
from numba.np.arrayobj import make_array

from .event_types import ALPHA, BETA, BIAS, BLOCK, THETA, WIDE, WORD


def prefetch_line(builder, place):
    """Ask the processor to fetch what a pointer points to."""
    place, i32 = builder.bitcast(place, ir.IntType(8).as_pointer()), ir.IntType(32)
    kind = ir.FunctionType(ir.VoidType(), [place.type, i32, i32, i32])
    fetch = builder.module.declare_intrinsic("llvm.prefetch", [place.type], kind)
    builder.call(fetch, [place, i32(0), i32(3), i32(1)])


def _borrowed(context, builder, kind, value):
    if isinstance(kind, types.Array):
        array = make_array(kind)(context, builder, value)
        array.meminfo = ir.Constant(array.meminfo.type, None)
        return array._getvalue()
    if isinstance(kind, types.BaseTuple):
        parts = zip(kind.types, cgutils.unpack_tuple(builder, value), strict=True)
        return context.make_tuple(builder, kind, [_borrowed(context, builder, of, part) for of, part in parts])
    return value


@intrinsic
def borrowed(typing, given):
    """The same arrays, alone or within tuples, without references to count: somebody else keeps them.

    numba counts with locked instructions, where arrays are passed on, and so many times in every step. Now these find
    nothing to count.
    """

    def generate(context, builder, signature, arguments):
        return _borrowed(context, builder, signature.args[0], arguments[0])

    return given(given), generate


@intrinsic
def prefetch(typing, array, index):
    """Ask the processor to fetch ``array[index]`` into its cache."""

    def generate(context, builder, signature, arguments):
        data = make_array(signature.args[0])(context, builder, arguments[0]).data
        prefetch_line(builder, builder.gep(data, [arguments[1]]))
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


def _symbol(name: str, kind: Any, call: str, there: bool, otherwise: Callable[..., int]) -> str:
    """Let compiled code know as ``name`` a call of the C library; where there is none (Windows), a Python function.

    Both have the same signature, so that the same machine code serves for both. ctypes takes the GIL for the latter.
    """
    function = kind((call, ctypes.CDLL(None))) if there else kind(otherwise)
    _KEPT.append(function)
    llvmlite.binding.add_symbol(name, ctypes.cast(function, ctypes.c_void_p).value)
    return name


def _offer() -> int:
    time.sleep(0)
    return 0


def _pause(microseconds: int) -> int:
    time.sleep(microseconds / 1e6)
    return 0


def _now(_: int, shown: Any) -> int:
    shown[0], shown[1] = divmod(time.monotonic_ns(), 10**9)
    return 0


_KEPT = []
_CLOCK = getattr(time, "CLOCK_MONOTONIC", 1)
_READ = ctypes.CFUNCTYPE(ctypes.c_int32, ctypes.c_int32, ctypes.POINTER(ctypes.c_int64))
_symbol("snmem_clock", _READ, "clock_gettime", hasattr(time, "clock_gettime"), _now)
_symbol("snmem_yield", ctypes.CFUNCTYPE(ctypes.c_int32), "sched_yield", hasattr(os, "sched_yield"), _offer)
_symbol("snmem_sleep", ctypes.CFUNCTYPE(ctypes.c_int32, ctypes.c_uint32), "usleep", os.name == "posix", _pause)

#: Offer the processor to another thread.
sched_yield = types.ExternalFunction("snmem_yield", types.int32())
#: Leave the processor for some microseconds.
sleep = types.ExternalFunction("snmem_sleep", types.int32(types.uint32))


@intrinsic
def nanoseconds(typing):
    """The monotonic clock, in nanoseconds."""

    def generate(context, builder, signature, arguments):
        i32, i64 = ir.IntType(32), ir.IntType(64)
        shown = cgutils.alloca_once(builder, ir.ArrayType(i64, 2))  # seconds and nanoseconds
        kind = ir.FunctionType(i32, [i32, shown.type])
        read = cgutils.get_or_insert_function(builder.module, kind, "snmem_clock")
        builder.call(read, [i32(_CLOCK), shown])
        seconds, rest = cgutils.unpack_tuple(builder, builder.load(shown), 2)
        return builder.add(builder.mul(seconds, i64(10**9)), rest)

    return types.int64(), generate


#: Neurons that :func:`coast` steps at a time.
LANES = 64


@intrinsic
def coast(typing, u, v, alpha, beta, bias, steps):
    """``steps`` steps of LANES neurons without input, in registers: u = alpha*u, v = beta*v + u + bias."""

    def generate(context, builder, signature, arguments):
        vector = ir.VectorType(ir.DoubleType(), WIDE)
        alpha, beta, bias = (everywhere(builder, x, vector) for x in arguments[2:5])
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


def everywhere(builder, value, vector):
    """A vector with ``value`` in all places."""
    nothing, i32 = ir.Constant(vector, ir.Undefined), ir.IntType(32)
    same = ir.Constant(ir.VectorType(i32, vector.count), [0] * vector.count)
    return builder.shuffle_vector(builder.insert_element(nothing, value, i32(0)), nothing, same)


def _advancing(typing, u, v, cur, i, par, j, alike):
    """Types and code of :func:`advance` and :func:`advance_alike`."""

    def generate(context, builder, signature, arguments):
        kinds, vector = signature.args, ir.VectorType(ir.DoubleType(), WIDE)
        u, v, cur, par = (make_array(kinds[k])(context, builder, arguments[k]).data for k in (0, 1, 2, 4))
        i, j = (context.cast(builder, arguments[k], kinds[k], types.int64) for k in (3, 5))

        def place(array, index, offset):
            where = builder.gep(array, [builder.add(index, ir.IntType(64)(offset))])
            return builder.bitcast(where, vector.as_pointer())

        rows = [row * BLOCK for row in (ALPHA, BETA, BIAS, THETA)]
        firsts = [builder.load(builder.gep(par, [builder.add(j, ir.IntType(64)(row))])) for row in rows]
        same = [everywhere(builder, first, vector) for first in firsts]
        word = ir.IntType(WORD)
        over = word(0)
        for lane in range(0, WORD, WIDE):
            state = [place(array, i, lane) for array in (u, v, cur)]
            un, vn, given = (builder.load(where, align=8) for where in state)
            alpha, beta, bias, theta = (
                same if alike else [builder.load(place(par, j, row + lane), align=8) for row in rows]
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
def advance(typing, u, v, cur, i, par, j):
    """A step of the WORD neurons from i on, without resets; ``par[j:]`` are their parameters, read as flat.

    u = alpha*u + cur, v = beta*v + u + bias, cur = 0. A word of bits: whether v > theta.
    """
    return _advancing(typing, u, v, cur, i, par, j, alike=False)


@intrinsic
def advance_alike(typing, u, v, cur, i, par, j):
    """:func:`advance` where all neurons have the parameters of the first: they stay in registers."""
    return _advancing(typing, u, v, cur, i, par, j, alike=True)


@intrinsic
def lowest(typing, word):
    """The number of the lowest bit that is set, of a word other than 0."""

    def generate(context, builder, signature, arguments):
        return builder.cttz(arguments[0], ir.IntType(1)(1))

    return types.int64(word), generate
