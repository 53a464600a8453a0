"""Fast weights as classical conditioning: Hebb, decay and the delta rule by load, on vectors and as counters in spikes.

Random keys of d dimensions, values of 64, the nearest value is the answer: Hebbian fast weights find nearly all of
T = d pairs although their responses err by T / d. The delta rule sees similar keys apart and blocks what is predicted
already (Rescorla & Wagner 1972), but needs several presentations. What a damaged cue does not find need not be lost:
the right cue still finds it (Gershman, Fiete & Irie 2025, "Key-value memory in the brain", Neuron). The figures by load
were computed independently of this implementation. Rows that begin with "fails" say what does not work.
"""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from snmem.attention.conditioning import ConditionedWeights
from snmem.cost import bill
from snmem.io.files import replace_file
from snmem.memory.systems.pavlovian import PavlovianMemory
from snmem.protocols.associative_recall import dense_codes
from snmem.protocols.rows import expected, near, result, target
from snmem.quantization.grid import quantize
from snmem.simulation import get_backend, simulate
from snmem.tasks.patterns import partial_cues, random_patterns

VALUES, CHIP = 64, "loihi1-davies2018"
LOADS = (0.25, 0.5, 1.0, 2.0, 4.0)
RULES = ("hebb", "decay", "delta")
RUNTIMES = ("event", "loihi", "lava_fixed")


def rate_of(rule: str, keys: int) -> float:
    """Decay keeps 1 - 1 / d of the weights with every pair; the delta rule learns with rate 1."""
    return 1 - 1 / keys if rule == "decay" else 1.0


def found(read: np.ndarray, values: np.ndarray) -> float:
    """Share of responses whose nearest value is the right one."""
    return float(((read @ values.T).argmax(1) == np.arange(len(values))).mean())


def by_load(rule: str, keys: int, load: float, seeds: int, seed: int) -> tuple[float, float]:
    """Share recalled, and mean square error of the response, of load x keys pairs."""
    out = []
    for s in range(seeds):
        rng = np.random.default_rng([seed, s, keys])
        cues, values = (dense_codes(round(load * keys), n, rng) for n in (keys, VALUES))
        weights = ConditionedWeights(keys, VALUES, rule, rate_of(rule, keys))
        weights.write(cues, values)
        read = weights.read(cues)
        out.append((found(read, values), float(((read - values) ** 2).sum(1).mean())))
    recalled, error = np.mean(out, axis=0)
    return float(recalled), float(error)


