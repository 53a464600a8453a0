"""Sequences for induction heads: a random stretch that repeats, and characters of a bigram table with triggers."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..errors import InputError
from .text import NONE, sonnets


def repeated(length: int, tokens: int, times: int, seed: int | np.random.Generator) -> NDArray[np.int64]:
    """``length`` different tokens in random order, ``times`` over.

    Raises
    ------
    InputError
        For a length above the number of tokens, or below 1.
    """
    if not 1 <= length <= tokens:
        raise InputError(f"repeated: {length} different tokens of {tokens}; use 1 to {tokens}")
    return np.tile(np.random.default_rng(seed).permutation(tokens)[:length], times)


def followed(sequence: ArrayLike, order: int = 1) -> NDArray[np.int64]:
    """What followed the last time the latest ``order`` tokens came, after each token; NONE where they are new, (n,)."""
    tokens, known = np.asarray(sequence).tolist(), dict[tuple[int, ...], int]()
    out = np.full(len(tokens), NONE)
    for t in range(order - 1, len(tokens)):
        latest = tuple(tokens[t - order + 1 : t + 1])
        out[t] = known.get(latest, NONE)
        if t >= order:
            known[tuple(tokens[t - order : t])] = tokens[t]
    return out


@dataclass(frozen=True)
class TriggerTask:
    """Characters drawn from a bigram table, in which each of k triggers is always followed by an output of its own.

    Outputs are drawn uniformly for every sequence; triggers are the most frequent characters (``fixed``), or drawn from
    their frequencies. The table is that of the bundled sonnets.

    Source: Bietti et al. 2023, "Birth of a transformer: a memory viewpoint", NeurIPS (there: tiny Shakespeare).

    Parameters
    ----------
    length : int
        Characters of a sequence.
    triggers : int
        Number of triggers k.
    fixed : bool
        Whether the triggers are the same in every sequence.

    Raises
    ------
    InputError
        For a length below 2, and triggers outside 1 to the number of characters.
    """

    length: int = 256
    triggers: int = 5
    fixed: bool = True

    def __post_init__(self) -> None:
        if self.length < 2 or not 1 <= self.triggers <= len(self.counts):
            raise InputError(f"TriggerTask: {self.triggers} triggers in {self.length} characters; use 1 or more in 2+")

    @cached_property
    def counts(self) -> NDArray[np.int64]:
        """How often character b follows character a in the sonnets, [a, b]."""
        text = sonnets()
        pairs = np.zeros((len(text.symbols), len(text.symbols)), np.int64)
        np.add.at(pairs, (text.learn[:-1], text.learn[1:]), 1)
        return pairs

    @property
    def tokens(self) -> int:
        """Number of characters."""
        return len(self.counts)

    def sample(self, seed: int | np.random.Generator) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
        """A sequence, and where its output is to be answered: triggers that it followed before; (length,)."""
        rng, often = np.random.default_rng(seed), self.counts.sum(1)
        known = np.argsort(-often, kind="stable")[: self.triggers]
        if not self.fixed:
            known = rng.choice(self.tokens, self.triggers, replace=False, p=often / often.sum())
        output = dict(zip(known.tolist(), rng.integers(0, self.tokens, self.triggers).tolist(), strict=True))
        chances = np.cumsum(np.maximum(self.counts, often[:, None] == 0), axis=1)
        out, seen = np.zeros(self.length, np.int64), np.zeros(self.length, bool)
        token, before = int(rng.choice(self.tokens, p=often / often.sum())), set[int]()
        for t in range(self.length):
            out[t], seen[t] = token, token in output and token in before
            before |= set(out[t - 1 : t].tolist())  # what follows this token is still to come
            row = chances[token]
            token = output.get(token, int(np.searchsorted(row, rng.random() * row[-1], side="right")))
        return out, seen
