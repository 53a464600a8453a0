r"""Spiking attention as a torch module of snnTorch neurons: trained end to end, exported as a Network."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any, cast

import numpy as np

from ..errors import InputError, MissingDependencyError
from .config import AttentionConfig
from .network import GRID, AttentionNetwork, SlowWeights, between

try:
    import torch
    from torch import Tensor

    snn: Any = import_module("snntorch")
except ImportError:
    raise MissingDependencyError("SpikingAttention: a package is absent; pip install 'snmem[snntorch]'") from None
from ..backends.snntorch import Surrogate
from .torch_base import TorchAttention

#: Largest weight that 8 bits of multiples of 1 / GRID hold.
LARGEST = 255 / GRID
#: Standard deviation of the currents at the start: about one neuron in eight is above its threshold of a half.
CURRENT = 0.45


class SpikingAttention(TorchAttention):
    r"""Attention layer whose keys, queries and values are spikes and whose softmax is a k-WTA.

    With :math:`\Theta(x)` = 1 where x > 0 and input spikes x (items) and z (queries):

    .. math::
        K = \Theta(x W_K^T - \theta), \quad Q = \Theta(z W_Q^T - \theta), \quad V = \Theta(x W_V^T - \theta), \qquad
        A = \mathrm{kWTA}_k(Q K^T), \quad Y = \Theta(A V - \mathrm{share}\cdot k)

    A is 1 for the items whose drive is above ``null`` and at least the k-th largest, else 0. Gradients pass each
    :math:`\Theta` by a surrogate and the k-WTA by the softmax of ``sharpness`` times the drives. Weights are rounded to
    multiples of 1/64 in the forward pass (straight-through), so :meth:`attention` gives a network that answers equally:
    each item is written one-shot into fast weights of a hidden unit of its own.

    ``spikes, votes = module(items, queries)`` with items (batch, n, lines) and queries (batch, m, lines) of 0 and 1
    (of any dtype, bool included) gives the output spikes (batch, m, heads * values) and the votes A V, to train on.
    Without a batch axis both come back without one. ``mask`` (m, n) or (batch, m, n) is True where a query may attend;
    ``causal=True`` lets query i attend items 0 to i only. A query that may attend nothing gets no vote.

    Weights start normal, queries as keys. Unless ``active`` is given, the first forward pass divides them by the root
    of the mean square sum of its inputs (their mean number of active lines), so that currents spread alike
    whatever the data.

    Parameters
    ----------
    lines
        Input lines.
    keys, values
        Number of key (and query) neurons, and of value neurons, of each head.
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
        Of the initial weights.
    heads
        Heads; each has its own weights, and their outputs stand side by side.
    active
        Expected number of active lines of an item; None: measured in the first forward pass.
    null
        Drive of the null slot: an item that shares no more spikes than this with the query never wins.
    graded
        Items and queries may hold any finite numbers. The exported network takes 0 and 1 only.
    device, dtype
        Of the weights.

    Raises
    ------
    InputError
        For sizes out of range; in the forward pass for wrong shapes, values other than 0 and 1, an empty context, more
        items than fit, and k above the number of items.
    """

    scaled: Tensor

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
        heads: int = 1,
        active: float | None = None,
        null: float = 0.0,
        graded: bool = False,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(lines, keys, values, heads, seed, CURRENT, graded, device, dtype)
        self.config = AttentionConfig(keys, values, hidden, k, active=keys, novelty=1.01, share=share)
        if not 0 <= null < keys:
            raise InputError(f"SpikingAttention.null: {null} of {keys} keys; use a drive from 0 to below {keys}")
        if active is not None and not (np.isfinite(active) and active > 0):
            raise InputError(f"SpikingAttention.active: must be a positive number of lines, got {active}")
        self.sharpness, self.null = sharpness, float(null)
        surrogate = spike or Surrogate("fast_sigmoid", slope=5)
        self.neuron = self._neurons(between(0.5), surrogate)
        self.output = self._neurons(float(np.floor(share * k)) + 0.5, surrogate)
        self.register_buffer("scaled", torch.tensor(active is not None, device=device))
        self._ready = active is not None
        if active is not None:
            self._scale(1 / np.sqrt(active))

    def _neurons(self, theta: float, spike: Callable[[Tensor], Tensor]) -> Any:
        """Memoryless LIF neurons of snnTorch: their potential is their current, so ``fire`` is all of their step."""
        cell = snn.Leaky(beta=0.0, threshold=theta, spike_grad=spike, reset_mechanism="none")
        snn.SpikingNeuron.instances.remove(cell)  # a list that would keep every module alive
        return cell.to(self.key_weights.device)

    def _load_from_state_dict(self, state_dict: Any, prefix: str, *args: Any, **kwargs: Any) -> None:
        state_dict.setdefault(f"{prefix}scaled", torch.tensor(True))  # weights that were saved without a mark
        cast(Any, super())._load_from_state_dict(state_dict, prefix, *args, **kwargs)
        self._ready = bool(state_dict[f"{prefix}scaled"])

    @torch.no_grad()
    def _scale(self, factor: Any) -> None:
        for weights in (self.key_weights, self.query_weights, self.value_weights):
            weights.mul_(factor)

    @torch.no_grad()
    def _measure(self, items: Tensor, queries: Tensor) -> None:
        """Scale the weights to the activity of the first batch; one without any activity leaves that to the next."""
        if torch.compiler.is_compiling():
            raise InputError("SpikingAttention: call it once on a batch, or give active=, before it is compiled")
        squares = torch.cat([(x.to(self.key_weights.dtype) ** 2).sum(-1).flatten() for x in (items, queries)])
        squares = squares[squares > 0] if not squares.is_meta else squares
        if squares.is_meta or not len(squares):
            return
        self._scale(squares.mean().rsqrt())
        self.scaled.fill_(True)
        self._ready = True

    def _spikes(self, x: Tensor, weights: Tensor) -> Tensor:
        """Spikes of each head's neurons, (..., heads, n, neurons)."""
        rounded = torch.round(weights.clamp(-LARGEST, LARGEST) * GRID) / GRID
        current = x @ (weights + (rounded - weights).detach()).T
        return self.by_head(self.neuron.fire(current).to(current.dtype))

    def winners(self, drives: Tensor, allowed: Tensor | None = None) -> Tensor:
        """The k-WTA over the last axis, 0 and 1; in the backward pass k times a softmax."""
        if allowed is not None:
            drives = drives.masked_fill(~allowed, -1.0)
        kth = drives.detach().topk(self.config.k, dim=-1).values[..., -1:]
        hard = ((drives >= kth) & (drives > self.null)).to(drives.dtype)
        scores = self.sharpness * drives
        if allowed is not None:
            scores = scores.masked_fill(~allowed, torch.finfo(scores.dtype).min)
        soft = self.config.k * torch.softmax(scores, dim=-1)
        return soft + (hard - soft).detach()

    def forward(
        self, items: Tensor, queries: Tensor, mask: Tensor | None = None, causal: bool = False
    ) -> tuple[Tensor, Tensor]:
        """Output spikes and votes (batch, m, values) for items (batch, n, lines) and queries (batch, m, lines)."""
        items, queries = self.check(items, queries)
        n = items.shape[-2]
        if n > self.config.capacity:
            raise InputError(f"context: {n} items, but {self.config.capacity} fit; use more hidden units")
        self.config.check_query(n)
        allowed = self.allowed(items, queries, mask, causal)
        if not self._ready:
            self._measure(items, queries)
        keys, asked = self._spikes(items, self.key_weights), self._spikes(queries, self.query_weights)
        weights = self.winners(asked @ keys.mT, allowed)
        votes = self.side_by_side(weights @ self._spikes(items, self.value_weights))
        return self.output.fire(votes).to(votes.dtype), votes

    def extra_repr(self) -> str:
        """Sizes."""
        c = self.config
        rest = f", null={self.null:g}" if self.null else ""
        return f"{super().extra_repr()}, hidden={c.hidden}, k={c.k}, share={c.share:g}{rest}"

    def attention(self, form: str = "cells", head: int = 0) -> AttentionNetwork:
        """The spiking network of one head that gives the same answers, with the weights that the module holds now.

        Raises
        ------
        InputError
            For a head that is not there, and a null slot, which the network has not.
        """
        if not 0 <= head < self.heads:
            raise InputError(f"SpikingAttention.attention: head {head} of {self.heads}; heads count from 0")
        if self.null:
            raise InputError(
                f"SpikingAttention.attention: null = {self.null:g}, but the network has no null slot; use 0"
            )

        def rounded(weights: Tensor) -> Any:
            own = cast(Any, weights.detach().cpu().double()).unflatten(0, (self.heads, -1))[head]
            return np.rint(own.clamp(-LARGEST, LARGEST).numpy() * GRID) / GRID

        matrices = [rounded(w) for w in (self.key_weights, self.query_weights, self.value_weights)]
        theta = float(self.neuron.threshold)
        return AttentionNetwork(self.config, form, SlowWeights(*matrices, key_theta=theta, value_theta=theta))


