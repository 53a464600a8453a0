"""A number of synapses in all."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..description import flag, whole
from ..network import Projection
from .base import MOST, RULES, Ends, projection
from .choose import chosen_sources


# Parameters that the rules share stand in each, so that editors, type checkers and ``help`` show them.
@RULES.register("fixed_total_number")
def fixed_total_number(
    pre: Any,
    post: Any,
    number: int,
    weights: Any = 1.0,
    delays: Any = 1,
    *,
    multapses: bool = True,
    autapses: bool = True,
    seed: int = 0,
    name: str = "",
    **options: Any,
) -> Projection:
    """Draw ``number`` pairs of neurons, each pair as likely as any other.

    Parameters
    ----------
    pre : Input or Population
        Where spikes come from.
    post : Population
        Where they go to.
    number : int
        Synapses in all.
    weights : float or Distribution
        Weights. Those of the same pair add up to one synapse, unless their delays are drawn.
    delays : int or Distribution
        Delays in steps.
    multapses : bool
        Whether a pair may be drawn several times.
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
        For a number that is not whole or above that of the pairs, and distributions that do not fit.
    """
    ends = Ends.of(pre, post, seed, name)
    size, sources = ends.post.size, ends.sources(autapses)
    most = MOST if flag(f"{ends.owner}: multapses", multapses) and sources else min(MOST, size * sources)
    total = whole(f"{ends.owner}: number", number, 0, most)
    rng = np.random.default_rng(int(ends.key))
    if multapses:
        counts = rng.multinomial(total, np.full(size, 1 / size))
    else:
        counts = rng.multivariate_hypergeometric(np.full(size, sources), total, method="marginals")
    return projection(ends, chosen_sources(ends, counts, autapses, multapses), weights, delays, **options)
