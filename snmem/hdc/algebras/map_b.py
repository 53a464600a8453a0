r"""MAP-B (multiply, add, permute; bipolar): as MAP-I, but the bundle keeps the signs of the sum alone.

.. math::
    \mathrm{bundle}_i = \mathrm{sign} \sum_m c^m_i

The binary spatter code in other clothes (1 - 2 bit); components may be 0 where they were silenced.

Source: Gayler 1998; naming as in Clarkson, Ubaru & Yang 2023, arXiv 2301.10352.
"""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..base import ALGEBRAS, Codes, scrambled
from . import _signs


# Parameters that the algebras share are said for each by itself, as ``help`` shows one at a time.
@ALGEBRAS.register("map-b")
class MapB(_signs.SignAlgebra):
    """Codes of ``size`` D signs: int8 arrays of -1 and 1.

    Parameters
    ----------
    size : int
        Components of a code D.

    Raises
    ------
    InputError
        For a size that is not a positive whole number.
    """

    name: ClassVar[str] = "map-b"
    kind: ClassVar[Any] = np.int8
    largest: ClassVar[int] = 1  # 0 where silenced

    def __init__(self, size: int = 10_000) -> None:
        super().__init__(size)
        self._ties = np.where(scrambled(self.width) >> np.uint64(63), 1, -1).astype(np.int8)

    def threshold(self, total: NDArray[Any]) -> Codes:
        """Signs of the sums; a fixed hash of the component's number where a sum is 0."""
        return np.where(total == 0, self._ties, np.sign(total)).astype(np.int8)

    def _bundle(self, groups: Codes) -> Codes:
        return self.threshold(groups.sum(1, dtype=np.int32))

    def blend(self, weights: ArrayLike, codes: ArrayLike) -> Codes:
        """See :meth:`Algebra.blend <snmem.hdc.base.Algebra.blend>`."""
        return self.threshold(np.asarray(weights, np.float32) @ self.codes(codes).astype(np.float32))
