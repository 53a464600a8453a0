"""The same number of synapses from every source."""

from __future__ import annotations

from typing import Any

import numpy as np

from .._hash import mix
from .._jit import kernel
from ..network import Projection
from .base import RULES, Ends, Pairs, degree, pointers, projection
from .choose import choose


# Parameters that the rules share stand in each, so that editors, type checkers and ``help`` show them.
@RULES.register("fixed_out_degree")
def fixed_out_degree(
    pre: Any,
    post: Any,
    out_degree: Any,
    weights: Any = 1.0,
    delays: Any = 1,
    *,
    multapses: bool = True,
    autapses: bool = True,
    seed: int = 0,
    name: str = "",
    **options: Any,
) -> Projection:
    """Give each neuron of ``pre`` a fixed number of synapses to randomly chosen neurons of ``post``.

    Parameters
    ----------
    pre : Input or Population
        Where spikes come from.
    post : Population
        Where they go to.
    out_degree : int or array of int, shape (pre,)
        Synapses of each source.
    weights : float or Distribution
        Weights. Those of the same pair add up to one synapse, unless their delays are drawn.
    delays : int or Distribution
        Delays in steps.
    multapses : bool
        Whether a target may be chosen several times.
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
        For a number that is not whole or that there are not enough targets for, and distributions that do not fit.
    """
    ends = Ends.of(pre, post, seed, name)
    own, key, size = ends.leaves_out(autapses), ends.stream(0), ends.post.size
    each = degree(ends, "out_degree", out_degree, ends.pre.size, size - own, multapses)
    pointers(ends.owner, each, divisible=False)
    counts, nothing = np.zeros(size, np.int64), np.zeros(0, np.int32)
    _columns(each, counts, nothing, key, size - own, own, multapses)
    indptr = pointers(ends.owner, counts, divisible=False)

    def fill(indices: Any, low: int, high: int) -> None:
        _columns(each, indptr[:-1].copy(), indices, key, size - own, own, multapses)

    return projection(ends, Pairs(indptr, fill, multapses, divisible=False), weights, delays, **options)


@kernel
def _columns(each, at, indices, key, size, own, multapses):
    """Count the synapses of each target in ``at``; or, where ``indices`` has room, write the sources from there on."""
    marked, targets = np.zeros(1 if multapses else size, np.uint8), np.zeros(each.max() if each.size else 0, np.int32)
    for pre in range(each.size):
        mine = targets[: each[pre]]
        choose(mine, size, mix(key, pre), marked, multapses)
        for k in range(mine.size):
            post = mine[k] + (own and mine[k] >= pre)
            if indices.size:
                indices[at[post]] = pre
            at[post] += 1
