r"""Delays that are learned, as a torch module: every synapse has one weight at a place of its own among the delays.

.. math::
    z_c = b_c + \sum_i w_{ci} \sum_\tau G_{ci\tau}\, x_i(t - \tau), \qquad
    G_{ci\tau} \propto e^{-(\tau - d_{ci})^2 / 2 \sigma^2}, \quad \textstyle\sum_\tau G_{ci\tau} = 1

The width sigma shrinks while learning, so that gradients reach far at first and in the end each synapse has one delay,
which is then rounded.

Source: Hammouamri, Khalfaoui-Hassani & Masquelier 2024, "Learning delays in spiking neural networks using dilated
convolutions with learnable spacings", ICLR (sigma to 0.23 within a quarter of the training).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError, MissingDependencyError
from ..network import Projection
from .delays import with_delays

try:
    import torch
    from torch import Tensor, nn
except ImportError:
    raise MissingDependencyError("LearnedDelays: a package is absent; pip install 'snmem[snntorch]'") from None

#: Width of the Gaussian in the end.
NARROW = 0.23


class LearnedDelays(nn.Module):
    """Synapses with learnable weights and delays (equations above).

    ``module(windows)`` with windows (batch, delays, pre), the newest spikes first, gives z (batch, post).

    Parameters
    ----------
    pre, post : int
        Numbers of lines and of neurons.
    delays : int
        Delays to choose from: 0 to delays - 1 steps.
    seed : int
        Of initial weights and delays.

    Raises
    ------
    InputError
        For sizes below 1.
    """

    def __init__(self, pre: int, post: int, delays: int, seed: int = 0) -> None:
        super().__init__()
        if min(pre, post, delays) < 1:
            raise InputError(f"LearnedDelays: sizes {pre}, {post} and {delays} must be at least 1")
        rng, self.delays, self.sigma = np.random.default_rng(seed), delays, delays / 3
        self.weight = nn.Parameter(torch.tensor(rng.random((post, pre)) * 0.2, dtype=torch.float32))
        self.delay = nn.Parameter(torch.tensor(rng.random((post, pre)) * (delays - 1), dtype=torch.float32))
        self.bias = nn.Parameter(torch.zeros(post))

    def anneal(self, done: float) -> None:
        """Set sigma for a share ``done`` of the training, from a third of the delays down to 0.23 at a quarter."""
        wide = max(self.delays / 3, NARROW)
        self.sigma = wide * (NARROW / wide) ** min(1.0, 4 * done)

    def kernels(self) -> Tensor:
        """Weights by delay, (post, pre, delays)."""
        place = self.delay.clamp(0, self.delays - 1)[..., None]
        away = -((torch.arange(self.delays, device=place.device) - place) ** 2) / (2 * self.sigma**2)
        return self.weight[..., None] * torch.softmax(away, dim=-1)

    def forward(self, windows: Tensor) -> Tensor:
        """z of each neuron, (batch, post)."""
        return torch.einsum("bdp,cpd->bc", windows, self.kernels()) + self.bias

    def rounded(self) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
        """Weights and whole delays, (post, pre) each."""
        with torch.no_grad():
            delay = self.delay.clamp(0, self.delays - 1).round()
            return self.weight.double().cpu().numpy(), delay.to(torch.int64).cpu().numpy()

    def projections(self, pre: str, post: str, name: str = "") -> tuple[Projection, ...]:
        """The synapses with whole delays, a step longer each, by :func:`snmem.circuits.delays.with_delays`."""
        weights, delays = self.rounded()
        return with_delays(pre, post, weights, delays + 1, name)
