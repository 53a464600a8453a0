"""How good winners are: their number, and their agreement with the exact k largest drives."""

from __future__ import annotations

from typing import Any, TypedDict

import numpy as np


class Numbers(TypedDict):
    """Number of winners over the presentations."""

    mean: float
    min: int
    max: int


class Overlap(TypedDict):
    """Intersection over union with the exact k largest, over the presentations."""

    mean: float
    min: float


class KwtaReport(TypedDict):
    """What :func:`kwta_report` returns."""

    k: int
    presentations: int
    winners: Numbers
    jaccard: Overlap


class MemoryReport(KwtaReport):
    """The same of a memory's circuit, with what a presentation costs: steps, and events on average."""

    strategy: str
    steps: int
    spikes: float
    synaptic_events: float
    input_events: float


def kwta_report(winners: Any, drives: Any, k: int) -> KwtaReport:
    """Compare winners with the exact k largest drives, presentation by presentation.

    Parameters
    ----------
    winners
        Bool (presentations, units).
    drives
        Float (presentations, units).
    k
        Winners wanted.

    Returns
    -------
    KwtaReport
        Number of winners, and their agreement with the exact k largest.
    """
    winners = np.asarray(winners, bool)
    top = np.argpartition(-np.asarray(drives), k - 1, axis=1)[:, :k]
    exact = np.zeros_like(winners)
    np.put_along_axis(exact, top, True, axis=1)
    jaccard = (winners & exact).sum(1) / np.maximum((winners | exact).sum(1), 1)
    number = winners.sum(1)
    return {
        "k": int(k),
        "presentations": len(winners),
        "winners": {"mean": float(number.mean()), "min": int(number.min()), "max": int(number.max())},
        "jaccard": {"mean": float(jaccard.mean()), "min": float(jaccard.min())},
    }
