"""MQAR without training: spiking k-WTA attention beside softmax, linear attention and the K-winner memory.

The task of Arora et al. 2024, "Zoology" (ICLR): recall the values of K pairs in a sequence of L tokens, of a vocabulary
of 8192. Tokens get random codes, nothing is trained; every model stores the same number of bits: those of softmax
attention's cache of 64 pairs in half precision (d = 64). Fixed random codes are easier than learned ones.

The spiking network itself runs on the event engine (fast weights as plastic synapses): its answers must be those of the
algorithm, its spikes give the events per token and the joules. A multiply-add of the dense models and a synaptic event
stand side by side; ``raw`` has both for every length.
"""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from snmem.attention import AttentionConfig, AttentionNetwork, FastWeightAttention
from snmem.cost import bill
from snmem.cost.dense import dense_constants
from snmem.errors import InputError
from snmem.io.files import replace_file
from snmem.protocols.associative_recall import HALF, Model, accuracy, models, sparse_codes, spiking_config
from snmem.protocols.rows import result, target
from snmem.tasks.mqar import Recall, RecallTask
from snmem.tasks.patterns import partial_cues

VOCABULARY, PAIRS, DIMENSION = 8192, 64, 64
BITS = PAIRS * 2 * DIMENSION * HALF
LOADS = (4, 8, 16, 32, 64, 128, 256)
#: Pairs beyond the capacity, to find the load at which the spiking attention breaks.
BEYOND = (250, 255, 256, 257, 258, 260, 272, 288, 320, 384, 512)
LENGTHS = (64, 128, 256, 512, 1024)
#: Shares of the spikes of a query that arrive (64 pairs).
KEPT = (1.0, 0.5, 0.25, 0.1875, 0.125)
CHIP = "loihi1-davies2018"
#: (pairs, length) of the runs in spikes.
RUNS = ((16, 64), (16, 128), (16, 256), (16, 512), (16, 1024), (64, 256), (64, 512), (64, 1024), (255, 1024))


