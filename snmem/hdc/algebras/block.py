r"""Block codes: B blocks of L units of which one is active, held as the number of that unit.

.. math::
    \mathrm{bind}(a, b)_i = (a_i + b_i) \bmod L, \qquad \mathrm{unbind}(c, b)_i = (c_i - b_i) \bmod L

.. math::
    \mathrm{bundle}(c^1 .. c^n)_i = \arg\max_u \#\{m : c^m_i = u\}, \qquad
    \mathrm{sim}(a, b) = \tfrac{1}{B} \#\{i : a_i = b_i\}

As spikes: B of the B L neurons spike. Binding keeps the code as sparse as it was, unlike XOR; the bundle of any number
of codes has one unit in each block, unlike the majority.

Source: Laiho, Poikonen, Kanerva & Lehtonen 2015, "High-dimensional computing with sparse vectors", BioCAS.
"""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..._jit import kernel
from ...errors import InputError
from ..base import ALGEBRAS, Algebra, Codes, Seed, check_dead, check_width, hits, matrix, rows, scrambled, whole

#: Entry of a block in which no unit is active.
SILENT = -1


@ALGEBRAS.register("block")
class BlockCodes(Algebra):
    """Block codes of ``blocks`` B blocks of ``units`` L units; int16 arrays of length B, -1 in a silent block.

    Parameters
    ----------
    blocks : int
        Number of blocks B.
    units : int
        Units of a block L, 2 to 16384.

    Raises
    ------
    InputError
        For sizes out of range.
    """

    name: ClassVar[str] = "block"

    def __init__(self, blocks: int = 100, units: int = 100) -> None:
        self.blocks = whole("BlockCodes.blocks", blocks, 1)
        self.units = whole("BlockCodes.units", units, 2, 1 << 14)
        self.dimensions, self.width = self.blocks * self.units, self.blocks
        self.bits = self.blocks * float(np.log2(self.units))
        #: Which of equally frequent units wins, the largest first: a fixed random order in every block, (B, L).
        order = scrambled(self.dimensions).reshape(self.blocks, self.units).argsort(1).argsort(1)
        self.priority: NDArray[np.int32] = order.astype(np.int32)

    def codes(self, array: ArrayLike, what: str = "codes") -> Codes:
        """See :meth:`Algebra.codes <snmem.hdc.base.Algebra.codes>`: whole numbers in -1..L-1."""
        values = np.asarray(array)
        check_width(values, self.blocks, what, "blocks")
        if values.dtype.kind not in "iu":
            raise InputError(f"{what}: block codes are whole numbers (unit of each block), got {values.dtype}")
        if values.size and (values.min() < SILENT or values.max() >= self.units):
            bad = values[(values < SILENT) | (values >= self.units)][0]
            raise InputError(f"{what}: unit {bad} is outside -1..{self.units - 1}; units of a block count from 0")
        return values.astype(np.int16, copy=False)

    def random(self, n: int, seed: Seed = 0) -> Codes:
        """See :meth:`Algebra.random <snmem.hdc.base.Algebra.random>`."""
        n = whole("random: n", n, 0)
        return np.random.default_rng(seed).integers(0, self.units, (n, self.blocks), np.int16)

    def bind(self, a: ArrayLike, b: ArrayLike) -> Codes:
        """(a + b) mod L in every block; silent where one of them is."""
        return self._modulo(self.codes(a, "bind: a"), self.codes(b, "bind: b"), np.add)

    def unbind(self, bound: ArrayLike, b: ArrayLike) -> Codes:
        """(bound - b) mod L in every block; silent where one of them is."""
        return self._modulo(self.codes(bound, "unbind: bound"), self.codes(b, "unbind: b"), np.subtract)

    def _modulo(self, a: Codes, b: Codes, operation: np.ufunc) -> Codes:
        total = operation(a, b)
        total -= (total >= self.units) * np.int16(self.units)
        total += (total < 0) * np.int16(self.units)
        total[(a < 0) | (b < 0)] = SILENT
        return total

    def permute(self, codes: ArrayLike, shift: int = 1) -> Codes:
        """Rotate the blocks."""
        return np.roll(self.codes(codes), shift, -1)

    def accumulator(self) -> NDArray[Any]:
        """Votes for each unit, (B, L)."""
        return np.zeros((self.blocks, self.units), np.int32)

    def accumulate(self, total: NDArray[Any], codes: ArrayLike, weights: ArrayLike | None = None) -> NDArray[Any]:
        """Add a vote (``weights`` votes) for each active unit."""
        group = np.ascontiguousarray(np.atleast_2d(self.codes(codes)))
        if weights is None:
            _vote(total, group, np.ones(len(group), total.dtype))
            return total
        total = total.astype(np.float64)
        _vote(total, group, np.broadcast_to(np.asarray(weights, np.float64), len(group)).copy())
        return total

    def threshold(self, total: NDArray[Any]) -> Codes:
        """The unit with most votes of each block; the one of highest priority among equals, none without votes."""
        return _elect(total, self.priority)

    def blend(self, weights: ArrayLike, codes: ArrayLike) -> Codes:
        """See :meth:`Algebra.blend <snmem.hdc.base.Algebra.blend>`."""
        group, factors = np.ascontiguousarray(self.codes(codes)), np.ascontiguousarray(weights, np.float64)
        if factors.ndim != 2 or factors.shape[1] != len(group):
            raise InputError(
                f"blend: weights have shape {factors.shape}, expected (n, {len(group)}), one for each code"
            )
        return _blend(factors, group, self.priority)

    def kept(self, total: NDArray[Any], keep: int) -> Codes:
        """The ``keep`` units with most votes of each block, as codes (keep, B): the most frequent first.

        Blocks with fewer units that got votes are silent in the last of them. Each of these codes is unbound as the
        bundle would be, and their similarities to an item add up.

        Raises
        ------
        InputError
            For ``keep`` outside 1..L.
        """
        keep = whole("kept: keep (units of a block)", keep, 1, self.units)
        order = np.lexsort((-self.priority, -total))[:, :keep]
        votes = np.take_along_axis(total, order, 1)
        return np.where(votes > 0, order, SILENT).astype(np.int16).T.copy()

    def _bundle(self, groups: Codes) -> Codes:
        return _bundle(np.ascontiguousarray(groups), self.priority)

    def similarity(self, a: ArrayLike, b: ArrayLike) -> NDArray[np.float32]:
        """Share of the blocks in which the same unit is active, 0 to 1; unrelated codes: 1 / L."""
        first, second = self.codes(a, "similarity: a"), self.codes(b, "similarity: b")
        left = np.where(first < 0, np.int16(SILENT - 1), first)  # silence equals nothing
        equal = _equal(rows(left, "a"), rows(second, "b"))
        return matrix(equal * np.float32(1 / self.blocks), first, second)

    def silence(self, codes: ArrayLike, dead: ArrayLike) -> Codes:
        """Blocks whose active unit is dead become silent; ``dead`` lists the units block by block."""
        mask, values = check_dead(dead, self.dimensions).reshape(self.blocks, self.units), self.codes(codes)
        lost = mask[np.arange(self.blocks), np.maximum(values, 0)]
        return np.where(lost, np.int16(SILENT), values)

    def damage(self, codes: ArrayLike, rate: float, seed: Seed = 0) -> Codes:
        """Another unit, drawn uniformly, is active in the blocks hit."""
        values = self.codes(codes)
        hit, rng = hits(values.shape, rate, seed)
        moved = (values + rng.integers(1, self.units, values.shape)) % self.units
        return np.where(hit & (values >= 0), moved, values).astype(np.int16)

    def to_dense(self, codes: ArrayLike) -> NDArray[np.bool_]:
        """Return the codes as spikes: bool (..., B * L), unit u of block i at i * L + u."""
        values = self.codes(codes)
        return (values[..., None] == np.arange(self.units)).reshape(*values.shape[:-1], self.dimensions)

    def from_dense(self, spikes: ArrayLike) -> Codes:
        """Return the codes of spikes (..., B * L); a block with several active units gives the one of most priority.

        Raises
        ------
        InputError
            For another number of neurons.
        """
        array = np.asarray(spikes)
        check_width(array, self.dimensions, "from_dense", "neurons")
        flat = array.reshape(-1, self.blocks, self.units).astype(np.int32)
        out = [_elect(total, self.priority) for total in flat]
        return np.array(out, np.int16).reshape(*array.shape[:-1], self.blocks)


