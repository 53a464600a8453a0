"""Lava processes that feed spikes in, hold them back, and read spikes and states out through shared memory.

Lava's own read-out moves one number per message (about 70 microseconds each). The sinks here write whole steps into
numpy arrays on anonymous shared memory that was mapped before Lava forked its processes, so that reading is free.

Import only within :func:`snmem.lava.shim.lava_imports`.
"""

# pyright: reportAssignmentType=false, reportIndexIssue=false, reportIncompatibleMethodOverride=false
# pyright: reportAttributeAccessIssue=false
# (Lava's annotations do not say what its classes hold.)

from __future__ import annotations

import functools
from typing import Any

import numpy as np
from lava.magma.core.decorator import implements, requires, tag
from lava.magma.core.model.py.model import PyLoihiProcessModel
from lava.magma.core.model.py.ports import PyInPort, PyOutPort, PyRefPort
from lava.magma.core.model.py.type import LavaPyType
from lava.magma.core.process.ports.ports import AbstractPort, AbstractVirtualPort, InPort, OutPort, RefPort
from lava.magma.core.process.process import AbstractProcess
from lava.magma.core.process.variable import Var
from lava.magma.core.resources import CPU
from lava.magma.core.sync.protocols.loihi_protocol import LoihiProtocol
from lava.proc.dense.models import PyLearningDenseModelBitApproximate, PyLearningDenseModelFloat
from lava.proc.dense.process import LearningDense

Pieces = tuple[tuple[int, int, int], ...]


def _place(data: Any, size: int, pieces: Pieces) -> Any:
    out = np.zeros(size, data.dtype)
    for first, last, start in pieces:
        out[start : start + last - first] = data[first:last]
    return out


class PiecesPort(AbstractVirtualPort):
    """Virtual port: places ``start`` on of a longer vector of zeros receive entries ``first`` to ``last - 1``.

    Several sources, each with its pieces, make one concatenated input (Lava's own ConcatPort does not run).
    """

    def __init__(self, size: int, pieces: Pieces) -> None:
        super().__init__((size,))
        self.pieces = pieces

    def get_transform_func_fwd(self) -> Any:
        """Function applied to the data on the way in."""
        return functools.partial(_place, size=self.shape[0], pieces=self.pieces)

    def get_transform_func_bwd(self) -> Any:
        """Spikes never travel backwards."""
        raise NotImplementedError


def connect_pieces(source: Any, target: Any, pieces: Pieces) -> None:
    """Connect OutPort ``source`` to InPort ``target``; ``pieces``: (first, last + 1, first place in the target)."""
    port = PiecesPort(target.shape[0], pieces)
    source._connect_forward([port], AbstractPort, [None], assert_same_shape=False)
    port.connect(target)


class SpikeSource(AbstractProcess):
    """Emits given spikes: in Lava's step t (from 1), those of ``neuron[bounds[t - 1] : bounds[t]]``."""

    def __init__(self, size: int, bounds: Any, neuron: Any) -> None:
        super().__init__(size=size, bounds=bounds, neuron=neuron, name="inputs")
        self.s_out = OutPort((size,))


@implements(proc=SpikeSource, protocol=LoihiProtocol)
@requires(CPU)
@tag("floating_pt", "fixed_pt")
class PySpikeSource(PyLoihiProcessModel):
    """Model of SpikeSource, for both arithmetics."""

    s_out: PyOutPort = LavaPyType(PyOutPort.VEC_DENSE, bool)

    def run_spk(self) -> None:
        """Send the spikes of this step."""
        p = self.proc_params
        spikes = np.zeros(p["size"], bool)
        spikes[p["neuron"][p["bounds"][self.time_step - 1] : p["bounds"][self.time_step]]] = True
        self.s_out.send(spikes)


class DelayLine(AbstractProcess):
    """Passes spikes on ``steps`` steps later."""

    def __init__(self, size: int, steps: int) -> None:
        super().__init__(size=size, steps=steps, name=f"delay of {steps} steps")
        self.s_in = InPort((size,))
        self.s_out = OutPort((size,))


