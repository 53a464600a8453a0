"""What the algebras of signs share."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ...errors import InputError
from ..base import Algebra, Codes, Seed, check_dead, check_width, hits, matrix, rows, whole

_ROWS = 256


def check(array: ArrayLike, size: int, what: str, dtype: Any, most: int) -> Codes:
    """Return an array of whole numbers (..., size) in -most..most as ``dtype``."""
    values = np.asarray(array)
    check_width(values, size, what, "components")
    if values.dtype.kind not in "iu":
        raise InputError(f"{what}: codes are whole numbers, got {values.dtype}")
    if values.size and (values.min() < -most or values.max() > most):
        bad = values[(values < -most) | (values > most)][0]
        raise InputError(f"{what}: component {bad} is outside -{most}..{most}; bundle() makes codes of sums")
    return values.astype(dtype, copy=False)


def random(n: int, size: int, seed: Seed, dtype: Any) -> Codes:
    """``n`` vectors of random signs."""
    n = whole("random: n", n, 0)
    bits = np.random.default_rng(seed).integers(0, 2, (n, size), np.int8)
    return (2 * bits - 1).astype(dtype, copy=False)


def accumulate(total: NDArray[Any], codes: Codes, weights: ArrayLike | None) -> NDArray[Any]:
    """``total`` plus the (weighted) sum of the codes."""
    group = np.atleast_2d(codes)
    if weights is None:
        total += group.sum(0, dtype=total.dtype)
        return total
    return total + np.broadcast_to(np.asarray(weights, np.float64), len(group)) @ group


def cosine(a: Codes, b: Codes) -> NDArray[np.float32]:
    """Cosines of all pairs, (n, m); 0 where a vector is 0. Rows of b are converted ``_ROWS`` at a time."""
    first, second = rows(a, "a").astype(np.float32), rows(b, "b")
    out = np.empty((len(first), len(second)), np.float32)
    for start in range(0, len(second), _ROWS):
        part = second[start : start + _ROWS].astype(np.float32)
        lengths = np.sqrt(np.maximum(np.multiply.outer(_squares(first), _squares(part)), 1))
        out[:, start : start + _ROWS] = first @ part.T / lengths
    return matrix(out, a, b)


def _squares(values: NDArray[np.float32]) -> NDArray[np.float64]:
    return np.array([row @ row for row in values], np.float64)


def silence(codes: Codes, dead: ArrayLike) -> Codes:
    """Dead components are 0."""
    return np.where(check_dead(dead, codes.shape[-1]), codes.dtype.type(0), codes)


def damage(codes: Codes, rate: float, seed: Seed) -> Codes:
    """The signs hit are turned over."""
    return np.where(hits(codes.shape, rate, seed)[0], -codes, codes)


class SignAlgebra(Algebra):
    """Codes bound by the product of their components, which are signs, or sums of signs.

    Attributes
    ----------
    kind : dtype
        Of the arrays.
    largest : int
        Largest component.
    """

    kind: ClassVar[Any]
    largest: ClassVar[int]

    def __init__(self, size: int = 10_000) -> None:
        self.dimensions = self.width = whole(f"{type(self).__name__}.size", size, 1)
        self.bits = float(self.dimensions)

    def codes(self, array: ArrayLike, what: str = "codes") -> Codes:
        """See :meth:`Algebra.codes <snmem.hdc.base.Algebra.codes>`: whole numbers from -largest to largest."""
        return check(array, self.width, what, self.kind, self.largest)

    def random(self, n: int, seed: Seed = 0) -> Codes:
        """See :meth:`Algebra.random <snmem.hdc.base.Algebra.random>`."""
        return random(n, self.width, seed, self.kind)

    def bind(self, a: ArrayLike, b: ArrayLike) -> Codes:
        """Product of the components."""
        return self.codes(a, "bind: a") * self.codes(b, "bind: b")

    def unbind(self, bound: ArrayLike, b: ArrayLike) -> Codes:
        """Product, its own inverse for codes of signs."""
        return self.bind(bound, b)

    def permute(self, codes: ArrayLike, shift: int = 1) -> Codes:
        """Rotate the components."""
        return np.roll(self.codes(codes), shift, -1)

    def accumulator(self) -> NDArray[Any]:
        """Zeros (D,)."""
        return np.zeros(self.width, np.int32)

    def accumulate(self, total: NDArray[Any], codes: ArrayLike, weights: ArrayLike | None = None) -> NDArray[Any]:
        """Add the codes."""
        return accumulate(total, self.codes(codes), weights)

    def similarity(self, a: ArrayLike, b: ArrayLike) -> NDArray[np.float32]:
        """Cosine."""
        return cosine(self.codes(a, "similarity: a"), self.codes(b, "similarity: b"))

    def silence(self, codes: ArrayLike, dead: ArrayLike) -> Codes:
        """Dead components are 0."""
        return silence(self.codes(codes), dead)

    def damage(self, codes: ArrayLike, rate: float, seed: Seed = 0) -> Codes:
        """The components hit change sign."""
        return damage(self.codes(codes), rate, seed)
