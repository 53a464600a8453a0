"""How much a bundle of hypervectors holds: recall of bound pairs, membership, and the dimensions that are needed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..errors import InputError
from ..hdc.base import Algebra, Codes, Seed


def recall(
    algebra: Algebra,
    pairs: int,
    candidates: int,
    trials: int,
    seed: Seed = 0,
    alter: Callable[[Codes, np.random.Generator], Codes] | None = None,
) -> float:
    """Bind keys to values, bundle the pairs, take each key out again: share of values found among the candidates.

    Parameters
    ----------
    algebra : Algebra
        Algebra and size of the codes.
    pairs : int
        Pairs in a bundle k.
    candidates : int
        Codes m that the value is one of; values of a bundle are distinct.
    trials : int
        Bundles; the share is over trials x pairs.
    seed : int or Generator
        Of all randomness.
    alter : callable, optional
        What happens to the bundle (width,) before it is read, given a generator: a lesion, bit errors.

    Raises
    ------
    InputError
        For more pairs than candidates.
    """
    if not 1 <= pairs <= candidates:
        raise InputError(f"recall: {pairs} pairs of {candidates} candidates; needs 1 <= pairs <= candidates")
    rng, right = np.random.default_rng(seed), 0
    for _ in range(trials):
        items, keys = algebra.random(candidates, rng), algebra.random(pairs, rng)
        values = rng.choice(candidates, pairs, replace=False)
        trace = algebra.bundle(algebra.bind(keys, items[values]))
        trace = alter(trace, rng) if alter else trace
        right += int((algebra.cleanup(algebra.unbind(trace, keys), items) == values).sum())
    return right / (trials * pairs)


def membership(algebra: Algebra, members: int, distractors: int, trials: int, seed: Seed = 0) -> float:
    """Share of the members of a bundle that resemble it more than all of the distractors do."""
    rng, above = np.random.default_rng(seed), 0
    for _ in range(trials):
        codes = algebra.random(members + distractors, rng)
        similar = algebra.similarity(algebra.bundle(codes[:members]), codes)
        above += int((similar[:members] > similar[members:].max()).sum())
    return above / (trials * members)


def needed(
    of_size: Callable[[int], Algebra], members: int, distractors: int, share: float, queries: int, seed: int = 0
) -> int:
    """Least size, within 2 %, at which :func:`membership` is ``share``.

    Parameters
    ----------
    of_size : callable
        Size -> Algebra; sizes from 2 to 2**20 are tried.
    members, distractors : int
        As for :func:`membership`.
    share : float
        Wanted share, for example 0.99.
    queries : int
        Members asked for at each size.
    seed : int
        Of all randomness, the same at each size.

    Raises
    ------
    InputError
        If 2**20 are too few.
    """
    trials = max(1, -(-queries // members))

    def enough(size: int) -> bool:
        return membership(of_size(size), members, distractors, trials, seed) >= share

    high = 2
    while not enough(high):
        high *= 2
        if high > 1 << 20:
            raise InputError(f"needed: {members} members reach {share} at no size up to {1 << 20}")
    low = high // 2
    while high - low > max(1, 0.02 * high):
        middle = (low + high) // 2
        low, high = (low, middle) if enough(middle) else (middle, high)
    return high


def capacity_constant(
    members: Sequence[int], dimensions: Sequence[int], distractors: int, failure: float
) -> dict[str, Any]:
    r"""Fit :math:`D = c\,k \ln(m / \delta)` by least squares of the logarithm.

    Parameters
    ----------
    members : sequence of int
        k.
    dimensions : sequence of int
        D needed at each k.
    distractors : int
        M.
    failure : float
        Share of members that may be missed, delta.

    Returns
    -------
    dict
        ``c``; ``worst``, the largest relative deviation of a point; ``exponent``, the slope of log D on log k.

    Source: the form of the bounds of Clarkson, Ubaru & Yang 2023, arXiv 2301.10352.
    """
    k, d = np.asarray(members, float), np.asarray(dimensions, float)
    ratio = d / (k * np.log(distractors / failure))
    c = float(np.exp(np.log(ratio).mean()))
    slope = float(np.polyfit(np.log(k), np.log(d), 1)[0])
    return {"c": c, "worst": float(np.abs(ratio / c - 1).max()), "exponent": slope}
