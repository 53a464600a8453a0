"""Traces that decay by a factor in every step, computed only where they are read."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from ..errors import NetworkError

#: Steps that the first table of powers holds; powers below TINY count as 0.
BLOCK = 1 << 16
TINY = 2.0**-1000
#: Largest decay: a time constant of ten million steps.
LARGEST = 1 - 1e-7


class Powers(NamedTuple):
    r"""Powers :math:`p(n)` of a decay, the same numbers on every runtime: two tables of repeated products.

    .. math:: p(n) = \text{low}[n \bmod 2^{16}] \cdot \text{high}[\lfloor n / 2^{16} \rfloor]

    with :math:`\text{low}[k] = \text{low}[k-1]\, \rho` and :math:`\text{high}[k] = \text{high}[k-1]\,
    (\text{low}[2^{16}-1]\, \rho)`, both from 1; what is smaller than :math:`2^{-1000}` is 0, and so is all beyond the
    tables. A trace that was x after a spike is x p(n) n steps later: nothing is computed in between.

    Attributes
    ----------
    low, high : array
        The tables.
    """

    low: Any
    high: Any

    def __call__(self, n: Any) -> Any:
        """``p(n)`` of whole numbers n >= 0, an array."""
        n = np.asarray(n, np.int64)
        low, high = n % BLOCK, n // BLOCK
        inside = (low < len(self.low)) & (high < len(self.high))
        return np.where(inside, self.low[low * inside] * self.high[high * inside], 0.0)


def powers(decay: float) -> Powers:
    """The tables of a decay in [0, LARGEST]."""
    low = np.multiply.accumulate(np.concatenate(([1.0], np.full(BLOCK - 1, decay))))
    low = low[: np.searchsorted(-low, -TINY, side="right")]
    if len(low) < BLOCK:
        return Powers(low, np.ones(1))
    step = low[-1] * decay
    high = np.multiply.accumulate(np.concatenate(([1.0], np.full(math.ceil(-700 / math.log(step)), step))))
    return Powers(low, high[: np.searchsorted(-high, -TINY, side="right")])


def check_decay(name: str, decay: float) -> None:
    """Raise NetworkError for a decay outside [0, LARGEST]."""
    if not 0.0 <= decay <= LARGEST:
        raise NetworkError(f"{name}: must lie in [0, 1 - 1e-7], got {decay!r}")


def decay_of(name: str, tau: float, dt: float) -> float:
    """``exp(-dt / tau)``; NetworkError unless both are positive."""
    if not (tau > 0 and dt > 0 and math.isfinite(tau) and math.isfinite(dt)):
        raise NetworkError(f"{name}: time constant and dt must be positive, got {tau!r} and {dt!r}")
    return math.exp(-dt / tau)


class Traces:
    """A trace for each neuron: its value after the neuron's last spike, and the step of that."""

    def __init__(self, size: int, decay: float) -> None:
        self.value, self.last, self.powers = np.zeros(size), np.zeros(size, np.int64), powers(decay)

    def at(self, t: int, index: Any = slice(None)) -> Any:
        """Values in step t of the neurons ``index``."""
        return self.value[index] * self.powers(t - self.last[index])

    def spike(self, t: int, neurons: Any, gain: float, nearest: bool) -> None:
        """Let traces gain ``gain``, or become it (``nearest``), at spikes in step t."""
        self.value[neurons] = gain if nearest else self.at(t, neurons) + gain
        self.last[neurons] = t
