"""Populations that spike when others have spiked elsewhere: how spikes of all ranks enter the network of one.

The event engine steps them behind the populations of the rank itself, by functions that this module gives it. A
*signal* comes first: it has no spikes, and calls what exchanges those of the ranks. The *relays* then spike as a table
says, in compiled code. A table holds whole numbers: the step of the interval that comes next; where the numbers of all
spikes stand; what is added to them, and taken off for each step before; and for each step of the interval, from which
number on, and up to which, the spikes are the relay's.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any, ClassVar

import numpy as np
from numba import types
from numba.np.numpy_support import carray

from .._jit import c_function
from ..backends.event import EVENT, CompiledNeuron
from ..backends.event.llvm.base import I64, llvm
from ..backends.event.llvm.calls import STEPS
from ..neurons import Neuron

#: Places in a table: the step that comes next, the address of the numbers, what is added, and taken off for a step; the
#: first of the bounds.
NEXT, NUMBERS, ADD, OFF, BOUNDS = range(5)
_WORD = 8


def _words_at(address: Any) -> Any:
    raise NotImplementedError  # Python has no pointers


@llvm(_words_at, always=True)
def words_at(typing, address):
    """The whole numbers at an address."""

    def generate(context, builder, signature, arguments):
        return builder.inttoptr(arguments[0], I64.as_pointer())

    return types.CPointer(types.int64)(types.int64), generate


def _emit(state, given, par, size, first, spiking, counts):
    """Write the numbers of the neurons that spike by the table whose address is the first parameter."""
    address = np.int64(carray(par, (1,))[0])
    table = carray(words_at(address), (BOUNDS,))
    j = table[NEXT]
    table[NEXT] = j + 1
    bounds = carray(words_at(address + _WORD * (BOUNDS + 2 * j)), (2,))
    begin, end = bounds[0], bounds[1]
    numbers, out = carray(words_at(table[NUMBERS]), (end,)), carray(spiking, (end - begin,))
    more = table[ADD] - j * table[OFF]
    for i in range(begin, end):
        out[i - begin] = numbers[i] + more
    return end - begin


@cache
def _emitting() -> Any:
    return c_function(STEPS, _emit, keep=True)


class _Calling:
    """A function of the C calling convention, without spikes, that calls one of Python's."""

    def __init__(self, function: Callable[[], None]) -> None:
        def step(*arguments: Any) -> int:
            function()
            return 0

        numbers, pointers = [ctypes.c_int64] * 2, [ctypes.c_void_p] * 5
        self.kept = ctypes.CFUNCTYPE(ctypes.c_int64, *pointers[:3], *numbers, *pointers[3:])(step)
        self.address = ctypes.cast(self.kept, ctypes.c_void_p).value


@dataclass(frozen=True, eq=False)
class Relay(Neuron):
    """Neurons without a state, whose spikes come from elsewhere; made by :meth:`of_table` and :meth:`calling`."""

    variables: ClassVar[tuple[str, ...]] = ()
    #: What the engine keeps a number of for each neuron: here the address of the table.
    bias: ClassVar[float] = 0.0

    @classmethod
    def of_table(cls, table: Any) -> Relay:
        """Relays that spike as a table says, which must stay where it is."""
        return cls()._with(bias=float(table.ctypes.data), function=_emitting(), table=table)

    @classmethod
    def calling(cls, function: Callable[[], None]) -> Relay:
        """A signal that calls ``function`` in every step."""
        return cls()._with(function=_Calling(function))

    def _with(self, **attributes: Any) -> Relay:
        for name, value in attributes.items():
            object.__setattr__(self, name, value)
        return self


@dataclass(frozen=True)
class RelayStep(CompiledNeuron):
    """How the event engine steps a Relay."""

    alone: ClassVar[bool] = False

    def function(self, neuron: Any) -> Any:
        """The function that the neurons came with."""
        return neuron.function


def _nothing() -> tuple[bool]:
    return (False,)


EVENT.implements(Relay)(RelayStep(_nothing))