def sampled(pairs: int, length: int, queries: int, seed: int) -> Recall:
    """Sequences with about ``queries`` queries in all."""
    return RecallTask(pairs, length, VOCABULARY).sample(max(2, queries // pairs), seed)


def sweep(found: list[Model], settings: list[tuple[int, int]], queries: int, seed: int) -> dict[str, list[float]]:
    """Accuracy of every model at every (pairs, length)."""
    out: dict[str, list[float]] = {m.name: [] for m in found}
    for pairs, length in settings:
        recall = sampled(pairs, length, queries, seed)
        for model in found:
            out[model.name].append(accuracy(model, recall, VOCABULARY // 2))
    return out


def in_spikes(pairs: int, length: int, sequences: int, seed: int) -> dict[str, Any]:
    """Run the spiking network on sequences: answers, share of zero weights, events and joules of a token."""
    config, rng = spiking_config(BITS), np.random.default_rng(seed)
    keys, values = (sparse_codes(VOCABULARY // 2, config.keys, config.active, rng) for _ in range(2))
    recall = RecallTask(pairs, length, VOCABULARY).sample(sequences, seed)
    order = np.argsort(recall.places, axis=1)  # queries in the order in which the sequence asks them
    asked = np.take_along_axis(recall.keys, order, axis=1)
    contexts = [(keys[k], values[v - VOCABULARY // 2]) for k, v in zip(recall.keys, recall.values, strict=True)]
    attention = AttentionNetwork(config, "plastic")
    run = attention.present(contexts, [keys[k] for k in asked], counters=True)
    answers = attention.read(run.spikes["output"], [pairs] * sequences, [pairs] * sequences)
    expected, memory = [], FastWeightAttention(config)
    for context, k in zip(contexts, asked, strict=True):
        memory.clear()
        memory.write(*context)
        expected.append(memory.read(keys[k]))
    best = (answers.astype(np.float32) @ values.T.astype(np.float32)).argmax(1) + VOCABULARY // 2
    right = np.take_along_axis(recall.values, order, axis=1).ravel()
    period = attention.period
    winners = run.spikes["hidden.winners"]
    number = (winners.step // period - 1) % (2 * pairs)
    mean = float((number >= pairs).sum() / (sequences * pairs))
    tokens = sequences * length
    made = bill(attention.network, run, CHIP, items=tokens, limits="report")
    per = made.per_item()
    return {
        "pairs": pairs,
        "length": length,
        "accuracy": float((best == right).mean()),
        "as_the_algorithm": bool(np.array_equal(answers, np.vstack(expected))),
        "zero_of_hidden_units": 1 - mean / config.hidden,
        "zero_of_tokens": 1 - mean / length,
        "zero_of_pairs": 1 - mean / pairs,
        "steps_per_token": run.steps / tokens,
        "spikes_per_token": made.counters["spikes"] / tokens,
        "events_per_token": made.counters["synaptic_events"] / tokens,
        "weight_updates_per_token": made.counters["weight_updates"] / tokens,
        "dynamic_joules_per_token": per["dynamic_joules_per_item"],
        "joules_per_token": per["joules_per_item"],
        "unpriced": list(made.unpriced),
    }


def dense_cost(macs: float, state_bytes: float) -> dict[str, float]:
    """Multiply-adds and 45 nm joules of a token: arithmetic in half precision, the state read once from 1 MB SRAM."""
    constants, _ = dense_constants()
    mac, byte = (constants["cmos45"][name].value or 0.0 for name in ("mac_fp16", "sram_1m"))
    return {"macs_per_token": macs, "joules_per_token": macs * mac + state_bytes * byte}


def costs(found: list[Model], runs: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Events of the spiking network beside the multiply-adds of softmax and linear attention, by length."""
    out = []
    for run in runs:
        length = run["length"]
        dense = {}
        for model in found:
            if model.macs:
                grows = model.name == "softmax attention"  # its cache of d = 64 grows with the sequence
                read = length / 2 * 2 * DIMENSION * HALF / 8 if grows else model.bits / 8
                dense[model.name] = dense_cost(model.macs(length), read)
        out.append({"spiking": run, "dense": dense})
    return out


def load_limit(model: Model, queries: int, seed: int) -> dict[str, Any]:
    """The largest load with an accuracy of at least 99 %, and the accuracies around it."""
    scores = {k: accuracy(model, sampled(k, 4 * k, queries, seed), VOCABULARY // 2) for k in BEYOND}
    good = [k for k, score in scores.items() if score >= 0.99]
    return {"holds_to": max(good, default=0), "breaks_at": min(set(scores) - set(good)), "accuracy": scores}


def draw(by_load: dict[str, list[float]], costs: list[dict[str, Any]], out: Path) -> list[str]:
    """Accuracy by load; events and multiply-adds per token by length (16 pairs)."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11, 4), layout="constrained")
    left, right = figure.subplots(1, 2)
    for name, scores in by_load.items():
        left.plot(LOADS[: len(scores)], scores, marker="o", ms=3, label=name)
    left.set(xscale="log", xlabel="pairs (sequences of 4 tokens per pair)", ylabel="accuracy")
    left.legend(fontsize=7)
    rows = [c for c in costs if c["spiking"]["pairs"] == 16]
    lengths = [c["spiking"]["length"] for c in rows]
    right.plot(lengths, [c["spiking"]["events_per_token"] for c in rows], marker="o", label="spiking: events")
    for name in rows[0]["dense"]:
        if "equal bits" not in name:
            macs = [c["dense"][name]["macs_per_token"] for c in rows]
            right.plot(lengths, macs, marker="o", ms=3, label=f"{name}: multiply-adds")
    right.set(xscale="log", yscale="log", xlabel="tokens in the sequence (16 pairs)", ylabel="per token")
    right.legend(fontsize=7)
    with replace_file(out / "mqar.png") as file:
        figure.savefig(file, dpi=120, format="png")
    return [str(out / "mqar.png")]


def run(
    seed: int = 0,
    pairs: int = 64,
    hidden: int = 255,
    keys: int = 256,
    active: int = 16,
    k: int = 1,
    kept: float = 1.0,
    sequences: int = 8,
) -> dict[str, float]:
    """Spiking k-WTA attention at one size: ``kept`` is the share of the spikes of a query that arrive.

    Returns the accuracy, the share of attention weights that are zero, and the stored bits.
    """
    if not 0 < kept <= 1:
        raise InputError(f"mqar: kept must lie in (0, 1], got {kept}")
    config, rng = AttentionConfig(keys, keys, hidden, k, active), np.random.default_rng(seed)
    half = VOCABULARY // 2
    codes, contents = (sparse_codes(half, keys, active, rng) for _ in range(2))
    recall = RecallTask(pairs, 4 * pairs, VOCABULARY).sample(sequences, rng)
    memory, right, zero = FastWeightAttention(config), [], []
    for asked, values in zip(recall.keys, recall.values - half, strict=True):
        memory.clear()
        memory.write(codes[asked], contents[values])
        queries = partial_cues(codes[asked], kept, rng)
        best = (memory.read(queries).astype(np.float32) @ contents.T.astype(np.float32)).argmax(1)
        right.append(best == values)
        zero.append(1 - memory.winners(queries).mean())
    return {"accuracy": float(np.mean(right)), "zero": float(np.mean(zero)), "bits": float(config.state_bits)}


def reproduce(
    quick: bool = False, seed: int = 0, out: Path | None = None, report: Callable[[str], None] = print
) -> dict[str, Any]:
    """Run all models and the spiking network; ``quick``: fewer queries, two runs in spikes."""
    began = time.perf_counter()
    queries = 256 if quick else 4096
    found = models(BITS, VOCABULARY // 2, PAIRS, seed)
    report(f"accuracy at {len(LOADS)} loads, about {queries} queries each")
    by_load = sweep(found, [(k, 4 * k) for k in LOADS], queries, seed)
    report("accuracy at lengths of 64 to 1024 tokens")
    by_length = sweep(found, [(16, length) for length in LENGTHS], queries // 4, seed)
    report("the load at which the spiking attention breaks")
    limit = load_limit(found[0], queries, seed)
    runs = []
    for pairs, length in (RUNS[0], RUNS[5]) if quick else RUNS:
        report(f"in spikes: {pairs} pairs in {length} tokens")
        runs.append(in_spikes(pairs, length, 1 if quick else 2, seed))
    spiking, at = found[0], {(r["pairs"], r["length"]): r for r in runs}
    main, same = at[64, 256], float(np.mean([r["as_the_algorithm"] for r in runs]))
    rows = [
        target("64 pairs: recalled", by_load[spiking.name][LOADS.index(64)], 0.99, "share"),
        target("64 pairs: recalled by the network in spikes", main["accuracy"], 0.99, "share"),
        target("stored bits against softmax attention's cache of 64 pairs", spiking.bits / BITS, 1.0, "ratio", False),
        target("attention weights that are zero, of all hidden units", main["zero_of_hidden_units"], 0.99, "share"),
        target("attention weights that are zero, of 256 tokens", main["zero_of_tokens"], 0.99, "share"),
        target("lengths 64 to 1024, 16 pairs: recalled, least", min(by_length[spiking.name]), 0.99, "share"),
        target("recalls 99 % up to", limit["holds_to"], 64, "pairs"),
        target("runs in spikes that answer as the algorithm", same, 1.0, "share"),
    ]
    raw: dict[str, Any] = {
        "bits": {m.name: m.bits or None for m in found},
        "accuracy_by_pairs": {"pairs": LOADS, **by_load},
        "accuracy_by_length": {"length": LENGTHS, **by_length},
        "load_limit": limit,
        "accuracy_of_damaged_queries": {kept: run(seed, kept=kept)["accuracy"] for kept in KEPT},
        "cost_per_token": costs(found, runs),
        "chip": CHIP,
    }
    return result(rows, raw, draw(by_load, raw["cost_per_token"], out) if out else [], seed, began)
