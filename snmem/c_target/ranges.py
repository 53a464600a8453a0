"""How large the sums of a step and the currents of a network in Loihi's integers can become."""

from __future__ import annotations

import numpy as np

from ..errors import NetworkError
from ..network import Network
from ..neurons import LOIHI_SHIFT, LOIHI_STATE_LIMIT, LoihiLIF

#: What 64 bits hold after a decay has multiplied it.
_LARGE = 2**50


def largest(network: Network, owner: str) -> tuple[int, int]:
    """Bounds of the magnitude of a step's sum of weights, and of u.

    u is wrapped once in a step, so it stays within 24 bits unless 64 times a sum, X, exceeds 2 M = 2**24. Then it is
    below M + (X - 2 M) 4096 / (du + 1).

    Parameters
    ----------
    network : Network
        Of LoihiLIF populations, with one delay for each projection.
    owner : str
        Who asks, for messages.

    Raises
    ------
    NetworkError
        Naming the population whose numbers 64 bits do not hold.
    """
    sums, currents = 1, LOIHI_STATE_LIMIT
    for p in network.neurons:
        assert isinstance(p.neuron, LoihiLIF)
        reach = np.zeros(p.size)
        for q in network.projections:
            if q.post == p.name:
                magnitude = abs(q.weights.astype(np.int64))
                reach += np.asarray(magnitude.sum(axis=1)).reshape(-1) * 2.0 ** max(q.exponent, 0)
        beyond = np.maximum(LOIHI_SHIFT * reach - 2 * LOIHI_STATE_LIMIT, 0)
        u = LOIHI_STATE_LIMIT + (beyond * 4096 / (p.neuron.vector("du", p.size) + 1)).max()
        if max(u, LOIHI_SHIFT * reach.max()) > _LARGE:
            raise NetworkError(
                f"{owner}: population {p.name!r}: its synapses add up to {reach.max():g}, u with them to {u:g}, "
                "beyond 2**50; lower their exponents"
            )
        sums, currents = max(sums, int(np.ceil(reach.max()))), max(currents, int(np.ceil(u)))
    return sums, currents
