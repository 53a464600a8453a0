"""What every algebra of hypervectors offers, and the register of algebras.

An algebra is one file of :mod:`snmem.hdc.algebras`: a subclass of :class:`Algebra` under the decorator
``ALGEBRAS.register(name)``. Codes are plain numpy arrays whose last axis, of length ``width``, is one code.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..description import is_whole
from ..errors import InputError
from ..registry import Registry

Codes = NDArray[Any]
Seed = int | np.random.Generator | None

#: Entries of a matrix of similarities that a clean-up holds at a time.
_BLOCK = 1 << 24


class Algebra(ABC):
    """Random codes of one kind, and how they are bound, bundled, permuted and compared.

    Attributes
    ----------
    name : str
        Under which :func:`algebra` finds it.
    dimensions : int
        Components of a code.
    width : int
        Length of the array that holds a code.
    bits : float
        Information in a random code.
    """

    name: ClassVar[str]
    dimensions: int
    width: int
    bits: float

    @abstractmethod
    def codes(self, array: ArrayLike, what: str = "codes") -> Codes:
        """Return ``array`` as codes of this algebra.

        Raises
        ------
        InputError
            For another width, or values that are no code.
        """

    @abstractmethod
    def random(self, n: int, seed: Seed = 0) -> Codes:
        """Draw ``n`` independent uniform codes, (n, width)."""

    @abstractmethod
    def bind(self, a: ArrayLike, b: ArrayLike) -> Codes:
        """Associate two codes: the result resembles neither. Leading axes are broadcast."""

    @abstractmethod
    def unbind(self, bound: ArrayLike, b: ArrayLike) -> Codes:
        """Take ``b`` out again: ``unbind(bind(a, b), b)`` is ``a``."""

    @abstractmethod
    def permute(self, codes: ArrayLike, shift: int = 1) -> Codes:
        """Rotate the components (blocks, bits) by ``shift`` places; ``-shift`` undoes it."""

    @abstractmethod
    def accumulator(self) -> NDArray[Any]:
        """An empty sum of codes, to be passed to :meth:`accumulate` and :meth:`threshold`."""

    @abstractmethod
    def accumulate(self, total: NDArray[Any], codes: ArrayLike, weights: ArrayLike | None = None) -> NDArray[Any]:
        """Return ``total`` with ``codes`` (n, width) added, each ``weights`` times (default: once).

        ``total`` itself is changed where no weights are given.
        """

    @abstractmethod
    def threshold(self, total: NDArray[Any]) -> Codes:
        """Return the bundle of what was accumulated: the code nearest to the sum. Ties are broken by a fixed hash."""

    @abstractmethod
    def similarity(self, a: ArrayLike, b: ArrayLike) -> NDArray[np.float32]:
        """Compare codes (n, width) with codes (m, width): (n, m). 1 = equal, about 0 = unrelated.

        A single code (width,) in either place drops that axis.
        """

    @abstractmethod
    def silence(self, codes: ArrayLike, dead: ArrayLike) -> Codes:
        """Return codes whose components ``dead``, bool (dimensions,), carry nothing."""

    @abstractmethod
    def damage(self, codes: ArrayLike, rate: float, seed: Seed = 0) -> Codes:
        """Return codes in which each bit (block, sign) was replaced by a wrong one with probability ``rate``."""

    def bundle(self, codes: ArrayLike, weights: ArrayLike | None = None) -> Codes:
        """Superpose codes (..., n, width) to one code (..., width) that resembles each of them.

        Parameters
        ----------
        codes : array
            The codes; at least one.
        weights : array, optional
            Weight of each code, (..., n).

        Raises
        ------
        InputError
            If there is no code, or not one weight for each.
        """
        rows = self.codes(codes)
        if rows.ndim < 2 or rows.shape[-2] == 0:
            raise InputError(f"bundle: expected shape (..., n, {self.width}) with n >= 1, got {rows.shape}")
        flat = rows.reshape(-1, *rows.shape[-2:])
        if weights is None:
            return self._bundle(flat).reshape(*rows.shape[:-2], -1)
        factors = np.asarray(weights, np.float64)
        if factors.shape != rows.shape[:-1]:
            raise InputError(f"bundle: weights have shape {factors.shape}, expected {rows.shape[:-1]} as the codes")
        each = zip(flat, factors.reshape(-1, factors.shape[-1]), strict=True)
        out = [self.threshold(self.accumulate(self.accumulator(), group, w)) for group, w in each]
        return np.array(out).reshape(*rows.shape[:-2], -1)

    def _bundle(self, groups: Codes) -> Codes:
        """Bundles of (groups, n, width) without weights, (groups, width)."""
        return np.stack([self.threshold(self.accumulate(self.accumulator(), group)) for group in groups])

    def blend(self, weights: ArrayLike, codes: ArrayLike) -> Codes:
        """Return the bundles of the same codes (m, width) with each row of ``weights`` (n, m), (n, width)."""
        items = self.codes(codes)
        return np.stack([self.threshold(self.accumulate(self.accumulator(), items, w)) for w in np.asarray(weights)])

    def cleanup(self, codes: ArrayLike, memory: ArrayLike) -> NDArray[np.int64]:
        """Return the number of the code in ``memory`` (m, width) that is nearest to each of ``codes`` (n, width).

        The first of several equally near ones is taken.

        Raises
        ------
        InputError
            For an empty memory and codes of another width.
        """
        items, rows = self.codes(memory, "memory"), self.codes(codes)
        if items.ndim != 2 or not len(items):
            raise InputError(f"cleanup: memory must have shape (m, {self.width}) with m >= 1, got {items.shape}")
        flat = rows.reshape(-1, self.width)
        step = max(1, _BLOCK // len(items))
        parts = [self.similarity(flat[i : i + step], items).argmax(1) for i in range(0, len(flat), step)]
        found = np.concatenate(parts) if parts else np.zeros(0, np.int64)
        return found.reshape(rows.shape[:-1])


#: Algebras by name; a file that defines one registers it here.
ALGEBRAS: Registry[type[Algebra]] = Registry("algebra of hypervectors", ("snmem.hdc.algebras",))


def algebra(name: str, **sizes: Any) -> Algebra:
    """Return an algebra by name.

    Parameters
    ----------
    name : str
        "block", "binary", "map-i" or "map-b", or one that was registered.
    sizes : int
        What its constructor takes.

    Raises
    ------
    InputError
        For a name that is not registered, and sizes out of range.
    """
    return ALGEBRAS[name](**sizes)


def whole(owner: str, value: Any, low: int, high: int | None = None) -> int:
    """Return a size as int; InputError unless it is a whole number in low..high."""
    if not is_whole(value) or value < low or (high is not None and value > high):
        limit = f"at least {low}" if high is None else f"in {low}..{high}"
        raise InputError(f"{owner}: must be a whole number, {limit}, got {value!r}")
    return int(value)


def check_width(array: NDArray[Any], width: int, what: str, unit: str) -> None:
    """InputError unless the last axis of ``array`` has ``width`` entries, called ``unit`` in the message."""
    if array.ndim == 0 or array.shape[-1] != width:
        got = array.shape[-1] if array.ndim else "no axis"
        raise InputError(f"{what}: codes of {got} {unit}, expected {width}; use codes of the same algebra and size")


def check_dead(dead: ArrayLike, dimensions: int) -> NDArray[np.bool_]:
    """Return ``dead`` as booleans (dimensions,)."""
    mask = np.asarray(dead)
    if mask.dtype != bool or mask.shape != (dimensions,):
        raise InputError(f"silence: dead must be bool ({dimensions},), got {mask.dtype} {mask.shape}")
    return mask


def hits(shape: tuple[int, ...], rate: float, seed: Seed) -> tuple[NDArray[np.bool_], np.random.Generator]:
    """Where errors of probability ``rate`` fall, and the generator for what they are."""
    if not 0 <= rate <= 1:
        raise InputError(f"damage: rate must lie in 0..1, got {rate!r}")
    rng = np.random.default_rng(seed)
    return rng.random(shape) < rate, rng


def scrambled(n: int) -> NDArray[np.uint64]:
    """``n`` well-mixed words, the same in every run: a hash of 0 .. n-1.

    Source: finaliser of splitmix64, Steele, Lea & Flood 2014, doi:10.1145/2660193.2660195.
    """
    z = (np.arange(n, dtype=np.uint64) + np.uint64(1)) * np.uint64(0x9E3779B97F4A7C15)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))


def matrix(values: NDArray[Any], a: NDArray[Any], b: NDArray[Any]) -> NDArray[np.float32]:
    """Drop the axes of ``values`` (n, m) that single codes ``a``, ``b`` do not have."""
    if a.ndim == 1:
        values = values[0]
    return values[..., 0] if b.ndim == 1 else values


def rows(codes: NDArray[Any], what: str) -> NDArray[Any]:
    """One or many codes as (n, width)."""
    if codes.ndim > 2:
        raise InputError(f"similarity: {what} has shape {codes.shape}; give (n, {codes.shape[-1]}) or one code")
    return np.ascontiguousarray(np.atleast_2d(codes))