class SoftmaxAttention(TorchAttention):
    r"""Softmax attention with the interface of :class:`SpikingAttention`, to put beside it in the same loop.

    .. math:: A = \mathrm{softmax}(z W_Q^T (x W_K^T)^T / \sqrt{\mathrm{keys}}), \quad Y = A\, x W_V^T

    ``spikes, outputs = module(items, queries)``: the outputs Y, and 1 where they are above a half.

    Parameters
    ----------
    lines
        Input lines.
    keys, values
        Size of keys (and queries), and of values, of each head.
    heads
        Heads.
    seed
        Of the initial weights: normal, with the variance 1 / lines.
    null
        Logit of a null slot (Softmax_1), which takes what matches nothing; None: there is none.
    graded
        Items and queries may hold any finite numbers, not 0 and 1 only.
    device, dtype
        Of the weights.

    Raises
    ------
    InputError
        For sizes out of range; in the forward pass as :class:`SpikingAttention`.
    """

    def __init__(
        self,
        lines: int,
        keys: int,
        values: int,
        heads: int = 1,
        seed: int = 0,
        null: float | None = None,
        graded: bool = False,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(lines, keys, values, heads, seed, None, graded, device, dtype)
        self.null = null

    def forward(
        self, items: Tensor, queries: Tensor, mask: Tensor | None = None, causal: bool = False
    ) -> tuple[Tensor, Tensor]:
        """Spikes and outputs (batch, m, heads * values); masks as :class:`SpikingAttention`."""
        items, queries = self.check(items, queries)
        allowed = self.allowed(items, queries, mask, causal)
        keys, asked = self.by_head(items @ self.key_weights.T), self.by_head(queries @ self.query_weights.T)
        logits = asked @ keys.mT / self.keys**0.5
        if allowed is not None:
            logits = logits.masked_fill(~allowed, -torch.inf)
        null = -torch.inf if self.null is None else self.null
        logits = torch.cat([logits, torch.full_like(logits[..., :1], null)], -1)
        weights = torch.softmax(logits, -1)[..., :-1].nan_to_num()  # a query that may attend nothing
        outputs = self.side_by_side(weights @ self.by_head(items @ self.value_weights.T))
        return (outputs > 0.5).to(outputs.dtype), outputs
