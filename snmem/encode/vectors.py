"""Real vectors: whitening, random projection, k-WTA; back by ridge regression."""

from __future__ import annotations

import os
from typing import Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .._text import path_text
from ..errors import InputError
from ..io.arrays import open_arrays
from .base import ENCODERS, Encoder, k_hot, real_array

_ROWS = 4096
#: Numbers, and vectors, that are read from a file.
NUMBERS, ITEMS = 2**26, 1_000_000
#: Smallest and largest distance from the mean: squares of others leave the range of float64.
_RANGE = (1e-100, 1e100)
#: Share of common ones above which nearest neighbours are too alike for a K-winner memory.
_ALIKE = 0.5


@ENCODERS.register("vectors")
class VectorEncoder(Encoder):
    r"""Real vectors x of length d to k-hot patterns.

    With mean :math:`\mu`, principal axes V and variances :math:`\lambda` of the fitted data,

    .. math::
        z = \mathrm{diag}(\lambda + \sigma\bar\lambda)^{-1/2}\, V^\top (x - \mu), \qquad
        p = \mathrm{kWTA}_{\mathrm{active}}\!\big(G\,[z; 1]\big)

    where the rows of G are random unit vectors and :math:`\bar\lambda` is the mean variance. Whitening gives small
    differences the weight of large ones, so that similar items get patterns that overlap little; the constant 1 makes
    the length of z count. ``decode`` is a ridge regression from patterns to vectors, fitted with them.

    Where that is not enough (few dimensions, tight clusters: nearest neighbours share more than half of their ones in
    the median of the fitted items), the drive becomes :math:`\cos(\gamma G' z + \phi)`, with normal G' and uniform
    phases :math:`\phi`: random Fourier features (Rahimi & Recht 2007) of a Gaussian kernel that is 1/2 between such
    neighbours. Patterns then tell close items apart, but noise in an item changes its pattern more.

    Parameters
    ----------
    size, active
        Bits and ones of a pattern.
    smoothing
        :math:`\sigma`. Small: similar items are pulled apart as far as possible. Large: noise in an item changes its
        pattern less.
    separate
        Allow the cosine where it is needed.
    seed
        Seed of the random projection.
    """

    def __init__(
        self, size: int = 1000, active: int = 100, smoothing: float = 0.01, separate: bool = True, seed: int = 0
    ) -> None:
        super().__init__(size, active)
        if not smoothing > 0 or not np.isfinite(smoothing):
            raise InputError(f"{type(self).__name__}.smoothing: must be positive and finite, got {smoothing!r}")
        self.smoothing, self.separate, self.seed = float(smoothing), separate, seed
        self._projection: NDArray[np.float64] | None = None
        self._decoder: NDArray[np.float64]  # (size, d), made by fit

    def fit(self, items: ArrayLike) -> Self:
        """Fit to vectors (n, d); they need at least two different rows.

        Raises
        ------
        InputError
            For data that are not finite real numbers of shape (n, d), or do not vary.
        """
        data = real_array(items, "vectors", "n, d")
        with np.errstate(over="ignore", invalid="ignore"):
            self._mean = data.mean(axis=0)
            centred = data - self._mean
        spread = np.abs(centred).max() if np.isfinite(centred).all() else np.inf
        if spread and not _RANGE[0] <= spread <= _RANGE[1]:
            raise InputError(
                f"vectors: values lie up to {spread:g} from their mean, the limits are {_RANGE[0]:g} and "
                f"{_RANGE[1]:g}; scale the data"
            )
        axes, variances = _principal_axes(centred)
        if not variances.size:
            raise InputError(f"vectors: all {len(data)} row(s) are equal; give at least two different ones")
        whitener = axes / np.sqrt(variances + self.smoothing * variances.mean())
        rng = np.random.default_rng(self.seed)
        directions = rng.standard_normal((variances.size + 1, self.size))
        directions /= np.linalg.norm(directions, axis=0)
        self._projection, self._bias, self._cosine = whitener @ directions[:-1], directions[-1], False
        if self.separate:
            self._separate_neighbours(_sample(data, 1000), whitener, rng)
        self._fit_decoder(_sample(data, 8 * self.size))  # a ridge fit needs no more rows
        return self

    def _separate_neighbours(
        self, data: NDArray[np.float64], whitener: NDArray[np.float64], rng: np.random.Generator
    ) -> None:
        """Change over to the cosine if neighbours share too many ones."""
        data = np.unique(data, axis=0)
        patterns = self._encode(data).astype(np.float32)
        shared = patterns @ patterns.T / self.active
        np.fill_diagonal(shared, 0.0)
        if len(data) < 2 or np.median(shared.max(axis=1)) <= _ALIKE:
            return
        z = (data - self._mean) @ whitener
        lengths = (z * z).sum(axis=1)
        squares = lengths[:, None] + lengths - 2.0 * z @ z.T
        np.fill_diagonal(squares, np.inf)
        nearest: NDArray[np.float64] = squares.min(axis=1)
        gamma = np.sqrt(2.0 * np.log(2.0) / max(float(np.median(nearest)), 1e-12))
        self._projection = gamma * whitener @ rng.standard_normal((z.shape[1], self.size))
        self._bias, self._cosine = rng.uniform(0.0, 2.0 * np.pi, self.size), True

    def _fit_decoder(self, data: NDArray[np.float64]) -> None:
        patterns = self._encode(data).astype(np.float64)
        self._pattern_mean, centre = patterns.mean(axis=0), data.mean(axis=0)
        patterns -= self._pattern_mean
        ridge = 0.3 * self.active
        if len(patterns) < self.size:
            gram = patterns @ patterns.T + ridge * np.eye(len(patterns))
            self._decoder = patterns.T @ np.linalg.solve(gram, data - centre)
        else:
            gram = patterns.T @ patterns + ridge * np.eye(self.size)
            self._decoder = np.linalg.solve(gram, patterns.T @ (data - centre))
        self._decoder_mean = centre

    def _encode(self, data: NDArray[np.float64]) -> NDArray[np.bool_]:
        if self._projection is None:
            raise self._not_fitted()
        if data.shape[1] != len(self._mean):
            raise InputError(f"vectors: expected length d = {len(self._mean)} as fitted, got {data.shape[1]}")
        out = np.empty((len(data), self.size), bool)
        for first in range(0, len(data), _ROWS):
            part = slice(first, first + _ROWS)
            drive = (data[part] - self._mean) @ self._projection + self._bias
            out[part] = k_hot(np.cos(drive) if self._cosine else drive, self.active)
        return out

    def encode(self, items: ArrayLike) -> NDArray[np.bool_]:
        """Return the patterns of vectors (n, d), shape (n, size)."""
        return self._encode(real_array(items, "vectors", "n, d"))

    def decode(self, patterns: ArrayLike) -> NDArray[np.float64]:
        """Return the vectors (n, d) that best explain ``patterns`` (n, size)."""
        if self._projection is None:
            raise self._not_fitted()
        return (self._check_patterns(patterns) - self._pattern_mean) @ self._decoder + self._decoder_mean


