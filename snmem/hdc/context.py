"""Two memories for the pairs of a context, behind one interface: a superposition, and fast weights."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..attention.config import AttentionConfig
from ..attention.fast_weights import FastWeightAttention
from ..errors import InputError
from .algebras.block import BlockCodes
from .base import Codes


class ContextMemory(Protocol):
    """What holds the pairs of a context: written one by one, asked by key."""

    codes: BlockCodes

    def clear(self) -> None:
        """Forget everything."""
        ...

    def write(self, keys: ArrayLike, values: ArrayLike) -> None:
        """Add pairs of codes, (n, B) each, in order."""
        ...

    def read(self, queries: ArrayLike) -> Codes:
        """Return a code, noisy or not, for the value of each of the queries (n, B)."""
        ...


def pairs_of(codes: BlockCodes, keys: ArrayLike, values: ArrayLike) -> tuple[Codes, Codes]:
    """Keys and values as codes (n, B); InputError unless there are as many of both."""
    first, second = np.atleast_2d(codes.codes(keys, "keys")), np.atleast_2d(codes.codes(values, "values"))
    if first.shape != second.shape:
        raise InputError(f"context: {len(first)} keys but {len(second)} values; give one value for each key")
    return first, second


class Superposition:
    r"""All pairs in one bundle: the state and the work of a token do not grow with the number of pairs.

    .. math::
        t = \mathrm{bundle}_m(\mathrm{bind}(k_m, v_m)), \qquad \mathrm{read}(q) = \mathrm{unbind}(t, q)

    What is read is the value in the blocks that its pair won, and noise in the others; a clean-up finds the value as
    long as the pairs are few for the width of the codes (``snmem.protocols.hypervectors``).

    Parameters
    ----------
    codes : BlockCodes
        The algebra.

    Attributes
    ----------
    votes : int (B, L)
        Pairs that have each unit active.
    """

    def __init__(self, codes: BlockCodes) -> None:
        self.codes = codes
        self.clear()

    def clear(self) -> None:
        """See :class:`ContextMemory`."""
        self.votes: NDArray[Any] = self.codes.accumulator()

    def write(self, keys: ArrayLike, values: ArrayLike) -> None:
        """See :class:`ContextMemory`; InputError where their numbers differ."""
        first, second = pairs_of(self.codes, keys, values)
        self.votes = self.codes.accumulate(self.votes, self.codes.bind(first, second))

    @property
    def trace(self) -> Codes:
        """The bundle, (B,)."""
        return self.codes.threshold(self.votes)

    def read(self, queries: ArrayLike) -> Codes:
        """See :class:`ContextMemory`."""
        return self.codes.unbind(self.trace, queries)


class FastWeights:
    """Each pair in the fast weights of a unit of its own: exact, and the work of a token grows with the units.

    The layer is :class:`~snmem.attention.fast_weights.FastWeightAttention` on the B L lines of the codes: a k-WTA with
    one winner takes the place of the softmax. A pair takes an unused unit, or the one whose key it shares more than
    half of its blocks with.

    Parameters
    ----------
    codes : BlockCodes
        The algebra.
    slots : int
        Units, that is pairs that fit.

    Raises
    ------
    InputError
        Unless there is at least one slot.
    """

    def __init__(self, codes: BlockCodes, slots: int) -> None:
        self.codes, self.config = codes, fast_weights_config(codes, slots)
        self.layer = FastWeightAttention(self.config)

    def clear(self) -> None:
        """See :class:`ContextMemory`."""
        self.layer.clear()

    def write(self, keys: ArrayLike, values: ArrayLike) -> None:
        """See :class:`ContextMemory`; InputError where their numbers differ."""
        first, second = pairs_of(self.codes, keys, values)
        self.layer.write(self.codes.to_dense(first), self.codes.to_dense(second))

    def read(self, queries: ArrayLike) -> Codes:
        """See :class:`ContextMemory`; InputError before the first pair."""
        asked = np.atleast_2d(self.codes.codes(queries, "queries"))
        found = self.codes.from_dense(self.layer.read(self.codes.to_dense(asked)))
        return found.reshape(np.shape(queries))

    def weights(self, queries: ArrayLike) -> NDArray[np.float64]:
        """Return the attention weights (n, slots): 1 / number of winners for those, else exactly 0."""
        won = self.layer.winners(self.codes.to_dense(np.atleast_2d(self.codes.codes(queries, "queries"))))
        return won / np.maximum(won.sum(1, keepdims=True), 1)


def fast_weights_config(codes: BlockCodes, slots: int) -> AttentionConfig:
    """Sizes of the attention layer that holds ``slots`` pairs of codes; drives of unused units are whole numbers."""
    levels = max(1, min(slots, codes.blocks // 4 + 1))
    return AttentionConfig(codes.dimensions, codes.dimensions, slots, active=codes.blocks, levels=levels)
