"""snnTorch: r = tau/dt and w_in = tau_syn/dt with dt = 1e-4, so that a spike adds W as it is.

Its exporter does not say which reset a layer has. Its importer takes all for "zero"; the default of ``snn.Leaky`` is
``reset="subtract_late"``: v' = beta v + W - s theta, with the spike s of the step before.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from .base import ORIGINS, Neurons, Origin, Sign, Traits

_DT = 1e-4


def is_unit(neurons: Neurons, dt: float = _DT) -> bool:
    """Whether the factors of LIF or CubaLIF nodes cancel with this time step: r = tau/dt, w_in = tau_syn/dt."""
    tau, r = neurons.tau, neurons.values.get("r")
    if neurons.node.type not in ("LIF", "CubaLIF") or tau is None or r is None or tau.shape != r.shape:
        return False
    fits = np.allclose(tau, r * dt, rtol=1e-5)
    if neurons.node.type == "CubaLIF":
        w_in, tau_syn = neurons.values.get("w_in"), neurons.values.get("tau_syn")
        fits &= w_in is not None and tau_syn is not None and np.allclose(tau_syn, w_in * dt, rtol=1e-5)
    return bool(fits) and neurons.is_constant("v_leak", 0)


class SnnTorch(Origin):
    """Leaky, Synaptic, RLeaky and RSynaptic."""

    versions = "snnTorch 1.0.0, nirtorch 2.6"
    lost = (
        'the reset of a layer: it is read as "zero", as by snnTorch\'s importer; the default of snn.Leaky is '
        "reset=subtract_late; reset_mechanism='none' is reset=none",
        "reset_delay=True of Synaptic layers that reset to zero: v then loses the input of the step after a spike",
    )

    def signs(self, traits: Traits) -> Iterable[Sign]:
        """Gains that cancel with dt = 1e-4, in float32; recurrent layers in which lif and w_rec feed each other."""
        if traits.single() and traits.all_neurons(is_unit):
            yield Sign(2, "r = tau/dt with dt = 1e-4")
            if traits.named(r".*\.w_rec"):
                yield Sign(1, "recurrent layers of lif and w_rec")

    def time_step(self, traits: Traits) -> float:
        """Fixed in its exporter."""
        return _DT


ORIGINS.add("snntorch 1", SnnTorch())
