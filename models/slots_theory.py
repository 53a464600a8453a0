"""The theory in the appendices of "Neural Computation Without Slots", measured.

Bhandarkar & McClelland 2025, arXiv 2511.04593:

* Equations S1 and S2: a modern Hopfield network descends its energy; its fixed points are single patterns, the mean of
  a group of similar ones, or the mean of all, by beta; its capacity grows exponentially with the size of a pattern.
* Proposition 5: a 1-winner memory of n_h slots returns a pattern exactly, with probability at least delta, from a share
  q >= ln(1 - delta^(1 / (n_h - 1))) / (n_i s ln s) of its ones. Monte Carlo beside the bound and beside the exact
  probability, the mean of 1 / (1 + B), where B other slots tie for a cue of m ones, each with probability
  p = C(n - m, s - m) / C(n, s).
* Appendix A.4: codons. Two patterns of 3 of 6 units that share 2 share 1 of their 3 pairs: recoding lowers overlap.
* Theorem 7 and Lemma 8: with W_Q and W_K frozen at random, W_V alone learns to tell the case, the better the larger the
  keys. W_V is taken from the gradient flow of the paper's training (5000 batches of 64 at rate 0.001) in expectation
  over all 1536 sequences. It is a matter of time: the flow goes on, and its end, the least squares solution, lies
  elsewhere, in directions that the nearly uniform attention hardly excites.

Expected is what the formulas say and what our own full run gave.
"""

import time
from collections.abc import Callable
from dataclasses import replace
from itertools import combinations
from math import comb, log, log2
from pathlib import Path
from typing import Any

import numpy as np

from snmem.attention import MODELS, CaseSequenceTask, train
from snmem.attention.sparse import softmax
from snmem.io.files import replace_file
from snmem.memory import KWinnerConfig, KWinnerMemory
from snmem.memory.energy import energy, retrieve
from snmem.protocols.rows import expected, finding, result, target
from snmem.tasks.patterns import partial_cues, random_patterns

SLOTS, VISIBLE, ACTIVE = 100, 1000, 100
CUES = (0.01, 0.02, 0.03, 0.04, 0.05, 0.1)
KEYS = (10, 50, 400)
#: Largest distance of W_V from the case at these key sizes.
DISTANCE = {50: 0.12, 400: 0.04}
#: Rate of W_V times the batch, in all iterations of the paper's training.
TIME = 1e-3 * 64 * 5000


def energy_rows(seed: int) -> list[dict[str, Any]]:
    """Descent from random states, and the three kinds of fixed points."""
    rng = np.random.default_rng(seed)
    patterns = rng.normal(size=(20, 64))
    patterns /= np.linalg.norm(patterns, axis=1, keepdims=True)
    rise = -np.inf
    for beta in (0.5, 2.0, 8.0, 32.0):
        path = retrieve(rng.normal(size=(100, 64)), patterns, beta, steps=30)
        levels = np.array([energy(states, patterns, beta) for states in path])
        rise = max(rise, float(np.diff(levels, axis=0).max()))
    rows = [target("S1: largest rise of the energy in a step, 400 random states", rise, 1e-9, "", least=False)]
    group = patterns[0] + 0.2 * patterns[1:5]  # four patterns that resemble each other, among others
    group /= np.linalg.norm(group, axis=1, keepdims=True)
    stored = np.vstack([group, patterns[5:]])
    for beta, point, name in (
        (200.0, group[0], "one pattern"),
        (12.0, group.mean(0), "the mean of a group of similar ones"),
        (0.01, stored.mean(0), "the mean of all"),
    ):
        end = retrieve(group[0] + 0.05 * rng.normal(size=64), stored, beta, steps=200)[-1, 0]
        distance = float(np.linalg.norm(end - point) / np.linalg.norm(point))
        rows.append(expected(f"S2: fixed point at beta {beta:g}: distance from {name}", distance, 0.0, 0.1))
    return rows


def capacity(size: int, seed: int) -> int:
    """Random patterns of length sqrt(size), a power of two, of which a step (beta 1) brings 9 of 10 back from noise."""
    rng, best = np.random.default_rng(seed), 1
    for power in range(1, 15):
        patterns = rng.normal(size=(2**power, size))
        patterns *= np.sqrt(size) / np.linalg.norm(patterns, axis=1, keepdims=True)
        some = patterns[:200]
        found = retrieve(some + 0.5 * rng.normal(size=some.shape), patterns)[-1]
        if (np.linalg.norm(found - some, axis=1) < 0.1 * np.sqrt(size)).mean() < 0.9:
            break
        best = 2**power
    return best


