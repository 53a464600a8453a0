"""Scale nodes: y = s * x, element by element."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import scipy.sparse as sp

from .base import NODES, LinearNode

if TYPE_CHECKING:
    from ..graph import Node


class Scale(LinearNode):
    """A diagonal matrix."""

    parameters = ("scale",)

    def matrix(self, node: Node) -> sp.csr_array:
        """diag(s)."""
        scale = np.broadcast_to(node.numbers("scale"), node.shape_in).reshape(-1)
        return sp.csr_array(sp.diags_array(scale))


NODES.add("Scale", Scale())
