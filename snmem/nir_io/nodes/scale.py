"""Scale nodes: y = s * x, element by element."""

from __future__ import annotations

from typing import TYPE_CHECKING

import scipy.sparse as sp

from .base import NODES, LinearNode, per_element

if TYPE_CHECKING:
    from ..graph import Node


class Scale(LinearNode):
    """A diagonal matrix."""

    parameters = ("scale",)

    def matrix(self, node: Node) -> sp.csr_array:
        """diag(s)."""
        scale = per_element(node, node.numbers("scale"))
        return sp.csr_array(sp.diags_array(scale))


NODES.add("Scale", Scale())
