"""Sinabs: time constants in steps, exponential decay, spikes at the threshold already, which is subtracted.

LIF computes v = beta v + (1 - beta) W (``norm_input``, its default), ExpLeak v = beta v + W.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ..graph import Node
from .base import ORIGINS, Neurons, Origin, Sign, Traits


def _alike(neurons: Neurons) -> bool:
    """Whether all neurons have one threshold, of a layer with one ``spike_threshold``."""
    theta = neurons.values.get("v_threshold")
    return theta is None or bool((theta == theta.reshape(-1)[0]).all())


class Sinabs(Origin):
    """LIF, IAF, ExpLeak and their Squeeze variants."""

    versions = "Sinabs 3.1.3, nirtorch 2.6"
    options = {"discretization": "exp", "threshold": ">=", "reset": "subtract"}  # noqa: RUF012
    lost = (
        "tau_syn and norm_input of LIF layers: they are read without synaptic current, norm_input=True (its default; "
        "spike=unit reads False)",
        "several spikes in one step (MultiSpike, the default): a file is read with one spike a step",
    )

    def signs(self, traits: Traits) -> Iterable[Sign]:
        """r = 1 in float32, one threshold a layer, and time constants of one step or more."""
        if not traits.single() or not traits.all_neurons(lambda n: n.is_constant("r", 1) and _alike(n)):
            return
        if any(str(kind) != "float32" for n in traits.neurons for kind in n.dtypes):
            return
        taus = traits.taus()
        if not traits.types() <= {"LIF", "IF", "LI", "CubaLIF"} or (taus < 1).any():
            return
        yield Sign(2, "r = 1, and time constants in steps" if len(taus) else "IF with r = 1 and one threshold a layer")

    def option(self, name: str, node: Node | None) -> Any:
        """Input is scaled by 1 - beta into LIF, not into ExpLeak (LI)."""
        if name == "spike" and node is not None and node.type == "LI":
            return "unit"
        return super().option(name, node)

    def time_step(self, traits: Traits) -> float:
        """The step is the unit of time."""
        return 1.0


ORIGINS.add("sinabs 3", Sinabs())
