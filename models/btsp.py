"""BTSP memory in spikes: traces of masked items, age beside K-winner memories of equal bits, flips, and repulsion.

Wu & Maass 2025 (Nature Communications), scaled to a tenth: 2,500 inputs, 3,900 neurons, 125 active, a third masked.
The numbers beside ours are those of an independent computation of the same scaled model; equal-bits curves by age,
damage and repulsion stand beside nothing published, their limits are ours. At equal bits BTSP keeps sparse items (2 %
active) better than a K-winner memory of 1-bit weights at every age while they are up to 1000; feedback, which nothing
clears, is full at 2000. It fails at 10 % active, where slots do better. Traces of items that overlap by half and more
merge, as the neurons of each spike for both.
"""

import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from snmem import Network
from snmem.circuits.kwta.base import check_whole
from snmem.memory import KWinnerConfig, KWinnerMemory
from snmem.memory.systems.btsp import BTSPMemory
from snmem.protocols.levels import recall_cost, refused_row, runtime_rows, storing_rows
from snmem.protocols.lines import Panel, draw_lines
from snmem.protocols.rows import expected, result, target
from snmem.tasks.patterns import partial_cues, random_patterns

VISIBLE, HIDDEN, ACTIVE, KEPT = 2500, 3900, 125, 2 / 3
#: By items stored: relative distance of traces of whole and masked items, and of traces of different items.
KNOWN = {100: (0.0, 1.97), 300: (0.0, 1.98), 1000: (0.14, 1.92)}
#: 3 sd of the difference between two memories.
MASKED_SPREAD, OTHERS_SPREAD = {100: 0.005, 300: 0.01, 1000: 0.12}, {100: 0.035, 300: 0.035, 1000: 0.1}
FLIPS, OVERLAPS = (0.0, 0.01, 0.03, 0.1, 0.2, 0.3), (0.0, 0.2, 0.3, 0.4, 0.5, 0.6, 0.8)
#: Memories of 2,000,000 bits for items of 1000 units; ages to average over.
EQUAL_BITS, AGES = 2_000_000, (0, 5, 10, 20, 50, 100, 200, 500, 1000, 2000)


def filled(count: int, seed: int) -> tuple[BTSPMemory, np.ndarray]:
    """A memory of the scaled size, and the random items it has stored."""
    memory = BTSPMemory(VISIBLE, HIDDEN, ACTIVE, seed=seed)
    items = random_patterns(count, VISIBLE, ACTIVE, np.random.default_rng((seed, 2)))
    memory.store(items)
    return memory, items


def small(seed: int) -> tuple[BTSPMemory, np.ndarray]:
    """A memory small enough for every runtime, and what it has stored."""
    memory = BTSPMemory(120, 90, 12, 0.2, seed=seed)
    items = random_patterns(8, 120, 12, np.random.default_rng((seed, 2)))
    memory.store(items)
    return memory, items


def network(seed: int = 0) -> Network:
    """The recall network of a small memory."""
    return small(seed)[0].network()


