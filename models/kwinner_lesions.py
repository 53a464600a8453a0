"""Lesions of the K-winner memory: recall with a growing share of dead neurons or synapses, beside the 1-winner memory.

Goes beyond Bhandarkar & McClelland 2025, "Neural Computation Without Slots", arXiv 2511.04593; the experiment is that
of its figure 4. After learning, a random share of the hidden neurons, or of the forward and of the return synapses, is
dead; then the memory recalls. A slot of the 1-winner memory is a neuron: when it dies, its item is gone. In the
K-winner memory an item lies in 50 neurons and 2500 synapses.

Nothing of this is published; wanted are the findings of our own full run. With half of its neurons dead the K-winner
memory keeps 63 % of its raw difference at ages 11-50, the 1-winner memory 49 %. Dead synapses leave the d' of the
1-winner memory as it is, since every slot loses the same share of its votes, and halve that of the K-winner memory;
even so it stays above that of an intact 1-winner memory with half of either dead.
"""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from snmem.memory import KWinnerConfig, KWinnerMemory
from snmem.protocols import published as paper
from snmem.protocols.curves import band_mean
from snmem.protocols.retention import Build, Changed, Protocol, Retention, retention
from snmem.protocols.rows import finding, result

MODELS = {paper.K: KWinnerConfig.main(), paper.ONE: KWinnerConfig.one_winner()}
KINDS, DEAD, SHARE, BAND = ("neurons", "synapses"), (0.1, 0.3, 0.5, 0.7, 0.9), 0.5, (11, 50)
Key = tuple[str, str, float]


def maker(kind: str, share: float) -> Build:
    """Return what makes a memory that loses a share of its neurons or synapses before it recalls."""

    def make(config: KWinnerConfig, rng: np.random.Generator) -> Changed:
        seed = int(rng.integers(2**32))
        return Changed(KWinnerMemory(config, rng), lambda memory: memory.lesioned(**{kind: share}, seed=seed))

    return make


def figures(found: Retention) -> dict[str, float]:
    """What is read off one lesion, at half cues."""
    return {
        "accuracy": band_mean(found.accuracy(), BAND),
        "never_stored": found.baseline(),
        "raw_difference": band_mean(found.raw_difference().mean(axis=0), BAND),
        "d_prime": float(np.median(found.d_prime()[:, BAND[0] - 1 : BAND[1]])),
    }


def reproduce(
    quick: bool = False, seed: int = 0, out: Path | None = None, report: Callable[[str], None] = print
) -> dict[str, Any]:
    """Lesion both memories by every share and compare what is left."""
    began = time.perf_counter()
    protocol = Protocol(burn_in=1500, scored=100, samples=1) if quick else Protocol(scored=100, samples=3)
    left: dict[Key, dict[str, float]] = {}
    for model, config in MODELS.items():
        for kind in KINDS:
            for share in (0.0, *DEAD):
                report(f"{model}: {share:.0%} of the {kind} dead, {protocol.samples * protocol.runs} runs")
                found = retention(config, [SHARE], protocol, seed + 90, build=maker(kind, share))
                left[model, kind, share] = figures(found[SHARE])
    raw = {f"{model}, {share:.0%} of {kind} dead": values for (model, kind, share), values in left.items()}
    return result(lesion_rows(left), raw, [draw(left, out)] if out else [], seed, began)


def lesion_rows(left: dict[Key, dict[str, float]]) -> list[dict[str, Any]]:
    """What is left falls with every further share, and who has more of it."""
    rows = []
    ages = f"ages {BAND[0]}-{BAND[1]}, {SHARE:.0%} cues"
    for model in MODELS:
        for kind in KINDS:
            trace = [left[model, kind, share]["raw_difference"] for share in (0.0, *DEAD)]
            shown = ", ".join(f"{value:.3f}" for value in trace)
            steady = "falls" if all(np.diff(trace) < 0.01) else "rises somewhere"
            rows.append(finding(f"{model}: raw difference with more dead {kind} ({shown}), {ages}", steady, "falls"))
    slots = left[paper.ONE, "neurons", 0.0]["d_prime"]
    for kind in KINDS:
        ours = left[paper.K, kind, 0.5]["d_prime"]
        title = f"d' of the K-winner with 50% of its {kind} dead, {ours:.2f}, to an intact 1-winner's, {slots:.2f}"
        rows.append(finding(f"{title}, {ages}", "above" if ours > slots else "below", "above"))
    for kind, name, wanted in (("neurons", "raw_difference", paper.K), ("synapses", "d_prime", paper.ONE)):
        kept = {m: left[m, kind, 0.5][name] / left[m, kind, 0.0][name] for m in MODELS}
        shown = ", ".join(f"{model} {value:.0%}" for model, value in kept.items())
        title = f"who keeps more of its {name.replace('_', ' ')} with 50% of its {kind} dead ({shown}), {ages}"
        rows.append(finding(title, max(kept, key=lambda model, kept=kept: kept[model]), wanted))
    return rows


def draw(left: dict[Key, dict[str, float]], out: Path) -> str:
    """Accuracy for stored and never stored patterns, and d', against the share that is dead."""
    from matplotlib.figure import Figure

    figure, shares = Figure(figsize=(10, 3.8), layout="constrained"), (0.0, *DEAD)
    for ax, name in zip(figure.subplots(1, 2), ("accuracy", "d_prime"), strict=True):
        for number, model in enumerate(MODELS):
            for kind, style in zip(KINDS, ("o-", "s--"), strict=True):
                curve = [left[model, kind, share][name] for share in shares]
                ax.plot(shares, curve, style, color=f"C{number}", label=f"{model}, {kind}")
                if name == "accuracy":
                    chance = [left[model, kind, share]["never_stored"] for share in shares]
                    ax.plot(shares, chance, style[1:], color=f"C{number}", alpha=0.4, linewidth=1)
        ax.set(xlabel="share dead", ylabel="accuracy (pale: never stored)" if name == "accuracy" else "d'")
        ax.legend(frameon=False)
    path = out / "lesions.png"
    figure.savefig(path, dpi=150)
    return str(path)
