"""Grey images, and the bundled handwritten digits."""

from __future__ import annotations

from importlib.resources import files
from typing import Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..errors import InputError
from .base import ENCODERS, real_array
from .vectors import VectorEncoder


@ENCODERS.register("images")
class ImageEncoder(VectorEncoder):
    """Grey images (n, height, width) to k-hot patterns: a :class:`VectorEncoder` over the pixels.

    Whitening plays the part of the retina: neighbouring pixels, which are alike, are decorrelated. The default
    smoothing keeps the pattern of an image with pixel noise close to that of the clean one. Decoded images are clipped
    to the range of grey levels of the fitted ones. The cosine is not used: it would undo both.
    """

    def __init__(self, size: int = 1000, active: int = 100, smoothing: float = 0.3, seed: int = 0) -> None:
        super().__init__(size, active, smoothing, separate=False, seed=seed)
        self._shape: tuple[int, int] | None = None

    def fit(self, items: ArrayLike) -> Self:
        """Fit to images (n, height, width); at least two must differ."""
        images = real_array(items, "images", "n, height, width")
        flat = images.reshape(len(images), -1)
        if (flat == flat[0]).all():
            raise InputError(f"images: all {len(images)} image(s) are equal; give at least two different ones")
        super().fit(flat)
        self._shape = images.shape[1:]
        self._levels = float(images.min()), float(images.max())
        return self

    def encode(self, items: ArrayLike) -> NDArray[np.bool_]:
        """Return the patterns of images (n, height, width), shape (n, size)."""
        images = real_array(items, "images", "n, height, width")
        if self._shape is None:
            raise self._not_fitted()
        if images.shape[1:] != self._shape:
            raise InputError(f"images: expected height x width = {self._shape} as fitted, got {images.shape[1:]}")
        return self._encode(images.reshape(len(images), -1))

    def decode(self, patterns: ArrayLike) -> NDArray[np.float64]:
        """Return the images (n, height, width) that best explain ``patterns`` (n, size)."""
        if self._shape is None:
            raise self._not_fitted()
        return super().decode(patterns).reshape(-1, *self._shape).clip(*self._levels)


def load_digits() -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Return the bundled digits: images (1797, 8, 8) with grey levels 0 to 16, and labels (1797,) 0 to 9.

    Source: E. Alpaydin, C. Kaynak, Optical Recognition of Handwritten Digits, UCI Machine Learning Repository, 1998,
    doi 10.24432/C50P49, CC BY 4.0.
    """
    with files("snmem").joinpath("data/digits.npz").open("rb") as file, np.load(file, allow_pickle=False) as data:
        return data["images"], data["labels"]
