"""Structured patterns: retention of the K-winner and 1-winner memories when patterns resemble each other.

Reproduces figures 5 and S5 to S7 of Bhandarkar & McClelland 2025, "Neural Computation Without Slots", arXiv 2511.04593:
patterns are the leaves of a tree grown by a Chinese restaurant process with b bits turned over per edge. Patterns never
learned are other leaves of the same tree, or (S7, "uniform") unstructured ones.

Published: mean similarity of the leaves for each b, and in words that the K-winner's d' is the lower one at the highest
similarity, about equal at the next, and clearly larger from the third on. Here "about equal" is a ratio of the median
d' at ages 11 to 200 between 2/3 and 3/2 (the median, since the 1-winner's d' jumps where no run has lost the item).
"""

import math
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from snmem.memory import KWinnerConfig
from snmem.protocols import published as paper
from snmem.protocols.curves import draw_curves, summary
from snmem.protocols.retention import Protocol, Retention, retention, tree
from snmem.protocols.rows import result, row, verdict
from snmem.tasks.patterns import mean_similarity, tree_patterns

MODELS = {paper.K: KWinnerConfig.main(), paper.ONE: KWinnerConfig.one_winner()}
SHARES = (1.0, 0.5)
KINDS = ("same", "uniform")
#: By bits turned over per edge: mean similarity of 3 trees (reference code), and the finding about d'.
SIMILARITY = {5: 0.44, 10: 0.23, 15: 0.15, 20: 0.12, 30: 0.103}
FINDING = {5: "lower", 10: "about equal", 15: "larger", 20: "larger", 30: "larger"}
TREES, BAND = 10, (11, 200)


def similarity_rows(seed: int) -> list[dict[str, Any]]:
    """Mean similarity of the leaves, within 3 standard errors of our trees and their 3."""
    rows = []
    for flips, expected in SIMILARITY.items():
        trees = [tree_patterns(14_000, flips, seed=rng) for rng in np.random.default_rng(seed).spawn(TREES)]
        means = [mean_similarity(t.shuffled_leaves(seed)[:1500]) for t in trees]
        tolerance = 3.0 * float(np.std(means)) * math.sqrt(1.0 / TREES + 1.0 / 3.0) + 0.005
        rows.append(row(f"b = {flips}: mean similarity of leaves", float(np.mean(means)), expected, tolerance))
    return rows


def compare(ours: float, theirs: float) -> str:
    """Put the ratio of two d' in words."""
    ratio = ours / theirs
    return "lower" if ratio < 2 / 3 else "larger" if ratio > 3 / 2 else "about equal"


def draw(found: dict[tuple[str, float, int], Retention], out: Path) -> list[str]:
    """One figure for each cue level and kind of patterns never learned."""
    files = []
    for share in SHARES:
        for kind in KINDS:
            panels = {
                f"b = {flips}": {model: found[model, share, flips].d_prime(kind) for model in MODELS}
                for flips in SIMILARITY
            }
            name = f"tree-{share:.0%}-cues-{kind}.png".replace("%", "")
            files.append(draw_curves(panels, out / name, "d'", limits=(-0.5, 10.0)))
    return files


def reproduce(
    quick: bool = False, seed: int = 0, out: Path | None = None, report: Callable[[str], None] = print
) -> dict[str, Any]:
    """Run both models on trees of five degrees of similarity and compare."""
    began = time.perf_counter()
    protocol = Protocol.quick() if quick else Protocol()
    report(f"mean similarity of {TREES} trees for each b")
    rows, raw, found = similarity_rows(seed), {}, {}
    for flips, finding in FINDING.items():
        runs = protocol.samples * protocol.runs
        report(f"b = {flips}: {runs} runs of {protocol.burn_in + protocol.scored} patterns for each model")
        for model, config in MODELS.items():
            # The same seed for both models: the same trees.
            for share, ours in retention(config, SHARES, protocol, seed + 40 + flips, tree(flips)).items():
                found[model, share, flips] = ours
                for kind in KINDS:
                    name = f"b = {flips}, {model}, {share:.0%} cues, never learned: {kind}"
                    raw[name] = summary(ours, paper.BANDS, kind)
        for share in SHARES:
            curves = [found[m, share, flips].d_prime()[:, BAND[0] - 1 : BAND[1]] for m in MODELS]
            values = [float(np.median(curve)) for curve in curves]
            band = f"ages {BAND[0]}-{BAND[1]}"
            name = f"b = {flips}, {share:.0%} cues: median d' of the K-winner at {band}, to the 1-winner's"
            rows.append(verdict(name, compare(*values), finding))
            raw[f"{name}, ratio"] = round(values[0] / values[1], 3)
    return result(rows, raw, draw(found, out) if out else [], seed, began)
