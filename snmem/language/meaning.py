"""Sentences to k-hot patterns by what they mean: vectors of a sentence model, projected, and the largest taken."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.resources import files
from typing import Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..encode import Encoder, VectorEncoder
from ..errors import InputError
from .sentences import SentenceModel, read_sentence_model

#: Smoothing of the projection: whitening in full would give differences of wording the weight of what wordings share.
SMOOTHING = 10.0


class MeaningEncoder(Encoder):
    """Sentences whose patterns overlap where their meanings do.

    Parameters
    ----------
    size, active : int
        Bits and ones of a pattern.
    model : SentenceModel
        What makes vectors of sentences; default: :func:`~snmem.language.sentences.read_sentence_model`.
    smoothing : float
        Of :class:`~snmem.encode.vectors.VectorEncoder`, which projects the vectors.

    Raises
    ------
    InputError
        For sizes out of range.
    """

    def __init__(
        self, size: int = 1000, active: int = 100, model: SentenceModel | None = None, smoothing: float = SMOOTHING
    ) -> None:
        super().__init__(size, active)
        self.model = model or read_sentence_model()
        self._vectors = VectorEncoder(size, active, smoothing, separate=False)
        self._sentences: list[str] = []

    def fit(self, items: Sequence[str]) -> Self:
        """Fit the projection, and remember the sentences that ``decode`` chooses from; at least two different ones."""
        self._sentences = list(dict.fromkeys(items))
        self._known = self.model.encode(self._sentences)
        self._vectors.fit(self._known)
        self._patterns = self._vectors.encode(self._known)
        return self

    def encode(self, items: Sequence[str]) -> NDArray[np.bool_]:
        """Patterns of sentences, (n, size); InputError for what is no list of texts."""
        return self._vectors.encode(self.model.encode(items))

    def decode(self, patterns: ArrayLike) -> list[str]:
        """The known sentence whose pattern overlaps most, for each of ``patterns`` (n, size)."""
        if not self._sentences:
            raise self._not_fitted()
        overlap = self._check_patterns(patterns).astype(np.float32) @ self._patterns.T.astype(np.float32)
        return [self._sentences[i] for i in overlap.argmax(1)]

    def search(self, items: Sequence[str]) -> NDArray[np.int64]:
        """Exact search, for comparison: the number of the known sentence whose vector has the largest cosine."""
        if not self._sentences:
            raise self._not_fitted()
        return (self.model.encode(items) @ self._known.T).argmax(1)


def drop_words(sentences: Sequence[str], share: float, seed: int | np.random.Generator | None = 0) -> list[str]:
    """The sentences without a share of their words (rounded, at least one of several), in order.

    Raises
    ------
    InputError
        For a share outside 0..1.
    """
    if not 0.0 <= share <= 1.0:
        raise InputError(f"drop_words: share must lie in [0, 1], got {share!r}")
    rng, out = np.random.default_rng(seed), []
    for sentence in sentences:
        words = sentence.split()
        lost = min(len(words) - 1, max(1, round(share * len(words)))) if share else 0
        kept = np.sort(rng.permutation(len(words))[lost:]) if words else []
        out.append(" ".join(words[i] for i in kept))
    return out


def load_paraphrases() -> tuple[list[str], list[str]]:
    """Sixty plain sentences, and the same said in other words."""
    lines = (files("snmem") / "data" / "paraphrases.tsv").read_text(encoding="utf-8").splitlines()
    pairs = [line.split("\t") for line in lines]
    return [a for a, _ in pairs], [b for _, b in pairs]
