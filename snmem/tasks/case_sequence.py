"""The Case Sequence Task: in which case did the queried letter stand in the context?

With L letters there are 3 L tokens: 0 .. L-1 the lower-case letters, L .. 2L-1 the upper-case ones, 2L .. 3L-1 the
queries. A context holds N distinct letters in random order, each in a random case; the query asks for one of them.

Source: Bhandarkar & McClelland 2025, arXiv 2511.04593, section 3 (L = N = 4).
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import permutations, product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError

Array = NDArray[Any]
_NAMES = "abcdefghijklmnopqrstuvwxyz"


@dataclass(frozen=True, eq=False)
class Sequences:
    """Sequences of the task.

    context : tokens, int (n, N).    query : tokens, int (n,).    upper : the right answers, bool (n,).
    """

    context: NDArray[np.int64]
    query: NDArray[np.int64]
    upper: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.query)

    def __getitem__(self, rows: slice | NDArray[np.int64]) -> Sequences:
        return Sequences(self.context[rows], self.query[rows], self.upper[rows])


@dataclass(frozen=True)
class CaseSequenceTask:
    """The task with ``letters`` L letters and contexts of ``context`` N of them.

    Raises
    ------
    InputError
        Unless 1 <= N <= L.
    """

    letters: int = 4
    context: int = 4

    def __post_init__(self) -> None:
        if self.letters < 1:
            raise InputError(f"CaseSequenceTask.letters: must be at least 1, got {self.letters}")
        if not 1 <= self.context <= self.letters:
            raise InputError(
                f"CaseSequenceTask.context: {self.context} letters of {self.letters}; letters of a context are "
                f"distinct, so it must lie in 1..{self.letters}"
            )

    @property
    def tokens(self) -> int:
        """Number of tokens, 3 L."""
        return 3 * self.letters

    def token_name(self, token: int) -> str:
        """``a``, ``A`` or ``a?`` for lower case, upper case and query of letter 0 (``x26`` ... beyond z)."""
        kind, letter = divmod(int(token), self.letters)
        if not 0 <= kind < 3:
            raise InputError(f"CaseSequenceTask.token_name: token {token} is outside 0..{self.tokens - 1}")
        name = _NAMES[letter] if letter < len(_NAMES) else f"x{letter}"
        return (name, name.upper(), name + "?")[kind]

    def sample(self, n: int, seed: int | np.random.Generator | None = 0) -> Sequences:
        """Draw ``n`` random sequences."""
        if n < 1:
            raise InputError(f"CaseSequenceTask.sample: n must be at least 1, got {n}")
        rng = np.random.default_rng(seed)
        letters = rng.permuted(np.tile(np.arange(self.letters), (n, 1)), axis=1)[:, : self.context]
        upper = rng.random((n, self.context)) < 0.5
        return self._sequences(letters, upper, rng.integers(self.context, size=n))

    def all(self) -> Sequences:
        """Every distinct sequence once: L! / (L-N)! orders x 2^N cases x N queries (1536 for L = N = 4)."""
        number = np.prod(np.arange(self.letters, self.letters - self.context, -1, dtype=float)) * 2.0**self.context
        if number * self.context > 1e6:
            raise InputError(f"CaseSequenceTask.all: {number * self.context:.3g} sequences; draw some with sample()")
        orders = permutations(range(self.letters), self.context)
        cases = list(product((False, True), repeat=self.context))
        rows = [(o, c, q) for o in orders for c in cases for q in range(self.context)]
        letters, upper, asked = (np.array(part) for part in zip(*rows, strict=True))
        return self._sequences(letters, upper, asked)

    def _sequences(self, letters: Array, upper: Array, asked: Array) -> Sequences:
        row = np.arange(len(asked))
        query = 2 * self.letters + letters[row, asked]
        return Sequences(letters + self.letters * upper, query, upper[row, asked])
