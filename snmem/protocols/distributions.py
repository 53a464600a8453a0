"""Distributions of a statistic over neurons or pairs, as histograms on a fixed grid: small data that can be kept.

Values are rounded to whole multiples of a unit. Distances between two such histograms are those of the rounded
samples, to the last count.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..errors import InputError

#: A run: {population: {statistic: histogram}}.
Populations = Mapping[str, Mapping[str, Mapping[str, Any]]]


def histogram(values: ArrayLike, unit: float) -> dict[str, Any]:
    """Counts of values rounded to multiples of ``unit``: {"first": the lowest multiple, "counts": from there on}."""
    multiples = np.rint(np.asarray(values, np.float64) / unit).astype(np.int64)
    if not multiples.size:
        return {"first": 0, "counts": []}
    first = int(multiples.min())
    return {"first": first, "counts": np.bincount(multiples - first).tolist()}


def distance(one: Mapping[str, Any], other: Mapping[str, Any]) -> float:
    """Kolmogorov-Smirnov distance of two histograms with the same unit; NaN if one is empty.

    The largest difference, over all values, of the shares that lie at or below a value.
    """
    if not (one["counts"] and other["counts"]):
        return float("nan")
    low = min(one["first"], other["first"])
    end = max(h["first"] + len(h["counts"]) for h in (one, other))
    shares = []
    for h in (one, other):
        counts = np.zeros(end - low)
        counts[h["first"] - low :][: len(h["counts"])] = h["counts"]
        shares.append(np.cumsum(counts) / counts.sum())
    return float(np.abs(shares[0] - shares[1]).max())


def distances(one: Populations, other: Populations) -> NDArray[np.float64]:
    """Distances of two runs, statistics by populations."""
    names = list(next(iter(one.values())))
    return np.array([[distance(one[p][s], other[p][s]) for p in one] for s in names])


@dataclass(frozen=True)
class Agreement:
    """How far runs lie from runs of a reference, and these from each other.

    Attributes
    ----------
    distance : float64 array (statistics, populations)
        Median of the distances of every run from every one of the reference.
    between : float64 array (statistics, populations)
        Largest distance of two runs of the reference.
    mean : float64 vector (statistics)
        Mean of the populations of the distance of a run from one of the reference; the median of all pairs.
    mean_between : float64 vector (statistics)
        The largest such mean of two runs of the reference.
    beyond : int
        In how many statistics and populations ``distance`` exceeds ``between``.
    beyond_themselves : int
        The largest such number of a run of the reference that is set beside the others.
    """

    distance: NDArray[np.float64]
    between: NDArray[np.float64]
    mean: NDArray[np.float64]
    mean_between: NDArray[np.float64]
    beyond: int
    beyond_themselves: int


def agreement(runs: Sequence[Populations], reference: Sequence[Populations]) -> Agreement:
    """Set one or more runs beside at least three of a reference.

    Raises
    ------
    InputError
        There are fewer.
    """
    if len(reference) < 3:
        raise InputError(f"agreement: needs at least 3 runs of the reference, got {len(reference)}")
    own = np.array([distances(run, other) for run in runs for other in reference])
    pairs = {(i, j): distances(reference[i], reference[j]) for i, j in combinations(range(len(reference)), 2)}
    between = np.array(list(pairs.values()))
    held_out = [
        _beyond([d for pair, d in pairs.items() if k in pair], [d for pair, d in pairs.items() if k not in pair])
        for k in range(len(reference))
    ]
    return Agreement(
        distance=np.median(own, axis=0),
        between=between.max(axis=0),
        mean=np.median(own.mean(axis=2), axis=0),
        mean_between=between.mean(axis=2).max(axis=0),
        beyond=_beyond(own, between),
        beyond_themselves=max(held_out),
    )


def _beyond(own: ArrayLike, between: ArrayLike) -> int:
    """In how many places the median of ``own`` distances exceeds the largest of ``between``."""
    return int((np.median(np.asarray(own), axis=0) > np.max(np.asarray(between), axis=0)).sum())
