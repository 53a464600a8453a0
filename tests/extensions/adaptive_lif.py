"""An adaptive leaky integrate-and-fire neuron: every spike raises its threshold, which decays again."""

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from snmem.neurons import NEURONS, Neuron


@NEURONS.register("adaptive_lif")
@dataclass(frozen=True, eq=False)
class AdaptiveLIF(Neuron):
    """LIF neuron with an adaptive threshold theta + a.

    With I the summed weights of the spikes that arrive::

        v = beta * v + I
        s = v > theta + a
        a = rho * a + kappa * s
        v = 0 where s

    Parameters
    ----------
    beta : float or array
        Factor in [0, 1] kept of the membrane potential per step.
    theta : float or array
        Threshold at rest.
    rho : float or array
        Factor in [0, 1] kept of the adaptation a per step.
    kappa : float or array
        What a spike adds to a.
    """

    beta: Any = 0.9
    theta: Any = 1.0
    rho: Any = 0.95
    kappa: Any = 0.5

    variables: ClassVar = ("v", "a")
    receptors: ClassVar = ("v",)
    limits: ClassVar = {"beta": (0, 1), "rho": (0, 1), "kappa": (0, 4)}

    def step(self, state, current, t):
        """One step; see the class."""
        v = self.beta * state["v"] + current["v"]
        s = v > self.theta + state["a"]
        a = self.rho * state["a"] + self.kappa * s
        return {"v": np.where(s, 0.0, v), "a": a}, s
