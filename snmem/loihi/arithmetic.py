"""Loihi's weights: the 8-bit conditioning that Lava's fixed-point connections apply.

Source: behaviour of Lava 0.10.0 (``Dense`` and ``Sparse``, fixed point), bit-exact on a CPU.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


def condition_weights(weights: NDArray[Any], bits: int = 8, *, clip: bool = True) -> NDArray[np.int64]:
    """Weights as Loihi stores them with ``bits`` bits of mantissa.

    All >= 0: kept in 0..255 with a step of 2**(8 - bits). All <= 0: the same, negated.
    Mixed signs: one bit goes to the sign, so values lie in -256..254 with a step of 2**(9 - bits), rounded down.
    Without ``clip`` -256 stays even where all are <= 0: plastic weights are clipped when they are changed first.
    """
    w = np.asarray(weights).astype(np.int64)
    if w.size == 0:
        return w
    if w.min() >= 0 or w.max() <= 0:
        shift = 8 - bits
        sign = -1 if w.min() < 0 else 1
        return sign * ((np.clip(sign * w, 0, 255 if clip else 256) >> shift) << shift)
    shift = 9 - bits
    return (np.clip(w, -256, 255) >> shift) << shift
