"""Graded learning: does a 1-winner memory gain by it what the K-winner memory does?

Reproduces figure S3 (appendix A.2.6) of Bhandarkar & McClelland 2025, "Neural Computation Without Slots",
arXiv 2511.04593: a 1-winner memory of rate 0.3 beside those of rate 1 and the K-winner memory of rate 0.3 (A), and
K-winner memories of lower rates (B; the rate used in the paper cannot be read from the text, so 0.2 and 0.1 are shown).

Published are the numbers of the K-winner (rate 0.3) and of the 1-winner (rate 1), and in words that the graded 1-winner
gains part of the K-winner's d', falls behind it at intermediate ages and is ahead of it from about age 400 on, where a
K-winner of lower rate is ahead of both. The numbers of the graded 1-winner are those of a run of the authors' code.
"""

import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from snmem.memory import KWinnerConfig
from snmem.metrics import reliably_better
from snmem.protocols import published as paper
from snmem.protocols.curves import d_prime_band, draw_curves, judged, longest_stretch, summary, window_mean
from snmem.protocols.retention import Protocol, Retention, retention_of
from snmem.protocols.rows import result, verdict

SLOWER = "K-winner, rate 0.2"
MODELS = {
    paper.K: KWinnerConfig.main(),
    paper.ONE: KWinnerConfig.one_winner(),
    paper.GRADED: KWinnerConfig.graded(),
    SLOWER: replace(KWinnerConfig.main(), rate=0.2),
    "K-winner, rate 0.1": replace(KWinnerConfig.main(), rate=0.1),
}
SHARES = (1.0, 0.5)
Key = tuple[str, float]


def number_rows(found: dict[Key, Retention]) -> list[dict[str, Any]]:
    """Published numbers and those of the authors' code, within 3 standard errors."""
    rows = []
    for share in SHARES:
        for model, first in ((paper.K, 11), (paper.ONE, 51)):
            ours = found[model, share]
            for band, value in zip(paper.BANDS, paper.D_PRIME[model, share], strict=True):
                if first <= band[0] and band[1] <= min(400, ours.stored.shape[-1]):
                    name = f"{model}, {share:.0%} cues: d' at ages {band[0]}-{band[1]}"
                    rows.append(judged(name, d_prime_band(band), ours, value, paper.D_PRIME_RUNS, 0.005))
        name, ours = f"{paper.GRADED}, {share:.0%} cues: accuracy, never stored", found[paper.GRADED, share]
        rows.append(judged(name, Retention.baseline, ours, paper.GRADED_NEVER[share], paper.CODE_RUNS, 0.00005))
    name, slower = f"{SLOWER}, 100% cues: accuracy, never stored", found[SLOWER, 1.0]
    rows.append(judged(name, Retention.baseline, slower, paper.SLOWER_NEVER, paper.CODE_RUNS, 0.00005))
    return rows + graded_rows(found[paper.GRADED, 1.0])


def graded_rows(ours: Retention) -> list[dict[str, Any]]:
    """Accuracy by age and d' by band of the graded 1-winner, whole cues."""
    rows, ages, name = [], ours.stored.shape[-1], f"{paper.GRADED}, 100% cues"
    for age, accuracy in zip(paper.AGES, paper.GRADED_ACCURACY, strict=True):
        if age <= ages:
            title = f"{name}: accuracy at ages within 5 of {age}"
            statistic = partial(accuracy_near, age=age)
            rows.append(judged(title, statistic, ours, accuracy, paper.CODE_RUNS))
    for band, value in zip(paper.BANDS, paper.GRADED_D_PRIME, strict=True):
        if band[1] <= ages:
            title = f"{name}: d' at ages {band[0]}-{band[1]}"
            rows.append(judged(title, d_prime_band(band), ours, value, paper.CODE_RUNS, 0.005))
    return rows


def accuracy_near(ours: Retention, age: int) -> float:
    """Mean accuracy at ages within 5 of one."""
    return window_mean(ours.accuracy(), age)


def order_rows(found: dict[Key, Retention]) -> list[dict[str, Any]]:
    """Who has the larger d', by age."""
    claims = [(paper.K, paper.GRADED, (51, 100)), (paper.K, paper.GRADED, (101, 200))]
    claims += [(paper.GRADED, paper.K, (401, 600)), (paper.GRADED, paper.ONE, (51, 200))]
    claims += [(SLOWER, paper.GRADED, band) for band in ((11, 50), (201, 400), (401, 600))]
    rows = []
    for share in SHARES:
        for ahead, behind, band in claims:
            if band[1] > found[ahead, share].stored.shape[-1]:
                continue
            ours, theirs = (d_prime_band(band)(found[m, share]) for m in (ahead, behind))
            name = f"{share:.0%} cues: larger d' at ages {band[0]}-{band[1]}, {ahead} or {behind}"
            rows.append(verdict(f"{name} ({ours:.2f}, {theirs:.2f})", ahead if ours > theirs else behind, ahead))
    return rows


# Recipes that share a protocol begin alike; each is one file, to be read and run by itself.
def reproduce(
    quick: bool = False, seed: int = 0, out: Path | None = None, report: Callable[[str], None] = print
) -> dict[str, Any]:
    """Run the experiment for all rates and compare."""
    began = time.perf_counter()
    protocol = Protocol.quick() if quick else Protocol()
    found = retention_of(MODELS, SHARES, protocol, seed + 30, report)
    raw: dict[str, Any] = {f"{m}, {share:.0%} cues": summary(x, paper.BANDS) for (m, share), x in found.items()}
    if protocol.samples > 1:
        for share in SHARES:
            better = reliably_better(found[paper.K, share].d_prime(), found[paper.GRADED, share].d_prime())
            name = f"ages at which the K-winner's d' is reliably above the graded 1-winner's, {share:.0%} cues"
            raw[name] = list(longest_stretch(better))
    files = []
    if out:
        for name, models in (("graded", list(MODELS)[:3]), ("rates", [paper.K, *list(MODELS)[3:], paper.ONE])):
            panels = {f"{share:.0%} cues": {m: found[m, share].d_prime() for m in models} for share in SHARES}
            files.append(draw_curves(panels, out / f"{name}-d-prime.png", "d'", limits=(-0.5, 12.0)))
    return result(number_rows(found) + order_rows(found), raw, files, seed, began)
