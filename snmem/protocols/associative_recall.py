"""Memories for MQAR without any training: random codes go in, the nearest code of what comes out is the answer.

Every model sees the same pairs in the same order, and is held to the same number of stored bits. Codes of tokens are
not counted: all models have them. :func:`models` lists them; sizes follow from ``bits``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..attention.config import AttentionConfig
from ..attention.fast_weights import FastWeightAttention
from ..memory.config import KWinnerConfig
from ..memory.kwinner import KWinnerMemory
from ..tasks.mqar import Recall

#: Bits of a number of the dense models.
HALF = 16


def sparse_codes(n: int, size: int, active: int, rng: np.random.Generator) -> NDArray[np.bool_]:
    """``n`` random codes of ``active`` ones among ``size``, uniform."""
    codes = np.zeros((n, size), bool)
    np.put_along_axis(codes, np.argpartition(rng.random((n, size)), active, axis=1)[:, :active], True, axis=1)
    return codes


def dense_codes(n: int, size: int, rng: np.random.Generator) -> NDArray[np.float32]:
    """``n`` random directions: vectors of length 1."""
    codes = rng.normal(size=(n, size)).astype(np.float32)
    return codes / np.linalg.norm(codes, axis=1, keepdims=True)


@dataclass(frozen=True)
class Model:
    """A memory for pairs of token numbers.

    recall : (keys, values) of one sequence, in order -> the value answered for each key.
    bits : stored bits of the state.    macs : multiply-adds of a token at context length L (None: works by events).
    """

    name: str
    recall: Callable[[NDArray[np.int64], NDArray[np.int64]], NDArray[np.int64]]
    bits: int
    macs: Callable[[int], float] | None = None


def accuracy(model: Model, recall: Recall, half: int) -> float:
    """Share of queries answered right. ``half``: number of key tokens; values count on from there."""
    right = [model.recall(k, v - half) == v - half for k, v in zip(recall.keys, recall.values, strict=True)]
    return float(np.mean(right))


def spiking_config(bits: int, size: int = 256, active: int = 16, k: int = 1) -> AttentionConfig:
    """Spiking attention on codes of ``active`` ones among ``size``, with as many hidden units as ``bits`` hold."""
    return AttentionConfig(size, size, bits // (2 * size + 1), k, active)


def spiking_model(config: AttentionConfig, keys: NDArray[np.bool_], values: NDArray[np.bool_]) -> Model:
    """Spiking k-WTA attention, by the algorithm that its network computes exactly."""
    memory, codes = FastWeightAttention(config), values.astype(np.float32)

    def recall(k: NDArray[np.int64], v: NDArray[np.int64]) -> NDArray[np.int64]:
        memory.clear()
        memory.write(keys[k], values[v])
        return (memory.read(keys[k]).astype(np.float32) @ codes.T).argmax(1)

    return Model("spiking k-WTA attention", recall, config.state_bits)


def softmax_model(
    keys: NDArray[np.float32], values: NDArray[np.float32], cached: int | None = None, beta: float = 32.0
) -> Model:
    """Softmax attention on the pairs alone (in its favour: no filler in the cache); the newest ``cached``, or all."""

    def recall(k: NDArray[np.int64], v: NDArray[np.int64]) -> NDArray[np.int64]:
        held_k, held_v = (x if cached is None else x[-cached:] for x in (k, v))
        logits = beta * keys[k] @ keys[held_k].astype(np.float16).astype(np.float32).T
        weights = np.exp(logits - logits.max(1, keepdims=True))
        return (weights / weights.sum(1, keepdims=True) @ values[held_v] @ values.T).argmax(1)

    d, name = keys.shape[1], "softmax attention" + ("" if cached is None else ", cache of equal bits")
    return Model(name, recall, HALF * 2 * d * (cached or 0), lambda length: length / 2 * 2 * d)


def linear_model(keys: NDArray[np.float32], values: NDArray[np.float32], delta: bool) -> Model:
    """Linear attention: S += v k' (Hebb) or S += (v - S k) k' (delta rule, unit keys), S in half precision."""
    d = keys.shape[1]

    def recall(k: NDArray[np.int64], v: NDArray[np.int64]) -> NDArray[np.int64]:
        state = np.zeros((d, d), np.float16)
        for key, value in zip(keys[k], values[v], strict=True):
            target = value - state.astype(np.float32) @ key if delta else value
            state = (state + np.outer(target, key)).astype(np.float16)
        return (keys[k] @ state.astype(np.float32).T @ values.T).argmax(1)

    work = (3 if delta else 2) * d * d
    return Model(f"linear attention, {'delta rule' if delta else 'Hebb'}", recall, HALF * d * d, lambda _: work)


def kwinner_model(config: KWinnerConfig, keys: NDArray[np.bool_], values: NDArray[np.bool_], bits: int) -> Model:
    """K-winner memory (hetero-association); a store with ``rate`` 1 leaves binary weights, else 8 bits are counted."""
    codes = values.astype(np.float32)

    def recall(k: NDArray[np.int64], v: NDArray[np.int64]) -> NDArray[np.int64]:
        memory = KWinnerMemory(config, 0)
        memory.store(keys[k], values[v])
        return (memory.recall(keys[k]).astype(np.float32) @ codes.T).argmax(1)

    return Model("K-winner memory", recall, 2 * config.hidden * config.fan_in * bits)


def models(bits: int, half: int, pairs: int, seed: int) -> list[Model]:
    """All models with states of about ``bits``; ``pairs``: what softmax attention's cache of these bits holds."""
    rng = np.random.default_rng(seed)
    d = bits // (2 * HALF * pairs)
    side = int(np.sqrt(bits / HALF))
    config = spiking_config(bits)
    sparse = tuple(sparse_codes(half, config.keys, config.active, rng) for _ in range(2))
    dense, wide = ((dense_codes(half, n, rng), dense_codes(half, n, rng)) for n in (d, side))
    kwinner = KWinnerConfig(config.keys, bits // 256, 128, 2, config.active, 1.0)
    return [
        spiking_model(config, *sparse),
        softmax_model(dense[0], dense[1], pairs),
        softmax_model(*dense),
        linear_model(*wide, delta=False),
        linear_model(*wide, delta=True),
        kwinner_model(kwinner, *sparse, bits=1),
    ]
