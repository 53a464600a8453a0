"""Delays of single synapses: checked against the weights' pattern, and kept as one small number for each synapse."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from ._text import shown
from .convolution import Convolution
from .description import Weights, frozen, real_array, weight_matrix, whole
from .errors import NetworkError

#: The longest delay in steps.
LONGEST = 2**31 - 1


def with_delay(owner: str, weights: Any, delay: Any) -> tuple[Weights | Convolution, Any]:
    """Weights and delay of a projection as they are kept.

    Parameters
    ----------
    owner
        What messages begin with.
    weights
        As ``Projection.weights``.
    delay
        A whole number, or a delay for each synapse as ``Projection.delay`` says.

    Returns
    -------
    tuple
        The locked CSR matrix, or the convolution, and an int or a locked array of the smallest unsigned type, in the
        order of the matrix's data. Where all synapses have the same delay, it is an int.
    """
    if isinstance(weights, Convolution):
        if not _is_number(delay):
            raise NetworkError(f"{owner}: a convolution has one delay; give a whole number, or weights.tocsr()")
        return weights, whole(f"{owner}: delay", delay, 0, LONGEST)
    if _is_number(delay):
        if isinstance(weights, Weights) and not weights.has_canonical_format:
            weights = sp.csr_array(weights)  # synapses that differed in their delay alone become one
        return weight_matrix(owner, weights), whole(f"{owner}: delay", delay, 0, LONGEST)
    if isinstance(weights, Weights) and weights.locked and _kept(delay, weights.nnz):
        return weights, delay
    matrix = _as_sparse(owner, weights)
    steps = _steps(owner, matrix, delay)
    if steps.size == 0 or (steps == steps[0]).all():
        return weight_matrix(owner, weights), int(steps[0]) if steps.size else 1
    steps = steps.astype(np.min_scalar_type(int(steps.max())))
    matrix, steps = _sorted(matrix, steps)
    plain = weight_matrix(owner, matrix, keep_duplicates=True)
    return plain, frozen(steps, own=True)


def distinct(delay: Any) -> tuple[int, ...]:
    """The delays of a projection, ascending."""
    return (delay,) if isinstance(delay, int) else tuple(np.unique(delay).tolist())


def same_delays(a: Any, b: Any) -> bool:
    """Whether two delays, as they are kept, are equal."""
    return a == b if isinstance(a, int) or isinstance(b, int) else np.array_equal(a, b)


def _is_number(delay: Any) -> bool:
    if sp.issparse(delay):
        return False
    if isinstance(delay, np.ndarray):
        return delay.ndim == 0
    return isinstance(delay, (int, str)) or np.asarray(delay, object).ndim == 0


def _kept(delay: Any, synapses: int) -> bool:
    """Whether ``delay`` comes from a projection with as many synapses, of the same order."""
    return isinstance(delay, np.ndarray) and delay.shape == (synapses,) and frozen(delay) is delay


def _as_sparse(owner: str, weights: Any) -> Any:
    """Weights as CSR, CSC or COO with duplicates in their order; of a dense array, its values other than 0."""
    matrix: Any = weights if sp.issparse(weights) else weight_matrix(owner, weights)
    if matrix.ndim != 2:
        raise NetworkError(f"{owner}: weights must be a number matrix (post, pre), got shape {matrix.shape}")
    return matrix if matrix.format in ("csr", "csc", "coo") else matrix.tocoo()


def _places(matrix: Any) -> tuple[NDArray[Any], NDArray[Any]]:
    """Row and column of each entry, in the order of the data."""
    coo = sp.coo_array(matrix) if matrix.format == "coo" else matrix.tocoo()
    return coo.row, coo.col


def _steps(owner: str, matrix: Any, delay: Any) -> NDArray[Any]:
    """The delay of each entry of ``matrix``, in the order of its data, as whole numbers >= 0."""
    what = f"{owner}: delay"
    given = _sparse_steps(what, matrix, delay) if sp.issparse(delay) else real_array(delay)
    if given is None or given.dtype.kind == "b":
        raise NetworkError(f"{what} must be a whole number or one for each synapse, got {shown(delay)}")
    if given.ndim == 2 and given.shape == matrix.shape:
        given = given[_places(matrix)]
    elif given.shape != (matrix.nnz,):
        raise NetworkError(
            f"{what} has shape {given.shape}; give a matrix {matrix.shape} as the weights, or one number for each of "
            f"the {matrix.nnz:,} synapses in the order of weights.data"
        )
    low, high = given.min(initial=0), given.max(initial=0)
    if given.dtype.kind == "f" and not (np.isfinite(given).all() and (given == np.floor(given)).all()):
        bad = given[~(np.isfinite(given) & (given == np.floor(given)))][0]
        raise NetworkError(f"{what} must be whole steps, got {bad:g}; divide times by dt and round them")
    if low < 0 or high > LONGEST:
        raise NetworkError(f"{what} must be a whole number in 0..{LONGEST}, got {low if low < 0 else high:g}")
    return given


def _sparse_steps(what: str, matrix: Any, delay: Any) -> NDArray[Any]:
    """The entries of a sparse matrix of delays in the order of the weights' data."""
    pattern = f"{what} is a sparse matrix of another pattern than the weights"
    if delay.shape != matrix.shape or delay.nnz != matrix.nnz:
        raise NetworkError(
            f"{pattern} ({delay.shape} with {delay.nnz:,} entries, the weights {matrix.shape} with {matrix.nnz:,}); "
            "give it an entry for each synapse, explicit zeros included"
        )
    delay = delay if delay.format in ("csr", "csc", "coo") else delay.tocoo()
    ours, theirs = _places(matrix), _places(delay)
    if all(np.array_equal(a, b) for a, b in zip(ours, theirs, strict=True)):
        return delay.data
    orders = [np.lexsort(places[::-1]) for places in (ours, theirs)]
    if not all(np.array_equal(a[orders[0]], b[orders[1]]) for a, b in zip(ours, theirs, strict=True)):
        raise NetworkError(f"{pattern}; give it an entry for each synapse, explicit zeros included")
    row, column = (a[orders[0]] for a in ours)
    if ((row[1:] == row[:-1]) & (column[1:] == column[:-1])).any():
        raise NetworkError(
            f"{what}: several synapses join the same two neurons, and the matrices list them in different orders; "
            "give delays as one number for each synapse in the order of weights.data"
        )
    steps = np.empty_like(delay.data)
    steps[orders[0]] = delay.data[orders[1]]
    return steps


