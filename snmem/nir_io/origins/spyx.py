"""Spyx: the step is the unit of time, a spike adds W as it is and takes one step to the next layer.

A layer compares v with its threshold before it takes in the step's input, so what it emits is one step old. IF, LIF and
their recurrent variants take the threshold off after the decay (``subtract_late``), CuBaLIF before it. PSU_LIF (LI and
Threshold) compares after its input, and has no reset. Recurrent layers stand in the file as input -> w_rec -> lif, but
their input goes to lif directly.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from ..graph import Graph, Node
from .base import ORIGINS, Neurons, Origin, Sign, Traits

_LAYER = r"layer_\d+"


class Spyx(Origin):
    """IF, LIF, CuBaLIF, RIF, RLIF, RCuBaLIF and PSU_LIF."""

    versions = "Spyx 1.0.0, nir 1.0.8"
    options = {"spike": "unit"}  # noqa: RUF012

    def signs(self, traits: Traits) -> Iterable[Sign]:
        """Names of its exporter, and r = 1 - dt/tau."""
        if traits.named(_LAYER):
            yield Sign(3, "nodes named layer_0, layer_1, ...")
        leaky = [n for n in traits.neurons if n.node.type in ("LIF", "CubaLIF")]
        if leaky and all(map(_r_is_decay, leaky)):
            yield Sign(2, "r = 1 - dt/tau with dt = 1")

    def time_step(self, traits: Traits) -> float:
        """The default of its exporter."""
        return 1.0

    def option(self, name: str, node: Node | None) -> Any:
        """Reset and delay depend on the type of the node."""
        kind = "" if node is None else node.type
        if name == "reset":
            return "subtract" if kind == "CubaLIF" else "subtract_late"
        if name == "feedforward_delay":
            return int(kind in ("IF", "LIF", "CubaLIF"))
        return super().option(name, node)

    def prepare(self, graph: Graph) -> None:
        """Lead the input of a recurrent layer past its recurrent weights."""
        edges = set(graph.edges)
        for i, (pre, post) in enumerate(graph.edges):
            layer = post.removesuffix(".w_rec")
            lif = next((b for a, b in edges if a == post and (b, post) in edges), None)
            if layer != post and lif is not None and pre != lif and pre.startswith(layer):
                graph.edges[i] = (pre, lif)


def _r_is_decay(neurons: Neurons) -> bool:
    tau, r = neurons.tau, neurons.values.get("r")
    with np.errstate(all="ignore"):
        return tau is not None and r is not None and r.shape == tau.shape and np.allclose(r, 1 - 1 / tau, atol=1e-6)


ORIGINS.add("spyx 1", Spyx())
