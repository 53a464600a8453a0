r"""Hopfield's network with pairwise synapses, and dense associative memories, whose energy has a higher power.

Both centre units at p = active / visible. A classical network has
:math:`W_{ij} = \sum_\mu (x_i - p)(x_j - p)`, no synapse of a unit with itself, and retrieves about 0.138 N random
patterns of p = 1/2 (Amit, Gutfreund & Sompolinsky 1985); sparse ones it retrieves many more of (Tsodyks & Feigelman
1988). A dense memory of power n has the energy :math:`-\sum_\mu m_\mu^n`, with
:math:`m_\mu = \sum_j (x_j^\mu - p)(c_j - p) / (p(1 - p))`, and retrieves about :math:`N^{n-1} / (2 (2n-3)!! \ln N)`
without an error (Krotov & Hopfield 2016).

Sources: Hopfield 1982, doi 10.1073/pnas.79.8.2554; Amit et al. 1985, doi 10.1103/PhysRevLett.55.1530; Tsodyks &
Feigelman 1988, doi 10.1209/0295-5075/6/2/002; Krotov & Hopfield 2016, arXiv 1606.01164.
"""

from __future__ import annotations

from math import gcd
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from ...errors import InputError
from ..base import MEMORIES, RowMemory, Stored, largest
from ..patterns import Patterns, active_units
from .linear import LinearMemory, check_sizes

#: Elements of the largest array that a recall holds.
_ELEMENTS = 1 << 23


@MEMORIES.register("hopfield-classical")
class HopfieldMemory(LinearMemory):
    r"""Hopfield's network of fixed activity: counts of units active together, and passes of k-WTA.

    With counts :math:`C_{ij}` of patterns in which i and j are active and p = A / V in lowest terms, the drive of a cue
    is :math:`V \sum_j C_{ij} c_j - A\, C_{ii} |c|` (i not j), which orders units as the centred weights do: the terms
    left out are the same for all. At p = 1/2 this is the network of Hopfield 1982 at zero temperature.

    Parameters
    ----------
    visible : int
        Size of a pattern (N).
    active : int
        Ones of a pattern.
    passes : int
        Updates of all units at once.
    precision : int
        Bits of a count; one that is full stays as it is.

    Raises
    ------
    InputError
        For sizes that are not positive, or more ones than units.
    """

    arrays: ClassVar[dict[str, Stored]] = {"counts": Stored("i", ("visible", "visible"), 0, 2**31)}

    def __init__(self, visible: int, active: int, passes: int = 3, precision: int = 8) -> None:
        self.visible, self.active = check_sizes("HopfieldMemory", visible, active)
        for name, value, high in (("passes", passes, 1000), ("precision", precision, 24)):
            if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= high:
                raise InputError(f"HopfieldMemory.{name}: must be a whole number in 1..{high}, got {value!r}")
        self.passes, self.precision = passes, precision
        self.counts: NDArray[np.int32] = np.zeros((self.visible, self.visible), np.int32)

    @classmethod
    def for_patterns(cls, visible: int, active: int, *, bits: int | None = None, seed: int = 0) -> HopfieldMemory:
        """Counts of 8 bits, or of as many as ``bits`` hold for each pair of units; nothing is drawn."""
        pairs = visible * (visible + 1) // 2
        precision = 8 if bits is None else largest(bits, lambda n: n * pairs, "HopfieldMemory", high=16)
        return cls(visible, active, precision=precision)

    @property
    def bits(self) -> int:
        """``precision`` bits for each pair of units, and each unit."""
        return self.precision * self.visible * (self.visible + 1) // 2

    def store(self, patterns: Patterns) -> None:
        """Count which units are active together in patterns, (n, visible) or (visible,) of 0 and 1."""
        rows = active_units(patterns, self.visible, "patterns").rows(np.float32)
        for first in range(0, len(rows), 4096):
            part = rows[first : first + 4096]
            self.counts = np.minimum(self.counts + (part.T @ part).astype(np.int32), 2**self.precision - 1)

    def matrix(self) -> NDArray[np.int64]:
        """The weights, whole numbers that order units as the centred ones do."""
        common = gcd(self.visible, self.active)
        v, a = self.visible // common, self.active // common
        out = v * self.counts.astype(np.int64) - a * np.diag(self.counts).astype(np.int64)[:, None]
        np.fill_diagonal(out, 0)
        return out


