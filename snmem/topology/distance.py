"""Pairs with a probability that falls with their distance."""

from __future__ import annotations

from typing import Any

import numpy as np

from .._hash import mix
from .._jit import kernel
from .._text import shown
from ..description import number, option, real_array
from ..errors import NetworkError
from ..network import Projection
from .base import RULES, Ends, counted, projection
from .distributions import uniform

#: p(x) by name, x = distance / scale.
PROFILES = ("gaussian", "exponential", "linear", "step")


# Parameters that the rules share stand in each, so that editors, type checkers and ``help`` show them.
@RULES.register("distance_dependent")
def distance_dependent(
    pre: Any,
    post: Any,
    positions: tuple[Any, Any],
    scale: float,
    p: float = 1.0,
    profile: str = "gaussian",
    weights: Any = 1.0,
    delays: Any = 1,
    *,
    extent: Any = None,
    autapses: bool = True,
    seed: int = 0,
    name: str = "",
    **options: Any,
) -> Projection:
    """Join each pair of neurons with a probability that depends on their distance d.

    ==============  ==============================
    profile         probability
    ==============  ==============================
    "gaussian"      p exp(-d^2 / (2 scale^2))
    "exponential"   p exp(-d / scale)
    "linear"        p max(0, 1 - d / scale)
    "step"          p where d <= scale, else 0
    ==============  ==============================

    Every pair is looked at: time goes with neurons times neurons.

    Parameters
    ----------
    pre : Input or Population
        Where spikes come from.
    post : Population
        Where they go to.
    positions : pair of arrays, shapes (pre, dimensions) and (post, dimensions)
        Where neurons stand.
    scale : float
        Length of the profile, in units of the positions.
    p : float
        Probability at distance 0, in 0..1.
    profile : str
        Its form.
    weights : float or Distribution
        Weights.
    delays : int or Distribution
        Delays in steps.
    extent : float or array of shape (dimensions,), optional
        Lengths after which space repeats (a torus).
    autapses : bool
        Whether neurons of one population may be joined to themselves.
    seed : int
        Of the random numbers, together with the name.
    name : str
        Of the projection; by default "pre->post".
    options
        Of :func:`snmem.topology.base.projection`: dtype, threads, and those of :class:`snmem.Projection`.

    Raises
    ------
    NetworkError
        For positions of another shape, numbers out of range, and distributions that do not fit.
    """
    ends = Ends.of(pre, post, seed, name)
    sources, targets = _positions(ends, positions)
    option(f"{ends.owner}: profile", profile, PROFILES)
    form = (PROFILES.index(profile), number(f"{ends.owner}: scale", scale), number(f"{ends.owner}: p", p))
    if not (form[1] > 0 and 0 <= form[2] <= 1):
        raise NetworkError(f"{ends.owner}: scale must be above 0 and p in 0..1, got {form[1]:g} and {form[2]:g}")
    period, space = real_array(np.inf if extent is None else extent), sources.shape[1:]
    if period is None or period.shape not in ((), space) or not (period > 0).all():
        raise NetworkError(f"{ends.owner}: extent must be above 0, one number or {space[0]}, got {shown(extent)}")
    period = np.broadcast_to(period.astype(float), space).copy()
    own, key = ends.leaves_out(autapses), ends.stream(0)

    def write(counts: Any, indices: Any, indptr: Any, low: int, high: int) -> None:
        _rows(counts, indices, indptr, key, low, high, sources, targets, period, form, own)

    return projection(ends, counted(ends, write), weights, delays, **options)


def _positions(ends: Ends, positions: Any) -> tuple[Any, Any]:
    if not isinstance(positions, (tuple, list)) or len(positions) != 2:
        raise NetworkError(f"{ends.owner}: positions must be two arrays, those of the sources and of the targets")
    given = [real_array(part) for part in positions]
    for part, p in zip(given, (ends.pre, ends.post), strict=True):
        if part is None or part.ndim != 2 or len(part) != p.size or not np.isfinite(part).all():
            shape = None if part is None else part.shape
            raise NetworkError(f"{ends.owner}: positions of {p.name!r} must be finite ({p.size}, d), got {shape}")
    sources, targets = (np.array(part, float) for part in given)
    if sources.shape[1] != targets.shape[1]:
        raise NetworkError(f"{ends.owner}: positions have {sources.shape[1]} and {targets.shape[1]} dimensions")
    return sources, targets


@kernel
def _probability(distance, form):
    profile, scale, p = form
    x = distance / scale
    if profile == 0:
        return p * np.exp(-0.5 * x * x)
    if profile == 1:
        return p * np.exp(-x)
    if profile == 2:
        return p * max(0.0, 1 - x)
    return p if x <= 1 else 0.0


@kernel
def _rows(counts, indices, indptr, key, low, high, sources, targets, period, form, own):
    """Write the sources of some targets, or where ``indices`` has no room, count them."""
    for row in range(low, high):
        mine, n = mix(key, row), 0
        for j in range(len(sources)):
            square = 0.0
            for axis in range(period.size):
                d = abs(sources[j, axis] - targets[row, axis])
                if period[axis] < np.inf:
                    d = d % period[axis]
                    d = min(d, period[axis] - d)
                square += d * d
            if uniform(mine, j) < _probability(np.sqrt(square), form) and not (own and j == row):
                if indices.size:
                    indices[indptr[row] - indptr[low] + n] = j
                n += 1
        if indices.size == 0:
            counts[row] = n
