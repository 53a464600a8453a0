r"""MAP-I (multiply, add, permute): random signs, bound by the product, bundled by the sum, which stays whole numbers.

.. math::
    \mathrm{bind}(a, b)_i = a_i b_i, \qquad \mathrm{bundle}_i = \sum_m c^m_i, \qquad \mathrm{sim} = \cos(a, b)

Source: Gayler 1998, "Multiplicative binding, representation operators & analogy"; naming as in Clarkson, Ubaru & Yang
2023, "Capacity analysis of vector symbolic architectures", arXiv 2301.10352.
"""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from ..base import ALGEBRAS, Codes
from . import _signs


# Parameters that the algebras share are said for each by itself, as ``help`` shows one at a time.
@ALGEBRAS.register("map-i")
class MapI(_signs.SignAlgebra):
    """Signs and their sums in ``size`` D components: int32 arrays.

    Parameters
    ----------
    size : int
        Components of a code D.

    Raises
    ------
    InputError
        For a size that is not a positive whole number.
    """

    name: ClassVar[str] = "map-i"
    kind: ClassVar[Any] = np.int32
    largest: ClassVar[int] = np.iinfo(np.int32).max

    def threshold(self, total: NDArray[Any]) -> Codes:
        """The sum itself, rounded to whole numbers."""
        return np.rint(total).astype(np.int32)

    def _bundle(self, groups: Codes) -> Codes:
        return groups.sum(1, dtype=np.int32)
