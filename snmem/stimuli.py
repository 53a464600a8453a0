"""Input spikes to drive a network with."""

from __future__ import annotations

from numbers import Real

import numpy as np
from numpy.typing import NDArray

from ._text import shown
from .errors import InputError
from .network import Input, Network
from .spikes import Spikes, count

#: Numbers that are drawn for one input, at most: some minutes; and at a time.
DRAWS, _BLOCK = 2**36, 2**22
#: Spikes of one input, at most, expected on average: 16 GB.
_SPIKES = 10**9


def poisson(network: Network, steps: int, seed: int, rate: float) -> dict[str, Spikes]:
    """Return Poisson spikes for every input: a line spikes with probability 1 - exp(-rate) in a step.

    Parameters
    ----------
    network : Network
        Its inputs are given spikes, each from a random stream of its own.
    steps : int
        Length of the run.
    seed : int
        Of the random streams.
    rate : float
        Spikes per line and step.

    Returns
    -------
    dict
        Input name -> Spikes.

    Raises
    ------
    InputError
        For steps or a seed that are no whole numbers >= 0, a rate that is no number >= 0, and more numbers than are
        drawn.
    """
    steps, seed = count("poisson: steps", steps), count("poisson: seed", seed)
    p = _probability(rate)
    for source in network.fed:
        cells = steps * source.size
        if cells > DRAWS or cells * p > _SPIKES:
            raise InputError(
                f"poisson: {steps:,} steps of input {source.name!r} ({source.size:,} lines) are {cells:.3g} random "
                f"numbers and {cells * p:.3g} spikes, the limits are {DRAWS:.3g} and {_SPIKES:.0e}; use fewer steps"
            )
    streams = (np.random.default_rng([seed, i]) for i in range(len(network.fed)))
    return {source.name: _drawn(source, steps, rng, p) for source, rng in zip(network.fed, streams, strict=True)}


def _probability(rate: object) -> float:
    """Of at least one spike in a step."""
    if not (isinstance(rate, Real) and float(rate) >= 0):
        raise InputError(f"poisson: rate must be a number of spikes per line and step >= 0, got {shown(rate)}")
    return float(-np.expm1(-float(rate)))


def _drawn(source: Input, steps: int, rng: np.random.Generator, p: float) -> Spikes:
    """Spikes of one input, a block of steps at a time; the numbers are those of one draw."""
    rows, cells = max(1, _BLOCK // source.size), [np.zeros(0, np.int64)]
    for first in range(0, steps, rows):
        block: NDArray[np.float64] = rng.random((min(rows, steps - first), source.size))
        cells.append(np.flatnonzero(block < p) + first * source.size)
    at = np.concatenate(cells)
    return Spikes(at // source.size, at % source.size, steps, source.size)
