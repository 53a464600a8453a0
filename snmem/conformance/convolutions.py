"""Convolutions in generated networks, from random numbers of their own."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ..convolution import Convolution
from ..network import Network, Projection


def convolved(network: Network, seed: int) -> Network:
    """``network`` with about half of its projections as kernels, of weights that these have; in one of two networks.

    Parameters
    ----------
    network : Network
        A generated network.
    seed : int
        The seed it was made from.
    """
    rng = np.random.default_rng([seed, 7])
    if rng.random() < 1 / 2:
        return network
    projections = []
    for q in network.projections:
        can = q.plasticity is None and len(q.delays) == 1 and q.synapses
        chosen = can and rng.random() < 1 / 2
        projections.append(replace(q, weights=_kernel(rng, q)) if chosen else q)
    return replace(network, projections=tuple(projections))


def _kernel(rng: np.random.Generator, q: Projection) -> Convolution:
    """A convolution between populations of these sizes: in one or two channels, on a line or on a column of pixels."""
    post, pre = q.weights.shape
    groups = int(rng.choice([n for n in (1, 2) if pre % n == 0 and post % n == 0]))
    size, outputs = pre // groups, post // groups
    padding = max(0, -(-(outputs - size) // 2)) + int(rng.integers(0, 2))
    window = size + 2 * padding + 1 - outputs
    together = 1 if rng.random() < 1 / 2 else groups  # channels mix, or they do not
    kernel = rng.choice(q.weights.data, (groups, groups // together, window))
    taps = (kernel != 0) | (rng.random(kernel.shape) < 1 / 2)
    if rng.random() < 1 / 2:
        return Convolution(kernel, (groups, size), padding=padding, groups=together, taps=taps)
    kernel, taps = kernel[..., None], taps[..., None]
    return Convolution(kernel, (groups, size, 1), padding=(padding, 0), groups=together, taps=taps)
