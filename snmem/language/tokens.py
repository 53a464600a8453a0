"""Byte-level BPE, as GGUF files of the GPT-2 family describe it."""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence

from ..errors import FileError

#: A text falls into these pieces, which no merge crosses: single digits, contractions, words, other signs, blanks.
_PIECES = re.compile(
    r"'(?:s|t|re|ve|m|ll|d)| ?[^\W\d_]+| ?\d+| ?(?:[^\s\w]|_)+|\s+(?!\S)|\s+",
)
_DIGITS = re.compile(r"\d")


def _bytes_as_characters() -> list[str]:
    """The printable character that stands for each byte in the file's tokens."""
    printable = {*range(33, 127), *range(161, 173), *range(174, 256)}
    spare = iter(range(256, 512))
    return [chr(b if b in printable else next(spare)) for b in range(256)]


class Tokenizer:
    """Text to numbers of tokens and back.

    Parameters
    ----------
    tokens : sequence of str
        The vocabulary, bytes written as printable characters.
    merges : sequence of str
        Pairs "a b" that become one, most urgent first.

    Raises
    ------
    FileError
        If a byte has no token.
    """

    def __init__(self, tokens: Sequence[str], merges: Sequence[str]) -> None:
        self.tokens = list(tokens)
        self._number = {token: i for i, token in enumerate(self.tokens)}
        self._rank = {pair: i for i, pair in enumerate(tuple(merge.split(" ", 1)) for merge in merges)}
        self._characters = _bytes_as_characters()
        self._byte = {c: b for b, c in enumerate(self._characters)}
        self._known: dict[str, list[int]] = {}

    def encode(self, text: str) -> list[int]:
        """Numbers of the tokens of a text.

        Raises
        ------
        FileError
            Where a byte of the text has no token.
        """
        found: list[int] = []
        at = 0
        for digit in _DIGITS.finditer(text):
            found += self._pieces(text[at : digit.start()]) + self._merged(digit.group())
            at = digit.end()
        return found + self._pieces(text[at:])

    def decode(self, numbers: Sequence[int]) -> str:
        """The text of tokens; bytes that are no UTF-8 become a replacement character."""
        characters = "".join(self.tokens[n] for n in numbers)
        return bytes(self._byte.get(c, ord("?")) for c in characters).decode("utf-8", "replace")

    def _pieces(self, text: str) -> list[int]:
        return [number for piece in _PIECES.findall(text) for number in self._merged(piece)]

    def _merged(self, piece: str) -> list[int]:
        if piece not in self._known:
            self._known[piece] = self._merge(piece)
        return self._known[piece]

    def _merge(self, piece: str) -> list[int]:
        parts = [self._characters[b] for b in piece.encode()]
        while len(parts) > 1:
            ranks = [self._rank.get(pair, len(self._rank)) for pair in itertools.pairwise(parts)]
            best = min(ranks)
            if best == len(self._rank):
                break
            i = ranks.index(best)
            parts[i : i + 2] = [parts[i] + parts[i + 1]]
        absent = [part for part in parts if part not in self._number]
        if absent:
            raise FileError(f"tokenizer: the vocabulary has no token {absent[0]!r}; use the file of the whole model")
        return [self._number[part] for part in parts]
