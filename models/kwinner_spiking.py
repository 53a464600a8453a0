"""The K-winner memory in spikes: the whole protocol on LIF networks that learn by themselves, beside the algorithm.

The experiment is that of figure 4 of Bhandarkar & McClelland 2025, "Neural Computation Without Slots", arXiv 2511.04593
(3000 patterns of burn-in, 1000 scored, 1000 never stored; whole and half cues). The algorithm level sees the same
synapses, initial weights and patterns. Both levels are compared by bands of age, for two strategies of the k-WTA
circuit; what a store and a recall cost in steps, events and joules stands in ``raw``.
"""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from snmem import Network
from snmem.circuits import Race, SuccessiveApproximation
from snmem.cost import bill
from snmem.memory import KWinnerConfig, KWinnerMemory, SpikingKWinnerMemory
from snmem.metrics import accuracy
from snmem.protocols import published as paper
from snmem.protocols.curves import band_mean, draw_curves
from snmem.protocols.retention import Protocol, unstructured
from snmem.protocols.rows import expected, result
from snmem.tasks.patterns import partial_cues, random_patterns

STRATEGIES = (SuccessiveApproximation(9), Race(120, slowest=0.14))
SHARES = (1.0, 0.5)
#: How far the spiking curve may lie from the algorithm's in any band.
TOLERANCE = 0.02
CHIP = "loihi1-nahuku"
#: Stores and recalls that are billed.
BILLED = 50
Curves = dict[tuple[str, float], list[np.ndarray]]


def network(seed: int = 0, patterns: int = 100) -> Network:
    """The recall network of the main configuration, after storing random patterns once each."""
    config = KWinnerConfig.main()
    memory = SpikingKWinnerMemory(config, seed)
    memory.store(random_patterns(patterns, config.visible, config.active, seed))
    return memory.recall_network


def run_once(protocol: Protocol, seed: int, report: Callable[[str], None]) -> tuple[Curves, dict[str, Any]]:
    """One run of all levels on the same patterns: accuracies by age, newest first, with the never-stored ones last."""
    config, rng = KWinnerConfig.main(), np.random.default_rng(seed)
    stream = unstructured(config, protocol, rng)
    newest, never = stream.learned[: -protocol.scored - 1 : -1], stream.never["same"]
    cues = {share: [partial_cues(x, share, rng) for x in (newest, never)] for share in SHARES}
    curves: Curves = {}
    costs = {}
    levels: dict[str, Any] = {"algorithm": KWinnerMemory(config, seed)}
    levels |= {s.name: SpikingKWinnerMemory(config, seed, kwta=s) for s in STRATEGIES}
    for name, memory in levels.items():
        report(f"seed {seed}: {name} stores {len(stream.learned)} patterns and recalls {4 * protocol.scored}")
        memory.store(stream.learned)
        for share, (known, unknown) in cues.items():
            scores = [accuracy(memory.recall(c), x) for c, x in ((known, newest), (unknown, never))]
            curves[name, share] = [np.concatenate(scores)]
        if name != "algorithm":
            costs[name] = cost(memory, stream.never["same"][:BILLED], cues[0.5][0][:BILLED])
    return curves, costs


def cost(memory: SpikingKWinnerMemory, patterns: Any, cues: Any) -> dict[str, Any]:
    """Steps, spikes, synaptic events and joules of one store and one recall, on average over some."""
    recording = memory.store(patterns, counters=True)
    recalled = memory.present(cues, counters=True)
    out = {}
    for verb, network, run in (
        ("store", memory.learning_network, recording),
        ("recall", memory.recall_network, recalled),
    ):
        made = bill(network, run, CHIP, items=BILLED, limits="report")
        per = made.per_item()
        out[verb] = {
            "steps": run.steps / BILLED,
            "spikes": made.counters["spikes"] / BILLED,
            "synaptic_events": made.counters["synaptic_events"] / BILLED,
            "weight_updates": made.counters["weight_updates"] / BILLED,
            "dynamic_joules": per["dynamic_joules_per_item"],
            "joules": per["joules_per_item"],
            "unpriced": list(made.unpriced),
        }
    return out


def compare(curves: Curves, scored: int) -> list[dict[str, Any]]:
    """Rows: band means of accuracy of each strategy beside the algorithm's."""
    rows = []
    mean = {key: np.mean(runs, axis=0) for key, runs in curves.items()}
    for strategy in STRATEGIES:
        for share in SHARES:
            ours, theirs = mean[strategy.name, share], mean["algorithm", share]
            name = f"{strategy.name}, {share:.0%} cues: accuracy"
            for band in (b for b in paper.BANDS if b[1] <= scored):
                values = (band_mean(x[:scored], band) for x in (ours, theirs))
                rows.append(expected(f"{name} at ages {band[0]}-{band[1]}", *values, TOLERANCE))
            values = (float(x[scored:].mean()) for x in (ours, theirs))
            rows.append(expected(f"{name}, never stored", *values, TOLERANCE))
    return rows


def reproduce(
    quick: bool = False, seed: int = 0, out: Path | None = None, report: Callable[[str], None] = print
) -> dict[str, Any]:
    """Run all levels and compare the spiking curves with the algorithm's."""
    began = time.perf_counter()
    protocol = Protocol(burn_in=600, scored=200, runs=2) if quick else Protocol(runs=10)
    curves: Curves = {}
    costs: dict[str, Any] = {}
    for run in range(protocol.runs):
        found, costs = run_once(protocol, seed + run, report)
        for key, scores in found.items():
            curves.setdefault(key, []).extend(scores)
    for name, verbs in costs.items():
        for verb, c in verbs.items():
            energy = f"{1e6 * c['dynamic_joules']:.1f} uJ dynamic, {1e6 * c['joules']:.1f} uJ in all on {CHIP}"
            report(f"{name}: a {verb} takes {c['steps']:.0f} steps, {c['synaptic_events']:.0f} events, {energy}")
    files = []
    if out:
        panels: dict[str, Any] = {}
        for (name, share), runs in curves.items():
            panels.setdefault(f"{share:.0%} cues", {})[name] = np.array(runs)[:, : protocol.scored]
        files.append(draw_curves(panels, out / "spiking-accuracy.png", "accuracy", limits=(0.0, 1.02)))
    return result(compare(curves, protocol.scored), {"cost": costs, "chip": CHIP}, files, seed, began)
