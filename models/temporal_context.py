"""Temporal context: in which order a list comes back to mind, on vectors, in a K-winner memory, and in spikes.

The lag-CRP is the probability that the next recalled item was studied so many places after (before) the last one,
among those that could still come. Human recall moves forward more often than backward, mostly by one place, and begins
with the last items (Howard & Kahana 2002). The figures of the model on vectors were computed independently of this
implementation; nothing of the spiking form is published.
"""

import time
from collections.abc import Callable, Sequence
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from snmem.cost import bill
from snmem.io.files import replace_file
from snmem.memory.systems.temporal_context import TemporalContextMemory, TemporalContextModel
from snmem.protocols.rows import expected, result, target
from snmem.quantization.grid import quantize
from snmem.simulation import get_backend, simulate

LAGS, CHIP = 6, "loihi1-davies2018"
#: (study, recall, retrieved) -> probabilities of the lags -2 to 2.
CURVES = {
    (0.7, 0.7, 0.0): (0.033, 0.063, 0.117, 0.502, 0.168),
    (0.7, 0.7, 0.5): (0.053, 0.121, 0.282, 0.325, 0.112),
    (0.5, 0.5, 0.0): (0.058, 0.076, 0.099, 0.267, 0.157),
}
#: Lists, recalls of each, and the item that each recall begins with.
LISTS, RECALLS, FIRST = 300, 50, 10
RUNTIMES = ("event", "loihi", "lava_fixed")


def lag_curve(study: float, recall: float, retrieved: float, seed: int) -> np.ndarray:
    """Lags of the model, with replacement, relative to those from -LAGS to LAGS; (2 LAGS + 1,)."""
    model, rng = TemporalContextModel(100, study, recall, retrieved), np.random.default_rng(seed)
    lags = np.concatenate([np.diff(model.sequence(FIRST, RECALLS, rng)) for _ in range(LISTS)])
    counts = np.bincount(lags[np.abs(lags) <= LAGS] + LAGS, minlength=2 * LAGS + 1)
    return counts / counts.sum()


def lag_crp(sequences: Sequence[Sequence[int]], items: int) -> np.ndarray:
    """Transitions of each lag from -LAGS to LAGS among those that were possible; without replacement, 0 at lag 0."""
    far = items + LAGS
    made, possible = np.zeros((2, 2 * far + 1))
    for sequence in sequences:
        left = set(sequence)
        for now, after in pairwise(sequence):
            left.discard(now)
            made[after - now + far] += 1
            possible[[other - now + far for other in left]] += 1
    return (made / np.maximum(possible, 1))[items : items + 2 * LAGS + 1]


def vote_curve(memory: TemporalContextMemory) -> np.ndarray:
    """Mean share of votes by lag when the context is that of the study of an item and the item itself."""
    shares, n = np.zeros(2 * LAGS + 1), memory.items - 2 * LAGS
    for item in range(LAGS, memory.items - LAGS):
        votes = memory.votes(memory.context([item, *memory.history(item)]))
        shares += votes[item - LAGS : item + LAGS + 1] / max(votes.sum(), 1) / n
    return shares


def in_spikes(memory: TemporalContextMemory, noise: np.ndarray, backend: str = "event", **options: Any) -> Any:
    """The network's recall on a backend: items, network, Recording."""
    network = memory.network()
    if "float" not in get_backend(backend).arithmetics:
        network = quantize(network).network
    recording = simulate(network, *memory.recall_inputs(noise), backend=backend, **options)
    return memory.read(recording), network, recording


def model_rows(seed: int) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Lags -2 to 2 of the model beside the figures computed elsewhere."""
    rows, raw = [], {}
    for (study, recall, retrieved), wanted in CURVES.items():
        curve = lag_curve(study, recall, retrieved, seed)
        name = f"drifts {study} and {recall}, retrieved {retrieved}"
        raw[name] = curve
        for lag, value in zip(range(-2, 3), wanted, strict=True):
            rows.append(expected(f"{name}: lag {lag:+d}", curve[lag + LAGS], value, 0.02, "probability"))
    return rows, {"model": raw}


def memory_rows(lists: int, spiking: int, seed: int) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Free recall of the K-winner memory: a new list, memory and noise each time; some of them in spikes."""
    memories = [TemporalContextMemory(seed=s) for s in range(1000 * seed, 1000 * seed + lists)]
    noise = [memory.noise(1, memory.seed)[0] for memory in memories]
    found = [memory.recall(each) for memory, each in zip(memories, noise, strict=True)]
    same = [in_spikes(*each)[0] for each in zip(memories[:spiking], noise, strict=False)] == found[:spiking]
    items = memories[0].items
    crp, votes = lag_crp(found, items), np.mean([vote_curve(memory) for memory in memories], 0)
    first = np.bincount([sequence[0] for sequence in found], minlength=items) / lists
    fall = partial(np.diff, axis=0)
    rows = [
        target("lag-CRP: +1 against -1", crp[LAGS + 1] / crp[LAGS - 1], 1.5, "ratio"),
        target("lag-CRP: least fall from one lag to the next, +1 to +5", -fall(crp[LAGS + 1 : LAGS + 6]).max(), 0, ""),
        target("first recalled: least rise over the last four items", fall(first[-4:]).min(), 0, "share"),
        target("first recalled: the last four items", first[-4:].sum(), 0.5, "share"),
        target("votes of the memory: +1 against -1", votes[LAGS + 1] / votes[LAGS - 1], 1.5, "ratio"),
        target("votes of the memory: least fall, +1 to +5", -fall(votes[LAGS + 1 : LAGS + 6]).max(), 0, "share"),
        target(f"{spiking} lists in spikes: recalled in the algorithm's order", float(same), 1, ""),
    ]
    return rows, {"lag-CRP": crp, "votes": votes, "first recalled": first, "an order": found[0]}


