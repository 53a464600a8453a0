"""Every neuron to every neuron."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..network import Projection
from .base import RULES, Ends, Pairs, pointers, projection


# Parameters that the rules share stand in each, so that editors, type checkers and ``help`` show them.
@RULES.register("all_to_all")
def all_to_all(
    pre: Any,
    post: Any,
    weights: Any = 1.0,
    delays: Any = 1,
    *,
    autapses: bool = True,
    seed: int = 0,
    name: str = "",
    **options: Any,
) -> Projection:
    """Join all neurons of ``pre`` to all of ``post``.

    Parameters
    ----------
    pre : Input or Population
        Where spikes come from.
    post : Population
        Where they go to.
    weights : float or Distribution
        Weights.
    delays : int or Distribution
        Delays in steps.
    autapses : bool
        Whether neurons of one population are joined to themselves.
    seed : int
        Of the random numbers, together with the name.
    name : str
        Of the projection; by default "pre->post".
    options
        Of :func:`snmem.topology.base.projection`: dtype, threads, and those of :class:`snmem.Projection`.

    Raises
    ------
    NetworkError
        For more synapses than a projection holds, and distributions that do not fit.
    """
    ends = Ends.of(pre, post, seed, name)
    size, own = ends.sources(autapses), ends.leaves_out(autapses)

    def fill(indices: Any, low: int, high: int) -> None:
        rows = indices.reshape(high - low, size)
        rows[:] = np.arange(size, dtype=np.int32)
        if own:
            for row in range(low, high):
                rows[row - low, row:] += 1

    indptr = pointers(ends.owner, np.full(ends.post.size, size))
    return projection(ends, Pairs(indptr, fill), weights, delays, **options)
