"""An encoder of one's own: whole numbers as k-hot patterns in which neighbours share ones."""

from typing import Self

import numpy as np

from snmem.encode import ENCODERS, Encoder


@ENCODERS.register("numbers")
class NumberEncoder(Encoder):
    """The number n is a window of ``active`` ones that begins at unit n, around a ring of ``size`` units."""

    def fit(self, items) -> Self:
        """Numbers need no statistics."""
        return self

    def encode(self, items):
        """Windows, shape (n, size)."""
        units = (np.asarray(items)[:, None] + np.arange(self.active)) % self.size
        patterns = np.zeros((len(units), self.size), bool)
        np.put_along_axis(patterns, units, True, axis=1)
        return patterns

    def decode(self, patterns):
        """The number whose window overlaps most."""
        return np.argmax(np.asarray(patterns, int) @ self.encode(np.arange(self.size)).T, axis=1)
