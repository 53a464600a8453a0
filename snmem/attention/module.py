r"""Spiking attention as a torch module of snnTorch neurons: trained end to end, exported as a Network."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any

import numpy as np

from ..errors import InputError, MissingDependencyError
from .config import AttentionConfig
from .network import GRID, AttentionNetwork, SlowWeights, between

try:
    import torch
    from torch import Tensor, nn

    snn: Any = import_module("snntorch")
except ImportError:
    raise MissingDependencyError("SpikingAttention: a package is absent; pip install 'snmem[snntorch]'") from None
from ..backends.snntorch import Surrogate

#: Largest weight that 8 bits of multiples of 1 / GRID hold.
LARGEST = 255 / GRID


class SpikingAttention(nn.Module):
    r"""Attention layer whose keys, queries and values are spikes and whose softmax is a k-WTA.

    With :math:`\Theta(x)` = 1 where x > 0 and input spikes x (items) and z (queries):

    .. math::
        K = \Theta(x W_K^T - \theta), \quad Q = \Theta(z W_Q^T - \theta), \quad V = \Theta(x W_V^T - \theta), \qquad
        A = \mathrm{kWTA}_k(Q K^T), \quad Y = \Theta(A V - \mathrm{share}\cdot k)

    A is 1 for the items whose drive is positive and at least the k-th largest, else 0. Gradients pass each
    :math:`\Theta` by a surrogate and the k-WTA by the softmax of ``sharpness`` times the drives. Weights are rounded to
    multiples of 1/64 in the forward pass (straight-through), so :meth:`attention` gives a network that answers equally:
    each item is written one-shot into fast weights of a hidden unit of its own.

    ``spikes, votes = module(items, queries)`` with items (batch, n, lines) and queries (batch, m, lines) of 0 and 1
    (of any dtype, bool included) gives the output spikes (batch, m, values) and the votes A V, to train on.

    Parameters
    ----------
    lines
        Input lines.
    keys, values
        Number of key (and query) neurons, and of value neurons.
    hidden
        Hidden units of the exported network; contexts hold up to hidden - k + 1 items.
    k
        Winners.
    share
        Share of the k winners that an output needs.
    spike
        Function of v - theta with a surrogate gradient; default ``snntorch.surrogate.fast_sigmoid(slope=5)``.
    sharpness
        Inverse temperature of the softmax that stands in for the k-WTA in the backward pass.
    seed
        Of the initial weights: normal, so that about a quarter of the neurons spike for one active line.

    Raises
    ------
    InputError
        For sizes out of range; in the forward pass for wrong shapes, values other than 0 and 1, an empty context, more
        items than fit, and k above the number of items.
    """

    def __init__(
        self,
        lines: int,
        keys: int,
        values: int,
        hidden: int,
        k: int = 1,
        share: float = 0.5,
        spike: Callable[[Tensor], Tensor] | None = None,
        sharpness: float = 0.5,
        seed: int = 0,
    ) -> None:
        super().__init__()
        if lines < 1:
            raise InputError(f"SpikingAttention.lines: must be at least 1, got {lines}")
        self.lines, self.sharpness = lines, sharpness
        self.config = AttentionConfig(keys, values, hidden, k, active=keys, novelty=1.01, share=share)
        rng = np.random.default_rng(seed)
        theta = between(0.5)

        def weights(rows: int) -> nn.Parameter:
            return nn.Parameter(torch.tensor(rng.normal(0, 0.75, (rows, lines)), dtype=torch.float32))

        self.key_weights, self.query_weights, self.value_weights = weights(keys), weights(keys), weights(values)
        surrogate = spike or Surrogate("fast_sigmoid", slope=5)
        self.neuron = self._neurons(theta, surrogate)
        self.output = self._neurons(float(np.floor(share * k)) + 0.5, surrogate)

    @staticmethod
    def _neurons(theta: float, spike: Callable[[Tensor], Tensor]) -> Any:
        """Memoryless LIF neurons of snnTorch."""
        cell = snn.Leaky(beta=0.0, threshold=theta, spike_grad=spike, reset_mechanism="none")
        snn.SpikingNeuron.instances.remove(cell)  # a list that would keep every module alive
        return cell

    def _spikes(self, x: Tensor, weights: Tensor) -> Tensor:
        rounded = torch.round(weights.clamp(-LARGEST, LARGEST) * GRID) / GRID
        current = x @ (weights + (rounded - weights).detach()).T
        return self.neuron(current, torch.zeros_like(current))[0]

    def winners(self, drives: Tensor) -> Tensor:
        """The k-WTA over the last axis, 0 and 1; in the backward pass k times a softmax."""
        kth = drives.detach().topk(self.config.k, dim=-1).values[..., -1:]
        hard = ((drives >= kth) & (drives > 0)).to(drives.dtype)
        soft = self.config.k * torch.softmax(self.sharpness * drives, dim=-1)
        return soft + (hard - soft).detach()

    def forward(self, items: Tensor, queries: Tensor) -> tuple[Tensor, Tensor]:
        """Output spikes and votes (batch, m, values) for items (batch, n, lines) and queries (batch, m, lines)."""
        items, queries = self._check("items", items), self._check("queries", queries)
        self._check_sizes(items, queries)
        keys, asked = self._spikes(items, self.key_weights), self._spikes(queries, self.query_weights)
        votes = self.winners(asked @ keys.mT) @ self._spikes(items, self.value_weights)
        return self.output(votes, torch.zeros_like(votes))[0], votes

    def _check(self, name: str, x: Tensor) -> Tensor:
        """Spikes of any type of number in the type of the weights."""
        if not isinstance(x, Tensor):
            raise InputError(f"{name}: expected a torch tensor, got {type(x).__name__}; use torch.as_tensor")
        if x.ndim != 3 or x.shape[-1] != self.lines:
            raise InputError(f"{name}: expected shape (batch, n, {self.lines}), got {tuple(x.shape)}")
        if x.is_complex() or not ((x == 0) | (x == 1)).all():
            raise InputError(f"{name}: must hold 0 and 1 only, one for each spike")
        return x.to(self.key_weights.dtype)

    def _check_sizes(self, items: Tensor, queries: Tensor) -> None:
        if len(items) != len(queries):
            raise InputError(f"queries: a batch of {len(queries)} for {len(items)} contexts; give some for each")
        n = items.shape[1]
        if n == 0:
            raise InputError("context: is empty; give at least one item")
        if n > self.config.capacity:
            raise InputError(f"context: {n} items, but {self.config.capacity} fit; use more hidden units")
        if queries.shape[1] == 0:
            raise InputError("queries: there is none; give at least one")
        self.config.check_query(n)

    def attention(self, form: str = "cells") -> AttentionNetwork:
        """The spiking network that gives the same answers, with the weights that the module holds now."""

        def rounded(weights: Tensor) -> Any:
            return np.round(weights.detach().cpu().double().clamp(-LARGEST, LARGEST).numpy() * GRID) / GRID

        matrices = [rounded(w) for w in (self.key_weights, self.query_weights, self.value_weights)]
        theta = float(self.neuron.threshold)
        return AttentionNetwork(self.config, form, SlowWeights(*matrices, key_theta=theta, value_theta=theta))
