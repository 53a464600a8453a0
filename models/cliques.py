"""Clique memories in spikes: messages over clusters recalled from erasures, insertions and replacements; grown links.

Gripon & Berrou 2011; Coyac, Gripon, Langlais & Berrou 2017. The closed form for one pass takes links as independent and
is too low: units of many messages have many links. With that in it (``fluctuating_failure``) it meets what is measured.
Numbers beside ours are those of an independent computation and of these closed forms.
"""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from snmem import Network
from snmem.circuits.kwta.base import check_whole
from snmem.errors import InputError
from snmem.memory.systems.cliques import CliqueMemory, clique_density, fluctuating_failure, one_pass_failure
from snmem.protocols.levels import mean_and_sd, recall_cost, runtime_rows, storing_rows
from snmem.protocols.lines import Panel, draw_lines
from snmem.protocols.rows import expected, result, target

CLUSTERS, UNITS = 8, 64
#: By messages: error with half of the clusters erased after one pass and after four, with 3 sd between two memories.
KNOWN = {500: ((0.08, 0.065), (0.0, 0.005)), 1000: ((0.50, 0.091), (0.014, 0.02))}
LOADS = (250, 500, 750, 1000, 1250, 1500)
NOISE = ("erased", "inserted", "replaced")


def messages(count: int, seed: int, clusters: int = CLUSTERS, units: int = UNITS) -> np.ndarray:
    """Random messages, bool (count, clusters * units)."""
    chosen = np.random.default_rng((seed, 1)).integers(units, size=(count, clusters))
    return (np.arange(units) == chosen[:, :, None]).reshape(count, -1)


def with_noise(stored: np.ndarray, kind: str, clusters: int, seed: int, of: int = CLUSTERS) -> np.ndarray:
    """Cues: in that many random clusters the unit is erased, another one inserted, or replaced by another."""
    if kind not in NOISE:
        raise InputError(f"kind: {kind!r} is none of {', '.join(NOISE)}")
    rng, out = np.random.default_rng((seed, 2)), stored.reshape(len(stored), of, -1).copy()
    hit = rng.random((len(out), of)).argsort(axis=1) < clusters
    if kind != "inserted":
        out[hit] = False
    if kind != "erased":
        right = stored.reshape(out.shape).argmax(axis=2)[hit]
        other = (right + rng.integers(1, out.shape[2], right.shape)) % out.shape[2]
        row, cluster = np.nonzero(hit)
        out[row, cluster, other] = True
    return out.reshape(stored.shape)


def errors(memory: CliqueMemory, stored: np.ndarray, cues: np.ndarray, passes: int) -> float:
    """Share of messages that are not recalled bit for bit."""
    return float((memory.recall(cues, passes) != stored).any(axis=1).mean())


def filled(count: int, seed: int, grown: bool = False) -> tuple[CliqueMemory, np.ndarray]:
    """A memory that has stored random messages, or whose links have grown from them, and these messages."""
    memory, stored = CliqueMemory(CLUSTERS * UNITS, CLUSTERS), messages(count, seed)
    if grown:
        memory.grow(stored, seed=seed)
    else:
        memory.store(stored)
    return memory, stored


def network(seed: int = 0, count: int = 20) -> Network:
    """A memory of 4 clusters of 16 units that has stored some messages."""
    return small(seed, count)[0].network()


def small(seed: int, count: int = 20) -> tuple[CliqueMemory, np.ndarray]:
    """A memory small enough for every runtime, and what it has stored."""
    memory, stored = CliqueMemory(64, 4, passes=3), messages(count, seed, 4, 16)
    memory.store(stored)
    return memory, stored


def run(seed: int = 0, count: int = 500, kind: str = "erased", hit: int = 4, passes: int = 4) -> dict[str, float]:
    """Share of messages recalled wrongly with noise in ``hit`` clusters, and the density of links."""
    check_whole("count", count, 1, 1 << 20)
    check_whole("hit", hit, 0, CLUSTERS)
    memory, stored = filled(count, seed)
    return {"error": errors(memory, stored, with_noise(stored, kind, hit, seed), passes), "density": memory.density}


