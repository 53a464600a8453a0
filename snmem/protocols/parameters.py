"""Parameters of the runs of models: checked before anything is allocated, refused in one line."""

from __future__ import annotations

import math
from typing import Any

from .._text import shown
from ..description import real_array
from ..errors import InputError

#: Steps of a run of a model, at most: more take years.
MOST_STEPS = 2**40


def real(name: str, value: Any, low: float, high: float) -> float:
    """``value`` as a float; InputError unless it is a number from ``low`` to ``high``."""
    array = real_array(value)
    if array is None or array.ndim or not low <= array <= high:
        raise InputError(f"{name}: must be a number in {low:,.12g}..{high:,.12g}, got {shown(value)}")
    return float(array)


def steps_of(seconds: Any, dt: float) -> int:
    """Steps of ``dt`` seconds in ``seconds``; InputError unless there are 1 to ``MOST_STEPS`` of them."""
    most = math.floor(MOST_STEPS * dt)
    return round(real("seconds", seconds, dt, most) / dt)
