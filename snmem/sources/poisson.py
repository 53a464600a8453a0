r"""Poisson events: the counts of lines and steps are independent.

Drawn by blocks of B lines with the same mean :math:`\lambda` per step. The events of a block in a step are
Poisson-distributed with mean :math:`B \lambda`, and each belongs to a line picked at random: then the lines have
independent Poisson counts of mean :math:`\lambda` (Kingman 1993, *Poisson Processes*, colouring theorem). B is the
largest power of two with :math:`B \lambda \le 1`, so that the cost goes with the events. Lines of up to 16 different
rates are drawn apart by rate. With more, lines are put together whose rates lie between the same two powers of two,
drawn with the larger, and every event is kept with the probability that makes up for it.

Every number follows from a hash of its place (:mod:`snmem._hash`), and is compared with thresholds that are worked out
in decimal arithmetic of 60 digits, so that they are the same on every machine. With key s of the source (of its seed
and name), K = mix(s, g) for group g, and i = step * blocks + block, the count of block i is the number of thresholds
:math:`\lfloor 2^{64} P(N \le k) \rfloor` that mix(K, i) reaches; its k-th draw takes mix(M, 2 k), M = mix(mix(K, 2^{64}
- 1), i), whose first bits are the line within the block, and is kept where mix(M, 2 k + 1) is not above the line's
threshold.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from .._events import count
from ..description import flag
from ..errors import InputError, NetworkError
from .base import SOURCES, Source
from .draw import Drawing, Table, draw_events, groups_of, key_of, table_of

#: Mean number of events of a line in a step, at most.
MOST = 1000.0


# Parameters that all sources share are said for each by itself, as ``help`` shows one at a time.
@SOURCES.register("poisson")
@dataclass(frozen=True, eq=False)
class Poisson(Source):
    """Poisson events on every line, independent of all others.

    Parameters
    ----------
    name : str
        Unique in the network. The events follow from it, too, so that two sources of one seed are independent.
    shape : int or tuple of int
        Lines.
    rate : float or array
        Mean number of events per second ("Hz") or per step ("step"), one for all lines or one for each.
    unit : str
        "Hz" or "step".
    seed : int
        Of the events, >= 0.
    several : bool
        Whether a line may have several events in a step: their number, which is Poisson-distributed, is the value that
        a synapse's weight is multiplied by. False: at most one, with probability rate * dt (Bernoulli).

    Raises
    ------
    NetworkError
        For rates that are negative, not finite, or (in a network) above 1/dt with at most one event, above 1000 per
        step otherwise.
    """

    rate: Any = field(kw_only=True)
    unit: str = field(default="Hz", kw_only=True)
    seed: int = field(default=0, kw_only=True)
    several: bool = field(default=True, kw_only=True)

    def __post_init__(self) -> None:
        super().__post_init__()
        self.per_line("rate", 0.0)
        self.choose("unit", ("Hz", "step"))
        try:
            object.__setattr__(self, "seed", count(f"source {self.name!r}: seed", self.seed))
        except InputError as error:
            raise NetworkError(str(error)) from None
        object.__setattr__(self, "several", flag(f"source {self.name!r}: several", self.several))
        object.__setattr__(self, "values", self.several)

    @property
    def largest(self) -> float:
        """Twice the largest mean: a count above has a probability below 2**-64, and is not drawn."""
        return 2.0 * MOST if self.several else 1.0

    def _mean(self, dt: float) -> Any:
        """Events per step: one number, or one for each line."""
        return self.rate * dt if self.unit == "Hz" else self.rate

    def check(self, dt: float) -> None:
        """Raise NetworkError for rates beyond the limit."""
        most, limit = float(np.max(self._mean(dt))), MOST if self.several else 1.0
        if most > limit:
            rate = f"{np.max(self.rate):g} {'Hz' if self.unit == 'Hz' else 'per step'}"
            hint = "lower it" if self.several else "lower it, or allow several events in a step (several=True)"
            raise NetworkError(
                f"source {self.name!r}: a rate of {rate} is {most:g} events per step of {dt:g} s, the limit is "
                f"{limit:g}; {hint}"
            )

    def expected(self, dt: float) -> float:
        """The sum of the lines' means."""
        return float(np.sum(np.broadcast_to(self._mean(dt), self.size)))

    @cached_property
    def _tables(self) -> dict[float, Table]:
        return {}

    def draw(self, start: int, stop: int, dt: float) -> Any:
        """Events as the module says."""
        return self.draw_part(start, stop, dt, 0, self.size)

    def draw_part(self, start: int, stop: int, dt: float, low: int, high: int) -> Any:
        """Events of some lines, in a time that goes with their number."""
        return draw_events(self.drawing(dt, low, high), start, stop)

    def drawing(self, dt: float, low: int, high: int) -> Drawing:
        """Tables and key of the source."""
        if dt not in self._tables:
            means = np.broadcast_to(np.asarray(self._mean(dt), np.float64), self.size)
            self._tables[dt] = table_of(groups_of(means, self.several))
        expected = self.expected(dt) * (high - low) / self.size
        return Drawing(self._tables[dt], key_of(self.name, self.seed), (low, high), self.several, expected)