def load_rows(seeds: int, seed: int) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Recall and error by load."""
    curves: dict[str, dict[str, Any]] = {}
    for rule in RULES:
        for keys in (16, 64, 256):
            pairs = [by_load(rule, keys, load, seeds, seed) for load in LOADS]
            curves[f"{rule}, d = {keys}"] = {"recalled": [p[0] for p in pairs], "error": [p[1] for p in pairs]}
    one, four = LOADS.index(1.0), LOADS.index(4.0)
    hebb, decay, delta = (curves[f"{rule}, d = 256"] for rule in RULES)
    slope = float(np.polyfit(np.log(LOADS), np.log(hebb["error"]), 1)[0])
    rows = [
        expected("Hebb, d = 256, T = d: recalled", hebb["recalled"][one], 1.0, 0.005, "share"),
        expected("Hebb, d = 64, T = d: recalled", curves["hebb, d = 64"]["recalled"][one], 0.998, 0.01, "share"),
        expected("Hebb, d = 16, T = d: recalled", curves["hebb, d = 16"]["recalled"][one], 0.99, 0.03, "share"),
        expected("Hebb, d = 256, T = 4 d: recalled", hebb["recalled"][four], 0.7, 0.05, "share"),
        near("Hebb, d = 256, T = d: mean square error, law T / d", hebb["error"][one], 1.0, 0.03, "of a value"),
        near("Hebb: mean square error against T", slope, 1.0, 0.03, "log-log slope"),
        target("fails: decay, d = 256, T = 4 d: recalled", decay["recalled"][four], 0.5, "share", False),
        target("fails: delta rule, one pass, T = 4 d: recalled", delta["recalled"][four], 0.5, "share", False),
        target(
            "delta rule, one pass, T = d: error against Hebb's",
            delta["error"][one] / hebb["error"][one],
            0.7,
            "",
            False,
        ),
    ]
    return rows, {"loads": LOADS, "by load": curves}


def similar_rows(seeds: int, seed: int, keys: int = 64, pairs: int = 32, cosine: float = 0.5) -> list[dict[str, Any]]:
    """Keys that share a direction: Hebb's rule, and the delta rule with one pass and ten."""
    shares = dict[str, list[float]]()
    for s in range(seeds):
        rng = np.random.default_rng([seed, s])
        cues = np.sqrt(cosine) * dense_codes(1, keys, rng) + np.sqrt(1 - cosine) * dense_codes(pairs, keys, rng)
        cues, values = cues / np.linalg.norm(cues, axis=1, keepdims=True), dense_codes(pairs, VALUES, rng)
        for name, rule, passes in (("Hebb", "hebb", 1), ("delta, 1 pass", "delta", 1), ("delta", "delta", 10)):
            weights = ConditionedWeights(keys, VALUES, rule)
            for _ in range(passes):
                weights.write(cues, values)
            shares.setdefault(name, []).append(found(weights.read(cues), values))
    mean = {name: float(np.mean(each)) for name, each in shares.items()}
    what = f"keys of cosine {cosine}, T = d / 2"
    return [
        target(f"{what}: delta rule, ten passes: recalled", mean["delta"], 0.99, "share"),
        target(f"fails: {what}: delta rule, one pass", mean["delta, 1 pass"], 0.6, "share", False),
        target(f"fails: {what}: Hebb", mean["Hebb"], 0.6, "share", False),
    ]


def conditioning_rows(seed: int) -> list[dict[str, Any]]:
    """Blocking; and pairs that a damaged cue does not find and the right one does."""
    rng = np.random.default_rng(seed)
    first, second = np.eye(8)[:2]
    value, responses = np.eye(VALUES)[:1], {}
    for rule in ("hebb", "delta"):
        weights = ConditionedWeights(8, VALUES, rule)
        weights.write(first[None], value)
        weights.write((first + second)[None], value)  # the second stimulus tells nothing new
        responses[rule] = float(weights.read(second[None])[0] @ value[0])
    keys, values = dense_codes(256, 256, rng), dense_codes(256, VALUES, rng)
    weights = ConditionedWeights(256, VALUES)
    weights.write(keys, values)
    damaged = found(weights.read(keys + 3 * dense_codes(256, 256, rng)), values)
    return [
        near("blocking: response to the second stimulus, delta rule", responses["delta"], 0.0, 1e-9, "of the first"),
        near("blocking: response to the second stimulus, Hebb", responses["hebb"], 1.0, 1e-9, "of the first"),
        target("fails: cues in noise of three times their length: recalled", damaged, 0.5, "share", False),
        target("the same pairs by their right cues", found(weights.read(keys), values), 0.99, "share"),
    ]


def counter_rows(seed: int, pairs: int = 100, visible: int = 200, active: int = 20) -> tuple[list[Any], dict[str, Any]]:
    """Counters: pairs of binary patterns by rule and passes; the same learned by the network itself."""
    keys, values = (random_patterns(pairs, visible, active, np.random.default_rng([seed, n])) for n in range(2))
    rows, raw = [], {}
    for rule, passes in (("hebb", 1), ("delta", 1), ("delta", 20)):
        memory = PavlovianMemory(visible, active, rule)
        for _ in range(passes):
            memory.store(keys, values)
        raw[f"{rule}, {passes} passes"] = float((memory.recall(keys) == values).all(1).mean())
    for rule in ("hebb", "delta"):
        memory, spiking = (PavlovianMemory(visible, active, rule) for _ in range(2))
        run = simulate(spiking.learning_network(), *spiking.storing_inputs(keys, values))
        memory.store(keys, values)
        differ = sum((a != b).sum() for a, b in zip(spiking.learned(run), (memory.plus, memory.minus), strict=True))
        rows.append(target(f"{rule}: counters learned in spikes that differ", differ, 0, "counters", False))
    return [
        target(
            f"{pairs} pairs in {visible} units: delta rule, 20 passes, exact", raw["delta, 20 passes"], 0.99, "share"
        ),
        target(f"fails: {pairs} pairs in {visible} units: Hebb, exact", raw["hebb, 1 passes"], 0.5, "share", False),
        *rows,
    ], {"exact": raw}


