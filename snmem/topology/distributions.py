"""Distributions of weights and delays, and how one value of each is drawn.

Values outside low..high are drawn again, so that a normal distribution is a truncated one. A drawn value is then
rounded to a multiple of ``grid``, or to one of ``levels`` values that lie evenly from ``low`` to ``high``.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from .._hash import mix
from .._jit import kernel
from ..description import number, whole
from ..errors import NetworkError

#: Widths around the mean within which values lie where no limits are given, and draws before a value is cut to them.
WIDTHS, TRIES = 6.0, 1000
#: Places in the vector of a distribution's numbers.
KIND, A, B, LOW, HIGH, UNIT, ORIGIN, NUMBERS = range(8)
CONSTANT, NORMAL, LOGNORMAL, UNIFORM = range(4)


@dataclass(frozen=True)
class Distribution:
    """What weights or delays are drawn from."""

    def limits(self) -> tuple[float, float]:
        """The smallest and the largest value."""
        raise NotImplementedError

    def numbers(self, kind: int, a: float, b: float, grid: float, levels: int) -> Any:
        """The vector that :func:`draw` reads."""
        low, high = self.limits()
        unit, origin = (grid, 0.0) if levels == 0 else ((high - low) / (levels - 1), low)
        return np.array([kind, a, b, low, high, unit, origin])

    def vector(self) -> Any:
        """The vector that :func:`draw` reads."""
        raise NotImplementedError

    def check(self) -> None:
        """Replace numbers by plain ones; NetworkError for what is none, or a range or grid that is empty."""
        owner = type(self).__name__
        for f in fields(self):
            value = getattr(self, f.name)
            if value is not None:
                what = f"{owner}: {f.name}"
                given = whole(what, value, 0, 2**31 - 1) if f.name == "levels" else number(what, value)
                if not np.isfinite(given):
                    raise NetworkError(f"{what} must be finite, got {given:g}")
                object.__setattr__(self, f.name, given)
        low, high = self.limits()
        if not (np.isfinite(low) and np.isfinite(high) and low <= high):
            raise NetworkError(f"{owner}: values must lie in a finite range, got low {low:g} and high {high:g}")
        levels, grid = getattr(self, "levels", 0), getattr(self, "grid", 0.0)
        if levels == 1 or grid < 0 or (levels and grid):
            raise NetworkError(
                f"{owner}: needs a grid above 0 or at least 2 levels, got grid {grid:g}, levels {levels}"
            )


@dataclass(frozen=True)
class Constant(Distribution):
    """One value.

    Parameters
    ----------
    value : float
        The value.
    """

    value: float

    def __post_init__(self) -> None:
        self.check()

    def limits(self) -> tuple[float, float]:
        """The value, twice."""
        return self.value, self.value

    def vector(self) -> Any:
        """The vector that :func:`draw` reads."""
        return self.numbers(CONSTANT, self.value, 0.0, 0.0, 0)


@dataclass(frozen=True)
class Normal(Distribution):
    """Normal distribution, drawn again outside low..high.

    Parameters
    ----------
    mean : float
        Its mean, before truncation.
    sd : float
        Its standard deviation, before truncation.
    low : float, optional
        Smallest value; by default 6 sd below the mean.
    high : float, optional
        Largest value; by default 6 sd above the mean.
    grid : float
        Round to multiples of it; 0: not at all.
    levels : int
        Round to so many values, evenly from low to high; 0: not at all.
    """

    mean: float
    sd: float
    low: float | None = None
    high: float | None = None
    grid: float = 0.0
    levels: int = 0

    def __post_init__(self) -> None:
        if number("Normal: sd", self.sd) < 0:
            raise NetworkError(f"Normal: sd must be >= 0, got {self.sd:g}")
        self.check()

    def limits(self) -> tuple[float, float]:
        """The smallest and the largest value."""
        low = self.mean - WIDTHS * self.sd if self.low is None else self.low
        return low, self.mean + WIDTHS * self.sd if self.high is None else self.high

    def vector(self) -> Any:
        """The vector that :func:`draw` reads."""
        return self.numbers(NORMAL, self.mean, self.sd, self.grid, self.levels)


@dataclass(frozen=True)
class Lognormal(Distribution):
    """exp of a normal distribution.

    Parameters
    ----------
    mu : float
        Mean of the logarithm.
    sigma : float
        Standard deviation of the logarithm.
    low : float
        Smallest value.
    high : float, optional
        Largest value; by default exp(mu + 6 sigma).
    grid : float
        Round to multiples of it; 0: not at all.
    levels : int
        Round to so many values, evenly from low to high; 0: not at all.
    """

    mu: float
    sigma: float
    low: float = 0.0
    high: float | None = None
    grid: float = 0.0
    levels: int = 0

    def __post_init__(self) -> None:
        if number("Lognormal: sigma", self.sigma) < 0:
            raise NetworkError(f"Lognormal: sigma must be >= 0, got {self.sigma:g}")
        self.check()

    def limits(self) -> tuple[float, float]:
        """The smallest and the largest value."""
        with np.errstate(over="ignore"):
            return self.low, float(np.exp(self.mu + WIDTHS * self.sigma)) if self.high is None else self.high

    def vector(self) -> Any:
        """The vector that :func:`draw` reads."""
        return self.numbers(LOGNORMAL, self.mu, self.sigma, self.grid, self.levels)


@dataclass(frozen=True)
class Uniform(Distribution):
    """Uniform distribution from low to high; whole numbers where grid is 1, both ends half as often.

    Parameters
    ----------
    low : float
        Smallest value.
    high : float
        Largest value.
    grid : float
        Round to multiples of it; 0: not at all.
    levels : int
        Round to so many values, evenly from low to high; 0: not at all.
    """

    low: float
    high: float
    grid: float = 0.0
    levels: int = 0

    def __post_init__(self) -> None:
        self.check()

    def limits(self) -> tuple[float, float]:
        """The smallest and the largest value."""
        return self.low, self.high

    def vector(self) -> Any:
        """The vector that :func:`draw` reads."""
        return self.numbers(UNIFORM, self.low, self.high, self.grid, self.levels)


def as_distribution(what: str, value: Any) -> Distribution:
    """A distribution, or a number as the one of that value."""
    return value if isinstance(value, Distribution) else Constant(number(what, value))


@kernel
def uniform(key, index):
    """A number in (0, 1), from 53 bits of (key, index)."""
    return (np.float64(mix(key, index) >> np.uint64(11)) + 0.5) * 2.0**-53


@kernel
def _ratio(x, top, bottom):
    """The quotient of two polynomials in x, highest power first."""
    a, b = top[0], bottom[0]
    for k in range(1, len(top)):
        a, b = a * x + top[k], b * x + bottom[k]
    return a / b


#: Coefficients of algorithm AS 241 (Wichura 1988, doi 10.2307/2347330), highest power first.
_CENTRE = (
    (2509.0809287301226727, 33430.575583588128105, 67265.770927008700853, 45921.953931549871457,
     13731.693765509461125, 1971.5909503065514427, 133.14166789178437745, 3.387132872796366608),
    (5226.495278852854561, 28729.085735721942674, 39307.89580009271061, 21213.794301586595867,
     5394.1960214247511077, 687.1870074920579083, 42.313330701600911252, 1.0),
)  # fmt: skip
_NEAR = (
    (7.7454501427834140764e-4, 0.0227238449892691845833, 0.24178072517745061177, 1.27045825245236838258,
     3.64784832476320460504, 5.7694972214606914055, 4.6303378461565452959, 1.42343711074968357734),
    (1.05075007164441684324e-9, 5.475938084995344946e-4, 0.0151986665636164571966, 0.14810397642748007459,
     0.68976733498510000455, 1.6763848301838038494, 2.05319162663775882187, 1.0),
)  # fmt: skip
_FAR = (
    (2.01033439929228813265e-7, 2.71155556874348757815e-5, 0.0012426609473880784386, 0.026532189526576123093,
     0.29656057182850489123, 1.7848265399172913358, 5.4637849111641143699, 6.6579046435011037772),
    (2.04426310338993978564e-15, 1.4215117583164458887e-7, 1.8463183175100546818e-5, 7.868691311456132591e-4,
     0.0148753612908506148525, 0.13692988092273580531, 0.59983220655588793769, 1.0),
)  # fmt: skip


@kernel
def normal_quantile(p):
    """The value below which a standard normal variable lies with probability p, to about 1e-16 (AS 241)."""
    q = p - 0.5
    if abs(q) <= 0.425:
        return q * _ratio(0.180625 - q * q, *_CENTRE)
    r = np.sqrt(-np.log(p if q < 0 else 1 - p))
    x = _ratio(r - 1.6, *_NEAR) if r <= 5 else _ratio(r - 5, *_FAR)
    return -x if q < 0 else x


@kernel
def draw(numbers, key, first):
    """One value of a distribution, from the uniform numbers ``first``, ``first`` + 1, ... of ``key``."""
    kind, a, b, low, high = numbers[KIND], numbers[A], numbers[B], numbers[LOW], numbers[HIGH]
    x = a
    if kind != CONSTANT:
        for k in range(TRIES):
            u = uniform(key, first + k)
            x = a + (b - a) * u if kind == UNIFORM else a + b * normal_quantile(u)
            if kind == LOGNORMAL:
                x = np.exp(x)
            if low <= x <= high:
                break
        x = min(max(x, low), high)
    unit, origin = numbers[UNIT], numbers[ORIGIN]
    return x if unit == 0 else origin + np.rint((x - origin) / unit) * unit
