"""Threshold nodes: a spike wherever the input, or the potential of an LI, CubaLI or I in front, exceeds a threshold."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ..base import NODES, Use
from .base import Array, NeuronNode, Reading

if TYPE_CHECKING:
    from ...graph import Node


class Threshold(NeuronNode):
    """Parameter ``threshold``; a neuron that forgets everything from step to step."""

    parameters = ("threshold",)
    on_potential = True

    def read(self, node: Node, values: dict[str, Array], dt: float, use: Use) -> Reading:
        """alpha = beta = 0 and gain 1."""
        theta = values["threshold"]
        one, zero = np.ones_like(theta), np.zeros_like(theta)
        return Reading(zero, zero, theta, zero, zero, one, one)


NODES.add("Threshold", Threshold())