@kernel
def _vote(total: Any, codes: Any, weights: Any) -> Any:
    """total (B, L) += the weights (n,) of the units active in codes (n, B)."""
    for m in range(len(codes)):
        for i in range(codes.shape[1]):
            if codes[m, i] >= 0:
                total[i, codes[m, i]] += weights[m]


@kernel
def _elect(total: Any, priority: Any) -> Any:
    """The unit of most votes in every block of total (B, L): int16 (B,), -1 without votes."""
    out = np.full(len(total), -1, np.int16)
    for i in range(len(total)):
        most = total.dtype.type(0)
        for u in range(total.shape[1]):
            votes = total[i, u]
            if votes > most or (votes == most and out[i] >= 0 and priority[i, u] > priority[i, out[i]]):
                most, out[i] = votes, u
    return out


@kernel
def _blend(weights: Any, codes: Any, priority: Any) -> Any:
    """Bundles (n, B) of codes (m, B) with each row of weights (n, m)."""
    out = np.empty((len(weights), codes.shape[1]), np.int16)
    total = np.empty(priority.shape)
    for n in range(len(weights)):
        total[:] = 0
        _vote(total, codes, weights[n])
        out[n] = _elect(total, priority)
    return out


@kernel
def _bundle(groups: Any, priority: Any) -> Any:
    """Bundles (g, B) of groups (g, n, B): the work is that of the votes, not of all units."""
    size, units = groups.shape[2], priority.shape[1]
    votes, out = np.zeros(units, np.int32), np.empty((len(groups), size), np.int16)
    for g in range(len(groups)):
        for i in range(size):
            best, most = -1, 0
            for m in range(groups.shape[1]):
                u = groups[g, m, i]
                if u < 0:
                    continue
                votes[u] += 1
                if votes[u] > most or (votes[u] == most and priority[i, u] > priority[i, best]):
                    best, most = u, votes[u]
            out[g, i] = best
            for m in range(groups.shape[1]):
                if groups[g, m, i] >= 0:
                    votes[groups[g, m, i]] = 0
    return out


# The loops are those of binary._hamming: numba inlines no function as an argument, and the inner loop is all the time.
@kernel
def _equal(a: Any, b: Any) -> Any:
    """Equal entries of each row of a (n, B) with each of b (m, B): float32 (n, m), 64 rows of b at a time."""
    out = np.empty((len(a), len(b)), np.float32)
    for first in range(0, len(b), 64):
        for i in range(len(a)):
            for j in range(first, min(first + 64, len(b))):
                count = 0
                for x in range(a.shape[1]):
                    count += a[i, x] == b[j, x]
                out[i, j] = count
    return out
