"""A delay for each synapse, out of projections that have one each."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.sparse as sp

from ..errors import InputError
from ..network import Projection


def with_delays(pre: str, post: str, weights: Any, delays: Any, name: str = "") -> tuple[Projection, ...]:
    """Split synapses by their delay, into one projection for each.

    Parameters
    ----------
    pre, post : str
        Names of the populations.
    weights
        Array or sparse matrix (post, pre) the weights; zeros of a dense array are no synapses.
    delays : array (post, pre)
        Steps of each synapse, at least 1; those of absent synapses do not count.
    name : str
        The projections are called ``<name>.<delay>``; by default "pre->post".

    Raises
    ------
    InputError
        For delays of another shape, that are no whole numbers or below 1, and where there is no synapse.
    """
    matrix: Any = sp.coo_array(weights)
    name = name or f"{pre}->{post}"
    steps = np.asarray(delays)
    if steps.shape != matrix.shape or steps.dtype.kind not in "iu":
        raise InputError(f"{name}: delays must be whole numbers {matrix.shape}, got {steps.dtype} {steps.shape}")
    each = steps[matrix.row, matrix.col]
    if not each.size:
        raise InputError(f"{name}: has no synapse; give at least one weight")
    if each.min() < 1:
        raise InputError(f"{name}: delay {each.min()} is below 1 step; every connection takes at least one")
    projections = []
    for delay in np.unique(each):
        at = each == delay
        part = sp.csr_array((matrix.data[at], (matrix.row[at], matrix.col[at])), shape=matrix.shape)
        projections.append(Projection(pre, post, part, delay=int(delay), name=f"{name}.{delay}"))
    return tuple(projections)
