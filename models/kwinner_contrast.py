"""Stacked K-winner memory whose layer in front learns slowly, by contrast: does that win back what similarity costs?

Bhandarkar & McClelland 2025, "Neural Computation Without Slots", arXiv 2511.04593, propose in appendix A.4 a fixed
k-WTA layer in front of the K-winner memory, and as a refinement that this layer learns slowly, as cortex does, by a
contrast of two phases; they try neither. The fixed layer is in the recipe kwinner-stacked. Here the layer F (2000 units
of fan-in 50, 100 active) sees leaves of a tree, one at a time, before anything is stored. With z = kWTA(F x), the
pattern read back x' = kWTA(F^T z) and z' = kWTA(F x'), it learns by recirculation, on its synapses only, weights kept
in [0, 1]:

    dF = rate (z x^T - z' x'^T)

so that what the layer already predicts cancels, and what tells a leaf from its relatives remains. Then F stays, and the
memory behind it stores other leaves of the same tree. Beside it: the same stack with F as it was drawn, the K-winner
memory alone, and the 1-winner memory; equal plastic synapses (100,000) behind the layer, equal streams of patterns.

Nothing of this is published; expected is what our own full run gave.
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
FIXED, CONTRAST = "stacked, fixed", "stacked, contrast"
PLAIN = {paper.K: KWinnerConfig.main(), paper.ONE: KWinnerConfig.one_winner()}
#: Leaves that the layer in front learns from, and its rate.
SLOW, RATE = 1500, 0.01
FLIPS, SHARES, BAND = (5, 10), (1.0, 0.5), (11, 200)
#: Does contrast raise d' at ages 11-200 against the fixed layer, in our full run? By flips and share of the cue.
FINDING: dict[tuple[int, float], str] = {}


class SlowStack(StackedKWinnerMemory):
    """Stacked memory that spends the first SLOW patterns on the layer in front; at rate 0 that layer stays as it is."""

    def __init__(self, rate: float, seed: np.random.Generator) -> None:
        super().__init__(BEHIND, FRONT, seed)
        self.rate, self.seen = rate, 0
        self.weights = self._layer.forward_weights.toarray().astype(np.float32)
        self.mask = self.weights > 0

    def store(self, patterns: Any) -> None:
        """Learn from the first patterns in front, store the others behind."""
        rows = np.asarray(patterns, bool)
        slow = rows[: max(0, SLOW - self.seen)]
        self.seen += len(rows)
        if self.rate:
            for row in slow:
                self.contrast(row)
        self.memory.store(self.encode(rows[len(slow) :]))

    def contrast(self, pattern: np.ndarray) -> None:
        """One step of the layer in front."""
        w, k, s = self.weights, FRONT.winners, FRONT.active
        bits = np.flatnonzero(pattern)
        units = best(w[:, bits].sum(axis=1), k)
        back = best(w[units].sum(axis=0), s)
        again = best(w[:, back].sum(axis=1), k)
        for which, seen, sign in ((units, bits, self.rate), (again, back, -self.rate)):
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
        drives = codes.astype(np.float32) @ self.weights
        out = np.zeros(drives.shape, bool)
        np.put_along_axis(out, np.argpartition(-drives, FRONT.active - 1, axis=1)[:, : FRONT.active], True, axis=1)
        return out


def best(drives: np.ndarray, k: int) -> np.ndarray:
    """The k units of largest drive."""
    return np.argpartition(-drives, k - 1)[:k]


def maker(rate: float) -> Build:
    """Return what makes the stacked memory of a run."""
    return lambda config, rng: SlowStack(rate, rng)


def codes(flips: int, seed: int) -> dict[str, float]:
    """Mean similarity of leaves and of their codes before and after the layer in front has learned; bits read back."""
    protocol, rng = Protocol(burn_in=SLOW, scored=300, runs=1, samples=1), np.random.default_rng(seed)
    stream = tree(flips)(FRONT, protocol, rng)
    memory = SlowStack(RATE, rng)
    new = stream.never["same"]
    found = {"patterns": mean_similarity(new), "fixed": mean_similarity(memory.encode(new).toarray())}
    found["read back, fixed"] = share_back(memory, new)
    memory.store(stream.learned[:SLOW])
    found["contrast"] = mean_similarity(memory.encode(new).toarray())
    found["read back, contrast"] = share_back(memory, new)
    return found


def share_back(memory: SlowStack, patterns: np.ndarray) -> float:
    """Share of the ones of patterns that their intact codes give back."""
    return float((memory.decode(memory.encode(patterns)) & patterns).sum() / patterns.sum())


def answer(flips: int, share: float, found: dict[str, Retention]) -> list[dict[str, Any]]:
    """The contrastive layer beside the fixed one, and beside the memories without a layer."""
    effect = {m: float(np.median(r.d_prime()[:, BAND[0] - 1 : BAND[1]])) for m, r in found.items()}
    trace = {m: band_mean(r.raw_difference().mean(axis=0), BAND) for m, r in found.items()}
    shown = ", ".join(f"{model} {value:.2f}" for model, value in effect.items())
    name = f"b = {flips}, {share:.0%} cues, ages {BAND[0]}-{BAND[1]}"
    ratio = effect[CONTRAST] / effect[FIXED]
    word = "higher" if ratio > 1.2 else "lower" if ratio < 1 / 1.2 else "about equal"
    title = f"{name}: d' with a layer that learned, to that of the fixed one ({shown})"
    rows = [finding(title, word, FINDING.get((flips, share), "?"))]
    ahead = max(effect, key=lambda model: effect[model])
    shown = ", ".join(f"{model} {value:.3f}" for model, value in trace.items())
    won = "won back" if trace[CONTRAST] >= trace[paper.ONE] else "not won back"
    return [*rows, finding(f"{name}: raw difference of the 1-winner ({shown}; d': {ahead})", won, "not won back")]


def reproduce(
    quick: bool = False, seed: int = 0, out: Path | None = None, report: Callable[[str], None] = print
) -> dict[str, Any]:
    """Run the four memories on trees of two degrees of similarity; ``quick``: one degree, 4 runs."""
    began = time.perf_counter()
    protocol = Protocol(burn_in=4500, scored=300, runs=4 if quick else 20, samples=1)
    rows, raw, files = [], {}, []
    builds: dict[str, dict[str, Any]] = {m: {} for m in PLAIN}
    builds |= {FIXED: {"build": maker(0.0)}, CONTRAST: {"build": maker(RATE)}}
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
