"""IF and I nodes: v' = r I, with and without spikes; alpha = 0, beta = 1."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ....neurons import LIF
from ..base import NODES, Use
from .base import Array, NeuronNode, Reading, is_integrator

if TYPE_CHECKING:
    from ...graph import Node


class Integrator(NeuronNode):
    """Parameter ``r``; its output is v."""

    parameters = ("r",)
    graded = True

    def read(self, node: Node, values: dict[str, Array], dt: float, use: Use) -> Reading:
        """The gain is r, r dt or 1, as the option ``if_gain`` says, whatever ``spike`` is."""
        r = values["r"]
        one, zero = np.ones_like(r), np.zeros_like(r)
        gain = {"r": r, "r*dt": r * dt, "1": one}[use("if_gain")]
        theta, v_reset = values.get("v_threshold", zero + np.inf), values.get("v_reset", zero)
        return Reading(zero, one, theta, zero, v_reset, gain, gain)

    def writes(self, neuron: LIF) -> bool:
        """Neurons without synaptic current, leak and bias."""
        return is_integrator(neuron)

    def physical(self, neuron: LIF, dt: float) -> dict[str, Any]:
        """r = 1."""
        return {"r": 1.0}


class SpikingIntegrator(Integrator):
    """Also ``v_threshold``, ``v_reset``; its output is spikes."""

    parameters = ("r", "v_threshold", "v_reset")
    graded, resets = False, True


NODES.add("IF", SpikingIntegrator())
NODES.add("I", Integrator())
