"""Sparse distributed memory in spikes, and its reading as attention.

Kanerva 1988; Bricken & Pehlevan 2021, "Attention Approximates Sparse Distributed Memory", arXiv 2111.05498. The best
radii of the latter are published; other rows stand beside closed forms or an independent computation. The log-linear
fit has an R squared of .990 and .988 (n = 64, up to distance 20): it rounds to .99, it is not above.
"""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from snmem import Network
from snmem.circuits.kwta.base import check_whole
from snmem.memory.energy import retrieve
from snmem.memory.systems.sdm import SparseDistributedMemory
from snmem.memory.systems.sdm_theory import best_radii, circle, intersection, softmax_of
from snmem.protocols.levels import mean_and_sd, recall_cost, refused_row, runtime_rows, storing_rows, with_errors
from snmem.protocols.lines import Panel, draw_lines
from snmem.protocols.rows import expected, result, row

BITS, RADIUS, LOCATIONS, ITEMS, PASSES = 256, 108, 10_000, 200, 10
#: By distance of the cue: wrong bits after a read and share recalled after ten, of one memory, and sd between memories.
READS = {20: (2.7, 0.28), 40: (22.0, 1.18), 50: (37.0, 1.02), 60: (55.0, 1.11), 70: (72.0, 1.4)}
RECALLED = {20: (1.0, 0.007), 40: (0.94, 0.023), 50: (0.72, 0.043), 60: (0.45, 0.056), 70: (0.24, 0.037)}


def items(seed: int, count: int = ITEMS, bits: int = BITS) -> np.ndarray:
    """Random patterns of half ones."""
    return np.random.default_rng((seed, 1)).random((count, bits)) < 0.5


def network(seed: int = 0, locations: int = 300, patterns: int = 6) -> Network:
    """A memory of 64 bits, of three reads, that has stored some patterns."""
    return small(seed, locations, patterns)[0].network()


def small(seed: int, locations: int = 300, patterns: int = 6) -> tuple[SparseDistributedMemory, np.ndarray]:
    """A memory small enough for every runtime, and what it has stored."""
    memory, stored = SparseDistributedMemory(64, locations, 26, passes=3, seed=seed), items(seed, patterns, 64)
    memory.store(stored)
    return memory, stored


def run(
    seed: int = 0, locations: int = LOCATIONS, radius: int = RADIUS, patterns: int = ITEMS, distance: int = 40
) -> dict[str, float]:
    """Store patterns of 256 bits; wrong bits after one read at a distance, and share recalled after ten."""
    check_whole("patterns", patterns, 1, 1 << 20)
    check_whole("distance", distance, 0, BITS - 1)
    memory, stored = SparseDistributedMemory(BITS, locations, radius, seed=seed), items(seed, patterns)
    memory.store(stored)
    cues = with_errors(stored, distance, np.random.default_rng((seed, 2)))
    wrong = float((memory.recall(cues) != stored).sum(axis=1).mean())
    return {"wrong_bits": wrong, "recalled": float((memory.recall(cues, PASSES) == stored).all(axis=1).mean())}


