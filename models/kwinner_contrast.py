"""Stacked K-winner memory whose layer in front learns slowly, by contrast: does that win back what similarity costs?

Bhandarkar & McClelland 2025, "Neural Computation Without Slots", arXiv 2511.04593, propose in appendix A.4 a fixed
k-WTA layer in front of the K-winner memory, and as a refinement that this layer learns slowly, as cortex does, by a
contrast of two phases; they try neither. The fixed layer is in the recipe kwinner-stacked. Here the layer F (2000 units
of fan-in 50, 100 active) sees leaves of a tree, one at a time, before anything is stored. With z = kWTA(F x), the
pattern read back x' = kWTA(F^T z) and z' = kWTA(F x'), it learns by recirculation, on its synapses only, weights kept
in [0, 1]:

    dF = rate (z x^T - z' x'^T)

so that what the layer already predicts cancels. A second rule contrasts a leaf with what is expected of any: with the
mean e of the leaves seen, the weights towards F become those drawn times (1 - e)^3, so that lines which are nearly
always active lose their say; the way back keeps the weights drawn. Then F stays, and the memory behind it stores other
leaves of the same tree. Beside them: the same stack with F as it was drawn, the K-winner memory alone, and the 1-winner
memory; equal plastic synapses (100,000) behind the layer, equal streams of patterns.

The answer of our full run, median d' at ages 11 to 200 (K-winner, 1-winner, fixed, recirculation, expectation): 0.20,
0.55, 0.32, 0.09, 0.81 at b = 5 with whole cues, 0.57, 0.58, 0.63, 0.32, 1.30 at b = 10. Recirculation learns to read
codes back (0.79 of the ones instead of 0.62 at b = 5), but makes codes more alike (0.35 instead of 0.20), and d' falls.
Contrast with the expected makes codes unlike (0.06) and wins d' back, but not accuracy: it recalls what tells a leaf
from others, not what they share, and its raw difference stays below the 1-winner's. Nothing of this is published.
"""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import scipy.sparse as sp

from snmem.memory import KWinnerConfig, StackedKWinnerMemory
from snmem.protocols import published as paper
from snmem.protocols.curves import band_mean, draw_curves, summary
from snmem.protocols.retention import Build, Protocol, Retention, retention, tree
from snmem.protocols.rows import finding, result
from snmem.tasks.patterns import mean_similarity

FRONT, BEHIND = KWinnerConfig(1000, 2000, 50, 100, 100), KWinnerConfig(2000, 2000, 50, 50, 100)
FIXED, CONTRAST, EXPECTED = "stacked, fixed", "stacked, recirculation", "stacked, expectation"
PLAIN = {paper.K: KWinnerConfig.main(), paper.ONE: KWinnerConfig.one_winner()}
#: Leaves that the layer in front learns from, rate of recirculation, power of what is not expected.
SLOW, RATE, POWER = 1500, 0.01, 3
FLIPS, SHARES, BAND = (5, 10), (1.0, 0.5), (11, 200)
#: Of our full run: d' at ages 11-200 to that of the fixed layer, by model, flips and share of the cue; the largest d'.
FINDING = {(CONTRAST, flips, share): "lower" for flips in FLIPS for share in SHARES}
FINDING |= {(EXPECTED, flips, share): "higher" for flips in FLIPS for share in SHARES}
BEST = {(5, 1.0): EXPECTED, (5, 0.5): paper.ONE, (10, 1.0): EXPECTED, (10, 0.5): EXPECTED}


class SlowStack(StackedKWinnerMemory):
    """Stacked memory that spends the first SLOW patterns on the layer in front.

    Parameters
    ----------
    model : str
        FIXED, CONTRAST or EXPECTED: how that layer learns.
    seed : numpy.random.Generator
        Of all random numbers.
    """

    def __init__(self, model: str, seed: np.random.Generator) -> None:
        super().__init__(BEHIND, FRONT, seed)
        self.model, self.seen = model, 0
        self.weights = self._layer.forward_weights.toarray().astype(np.float32)
        self.mask, self.drawn = self.weights > 0, self.weights.copy()

    def store(self, patterns: Any) -> None:
        """Learn from the first patterns in front, store the others behind."""
        rows = np.asarray(patterns, bool)
        slow = rows[: max(0, SLOW - self.seen)]
        self.seen += len(rows)
        if len(slow) and self.model == CONTRAST:
            for row in slow:
                self.contrast(row)
        if len(slow) and self.model == EXPECTED:
            self.weights = self.drawn * ((1.0 - slow.mean(axis=0)) ** POWER).astype(np.float32)
        if len(rows) > len(slow):
            self.memory.store(self.encode(rows[len(slow) :]))

    def contrast(self, pattern: np.ndarray) -> None:
        """One step of the layer in front."""
        w, k, s = self.weights, FRONT.winners, FRONT.active
        bits = np.flatnonzero(pattern)
        units = best(w[:, bits].sum(axis=1), k)
        back = best(w[units].sum(axis=0), s)
        again = best(w[:, back].sum(axis=1), k)
        for which, seen, sign in ((units, bits, RATE), (again, back, -RATE)):
            at = np.ix_(which, seen)
            w[at] = np.clip(w[at] + sign * self.mask[at], 0.0, 1.0)

    def encode(self, patterns: Any) -> sp.csr_array:
        """Code in front of each pattern or cue."""
        rows = np.asarray(patterns, np.float32)
        units = np.argpartition(-(rows @ self.weights.T), FRONT.winners - 1, axis=1)[:, : FRONT.winners]
        units.sort(axis=1)
        ends = np.arange(len(units) + 1) * FRONT.winners
        return sp.csr_array((np.ones(units.size, bool), units.ravel(), ends), (len(units), FRONT.hidden))

    def decode(self, codes: sp.csr_array) -> np.ndarray:
        """Pattern that each code stands for."""
        drives = codes.astype(np.float32) @ (self.drawn if self.model == EXPECTED else self.weights)
        out = np.zeros(drives.shape, bool)
        np.put_along_axis(out, np.argpartition(-drives, FRONT.active - 1, axis=1)[:, : FRONT.active], True, axis=1)
        return out


