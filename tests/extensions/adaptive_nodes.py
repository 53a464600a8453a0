"""Two NIR node types of one's own: ``Mean``, a map without state, and ``AdLIF``, an adaptive LIF neuron."""

from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import scipy.sparse as sp
from adaptive_lif import AdaptiveLIF

from snmem.nir_io.nodes import NODES, LinearNode, NeuronNode, Reading


class Mean(LinearNode):
    """y = (x_1 + ... + x_n) / n, a single value."""

    def output_shape(self, node, shape):
        """One value."""
        return (1,)

    def matrix(self, node):
        """One row of 1/n."""
        n = int(np.prod(node.shape_in))
        return sp.csr_array(np.full((1, n), 1 / n))


@dataclass(frozen=True)
class AdaptiveReading(Reading):
    """What an AdaptiveLIF needs beside."""

    rho: Any
    kappa: Any

    def neuron(self, bias, reset):
        """The threshold rises by kappa at a spike and decays by rho."""
        return AdaptiveLIF(self.beta, self.theta, self.rho, self.kappa)


class AdLIF(NeuronNode):
    """tau v' = -v + r I and tau_a a' = -a, with a += kappa at a spike, where v exceeds v_threshold + a."""

    parameters = ("tau", "tau_a", "r", "kappa", "v_threshold")

    def read(self, node, values, dt, use):
        """Forward Euler."""
        beta, rho = 1 - dt / values["tau"], 1 - dt / values["tau_a"]
        gain, zero = values["r"] * dt / values["tau"], np.zeros_like(beta)
        common = dict.fromkeys(("alpha", "bias", "v_reset"), zero) | {"gain": gain, "bias_gain": gain}
        theta = values["v_threshold"]
        return AdaptiveReading(beta=beta, theta=theta, rho=rho, kappa=values["kappa"], **common)


NODES.add("Mean", Mean())
NODES.add("AdLIF", AdLIF())
assert {f.name for f in fields(Reading)} <= {f.name for f in fields(AdaptiveReading)}
