"""BiNAM, the binary associative memory that neuromorphic simulators and chips are compared with, in LIF neurons.

Stoeckel, Jenzen, Thies & Rueckert 2017, doi 10.3389/fncom.2017.00071; sizes of config/BiNAM.json in SNABSuite
(github.com/hbp-unibi/SNABSuite): pairs of random patterns of 4 ones in 100 to 4000 bits, cues without noise, recall of
up to 500 samples. A pair sets the synapses from its 4 lines to its 4 units; a unit spikes when 4 of its lines do.
Every size stores as many pairs as carry the most information.

The closed form: a unit of none of a pair's ones is in r of the other M - 1 pairs, each with probability b / n, and its
4 synapses are all set with probability (inclusion and exclusion, h_k = C(m - k, a) / C(m, a))

    p1 = sum_k (-1)^k C(a, k) (1 - b/n + b/n h_k)^(M - 1)

There are (n - b) p1 false positives and no false negatives; the information of a sample with X of them is
log2 C(n, b) - log2 C(b + X, b) bits (Palm 1980, doi 10.1007/BF00337019). Given the pairs r_i that each line of a cue
is in, X is binomial with a probability proportional to prod_i (1 - (1 - b/n)^r_i), and r_i - 1 is binomial,
(M - 1, a / m). No number of a platform is compared: expected is the closed form, within three standard errors.
"""

import time
from collections.abc import Callable
from math import comb, lgamma, log
from pathlib import Path
from typing import Any

import numpy as np
from scipy.stats import binom

from snmem import quantize, simulate
from snmem.io.files import replace_file
from snmem.memory.systems.willshaw import WillshawMemory, expected_density
from snmem.protocols.rows import expected, result, target
from snmem.tasks.patterns import random_patterns

ONES, SIZES, QUICK = 4, (100, 250, 500, 1000, 2000, 4000), (100, 250, 500)
RECALLED, POINTS = 500, 200
#: Pairs that are drawn at a time.
PART = 20_000
#: Willshaw's own regime: random pairs of 20 of 1000 units load half of the synapses; of patterns with themselves, whose
#: units differ, it takes more.
UNITS, ACTIVE, HALF = 1000, 20, 1731
HALF_AUTO = round(log(0.5) / log(1 - ACTIVE * (ACTIVE - 1) / UNITS / (UNITS - 1)))


def spurious(size: int, pairs: int) -> float:
    """Probability that a unit outside a pair is driven by all lines of it, after so many pairs."""
    q, total = ONES / size, 0.0
    for k in range(ONES + 1):
        missed = comb(size - k, ONES) / comb(size, ONES)
        total += (-1) ** k * comb(ONES, k) * (1 - q + q * missed) ** (pairs - 1)
    return max(total, 0.0)  # small numbers are differences of large ones


def lost(extra: Any) -> Any:
    """Bits that so many false positives cost, log2 C(b + extra, b)."""
    x = np.asarray(extra, float)
    return np.sum([np.log2((x + i) / i) for i in range(1, ONES + 1)], axis=0)


def whole(size: int) -> float:
    """Bits of a sample without false positives, log2 C(n, b)."""
    return (lgamma(size + 1) - lgamma(ONES + 1) - lgamma(size - ONES + 1)) / log(2)


