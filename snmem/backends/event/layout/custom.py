"""Neurons of types from elsewhere, each with a step that its author wrote in Python and that is compiled here.

All neurons of such a population are stepped in every step, on one thread. The compiled step is reached by its address
(:func:`..llvm.calls.call_steps`), so that the loop over steps is the same machine code for every network.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any, ClassVar

import numpy as np
from numba.core.errors import NumbaError
from numba.np.numpy_support import carray
from numba.np.unsafe.ndarray import to_fixed_tuple as _to_fixed_tuple

from ...._jit import c_function, kernel
from ....errors import BackendError
from ....network import Network, Population
from ....neurons import LIF, LoihiLIF, Neuron
from ...base import BACKENDS
from ..arrays import Custom, zeros
from ..llvm.calls import STEPS

to_fixed_tuple: Any = _to_fixed_tuple  # its annotations are those of the compiler's side
#: Types of neurons that the loops themselves step.
OWN = (LIF, LoihiLIF)


@dataclass(frozen=True)
class CompiledNeuron:
    """How the event engine runs a type of float neurons: ``EVENT.implements(Type)(CompiledNeuron(step, parameters))``.

    Parameters
    ----------
    step : callable
        One step of one neuron, in Python that numba compiles: a function of the state variables in the order of
        ``Type.variables``, then the summed weights of the spikes that arrive, then the parameters. Returns the new
        variables and whether the neuron spikes, as one tuple. For the bits of the reference it takes the same
        operations in the same order as ``Type.step``.
    parameters : tuple of str
        Names of fields of ``Type``, in the order in which ``step`` takes them.

    Attributes
    ----------
    alone : bool
        Whether a network with such neurons runs on one thread; else the first of several steps all of them, which
        cannot receive spikes then.
    """

    step: Callable[..., tuple[Any, ...]]
    parameters: tuple[str, ...] = ()
    alone: ClassVar[bool] = True

    def function(self, neuron: Neuron) -> Any:
        """A step of all neurons of a population: a function of the C calling convention (``STEPS``) by its address."""
        return compiled_steps(self, type(neuron))


def is_custom(p: Any) -> bool:
    """Return whether ``p`` is a population of neurons that the loops do not step themselves."""
    return isinstance(p, Population) and type(p.neuron) not in OWN


def runs_alone(network: Network) -> bool:
    """Return whether some of its neurons let a network run on one thread only."""
    return any(is_custom(p) and _implementation(p).alone for p in network.neurons)


def check_counters(network: Network) -> None:
    """Raise BackendError for neurons whose updates are counted in a way of their own."""
    for p in network.neurons:
        if is_custom(p) and type(p.neuron).updated is not Neuron.updated:
            raise BackendError(
                f"backend 'event': population {p.name!r} has neurons of type {type(p.neuron).__name__}, which say "
                "themselves which count as updated; leave counters out, or use backend 'reference'"
            )


def _implementation(p: Population) -> CompiledNeuron:
    """The declared step of the neurons of ``p``, if all that it needs is there."""
    kind, neuron = type(p.neuron), p.neuron
    has = f"backend 'event': population {p.name!r} has neurons of type {kind.__name__}"
    found = BACKENDS["event"].implementations.get(kind)
    if not isinstance(found, CompiledNeuron):
        raise BackendError(f"{has}, declared without a CompiledNeuron; give EVENT.implements one")
    if neuron.arithmetic != "float":
        raise BackendError(f"{has}, in Loihi's integer arithmetic, of which the engine runs LoihiLIF only")
    for name in found.parameters:
        if not hasattr(neuron, name):
            raise BackendError(f"{has}, which has no parameter {name!r}; name fields of it in CompiledNeuron")
    return found


@cache
def compiled_steps(implementation: CompiledNeuron, kind: type[Neuron]) -> Any:
    """Return a step of all neurons of a population as a function of the C calling convention (see ``STEPS``).

    Raises
    ------
    BackendError
        If numba cannot compile the step.
    """
    count, parameters = len(kind.variables), len(implementation.parameters)
    step, watched = kernel(implementation.step, keep=False), "v" in kind.variables
    v = kind.variables.index("v") if watched else 0

    def steps(state, given, par, size, first, spiking, counts):
        x, p, current = carray(state, (count, size)), carray(par, (parameters + 1, size)), carray(given, (size,))
        out, counted, n = carray(spiking, (size,)), carray(counts, (2,)), 0
        for i in range(size):
            before = to_fixed_tuple(x[:, i], count)
            after = step(*before, current[i], *to_fixed_tuple(p[:, i], parameters))
            new = after[:count]
            busy, changed = current[i] != 0 or p[parameters, i] != 0, False
            for k in range(count):
                busy = busy or before[k] != 0
                changed = changed or (new[k] != before[k] and (k == v or not watched))
                x[k, i] = new[k]
            counted[0] += busy
            counted[1] += changed
            current[i] = 0.0
            if after[count]:
                out[n] = first + i
                n += 1
        return n

    try:
        return c_function(STEPS, steps)
    except NumbaError as error:
        why = " ".join(str(error).split())[:300]
        raise BackendError(
            f"backend 'event': the CompiledNeuron of {kind.__name__} cannot be compiled; let its step take "
            f"{count} variables, the input and {parameters} parameters, and return {count} numbers and a bool ({why})"
        ) from error


def custom_of(network: Network, populations: int) -> tuple[Custom, list[Any]]:
    """Return ``Net.custom``, and the compiled functions, which somebody must keep as long as they may be called."""
    steps, first, row = (np.zeros(populations + 1, np.int64) for _ in range(3))
    functions, rows = [], [np.zeros(0)]
    for i, p in enumerate(network.neurons):
        first[i + 1], row[i + 1] = first[i], row[i]
        if is_custom(p):
            found = _implementation(p)
            functions.append(found.function(p.neuron))
            steps[i] = functions[-1].address
            names = [p.neuron.vector(name, p.size) for name in found.parameters]
            bias = np.broadcast_to(np.asarray(getattr(p.neuron, "bias", 0.0), np.float64), p.size)
            rows += [np.asarray(values, np.float64) for values in (*names, bias)]
            first[i + 1] += len(p.neuron.variables) * p.size
            row[i + 1] += (len(names) + 1) * p.size
    par = zeros(int(row.max()))
    par[:] = np.concatenate(rows)
    return Custom(steps, first, row, par), functions


def initial(network: Network) -> Any:
    """Return ``State.custom`` before step 0."""
    parts = [np.zeros(0)]
    for p in network.neurons:
        if is_custom(p):
            start = p.neuron.initial(p.size)
            parts += [np.asarray(start[name], np.float64) for name in p.neuron.variables]
    out = zeros(sum(map(len, parts)))
    out[:] = np.concatenate(parts)
    return out
