"""Active dendrites in spikes: what segments mistake, a neuron that computes XOR, and false recalls at equal synapses.

Hawkins & Ahmad 2016; Ahmad & Hawkins 2016. Two of their numbers follow from the formula. The 1.6e-18 that a page states
for n = 200,000, a = 2,000, s = 20, theta = 10 does not: the formula gives 1.65e-15.
"""

import time
from collections.abc import Callable
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np

from snmem import Input, Network, quantize, simulate
from snmem.circuits.dendrites import dendrites
from snmem.circuits.kwta.base import check_whole
from snmem.memory.systems.dendrites import DendriticMemory, false_match, log_ratio, missed, union_density
from snmem.protocols.levels import RUNTIMES, recall_cost, refused_row, runtime_rows, storing_rows
from snmem.protocols.lines import Panel, draw_lines
from snmem.protocols.rows import expected, result, row, target
from snmem.tasks.patterns import partial_cues, random_patterns

#: Inputs, active ones, synapses and threshold of the segments that random patterns are shown to.
COMMON = ((1000, 100, 20, 6), (1000, 100, 20, 8), (500, 20, 12, 3))
RARE = ((200_000, 2000, 10, 10), (10_000, 300, 24, 12))
THETAS = (10, 8, 9, 11, 12, 13)


def segment(inputs: np.ndarray, theta: int, runtime: str = "event") -> np.ndarray:
    """Which rows of inputs, bool (n, synapses), make a segment spike that has a synapse of each."""
    part = dendrites("cell", "x", np.ones((1, inputs.shape[1])), [0], theta)
    network = Network((Input("x", inputs.shape[1]), *part.populations), part.projections)
    spikes = simulate(network, {"x": inputs}, len(inputs) + 2, runtime).spikes["cell"]
    out = np.zeros(len(inputs) + 2, bool)
    out[spikes.step] = True
    return out[2:]


def formula_rows() -> list[dict[str, Any]]:
    """Exact probabilities beside published and recomputed ones."""
    found = {key: false_match(*key) for key in (*RARE, (200_000, 2000, 20, 10))}
    density = union_density(2048, 40, 20)
    first, second, third = found.values()
    name = "n = 200,000, a = 2,000, s = theta = 10: false match"
    return [
        row(name, first, 9.8e-21, 0.05e-21),
        expected(f"{name}, recomputed", first, 9.78e-21, 0.005e-21),
        row("n = 10,000, a = 300, s = 24, theta = 12: false match", second, 8.37584522709849e-13, 1e-22),
        expected(
            "n = 200,000, a = 2,000, s = 20, theta = 10: false match (stated 1.6e-18)", third, 1.65e-15, 0.005e-15
        ),
        expected("union of 20 patterns, n = 2048, w = 40: density", density, 0.33, 0.005),
        expected("union of 20: a random pattern matches wholly", density**40, 3e-20, 0.5e-20),
        expected("union of 20: it matches by half", 1 - missed(40, 20, 1 - density), 0.017, 0.001),
    ]


def sampled_rows(trials: int, seed: int) -> list[dict[str, Any]]:
    """Segments of LIF neurons shown random patterns, and rare matches by importance sampling, beside the formula."""
    rng, rows = np.random.default_rng(seed), []
    for n, active, synapses, theta in COMMON:
        on = rng.hypergeometric(active, n - active, synapses, trials)
        inputs = rng.random((trials, synapses)).argsort(axis=1) < on[:, None]
        chance = false_match(n, active, synapses, theta)
        spread = 3 * np.sqrt(chance * (1 - chance) / trials)
        name = f"n = {n}, a = {active}, s = {synapses}, theta = {theta}: false match of LIF segments"
        rows.append(expected(name, float(segment(inputs, theta).mean()), chance, float(spread)))
    for n, active, synapses, theta in RARE:
        tilt = min(theta / synapses, 0.9)
        inputs = rng.random((trials, synapses)) < tilt
        weight = np.exp(log_ratio(n, active, synapses, inputs.sum(axis=1), tilt)) * segment(inputs, theta)
        chance, error = false_match(n, active, synapses, theta), weight.std() / np.sqrt(trials)
        name = f"n = {n:,}, s = {synapses}, theta = {theta}: importance sampling over formula"
        rows.append(expected(name, float(weight.mean() / chance), 1.0, float(3 * error / chance)))
    for failing in (0.3, 0.5):
        heard = rng.random((trials, 20)) >= failing
        chance = missed(20, 10, failing)
        spread = float(3 * np.sqrt(max(chance * (1 - chance), 1 / trials) / trials))
        name = f"s = 20, theta = 10, {failing:.0%} of the inputs fail: missed by LIF segments"
        rows.append(expected(name, float((~segment(heard, 10)).mean()), chance, spread))
    return rows


def xor_rows() -> list[dict[str, Any]]:
    """XOR of two bits, each with its complement line: one neuron of two segments, and the best point neuron."""
    bits = np.array(list(product((0, 1), repeat=2)), bool)
    lines, wanted = np.hstack([bits, ~bits]), bits[:, 0] ^ bits[:, 1]
    part = dendrites("cell", "x", np.array([[1, 0, 0, 1], [0, 1, 1, 0]]), [0, 0], 2)
    network = Network((Input("x", 4), *part.populations), part.projections)
    rows = []
    for runtime in RUNTIMES:
        net = network if runtime == "event" else quantize(network).network
        spikes = simulate(net, {"x": lines}, 6, runtime).spikes["cell"]
        right = int((np.isin(np.arange(2, 6), spikes.step) == wanted).sum())
        rows.append(expected(f"XOR by one neuron with two segments, {runtime}: right of 4", right, 4, 0))
    weights = np.array(list(product(range(-3, 4), repeat=4)))
    sums = lines.astype(int) @ weights.T
    best = max(int(((sums > theta) == wanted[:, None]).sum(axis=0).max()) for theta in range(-7, 7))
    return [*rows, expected("XOR by the best point neuron of whole weights: right of 4", best, 3, 0)]


