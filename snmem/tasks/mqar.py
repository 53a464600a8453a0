"""Multi-query associative recall (MQAR): a sequence lists key-value pairs, later asks for the value of each key.

Tokens 1 .. V/2 - 1 are keys, V/2 .. V - 1 values, 0 is filler. A sequence of L tokens starts with K pairs (2 K tokens).
Each key comes once more as a query, in an even place 2 K + 2 g with K distinct gaps g drawn from
:math:`p(g) \\propto (g + 1)^{a - 1}`: near places are likelier (a = 1: uniform). The label of a query is its value.

Task: Arora et al., "Zoology: Measuring and Improving Recall in Efficient Language Models", ICLR 2024. The generator is
our own, with one seed for everything; random fillers never are a key of their sequence.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError

#: Label of a place that asks for nothing.
NONE = -100


@dataclass(frozen=True, eq=False)
class Recall:
    """Sequences of the task.

    tokens : int (n, L).    labels : int (n, L), NONE where nothing is asked.
    keys, values : int (n, K), the pairs in order.    places : int (n, K), where each key is asked.
    """

    tokens: NDArray[np.int64]
    labels: NDArray[np.int64]
    keys: NDArray[np.int64]
    values: NDArray[np.int64]
    places: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.tokens)


@dataclass(frozen=True)
class RecallTask:
    """MQAR with ``pairs`` K pairs in sequences of ``length`` L tokens out of a ``vocabulary`` of V.

    ``power`` is a; ``random_filler``: fillers are random key tokens that the sequence does not use, instead of 0.

    Raises
    ------
    InputError
        Unless L is even, 4 K <= L, V is even and both its halves hold K tokens, and a > 0.
    """

    pairs: int = 64
    length: int = 256
    vocabulary: int = 8192
    power: float = 0.01
    random_filler: bool = False

    def __post_init__(self) -> None:
        if self.pairs < 1 or self.length % 2 or 4 * self.pairs > self.length:
            raise InputError(
                f"RecallTask: {self.pairs} pairs in {self.length} tokens; needs 1 <= pairs, an even length, and "
                "4 * pairs <= length"
            )
        if self.vocabulary % 2 or self.vocabulary // 2 <= self.pairs:
            raise InputError(
                f"RecallTask.vocabulary: {self.vocabulary} tokens for {self.pairs} pairs; needs an even number above "
                f"{2 * self.pairs}"
            )
        if not self.power > 0:
            raise InputError(f"RecallTask.power: must be positive, got {self.power}")

    def sample(self, n: int, seed: int | np.random.Generator | None = 0) -> Recall:
        """Draw ``n`` sequences."""
        if n < 1:
            raise InputError(f"RecallTask.sample: n must be at least 1, got {n}")
        rng, half, k = np.random.default_rng(seed), self.vocabulary // 2, self.pairs
        keys = np.stack([rng.choice(half - 1, k, replace=False) + 1 for _ in range(n)])
        values = np.stack([rng.choice(half, k, replace=False) + half for _ in range(n)])
        places = 2 * k + 2 * self._gaps(n, rng)
        tokens = self._filler(keys, rng)
        tokens[:, : 2 * k : 2], tokens[:, 1 : 2 * k : 2] = keys, values
        labels = np.full(tokens.shape, NONE)
        rows = np.arange(n)[:, None]
        tokens[rows, places], labels[rows, places] = keys, values
        return Recall(tokens, labels, keys, values, places)

    def _gaps(self, n: int, rng: np.random.Generator) -> NDArray[np.int64]:
        """(n, K) distinct gaps: the K smallest of exponential times with rates p are draws without replacement."""
        space = (self.length - 2 * self.pairs) // 2
        rate = np.arange(1, space + 1) ** (self.power - 1)
        return np.argsort(rng.exponential(size=(n, space)) / rate, axis=1)[:, : self.pairs]

    def _filler(self, keys: NDArray[np.int64], rng: np.random.Generator) -> NDArray[np.int64]:
        tokens = np.zeros((len(keys), self.length), np.int64)
        if self.random_filler:
            for row, used in zip(tokens, keys, strict=True):
                row[:] = rng.choice(np.setdiff1d(np.arange(1, self.vocabulary // 2), used), self.length)
        return tokens
