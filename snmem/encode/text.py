"""Lines of text: hashed character n-grams and k-WTA; back by the nearest known line."""

from __future__ import annotations

import hashlib
import math
import os
import unicodedata
from collections import Counter
from collections.abc import Iterator, Sequence
from importlib.resources import files
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .._text import path_text
from ..errors import FileError, InputError
from ..io.reading import read_bytes
from .base import ENCODERS, Encoder, k_hot

#: Bytes and lines of a text file, and characters of a line, that are read.
BYTES, LINES, LINE = 2**22, 100_000, 10_000
_START, _END = "\x02", "\x03"
_UNITS, _ROWS = 16, 1024
#: Rarity of a feature that no fitted line has.
_UNSEEN = 0.25


@ENCODERS.register("text")
class TextEncoder(Encoder):
    r"""Lines of text to k-hot patterns that change little when some characters do.

    A line's features f are its n-grams (with marks for start and end) and its characters at their places, without
    regard to case. A hash of each feature names 16 units and a value :math:`v_f \in [-1, 1)` for each of them; the
    pattern is

    .. math:: p = \mathrm{kWTA}_{\mathrm{active}}\Big(\sum_f w_f v_f\Big)

    N-grams survive inserted and deleted characters, places tell lines made of the same words apart. A fitted encoder
    multiplies :math:`w_f` by the rarity :math:`\ln((N+1)/n_f) / \ln(N+1)` of a feature in :math:`n_f` of the N fitted
    lines, or by 1/4 for one in none of them (most likely an error), so that what lines have in common does not make
    their patterns alike. The hash (BLAKE2b) is the same on every machine and in every run. ``decode`` returns, of the
    fitted lines, the one whose pattern overlaps most.

    Parameters
    ----------
    size, active
        Bits and ones of a pattern.
    grams
        Lengths n of the n-grams, each of weight w = 1.
    place_weight
        Weight w of (place, character) features; 0 leaves them out.
    """

    def __init__(
        self, size: int = 1000, active: int = 100, grams: Sequence[int] = (2, 3), place_weight: float = 2.0
    ) -> None:
        super().__init__(size, active)
        if not grams or min(grams) < 1:
            raise InputError(f"TextEncoder.grams: must be whole numbers, at least 1, got {tuple(grams)}; try (2, 3)")
        if not place_weight >= 0:
            raise InputError(f"TextEncoder.place_weight: must be at least 0, got {place_weight!r}")
        self.grams, self.place_weight = tuple(grams), float(place_weight)
        self._lines: list[str] = []
        self._rarity: dict[str, float] = {}

    def _features(self, line: str) -> Iterator[tuple[str, float]]:
        text = unicodedata.normalize("NFC", line.casefold())
        marked = _START + text + _END
        for n in self.grams:
            for i in range(len(marked) - n + 1):
                yield f"{n}:{marked[i : i + n]}", 1.0
        if self.place_weight:
            for i, character in enumerate(text):
                yield f"@{i}:{character}", self.place_weight

    def _sums(self, line: str) -> NDArray[np.float64]:
        features = list(self._features(line))
        digests = b"".join(
            hashlib.blake2b(name.encode(errors="surrogatepass"), digest_size=4 * _UNITS).digest()
            for name, _ in features
        )
        # The high half of hash x size is the unit, the low half the value.
        product = np.frombuffer(digests, "<u4").astype(np.uint64) * np.uint64(self.size)
        values = (product & np.uint64(0xFFFFFFFF)) / 2.0**31 - 1.0
        unseen = _UNSEEN if self._rarity else 1.0
        values *= np.repeat([weight * self._rarity.get(name, unseen) for name, weight in features], _UNITS)
        sums = np.bincount((product >> np.uint64(32)).astype(np.int64), values, minlength=self.size)
        # Units that no feature names tie at 0: very short lines need an order of their own for them.
        key = hashlib.blake2b(line.encode(errors="surrogatepass"), digest_size=8).digest()
        noise = np.random.PCG64(int.from_bytes(key, "little")).random_raw(self.size)
        return sums + noise / 2.0**64 * 1e-6

    def fit(self, items: Sequence[str]) -> Self:
        """Take in how rare each feature is, and remember the lines that ``decode`` chooses from."""
        self._check(items)
        lines = list(dict.fromkeys(items))
        counts = Counter(name for line in lines for name in {name for name, _ in self._features(line)})
        scale = math.log(len(lines) + 1)
        self._rarity = {name: math.log((len(lines) + 1) / count) / scale for name, count in counts.items()}
        self._lines, self._patterns = lines, self.encode(lines)
        return self

    @staticmethod
    def _check(items: Any) -> None:
        if isinstance(items, str):
            raise InputError("lines: got one text instead of a list of lines; use text.splitlines()")
        if not len(items):
            raise InputError("lines: is empty; give at least one line")
        lines: Sequence[Any] = items
        for i, line in enumerate(lines):
            if not isinstance(line, str) or not line:
                raise InputError(f"lines: item {i} is {line!r}, expected a text of at least 1 character")

    def encode(self, items: Sequence[str]) -> NDArray[np.bool_]:
        """Return the patterns of the lines, shape (n, size).

        Raises
        ------
        InputError
            If ``items`` is one text instead of a list of lines, is empty, or holds an empty line or something else.
        """
        self._check(items)
        out = np.empty((len(items), self.size), bool)
        for first in range(0, len(items), _ROWS):  # the sums of all lines at once would take 8 times their patterns
            part = slice(first, first + _ROWS)
            out[part] = k_hot(np.array([self._sums(line) for line in items[part]]), self.active)
        return out

    def decode(self, patterns: ArrayLike) -> list[str]:
        """Return, for each pattern, the known line whose pattern overlaps most (of equals the first)."""
        if not self._lines:
            raise self._not_fitted()
        overlap = self._check_patterns(patterns).astype(np.float32) @ self._patterns.T.astype(np.float32)
        return [self._lines[i] for i in overlap.argmax(axis=1)]


