"""Input and Output nodes: where spikes of the caller enter a graph, and what it shows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .base import NODES, LinearNode, NodeType, Shape

if TYPE_CHECKING:
    from ..graph import Node


class End(NodeType):
    """An Input or Output of the outermost graph; its dataset ``shape`` says its shape."""

    declares = True

    def own_shape(self, node: Node) -> tuple[Shape | None, bool]:
        """As declared; open where an axis has no length."""
        return node.declaration("shape", required=True), False


class Identity(LinearNode):
    """What stands for the Input and Output nodes of a nested graph."""

    declares = True

    def own_shape(self, node: Node) -> tuple[Shape | None, bool]:
        """As declared, if it is."""
        return node.declaration("shape"), False


NODES.add("Input", End())
NODES.add("Output", End())
NODES.add("Identity", Identity())
