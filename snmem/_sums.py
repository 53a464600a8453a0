"""Sums of weights that stand in one place of a sparse matrix, and whether their type holds them."""

from __future__ import annotations

from typing import Any

import numpy as np


def overflow(matrix: Any) -> int | None:
    """A sum of whole numbers of one place of a CSR matrix that their type does not hold, or None."""
    matrix.sort_indices()
    limits, begins = np.iinfo(matrix.dtype), np.ones(matrix.nnz, bool)
    np.not_equal(matrix.indices[1:], matrix.indices[:-1], out=begins[1:])
    begins[matrix.indptr[:-1][np.diff(matrix.indptr) > 0]] = True  # rows
    if begins.all():
        return None
    first = np.flatnonzero(begins)
    most = int(np.diff(first, append=matrix.nnz).max())
    if most * max(-int(matrix.data.min()), int(matrix.data.max())) <= limits.max:
        return None
    sums = np.add.reduceat(matrix.data, first, dtype=np.int64)
    return next((int(s) for s in (sums.max(), sums.min()) if not limits.min <= s <= limits.max), None)
