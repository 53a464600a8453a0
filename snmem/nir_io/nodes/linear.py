"""NIR's linear nodes as sparse matrices (output, input), row-major over their shapes. Nothing dense is built.

======================  ==============================================================================
Linear, Affine          y = W x (+ b); a weight with leading axes is one block per leading index
SparseLinear            y = W x with W in CSR form (snmem's own node: ``data``, ``indices``, ``indptr``, ``shape``)
Scale                   y = s * x, element by element
Conv1d, Conv2d          correlation, as in PyTorch: y[o, i] = b[o] + sum_ck W[o, c, k] x[c, stride i + dilation k - pad]
SumPool2d, AvgPool2d    a convolution of each channel with 1, or 1 / (kernel height * width); padding counts as zeros
Flatten, Identity       the identity (row-major order)
Delay                   see :mod:`snmem.nir_io.fuse`
======================  ==============================================================================
"""

from __future__ import annotations

from collections.abc import Iterator
from math import prod
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from ...io.hdf5.blocks import blocks
from ..graph import Node
from .shapes import window

#: Numbers of a dense matrix, and taps of a convolution, that are unpacked at once; values that one output may read.
_BLOCK, _TAPS = 2**22, 2**24


def matrix_of(node: Node) -> sp.csr_array | None:
    """The matrix of a linear node, or None for the identity. FileError names node, limit and value."""
    kind = node.type
    if kind in ("Linear", "Affine"):
        return read_dense(node)
    if kind == "SparseLinear":
        return read_sparse(node)
    if kind == "Scale":
        scale = np.broadcast_to(node.numbers("scale"), node.shape_in).reshape(-1)
        return sp.csr_array(sp.diags_array(scale))
    if kind in ("Conv1d", "Conv2d"):
        weight = node.numbers("weight", limit=2**25)
        return _convolution(node, weight.shape[0], node.whole("groups", 1, 1)[0], weight)
    if kind in ("SumPool2d", "AvgPool2d"):
        size = prod(node.whole("kernel_size", 1, 2))
        weight = np.array([1 / size if kind == "AvgPool2d" else 1.0])
        return _convolution(node, node.shape_in[0], node.shape_in[0], weight)
    return None


def bias_of(node: Node) -> NDArray[np.float64] | None:
    """The constant that a node adds, one value per output element, or None."""
    if node.type not in ("Affine", "Conv1d", "Conv2d"):
        return None
    bias = node.numbers("bias")
    if node.type.startswith("Conv"):
        bias = bias.reshape(-1, *(1,) * (len(node.shape_out) - 1))
    try:
        bias = np.broadcast_to(bias, node.shape_out).reshape(-1)
    except ValueError:
        shape = node.declared_shape("bias")
        raise node.error(
            f"has shape {shape}, expected one value per output of shape {node.shape_out}", "bias"
        ) from None
    return bias if bias.any() else None


def check_synapses(node: Node, count: float, what: str = "synapses") -> None:
    """FileError where a matrix would hold more synapses than the limit."""
    limit = node.store.limits.synapses
    if count > limit:
        raise node.error(f"means {count:.0f} {what}, the limit is {limit}; raise the limit if this is meant")


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
    matrix = sp.csr_array((data, *narrow), shape=shape)
    if not matrix.has_canonical_format:
        raise node.error("columns of a row must rise without repeats", "indices")
    return matrix


def _convolution(node: Node, outputs: int, groups: int, weight: NDArray[np.float64]) -> sp.csr_array:
    """CSR matrix of a grouped convolution; weight has shape (outputs, in / groups, *kernel), or one value for all."""
    out_size, axes = window(node, node.shape_in[1:])
    if len(axes) == 1:  # Conv1d as a Conv2d of height 1
        out_size, axes = [1, *out_size], [(1, 1, 1, 1, 0), *axes]
    inner = node.shape_in[0] // groups
    per_pixel = inner * axes[0][1] * axes[1][1]
    if per_pixel > _TAPS:
        raise node.error(f"reads {per_pixel} values for each output, the limit is {_TAPS}; use a smaller kernel")
    check_synapses(node, float(prod(out_size)) * per_pixel, "taps, padding included")
    (rows, hit_y), (columns, hit_x) = (_taps(n, *axis) for n, axis in zip(out_size, axes, strict=True))
    counts = inner * np.multiply.outer(hit_y.sum(1), hit_x.sum(1)).reshape(-1)  # taps of each output pixel
    total = int(counts.sum())
    check_synapses(node, float(outputs) * total)
    width, plane = axes[1][0], axes[0][0] * axes[1][0]
    # one output channel, ordered (y, x, channel, ky, kx): columns rise within each row
    column, tap = np.empty(total, np.int32), np.empty(total, np.int32)
    at, step = 0, max(1, _BLOCK // per_pixel)
    for start in range(0, prod(out_size), step):
        y, x = np.divmod(np.arange(start, min(start + step, prod(out_size))), out_size[1])
        hit = hit_y[y][:, None, :, None] & hit_x[x][:, None, None, :]
        hit = np.broadcast_to(hit, (len(y), inner, *hit.shape[2:]))
        place = rows[y][:, None, :, None] * width + columns[x][:, None, None, :]
        place = place + np.arange(inner)[:, None, None] * plane
        stop = at + int(counts[start : start + step].sum())
        column[at:stop] = place[hit]
        tap[at:stop] = np.flatnonzero(hit.reshape(len(y), -1)) % per_pixel
        at = stop
    first = np.arange(outputs) // (outputs // groups) * inner * plane  # first input element of each output's group
    indices = (column[None, :] + first.astype(np.int32)[:, None]).reshape(-1)
    values = np.broadcast_to(weight.reshape(len(weight), -1), (outputs, per_pixel))
    data = np.take(values, tap, axis=1).reshape(-1)
    indptr = np.concatenate([[0], np.cumsum(np.tile(counts, outputs))]).astype(np.int32)
    matrix = sp.csr_array((data, indices, indptr), shape=(prod(node.shape_out), prod(node.shape_in)))
    matrix.eliminate_zeros()
    return matrix


def _taps(
    outputs: int, size: int, kernel: int, stride: int, dilation: int, pad: int
) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Input position under each (output, kernel) pair, and whether it lies inside the input."""
    position = np.arange(outputs)[:, None] * stride + np.arange(kernel)[None, :] * dilation - pad
    return position, (position >= 0) & (position < size)
