"""SparseLinear nodes: y = W x with W in CSR form, snmem's own node for matrices too large to be written densely."""

from __future__ import annotations

from collections.abc import Mapping
from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np
import scipy.sparse as sp

from .base import NODES, LinearNode, Shape, check_synapses
from .writing import new_node, put

if TYPE_CHECKING:
    from ..graph import Node


class SparseLinear(LinearNode):
    """Datasets ``data``, ``indices``, ``indptr``, and ``shape`` (output, input); explicit zeros are synapses."""

    def own_shape(self, node: Node) -> tuple[Shape | None, bool]:
        """As many values as the matrix has columns."""
        return (node.whole("shape", 1, 2)[1],), True

    def output_shape(self, node: Node, shape: Shape) -> Shape:
        """As many values as the matrix has rows."""
        return (node.whole("shape", 1, 2)[0],)

    def matrix(self, node: Node) -> sp.csr_array:
        """The matrix W."""
        return read_sparse(node)

    def synapses(self, datasets: Mapping[str, Any]) -> int:
        """As many as there are values."""
        return int(np.prod(datasets.get("data", {}).get("shape", 0)))


NODES.add("SparseLinear", SparseLinear())


def read_sparse(node: Node) -> sp.csr_array:
    """The matrix of a SparseLinear node; explicit zeros stay synapses. FileError if it is not sound."""
    shape = node.whole("shape", 1, 2)
    limit = node.store.limits.synapses
    for key in ("data", "indices"):
        check_synapses(node, prod(node.declared_shape(key)))
    parts = {k: node.store.numbers(node.member(k), node.owner(k), limit + 1) for k in ("data", "indices", "indptr")}
    data, indices, indptr = (parts[k].reshape(-1) for k in ("data", "indices", "indptr"))
    for key in ("indices", "indptr"):
        if parts[key].dtype.kind not in "iu":
            raise node.error(f"must be whole numbers, got {parts[key].dtype}", key)
    if len(indptr) != shape[0] + 1 or len(indices) != len(data):
        raise node.error(f"has {len(indptr)} row pointers and {len(indices)} columns for {len(data)} values", "indptr")
    sound = indptr[0] == 0 and indptr[-1] == len(data) and (np.diff(indptr.astype(np.int64)) >= 0).all()
    if not sound:
        raise node.error(f"must rise from 0 to {len(data)}", "indptr")
    if len(indices) and (int(indices.min()) < 0 or int(indices.max()) >= shape[1]):
        raise node.error(f"must lie in 0..{shape[1] - 1}, got {indices.min()}..{indices.max()}", "indices")
    if not np.isfinite(data).all():
        raise node.error(f"holds {data[~np.isfinite(data)][0]}; give finite weights", "data")
    narrow = (x.astype(np.int32, copy=False) for x in (indices, indptr))
    matrix = sp.csr_array((data, *narrow), shape=(shape[0], shape[1]))
    if not matrix.has_canonical_format:
        raise node.error("columns of a row must rise without repeats", "indices")
    return matrix


def write_sparse(nodes: Any, name: str, matrix: sp.csr_array, scale: float | None) -> None:
    """Write ``matrix``, times ``scale`` if there is one, as node ``name``."""
    group = new_node(nodes, name, "SparseLinear", shape=np.array(matrix.shape))
    put(group, "data", matrix.data if scale is None else matrix.data * scale)
    put(group, "indices", matrix.indices.astype(np.int32))
    put(group, "indptr", matrix.indptr.astype(np.int32))