@MEMORIES.register("hopfield-dense")
class DenseHopfieldMemory(RowMemory):
    r"""Dense associative memory of power n on patterns that it keeps as rows.

    A pass takes the ``active`` units whose being active lowers the energy most (units that tie with the last are in):
    with :math:`m_{\mu i}` the overlap without unit i,

    .. math:: d_i = \sum_\mu (x_i^\mu - p)\; m_{\mu i}^{\,n-1} .

    It has no spiking form of its own: a power of an overlap is no sum of spikes. (For large n it is the softmax, whose
    spiking form chooses winners by k-WTA: :class:`snmem.attention.AttentionNetwork`.)

    Parameters
    ----------
    visible : int
        Size of a pattern (N).
    active : int
        Ones of a pattern.
    power : int
        n; 2 is Hopfield's network.
    slots : int or None
        Rows to keep; a pattern more replaces the oldest. None keeps all.
    passes : int
        Updates of all units at once.

    Raises
    ------
    InputError
        For sizes that are not positive, more ones than units, or a power below 2.
    """

    def __init__(self, visible: int, active: int, power: int = 3, slots: int | None = None, passes: int = 3) -> None:
        self.visible, self.active = check_sizes("DenseHopfieldMemory", visible, active)
        for name, value, low in (
            ("power", power, 2),
            ("slots", 1 if slots is None else slots, 1),
            ("passes", passes, 1),
        ):
            if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= 2**31:
                raise InputError(f"DenseHopfieldMemory.{name}: must be a whole number >= {low}, got {value!r}")
        self.power, self.slots, self.passes = power, slots, passes
        self.patterns: NDArray[np.bool_] = np.zeros((0, self.visible), bool)

    @classmethod
    def for_patterns(cls, visible: int, active: int, *, bits: int | None = None, seed: int = 0) -> DenseHopfieldMemory:
        """Power 3, and as many rows as ``bits`` hold; nothing is drawn."""
        return cls(visible, active, slots=cls.slots_in(bits, visible))

    def recall(self, cues: Patterns) -> NDArray[np.bool_]:
        """Return the recalled pattern of each cue: booleans in the shape of ``cues``."""
        given = active_units(cues, self.visible, "cues")
        rows = given.rows(bool)
        out = np.zeros(rows.shape, bool)
        if len(self.patterns):
            block = max(1, _ELEMENTS // (len(self.patterns) * self.visible))
            for first in range(0, len(rows), block):
                out[first : first + block] = self._settle(rows[first : first + block])
        return out[0] if given.single else out

    def _settle(self, x: NDArray[np.bool_]) -> NDArray[np.bool_]:
        for _ in range(self.passes):
            drives = self.drives(x)
            kth = np.partition(drives, -self.active, axis=1)[:, -self.active]
            before, x = x, drives >= kth[:, None]
            if np.array_equal(before, x):
                break
        return x

    def drives(self, states: NDArray[np.bool_]) -> NDArray[np.float64]:
        """The drive of every unit in every state, (n, visible)."""
        p = self.active / self.visible
        stored, x = self.patterns - p, states - p
        scale = p * (1.0 - p) or 1.0
        overlaps = x @ stored.T / scale
        if self.power == 2:  # the sum over patterns is a matrix product
            return overlaps @ stored - x * (stored**2).sum(axis=0) / scale
        out = np.empty(x.shape)
        for n, (overlap, state) in enumerate(zip(overlaps, x, strict=True)):
            without = overlap[:, None] - stored * state / scale
            out[n] = (stored * without ** (self.power - 1)).sum(axis=0)
        return out

    def energy(self, states: NDArray[np.bool_]) -> NDArray[np.float64]:
        """The energy of every state, -sum m**n."""
        p = self.active / self.visible
        overlaps = (states - p) @ (self.patterns - p).T / (p * (1.0 - p) or 1.0)
        return -(overlaps**self.power).sum(axis=1)


def most_patterns(visible: int, power: int, error: float) -> float:
    """Random patterns of p = 1/2 that a dense memory holds at a share ``error`` of unstable units (crosstalk normal).

    The crosstalk of K patterns has the variance K (2n - 3)!! N^(n-1) beside a signal of N^(n-1) (Krotov & Hopfield
    2016, equation 5).
    """
    from scipy.special import ndtri

    odd = float(np.prod(np.arange(2 * power - 3, 0, -2))) if power > 1 else 1.0
    signal: Any = ndtri(error)
    return visible ** (power - 1) / (odd * float(signal) ** 2)
