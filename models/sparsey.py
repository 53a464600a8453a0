"""Sparsey in spikes: codes as similar as inputs, capacity, storing in fixed time, and digits after one look at each.

Rinkus 2010, with the constants of a third party's code. Similarities of codes stand beside an independent computation.
With these constants the noise does not go away for what is stored: 50 inputs of 10 % active make everything familiar.
Noise in levels, as neurons have it, keeps every stored code. Capacity depends on the units of a module and on the
density of inputs, not on the number of modules. Digits are the 8 x 8 ones bundled here, one coding field a class, after
five of each: fewer are right than by the nearest stored pixels. Rinkus's 91 % are on MNIST, from 200 of a class.
"""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from snmem import Network
from snmem.circuits.kwta.base import check_whole
from snmem.cost import bill
from snmem.encode.images import load_digits
from snmem.memory.systems.sparsey import SparseyMemory
from snmem.protocols.levels import CHIP, mean_and_sd, recall_cost, runtime_rows, storing_rows
from snmem.protocols.lines import Panel, draw_lines
from snmem.protocols.rows import expected, result, target
from snmem.simulation import simulate
from snmem.tasks.patterns import partial_cues, random_patterns

VISIBLE, ACTIVE = 512, 51
#: Share of modules with an equal winner by overlap of the inputs, 10 stored, with 3 sd between two memories.
SIMILAR = {1.0: (1.0, 0.02), 0.8: (0.98, 0.03), 0.6: (0.95, 0.035), 0.5: (0.80, 0.085), 0.3: (0.04, 0.045)}
FIELDS = ((35, 20), (70, 20), (140, 20), (70, 10), (70, 40))
DENSITIES, STORED = (0.05, 0.1, 0.2), (5, 10, 20, 30, 40, 60)
PIXELS, FIRST_TESTED = 20, 1200


def filled(count: int, seed: int, noise: str = "sigmoid", **sizes: int) -> tuple[SparseyMemory, np.ndarray, np.ndarray]:
    """A memory, the random inputs it has stored, and the codes it gave them."""
    memory = SparseyMemory(**({"visible": VISIBLE, "active": ACTIVE} | sizes), noise=noise, seed=seed)
    inputs = random_patterns(count, memory.visible, memory.active, np.random.default_rng((seed, 2)))
    codes = np.zeros((count, memory.hidden), bool)
    for n, row in enumerate(inputs):
        codes[n] = memory.codes(row[None], n)[0]
        memory.store(row)
    return memory, inputs, codes


def altered(inputs: np.ndarray, overlap: float, seed: int) -> np.ndarray:
    """Inputs that have that share of their ones in common with the given ones, and no more."""
    rng, ones = np.random.default_rng((seed, 3)), int(inputs[0].sum())
    out = partial_cues(inputs, overlap, rng)
    fill = np.where(inputs, 2.0, rng.random(inputs.shape)).argsort(axis=1)[:, : ones - int(out[0].sum())]
    np.put_along_axis(out, fill, True, axis=1)
    return out


def equal_modules(memory: SparseyMemory, codes: np.ndarray, inputs: np.ndarray) -> float:
    """Share of the modules in which inputs get the winners of the codes, noise drawn anew."""
    same = memory.codes(inputs, 1_000_000) & codes
    return float(same.reshape(len(codes), memory.modules, -1).any(axis=2).mean())


def similarity(seed: int, count: int, noise: str) -> list[float]:
    """Equal modules by overlap of inputs, and G of inputs that are unrelated."""
    memory, inputs, codes = filled(count, seed, noise)
    equal = [equal_modules(memory, codes, altered(inputs, x, seed)) for x in SIMILAR]
    other = random_patterns(50, VISIBLE, ACTIVE, np.random.default_rng((seed, 4)))
    return [*equal, float(memory.familiarity(other).mean())]


def run(seed: int = 0, count: int = 10, overlap: float = 0.6, noise: str = "sigmoid") -> dict[str, float]:
    """Store random inputs; modules that stay equal for inputs of some overlap, and G of these."""
    check_whole("count", count, 1, 1 << 20)
    memory, inputs, codes = filled(count, seed, noise)
    like = altered(inputs, overlap, seed)
    return {"equal_modules": equal_modules(memory, codes, like), "familiarity": float(memory.familiarity(like).mean())}


def small(seed: int) -> tuple[SparseyMemory, np.ndarray]:
    """A memory small enough for every runtime, and what it has stored."""
    memory, inputs, _ = filled(6, seed, "levels", visible=60, modules=6, units=5, active=8)
    return memory, inputs


def network(seed: int = 0) -> Network:
    """The recall network of a small memory."""
    return small(seed)[0].network()


