"""Graded learning: does a 1-winner memory gain by it what the K-winner memory does?

Reproduces figure S3 (appendix A.2.6) of Bhandarkar & McClelland 2025, "Neural Computation Without Slots",
arXiv 2511.04593: a 1-winner memory of rate 0.3 beside those of rate 1 and the K-winner memory of rate 0.3 (A), and
K-winner memories of lower rates (B; the rate used in the paper cannot be read from the text, so 0.2 and 0.1 are shown).

Published numbers exist for the K-winner (rate 0.3) and the 1-winner (rate 1); the others are among the raw figures.
"""

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from snmem.memory import KWinnerConfig
from snmem.metrics import reliably_better
from snmem.protocols import published as paper
from snmem.protocols.curves import band_mean, draw_curves, longest_stretch, summary
from snmem.protocols.retention import Protocol, Retention, retention
from snmem.protocols.rows import result, row, verdict

GRADED = "1-winner, rate 0.3"
MODELS = {
    paper.K: KWinnerConfig.main(),
    paper.ONE: KWinnerConfig.one_winner(),
    GRADED: KWinnerConfig.graded(),
    "K-winner, rate 0.2": replace(KWinnerConfig.main(), rate=0.2),
    "K-winner, rate 0.1": replace(KWinnerConfig.main(), rate=0.1),
}
SHARES = (1.0, 0.5)
Key = tuple[str, float]


def graded_rows(found: dict[Key, Retention]) -> list[dict[str, Any]]:
    """Published bands of the models that have them, and the order of the three memories by d'."""
    rows = []
    for share in SHARES:
        for model, relative, first in ((paper.K, 0.15, 11), (paper.ONE, 0.20, 51)):
            curve = found[model, share].d_prime().mean(axis=0)
            for band, expected in zip(paper.BANDS, paper.D_PRIME[model, share], strict=True):
                if band[0] >= first and band[1] <= 400:
                    name = f"{model}, {share:.0%} cues: d' at ages {band[0]}-{band[1]}"
                    rows.append(row(name, band_mean(curve, band), expected, relative * expected))
        for band in ((51, 100), (101, 200)):
            ours, graded = (band_mean(found[m, share].d_prime().mean(axis=0), band) for m in (paper.K, GRADED))
            name = f"{share:.0%} cues: larger d' at ages {band[0]}-{band[1]}, K-winner or graded 1-winner"
            rows.append(verdict(name, paper.K if ours > graded else GRADED, paper.K))
    return rows


def reproduce(
    quick: bool = False, seed: int = 0, out: Path | None = None, report: Callable[[str], None] = print
) -> dict[str, Any]:
    """Run the experiment for all rates and compare."""
    began = time.perf_counter()
    protocol, found = Protocol.quick() if quick else Protocol(), {}
    for number, (model, config) in enumerate(MODELS.items()):
        report(f"{model}: {protocol.samples * protocol.runs} runs of {protocol.burn_in + protocol.scored} patterns")
        for share, ours in retention(config, SHARES, protocol, seed + 30 + number).items():
            found[model, share] = ours
    raw: dict[str, Any] = {f"{m}, {share:.0%} cues": summary(x, paper.BANDS) for (m, share), x in found.items()}
    if protocol.samples > 1:
        for share in SHARES:
            better = reliably_better(found[paper.K, share].d_prime(), found[GRADED, share].d_prime())
            name = f"ages at which the K-winner's d' is reliably above the graded 1-winner's, {share:.0%} cues"
            raw[name] = list(longest_stretch(better))
    files = []
    if out:
        for name, models in (("graded", list(MODELS)[:3]), ("rates", [paper.K, *list(MODELS)[3:], paper.ONE])):
            panels = {f"{share:.0%} cues": {m: found[m, share].d_prime() for m in models} for share in SHARES}
            files.append(draw_curves(panels, out / f"{name}-d-prime.png", "d'", limits=(-0.5, 12.0)))
    return result(graded_rows(found), raw, files, seed, began)