def filled(seed: int, theta: int | None = None, count: int = 400) -> tuple[DendriticMemory, np.ndarray]:
    """A memory whose 8 segments a cell are all used, and what it has stored."""
    memory = DendriticMemory(visible=1000, cells=500, segments=8, theta=theta, potential=0.4, seed=seed)
    patterns = random_patterns(count, 1000, 100, np.random.default_rng((seed, 2)))
    memory.store(patterns)
    return memory, patterns


def run(seed: int = 0, theta: int = 10, count: int = 400) -> dict[str, float]:
    """Cells that random cues activate falsely, and cells of stored patterns, with dendrites and as point neurons."""
    check_whole("count", count, 1, 1 << 20)
    memory, patterns = filled(seed, theta, count)
    other = random_patterns(200, 1000, 100, np.random.default_rng((seed, 3)))
    grouped = memory.synapses.reshape(memory.cells, memory.segments, -1)
    merged = grouped.any(axis=1).astype(np.float32)
    share = memory.synapses.sum(axis=1).reshape(grouped.shape[:2])
    chance = {int(s): false_match(1000, 100, int(s), theta) for s in np.unique(share)}
    law = 1 - np.prod([[1 - chance[int(s)] for s in cell] for cell in share], axis=1)
    cells = np.zeros((count, memory.cells), bool)
    for item in range(count):
        cells[item, memory.drawn(item)] = True
    newest = slice(-100, None)  # older ones have been overwritten in part
    own = float((memory.found(partial_cues(patterns[newest], 0.5, seed)) & cells[newest]).sum(axis=1).mean())
    return {
        "false": float(memory.found(other).mean()),
        "false_law": float(law.mean()),
        "point_false": float((other.astype(np.float32) @ merged.T >= theta).mean()),
        "own": own,
        "synapses": float(memory.synapses.sum()),
        "point_synapses": float(merged.sum()),
    }


def false_recall_rows(thetas: tuple[int, ...], seed: int) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """False activations of cells with dendrites and of the same cells with all synapses on one point."""
    found = {theta: run(seed, theta) for theta in thetas}
    at = found[thetas[0]]
    spread = 3 * np.sqrt(at["false_law"] / (200 * 500)) + 0.1 * at["false_law"]  # cells and cues repeat
    times, left = at["point_false"] / at["false"], at["point_synapses"] / at["synapses"]
    name = f"theta = {thetas[0]}"
    rows = [
        expected(f"{name}: false cells, beside the formula", at["false"], at["false_law"], float(spread)),
        target(f"{name}, all synapses on one point: false cells over those with dendrites", times, 10.0, "times"),
        target(f"{name}, all synapses on one point: synapses left of those of the segments", left, 0.7, "share"),
        target(f"{name}, half cues: cells of a stored pattern, of 10", at["own"], 9.5, "cells"),
    ]
    return rows, {"theta": list(thetas), **{key: [each[key] for each in found.values()] for key in at}}


def small(seed: int) -> tuple[DendriticMemory, np.ndarray]:
    """A memory small enough for every runtime, and what it has stored."""
    memory = DendriticMemory(80, 12, 3, 10, 4, seed=seed)
    patterns = random_patterns(6, 80, 10, np.random.default_rng((seed, 2)))
    memory.store(patterns)
    return memory, patterns


def network(seed: int = 0) -> Network:
    """The recall network of a small memory."""
    return small(seed)[0].network()


def reproduce(
    quick: bool = False, seed: int = 0, out: Path | None = None, report: Callable[[str], None] = print
) -> dict[str, Any]:
    """Measure everything; ``quick``: fewer random patterns."""
    began = time.perf_counter()
    report("formulas, and random patterns shown to LIF segments")
    rows = formula_rows() + sampled_rows(10_000 if quick else 200_000, seed)
    report("XOR; false recalls at equal synapses")
    rows += xor_rows()
    found, false = false_recall_rows(THETAS[:1] if quick else THETAS, seed)
    memory, patterns = small(seed)
    rows += found + runtime_rows("recall in spikes", memory, partial_cues(patterns, 0.7, seed), say=report)
    fresh = DendriticMemory(80, 12, 3, 10, 4, seed=seed)
    rows += [
        *storing_rows("storing in spikes", fresh, patterns, [memory.synapses, memory.back], ("event",)),
        refused_row("storing in spikes", fresh),
    ]
    large, stored = filled(seed)
    raw = {"false": false, "cost of a recall": recall_cost(large, partial_cues(stored[:5], 0.5, seed))}
    files = []
    if out:
        keys = {"dendrites": "false", "dendrites, formula": "false_law", "point neurons": "point_false"}
        order = sorted(range(len(false["theta"])), key=false["theta"].__getitem__)
        lines = {n: ([false["theta"][i] for i in order], [false[k][i] for i in order]) for n, k in keys.items()}
        panel = Panel("active synapses needed", "cells activated falsely", lines, log_y=True)
        files.append(draw_lines(out / "dendrites.png", [panel]))
    return result(rows, raw, files, seed, began)
