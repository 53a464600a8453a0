"""Delay nodes: what comes in leaves ``delay`` later, each element after its own time."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ...io.events import in_steps
from .base import NODES, LinearNode, Use, per_element

if TYPE_CHECKING:
    from ..graph import Node

_ROUND = {"round": np.rint, "floor": np.floor, "ceil": np.ceil, "exact": np.rint}


class Delay(LinearNode):
    """Delays in the file's unit of time, as whole steps (option ``delay_rounding``)."""

    parameters = ("delay",)

    def delays(self, node: Node, dt: float, use: Use) -> NDArray[np.int64]:
        """Steps of each element."""
        delay = per_element(node, node.numbers("delay"))
        if (delay < 0).any():
            raise node.error(f"must be >= 0, got {delay[delay < 0][0]:g}", "delay")
        exact, limit = in_steps(delay, dt), node.store.limits.delay
        if exact.max() > limit:
            raise node.error(
                f"{delay.max():g} is {exact.max():.3g} steps of {dt:g}, the limit is {limit}; check unit and dt"
            )
        steps = np.rint(exact)
        if (np.abs(exact - steps) > 1e-6 * np.maximum(steps, 1)).any():
            rule = use("delay_rounding")
            if rule == "exact":
                worst = delay[np.argmax(np.abs(exact - steps))]
                raise node.error(
                    f"{worst:g} is no multiple of dt = {dt:g}; choose another dt or delay_rounding", "delay"
                )
            steps = _ROUND[rule](exact)
        return steps.astype(np.int64)


NODES.add("Delay", Delay())