def bound(delta: float) -> float:
    """Proposition 5: share of a pattern's ones that returns it exactly with probability delta."""
    sparsity = ACTIVE / VISIBLE
    return log(1.0 - delta ** (1.0 / (SLOTS - 1))) / (VISIBLE * sparsity * log(sparsity))


def exact_return(share: float) -> float:
    """Probability that a full 1-winner memory returns a stored pattern from a share of its ones, ties at random."""
    ones = max(1, round(share * ACTIVE))
    p, others = comb(VISIBLE - ones, ACTIVE - ones) / comb(VISIBLE, ACTIVE), SLOTS - 1
    return (1.0 - (1.0 - p) ** (others + 1)) / ((others + 1) * p)


def slot_memory(seed: int) -> tuple[KWinnerMemory, np.ndarray]:
    """A 1-winner memory with a different random pattern in every slot."""
    config = KWinnerConfig(VISIBLE, SLOTS, VISIBLE, 1, ACTIVE, 1.0)
    patterns, memory = random_patterns(40 * SLOTS, VISIBLE, ACTIVE, seed), KWinnerMemory(config, seed)
    memory.store(patterns)
    slots = memory.forward_weights.toarray().reshape(SLOTS, VISIBLE) > 0.5
    return memory, slots


def return_rows(memories: int, seed: int) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Exact returns of what the slots hold, by share of the cue."""
    found: dict[float, list[float]] = {share: [] for share in CUES}
    for number in range(memories):
        memory, slots = slot_memory(seed + number)
        for share in CUES:
            cues = partial_cues(slots, share, seed + 1000 + number)
            found[share].append(float((memory.recall(cues) == slots).all(axis=1).mean()))
    rows, raw = [], {}
    for share, values in found.items():
        mean, wanted = float(np.mean(values)), exact_return(share)
        error = max(float(np.std(values)), 0.01) / np.sqrt(memories)
        rows.append(expected(f"Proposition 5: exact returns from {share:.0%} of the ones", mean, wanted, 3 * error))
        raw[f"{share:g}"] = {"measured": mean, "exact": wanted, "error": error}
    for delta, share in ((0.99, 0.0400), (0.999, 0.0500)):
        rows.append(expected(f"Proposition 5: share that is enough at delta = {delta}", bound(delta), share, 0.0005))
    kept = np.mean(found[0.04])
    return [*rows, target("Proposition 5: exact returns from 4% of the ones, the share for 0.99", kept, 0.985, "")], raw


def codon_rows() -> list[dict[str, Any]]:
    """The arithmetic of appendix A.4: patterns of 3 of 6 units, and their pairs as units of a next layer."""
    pairs = list(combinations(range(6), 2))
    one, other = {0, 1, 2}, {1, 2, 3}
    codes = [{pair for pair in pairs if set(pair) <= pattern} for pattern in (one, other)]
    return [
        expected("codons: pairs of 6 units", len(pairs), 15, 0, "units"),
        expected("codons: overlap of two patterns of 3 units that share 2", len(one & other) / 3, 2 / 3, 1e-12),
        expected("codons: overlap of their pairs", len(codes[0] & codes[1]) / len(codes[0]), 1 / 3, 1e-12),
    ]


def values_by_flow(keys: int, rng: np.random.Generator, duration: float) -> np.ndarray:
    """W_V (2, 8) after gradient flow dW/dt = -2 (A W - B), solved in the eigenvectors of A; W_Q and W_K are random."""
    task = CaseSequenceTask()
    every, n = task.all(), 2 * task.letters
    query, key = (rng.normal(0.0, 1.0 / np.sqrt(keys), (task.tokens, keys)) for _ in range(2))
    attention = softmax(np.einsum("nk,njk->nj", query[every.query], key[every.context]) / np.sqrt(keys))
    seen = np.zeros((len(every), n))
    np.put_along_axis(seen, every.context, attention, axis=1)
    wanted = np.column_stack([~every.upper, every.upper]).astype(float)
    a, b = seen.T @ seen / len(every), seen.T @ wanted / len(every)
    end, (rates, vectors) = np.linalg.lstsq(a, b, rcond=None)[0], np.linalg.eigh(a)
    start = rng.uniform(0.0, 0.1, (n, 2))
    return (end + vectors @ (np.exp(-2.0 * rates * duration)[:, None] * (vectors.T @ (start - end)))).T


def distances(keys: int, trials: int, seed: int, duration: float = TIME) -> np.ndarray:
    """Largest distance of W_V from telling the case, by trial."""
    case = np.repeat(np.eye(2), 4, axis=1)
    rngs = np.random.default_rng(seed).spawn(trials)
    return np.array([np.abs(values_by_flow(keys, rng, duration) - case).max() for rng in rngs])


def value_rows(trials: int, seed: int) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Distance of W_V from the case, by size of the keys, by duration, and in the baseline as it is trained."""
    found = {keys: distances(keys, trials, seed) for keys in KEYS}
    raw = {str(keys): {"mean": x.mean(), "sd": x.std(ddof=1), "trials": trials} for keys, x in found.items()}
    means = [float(x.mean()) for x in found.values()]
    shown = ", ".join(f"{mean:.2f} at {keys}" for keys, mean in zip(KEYS, means, strict=True))
    falls = "falls" if all(np.diff(means) < 0) else "does not fall"
    rows = [finding(f"Theorem 7: distance of W_V from the case, by key size ({shown})", falls, "falls")]
    for keys, wanted in DISTANCE.items():
        error = 3.0 * float(found[keys].std(ddof=1)) * np.sqrt(1.0 / trials + 1.0 / 10.0) + 0.005
        name = f"Theorem 7: distance of W_V from the case, keys of {keys}"
        rows.append(expected(name, float(found[keys].mean()), wanted, error))
    late = float(distances(50, trials, seed, 5 * TIME).mean())
    word = "larger" if late > means[1] else "not larger"
    rows.append(finding(f"Theorem 7: keys of 50, the distance after 5 times as long ({late:.2f})", word, "larger"))
    frozen = replace(MODELS["baseline"], keys=400, rate=0.0, key_rate=0.0, value_rate=1e-3)
    training = train(frozen, trials=2, seed=seed, every=5000)
    batch = float(np.abs(training.w_v[:, :, :8] - np.repeat(np.eye(2), 4, axis=1)).max(axis=(1, 2)).mean())
    return [*rows, target("Theorem 7: the same of the baseline in batches, keys of 400", batch, 0.1, "", False)], raw