def _sorted(matrix: Any, steps: NDArray[Any]) -> tuple[Any, NDArray[Any]]:
    """CSR with synapses by target, source, then delay; those that have all three in common become one."""
    if matrix.format == "csr" and _ascending(matrix.indptr, matrix.indices, steps):
        return matrix, steps
    row, column = _places(matrix)
    order = np.lexsort((steps, column, row))
    row, column, steps, data = row[order], column[order], steps[order], matrix.data[order]
    first = np.ones(len(row), bool)
    first[1:] = (row[1:] != row[:-1]) | (column[1:] != column[:-1]) | (steps[1:] != steps[:-1])
    at = np.flatnonzero(first)
    data = data if len(at) == len(data) else np.add.reduceat(data, at, dtype=data.dtype)
    indptr = np.searchsorted(row[at], np.arange(matrix.shape[0] + 1))
    kind = np.int32 if max(len(at), *matrix.shape) < 2**31 else np.int64
    made = sp.csr_array((data, column[at].astype(kind), indptr.astype(kind)), shape=matrix.shape)
    return made, steps[at]


def _ascending(indptr: Any, indices: Any, steps: Any) -> bool:
    """Whether (column, delay) ascends strictly within every row."""
    size = 1 << 22  # compared in parts
    for begin in range(0, len(indices) - 1, size):
        a, b = indices[begin : begin + size + 1], steps[begin : begin + size + 1]
        ascends = (a[1:] > a[:-1]) | ((a[1:] == a[:-1]) & (b[1:] > b[:-1]))
        rows = indptr[slice(*np.searchsorted(indptr, (begin + 1, begin + len(a))))]
        ascends[rows - begin - 1] = True
        if not ascends.all():
            return False
    return True
