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

from math import prod
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from ..graph import Node
from .shapes import window

#: Numbers of a dense matrix that are held at once.
_BLOCK = 2**22


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
        return _convolution(node, weight, node.whole("groups", 1, 1)[0])
    if kind in ("SumPool2d", "AvgPool2d"):
        kernel = node.whole("kernel_size", 1, 2)
        weight = np.ones((node.shape_in[0], 1, *kernel))
        return _convolution(node, weight / prod(kernel) if kind == "AvgPool2d" else weight, node.shape_in[0])
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


def check_synapses(node: Node, count: float) -> None:
    """FileError where a matrix would hold more synapses than the limit."""
    limit = node.store.limits.synapses
    if count > limit:
        raise node.error(f"means {count:.0f} synapses, the limit is {limit}; raise the limit if this is meant")


def read_dense(node: Node) -> sp.csr_array:
    """The matrix of a Linear or Affine node."""
    data = node.store.dataset(node.member("weight"), node.owner("weight"))
    node.store.claim(data.size, node.owner("weight"), node.store.limits.numbers)
    if 0 in data.shape:
        raise node.error(f"has shape {data.shape}, expected at least one output and one input", "weight")
    if len(data.shape) == 2:
        return _rows_to_csr(node, data)
    blocks = [_rows_to_csr(node, data, lead) for lead in np.ndindex(data.shape[:-2])]
    return sp.csr_array(sp.block_diag(blocks, format="csr"))


def _rows_to_csr(node: Node, data: Any, lead: tuple[int, ...] = ()) -> sp.csr_array:
    """A dense dataset (or its part at ``lead``) as CSR, read in blocks of rows; zeros are no synapses."""
    rows, columns = data.shape[-2:]
    kind = data.dtype if data.dtype in (np.float32, np.int8, np.int16, np.int32) else np.dtype(np.float64)
    with node.store.guard(node.owner("weight")):
        stored = data.id.get_storage_size() > 0 or np.any(data.fillvalue != 0)
    step = max(1, _BLOCK // columns)
    if data.chunks and step > data.chunks[-2]:
        step -= step % data.chunks[-2]
    values, indices, counts = [], [], [np.zeros(1, np.int64)]
    total = 0
    for start in range(0, rows if stored else 0, step):
        with node.store.guard(node.owner("weight")):
            block = data[(*lead, slice(start, start + step))]
        row, column = np.nonzero(block)
        value = block[row, column].astype(kind)
        if not np.isfinite(value).all():
            raise node.error(f"holds {value[~np.isfinite(value)][0]}; give finite weights", "weight")
        total += len(value)
        check_synapses(node, total)
        values.append(value)
        indices.append(column.astype(np.int32))
        counts.append(np.bincount(row, minlength=len(block)))
    if not stored:
        counts.append(np.zeros(rows, np.int64))
    indptr = np.cumsum(np.concatenate(counts)).astype(np.int32)
    merged = np.concatenate(values or [np.zeros(0, kind)]), np.concatenate(indices or [np.zeros(0, np.int32)])
    return sp.csr_array((*merged, indptr), shape=(rows, columns))


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
    matrix = sp.csr_array((data, indices.astype(np.int32), indptr.astype(np.int32)), shape=shape)
    if not matrix.has_canonical_format:
        raise node.error("columns of a row must rise without repeats", "indices")
    return matrix


def _convolution(node: Node, weight: NDArray[np.float64], groups: int) -> sp.csr_array:
    """CSR matrix of a grouped convolution; weight has shape (out, in / groups, *kernel)."""
    out_size, axes = window(node, node.shape_in[1:])
    outputs, inner = weight.shape[:2]
    if len(axes) == 1:  # Conv1d as a Conv2d of height 1
        out_size, axes, weight = [1, *out_size], [(1, 1, 1, 1, 0), *axes], weight[:, :, None, :]
    (rows, hit_y), (columns, hit_x) = (_taps(n, *axis) for n, axis in zip(out_size, axes, strict=True))
    width = axes[1][0]
    plane = axes[0][0] * width
    per_pixel = inner * np.multiply.outer(hit_y.sum(1), hit_x.sum(1)).reshape(-1)  # taps of each output pixel
    check_synapses(node, float(outputs) * float(per_pixel.sum()))
    # positions of one output channel, ordered (y, x, channel, ky, kx): columns rise within each row
    shape = (len(hit_y), len(hit_x), inner, hit_y.shape[1], hit_x.shape[1])
    hit = np.broadcast_to(hit_y[:, None, None, :, None] & hit_x[None, :, None, None, :], shape)
    channel = np.arange(inner)[None, None, :, None, None] * plane
    column = channel + rows[:, None, None, :, None] * width + columns[None, :, None, None, :]
    column = np.broadcast_to(column, shape)[hit]
    tap = np.broadcast_to(np.arange(prod(shape[2:])).reshape(shape[2:]), shape)[hit]
    first = np.arange(outputs) // (outputs // groups) * inner * plane  # first input element of each output's group
    indices = (column[None, :] + first[:, None]).astype(np.int32).reshape(-1)
    data = weight.reshape(outputs, -1)[:, tap].reshape(-1)
    indptr = np.concatenate([[0], np.cumsum(np.tile(per_pixel, outputs))]).astype(np.int32)
    matrix = sp.csr_array((data, indices, indptr), shape=(prod(node.shape_out), prod(node.shape_in)))
    matrix.eliminate_zeros()
    return matrix


def _taps(
    outputs: int, size: int, kernel: int, stride: int, dilation: int, pad: int
) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Input position under each (output, kernel) pair, and whether it lies inside the input."""
    position = np.arange(outputs)[:, None] * stride + np.arange(kernel)[None, :] * dilation - pad
    return position, (position >= 0) & (position < size)