def similarity_rows(memories: int, seed: int) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Similarity of codes and of inputs, for both kinds of noise and two loads."""
    seeds, rows, raw = range(seed, seed + memories), list[dict[str, Any]](), dict[str, Any]()
    for noise in ("sigmoid", "levels"):
        for count in (10, 50):
            mean, sd = mean_and_sd(lambda one, n=noise, c=count: similarity(one, c, n), seeds)
            raw[f"{noise}, {count} stored"] = {"mean": mean.tolist(), "sd": sd.tolist()}
            if noise == "sigmoid" and count == 10:
                for value, (overlap, (wanted, spread)) in zip(mean, SIMILAR.items(), strict=False):
                    name = f"10 stored, inputs of overlap {overlap:g}: equal modules"
                    rows.append(expected(name, value, wanted, spread, "share"))
            if noise == "sigmoid" and count == 50:
                rows.append(expected("50 stored: equal modules for what is stored", mean[0], 0.55, 0.04, "share"))
                rows.append(expected("50 stored: G of unrelated inputs", mean[-1], 0.73, 0.13))
            if noise == "levels":
                rise = float(np.diff(mean[:-1]).max())
                rows.append(
                    target(f"noise in levels, {count} stored: most by which codes rise", rise, 0.0, "share", False)
                )
                rows.append(expected(f"noise in levels, {count} stored: equal modules for those", mean[0], 1.0, 0.0))
    return rows, raw


def capacity(fields: tuple[tuple[int, int], ...], seed: int) -> dict[str, int]:
    """Most inputs of :data:`STORED` after which at least 90 % of their modules still get their winners."""
    found = {}
    for modules, units in fields:
        for density in DENSITIES:
            kept = [0]
            for count in STORED:
                memory, inputs, codes = filled(count, seed, modules=modules, units=units, active=int(VISIBLE * density))
                if equal_modules(memory, codes, inputs) < 0.9:
                    break
                kept.append(count)
            found[f"{modules} x {units}, {density:.0%} active"] = kept[-1]
    return found


def digits(each: int, seed: int) -> dict[str, float]:
    """Bundled digits labelled by the field with the largest G, one field a class; and by the nearest stored pixels."""
    images, labels = load_digits()
    order = (-images.reshape(len(images), -1).astype(int)).argsort(axis=1, kind="stable")[:, :PIXELS]
    inputs = np.zeros((len(images), 64), bool)
    np.put_along_axis(inputs, order, True, axis=1)
    tested, wanted, found, chosen = inputs[FIRST_TESTED:], labels[FIRST_TESTED:], [], []
    for label in range(10):
        memory = SparseyMemory(64, 70, 20, PIXELS, "levels", seed)
        chosen.append(np.flatnonzero(labels[:FIRST_TESTED] == label)[:each])
        memory.store(inputs[chosen[-1]])
        found.append(memory.familiarity(tested))
    shown = np.concatenate(chosen)
    nearest = (tested.astype(np.float32) @ inputs[shown].T.astype(np.float32)).argmax(axis=1)
    return {
        "Sparsey": float((np.argmax(found, axis=0) == wanted).mean()),
        "nearest pixels": float((labels[shown][nearest] == wanted).mean()),
    }


def storing(seed: int) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """What storing in spikes learns and costs, for the first items and for later ones."""
    memory, fresh = small(seed)[0], SparseyMemory(60, 6, 5, 8, "levels", seed)
    rows = storing_rows("storing in spikes", fresh, small(seed)[1], [memory.weights, memory.weights])
    costs = []
    for stored in (0, 40):
        field = filled(stored, seed, "levels", visible=128, modules=20, units=10, active=12)[0]
        more = random_patterns(4, 128, 12, np.random.default_rng((seed, 5)))
        network, (inputs, steps) = field.learning_network(), field.storing_inputs(more)
        run = simulate(network, inputs, steps, counters=True)
        made = bill(network, run, CHIP, items=len(more), limits="report")
        costs.append({"steps": steps / 4, "synaptic_events": made.counters["synaptic_events"] / 4})
    name = "storing in spikes"
    rows.append(
        expected(f"{name}: steps after 40 items, beside those of the first", costs[1]["steps"], costs[0]["steps"], 0)
    )
    return rows, {"first": costs[0], "after 40": costs[1]}


def reproduce(
    quick: bool = False, seed: int = 0, out: Path | None = None, report: Callable[[str], None] = print
) -> dict[str, Any]:
    """Measure everything; ``quick``: one memory a row, one coding field."""
    began = time.perf_counter()
    report("similarity of codes")
    rows, alike = similarity_rows(1 if quick else 6, seed)
    report("capacity, digits, storing in spikes")
    room = capacity(FIELDS[1:2] if quick else FIELDS, seed)
    fewer, more = (room[f"70 x 20, {density:.0%} active"] for density in (0.2, 0.05))
    rows.append(target("capacity, 5 % active over 20 % active", more / max(fewer, 1), 4.0, "times"))
    right = digits(5, seed)
    rows.append(target("bundled digits, 5 of a class seen once: right label (ours)", right["Sparsey"], 0.65, "share"))
    stored, cost = storing(seed)
    memory, inputs = small(seed)
    rows += stored + runtime_rows("recall in spikes", memory, partial_cues(inputs, 0.7, seed), say=report)
    large, known, _ = filled(10, seed)
    raw = {"overlap": list(SIMILAR), "equal modules": alike, "capacity": room, "digits": right, "cost of a store": cost}
    raw["cost of a recall"] = recall_cost(large, partial_cues(known[:5], 0.5, seed))
    files = []
    if out:
        lines = {name: (list(SIMILAR), each["mean"][:-1]) for name, each in alike.items()}
        files.append(draw_lines(out / "sparsey.png", [Panel("overlap of inputs", "equal modules", lines)]))
    return result(rows, raw, files, seed, began)
