r"""Theory of sparse distributed memory: sizes of circles, their intersections, best radii, and the bridge to attention.

Of :math:`2^n` addresses, those within radius r of a point, and within r of two points at distance d, are

.. math::
    |B_r| = \sum_{i \le r} \binom{n}{i}, \qquad
    |B_r \cap B_r'| = |B_r| - \sum_{\text{odd } j \le d} \binom{j - 1}{(j - 1) / 2} \binom{n - j}{r - (j - 1) / 2}

A stored pattern is read with a weight proportional to its intersection, which falls almost exponentially in d: the
weights approximate a softmax of beta times the cosine :math:`1 - 2 d / n`, beta the slope of the log size.

With M locations, m random patterns, p = |B_r| / 2^n and mu = M p^2, a bit of a read has the mean :math:`L` (active
locations in common) and the variance :math:`M p + m (\mu + \mu^2)`.

Sources: Kanerva 1988; Bricken & Pehlevan 2021, arXiv 2111.05498, appendix B.5.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from ...errors import InputError


def circle(n: int, radius: int) -> int:
    """Addresses of n bits within ``radius`` of a point."""
    return sum(math.comb(n, i) for i in range(min(radius, n) + 1))


def intersection(n: int, radius: int, distance: int) -> int:
    """Addresses of n bits within ``radius`` of both of two points that lie ``distance`` apart."""
    lost = 0
    for j in range(1, distance + 1, 2):
        half = (j - 1) // 2
        if half <= radius:
            lost += math.comb(j - 1, half) * math.comb(n - j, radius - half)
    return circle(n, radius) - lost


class Softmax(NamedTuple):
    """The softmax that reads as the memory does: log size = beta (1 - 2 d / n) + constant, with R squared."""

    beta: float
    constant: float
    r_squared: float


def softmax_of(n: int, radius: int, most: int) -> Softmax:
    """Fit the log of the intersection for distances 0..``most``.

    Raises
    ------
    InputError
        If an intersection is empty.
    """
    sizes = [intersection(n, radius, d) for d in range(most + 1)]
    if min(sizes) < 1:
        raise InputError(f"softmax_of: circles of radius {radius} do not meet at distance {most}; use a larger radius")
    y, x = np.array([math.log(size) for size in sizes]), 1 - 2 * np.arange(most + 1) / n
    beta, constant = np.polyfit(x, y, 1)
    return Softmax(float(beta), float(constant), float(1 - (y - beta * x - constant).var() / y.var()))


class BestRadii(NamedTuple):
    """Radii that are best for the signal-to-noise ratio, for the number of patterns, and for the noise of a cue."""

    signal: int
    capacity: int
    distance: int


def best_radii(n: int, locations: float, patterns: int, whole: float = 0.5) -> BestRadii:
    """The radii of three aims.

    Signal: largest L / sd of a read at distance 0. Capacity: most patterns of which a share ``whole`` comes back
    without an error. Distance: the farthest cue whose read has fewer wrong bits than the cue; of several radii for the
    same cue, the one with the fewest wrong bits.

    Parameters
    ----------
    n : int
        Bits of a pattern, even.
    locations : float
        Hard locations (M).
    patterns : int
        Stored patterns (m).
    whole : float
        Share of the patterns that come back without an error.
    """
    from scipy.stats import norm

    z = norm.ppf(whole ** (1 / n))
    radii = range(n // 2)
    share = [circle(n, r) / 2**n for r in radii]
    signal = [_ratio(locations * p, p, locations, patterns) for p in share]
    capacity = [
        ((locations * p / z) ** 2 - locations * p) / (locations * p**2 + (locations * p**2) ** 2) for p in share
    ]
    reached = []
    for r in radii:
        best = (0, 0.0)
        for d in range(1, n // 2):
            common = locations * (intersection(n, r, d) / 2**n)
            wrong = n * norm.sf(_ratio(common, share[r], locations, patterns))
            best = (d, -wrong) if wrong < d else best
        reached.append(best)
    return BestRadii(int(np.argmax(signal)), int(np.argmax(capacity)), max(radii, key=lambda r: reached[r]))


def _ratio(common: float, share: float, locations: float, patterns: int) -> float:
    mu = locations * share**2
    return common / math.sqrt(locations * share + patterns * (mu + mu**2))


def sparse_radius(n: int, active: int, share: float) -> int:
    """The even radius at which random patterns of ``active`` ones activate about that share of sparse addresses."""
    from scipy.stats import hypergeom

    least = np.arange(1, active + 1)
    tail = hypergeom.sf(least - 1, n, active, active)
    best = int(least[np.argmin(np.abs(np.log(np.maximum(tail, 1e-300)) - math.log(share)))])
    return 2 * (active - best)
