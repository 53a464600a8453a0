"""The content-addressable memory of CA3 beyond its authors' schedules: intervals, load, overlap, jitter, noise, cost.

The paper (Casanueva-Morato et al. 2024) reports none of these; numbers are ours, of the network of ``models/ca3.py``.
A read is right if the other half of the pair comes within a window of 6 steps, and nothing else of that half. Neither
load nor overlap of contents does harm, as cues are one-hot and every pair of a cue and a bit has a synapse of its own.
Timing and weights must be exact, though: spikes that come a step late, or weights that are 5 % off, cost a quarter of
the reads. The network that learns has no form in Loihi's integers (quantize and Lava's simulation take no pair STDP of
this order) and none in snnTorch, which learns nothing here; the frozen one reads the same on both.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from snmem import Network, quantize, simulate
from snmem.cost import bill
from snmem.errors import InputError
from snmem.installation.content import load_script
from snmem.protocols.levels import CHIP
from snmem.protocols.lines import Panel, draw_lines
from snmem.protocols.rows import expected, result, target

ca3 = load_script("models", "ca3")
LOADS, DENSITIES = (2, 5, 10, 20, 40), (0.1, 0.2, 0.3, 0.5, 0.7, 0.9)
JITTER, NOISE = (0.0, 0.05, 0.1, 0.2, 0.4), (0.0, 0.02, 0.05, 0.1, 0.15, 0.2)
#: Of our own full run: what is varied, the value, and the mean with 3 sd of the mean of a few schedules.
FRAGILE = (("jitter of input spikes", 0.05, 0.7, 0.3), ("noise of fixed weights", 0.05, 0.73, 0.3))
#: Shortest intervals that 20 random schedules bear; fewer schedules may bear shorter ones.
SAFE = {"write": 12, "read": 8}
#: Runtimes on which the network learns, and on which it reads when it is frozen.
LEARN, READ = ("reference", "brian2"), ("snntorch", "loihi", "lava_fixed")
#: Steps of the answer, counted from its read, and how many count.
ANSWER, WINDOW = 4, 6


def schedule(
    cues: int, bits: int, density: float, rng: np.random.Generator, write: int = 14, read: int = 14
) -> list[Any]:
    """Write random contents to all cues, read all cues and all bits, write all anew, and read again."""
    what: list[tuple[Any, tuple[int, ...]]] = []
    ones = max(round(density * bits), 1)
    for _ in range(2):
        what += [(i, tuple(sorted(rng.permutation(bits)[:ones].tolist()))) for i in range(cues)]
        what += [(i, ()) for i in range(cues)] + [(None, (b,)) for b in range(bits)]
    steps = np.cumsum([0, *(write if cue is not None and content else read for cue, content in what[:-1])])
    return [ca3.Operation(int(step), *each) for step, each in zip(steps, what, strict=True)]


def answers(operations: Sequence[Any], recording: Any) -> list[bool]:
    """Which reads are answered by the right half within the window."""
    memory, right = dict[int, set[int]](), list[bool]()
    for step, cue, content in operations:
        if cue is not None and content:
            memory[cue] = set(content)
            continue
        name, wanted = "OutCont", memory.get(cue, set()) if cue is not None else set()
        if cue is None:
            name, wanted = "OutCue", {i for i, known in memory.items() if known & set(content)}
        first = step + ca3.LATE[name] + ANSWER
        found = recording.spikes[name].between(first, first + WINDOW).neuron
        right.append(set(found.tolist()) == wanted)
    return right


def perform(
    operations: Sequence[Any], cues: int, bits: int, jitter: float = 0.0, noise: float = 0.0, seed: int = 0
) -> float:
    """Share of reads answered right; spikes of an operation come a step early or late with probability ``jitter``.

    ``noise`` is the standard deviation of a factor on every weight that does not learn.
    """
    rng, steps = np.random.default_rng((seed, 1)), operations[-1].step + 24
    inputs = {"cue": np.zeros((steps, cues)), "content": np.zeros((steps, bits))}
    for operation in operations:
        for name, units in (("cue", () if operation.cue is None else (operation.cue,)), ("content", operation.content)):
            for unit in units:
                shift = int(rng.choice((-1, 1))) if rng.random() < jitter else 0
                first = max(operation.step + shift, 0)
                inputs[name][first : first + (3 if operation.writes else 1), unit] = 1
    network = ca3.network(cues, bits)
    if noise:
        fixed = {q.name: q.weights.copy() for q in network.projections if not q.plasticity}
        for weights in fixed.values():
            weights.data *= 1 + noise * rng.standard_normal(len(weights.data))
        changed = [replace(q, weights=fixed[q.name]) if q.name in fixed else q for q in network.projections]
        network = replace(network, projections=tuple(changed))
    right = answers(operations, simulate(network, inputs, steps))
    return float(np.mean(right))


def shortest(write: bool, rounds: int, seed: int) -> int:
    """The shortest interval after writes (reads) from which on all reads of random schedules are right."""
    least = 15
    for interval in range(14, 3, -1):
        times = {"write": interval} if write else {"read": interval}
        for k in range(rounds):
            operations = schedule(5, 10, 0.4, np.random.default_rng((seed, k)), **times)
            if not all(answers(operations, ca3.record(operations))):
                return least
        least = interval
    return least


def intervals(rounds: int, seed: int) -> dict[str, int]:
    """Shortest safe intervals: after writes, after reads, and between all operations of the stress schedule."""
    found = {"write": shortest(True, rounds, seed), "read": shortest(False, rounds, seed)}
    safe = 15
    for interval in range(14, 3, -1):
        operations = ca3.stress(interval=interval)
        if not all(ca3.judge(operations, ca3.record(operations))):
            break
        safe = interval
    return found | {"stress": safe}


def cost(seed: int) -> dict[str, dict[str, float]]:
    """Synaptic events, weight updates and joules of a write and of a read, 5 cues and contents of 4 of 10 bits."""
    operations = schedule(5, 10, 0.4, np.random.default_rng(seed))[:20]
    network, found = ca3.network(), dict[str, dict[str, float]]()
    before: Any = None
    for name, last in (("write", 5), ("read", 20)):
        made = bill(network, ca3.record(operations[:last]), CHIP, limits="report")
        now = np.array([made.counters[key] for key in ("synaptic_events", "weight_updates")], float)
        now = np.array([*now, made.per_item()["dynamic_joules_per_item"]])
        events, updates, joules = (now - (0 if before is None else before)) / (5 if before is None else 15)
        found[name] = {"synaptic_events": events, "weight_updates": updates, "dynamic_joules": joules}
        before = now
    return found


def runtime_rows(learn: Sequence[str]) -> list[dict[str, Any]]:
    """Populations whose spikes differ from the engine's: learning on the functional schedule, and frozen, reading."""
    engine = ca3.record(ca3.FUNCTIONAL)
    rows = []
    for runtime in learn:
        run = ca3.record(ca3.FUNCTIONAL, backend=runtime)
        differ = sum(run.spikes[name] != spikes for name, spikes in engine.spikes.items())
        rows.append(expected(f"learning on {runtime}: populations with other spikes", differ, 0, 0))
    operations = ca3.stress()
    frozen = ca3.network().with_weights(ca3.record(operations[:5]).weights).freeze()
    reads = [operation._replace(step=operation.step - operations[5].step) for operation in operations[5:20]]
    steps = reads[-1].step + 20
    inputs = {"cue": np.zeros((steps, 5)), "content": np.zeros((steps, 10))}
    for operation in reads:
        inputs["cue"][operation.step, [] if operation.cue is None else [operation.cue]] = 1
        inputs["content"][operation.step, list(operation.content)] = 1
    engine, integer = simulate(frozen, inputs, steps), quantize(frozen).network
    for runtime in READ:
        run = simulate(frozen if runtime == "snntorch" else integer, inputs, steps, runtime)
        differ = sum(run.spikes[name] != spikes for name, spikes in engine.spikes.items())
        rows.append(expected(f"frozen, reading on {runtime}: populations with other spikes", differ, 0, 0))
    return rows


