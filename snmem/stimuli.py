"""Input spikes to drive a network with."""

from __future__ import annotations

import numpy as np

from .network import Network
from .spikes import Spikes


def poisson(network: Network, steps: int, seed: int, rate: float) -> dict[str, Spikes]:
    """Poisson spikes of ``rate`` per line and step for every input, at most one per step; one random stream each."""
    p = -np.expm1(-rate)
    out: dict[str, Spikes] = {}
    for i, source in enumerate(network.inputs):
        rng = np.random.default_rng([seed, i])
        cells = np.flatnonzero(rng.random((steps, source.size)) < p)
        out[source.name] = Spikes(cells // source.size, cells % source.size, steps, source.size)
    return out
