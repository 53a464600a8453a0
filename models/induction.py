"""Induction heads in spikes: a token is answered by what followed it last time; and units of a Memory Mosaic.

Random stretches that repeat; characters of a bigram table with triggers (Bietti et al. 2023, there from tiny
Shakespeare, here from the bundled sonnets); triggers that depend on two tokens. Codes are random, nothing is trained:
what a trained transformer has to find is wired. Three moons (Zhang et al. 2024, "Memory Mosaics") on vectors: units
that each see one moon predict all of them long before a unit that sees their joint position. Rows that begin with
"fails" say what does not work.
"""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from snmem.attention.induction import InductionHead, InductionNetwork, predictions
from snmem.attention.sparse import softmax
from snmem.cost import bill
from snmem.io.files import replace_file
from snmem.protocols.associative_recall import sparse_codes
from snmem.protocols.rows import result, target
from snmem.tasks.induction import TriggerTask, followed, repeated

LINES, ACTIVE, ANSWERS, CHIP = 128, 8, 64, "loihi1-davies2018"
RUNTIMES = ("event", "loihi", "lava_fixed")
#: Periods of the moons, steps of a run, and the inverse temperature of the units.
MOONS, BLOCK, SCALE = (53.0, 67.0, 79.0), 800, 50.0
#: Distinct tokens of the repeated stretches, and units of the memory.
STRETCHES, UNITS = (4, 8, 16, 32, 64), 64


def make_head(
    tokens: int, order: int, hidden: int, seed: int, sizes: tuple[int, int] = (LINES, ANSWERS)
) -> InductionHead:
    """Random sparse codes."""
    rng = np.random.default_rng([seed, order])
    keys = np.stack([sparse_codes(tokens, sizes[0], ACTIVE, rng) for _ in range(order)])
    return InductionHead(keys, sparse_codes(tokens, sizes[1], ACTIVE, rng), hidden)


def score(answers: np.ndarray, sequence: np.ndarray, where: np.ndarray) -> float:
    """Share of the places ``where`` whose only answer is the next token."""
    right = predictions(answers)[:-1] == sequence[1:]
    return float((right & (answers[:-1].sum(1) == 1))[where[:-1]].mean())


def stretches(seed: int) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Random stretches, twice: right from the second time on, in spikes, up to more tokens than there are units."""
    shares, same = {}, []
    for length in (*STRETCHES, UNITS + 16):
        head = make_head(2 * UNITS, 1, UNITS, seed)
        sequence = repeated(length, 2 * UNITS, 2, seed)
        where = np.arange(2 * length) >= length
        (answers,), _ = InductionNetwork(head, "plastic").run([sequence])
        shares[length] = score(answers, sequence, where)
        same.append(np.array_equal(answers, head.answers(sequence)))
    fits = min(shares[length] for length in STRETCHES)
    rows = [
        target(f"stretches of up to {UNITS} tokens, in spikes: right the second time", fits, 1.0, "share"),
        target(f"fails: a stretch of {UNITS + 16} tokens in {UNITS} units", shares[UNITS + 16], 0.9, "share", False),
        target("stretches in spikes that answer as the algorithm", float(np.mean(same)), 1.0, "share"),
    ]
    return rows, {"stretches": shares}


def trigger_rows(sequences: int, spiking: int, seed: int) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Characters with triggers: outputs after the second and later triggers; the bigram table beside it."""
    rows, raw = [], {}
    for fixed in (True, False):
        task, name = TriggerTask(fixed=fixed), f"{'fixed' if fixed else 'drawn'} triggers"
        head = make_head(task.tokens, 1, task.tokens, seed)
        drawn = [task.sample(np.random.default_rng([seed, n])) for n in range(sequences)]
        places = np.concatenate([seen[:-1] for _, seen in drawn])
        found = np.concatenate([(predictions(head.answers(s))[:-1] == s[1:]) for s, _ in drawn])
        table = np.concatenate([(task.counts.argmax(1)[s[:-1]] == s[1:]) for s, _ in drawn])
        right, bigram = float(found[places].mean()), float(table[places].mean())
        rows.append(target(f"{name}: outputs from the second time on", right, 1.0, "share"))
        rows.append(target(f"fails: {name}: the bigram table alone", bigram, 0.2, "share", False))
        raw[name] = {
            "induction": right,
            "bigram": bigram,
            "all characters": float(found.mean()),
            "places": places.sum(),
        }
        raw[name]["all characters, bigram"] = float(table.mean())
    network = InductionNetwork(head, "plastic")
    answers, run = network.run([s for s, _ in drawn[:spiking]], counters=True)
    same = [np.array_equal(a, head.answers(s)) for a, (s, _) in zip(answers, drawn, strict=False)]
    rows.append(target(f"{spiking} sequences in spikes: answers as the algorithm", float(np.mean(same)), 1.0, "share"))
    tokens = sum(len(a) for a in answers)
    made = bill(network.network, run, CHIP, items=tokens, limits="report")
    counted = {f"{what} of a token": made.counters[what] / tokens for what in ("synaptic_events", "spikes")}
    raw["cost"] = counted | {"steps of a token": network.slot, "chip": CHIP, **made.per_item()}
    return rows, raw


