"""LIF and LI nodes: tau v' = v_leak - v + r I, with and without spikes; they have no synaptic current (alpha = 0)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ....neurons import LIF
from ..base import NODES, Use
from .base import Array, NeuronNode, Reading, decay, factor, gains, is_integrator, time_constant

if TYPE_CHECKING:
    from ...graph import Node


class Leaky(NeuronNode):
    """Parameters ``tau``, ``r``, ``v_leak``; its output is v."""

    parameters = ("tau", "r", "v_leak")
    graded = True

    def read(self, node: Node, values: dict[str, Array], dt: float, use: Use) -> Reading:
        """beta = 1 - dt/tau or exp(-dt/tau), g = r (1 - beta), c = v_leak (1 - beta)."""
        scheme, spike = use("discretization"), use("spike")
        tau, r = values["tau"], values["r"]
        beta, lost = decay(node, "tau", tau, dt, scheme)
        drive = r * lost
        gain, bias_gain = gains(spike, drive, drive / dt if scheme == "euler" else r / tau, beta)
        zero = np.zeros_like(beta)
        theta, v_reset = values.get("v_threshold", zero + np.inf), values.get("v_reset", zero)
        return Reading(zero, beta, theta, values["v_leak"] * lost, v_reset, gain, bias_gain)

    def writes(self, neuron: LIF) -> bool:
        """Neurons without synaptic current that leak or have a bias."""
        return not np.any(neuron.alpha) and not is_integrator(neuron)

    def physical(self, neuron: LIF, dt: float) -> dict[str, Any]:
        """tau = dt/(1 - beta), r = tau/dt, v_leak = c tau/dt."""
        tau, r, x = time_constant(neuron.beta, dt)
        return {"tau": tau, "r": r, "v_leak": factor(neuron.bias, x)}


class SpikingLeaky(Leaky):
    """Also ``v_threshold``, ``v_reset``; its output is spikes."""

    parameters = (*Leaky.parameters, "v_threshold", "v_reset")
    graded, resets = False, True


NODES.add("LIF", SpikingLeaky())
NODES.add("LI", Leaky())
