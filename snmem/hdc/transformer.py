r"""The HD-Transformer: tokens are hypervectors, position is a permutation, attention is a context memory.

.. math::
    k_t = \bigotimes_{j=0}^{n-1} \rho^j\,c^{\mathrm{key}}(x_{t-j}), \qquad
    q_t = \bigotimes_{j=0}^{n-1} \rho^j\,c^{\mathrm{query}}(x_{t-j})

The memory holds pairs of a key and a value code, by superposition or by fast weights (:mod:`snmem.hdc.context`). What
it reads for a query is cleaned up to one of the known items. The code tables are the slow weights: drawn at random,
written by hand, or trained (:mod:`snmem.hdc.training`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..errors import InputError
from .algebras.block import BlockCodes
from .base import Codes, Seed
from .context import ContextMemory, FastWeights, Superposition

MEMORIES = ("superposition", "fast_weights")


@dataclass(frozen=True, eq=False)
class HDTransformer:
    """Code tables and a context memory.

    Parameters
    ----------
    codes : BlockCodes
        The algebra.
    keys, queries, values : int (tokens, B)
        Code of each token where it is a key, part of a query, a value.
    items : int (items, B)
        Codes that an answer is one of.
    memory : str
        "superposition" or "fast_weights".
    slots : int
        Pairs that the fast weights hold.
    order : int
        Tokens n that make up a key.

    Raises
    ------
    InputError
        For an unknown memory, tables of another width, and an order below 1.
    """

    codes: BlockCodes
    keys: Codes
    queries: Codes
    values: Codes
    items: Codes
    memory: str = "superposition"
    slots: int = 64
    order: int = 1

    def __post_init__(self) -> None:
        if self.memory not in MEMORIES:
            raise InputError(f"HDTransformer.memory: unknown {self.memory!r}; use one of {', '.join(MEMORIES)}")
        for name in ("keys", "queries", "values", "items"):
            object.__setattr__(self, name, self.codes.codes(getattr(self, name), f"HDTransformer.{name}"))
        if self.order < 1:
            raise InputError(f"HDTransformer.order: must be at least 1, got {self.order}")

    @classmethod
    def random(cls, codes: BlockCodes, tokens: int, seed: Seed = 0, **options: Any) -> HDTransformer:
        """The untrained form: one random code for each token as key and query, another as value and item."""
        rng = np.random.default_rng(seed)
        keys, values = codes.random(tokens, rng), codes.random(tokens, rng)
        return cls(codes, keys, keys, values, values, **options)

    def new_memory(self) -> ContextMemory:
        """An empty context memory."""
        return Superposition(self.codes) if self.memory == "superposition" else FastWeights(self.codes, self.slots)

    def compose(self, tokens: ArrayLike, table: Codes) -> Codes:
        """Bind the codes of ``order`` tokens (n, order), the newest last, each rotated by its age: (n, B).

        Raises
        ------
        InputError
            For another number of tokens, or tokens that the table does not have.
        """
        array = np.asarray(tokens)
        array = array[:, None] if array.ndim == 1 and self.order == 1 else array
        if array.ndim != 2 or array.shape[1] != self.order:
            raise InputError(f"HDTransformer: a key is {self.order} tokens, (n, {self.order}), got shape {array.shape}")
        outside = array[(array < 0) | (array >= len(table))]
        if outside.size:
            raise InputError(f"HDTransformer: token {outside[0]} is outside 0..{len(table) - 1}")
        bound = table[array[:, -1]]
        for age in range(1, self.order):
            bound = self.codes.bind(bound, self.codes.permute(table[array[:, -1 - age]], age))
        return bound

    def write(self, memory: ContextMemory, keys: ArrayLike, values: ArrayLike) -> None:
        """Write pairs: tokens (n, order) or (n,) as keys, tokens (n,) as values."""
        memory.write(self.compose(keys, self.keys), self.values[np.asarray(values)])

    def read(self, memory: ContextMemory, queries: ArrayLike) -> NDArray[np.int64]:
        """Return the number of the item that the memory answers to each query, tokens (n, order) or (n,)."""
        return self.codes.cleanup(memory.read(self.compose(queries, self.queries)), self.items)

    def answer(self, keys: ArrayLike, values: ArrayLike, queries: ArrayLike) -> NDArray[np.int64]:
        """Write a context into an empty memory and answer queries: :meth:`write`, then :meth:`read`."""
        memory = self.new_memory()
        self.write(memory, keys, values)
        return self.read(memory, queries)

    def predict(self, sequence: ArrayLike) -> NDArray[np.int64]:
        """Predict every next token of a sequence (n,) from the pairs before: tokens so far as key, the next as value.

        Each prediction is made before its pair is written. Returns (n,): -1 in the first ``order`` + 1 places, for
        which no pair precedes. Items are tokens.
        """
        tokens = np.asarray(sequence)
        windows = np.lib.stride_tricks.sliding_window_view(tokens, self.order)[:-1]
        out, memory = np.full(len(tokens), -1), self.new_memory()
        for i, window in enumerate(windows):
            if i:
                out[i + self.order] = self.read(memory, window[None])[0]
            self.write(memory, window[None], tokens[i + self.order][None])
        return out
