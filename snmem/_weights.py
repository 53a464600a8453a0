"""What is asked of the weights of a projection, in whichever form they are kept: a CSR matrix or a convolution."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from .convolution import Convolution
from .description import row_numbers

Array = NDArray[Any]
#: Synapses that are counted at a time.
_PART = 1 << 22


def csr_of(weights: Any) -> Any:
    """The weights of a projection as a CSR matrix; a convolution written out."""
    return weights.expanded if isinstance(weights, Convolution) else weights


def fan_out_of(weights: Any) -> Array:
    """Synapses of each presynaptic neuron, shape (pre,)."""
    if isinstance(weights, Convolution):
        return weights.fan_out
    indices, pre, size = weights.indices, weights.shape[1], _PART  # parts: bincount copies to int64
    parts = (np.bincount(indices[i : i + size], minlength=pre) for i in range(0, max(len(indices), 1), size))
    return sum(parts, np.zeros(pre, np.int64))


def sums_of(weights: Any, function: Callable[[Array], Array], factor: float = 1.0) -> Array:
    """The sum of ``function`` of the weights times a factor, over the synapses of each postsynaptic neuron (post,).

    In float64; the function gives 0 for 0.
    """
    if isinstance(weights, Convolution):
        return weights.sums_by_post(np.where(weights.taps, function(weights.kernel.astype(np.float64) * factor), 0.0))
    matrix = weights.astype(np.float64)
    matrix.data = function(matrix.data * factor)
    return np.asarray(matrix.sum(axis=1)).ravel()


def with_values(weights: Any, values: Any, which: Any = None) -> Any:
    """The same weights with other numbers, in the order of :func:`values_of`.

    Parameters
    ----------
    weights : Weights or Convolution
        Of a projection.
    values : array
        A number for each of its values, or for those of ``which``.
    which : array of bool
        Which values there are; the others are no synapses.
    """
    if isinstance(weights, Convolution):
        at = np.flatnonzero(weights.used)
        at = at if which is None else at[which]
        kernel, taps = np.zeros(weights.kernel.size, values.dtype), np.zeros(weights.kernel.size, bool)
        kernel[at], taps[at] = values, True
        return weights.with_kernel(kernel.reshape(weights.kernel.shape), taps.reshape(weights.kernel.shape))
    if which is None:
        return sp.csr_array((values, weights.indices, weights.indptr), shape=weights.shape)
    return sp.coo_array((values, (row_numbers(weights)[which], weights.indices[which])), shape=weights.shape)


def values_of(weights: Any) -> Array:
    """The weights that the synapses of a projection have; of a convolution, each place of the kernel once."""
    return weights.values if isinstance(weights, Convolution) else weights.data
