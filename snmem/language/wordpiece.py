"""WordPiece: the tokens of BERT and the sentence models made from it."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Sequence

from ..errors import FileError

#: Longest word that is looked up in pieces; a longer one is unknown.
LONGEST = 100
#: Blocks of characters that are words of their own (ideographs).
_IDEOGRAPHS = ((0x4E00, 0x9FFF), (0x3400, 0x4DBF), (0x20000, 0x2FA1F), (0xF900, 0xFAFF))


class WordPiece:
    """Text to numbers of tokens: lower case, no accents, words cut into the longest known pieces from the left.

    Parameters
    ----------
    vocabulary : sequence of str
        Tokens in order; pieces that continue a word begin with "##".

    Raises
    ------
    FileError
        If it lacks [CLS], [SEP] or [UNK].
    """

    def __init__(self, vocabulary: Sequence[str]) -> None:
        self._number = {token: i for i, token in enumerate(vocabulary)}
        for token in ("[CLS]", "[SEP]", "[UNK]"):
            if token not in self._number:
                raise FileError(f"vocabulary: has no token {token!r}; use the file of the whole model")

    def encode(self, text: str, most: int = 256) -> list[int]:
        """Numbers of [CLS], the tokens of the text, cut to ``most`` in all, and [SEP]."""
        pieces = [number for word in _words(text) for number in self._pieces(word)]
        return [self._number["[CLS]"], *pieces[: most - 2], self._number["[SEP]"]]

    def _pieces(self, word: str) -> list[int]:
        found: list[int] = []
        at = 0
        while at < len(word):
            for end in range(len(word), at, -1):
                piece = ("##" if at else "") + word[at:end]
                if piece in self._number and len(word) <= LONGEST:
                    found.append(self._number[piece])
                    at = end
                    break
            else:
                return [self._number["[UNK]"]]
        return found


def _words(text: str) -> Iterator[str]:
    """Words and signs, in lower case and without accents."""
    word = ""
    plain = unicodedata.normalize("NFD", text.lower())
    for c in plain:
        kind = unicodedata.category(c)
        if kind == "Mn" or c == "\ufffd" or (kind.startswith("C") and c not in "\t\n\r"):
            continue  # accents and control characters
        alone = _is_sign(c, kind)
        if not alone and not c.isspace():
            word += c
            continue
        if word:
            yield word
        word = ""
        if alone:
            yield c
    if word:
        yield word


def _is_sign(c: str, kind: str) -> bool:
    """Punctuation, every other ASCII sign, and ideographs stand alone."""
    ascii_sign = 33 <= ord(c) <= 126 and not c.isalnum()
    return ascii_sign or kind.startswith("P") or any(low <= ord(c) <= high for low, high in _IDEOGRAPHS)