def draw(returns: dict[str, Any], values: dict[str, Any], out: Path) -> list[str]:
    """Exact returns by share of the cue, and distance of W_V by key size."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 3.6), layout="constrained")
    left, right = figure.subplots(1, 2)
    shares = np.linspace(0.01, 0.1, 10)
    left.plot(100 * shares, [exact_return(share) for share in shares], "k-", linewidth=1, label="exact")
    marks = [100 * float(share) for share in returns]
    left.errorbar(marks, [x["measured"] for x in returns.values()], [x["error"] for x in returns.values()], fmt="o")
    left.axvline(100 * bound(0.99), color="0.6", linestyle="--", label="bound for 0.99")
    left.set(xlabel="percent of the ones in the cue", ylabel="exact returns")
    left.legend(frameon=False)
    keys = [int(key) for key in values]
    right.errorbar(keys, [x["mean"] for x in values.values()], [x["sd"] for x in values.values()], fmt="o-")
    right.set(xlabel="key size", ylabel="largest distance of W_V from the case", xscale="log", yscale="log")
    with replace_file(out / "theory.png") as file:
        figure.savefig(file, dpi=130, format="png")
    return [str(out / "theory.png")]


def reproduce(
    quick: bool = False, seed: int = 0, out: Path | None = None, report: Callable[[str], None] = print
) -> dict[str, Any]:
    """Measure all of it; ``quick``: fewer memories and trials."""
    began = time.perf_counter()
    report("energy and fixed points")
    rows = energy_rows(seed)
    sizes = (8, 12, 16, 20)
    found = {size: capacity(size, seed) for size in sizes}
    shown = ", ".join(f"{n} of {size} components" for size, n in found.items())
    growth = log2(max(found[sizes[-1]], 1) / max(found[sizes[0]], 1)) / (sizes[-1] - sizes[0])
    rows.append(target(f"S1: doublings of the capacity per component ({shown})", growth, 0.5, ""))
    report("exact return from partial cues")
    returns, by_cue = return_rows(10 if quick else 100, seed)
    values, by_key = value_rows(10 if quick else 30, seed)
    raw = {"exact_return": by_cue, "w_v": by_key, "capacity": {str(size): n for size, n in found.items()}}
    files = draw(by_cue, by_key, out) if out else []
    return result(rows + returns + codon_rows() + values, raw, files, seed, began)
