"""SpikingJelly: forward Euler, spikes at the threshold already, reset to v_reset; IF with r = 1/dt.

Neurons begin at v_reset. The time step is an argument of its exporter, 1e-4 by default: IF says it by r, LIF without
``decay_input`` by tau/r, and CubaLIF too. An LIF with ``decay_input`` has r = 1 and does not say it; its tau is then
taken for at most ten steps, more than one (the default of SpikingJelly is 2).
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from .base import ORIGINS, Neurons, Origin, Sign, Traits


class SpikingJelly(Origin):
    """IFNode, LIFNode, ParametricLIFNode and CUBALIFNode."""

    versions = "SpikingJelly 2.0.0, nirtorch 2.6"
    options = {"threshold": ">=", "if_gain": "r*dt"}  # noqa: RUF012
    lost = ("the time step, where all neurons are LIF with decay_input: tau is then taken for 1 to 10 steps",)

    def signs(self, traits: Traits) -> Iterable[Sign]:
        """Neurons in float64 between weights in float32, v_leak = v_reset, and the names of torch.fx."""
        double = {np.dtype(np.float64)}
        plain = traits.single() and traits.all_neurons(lambda n: n.dtypes == double and "v_reset" in n.values)
        if not plain or not traits.types() <= {"IF", "LIF", "CubaLIF"} or not traits.all_neurons(_rests_at_reset):
            return
        yield Sign(2, "neurons in float64 between weights in float32")
        if traits.named(r"input_1|_\d+"):
            yield Sign(2, "nodes named by torch.fx")
        if any(n.node.type == "IF" and not n.is_constant("r", 1) for n in traits.neurons):
            yield Sign(1, "IF with r = 1/dt")

    def time_step(self, traits: Traits) -> float | None:
        """1/r of an IF, tau/r where r is not 1, else a power of ten that is a tenth of tau or more."""
        for neurons in traits.neurons:
            r = float(neurons.values["r"].reshape(-1)[0])
            if neurons.node.type == "IF":
                return float(f"{1 / r:.6g}")
            if r != 1 and neurons.tau is not None:
                return float(f"{neurons.tau.reshape(-1)[0] / r:.6g}")
        shortest = traits.taus().min(initial=np.inf)
        return None if np.isinf(shortest) else float(f"1e{int(np.ceil(np.log10(shortest) - 1e-9)) - 1}")


def _rests_at_reset(neurons: Neurons) -> bool:
    """LIFNode rests at its reset potential; CUBALIFNode rests at 0."""
    values = neurons.values
    leak = values.get("v_leak")
    return leak is None or not leak.any() or bool((leak == values["v_reset"]).all())


ORIGINS.add("spikingjelly 2", SpikingJelly())