def _principal_axes(data: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the principal axes (d, q) of centred data and their variances (q,), but those without variance."""
    rows, length = data.shape
    if rows < length:
        _, scales, axes = np.linalg.svd(data, full_matrices=False)
        variances, axes = scales**2 / rows, axes.T
    else:
        variances, axes = np.linalg.eigh(data.T @ data / rows)
    kept = variances > 1e-10 * max(variances.max(), np.finfo(float).tiny)
    return axes[:, kept], variances[kept]


def _sample(data: NDArray[np.float64], rows: int) -> NDArray[np.float64]:
    """Return at most ``rows`` rows of data, evenly spaced."""
    return data[:: -(-len(data) // rows)]


def load_vectors(path: str | os.PathLike[str]) -> NDArray[np.float64]:
    """Read vectors (n, d), one memory a row, from an .npy file.

    Raises
    ------
    FileError
        The file is missing, damaged, too large, or not an .npy file.
    InputError
        It holds no finite real numbers of shape (n, d).
    """
    with open_arrays(path, "give an .npy file of shape (n, d), written with numpy.save") as file:
        if "" not in file.headers:
            raise file.error("is an .npz archive")
        array = file.read("", "biufcUSmM", None, NUMBERS)
        if array.ndim and len(array) > ITEMS:
            raise file.error(f"holds {len(array)} vectors, the limit is {ITEMS}")
    return real_array(array, path_text(path), "n, d")