def runtimes(recalls: int, seed: int, report: Callable[[str], None]) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """The same order, and the same spikes, on the event engine, the emulator and Lava; what a recall costs."""
    memory, rows, runs = TemporalContextMemory(seed=seed), [], {}
    noise = memory.noise(1, seed)[0][:recalls]
    for backend in RUNTIMES:
        report(f"{recalls} recalls on {backend}")
        found, _, runs[backend] = in_spikes(memory, noise, backend)
        rows.append(
            target(f"{backend}: recalled in the algorithm's order", float(found == memory.recall(noise)), 1, "")
        )
    for backend in ("event", "lava_fixed"):
        cells = sum(s.differing(runs["loihi"].spikes[name])[0] for name, s in runs[backend].spikes.items())
        rows.append(target(f"{backend} and loihi: spikes that differ", cells, 0, "entries", False))
    _, network, recording = in_spikes(memory, noise, counters=True)
    made = bill(network, recording, CHIP, items=recalls, limits="report")
    events = made.counters["synaptic_events"] / recalls
    return rows, {"a recall": {"steps": memory.period, "events": events, "chip": CHIP, **made.per_item()}}


def draw(raw: dict[str, Any], out: Path) -> list[str]:
    """Lag curves of the model and of the memory, and which items come first."""
    from matplotlib.figure import Figure

    figure, lags = Figure(figsize=(12, 3.8), layout="constrained"), np.arange(-LAGS, LAGS + 1)
    model, memory, first = figure.subplots(1, 3)
    for name, curve in raw["model"].items():
        model.plot(lags, curve, marker="o", ms=3, label=name)
    away = lags != 0
    memory.plot(lags[away], raw["lag-CRP"][away], "o-", ms=3, label="recalled")
    memory.plot(lags, raw["votes"], "o:", ms=3, label="votes of the hidden winners")
    first.bar(np.arange(1, len(raw["first recalled"]) + 1), raw["first recalled"])
    model.set(xlabel="lag", ylabel="probability", title="on vectors")
    memory.set(xlabel="lag", ylabel="conditional probability, share of votes", title="K-winner memory")
    first.set(xlabel="place in the list", ylabel="recalled first")
    for ax in (model, memory):
        ax.legend(fontsize=7)
    with replace_file(out / "temporal_context.png") as file:
        figure.savefig(file, dpi=120, format="png")
    return [str(out / "temporal_context.png")]


def run(seed: int = 0, items: int = 16, drift: float = 0.3, lists: int = 20) -> dict[str, float]:
    """Free recall by the K-winner memory: lag-CRP at -1, +1 and +2, and how often the last item comes first."""
    memories = [TemporalContextMemory(items, drift=drift, seed=s) for s in range(seed, seed + lists)]
    found = [memory.recall(memory.noise(1, memory.seed)[0]) for memory in memories]
    crp = lag_crp(found, items)
    last = float(np.mean([sequence[0] == items - 1 for sequence in found]))
    return {"back": crp[LAGS - 1], "forward": crp[LAGS + 1], "forward by 2": crp[LAGS + 2], "last first": last}


def reproduce(
    quick: bool = False, seed: int = 0, out: Path | None = None, report: Callable[[str], None] = print
) -> dict[str, Any]:
    """Lag curves on vectors, in the memory and in spikes; ``quick``: fewer lists."""
    began = time.perf_counter()
    report(f"model on vectors: {LISTS} lists for each setting")
    rows, raw = model_rows(seed)
    report("free recall of a K-winner memory")
    more, found = memory_rows(150 if quick else 400, 3 if quick else 200, seed)
    again, cost = runtimes(3 if quick else 16, seed, report)
    raw |= found | cost
    files = draw(raw, out) if out else []
    raw = {name: value.tolist() if isinstance(value, np.ndarray) else value for name, value in raw.items()}
    raw["model"] = {name: curve.tolist() for name, curve in raw["model"].items()}
    return result([*rows, *more, *again], raw, files, seed, began)
