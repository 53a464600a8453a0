"""Calls of compiled functions by their addresses."""

from __future__ import annotations

import ctypes
from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.np.arrayobj import make_array

from .base import DOUBLE, I64, data_of, llvm, whole

_REALS, _WHOLES = types.CPointer(types.float64), types.CPointer(types.int64)
#: A step of the neurons of a population: of its variables, input and parameters, a row of ``size`` numbers for each;
#: size; number of the first neuron; where the numbers of those that spike go; how many are updated, and changed, so
#: far. Returns how many spike.
STEPS = types.int64(_REALS, _REALS, _REALS, types.int64, types.int64, _WHOLES, _WHOLES)
#: A step of an extended population (:func:`..kernels.extended.step.step_extended`).
_BYTES, _WORDS = types.CPointer(types.uint8), types.CPointer(types.uint64)
EXTENDED = types.int64(
    _REALS, _REALS, _REALS, _BYTES, _BYTES, _WHOLES, _WORDS, _REALS, _WHOLES, _WHOLES, _REALS, _WHOLES, _WHOLES, _REALS,
    _REALS, _WORDS, _WHOLES, _WHOLES, _WHOLES, _WHOLES, *[types.int64] * 8,
)  # fmt: skip
_POINTERS = 20
#: Whole numbers that a part of the loop takes, after the pointer to what it works on.
NUMBERS = 5
#: In place of whether every block is stepped: blocks are only brought up to date.
CATCH_UP = 2


def _call_steps(
    address: Any, state: Any, at: Any, given: Any, par: Any, row: Any, size: Any, first: Any, spiking: Any, n: Any,
    counts: Any, p: Any,
) -> int:  # fmt: skip
    kind = ctypes.CFUNCTYPE(ctypes.c_int64, *[ctypes.c_void_p] * 3, *[ctypes.c_int64] * 2, *[ctypes.c_void_p] * 2)
    places = [array[i:].ctypes.data for array, i in ((state, at), (given, first), (par, row))]
    return kind(int(address))(*places, int(size), int(first), spiking[n:].ctypes.data, counts[p:].ctypes.data)


@llvm(_call_steps, always=True)
def call_steps(typing, address, state, at, given, par, row, size, first, spiking, n, counts, p):
    """Call the function (``STEPS``) at an address: for a population with variables from ``state[at]`` on, inputs from
    ``given[first]`` on, parameters from ``par[row]`` on; numbers of spiking neurons go to ``spiking`` from n on, counts
    to row p. Returns how many spike.
    """

    def generate(context, builder, signature, arguments):
        numbers = whole(context, builder, signature, arguments, (0, 2, 5, 6, 7, 9, 11))
        address, at, row, size, first, n, p = numbers
        state, given, par, spiking, counts = data_of(context, builder, signature, arguments, (1, 3, 4, 8, 10))
        real, number = DOUBLE.as_pointer(), I64.as_pointer()
        kind = ir.FunctionType(I64, [real, real, real, I64, I64, number, number])
        function = builder.inttoptr(address, kind.as_pointer())
        places = [builder.gep(*pair) for pair in ((state, [at]), (given, [first]), (par, [row]))]
        place = builder.gep(counts, [builder.mul(p, I64(2))])
        return builder.call(function, [*places, size, first, builder.gep(spiking, [n]), place])

    return types.int64(address, state, at, given, par, row, size, first, spiking, n, counts, p), generate


def _call_extended(address: Any, pointers: Any, numbers: Any) -> int:
    kind = ctypes.CFUNCTYPE(ctypes.c_int64, *[ctypes.c_void_p] * _POINTERS, *[ctypes.c_int64] * 8)
    return kind(int(address))(*(array.ctypes.data for array in pointers), *map(int, numbers))


@llvm(_call_extended, always=True)
def call_extended(typing, address, pointers, numbers):
    """Call the function (``EXTENDED``) at an address, with arrays and whole numbers in its order."""

    def generate(context, builder, signature, arguments):
        arrays = cgutils.unpack_tuple(builder, arguments[1])
        given = [make_array(kind)(context, builder, x).data for kind, x in zip(signature.args[1], arrays, strict=True)]
        whole_numbers = zip(signature.args[2], cgutils.unpack_tuple(builder, arguments[2]), strict=True)
        given += [context.cast(builder, x, kind, types.int64) for kind, x in whole_numbers]
        address = context.cast(builder, arguments[0], signature.args[0], types.int64)
        kind = ir.FunctionType(I64, [x.type for x in given])
        return builder.call(builder.inttoptr(address, kind.as_pointer()), given)

    return types.int64(address, pointers, numbers), generate


def _stored(values: Any) -> Any:
    raise NotImplementedError  # Python has no pointers


@llvm(_stored, always=True)
def stored(typing, values):
    """Write a tuple into memory of the calling function; returns the pointer, which ends with that function."""

    def generate(context, builder, signature, arguments):
        data = context.data_model_manager[signature.args[0]]
        place = cgutils.alloca_once(builder, data.get_data_type())
        context.pack_value(builder, signature.args[0], arguments[0], place)
        return place

    return types.CPointer(values)(values), generate


def _call_part(address: Any, here: Any, numbers: Any) -> int:
    raise NotImplementedError  # Python has no pointers


@llvm(_call_part, always=True)
def call_part(typing, address, here, numbers):
    """Call the compiled function at an address with the pointer ``here`` and NUMBERS whole numbers.

    It was compiled for these types, returns a whole number, and what it raises goes on to the caller.
    """

    def generate(context, builder, signature, arguments):
        kinds = (here, *[types.int64] * NUMBERS)
        whole_numbers = zip(signature.args[2], cgutils.unpack_tuple(builder, arguments[2]), strict=True)
        given = [context.cast(builder, x, kind, types.int64) for kind, x in whole_numbers]
        kind = context.call_conv.get_function_type(types.int64, kinds)
        address = context.cast(builder, arguments[0], signature.args[0], types.int64)
        function = builder.inttoptr(address, kind.as_pointer())
        status, found = context.call_conv.call_function(builder, function, types.int64, kinds, [arguments[1], *given])
        with cgutils.if_unlikely(builder, status.is_error):
            context.call_conv.return_status_propagate(builder, status)
        return found

    return types.int64(address, here, numbers), generate
