"""One-shot digits: which label did the digit that looks like this one carry a moment ago?

A context shows ``ways`` handwritten digits of different classes once, each beside one of ten arbitrary labels that are
drawn anew for every context; queries are other images of the same classes, without labels. Lines are the 64 pixels of
the bundled digits, 1 where a pixel is at least half as dark as it can be, and ten lines of labels.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..encode import load_digits
from ..errors import InputError

#: Labels, and classes of digits.
LABELS = 10


@dataclass(frozen=True, eq=False)
class Episodes:
    """Contexts and queries.

    Attributes
    ----------
    items : bool (contexts, ways, 74)
        Images with their labels.
    queries : bool (contexts, ways, 74)
        Another image of each class, in the same order, without a label.
    labels : int (contexts, ways)
        What is to be answered.
    """

    items: NDArray[np.bool_]
    queries: NDArray[np.bool_]
    labels: NDArray[np.int64]


class OneShotDigits:
    """Episodes of digits; every second image is kept for testing.

    Parameters
    ----------
    ways : int
        Items of a context, 1 to 10.

    Attributes
    ----------
    pixels : bool (1797, 64)
        The images.
    halves : two lists of int arrays
        Images of each class to learn from, and those kept for testing.

    Raises
    ------
    InputError
        For ways out of range.
    """

    def __init__(self, ways: int = 5) -> None:
        if not 1 <= ways <= LABELS:
            raise InputError(f"OneShotDigits.ways: must lie in 1..{LABELS}, got {ways}")
        images, classes = load_digits()
        self.ways, self.pixels = ways, images.reshape(len(images), -1) >= 8
        self.halves = [[np.flatnonzero(classes == c)[half::2] for c in range(LABELS)] for half in (0, 1)]

    @property
    def lines(self) -> int:
        """Pixels and labels."""
        return self.pixels.shape[1] + LABELS

    def sample(self, contexts: int, seed: int | np.random.Generator, test: bool = False) -> Episodes:
        """Random contexts of images to learn from, or of those kept for testing."""
        rng, pool = np.random.default_rng(seed), self.halves[test]
        n, ways, at = contexts, self.ways, self.pixels.shape[1]
        classes, labels = (rng.permuted(np.tile(np.arange(LABELS), (n, 1)), axis=1)[:, :ways] for _ in range(2))
        images = np.array([[rng.choice(pool[c], 2, replace=False) for c in row] for row in classes])
        items, queries = (np.zeros((n, ways, self.lines), bool) for _ in range(2))
        items[..., :at], queries[..., :at] = self.pixels[images[..., 0]], self.pixels[images[..., 1]]
        np.put_along_axis(items, at + labels[..., None], True, -1)
        return Episodes(items, queries, labels)