def two_tokens(seed: int, length: int = 120) -> list[dict[str, Any]]:
    """What follows b depends on the token before it: keys of two tokens tell, keys of one cannot."""
    rng, sequence = np.random.default_rng([seed, 2]), list[int]()
    output = rng.permutation(6)[:4]
    while len(sequence) < length:  # a, b, and an output that belongs to the pair; else a random token
        a, b = rng.integers(0, 2, 2)
        sequence += [int(a), int(2 + b), 4 + int(output[2 * a + b]), int(rng.integers(10, 12))]
    tokens = np.array(sequence)
    second = np.isin(tokens, (2, 3))
    shares = {}
    for order in (1, 2):
        head = make_head(12, order, 48, seed)
        (answers,), _ = InductionNetwork(head, "plastic").run([tokens])
        shares[order] = score(answers, tokens, second & (followed(tokens, 2) >= 0))
    return [
        target("triggers of two tokens, keys of two, in spikes: right", shares[2], 1.0, "share"),
        target("fails: triggers of two tokens, keys of one", shares[1], 0.8, "share", False),
    ]


def moons() -> np.ndarray:
    """Positions of the moons on their circles, (BLOCK, moons, 2)."""
    phase = 2 * np.pi * np.arange(BLOCK)[:, None] / np.array(MOONS)
    return np.stack([np.cos(phase), np.sin(phase)], -1)


def mosaic_error(heads: int) -> np.ndarray:
    """Error of the next position, (BLOCK - 1,): each of ``heads`` units sees its share of the moons.

    Keys are the present position, scaled to length 1, values the next one; a unit answers the mean of the values so
    far, weighted by the softmax of SCALE times the product of key and query.
    """
    path = moons()
    errors = np.zeros((BLOCK - 1, heads))
    for h, part in enumerate(np.split(path, heads, axis=1)):
        flat = part.reshape(BLOCK, -1)
        keys = flat / np.linalg.norm(flat, axis=1, keepdims=True)
        for t in range(1, BLOCK - 1):
            weights = softmax(SCALE * keys[:t] @ keys[t])
            errors[t, h] = ((weights @ flat[1 : t + 1] - flat[t + 1]) ** 2).sum()
    return np.sqrt(errors.sum(1) / len(MOONS))