def information(size: int, pairs: int, popular: bool = True) -> float:
    """Expected bits of all samples; without ``popular``, as if all lines were in equally many pairs."""
    counts, share = np.arange(size - ONES + 1), np.ones(1)
    if popular:
        at = (np.arange(POINTS) + 0.5) / POINTS
        density = 1.0 - (1.0 - ONES / size) ** (1 + binom.ppf(at, pairs - 1, ONES / size))
        products = np.ones(1)
        for _ in range(ONES):  # of four lines drawn apart from each other, again as quantiles
            products = np.outer(products, density).ravel()
            products = np.sort(products)[len(products) // POINTS // 2 :: max(1, len(products) // POINTS)]
        share = products / products.mean()
    chances = np.minimum(spurious(size, pairs) * share, 1.0)
    cost = np.mean([binom.pmf(counts, size - ONES, p) @ lost(counts) for p in chances])
    return pairs * (whole(size) - float(cost))


def best_load(size: int) -> int:
    """Pairs that carry the most information."""
    grid = np.unique(np.geomspace(10, size**2 / 4, 400).astype(int))
    return int(grid[np.argmax([information(size, int(pairs), popular=False) for pairs in grid])])


def spiked(memory: WillshawMemory, cues: np.ndarray, backend: str) -> np.ndarray:
    """What the LIF network recalls."""
    inputs, steps = memory.recall_inputs(cues)
    network = memory.network()
    return memory.read(simulate(quantize(network).network if backend == "loihi" else network, inputs, steps, backend))


def run(size: int, seed: int) -> dict[str, Any]:
    """Store, recall in spikes, and count."""
    pairs = best_load(size)
    draw = np.random.default_rng(seed)
    memory = WillshawMemory(size, ONES, volley=ONES)
    x = y = np.zeros((0, size), bool)
    for first in range(0, pairs, PART):
        x, y = (random_patterns(min(PART, pairs - first), size, ONES, draw) for _ in range(2))
        memory.store(x, y)
    x, y = x[:RECALLED], y[:RECALLED]  # of the newest, which are as good as any
    recalled = spiked(memory, x, "event")
    differing = int((recalled != memory.recall(x)).sum())
    if size == SIZES[0]:
        differing += int((recalled != spiked(memory, x, "loihi")).sum())
    extra, missing = (recalled & ~y).sum(axis=1), (y & ~recalled).sum(axis=1)
    return {
        "pairs": pairs,
        "density": memory.density,
        "false_positives": extra.tolist(),
        "false_negatives": int(missing.sum()),
        "bits": (pairs * (whole(size) - lost(extra))).tolist(),
        "differing": differing,
    }


def size_rows(size: int, runs: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """False positives and information beside the closed form; one standard error a network."""
    pairs, rows = runs[0]["pairs"], []
    few = (size - ONES) * spurious(size, pairs)
    for name, key, wanted in (
        ("false positives a sample", "false_positives", few),
        ("stored information / bits of the matrix", "bits", information(size, pairs) / size**2),
    ):
        scale = size**2 if key == "bits" else 1
        means = np.array([np.mean(one[key]) for one in runs]) / scale
        within = np.concatenate([one[key] for one in runs]).std() / scale / len(means) ** 0.5
        error = max(3 * within / RECALLED**0.5, 3 * means.std() / len(means) ** 0.5)
        rows.append(expected(f"{size} bits, {pairs:,} pairs: {name}", float(means.mean()), wanted, error))
    missed = sum(one["false_negatives"] for one in runs)
    rows.append(target(f"{size} bits: false negatives", missed, 0, "", least=False))
    apart = sum(one["differing"] for one in runs)
    rows.append(target(f"{size} bits: bits that spikes and algorithm recall differently", apart, 0, "", least=False))
    return rows


def half_loaded(seed: int, auto: bool) -> int:
    """Random pairs, or patterns, at which half of the synapses of Willshaw's memory are set."""
    memory, patterns = WillshawMemory(UNITS, ACTIVE), random_patterns(4 * HALF, UNITS, ACTIVE, seed)
    targets, count = patterns if auto else patterns[::-1], 0
    while memory.density < 0.5:
        memory.store(patterns[count : count + 5], targets[count : count + 5])
        count += 5
    return count


def reproduce(
    quick: bool = False, seed: int = 0, out: Path | None = None, report: Callable[[str], None] = print
) -> dict[str, Any]:
    """All sizes; ``quick`` leaves out those beyond 500 bits."""
    began, networks, rows, raw = time.perf_counter(), 4 if quick else 10, [], {}
    for size in QUICK if quick else SIZES:
        runs = [run(size, seed + 10 * n) for n in range(min(networks, 3) if size > 1000 else networks)]
        report(f"{size} bits: {runs[0]['pairs']} pairs, {np.mean(runs[0]['false_positives']):.2f} false positives")
        rows += size_rows(size, runs)
        raw[str(size)] = {"runs": [{k: v for k, v in one.items() if k != "bits"} for one in runs]}
    for name, auto, wanted in (("pairs", False, HALF), ("patterns", True, HALF_AUTO)):
        count = float(np.mean([half_loaded(seed + n, auto) for n in range(3)]))
        rows.append(expected(f"Willshaw, {ACTIVE} of {UNITS}: {name} at a load of one half", count, wanted, 10))
    formula = expected_density(UNITS, ACTIVE, HALF)
    rows.append(expected(f"Willshaw: load of {HALF} pairs by the formula", formula, 0.5, 0.001))
    files = [draw_curves(raw, out / "binam.png")] if out else []
    return result(rows, raw, files, seed, began)


def draw_curves(raw: dict[str, Any], path: Path) -> str:
    """Stored information and false positives by load, and where the runs lie."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 3.4), layout="constrained")
    left, right = figure.subplots(1, 2)
    for number, (name, found) in enumerate(raw.items()):
        size, pairs = int(name), found["runs"][0]["pairs"]
        loads, color = (pairs * np.geomspace(0.2, 4, 25)).astype(int), f"C{number}"
        left.plot(
            loads / size**2, [information(size, int(n)) / size**2 for n in loads], color=color, label=f"{name} bits"
        )
        right.plot(loads / size**2, [(size - ONES) * spurious(size, int(n)) for n in loads], color=color)
        extra = [np.mean(one["false_positives"]) for one in found["runs"]]
        right.plot([pairs / size**2] * len(extra), extra, "o", color=color)
        bits = [whole(size) - lost(one["false_positives"]).mean() for one in found["runs"]]
        left.plot([pairs / size**2] * len(bits), [pairs * b / size**2 for b in bits], "o", color=color)
    left.set(xlabel="pairs / synapses", ylabel="bits / synapse", title="stored information")
    right.set(xlabel="pairs / synapses", ylabel="a sample", title="false positives", yscale="log")
    left.legend(frameon=False)
    with replace_file(path) as file:
        figure.savefig(file, format="png", dpi=150)
    return str(path)
