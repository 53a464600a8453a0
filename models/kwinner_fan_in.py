"""K-winner memories of fan-in 50 and 100 at equal numbers of synapses, beside the 1-winner memory.

Reproduces figure S2 (appendix A.2.5) of Bhandarkar & McClelland 2025, "Neural Computation Without Slots",
arXiv 2511.04593. All three memories have 100,000 forward synapses: 2000 x 50, 1000 x 100 and 100 x 1000.

Published are accuracy and never-stored accuracy of fan-in 100, d' of the two others, and in words the trade: a higher
fan-in makes the newest items better (winners reach more visible units, an expected share of 1 - (1 - f)^k) and all
items shorter-lived (each pattern writes into a larger share of the units); its d' is above the 1-winner's at
intermediate ages, no longer from about age 500 on, and its raw difference never is. The text calls the accuracy of the
newest near-perfect; in the authors' own data it is 0.91.
"""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from snmem.memory import KWinnerConfig, KWinnerMemory
from snmem.protocols import published as paper
from snmem.protocols.curves import accuracy_tolerance, band_mean, d_prime_band, draw_curves, judged, summary
from snmem.protocols.retention import Protocol, Retention, retention
from snmem.protocols.rows import expected, result, row, verdict
from snmem.tasks.patterns import random_patterns

MODELS = {paper.K: KWinnerConfig.main(), paper.HIGH: KWinnerConfig.high_fan_in(), paper.ONE: KWinnerConfig.one_winner()}
SHARES = (1.0, 0.5)
Key = tuple[str, float]


def reach(config: KWinnerConfig, seed: int) -> float:
    """Share of visible units with a synapse to at least one winner, for unseen patterns after 1000 stored ones."""
    rng = np.random.default_rng(seed)
    memory = KWinnerMemory(config, rng)
    memory.store(random_patterns(1000, config.visible, config.active, rng))
    inputs = memory.forward_weights.indices.reshape(config.hidden, config.fan_in)
    winners = memory.winners(random_patterns(200, config.visible, config.active, rng))
    return float(np.mean([len(np.unique(inputs[row])) / config.visible for row in winners]))


def number_rows(found: dict[Key, Retention]) -> list[dict[str, Any]]:
    """Published numbers of all three, within 3 standard errors."""
    rows = []
    for (model, share), ours in found.items():
        name, ages = f"{model}, {share:.0%} cues", ours.stored.shape[-1]
        never = paper.HIGH_NEVER[share] if model == paper.HIGH else paper.NEVER[model, share]
        rows.append(judged(f"{name}: accuracy, never stored", Retention.baseline, ours, never, paper.RUNS, 0.00005))
        if model == paper.HIGH:
            for age, accuracy in zip(paper.AGES, paper.HIGH_ACCURACY[share], strict=False):
                if age <= ages:
                    tolerance = accuracy_tolerance(ours, age, paper.RUNS)
                    rows.append(row(f"{name}: accuracy at age {age}", ours.accuracy()[age - 1], accuracy, tolerance))
            continue
        first = 11 if model == paper.K else 51
        for band, value in zip(paper.BANDS, paper.D_PRIME[model, share], strict=True):
            if first <= band[0] and band[1] <= min(400, ages):
                title = f"{name}: d' at ages {band[0]}-{band[1]}"
                rows.append(judged(title, d_prime_band(band), ours, value, paper.D_PRIME_RUNS, 0.005))
    return rows


def trade_rows(found: dict[Key, Retention]) -> list[dict[str, Any]]:
    """What the paper says of a higher fan-in, in words."""
    rows = []
    for share in SHARES:
        low, high, one = (found[model, share] for model in MODELS)
        newest = [band_mean(x.accuracy(), (1, 10)) for x in (low, high)]
        effect = [band_mean(x.d_prime().mean(axis=0), (51, 200)) for x in (high, one)]
        name, better = f"{share:.0%} cues: fan-in", "100" if newest[1] > newest[0] else "50"
        rows.append(verdict(f"{name} with the higher accuracy at ages 1-10", better, "100"))
        old = [band_mean(x.raw_difference().mean(axis=0), (101, 200)) for x in (low, high)]
        longer = "50" if old[0] > old[1] else "100"
        rows.append(verdict(f"{name} with the higher raw difference at ages 101-200", longer, "50"))
        title = f"{name} 100: d' at ages 51-200, to the 1-winner's ({effect[0]:.2f}, {effect[1]:.2f})"
        rows.append(verdict(title, "larger" if effect[0] > effect[1] else "not larger", "larger"))
        bands = [band for band in paper.BANDS if band[1] <= min(400, high.stored.shape[-1])]
        difference = [[band_mean(x.raw_difference().mean(axis=0), band) for band in bands] for x in (high, one)]
        below = all(a < b for a, b in zip(*difference, strict=True))
        title = f"{name} 100: raw difference to the 1-winner's, in every band up to age 400"
        rows.append(verdict(title, "lower" if below else "not lower", "lower"))
        if high.stored.shape[-1] >= 1000:
            rows.append(verdict(f"{name} 100: d' at ages 501-1000, to the 1-winner's", late(high, one), "no larger"))
    return rows


def late(ours: Retention, theirs: Retention) -> str:
    """Whether the mean d' at ages 501-1000 is larger, by more than 3 standard errors over samples."""
    difference = (ours.d_prime() - theirs.d_prime())[:, 500:1000].mean(axis=1)
    return "larger" if difference.mean() > 3.0 * difference.std() / np.sqrt(len(difference)) else "no larger"


def reproduce(
    quick: bool = False, seed: int = 0, out: Path | None = None, report: Callable[[str], None] = print
) -> dict[str, Any]:
    """Run the experiment for the three memories and compare."""
    began = time.perf_counter()
    protocol, found = Protocol.quick() if quick else Protocol(), {}
    rows = []
    for number, (model, config) in enumerate(MODELS.items()):
        report(f"{model}: {protocol.samples * protocol.runs} runs of {protocol.burn_in + protocol.scored} patterns")
        for share, ours in retention(config, SHARES, protocol, seed + 20 + number).items():
            found[model, share] = ours
        if model != paper.ONE:
            name = f"{model}: share of visible units that a winner reaches"
            rows.append(expected(name, reach(config, seed), config.coverage, 0.01))
    raw = {f"{model}, {share:.0%} cues": summary(ours, paper.BANDS) for (model, share), ours in found.items()}
    files = []
    if out:
        panels = {f"{share:.0%} cues": {m: found[m, share].d_prime() for m in MODELS} for share in SHARES}
        files.append(draw_curves(panels, out / "fan-in-d-prime.png", "d'", limits=(-0.5, 12.0)))
    return result(rows + number_rows(found) + trade_rows(found), raw, files, seed, began)
