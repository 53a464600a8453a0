"""The same number of synapses to every target."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..description import whole
from ..errors import NetworkError
from ..network import Projection
from .base import RULES, Ends, projection
from .choose import chosen_sources


def degree(ends: Ends, what: str, value: Any, size: int, most: int, multapses: bool) -> Any:
    """A number of synapses for each of ``size`` neurons; NetworkError unless whole, >= 0 and possible."""
    limit = None if multapses and most else most
    if np.ndim(value) == 0:
        return np.full(size, whole(f"{ends.owner}: {what}", value, 0, limit), np.int64)
    given = np.asarray(value)
    if given.shape != (size,) or given.dtype.kind not in "iu":
        raise NetworkError(f"{ends.owner}: {what} must be a whole number or {size} of them, got shape {given.shape}")
    for extreme in (given.min(), given.max()):
        whole(f"{ends.owner}: {what}", extreme, 0, limit)
    return given.astype(np.int64)


@RULES.register("fixed_in_degree")
def fixed_in_degree(
    pre: Any,
    post: Any,
    in_degree: Any,
    weights: Any = 1.0,
    delays: Any = 1,
    *,
    multapses: bool = True,
    autapses: bool = True,
    seed: int = 0,
    name: str = "",
    **options: Any,
) -> Projection:
    """Give each neuron of ``post`` a fixed number of synapses from randomly chosen neurons of ``pre``.

    Parameters
    ----------
    pre : Input or Population
        Where spikes come from.
    post : Population
        Where they go to.
    in_degree : int or array of int, shape (post,)
        Synapses of each target.
    weights : float or Distribution
        Weights. Those of the same pair add up to one synapse, unless their delays are drawn.
    delays : int or Distribution
        Delays in steps.
    multapses : bool
        Whether a source may be chosen several times.
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
        For a number that is not whole or that there are not enough sources for, and distributions that do not fit.
    """
    ends = Ends.of(pre, post, seed, name)
    counts = degree(ends, "in_degree", in_degree, ends.post.size, ends.sources(autapses), multapses)
    return projection(ends, chosen_sources(ends, counts, autapses, multapses), weights, delays, **options)