def mosaic_rows() -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Root mean square error of a moon after three of the longest periods."""
    late = int(3 * max(MOONS))
    error = {heads: float(np.sqrt((mosaic_error(heads)[late:] ** 2).mean())) for heads in (1, 3)}
    rows = [
        target("three moons, three units: error after 3 periods", error[3], 0.05, "of the radius", False),
        target("fails: three moons, one unit: error against three units'", error[1] / error[3], 3.0, "ratio"),
    ]
    return rows, {"moons": error}


def runtimes(seed: int, report: Callable[[str], None]) -> list[dict[str, Any]]:
    """The same answers, and the same spikes, on the event engine, the emulator and Lava."""
    rows, runs = [], {}
    rng = np.random.default_rng(seed)
    keys = np.stack([sparse_codes(4, 12, 3, rng) for _ in range(2)])
    head, sequence = InductionHead(keys, sparse_codes(4, 8, 2, rng), 6), rng.integers(0, 4, 8)
    for backend in RUNTIMES:
        report(f"{len(sequence)} tokens on {backend}")
        (answers,), runs[backend] = InductionNetwork(head).run([sequence], backend)
        same = float(np.array_equal(answers, head.answers(sequence)))
        rows.append(target(f"{backend}: answers as the algorithm", same, 1.0, ""))
    for backend in ("event", "lava_fixed"):
        cells = sum(s.differing(runs["loihi"].spikes[name])[0] for name, s in runs[backend].spikes.items())
        rows.append(target(f"{backend} and loihi: spikes that differ", cells, 0, "entries", False))
    return rows


def draw(raw: dict[str, Any], out: Path) -> list[str]:
    """Stretches by length; outputs and all characters; errors of the moons over time."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(12, 3.8), layout="constrained")
    length, text, moon = figure.subplots(1, 3)
    length.plot(*zip(*raw["stretches"].items(), strict=True), marker="o")
    length.set(xlabel=f"tokens of the stretch ({UNITS} units)", ylabel="right the second time", ylim=(0, 1.05))
    for at, name in enumerate(("fixed triggers", "drawn triggers")):
        text.bar([at - 0.2, at + 0.2], [raw[name]["induction"], raw[name]["bigram"]], 0.35, color=["C0", "C1"])
    text.set(
        xticks=[0, 1], xticklabels=["fixed triggers", "drawn triggers"], ylabel="right after a trigger seen before"
    )
    text.text(0, 1.03, "blue: induction head, orange: bigram table", fontsize=7)
    for heads in (1, 3):
        moon.semilogy(mosaic_error(heads)[1:], lw=0.7, label=f"{heads} unit{'s' * (heads > 1)}")
    moon.set(xlabel="step", ylabel="error of a moon, radius 1")
    moon.legend(fontsize=7)
    with replace_file(out / "induction.png") as file:
        figure.savefig(file, dpi=120, format="png")
    return [str(out / "induction.png")]


def run(seed: int = 0, length: int = 32, hidden: int = UNITS, backend: str = "event") -> dict[str, float]:
    """A random stretch twice, in spikes: share right the second time, and events of a token."""
    head, sequence = make_head(2 * length, 1, hidden, seed), repeated(length, 2 * length, 2, seed)
    form = "plastic" if backend in ("event", "reference") else "cells"
    (answers,), recording = InductionNetwork(head, form).run([sequence], backend)
    events = sum(recording.counters.synaptic_events.values()) / len(sequence)
    return {"right": score(answers, sequence, np.arange(len(sequence)) >= length), "events": events}


def reproduce(
    quick: bool = False, seed: int = 0, out: Path | None = None, report: Callable[[str], None] = print
) -> dict[str, Any]:
    """All tasks; ``quick``: fewer sequences."""
    began = time.perf_counter()
    report("stretches that repeat")
    rows, raw = stretches(seed)
    report("characters with triggers")
    more, found = trigger_rows(8 if quick else 100, 1 if quick else 8, seed)
    report("triggers of two tokens, three moons")
    moon_rows, moon = mosaic_rows()
    rows += [*more, *two_tokens(seed), *moon_rows, *runtimes(seed, report)]
    raw |= found | moon
    return result(rows, raw, draw(raw, out) if out else [], seed, began)
