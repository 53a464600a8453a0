"""Raw difference of the K-winner and 1-winner memories by age: accuracy minus that for patterns never stored.

Reproduces figure S1 of Bhandarkar & McClelland 2025, "Neural Computation Without Slots", arXiv 2511.04593, with the
exponential fits over ages 1 to 200 and Theorem 1 for the 1-winner memory.

The d' advantage of the K-winner is one of reliability: its raw difference is the smaller one until age 196 (full cues)
or 247 (half cues), but varies far less from run to run.
"""

import math
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from snmem.memory import KWinnerConfig
from snmem.metrics import exact_baseline, theorem_baseline, theorem_curve
from snmem.protocols import published as paper
from snmem.protocols.curves import bootstrap_error, crossing_age, draw_curves, smooth, summary
from snmem.protocols.retention import Protocol, Retention, retention_of
from snmem.protocols.rows import result, row

MODELS = {paper.K: KWinnerConfig.main(), paper.ONE: KWinnerConfig.one_winner()}
SHARES = (1.0, 0.5)
#: Raw differences of the K-winner and the 1-winner memory at 100 % cues.
DIFFERENCE = {1: (0.333, 0.824), 100: (0.198, 0.318), 200: (0.108, 0.119), 300: (0.065, 0.033)}
Key = tuple[str, float]


def difference_rows(found: dict[Key, Retention]) -> list[dict[str, Any]]:
    """Raw differences at single ages, within 3 standard errors of ours and theirs together."""
    rows = []
    for place, model in enumerate(MODELS):
        ours = found[model, 1.0]
        differences = (ours.stored - ours.never["same"]).reshape(-1, ours.stored.shape[-1])
        spread = smooth(differences.std(axis=0), 5)
        for age, values in DIFFERENCE.items():
            tolerance = 3.0 * spread[age - 1] * math.sqrt(1.0 / len(differences) + 1.0 / paper.RUNS) + 0.0005
            name = f"{model}, 100% cues: raw difference at age {age}"
            rows.append(row(name, differences[:, age - 1].mean(), values[place], tolerance))
    return rows


def overtakes(ours: Retention, theirs: Retention) -> float:
    """Age from which the raw difference of ``ours`` is the larger."""
    return crossing_age(*(x.raw_difference().mean(axis=0) for x in (ours, theirs)))


def fit_rows(found: dict[Key, Retention]) -> list[dict[str, Any]]:
    """Exponential fits beside the published ones; the 1-winner's beside Theorem 1 too."""
    rows = []
    for (model, share), ours in found.items():
        name, (amplitude, rate) = f"{model}, {share:.0%} cues", paper.FIT[model, share]
        fit = ours.fit()
        rows.append(row(f"{name}: amplitude of the fit", fit.amplitude, amplitude, 0.06 * amplitude))
        rows.append(row(f"{name}: rate of the fit", fit.rate, rate, 0.1 * rate, "per pattern"))
        if model == paper.ONE:
            theory = -math.log(1.0 - 1.0 / MODELS[model].hidden)
            rows.append(
                row(f"{name}: rate of the fit against Theorem 1", fit.rate, theory, 0.1 * theory, "per pattern")
            )
            survival = theorem_curve(np.arange(1, 201), share) / (1.0 - theorem_baseline(share))
            exact = survival * (1.0 - exact_baseline(share))
            gap = float(np.abs(smooth(ours.raw_difference().mean(axis=0)[:200]) - smooth(exact)).max())
            name = f"{name}: largest distance from survival x (1 - hypergeometric baseline), ages 1-200"
            runs = ours.stored.shape[0] * ours.stored.shape[1]
            rows.append(row(name, gap, 0.0, 4.0 * 0.4 / math.sqrt(21 * runs)))
    return rows


# Recipes that share a protocol begin alike; each is one file, to be read and run by itself.
def reproduce(
    quick: bool = False, seed: int = 0, out: Path | None = None, report: Callable[[str], None] = print
) -> dict[str, Any]:
    """Run the experiment and compare it with the published figure."""
    began = time.perf_counter()
    protocol = Protocol.quick() if quick else Protocol()
    found = retention_of(MODELS, SHARES, protocol, seed + 10, report)
    rows = difference_rows(found) + fit_rows(found)
    for share in SHARES:
        models = found[paper.K, share], found[paper.ONE, share]
        if len(models[0].stored) >= 5:
            tolerance = 3.0 * math.sqrt(2.0) * bootstrap_error(overtakes, *models)
            age, expected = overtakes(*models), paper.CROSSING_DIFFERENCE[share]
            rows.append(
                row(f"{share:.0%} cues: K-winner ahead in raw difference from", age, expected, tolerance, "age")
            )
    raw = {f"{model}, {share:.0%} cues": summary(ours, paper.BANDS) for (model, share), ours in found.items()}
    files = []
    if out:
        panels = {f"{share:.0%} cues": {m: found[m, share].raw_difference() for m in MODELS} for share in SHARES}
        files.append(draw_curves(panels, out / "raw-difference.png", "raw difference"))
    return result(rows, raw, files, seed, began)
