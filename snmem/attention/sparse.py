r"""Attention weights between softmax and k-WTA: how a row of logits becomes weights, most of them exactly 0 or none.

Every function maps logits (..., items) to weights of that shape.

* :func:`softmax`: :math:`e^{z_i} / \sum_j e^{z_j}`; no weight is 0, they always sum to 1.
* :func:`sparsemax`: the nearest point of the simplex, :math:`\max(z_i - \tau, 0)` with weights that sum to 1.
* :func:`entmax15`: :math:`\max(z_i / 2 - \tau, 0)^2` with weights that sum to 1, between the two.
* :func:`softmax1`: :math:`e^{z_i} / (1 + \sum_j e^{z_j})`: a null slot of logit 0 takes what matches nothing.
* :func:`winners`: 1 / k for the k largest, else 0.

Sources: Martins & Astudillo 2016, "From softmax to sparsemax", ICML; Peters, Niculae & Martins 2019, "Sparse
sequence-to-sequence models", ACL (the exact algorithm for alpha = 1.5); softmax1: Hu et al. 2024, "Outlier-efficient
Hopfield layers for large transformer-based models", ICML.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..errors import InputError

Weights = NDArray[np.float64]


def softmax(logits: ArrayLike) -> Weights:
    """All weights positive; equations above."""
    z = _logits(logits)
    weights = np.exp(z - z.max(-1, keepdims=True))
    return weights / weights.sum(-1, keepdims=True)


def softmax1(logits: ArrayLike, null: float = 0.0) -> Weights:
    """Softmax beside a null slot with the logit ``null``, whose weight is left out: the others sum to less than 1."""
    z = _logits(logits)
    top = np.maximum(z.max(-1, keepdims=True), null)
    weights = np.exp(z - top)
    return weights / (weights.sum(-1, keepdims=True) + np.exp(null - top))


def sparsemax(logits: ArrayLike) -> Weights:
    """Euclidean projection onto the simplex."""
    z = _logits(logits)
    ordered, count = _ordered(z)
    sums = ordered.cumsum(-1)
    support = (1 + count * ordered > sums).sum(-1, keepdims=True)
    threshold = (np.take_along_axis(sums, support - 1, -1) - 1) / support
    return np.maximum(z - threshold, 0)


def entmax15(logits: ArrayLike) -> Weights:
    """Entmax with alpha = 1.5."""
    z = _logits(logits) / 2
    ordered, count = _ordered(z)
    mean = ordered.cumsum(-1) / count
    spread = (ordered**2).cumsum(-1) - count * mean**2
    threshold = mean - np.sqrt(np.maximum((1 - spread) / count, 0))
    support = (threshold <= ordered).sum(-1, keepdims=True)
    return np.maximum(z - np.take_along_axis(threshold, support - 1, -1), 0) ** 2


def winners(logits: ArrayLike, k: int, least: float = -np.inf) -> Weights:
    """Equal weights for the k largest; winners below ``least`` drop out, and leave their share to nobody.

    Raises
    ------
    InputError
        For k outside 1..items.
    """
    z = _logits(logits)
    if not 1 <= k <= z.shape[-1]:
        raise InputError(f"winners: k = {k} of {z.shape[-1]} items; k must lie in 1..{z.shape[-1]}")
    kth = np.partition(z, -k, axis=-1)[..., [-k]]
    won = z >= kth
    return (won & (z >= least)) / won.sum(-1, keepdims=True)


def _logits(logits: ArrayLike) -> Weights:
    z = np.asarray(logits, np.float64)
    if z.ndim == 0 or z.shape[-1] == 0:
        raise InputError(f"attention weights: expected logits (..., items) with at least one item, got {z.shape}")
    return z


def _ordered(z: Weights) -> tuple[Weights, NDArray[Any]]:
    """Largest first, and 1, 2, ..."""
    return -np.sort(-z, -1), np.arange(1, z.shape[-1] + 1)
