"""The same number of synapses to every target."""

from __future__ import annotations

from typing import Any

from ..network import Projection
from .base import RULES, Ends, degree, projection
from .choose import chosen_sources


# Parameters that the rules share stand in each, so that editors, type checkers and ``help`` show them.
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
