"""Atomic operations, the clock, and leaving the processor to others."""

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

from .base import I32, I64, data_of, llvm


def _atomic_increment(array: Any, index: Any) -> Any:
    before = array.flat[index]
    array.flat[index] += 1
    return before


@llvm(_atomic_increment, always=True)
def atomic_increment(typing, array, index):
    """Add 1 to ``array.flat[index]`` as one indivisible step; returns what was there before.

    Everything written before is visible to whoever sees the sum.
    """

    def generate(context, builder, signature, arguments):
        (data,) = data_of(context, builder, signature, arguments, (0,))
        return builder.atomic_rmw("add", builder.gep(data, [arguments[1]]), I64(1), "seq_cst")

    return types.int64(array, index), generate


def _atomic_load(array: Any, index: Any) -> Any:
    return array.flat[index]


@llvm(_atomic_load, always=True)
def atomic_load(typing, array, index):
    """``array.flat[index]`` as it is now, and everything that was written before it."""

    def generate(context, builder, signature, arguments):
        (data,) = data_of(context, builder, signature, arguments, (0,))
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


_KEPT: list[Any] = []
_CLOCK = getattr(time, "CLOCK_MONOTONIC", 1)
_READ = ctypes.CFUNCTYPE(ctypes.c_int32, ctypes.c_int32, ctypes.POINTER(ctypes.c_int64))
_symbol("snmem_clock", _READ, "clock_gettime", hasattr(time, "clock_gettime"), _now)
_symbol("snmem_yield", ctypes.CFUNCTYPE(ctypes.c_int32), "sched_yield", hasattr(os, "sched_yield"), _offer)
_symbol("snmem_sleep", ctypes.CFUNCTYPE(ctypes.c_int32, ctypes.c_uint32), "usleep", os.name == "posix", _pause)

#: Offer the processor to another thread.
sched_yield = types.ExternalFunction("snmem_yield", types.int32())
#: Leave the processor for some microseconds.
sleep = types.ExternalFunction("snmem_sleep", types.int32(types.uint32))


def _nanoseconds() -> int:
    return time.monotonic_ns()


@llvm(_nanoseconds, always=True)
def nanoseconds(typing):
    """The monotonic clock, in nanoseconds."""

    def generate(context, builder, signature, arguments):
        shown = cgutils.alloca_once(builder, ir.ArrayType(I64, 2))  # seconds and nanoseconds
        kind = ir.FunctionType(I32, [I32, shown.type])
        read = cgutils.get_or_insert_function(builder.module, kind, "snmem_clock")
        builder.call(read, [I32(_CLOCK), shown])
        seconds, rest = cgutils.unpack_tuple(builder, builder.load(shown), 2)
        return builder.add(builder.mul(seconds, I64(10**9)), rest)

    return types.int64(), generate
