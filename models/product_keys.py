"""Product keys: the exact k best of n squared slots by spikes whose number grows as n.

Random half keys, and half keys trained on the upper and lower halves of handwritten digits (k-means); the winners of
the three searches beside those of all slots, on vectors and in LIF neurons; synaptic events and joules by number of
slots, beside one k-WTA circuit over all slots. Lample et al. 2019, "Large memory layers with product keys" (NeurIPS),
have the algorithm; nothing of the circuit is published. Rows that begin with "fails" say what does not work.
"""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from snmem.attention.product_keys import ProductKeyNetwork, ProductKeys, one_stage
from snmem.cost import bill
from snmem.cost.dense import dense_constants
from snmem.encode import load_digits
from snmem.io.files import replace_file
from snmem.protocols.rows import near, result, target
from snmem.simulation import simulate

LINES, LEVELS, CHIP = 16, 3, "loihi1-davies2018"
#: Half keys of the sweep (64 to 65,536 slots), and those up to which the circuit over all slots is built beside it.
SIZES, COMPARED = (8, 16, 32, 64, 128, 256), 64
RUNTIMES = ("event", "loihi", "lava_fixed")


def random_keys(n: int, k: int, seed: int, lines: int = LINES) -> ProductKeys:
    """Half keys of whole numbers from 0 to LEVELS."""
    rng = np.random.default_rng([seed, n])
    rows, columns = rng.integers(0, LEVELS + 1, (2, n, lines))
    return ProductKeys(rows, columns, k)


def random_queries(keys: ProductKeys, number: int, seed: int) -> np.ndarray:
    """Queries whose bits are 1 with probability 1/2."""
    return np.random.default_rng([seed, 1]).random((number, 2 * keys.rows.shape[1])) < 0.5


def pixels() -> np.ndarray:
    """The bundled digits, 1 where a pixel is at least half as dark as it can be, (1797, 64)."""
    return load_digits()[0].reshape(-1, 64) >= 8


def trained_keys(n: int, k: int, seed: int, rounds: int = 10) -> ProductKeys:
    """Half keys by k-means on the halves of the digits: means of length 1, in steps of 1 / 8."""
    rng, books = np.random.default_rng(seed), []
    for half in np.split(pixels().astype(float), 2, axis=1):
        means = half[rng.choice(len(half), n, replace=False)]
        for _ in range(rounds):
            means /= np.linalg.norm(means, axis=1, keepdims=True).clip(1)
            nearest = (half @ means.T).argmax(1)
            sums = np.zeros_like(means)
            np.add.at(sums, nearest, half)
            means = np.where(sums.any(1, keepdims=True), sums, means)
        means /= np.linalg.norm(means, axis=1, keepdims=True)
        books.append(np.rint(8 * means).astype(int))
    return ProductKeys(books[0], books[1], k)


