"""Every pair with one probability."""

from __future__ import annotations

from typing import Any

import numpy as np

from .._hash import mix
from .._jit import kernel
from ..description import number
from ..errors import NetworkError
from ..network import Projection
from .base import RULES, Ends, counted, projection
from .distributions import uniform


# Parameters that the rules share stand in each, so that editors, type checkers and ``help`` show them.
@RULES.register("fixed_probability")
def fixed_probability(
    pre: Any,
    post: Any,
    p: float,
    weights: Any = 1.0,
    delays: Any = 1,
    *,
    autapses: bool = True,
    seed: int = 0,
    name: str = "",
    **options: Any,
) -> Projection:
    """Join each pair of neurons with probability ``p``, independently of all others.

    Parameters
    ----------
    pre : Input or Population
        Where spikes come from.
    post : Population
        Where they go to.
    p : float
        Probability of a synapse, in 0..1.
    weights : float or Distribution
        Weights.
    delays : int or Distribution
        Delays in steps.
    autapses : bool
        Whether neurons of one population may be joined to themselves.
    seed : int
        Of the random numbers, together with the name.
    name : str
        Of the projection; by default "pre->post".
    options
        Of :func:`snmem.topology.base.projection`: dtype, threads, and those of :class:`snmem.Projection`.

    Raises
    ------
    NetworkError
        For a probability outside 0..1, more synapses than a projection holds, and distributions that do not fit.
    """
    ends = Ends.of(pre, post, seed, name)
    chance = number(f"{ends.owner}: p", p)
    if not 0 <= chance <= 1:
        raise NetworkError(f"{ends.owner}: p must be a probability in 0..1, got {chance:g}")
    size, own, key = ends.sources(autapses), ends.leaves_out(autapses), ends.stream(0)

    def write(counts: Any, indices: Any, indptr: Any, low: int, high: int) -> None:
        if chance > 0:
            _rows(counts, indices, indptr, key, low, high, size, chance, own)

    return projection(ends, counted(ends, write), weights, delays, **options)


@kernel
def _rows(counts, indices, indptr, key, low, high, size, chance, own):
    """Write the sources of some targets, or where ``indices`` has no room, count them.

    The distance to the next source has a geometric distribution.
    """
    scale = 1.0 / np.log1p(-chance) if chance < 1 else 0.0
    for row in range(low, high):
        mine, n, source = mix(key, row), 0, -1.0
        while True:
            source += 1.0 + np.floor(np.log(uniform(mine, n)) * scale)
            if source >= size:
                break
            if indices.size:
                j = np.int64(source)
                indices[indptr[row] - indptr[low] + n] = j + (own and j >= row)
            n += 1
        if indices.size == 0:
            counts[row] = n