def half_erased(memories: int, seed: int) -> list[dict[str, Any]]:
    """Half of the clusters erased: density, and error after one pass and after four, beside closed forms."""
    rows = []
    for count, known in KNOWN.items():

        def measure(one: int, count: int = count) -> list[float]:
            memory, stored = filled(count, one)
            cues = stored & (np.arange(CLUSTERS * UNITS) >= CLUSTERS * UNITS // 2)
            return [memory.density, *(errors(memory, stored, cues, passes) for passes in (1, 4))]

        mean, _ = mean_and_sd(measure, range(seed, seed + memories))
        name, law = f"{count} messages, half erased", clique_density(UNITS, count)
        rows.append(expected(f"{count} messages: density of links", mean[0], law, 0.002))
        for passes, value, (wanted, tolerance) in zip((1, 4), mean[1:], known, strict=True):
            rows.append(expected(f"{name}: error after {passes} passes", value, wanted, tolerance, "share"))
        theory = fluctuating_failure(CLUSTERS, UNITS, count, CLUSTERS // 2, 2000)
        rows.append(expected(f"{name}: error after 1 passes, closed form", mean[1], theory, known[0][1], "share"))
        independent = one_pass_failure(CLUSTERS, UNITS, count, CLUSTERS // 2)
        derived = {500: 0.043, 1000: 0.426}[count]
        rows.append(expected(f"{name}: closed form for independent links", independent, derived, 0.0005, "share"))
    return rows


def curves(loads: tuple[int, ...], seed: int) -> dict[str, dict[str, list[float]]]:
    """Errors by load for stored and grown links, and by kind and amount of noise at 500 messages."""
    load: dict[str, list[float]] = {}
    for grown in (False, True):
        for count in loads:
            memory, stored = filled(count, seed, grown)
            cues = with_noise(stored, "erased", CLUSTERS // 2, seed)
            for passes in (1, 4):
                name = f"{'grown' if grown else 'stored'}, {passes} passes"
                load.setdefault(name, []).append(errors(memory, stored, cues, passes))
    memory, stored = filled(500, seed)
    hits = range(CLUSTERS + 1)
    noise = {kind: [errors(memory, stored, with_noise(stored, kind, n, seed), 4) for n in hits] for kind in NOISE}
    return {"load": load, "noise": noise}


def reproduce(
    quick: bool = False, seed: int = 0, out: Path | None = None, report: Callable[[str], None] = print
) -> dict[str, Any]:
    """Measure everything; ``quick``: one memory a row, and two loads."""
    began = time.perf_counter()
    report(f"{CLUSTERS} clusters of {UNITS} units, half erased")
    rows = half_erased(1 if quick else 6, seed)
    loads = LOADS[1:4:2] if quick else LOADS
    report("links that grow; erasures, insertions and replacements")
    found = curves(loads, seed)
    for passes in (1, 4):
        pair = [np.array(found["load"][f"{kind}, {passes} passes"]) for kind in ("stored", "grown")]
        name = f"grown links, {passes} passes: largest difference to stored ones"
        rows.append(target(name, float(np.abs(pair[0] - pair[1]).max()), 0.02, "share", least=False))
    for kind, hits in (("erased", 4), ("inserted", 8), ("replaced", 2)):
        name = f"500 messages, {hits} of {CLUSTERS} clusters {kind}: error after 4 passes"
        rows.append(target(name, found["noise"][kind][hits], 0.05, "share", least=False))
    memory, stored = small(seed)
    cues = np.concatenate([with_noise(stored[i::3], kind, 1, seed, of=4) for i, kind in enumerate(NOISE)])
    rows += runtime_rows("recall in spikes", memory, cues, say=report)
    rows += storing_rows("storing in spikes", CliqueMemory(64, 4), stored, [memory.links])
    raw = {"loads": loads, **found, "cost of a recall": recall_cost(*first_recalls(seed))}
    files = []
    if out:
        by_load = {name: (loads, values) for name, values in found["load"].items()}
        by_noise = {name: (range(CLUSTERS + 1), values) for name, values in found["noise"].items()}
        panels = [Panel("messages", "error, half erased", by_load), Panel("clusters hit", "error", by_noise)]
        files.append(draw_lines(out / "cliques.png", panels))
    return result(rows, raw, files, seed, began)


def first_recalls(seed: int, count: int = 5) -> tuple[CliqueMemory, np.ndarray]:
    """The memory of 500 messages, and half-erased cues of the first ones."""
    memory, stored = filled(500, seed)
    return memory, with_noise(stored[:count], "erased", CLUSTERS // 2, seed)