def best(drives: np.ndarray, k: int) -> np.ndarray:
    """The k units of largest drive."""
    return np.argpartition(-drives, k - 1)[:k]


def maker(model: str) -> Build:
    """Return what makes the stacked memory of a run."""
    return lambda config, rng: SlowStack(model, rng)


def codes(flips: int, seed: int) -> dict[str, float]:
    """Mean similarity of new leaves and of their codes in front, and share of bits read back from intact codes."""
    protocol, rng = Protocol(burn_in=SLOW, scored=300, runs=1, samples=1), np.random.default_rng(seed)
    stream = tree(flips)(FRONT, protocol, rng)
    new = stream.never["same"]
    found = {"patterns": mean_similarity(new)}
    for model in (FIXED, CONTRAST, EXPECTED):
        memory = SlowStack(model, np.random.default_rng(seed))
        memory.store(stream.learned[:SLOW])
        found[model] = mean_similarity(memory.encode(new).toarray())
        found[f"{model}: read back"] = share_back(memory, new)
    return found


def share_back(memory: SlowStack, patterns: np.ndarray) -> float:
    """Share of the ones of patterns that their intact codes give back."""
    return float((memory.decode(memory.encode(patterns)) & patterns).sum() / patterns.sum())


def answer(flips: int, share: float, found: dict[str, Retention]) -> list[dict[str, Any]]:
    """The layers that learned beside the fixed one, and beside the memories without a layer."""
    effect = {m: float(np.median(r.d_prime()[:, BAND[0] - 1 : BAND[1]])) for m, r in found.items()}
    trace = {m: band_mean(r.raw_difference().mean(axis=0), BAND) for m, r in found.items()}
    shown = ", ".join(f"{model} {value:.2f}" for model, value in effect.items())
    name, rows = f"b = {flips}, {share:.0%} cues, ages {BAND[0]}-{BAND[1]}", []
    for model in (CONTRAST, EXPECTED):
        ratio = effect[model] / effect[FIXED]
        word = "higher" if ratio > 1.2 else "lower" if ratio < 1 / 1.2 else "about equal"
        rows.append(finding(f"{name}: d' of {model}, to {FIXED}", word, FINDING[model, flips, share]))
    ahead = max(effect, key=lambda model: effect[model])
    rows.append(finding(f"{name}: the largest d' ({shown})", ahead, BEST[flips, share]))
    most = max(trace, key=lambda model: trace[model])
    shown = ", ".join(f"{model} {value:.3f}" for model, value in trace.items())
    return [*rows, finding(f"{name}: the largest raw difference ({shown})", most, paper.ONE)]


def reproduce(
    quick: bool = False, seed: int = 0, out: Path | None = None, report: Callable[[str], None] = print
) -> dict[str, Any]:
    """Run the five memories on trees of two degrees of similarity; ``quick``: one degree, 4 runs."""
    began = time.perf_counter()
    protocol = Protocol(burn_in=4500, scored=300, runs=4 if quick else 20, samples=1)
    rows, raw, files = [], {}, []
    builds: dict[str, dict[str, Any]] = {m: {} for m in PLAIN}
    builds |= {model: {"build": maker(model)} for model in (FIXED, CONTRAST, EXPECTED)}
    for flips in FLIPS[:1] if quick else FLIPS:
        raw[f"b = {flips}: mean similarity"] = codes(flips, seed)
        found: dict[tuple[str, float], Retention] = {}
        for model, build in builds.items():
            report(f"b = {flips}, {model}: {protocol.runs} runs of {protocol.burn_in + protocol.scored} patterns")
            config = PLAIN.get(model, KWinnerConfig.main())
            for share, ours in retention(config, SHARES, protocol, seed + 70 + flips, tree(flips), **build).items():
                found[model, share] = ours
                raw[f"b = {flips}, {model}, {share:.0%} cues"] = summary(ours, paper.BANDS)
        for share in SHARES:
            rows += answer(flips, share, {model: found[model, share] for model in builds})
        if out:
            panels = {f"{share:.0%} cues": {m: found[m, share].d_prime() for m in builds} for share in SHARES}
            files.append(draw_curves(panels, out / f"contrast-{flips}.png", "d'", limits=(-0.5, 8.0)))
    return result(rows, raw, files, seed, began)
