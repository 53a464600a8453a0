"""A population that spikes when others have spiked elsewhere: how spikes of all ranks enter the network of one.

The event engine steps it behind the populations of the rank itself, by a function that this module gives it: it asks
the exchange for the spikes of the step (:meth:`.exchange.Exchange.spikes_of`), and these are its own.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

from ..backends.event import EVENT, CompiledNeuron
from ..neurons import Neuron

#: Type of the engine's ``STEPS``: variables, inputs, parameters; neurons, number of the first; spiking, counts.
_STEP = ctypes.CFUNCTYPE(ctypes.c_int64, *[ctypes.c_void_p] * 3, *[ctypes.c_int64] * 2, *[ctypes.c_void_p] * 2)


class StepFunction:
    """A function of the C calling convention that writes the numbers of spiking neurons.

    Parameters
    ----------
    spikes : callable
        Returns the numbers of the neurons that spike in the step that it is called for, int64 and contiguous. What it
        raises is printed, and the step goes without spikes: no error finds its way through compiled code.
    """

    def __init__(self, spikes: Callable[[], Any]) -> None:
        def step(state: Any, given: Any, par: Any, size: int, first: int, spiking: int, counts: Any) -> int:
            found = spikes()
            ctypes.memmove(spiking, found.ctypes.data, found.nbytes)
            return found.size

        self._kept = _STEP(step)
        self.address = ctypes.cast(self._kept, ctypes.c_void_p).value


@dataclass(frozen=True, eq=False)
class Relay(Neuron):
    """Neurons without a state, whose spikes come from elsewhere."""

    variables: ClassVar[tuple[str, ...]] = ()

    @classmethod
    def of(cls, spikes: Callable[[], Any]) -> Relay:
        """Neurons that spike as ``spikes`` says, see :class:`StepFunction`."""
        made = cls()
        object.__setattr__(made, "function", StepFunction(spikes))
        return made


@dataclass(frozen=True)
class RelayStep(CompiledNeuron):
    """How the event engine steps a Relay."""

    def function(self, neuron: Any) -> Any:
        """The function that the neurons came with."""
        return neuron.function


def _nothing() -> tuple[bool]:
    return (False,)


EVENT.implements(Relay)(RelayStep(_nothing))