def in_one_stage(keys: ProductKeys, queries: np.ndarray) -> tuple[Any, Any, np.ndarray]:
    """Network, Recording and winners of one k-WTA circuit over all slots."""
    network, period, answer = one_stage(keys)
    number, line = np.nonzero(queries)
    starts = np.arange(len(queries)) * period
    inputs = {"query": (starts[number], line), "start": (starts, 0 * starts)}
    run = simulate(network, inputs, len(queries) * period, counters=True)
    spikes, out = run.spikes["all.winners"], np.zeros((len(queries), keys.slots), bool)
    at = spikes.step % period == answer
    out[spikes.step[at] // period, spikes.neuron[at]] = True
    return network, run, out


def costs(network: Any, run: Any, queries: int) -> dict[str, float]:
    """Events, steps and dynamic joules of a query."""
    made = bill(network, run, CHIP, items=queries, limits="report")
    counted = {name: made.counters[name] / queries for name in ("synaptic_events", "spikes", "accessed")}
    return counted | {"steps": run.steps / queries, "joules": made.per_item()["dynamic_joules_per_item"]}


def dense_search(keys: ProductKeys) -> dict[str, float]:
    """Multiply-adds of all slots' scores, as a flat index computes them, and their 45 nm joules in half precision."""
    constants, _ = dense_constants()
    mac, byte = (constants["cmos45"][name].value or 0.0 for name in ("mac_fp16", "sram_1m"))
    macs = float(keys.slots * 2 * keys.rows.shape[1])
    return {"multiply-adds": macs, "joules": macs * mac + 2 * macs * byte}


def measured(n: int, k: int, queries: int, seed: int) -> dict[str, Any]:
    """One size: mismatched queries, events; up to COMPARED half keys, joules beside the circuit over all slots."""
    keys = random_keys(n, k, seed)
    asked = random_queries(keys, queries, seed)
    wanted, built = keys.full_search(asked), ProductKeyNetwork(keys)
    priced = n <= COMPARED
    found, run = built.run(asked, counters=priced)
    out = {
        "slots": keys.slots,
        "mismatches": int((found != wanted).any(1).sum()),
        "events": sum(run.counters.synaptic_events.values()) / queries,
        "dense": dense_search(keys),
    }
    if priced:
        network, all_slots, same = in_one_stage(keys, asked)
        out["mismatches"] += int((same != wanted).any(1).sum())
        out |= {"product": costs(built.network, run, queries), "one stage": costs(network, all_slots, queries)}
    return out


def exact(number: int, spiking: int, seed: int) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """4096 slots, k = 8: queries whose winners are not those of the full search."""
    rows, n, k = [], 64, 8
    digits = pixels()[np.random.default_rng(seed).permutation(1797)[:number]]
    random = random_keys(n, k, seed)
    for name, keys, asked in (
        ("random", random, random_queries(random, number, seed)),
        ("trained", trained_keys(n, k, seed), digits),
    ):
        wanted = keys.full_search(asked)
        wrong = int((keys.winners(asked) != wanted).any(1).sum())
        rows.append(target(f"{name} keys, 4096 slots: queries of {number} with other winners", wrong, 0, "", False))
        found, _ = ProductKeyNetwork(keys).run(asked[:spiking])
        wrong = int((found != wanted[:spiking]).any(1).sum())
        rows.append(target(f"{name} keys, in spikes: queries of {spiking} with other winners", wrong, 0, "", False))
    return rows, {"scores computed, of 4096": 2 * n + k * k}


def law(name: str, slope: float, quick: bool) -> dict[str, Any]:
    """Events grow as the root of the slots; fixed costs flatten the slope of a few, which is bounded only."""
    if quick:
        return target(name, slope, 0.6, "log-log slope", False)
    return near(name, slope, 0.5, 0.1, "log-log slope")


def runtimes(seed: int, report: Callable[[str], None]) -> list[dict[str, Any]]:
    """The same winners, and the same spikes, on the event engine, the emulator and Lava."""
    rows = []
    for k in (1, 2):
        keys = random_keys(5, k, seed, 6)
        asked, runs = random_queries(keys, 4, seed), {}
        for backend in RUNTIMES:
            report(f"k = {k} on {backend}")
            found, runs[backend] = ProductKeyNetwork(keys).run(asked, backend)
            wrong = int((found != keys.full_search(asked)).any(1).sum())
            rows.append(target(f"k = {k}, {backend}: queries with other winners", wrong, 0, "", False))
        for backend in ("event", "lava_fixed"):
            cells = sum(s.differing(runs["loihi"].spikes[name])[0] for name, s in runs[backend].spikes.items())
            rows.append(target(f"k = {k}, {backend} and loihi: spikes that differ", cells, 0, "entries", False))
    return rows


def draw(raw: dict[str, Any], out: Path) -> list[str]:
    """Events and joules by number of slots."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 4), layout="constrained")
    events, joules = figure.subplots(1, 2)
    for k, runs in raw["by slots"].items():
        events.loglog(
            [r["slots"] for r in runs], [r["events"] for r in runs], marker="o", label=f"product keys, k = {k}"
        )
        both = [r for r in runs if "product" in r]
        for ax, what in ((events, "synaptic_events"), (joules, "joules")):
            for name in ("product", "one stage"):
                if (ax is joules or name == "one stage") and both:
                    label = f"{name.replace('product', 'product keys')}, k = {k}"
                    ax.loglog([r["slots"] for r in both], [r[name][what] for r in both], marker="o", ms=3, label=label)
    events.set(xlabel="slots", ylabel="synaptic events of a query")
    joules.set(xlabel="slots", ylabel=f"dynamic joules of a query, {CHIP}")
    for ax in (events, joules):
        ax.legend(fontsize=7)
    with replace_file(out / "product_keys.png") as file:
        figure.savefig(file, dpi=120, format="png")
    return [str(out / "product_keys.png")]


def run(seed: int = 0, n: int = 32, k: int = 4, queries: int = 10, backend: str = "event") -> dict[str, float]:
    """One size in spikes: queries with other winners than the full search, and events of a query."""
    keys = random_keys(n, k, seed)
    asked = random_queries(keys, queries, seed)
    found, recording = ProductKeyNetwork(keys).run(asked, backend)
    events = sum(recording.counters.synaptic_events.values()) / queries
    return {"mismatches": float((found != keys.full_search(asked)).any(1).sum()), "events": events}


def reproduce(
    quick: bool = False, seed: int = 0, out: Path | None = None, report: Callable[[str], None] = print
) -> dict[str, Any]:
    """Winners, laws, runtimes; ``quick``: fewer queries in spikes, up to 4096 slots."""
    began = time.perf_counter()
    report("winners beside those of the full search")
    rows, raw = exact(200, 10 if quick else 200, seed)
    by_slots: dict[int, list[dict[str, Any]]] = {}
    for k in (1, 4):
        by_slots[k] = []
        for n in SIZES[:4] if quick else SIZES:
            report(f"k = {k}: {n * n} slots")
            by_slots[k].append(measured(n, k, 5 if quick else 20, seed))
        runs = by_slots[k]
        x, y = np.log([(r["slots"], r["events"]) for r in runs]).T
        slope = float(np.polyfit(x, y, 1)[0])
        wrong = sum(r["mismatches"] for r in runs)
        name = f"k = {k}, 64 to {runs[-1]['slots']:,} slots"
        rows += [
            law(f"{name}: events of a query against slots", slope, quick),
            target(f"{name}: queries with other winners", wrong, 0, "", False),
        ]
        last = next(r for r in runs if r["slots"] == COMPARED**2)
        ratio = {what: last["product"][what] / last["one stage"][what] for what in ("synaptic_events", "joules")}
        rows.append(target(f"k = {k}, 4096 slots: events against one stage", ratio["synaptic_events"], 0.2, "", False))
        if k == 1:
            rows.append(target("k = 1, 4096 slots: joules against one stage", ratio["joules"], 0.5, "ratio", False))
        else:  # the chip updates every neuron in every step, and three searches take more steps than one
            rows.append(target("fails: k = 4, 4096 slots: joules against one stage", ratio["joules"], 1.0, "ratio"))
    rows += runtimes(seed, report)
    raw |= {"by slots": by_slots, "chip": CHIP}
    return result(rows, raw, draw(raw, out) if out else [], seed, began)