def replace_characters(lines: Sequence[str], share: float, seed: int | np.random.Generator | None = 0) -> list[str]:
    """Return the lines with a share of their characters (rounded, at least one) replaced by other letters a to z."""
    if not 0.0 <= share <= 1.0:
        raise InputError(f"replace_characters: share must lie in [0, 1], got {share!r}")
    rng = np.random.default_rng(seed)
    out: list[str] = []
    for line in lines:
        characters = list(line)
        count = min(len(line), max(1, round(share * len(line)))) if share else 0
        hit: list[int] = rng.choice(len(line), count, replace=False).tolist() if count else []
        for i in hit:
            others = [c for c in "abcdefghijklmnopqrstuvwxyz" if c != characters[i].lower()]
            characters[i] = others[rng.integers(len(others))]
        out.append("".join(characters))
    return out


def load_text(path: str | os.PathLike[str]) -> list[str]:
    """Read a UTF-8 text file, one memory a line: stripped, without empty lines, repeated lines once.

    Raises
    ------
    FileError
        The file is missing, not UTF-8, not text, too large, or has no line with characters.
    """
    remedy = "give a text file with one memory a line"
    data, name = read_bytes(path, BYTES, remedy), path_text(path)
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        found = f"byte 0x{error.object[error.start]:02x} at position {error.start}"
        raise FileError(f"{name}: is not UTF-8 text ({found}); convert it, e.g. iconv -f latin1 -t utf-8") from error
    if "\x00" in text:
        raise FileError(f"{name}: holds NUL characters, so it is not text; {remedy}")
    lines = list(dict.fromkeys(line for line in map(str.strip, text.splitlines()) if line))
    if not lines:
        raise FileError(f"{name}: holds no line with characters; {remedy}")
    longest = max(map(len, lines))
    if len(lines) > LINES or longest > LINE:
        found = f"{len(lines)} lines, the longest of {longest} characters"
        raise FileError(
            f"{name}: has {found}; the limits are {LINES} lines of {LINE} characters; cut it into shorter ones"
        )
    return lines


def load_verses() -> list[str]:
    """Return the bundled text: 224 lines of Shakespeare's sonnets 1 to 15 and 18 (public domain)."""
    return files("snmem").joinpath("data/sonnets.txt").read_text("utf-8").splitlines()