def network(seed: int = 0) -> Network:
    """The empty memory."""
    return ca3.network(seed=seed)


def run(
    seed: int = 0, cues: int = 5, bits: int = 10, density: float = 0.4, jitter: float = 0.0, noise: float = 0.0
) -> dict[str, float]:
    """Share of the reads answered right on a random schedule."""
    if not 0 < density <= 1:
        raise InputError(f"density: must lie in (0, 1], got {density!r}")
    operations = schedule(cues, bits, density, np.random.default_rng(seed))
    return {"right": perform(operations, cues, bits, jitter, noise, seed), "operations": len(operations)}


def curves(runs: int, seed: int) -> dict[str, tuple[list[float], list[float]]]:
    """Share of reads that are right, by what is varied: values and means over runs."""

    def mean(values: Sequence[float], one: Callable[..., dict[str, float]], name: str) -> tuple[Any, list[float]]:
        found = [[one(seed + k, **{name: value})["right"] for k in range(runs)] for value in values]
        return list(values), np.mean(found, axis=1).tolist()

    return {
        "cues": mean(LOADS, partial(run, bits=20, density=0.3), "cues"),
        "share of bits in a content": mean(DENSITIES, run, "density"),
        "jitter of input spikes": mean(JITTER, run, "jitter"),
        "noise of fixed weights": mean(NOISE, run, "noise"),
    }


def reproduce(
    quick: bool = False, seed: int = 0, out: Path | None = None, report: Callable[[str], None] = print
) -> dict[str, Any]:
    """Measure everything; ``quick``: fewer random schedules, no learning on Brian2."""
    began, runs = time.perf_counter(), 3 if quick else 20
    report("shortest safe intervals")
    safe = intervals(runs, seed)
    rows = [expected("stress schedule: shortest safe interval", safe["stress"], 9, 0, "steps")]
    report("load, overlap, jitter and noise")
    found = curves(runs, seed)
    for name in ("cues", "share of bits in a content"):
        rows.append(target(f"by {name}: least share of reads that are right", min(found[name][1]), 1.0, "share"))
    for name, value, wanted, spread in FRAGILE:
        values, means = found[name]
        rows.append(
            expected(f"{name}, {value:g}: reads that are right", means[values.index(value)], wanted, spread, "share")
        )
    for name, limit in SAFE.items():
        rows.append(
            target(f"random schedules: shortest safe interval after a {name}", safe[name], limit, "steps", False)
        )
    report("runtimes")
    rows += runtime_rows(LEARN[:1] if quick else LEARN)
    raw: dict[str, Any] = {"safe intervals": safe, "curves": found, "cost": cost(seed), "chip": CHIP}
    files = []
    if out:
        panels = [Panel(name, "reads that are right", {"CA3": line}) for name, line in found.items()]
        files.append(draw_lines(out / "ca3-limits.png", panels))
    return result(rows, raw, files, seed, began)
