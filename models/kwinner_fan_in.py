"""K-winner memories of fan-in 50 and 100 at equal numbers of synapses, beside the 1-winner memory.

Reproduces figure S2 (appendix A.2.5) of Bhandarkar & McClelland 2025, "Neural Computation Without Slots",
arXiv 2511.04593. All three memories have 100,000 forward synapses: 2000 x 50, 1000 x 100 and 100 x 1000.

Published numbers exist for fan-in 50 and for the 1-winner memory; those of fan-in 100 are shown among the raw figures.
What a higher fan-in must do is checked: more visible units are reached by a winner (an expected share of
1 - (1 - f)^k), so more bits of a new pattern can be recovered, while each pattern writes into a larger share of the
units, so it is forgotten sooner.
"""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from snmem.memory import KWinnerConfig, KWinnerMemory
from snmem.protocols import published as paper
from snmem.protocols.curves import band_mean, draw_curves, summary
from snmem.protocols.retention import Protocol, Retention, retention
from snmem.protocols.rows import result, row, verdict
from snmem.tasks.patterns import random_patterns

HIGH = "K-winner, fan-in 100"
MODELS = {paper.K: KWinnerConfig.main(), HIGH: KWinnerConfig.high_fan_in(), paper.ONE: KWinnerConfig.one_winner()}
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


def fan_in_rows(found: dict[Key, Retention]) -> list[dict[str, Any]]:
    """Published bands of the models that have them, and what theory expects of the fan-in."""
    rows = []
    for (model, share), ours in found.items():
        name, curve = f"{model}, {share:.0%} cues", ours.d_prime().mean(axis=0)
        if model == HIGH:
            continue
        rows.append(row(f"{name}: accuracy, never stored", ours.baseline(), paper.NEVER[model, share], 0.003))
        relative, first = (0.15, 11) if model == paper.K else (0.20, 51)
        for band, expected in zip(paper.BANDS, paper.D_PRIME[model, share], strict=True):
            if band[0] >= first and band[1] <= 400:
                value = band_mean(curve, band)
                rows.append(row(f"{name}: d' at ages {band[0]}-{band[1]}", value, expected, relative * expected))
    for share in SHARES:
        low, high = found[paper.K, share], found[HIGH, share]
        newest = [band_mean(x.accuracy(), (1, 10)) for x in (low, high)]
        old = [band_mean(x.raw_difference().mean(axis=0), (201, 400)) for x in (low, high)]
        name = f"{share:.0%} cues: fan-in with"
        rows.append(
            verdict(f"{name} the higher accuracy at ages 1-10", "100" if newest[1] > newest[0] else "50", "100")
        )
        rows.append(
            verdict(f"{name} the higher raw difference at ages 201-400", "50" if old[0] > old[1] else "100", "50")
        )
    return rows


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
            rows.append(row(name, reach(config, seed), config.coverage, 0.01))
    raw = {f"{model}, {share:.0%} cues": summary(ours, paper.BANDS) for (model, share), ours in found.items()}
    files = []
    if out:
        panels = {f"{share:.0%} cues": {m: found[m, share].d_prime() for m in MODELS} for share in SHARES}
        files.append(draw_curves(panels, out / "fan-in-d-prime.png", "d'", limits=(-0.5, 12.0)))
    return result(rows + fan_in_rows(found), raw, files, seed, began)
