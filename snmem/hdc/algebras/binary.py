r"""Dense binary codes (binary spatter codes): D bits, half of them 1, packed into 64-bit words.

.. math::
    \mathrm{bind}(a, b) = a \oplus b, \qquad \mathrm{bundle} = \mathrm{majority}, \qquad
    \mathrm{sim}(a, b) = 1 - \tfrac{2}{D} \mathrm{popcount}(a \oplus b)

Source: Kanerva 1996, "Binary spatter-coding of ordered K-tuples", ICANN.
"""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..._jit import kernel
from ...errors import InputError
from ..base import ALGEBRAS, Algebra, Codes, Seed, check_dead, check_width, hits, matrix, rows, scrambled, whole

_WORD = 64


# Parameters that the algebras share are said for each by itself, as ``help`` shows one at a time.
@ALGEBRAS.register("binary")
class BinaryCodes(Algebra):
    """Dense binary codes of ``size`` D bits: uint64 arrays of ceil(D / 64) words, bit i of word w is bit 64 w + i.

    Parameters
    ----------
    size : int
        Bits of a code D.

    Raises
    ------
    InputError
        For a size that is not a positive whole number.
    """

    name: ClassVar[str] = "binary"

    def __init__(self, size: int = 10_000) -> None:
        self.dimensions = whole("BinaryCodes.size", size, 1)
        self.width, self.bits = -(-self.dimensions // _WORD), float(self.dimensions)
        self._last = np.uint64((1 << ((self.dimensions - 1) % _WORD + 1)) - 1)  # the bits in use of the last word
        self._ties = self._trim(scrambled(self.width))

    def _trim(self, words: Codes) -> Codes:
        words[..., -1] &= self._last
        return words

    def codes(self, array: ArrayLike, what: str = "codes") -> Codes:
        """See :meth:`Algebra.codes <snmem.hdc.base.Algebra.codes>`: uint64, bits beyond D are 0."""
        values = np.asarray(array)
        if values.dtype != np.uint64:
            raise InputError(f"{what}: expected packed bits (uint64), got {values.dtype}; pack() makes them of 0 and 1")
        check_width(values, self.width, what, "words")
        if (values[..., -1] > self._last).any():
            raise InputError(f"{what}: bits beyond the last of {self.dimensions} are set; pack() makes clean codes")
        return values

    def random(self, n: int, seed: Seed = 0) -> Codes:
        """See :meth:`Algebra.random <snmem.hdc.base.Algebra.random>`."""
        shape = (whole("random: n", n, 0), self.width)
        return self._trim(np.random.default_rng(seed).integers(0, 1 << 64, shape, np.uint64))

    def bind(self, a: ArrayLike, b: ArrayLike) -> Codes:
        """XOR."""
        return self.codes(a, "bind: a") ^ self.codes(b, "bind: b")

    def unbind(self, bound: ArrayLike, b: ArrayLike) -> Codes:
        """XOR, its own inverse."""
        return self.bind(bound, b)

    def permute(self, codes: ArrayLike, shift: int = 1) -> Codes:
        """Rotate the D bits."""
        values = self.codes(codes)
        flat = np.ascontiguousarray(values).reshape(-1, self.width)
        return _rotate(flat, shift % self.dimensions, self.dimensions).reshape(values.shape)

    def accumulator(self) -> NDArray[Any]:
        """Ones minus zeros of each bit, (D,)."""
        return np.zeros(self.dimensions, np.int32)

    def accumulate(self, total: NDArray[Any], codes: ArrayLike, weights: ArrayLike | None = None) -> NDArray[Any]:
        """Add 1 (``weights``) for each bit that is 1, take it off for each that is 0."""
        bits = self.unpack(np.atleast_2d(self.codes(codes)))
        if weights is None:
            total += 2 * bits.sum(0, np.int32) - np.int32(len(bits))
            return total
        factors = np.broadcast_to(np.asarray(weights, np.float64), len(bits))
        return total + (2 * (factors @ bits) - factors.sum())

    def threshold(self, total: NDArray[Any]) -> Codes:
        """1 where ones prevail, a fixed hash of the bit's number where they are as many as zeros."""
        check_width(total, self.dimensions, "threshold", "sums")
        return self.pack(total > 0) | (self.pack(total == 0) & self._ties)

    def _bundle(self, groups: Codes) -> Codes:
        return _majority(np.ascontiguousarray(groups), self._ties)

    def similarity(self, a: ArrayLike, b: ArrayLike) -> NDArray[np.float32]:
        """1 - 2 h / D with the Hamming distance h; unrelated codes: about 0."""
        first, second = self.codes(a, "similarity: a"), self.codes(b, "similarity: b")
        distance = _hamming(rows(first, "a"), rows(second, "b"))
        return matrix(1 - distance * np.float32(2 / self.dimensions), first, second)

    def silence(self, codes: ArrayLike, dead: ArrayLike) -> Codes:
        """Dead bits are 0 whatever they were."""
        return self.codes(codes) & self.pack(~check_dead(dead, self.dimensions))

    def damage(self, codes: ArrayLike, rate: float, seed: Seed = 0) -> Codes:
        """The bits hit are turned over."""
        values = self.codes(codes)
        return values ^ self.pack(hits((*values.shape[:-1], self.dimensions), rate, seed)[0])

    def pack(self, bits: ArrayLike) -> Codes:
        """Return bits (..., D), 0 or 1, as packed codes.

        Raises
        ------
        InputError
            For another number of bits, and values other than 0 and 1.
        """
        array = np.asarray(bits)
        check_width(array, self.dimensions, "pack", "bits")
        if array.dtype != bool and not ((array == 0) | (array == 1)).all():
            raise InputError("pack: bits must be 0 and 1 only; threshold real values first")
        packed = np.packbits(array.astype(bool, copy=False), axis=-1, bitorder="little")
        spare = 8 * self.width - packed.shape[-1]
        padded = np.pad(packed, [(0, 0)] * (packed.ndim - 1) + [(0, spare)])
        return padded.view("<u8").astype(np.uint64, copy=False)

    def unpack(self, codes: ArrayLike) -> NDArray[np.bool_]:
        """Return the bits of codes, bool (..., D)."""
        values = np.ascontiguousarray(self.codes(codes)).astype("<u8", copy=False)
        octets = values.view(np.uint8)
        return np.unpackbits(octets, axis=-1, bitorder="little", count=self.dimensions).astype(bool)


@kernel(keep=False)
def _popcount(x: Any) -> Any:
    """Number of ones of a 64-bit word, in the form that LLVM compiles to the processor's own instruction."""
    x = x - ((x >> np.uint64(1)) & np.uint64(0x5555555555555555))
    x = (x & np.uint64(0x3333333333333333)) + ((x >> np.uint64(2)) & np.uint64(0x3333333333333333))
    x = (x + (x >> np.uint64(4))) & np.uint64(0x0F0F0F0F0F0F0F0F)
    return (x * np.uint64(0x0101010101010101)) >> np.uint64(56)


@kernel
def _hamming(a: Any, b: Any) -> Any:
    """Bits in which each row of a (n, W) differs from each of b (m, W): float32 (n, m), 64 rows of b at a time."""
    out = np.empty((len(a), len(b)), np.float32)
    for first in range(0, len(b), 64):
        for i in range(len(a)):
            for j in range(first, min(first + 64, len(b))):
                count = np.uint64(0)
                for w in range(a.shape[1]):
                    count += _popcount(a[i, w] ^ b[j, w])
                out[i, j] = count
    return out


@kernel
def _majority(groups: Any, ties: Any) -> Any:
    """Majority of each bit in groups (g, n, W), ``ties`` where ones are half: counts as bit planes, words at a time."""
    count, words = groups.shape[1], groups.shape[2]
    bits = 1
    while (1 << bits) <= count:
        bits += 1
    planes, carry = np.empty((bits, words), np.uint64), np.empty(words, np.uint64)
    out = np.empty((len(groups), words), np.uint64)
    for g in range(len(groups)):
        planes[:] = 0
        for m in range(count):
            carry[:] = groups[g, m]
            used = 1
            while (1 << used) <= m + 1:
                used += 1
            for p in range(used):
                for w in range(words):
                    before = planes[p, w]
                    planes[p, w] = before ^ carry[w]
                    carry[w] &= before
        for w in range(words):
            more, same = np.uint64(0), ~np.uint64(0)
            for p in range(bits - 1, -1, -1):
                half = ~np.uint64(0) if (count // 2) >> p & 1 else np.uint64(0)
                more |= same & planes[p, w] & ~half
                same &= ~(planes[p, w] ^ half)
            out[g, w] = more | (same & ties[w] if count % 2 == 0 else np.uint64(0))
    return out


@kernel(keep=False)
def _window(row: Any, at: Any) -> Any:
    """64 bits of a packed row from bit ``at`` on; those beyond its end are 0."""
    word, shift = at >> 6, np.uint64(at & 63)
    low = row[word] >> shift
    if shift and word + 1 < len(row):
        low |= row[word + 1] << (np.uint64(64) - shift)
    return low


@kernel
def _rotate(codes: Any, shift: Any, size: Any) -> Any:
    """Rows (n, W) of ``size`` bits, rotated by ``shift`` in 0..size-1 towards higher numbers."""
    out = np.zeros_like(codes)
    for n in range(len(codes)):
        place = 0
        while place < size:
            source = (place - shift) % size
            run = min(64 - (place & 63), size - source, size - place)  # bits in one piece on both sides
            bits = _window(codes[n], source)
            if run < 64:
                bits &= (np.uint64(1) << np.uint64(run)) - np.uint64(1)
            out[n, place >> 6] |= bits << np.uint64(place & 63)
            place += run
    return out
