"""Prefetching, wide loads, and bits of words."""

from __future__ import annotations

from typing import Any

import numpy as np
from llvmlite import ir
from numba import types

from .base import I64, data_of, llvm, prefetch_line


def _prefetch(array: Any, index: Any) -> None:
    """Nothing: what is fetched ahead changes no result."""


@llvm(_prefetch)
def prefetch(typing, array, index):
    """Make the processor fetch ``array[index]`` into its cache; the index may lie outside."""

    def generate(context, builder, signature, arguments):
        (data,) = data_of(context, builder, signature, arguments, (0,))
        prefetch_line(builder, builder.gep(data, [arguments[1]]))
        return context.get_dummy_value()

    return types.void(array, index), generate


def _load_four(array: Any, index: Any) -> tuple[Any, Any, Any, Any]:
    i = np.uint64(index)
    a, b, c, d = array[i], array[i + np.uint64(1)], array[i + np.uint64(2)], array[i + np.uint64(3)]
    return np.uint64(a), np.uint64(b), np.uint64(c), np.uint64(d)


@llvm(_load_four)
def load_four(typing, array, index):
    """``array[index]`` .. ``array[index + 3]`` of an array of unsigned integers; of short ones by a single load."""
    bits = array.dtype.bitwidth

    def generate(context, builder, signature, arguments):
        (data,) = data_of(context, builder, signature, arguments, (0,))
        place = builder.gep(data, [arguments[1]])
        if 4 * bits > 64:
            items = [builder.load(builder.gep(place, [I64(i)])) for i in range(4)]
        else:
            word = ir.IntType(4 * bits)
            joined = builder.load(builder.bitcast(place, word.as_pointer()), align=bits // 8)
            items = [builder.trunc(builder.lshr(joined, word(bits * i)), ir.IntType(bits)) for i in range(4)]
        items = [item if bits == 64 else builder.zext(item, I64) for item in items]
        return context.make_tuple(builder, signature.return_type, items)

    return types.UniTuple(types.uint64, 4)(array, index), generate


def _load_bytes(array: Any, index: Any) -> Any:
    word = np.uint64(0)
    for k in range(8):
        word |= np.uint64(array[index + k]) << np.uint64(8 * k)
    return word


@llvm(_load_bytes)
def load_bytes(typing, array, index):
    """``array[index]`` .. ``array[index + 7]`` of an array of bytes, as one number."""

    def generate(context, builder, signature, arguments):
        (data,) = data_of(context, builder, signature, arguments, (0,))
        place = builder.bitcast(builder.gep(data, [arguments[1]]), I64.as_pointer())
        return builder.load(place, align=1)

    return types.uint64(array, index), generate


def _lowest_bit(word: Any) -> Any:
    number = 0
    while not (np.uint64(word) >> np.uint64(number)) & np.uint64(1):
        number += 1
    return number


@llvm(_lowest_bit)
def lowest_bit(typing, word):
    """The number of the lowest bit that is set, of a word other than 0."""

    def generate(context, builder, signature, arguments):
        return builder.cttz(arguments[0], ir.IntType(1)(1))

    return types.int64(word), generate