@implements(proc=DelayLine, protocol=LoihiProtocol)
@requires(CPU)
@tag("floating_pt", "fixed_pt")
class PyDelayLine(PyLoihiProcessModel):
    """Model of DelayLine, for both arithmetics."""

    s_in: PyInPort = LavaPyType(PyInPort.VEC_DENSE, bool)
    s_out: PyOutPort = LavaPyType(PyOutPort.VEC_DENSE, bool)

    def __init__(self, proc_params: Any) -> None:
        super().__init__(proc_params)
        self.held = np.zeros((proc_params["steps"], proc_params["size"]), bool)

    def run_spk(self) -> None:
        """Send what came in ``steps`` steps ago (before receiving, so that cycles do not block), take in the new."""
        slot = self.time_step % len(self.held)
        self.s_out.send(self.held[slot])
        self.held[slot] = self.s_in.recv() != 0


class SpikeSink(AbstractProcess):
    """Writes the spikes of step t, packed to bits, into row t of ``bits``; ``done[0]`` counts the steps."""

    def __init__(self, size: int, bits: Any, done: Any) -> None:
        super().__init__(bits=bits, done=done, name="spike sink")
        self.s_in = InPort((size,))


@implements(proc=SpikeSink, protocol=LoihiProtocol)
@requires(CPU)
@tag("floating_pt", "fixed_pt")
class PySpikeSink(PyLoihiProcessModel):
    """Model of SpikeSink, for both arithmetics."""

    s_in: PyInPort = LavaPyType(PyInPort.VEC_DENSE, bool)

    def run_spk(self) -> None:
        """Store the spikes of this step."""
        self.proc_params["bits"][self.time_step - 1] = np.packbits(self.s_in.recv() != 0)
        self.proc_params["done"][0] = self.time_step


class TraceSink(AbstractProcess):
    """Writes a state variable, as it is after step t, into row t of ``rows``; ``done[0]`` counts the steps."""

    def __init__(self, variable: Var, rows: Any, done: Any) -> None:
        super().__init__(rows=rows, done=done, name=f"sink of {variable.name}")
        self.state = RefPort(variable.shape)
        self._post_init()
        self.state.connect_var(variable)


class _PyTraceSink(PyLoihiProcessModel):
    def post_guard(self) -> bool:
        """Ask for the phase after the spikes, in every step."""
        return True

    def run_post_mgmt(self) -> None:
        """Store the state of this step."""
        self.proc_params["rows"][self.time_step - 1] = self.state.read()
        self.proc_params["done"][0] = self.time_step


@implements(proc=TraceSink, protocol=LoihiProtocol)
@requires(CPU)
@tag("floating_pt")
class PyTraceSinkFloat(_PyTraceSink):
    """Model of TraceSink for float states."""

    state: PyRefPort = LavaPyType(PyRefPort.VEC_DENSE, float)


@implements(proc=TraceSink, protocol=LoihiProtocol)
@requires(CPU)
@tag("fixed_pt")
class PyTraceSinkFixed(_PyTraceSink):
    """Model of TraceSink for integer states."""

    state: PyRefPort = LavaPyType(PyRefPort.VEC_DENSE, np.int32)


class LearningSynapses(LearningDense):
    """Lava's LearningDense, in which only synapses under ``mask`` exist; copies its weights to ``out`` every step."""

    def __init__(self, mask: Any, out: Any, done: Any, **options: Any) -> None:
        super().__init__(absent=~mask, out=out, done=done, **options)


class _PyLearningSynapses:
    implements_process = LearningSynapses  # the decorators of Lava refuse a subclass of a model

    def run_lrn(self) -> None:
        """Learn, then take away what is no synapse."""
        super().run_lrn()  # type: ignore[misc]
        p = self.proc_params  # type: ignore[attr-defined]
        self.weights[p["absent"]] = 0  # type: ignore[attr-defined]
        p["out"][:] = self.weights  # type: ignore[attr-defined]
        p["done"][0] = self.time_step  # type: ignore[attr-defined]


class PyLearningSynapsesFloat(_PyLearningSynapses, PyLearningDenseModelFloat):
    """Model of LearningSynapses in floating point."""


class PyLearningSynapsesFixed(_PyLearningSynapses, PyLearningDenseModelBitApproximate):
    """Model of LearningSynapses in fixed point."""