def distances(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Hamming distances of all rows of a from all of b."""
    x, y = a.astype(np.float32), b.astype(np.float32)
    return x.sum(axis=1)[:, None] + y.sum(axis=1) - 2 * x @ y.T


def traces(memory: BTSPMemory, items: np.ndarray, seed: int) -> list[float]:
    """Size of a trace; distances, over that size, of masked and whole items and of different ones; identified."""
    whole = memory.trace(items)
    apart, size, n = (
        distances(memory.trace(partial_cues(items, KEPT, seed)), whole),
        whole.sum() / len(items),
        len(items),
    )
    others = distances(whole, whole).sum() / (n * (n - 1))
    right = (apart.argmin(axis=1) == np.arange(n)).mean()
    return [float(size), float(np.diag(apart).mean() / size), float(others / size), float(right)]


def run(seed: int = 0, count: int = 300) -> dict[str, float]:
    """Store items; size of their traces, relative distances, and share identified from two thirds of an item."""
    check_whole("count", count, 2, 1 << 20)
    names = ("trace", "masked", "others", "identified")
    return dict(zip(names, traces(*filled(count, seed), seed), strict=True))


def trace_rows(memories: int, seed: int) -> list[dict[str, Any]]:
    """Traces by items stored."""

    def measure(one: int) -> list[list[float]]:
        memory, items = filled(0, one)[0], random_patterns(max(KNOWN), VISIBLE, ACTIVE, np.random.default_rng((one, 2)))
        found = []
        for count in KNOWN:
            memory.store(items[memory.items : count])
            found.append(traces(memory, items[:count], one))
        return found

    rows = []
    mean = np.mean([measure(one) for one in range(seed, seed + memories)], axis=0)
    for (count, (masked, others)), (size, apart, different, right) in zip(KNOWN.items(), mean, strict=True):
        name = f"{count} items"
        if count == min(KNOWN):
            rows.append(expected(f"{name}: neurons of a trace, beside n q / 2", size, HIDDEN * 0.005 / 2, 0.95))
        rows.append(expected(f"{name}: distance of masked from whole", apart, masked, MASKED_SPREAD[count], "traces"))
        rows.append(expected(f"{name}: distance of different items", different, others, OTHERS_SPREAD[count], "traces"))
        rows.append(target(f"{name}: identified from two thirds", right, 0.995, "share"))
    return rows


def by_age(active: int, count: int, seed: int) -> dict[str, list[float]]:
    """Overlap of recalled and stored by age, for half cues, of memories of equal bits; newest first."""
    config: dict[str, Any] = {"visible": 1000, "active": active, "bits": 1}
    shared = KWinnerConfig(hidden=EQUAL_BITS // 200, fan_in=100, winners=20, rate=0.3, **config)
    slots = KWinnerConfig(hidden=EQUAL_BITS // 2000, fan_in=1000, winners=1, rate=1.0, **config)
    levels: dict[str, Any] = {
        "BTSP": BTSPMemory.for_patterns(1000, active, bits=EQUAL_BITS, seed=seed),
        "K-winner, 1 bit": KWinnerMemory(shared, seed),
        "1-winner, 1 bit": KWinnerMemory(slots, seed),
    }
    items, out = random_patterns(count, 1000, active, np.random.default_rng((seed, 3))), {}
    for name, memory in levels.items():
        memory.store(items)
        recalled = np.asarray(memory.recall(partial_cues(items, 0.5, seed)), bool)
        score = ((recalled & items).sum(axis=1) / np.maximum(recalled.sum(axis=1), active))[::-1]
        out[name] = [float(score[a:b].mean()) for a, b in pairwise(AGES) if b <= count]
    return out


def flipped(seed: int, count: int) -> dict[str, float]:
    """Share identified after flips of a share of all forward synapses, as of devices that fail."""
    memory, items = filled(count, seed)
    weights, rng, out = memory.forward.copy(), np.random.default_rng((seed, 4)), dict[str, float]()
    for share in FLIPS:
        memory.forward = weights ^ (memory.connected & (rng.random(weights.shape, np.float32) < share))
        out[str(share)] = traces(memory, items, seed)[3]
    return out


def repulsion(seed: int, pairs: int) -> dict[str, list[float]]:
    """Distances of items and of their traces, over the size of each, for pairs of some overlap."""
    rng, out = np.random.default_rng((seed, 5)), dict[str, list[float]](items=[], traces=[])
    memory = filled(0, seed)[0]
    for overlap in OVERLAPS:
        first = random_patterns(pairs, VISIBLE, ACTIVE, rng)
        other = partial_cues(first, overlap, rng) if overlap else np.zeros_like(first)
        fill = np.where(first, 2.0, rng.random(first.shape)).argsort(axis=1)[:, : ACTIVE - int(other[0].sum())]
        np.put_along_axis(other, fill, True, axis=1)
        memory.forward[:] = memory.back[:] = False
        memory.store(np.stack([first, other], axis=1).reshape(-1, VISIBLE))
        a, b = (memory.trace(x) for x in (first, other))
        out["items"].append(float((first ^ other).sum() / (pairs * ACTIVE)))
        out["traces"].append(float(2 * (a ^ b).sum() / (a.sum() + b.sum())))
    return out


def reproduce(
    quick: bool = False, seed: int = 0, out: Path | None = None, report: Callable[[str], None] = print
) -> dict[str, Any]:
    """Measure everything; ``quick``: one memory a row, and fewer items."""
    began = time.perf_counter()
    report(f"traces of {VISIBLE:,} inputs in {HIDDEN:,} neurons")
    rows = trace_rows(1 if quick else 6, seed)
    report("memories of equal bits by age, flips, similar items")
    sizes = ((20, 200), (100, 200)) if quick else ((20, 1000), (100, 1000), (20, 2000))
    age = {f"{active} active, {count} items": by_age(active, count, seed) for active, count in sizes}
    sparse, dense, *_ = age.values()
    flips, apart = flipped(seed, 100 if quick else 300), repulsion(seed, 20 if quick else 50)
    rows.append(target("3 % of the synapses flipped: identified", flips["0.03"], 0.98, "share"))
    beyond = [x for x, a, b in zip(OVERLAPS, apart["items"], apart["traces"], strict=True) if b > a]
    rows.append(
        target("traces lie farther apart than items up to an overlap of", max(beyond, default=0.0), 0.3, "share")
    )
    gap = min(a - b for a, b in zip(sparse["BTSP"], sparse["K-winner, 1 bit"], strict=True))
    rows.append(target("equal bits, 20 active, half cues: least by which BTSP exceeds K-winner", gap, 0.0, "overlap"))
    gap = max(a - b for a, b in zip(dense["BTSP"], dense["1-winner, 1 bit"], strict=True))
    rows.append(target("fails: equal bits, 100 active: BTSP above 1-winner", gap, 0.0, "overlap", least=False))
    memory, items = small(seed)
    rows += runtime_rows("recall in spikes", memory, partial_cues(items, 0.7, seed), say=report)
    fresh = BTSPMemory(120, 90, 12, 0.2, seed=seed)
    rows += [
        *storing_rows("storing in spikes", fresh, items, [memory.forward, memory.back], ("event",)),
        refused_row("storing in spikes", fresh),
    ]
    large, stored = filled(100, seed)
    raw: dict[str, Any] = {"age": age, "bits": EQUAL_BITS, "flips": flips, "repulsion": {"overlap": OVERLAPS, **apart}}
    raw["cost of a recall"] = recall_cost(large, partial_cues(stored[:5], KEPT, seed))
    files = []
    if out:
        panels = [
            Panel("age", "overlap, half cues", {n: (AGES[1:][: len(v)], v) for n, v in sparse.items()}, log_x=True),
            Panel("share of synapses flipped", "identified", {"BTSP": (FLIPS, list(flips.values()))}),
            Panel("overlap of two items", "relative distance", {n: (OVERLAPS, v) for n, v in apart.items()}),
        ]
        files.append(draw_lines(out / "btsp.png", panels))
    return result(rows, raw, files, seed, began)
