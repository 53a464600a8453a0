"""Neurons that Lava's own processes do not have: refractory ones, and such whose reset takes the threshold off.

Written modules hold the classes of this file as their text (:mod:`snmem.lava.compiler.module`).
Import only within :func:`snmem.lava.shim.lava_imports`.
"""

# pyright: reportAssignmentType=false, reportIncompatibleMethodOverride=false, reportAttributeAccessIssue=false
# pyright: reportArgumentType=false, reportOptionalMemberAccess=false, reportIncompatibleVariableOverride=false
# (Lava's annotations do not say what its classes hold.)

from __future__ import annotations

import numpy as np
from lava.magma.core.model.py.type import LavaPyType
from lava.magma.core.process.variable import Var
from lava.proc.lif import models as lif_models
from lava.proc.lif.process import LIF


class ExtendedLIF(LIF):
    """Lava's LIF, which may be refractory, reset by subtraction, and be set back at times.

    Parameters
    ----------
    subtract : bool or array
        True where a spike takes the threshold off v; elsewhere v becomes 0.
    refractory : int or array
        Steps after that of a spike in which u goes on, v stays and there is no spike.
    clear : tuple of int, or None
        (interval, offset) of the steps, counted from 1, before which u and v become ``fresh``.
    fresh : pair
        u and v at a clear.
    **parameters
        Those of Lava's LIF.
    """

    def __init__(self, subtract, refractory, clear=None, fresh=(0, 0), **parameters):
        super().__init__(subtract=subtract, refractory=refractory, clear=clear, fresh=fresh, **parameters)
        self.left = Var(parameters["shape"], init=0)


class _PyExtended:
    """What the models of both arithmetics do around those of Lava, which compute u and v."""

    implements_process = ExtendedLIF  # the decorators of Lava refuse a subclass of a model
    left: np.ndarray = LavaPyType(np.ndarray, np.int32)

    def run_spk(self):
        """Clear where it is time; then as Lava does."""
        clear = self.proc_params["clear"]
        if clear and self.time_step % clear[0] == clear[1]:
            self.u[:], self.v[:] = self.proc_params["fresh"]
            self.left[:] = 0
        super().run_spk()

    def subthr_dynamics(self, activation_in):
        """Update u and v; of refractory neurons u alone."""
        before = self.v.copy()
        super().subthr_dynamics(activation_in)
        self.v[:] = np.where(self.left > 0, before, self.v)

    def spiking_activation(self):
        """Who spikes: those above threshold that are not refractory."""
        return super().spiking_activation() & (self.left == 0)

    def reset_voltage(self, spike_vector):
        """Reset v, and begin or go on with refractory periods."""
        threshold = getattr(self, "effective_vth", self.vth)  # fixed point: in the units of v
        less = np.where(self.proc_params["subtract"], self.v - threshold, 0)
        self.v[:] = np.where(spike_vector, less, self.v)
        self.left[:] = np.where(spike_vector, self.proc_params["refractory"], np.maximum(self.left - 1, 0))


class PyExtendedLIFFloat(_PyExtended, lif_models.PyLifModelFloat):
    """Model of ExtendedLIF in floating point."""


class PyExtendedLIFFixed(_PyExtended, lif_models.PyLifModelBitAcc):
    """Model of ExtendedLIF in fixed point."""
