"""Flatten nodes: another shape of the same values, in row-major order."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING

from .base import NODES, LinearNode, Shape

if TYPE_CHECKING:
    from ..graph import Node


class Flatten(LinearNode):
    """Axes ``start_dim`` to ``end_dim`` become one."""

    declares = True

    def own_shape(self, node: Node) -> tuple[Shape | None, bool]:
        """That of ``input_type``, if there is one."""
        return node.declaration("input_type"), False

    def output_shape(self, node: Node, shape: Shape) -> Shape:
        """With the axes joined."""
        ends: list[int] = []
        for key, default in (("start_dim", 1), ("end_dim", -1)):
            value = node.whole(key, -len(shape), 1)[0] if key in node.members else default
            if not -len(shape) <= value < len(shape):
                raise node.error(f"must be a dimension of shape {shape}, got {value}", key)
            ends.append(value % len(shape))
        start, end = ends
        if start > end:
            raise node.error(f"start_dim {start} lies behind end_dim {end}")
        return (*shape[:start], prod(shape[start : end + 1]), *shape[end + 1 :])


NODES.add("Flatten", Flatten())
