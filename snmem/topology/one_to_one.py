"""Neuron i to neuron i."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..errors import NetworkError
from ..network import Projection
from .base import RULES, Ends, Pairs, projection


# Parameters that the rules share stand in each, so that editors, type checkers and ``help`` show them.
@RULES.register("one_to_one")
def one_to_one(
    pre: Any, post: Any, weights: Any = 1.0, delays: Any = 1, *, seed: int = 0, name: str = "", **options: Any
) -> Projection:
    """Join neuron i of ``pre`` to neuron i of ``post``, which has the same size.

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
    seed : int
        Of the random numbers, together with the name.
    name : str
        Of the projection; by default "pre->post".
    options
        Of :func:`snmem.topology.base.projection`: dtype, threads, and those of :class:`snmem.Projection`.

    Raises
    ------
    NetworkError
        For populations of different sizes, and distributions that do not fit.
    """
    ends = Ends.of(pre, post, seed, name)
    size = ends.post.size
    if ends.pre.size != size:
        raise NetworkError(f"{ends.owner}: one to one joins populations of one size, got {ends.pre.size} and {size}")

    def fill(indices: Any, low: int, high: int) -> None:
        indices[:] = np.arange(low, high)

    return projection(ends, Pairs(np.arange(size + 1), fill), weights, delays, **options)
