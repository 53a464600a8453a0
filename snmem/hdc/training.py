r"""Trained code tables: gradients through one-hot blocks, for both context memories.

A table holds logits (tokens, B, L). Going forward, each block is the one-hot vector of its largest logit; gradients
pass as if it were the softmax (straight-through). Binding of one-hot blocks is the circular convolution of length L,
and unbinding the circular correlation, so that what is computed forward is what
:class:`~snmem.hdc.transformer.HDTransformer` computes with whole numbers. Needs torch.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError, MissingDependencyError
from .transformer import HDTransformer


@dataclass(frozen=True, eq=False)
class Batch:
    """Contexts and what is to be answered.

    Attributes
    ----------
    keys, values : int (contexts, n)
        Tokens of the pairs.
    queries, targets : int (contexts, q)
        Tokens asked, and the items to be answered.
    causal : bool
        Query i sees the pairs before number i only; else all.
    """

    keys: NDArray[np.int64]
    values: NDArray[np.int64]
    queries: NDArray[np.int64]
    targets: NDArray[np.int64]
    causal: bool = False


def _torch() -> Any:
    try:
        import torch
    except ImportError:
        message = "training of codes: package 'torch' is absent; pip install snmem[snntorch]"
        raise MissingDependencyError(message) from None
    return torch


class _Tables:
    """Logits of the three tables, and the scores of the items."""

    def __init__(self, model: HDTransformer, seed: int) -> None:
        torch = self.torch = _torch()
        generator = torch.Generator().manual_seed(seed)
        self.model, self.units = model, model.codes.units
        tables = {name: getattr(model, name) for name in ("keys", "queries", "values")}
        self.logits: dict[str, Any] = {}
        for name, table in tables.items():  # the given codes, not yet beyond doubt
            noise = torch.randn((*table.shape, self.units), generator=generator)
            self.logits[name] = (noise + self.one_hot(torch.from_numpy(table.astype(np.int64)))).requires_grad_()
        self.items = self.one_hot(torch.from_numpy(model.items.astype(np.int64)))

    def one_hot(self, index: Any) -> Any:
        """Blocks (..., L) of units, as float32."""
        return self.torch.nn.functional.one_hot(index, self.units).float()

    def hard(self, logits: Any, sharp: float = 1.0) -> Any:
        """One-hot blocks of the largest entries, with the gradient of the softmax."""
        soft = (sharp * logits).softmax(-1)
        return self.one_hot(logits.argmax(-1)) + soft - soft.detach()

    def codes(self, name: str, tokens: NDArray[np.int64]) -> Any:
        """Codes of tokens, (..., B, L)."""
        return self.hard(self.logits[name])[self.torch.from_numpy(np.asarray(tokens, np.int64))]

    def convolve(self, a: Any, b: Any, inverse: bool = False) -> Any:
        """Circular convolution (correlation) of the blocks: bind (unbind)."""
        fft = self.torch.fft
        other = fft.rfft(b)
        return fft.irfft(fft.rfft(a) * (other.conj() if inverse else other), self.units)

    def superposition(self, keys: Any, values: Any, queries: Any, causal: bool) -> Any:
        """What is read from the bundle, (contexts, q, B, L)."""
        bound = self.convolve(keys, values)
        votes = bound.cumsum(1) - bound if causal else bound.sum(1, keepdim=True)
        return self.convolve(self.hard(votes, 4.0), queries, inverse=True)

    def fast_weights(self, keys: Any, values: Any, queries: Any, causal: bool) -> Any:
        """The values of the winners, (contexts, q, B, L)."""
        torch = self.torch
        overlap = torch.einsum("cqbl,cnbl->cqn", queries, keys)
        if causal:
            late = torch.ones(overlap.shape[1:], dtype=torch.bool).triu()
            overlap = overlap.masked_fill(late, -1.0)
        soft = overlap.softmax(-1)
        won = torch.nn.functional.one_hot(overlap.argmax(-1), overlap.shape[-1]).float()
        return torch.einsum("cqn,cnbl->cqbl", won + soft - soft.detach(), values)

    def scores(self, batch: Batch) -> Any:
        """Equal blocks of what is read with each item, (contexts, q, items)."""
        keys, values = self.codes("keys", batch.keys), self.codes("values", batch.values)
        queries = self.codes("queries", batch.queries)
        read = getattr(self, self.model.memory)(keys, values, queries, batch.causal)
        return self.torch.einsum("cqbl,ibl->cqi", read, self.items)


def train(
    model: HDTransformer,
    sample: Callable[[np.random.Generator], Batch],
    iterations: int = 400,
    rate: float = 0.05,
    seed: int = 0,
) -> HDTransformer:
    """Return the model with code tables that were trained to answer.

    Parameters
    ----------
    model : HDTransformer
        Where to start; order 1. Its items stay as they are.
    sample : callable
        Draws a batch, given a generator.
    iterations : int
        Steps of Adam on the cross entropy of the items.
    rate : float
        Its learning rate.
    seed : int
        Of the batches and of the noise that the tables begin with.

    Raises
    ------
    InputError
        For a model of another order.
    MissingDependencyError
        Without torch.
    """
    torch = _torch()
    if model.order != 1:
        raise InputError(f"train: trains keys of one token, the model has order {model.order}")
    tables, rng = _Tables(model, seed), np.random.default_rng(seed)
    optimizer = torch.optim.Adam(list(tables.logits.values()), lr=rate)
    sharpness = 16.0 / model.codes.blocks
    for _ in range(iterations):
        batch = sample(rng)
        scores = sharpness * tables.scores(batch)
        loss = torch.nn.functional.cross_entropy(
            scores.flatten(0, 1), torch.from_numpy(np.asarray(batch.targets, np.int64)).flatten()
        )
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    found = {name: logits.argmax(-1).numpy().astype(np.int16) for name, logits in tables.logits.items()}
    return replace(model, **found)