def location_rows(quick: bool, seed: int) -> list[dict[str, Any]]:
    """How many of a million locations of 1000 bits are within 451 of a point: by the binomial, and counted."""
    share, n, radius = circle(1000, 451) / 2**1000, 1_000_000, 451
    blocks, rng = 1 if quick else 10, np.random.default_rng(seed)
    found = 0
    for _ in range(blocks):
        words = np.frombuffer(rng.bytes(n // 10 * 125), np.uint8).reshape(-1, 125)  # addresses, less the point
        found += int((np.bitwise_count(words).sum(axis=1, dtype=np.int64) <= radius).sum())
    drawn = blocks * n // 10
    spread = 3 * np.sqrt(drawn * share)
    return [
        expected("n = 1000, r = 451: probability of a location", share, 0.00107, 5e-6),
        expected("n = 1000, r = 451: locations of 10^6", n * share, 1072, 0.5),
        expected(f"n = 1000, r = 451: locations counted of {drawn:,}", found, drawn * share, spread),
    ]


def read_rows(memories: int, seed: int) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Wrong bits after one read, and patterns recalled by ten, by the distance of the cue."""

    def measure(one: int) -> list[float]:
        each = [run(one, distance=d) for d in READS]
        return [e[key] for key in ("wrong_bits", "recalled") for e in each]

    spread = 3 * np.sqrt(1 + 1 / memories)  # of the difference of their mean from the one known
    mean, sd = mean_and_sd(measure, range(seed, seed + memories))
    wanted = [*READS.items(), *RECALLED.items()]
    names = ["wrong bits after a read"] * len(READS) + [f"recalled by {PASSES} reads"] * len(RECALLED)
    rows = [
        expected(f"n = 256, distance {d}: {name}", value, known, spread * between, unit=unit)
        for name, (d, (known, between)), value, unit in zip(
            names, wanted, mean, ["bits"] * 5 + ["share"] * 5, strict=True
        )
    ]
    return rows, {"distances": list(READS), "mean": mean.tolist(), "sd": sd.tolist(), "memories": memories}


def attention_rows(seed: int) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """The fit of a softmax to the weights of a read; best radii; and reads by infinite locations and by attention."""
    rows = []
    for radius, beta in ((20, 5.3), (23, 3.5)):
        fit = softmax_of(64, radius, 20)
        rows.append(expected(f"n = 64, r = {radius}: beta of the softmax", fit.beta, beta, 0.05))
        rows.append(expected(f"n = 64, r = {radius}: R^2 of the log-linear fit", fit.r_squared, 0.99, 0.005))
    radii = best_radii(64, 2.0**64, 1024)
    for name, value, published in zip(("signal", "capacity", "distance of the cue"), radii, (11, 5, 15), strict=True):
        rows.append(row(f"n = 64, M = 2^64, m = 1024: best radius for {name}", value, published, 0))
    fit, stored = softmax_of(BITS, RADIUS, 80), items(seed)
    sizes = np.array([float(intersection(BITS, RADIUS, d) / 2**BITS) for d in range(BITS + 1)])
    signs, rng, raw = 2.0 * stored - 1, np.random.default_rng((seed, 2)), dict[str, Any](fit._asdict())
    for d in READS:
        cues = with_errors(stored, d, rng)
        overlap = (2.0 * cues - 1) @ signs.T
        limit = sizes[((BITS - overlap) / 2).astype(int)] @ signs > 0
        attention = retrieve(2.0 * cues - 1, signs, fit.beta / BITS, 1)[1] > 0
        errors = {"infinite locations": limit, "softmax": attention}
        raw[str(d)] = {name: float((read != stored).sum(axis=1).mean()) for name, read in errors.items()}
    return rows, raw


def draw(reads: dict[str, Any], attention: dict[str, Any], out: Path) -> str:
    """Wrong bits after a read of locations, of infinitely many, and of attention."""
    distances = reads["distances"]
    wrong = {"10,000 locations": reads["mean"][: len(distances)]}
    wrong |= {name: [attention[str(d)][name] for d in distances] for name in ("infinite locations", "softmax")}
    lines = {name: (distances, values) for name, values in (wrong | {"the cue's": distances}).items()}
    return draw_lines(out / "sdm.png", [Panel("wrong bits of the cue", "wrong bits after a read", lines)])


def reproduce(
    quick: bool = False, seed: int = 0, out: Path | None = None, report: Callable[[str], None] = print
) -> dict[str, Any]:
    """Measure everything; ``quick``: one memory of full size, and a tenth of the counted locations."""
    began = time.perf_counter()
    rows = location_rows(quick, seed)
    report(f"n = {BITS}: {ITEMS} items in {LOCATIONS} locations")
    found, reads = read_rows(1 if quick else 6, seed)
    bridge, attention = attention_rows(seed)
    memory, stored = small(seed)
    cues = with_errors(stored, 8, np.random.default_rng((seed, 2)))
    rows += runtime_rows("recall in spikes", memory, cues, say=report)
    fresh = SparseDistributedMemory(64, 300, 26, seed=seed)
    rows += [
        *storing_rows("storing in spikes", fresh, stored, [memory.counters], ("event",)),
        refused_row("storing in spikes", fresh),
    ]
    raw = {"reads": reads, "attention": attention, "cost of a recall": recall_cost(memory, cues)}
    files = [draw(reads, attention, out)] if out else []
    return result([*rows, *found, *bridge], raw, files, seed, began)
