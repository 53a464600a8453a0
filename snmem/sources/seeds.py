"""The same network with other random events: the trials of an experiment."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from .._text import shown
from ..errors import NetworkError
from .base import Source


def reseeded(network: Any, seed: int) -> Any:
    """The network with another seed in every source that draws at random.

    Neurons and projections are the same objects, so that the event engine does not lay them out again: n trials cost n
    runs and one set-up. ::

        trials = [simulate(reseeded(network, seed), {}, 10_000) for seed in range(30)]

    Parameters
    ----------
    network : Network
        With sources, such as :class:`Poisson`.
    seed : int
        Of all of them, >= 0; events follow from the names of the sources, too.

    Returns
    -------
    Network

    Raises
    ------
    NetworkError
        For what is no network or no seed.
    """
    if not hasattr(network, "populations"):  # a Network: this module is below it
        raise NetworkError(f"reseeded: takes a Network, got {shown(network)}")

    def other(p: Any) -> Any:
        return replace(p, seed=seed) if isinstance(p, Source) and hasattr(p, "seed") else p

    return replace(network, populations=tuple(map(other, network.populations)))
