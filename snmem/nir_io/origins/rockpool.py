"""Rockpool: exponential decay, of a current that has the new spikes in it; spikes at the threshold, subtracted.

LIFTorch, a CubaLIF, computes u = alpha (u + W), v = beta v + u; ExpSynTorch, an LI, v = beta (v + W); LIFNeuronTorch,
an LIF, v = beta v + W. The exporter writes r = tau exp(-dt/tau)/dt, from which the time step comes back.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..graph import Node
from .base import ORIGINS, Origin, Sign, Traits


def _step(tau: NDArray[np.float64], r: NDArray[np.float64]) -> NDArray[np.float64]:
    """dt from r = tau exp(-dt/tau)/dt: x e^x = 1/r with x = dt/tau (Newton)."""
    x = 1 / (1 + r)
    for _ in range(20):
        x = x - (x * np.exp(x) - 1 / r) / (np.exp(x) * (1 + x))
    return x * tau


class Rockpool(Origin):
    """LIFTorch, LIFNeuronTorch and ExpSynTorch."""

    versions = "Rockpool 3.1.0, nirtorch 2.6"
    options = {"discretization": "exp", "threshold": ">=", "reset": "subtract"}  # noqa: RUF012
    lost = (
        "bias and noise of a layer",
        "recurrent weights of LIFTorch",
        "several spikes in one step: a file is read with one spike a step",
    )

    def signs(self, traits: Traits) -> Iterable[Sign]:
        """Nodes named after its classes, and a time step that all neurons have in common."""
        if traits.named(r"(.*_)?(LIF|ExpSyn|LIFNeuron)Torch(_\d+)?"):
            yield Sign(3, "nodes named after its classes")
        steps = self._steps(traits) if traits.single() else np.zeros(0)
        if len(steps) != sum(n.values["r"].size for n in traits.neurons if "r" in n.values) or not len(steps):
            return
        step = float(f"{steps[0]:.1g}")  # one digit: any r gives some step
        if (np.abs(steps - step) < 1e-5 * step).all():
            yield Sign(2, f"r = tau exp(-dt/tau)/dt with dt = {step:g}")

    def time_step(self, traits: Traits) -> float | None:
        """The one that r was made with."""
        steps = self._steps(traits)
        return _rounded(steps[0]) if len(steps) else None

    def option(self, name: str, node: Node | None) -> Any:
        """Spikes act on what decays in the same step (the current, v of an ExpSynTorch), and on an LIF as they are."""
        if name == "spike":
            return "unit" if node is not None and node.type == "LIF" else "decayed"
        return super().option(name, node)

    @staticmethod
    def _steps(traits: Traits) -> NDArray[np.float64]:
        pairs = [(n.tau, n.values.get("r")) for n in traits.neurons if n.node.type in ("LIF", "LI", "CubaLIF")]
        fits = [(t, r) for t, r in pairs if t is not None and r is not None and t.shape == r.shape and (r > 0).all()]
        with np.errstate(all="ignore"):
            return np.concatenate([_step(t.reshape(-1), r.reshape(-1)) for t, r in fits]) if fits else np.zeros(0)


def _rounded(step: float) -> float:
    """A step to three digits: the exporter's float32 leaves about six."""
    return float(f"{step:.3g}")


ORIGINS.add("rockpool 3", Rockpool())