def runtimes(seed: int, report: Callable[[str], None]) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Recall in spikes on the event engine, the emulator and Lava; events and joules of a recall."""
    memory, patterns = PavlovianMemory(60, 6), random_patterns(30, 60, 6, seed)
    memory.store(patterns)
    cues, rows, runs = partial_cues(patterns[:8], 0.7, seed), [], {}
    inputs, steps = memory.recall_inputs(cues)
    for backend in RUNTIMES:
        report(f"recall on {backend}")
        network = memory.network()
        network = network if "float" in get_backend(backend).arithmetics else quantize(network).network
        runs[backend] = run = simulate(network, inputs, steps, backend)
        same = float((memory.read(run) == memory.recall(cues)).mean())
        rows.append(target(f"recall in spikes, {backend}: bits as the algorithm", same, 1.0, "share"))
    for backend in ("event", "lava_fixed"):
        cells = sum(s.differing(runs["loihi"].spikes[name])[0] for name, s in runs[backend].spikes.items())
        rows.append(target(f"{backend} and loihi: spikes that differ", cells, 0, "entries", False))
    made = bill(memory.network(), memory.present(cues, counters=True), CHIP, items=len(cues), limits="report")
    per = made.per_item()
    events = made.counters["synaptic_events"] / len(cues)
    return rows, {"a recall": {"events": events, "dynamic_joules": per["dynamic_joules_per_item"], "chip": CHIP}}


def draw(raw: dict[str, Any], out: Path) -> list[str]:
    """Recall and error by load."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 4), layout="constrained")
    for ax, what in zip(figure.subplots(1, 2), ("recalled", "error"), strict=True):
        for name, curve in raw["by load"].items():
            colour = f"C{RULES.index(name.split(',')[0])}"
            style = {"16": ":", "64": "--", "256": "-"}[name.split()[-1]]
            ax.semilogx(raw["loads"], curve[what], style, color=colour, marker="o", ms=3, label=name)
        ax.set(xlabel="pairs for each dimension of the keys, T / d", ylabel=what)
        ax.set_xticks(raw["loads"], [f"{load:g}" for load in raw["loads"]])
        ax.minorticks_off()
        ax.legend(fontsize=6)
    with replace_file(out / "pavlovian.png") as file:
        figure.savefig(file, dpi=120, format="png")
    return [str(out / "pavlovian.png")]


def run(seed: int = 0, rule: str = "hebb", keys: int = 64, load: float = 1.0, seeds: int = 3) -> dict[str, float]:
    """One rule at one load, on vectors."""
    recalled, error = by_load(rule, keys, load, seeds, seed)
    return {"recalled": recalled, "error": error}


def reproduce(
    quick: bool = False, seed: int = 0, out: Path | None = None, report: Callable[[str], None] = print
) -> dict[str, Any]:
    """All of it; ``quick``: fewer seeds."""
    began, seeds = time.perf_counter(), 3 if quick else 20
    report("recall by load")
    rows, raw = load_rows(seeds, seed)
    rows += similar_rows(seeds, seed) + conditioning_rows(seed)
    report("counters of spikes")
    for more, figures in (counter_rows(seed), runtimes(seed, report)):
        rows += more
        raw |= figures
    return result(rows, raw, draw(raw, out) if out else [], seed, began)
