"""CubaLIF and CubaLI nodes: tau_syn u' = -u + w_in I and tau_mem v' = v_leak - v + r u, with and without spikes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ....neurons import LIF
from ..base import NODES, Use
from .base import Array, NeuronNode, Reading, decay, double_exponential, factor, gains, time_constant

if TYPE_CHECKING:
    from ...graph import Node


class CurrentBased(NeuronNode):
    """Parameters ``tau_syn``, ``tau_mem``, ``r``, ``v_leak``, ``w_in``; its output is v."""

    parameters = ("tau_syn", "tau_mem", "r", "v_leak", "w_in")
    graded, synaptic = True, True

    def read(self, node: Node, values: dict[str, Array], dt: float, use: Use) -> Reading:
        """alpha and beta are 1 - dt/tau or exp(-dt/tau), g = w_in (1 - alpha) r (1 - beta) (Euler)."""
        scheme, spike = use("discretization"), use("spike")
        r, w_in, tau_syn, tau_mem = (values[key] for key in ("r", "w_in", "tau_syn", "tau_mem"))
        beta, lost_mem = decay(node, "tau_mem", tau_mem, dt, scheme)
        alpha, lost_syn = decay(node, "tau_syn", tau_syn, dt, scheme)
        drive = r * (lost_mem if scheme == "euler" else double_exponential(tau_syn, tau_mem, dt))
        dirac = w_in / tau_syn * drive
        gain, bias_gain = gains(spike, drive if spike == "current" else (w_in * lost_syn) * drive, dirac, alpha)
        zero = np.zeros_like(beta)
        theta, v_reset = values.get("v_threshold", zero + np.inf), values.get("v_reset", zero)
        return Reading(alpha, beta, theta, values["v_leak"] * lost_mem, v_reset, gain, bias_gain)

    def writes(self, neuron: LIF) -> bool:
        """Neurons with a synaptic current."""
        return bool(np.any(neuron.alpha))

    def physical(self, neuron: LIF, dt: float) -> dict[str, Any]:
        """tau = dt/(1 - decay), r = tau_mem/dt, w_in = tau_syn/dt, v_leak = c tau_mem/dt."""
        tau_mem, r, x = time_constant(neuron.beta, dt)
        tau_syn, w_in, _ = time_constant(neuron.alpha, dt)
        return {"tau_syn": tau_syn, "tau_mem": tau_mem, "r": r, "v_leak": factor(neuron.bias, x), "w_in": w_in}


class SpikingCurrentBased(CurrentBased):
    """Also ``v_threshold``, ``v_reset``; its output is spikes."""

    parameters = (*CurrentBased.parameters[:-1], "v_threshold", "v_reset", "w_in")
    graded, resets = False, True


NODES.add("CubaLIF", SpikingCurrentBased())
NODES.add("CubaLI", CurrentBased())
