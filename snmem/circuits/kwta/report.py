"""How good winners are: their number, and their agreement with the exact k largest drives."""

from __future__ import annotations

from typing import Any

import numpy as np


def kwta_report(winners: Any, drives: Any, k: int) -> dict[str, Any]:
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
    dict with ``winners`` (mean, min, max of their number) and ``jaccard`` (mean, min; intersection / union with the
    exact top k).
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
