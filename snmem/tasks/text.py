"""Real text as a sequence of symbols: the bundled sonnets, and what a perfect memory of a passage would find."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.resources import files

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..errors import InputError

#: Symbol of a place for which there is no answer.
NONE = -1


@dataclass(frozen=True, eq=False)
class Text:
    """Characters as numbers.

    Attributes
    ----------
    symbols : str
        the characters, sorted; a character's number is its place here.
    learn : int (n,)
        the part to learn from.
    segments : list of int (length,)
        the rest, cut into pieces.
    """

    symbols: str
    learn: NDArray[np.int64]
    segments: list[NDArray[np.int64]]


def sonnets(length: int = 64, share: float = 0.75) -> Text:
    """The bundled sonnets in lower case: the first ``share`` to learn from, segments of ``length`` characters.

    Raises
    ------
    InputError
        for a length below 2, and a share outside (0, 1).
    """
    if length < 2 or not 0 < share < 1:
        raise InputError(f"sonnets: length {length} and share {share} must be at least 2 and in (0, 1)")
    text = (files("snmem") / "data" / "sonnets.txt").read_text(encoding="utf-8").lower()
    symbols = "".join(sorted(set(text)))
    numbers = np.array([symbols.index(c) for c in text])
    cut = int(share * len(numbers))
    held = numbers[cut:]
    return Text(symbols, numbers[:cut], [held[i : i + length] for i in range(0, len(held) - length, length)])


def followers(sequence: ArrayLike, order: int) -> NDArray[np.int64]:
    """What followed whenever the last ``order`` symbols were met before in this sequence, (n,).

    NONE where they were not met, or not always followed by the same symbol.
    """
    symbols = np.asarray(sequence).tolist()
    known: dict[tuple[int, ...], set[int]] = {}
    out = np.full(len(symbols), NONE)
    for i in range(order, len(symbols)):
        seen = known.setdefault(tuple(symbols[i - order : i]), set())
        if len(seen) == 1:
            out[i] = next(iter(seen))
        seen.add(symbols[i])
    return out
