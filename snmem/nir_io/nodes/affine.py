"""Affine and Linear nodes: y = W x (+ b); a weight with leading axes is one block per leading index.

A projection is written as a Linear node (:func:`write_dense`). Nothing larger than a block of numbers is ever held
densely.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from ...io.hdf5.blocks import blocks
from .base import NODES, LinearNode, Shape, check_synapses, per_output
from .writing import CHUNK, new_node

if TYPE_CHECKING:
    from ..graph import Node

#: Numbers of a dense matrix that are held at once.
_BLOCK = 2**22


class Linear(LinearNode):
    """``weight`` (..., out, in)."""

    def own_shape(self, node: Node) -> tuple[Shape | None, bool]:
        """(..., in)."""
        shape = node.declared_shape("weight")
        if len(shape) < 2:
            raise node.error(f"must have at least 2 dimensions (out, in), got shape {shape}", "weight")
        return (*shape[:-2], shape[-1]), True

    def output_shape(self, node: Node, shape: Shape) -> Shape:
        """(..., out)."""
        weight = node.declared_shape("weight")
        return (*weight[:-2], weight[-2])

    def matrix(self, node: Node) -> sp.csr_array:
        """The weight; zeros are no synapses."""
        return read_dense(node)

    def synapses(self, datasets: Mapping[str, Any]) -> int | None:
        """As many as the weight has entries other than 0."""
        return datasets.get("weight", {}).get("nonzero")


class Affine(Linear):
    """``weight`` (..., out, in) and ``bias`` (..., out)."""

    def bias(self, node: Node) -> NDArray[np.float64] | None:
        """One value per output."""
        return per_output(node, node.numbers("bias"))


NODES.add("Linear", Linear())
NODES.add("Affine", Affine())


def read_dense(node: Node) -> sp.csr_array:
    """The matrix of a Linear or Affine node; zeros are no synapses."""
    owner = node.owner("weight")
    data = node.store.dataset(node.member("weight"), owner)
    node.store.claim(data.size, owner, node.store.limits.numbers)
    if 0 in data.shape:
        raise node.error(f"has shape {data.shape}, expected at least one output and one input", "weight")
    kind = data.dtype if data.dtype in (np.float32, np.int8, np.int16, np.int32) else np.dtype(np.float64)
    rows, columns = prod(node.shape_out), prod(node.shape_in)
    counts = np.zeros(rows + 1, np.int64)
    parts: list[tuple[Any, ...]] = [(np.zeros(0, np.int32), np.zeros(0, np.int32), np.zeros(0, kind))]
    in_order = _in_order(data)
    total = 0
    for first, row, column, value in _entries(data, node):
        value = value.astype(kind, copy=False)
        if not np.isfinite(value).all():
            raise node.error(f"holds {value[~np.isfinite(value)][0]}; give finite weights", "weight")
        total += len(value)
        check_synapses(node, total)
        node.store.hold(len(value) * 4 + value.nbytes, owner)
        if len(row):
            counts[first + 1 : first + row[-1] + 2] += np.bincount(row)
        parts.append((None if in_order else (row + first).astype(np.int32), column.astype(np.int32), value))
    return _merged(parts, counts, (rows, columns), in_order)


def _merged(parts: list[tuple[Any, ...]], counts: Any, shape: tuple[int, int], in_order: bool) -> sp.csr_array:
    """The CSR matrix of parts (row, column, value), which are emptied meanwhile."""
    rows = None if in_order else np.concatenate([part[0] for part in parts])
    values, columns = [part[2] for part in parts], [part[1] for part in parts]
    parts.clear()
    value = np.concatenate(values)
    values.clear()
    column = np.concatenate(columns)
    columns.clear()
    if rows is not None:
        order = np.argsort(rows * np.int64(shape[1]) + column)
        value, column = value[order], column[order]
    return sp.csr_array((value, column, np.cumsum(counts).astype(np.int32)), shape=shape)


def _in_order(data: Any) -> bool:
    """Whether a dense dataset can be read row by row, each part as wide as the matrix."""
    return data.ndim == 2 and (not data.chunks or data.chunks[0] * data.shape[1] <= _BLOCK)


def _entries(data: Any, node: Node) -> Iterator[tuple[int, Any, Any, Any]]:
    """First row, rows counted from it, columns and values of the nonzero entries, in parts; rows do not fall in a part.

    With leading axes, the matrix has a block for each leading index.
    """
    *lead, rows, columns = data.shape
    for place, block in _row_blocks(data, node) if _in_order(data) else blocks(node.store, data, node.owner("weight")):
        index = np.nonzero(block)
        value = block[index]
        *outer, row, column = index
        first = place[-2].start
        if place[-1].start:
            column = column + place[-1].start
        if lead and len(value):
            which = np.ravel_multi_index([i + s.start for i, s in zip(outer, place, strict=False)], lead)
            row, column = row + first + which * rows, column + which * columns
            first = int(row[0])
            row = row - first
        yield first, row, column, value


def _row_blocks(data: Any, node: Node) -> Iterator[tuple[Any, Any]]:
    """The parts of a matrix, those side by side joined."""
    columns, place, joined = slice(0, data.shape[1]), None, np.zeros(0)
    for (rows, part), block in blocks(node.store, data, node.owner("weight")):
        if part == columns:
            yield (rows, columns), block
            continue
        if place != (rows, columns):
            if place:
                yield place, joined
            place, joined = (rows, columns), np.zeros((rows.stop - rows.start, data.shape[1]), block.dtype)
        joined[:, part] = block
    if place:
        yield place, joined


def write_dense(nodes: Any, name: str, matrix: sp.csr_array, scale: float | None, metadata: Mapping[str, Any]) -> None:
    """Write ``matrix``, times ``scale`` if there is one, as Linear node ``name``.

    Rows are written a block at a time; blocks without synapses take no space.
    """
    group = new_node(nodes, name, "Linear", metadata)
    rows, columns = map(int, matrix.shape)  # type: ignore[arg-type]
    dtype = np.float64 if scale else matrix.dtype
    chunk = (min(rows, max(1, CHUNK // columns)), min(columns, CHUNK))
    if rows * columns <= 1024:
        group.create_dataset("weight", data=matrix.toarray() if scale is None else matrix.toarray() * scale)
        return
    data = group.create_dataset("weight", matrix.shape, dtype, chunks=chunk, compression="gzip", compression_opts=1)
    step = max(1, _BLOCK // columns // chunk[0]) * chunk[0]
    for start in range(0, rows, step):
        part = matrix[start : start + step]
        if part.nnz:
            data[start : start + step] = part.toarray() if scale is None else part.toarray() * scale
