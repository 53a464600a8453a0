"""The K-winner transformer: does it help to write an item of the context to more than one unit?

The discussion of Bhandarkar & McClelland 2025, "Neural Computation Without Slots", arXiv 2511.04593, proposes to put
the K-winner memory in place of the 1-winner memory of the QK-MHN-transformer, and does not try it. Here every item is
written to the k units of largest drive, by fast weights that move by a write rate towards the item (1 replaces what
they held). Input projection, reading by softmax over all hidden units, gradients and learning rates are those of the
model "QK, projected", which is k = 1 with write rate 1. Each context token drives k units; no two tokens share one if
there are 2 L k units, L letters; with k = 1 the projection needs at least 2 L units, with more winners fewer will do.

Measured: accuracy of the last 500 iterations, the iteration from which it is 99 %, and accuracy after half of the
hidden units, others in every sequence, fall silent between context and query. Two tasks: 4 letters of 4, 8 of 16.
Models with write rate 1 then answer in spikes, wholly and with half of the units dead, on every runtime.

The answer of our full run: yes. An item in k units is lost only with all of them: with half of the units dead, 0.75 is
answered right at k = 1 (0.5 would be kept, the rest is guessed), 0.88 at 2, 0.97 to 0.98 at 4. Training is sooner done
where the layer is larger than the context, since k copies fill it: unused units draw attention to their random content.
A layer of 8 units and k = 1, as full, is as soon done as k = 4 of 32. Tokens that share units overwrite each other
(k = 8 of 16 units). Graded steps (write rate 0.5) only slow training down. Nothing of this is published.
"""

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from snmem.attention import MODELS, CaseSequenceTask, Training, spiking_transformer, train
from snmem.attention.network import FORMS
from snmem.attention.transformer.models import PAIRS, answered
from snmem.errors import MissingDependencyError
from snmem.io.files import replace_file
from snmem.protocols.rows import expected, finding, not_run, result

BASE = MODELS["QK, projected"]
#: Letters and context of the tasks, hidden units, and iterations of training.
TASKS = {"4 of 4": (4, 4, (8, 16, 32, 64), 2500), "8 of 16": (16, 8, (32, 64, 128), 4000)}
WINNERS, RATES, DEAD = (1, 2, 4, 8), (1.0, 0.5), (0.0, 0.25, 0.5, 0.75)
#: Hidden units of the models that are compared, k = 4 to k = 1.
MAIN = {"4 of 4": 32, "8 of 16": 32}
LESION = 0.5
#: k = 4 to k = 1 in our full run.
WORDS = {(name, f"{LESION:.0%} dead"): "higher" for name in TASKS}
WORDS |= {("4 of 4", "accuracy"): "about equal", ("8 of 16", "accuracy"): "higher"}
WORDS |= {("4 of 4", "99 %"): "sooner", ("8 of 16", "99 %"): "not sooner"}
#: Winners and hidden units of the models in spikes.
SPIKING = ((1, 16), (2, 16), (4, 32))
LAST = 500
Point = tuple[str, int, int, float]


def points(quick: bool) -> list[Point]:
    """All (task, hidden, winners, write rate) that are trained."""
    if quick:
        return [("4 of 4", 32, 1, 1.0), ("4 of 4", 32, 4, 1.0), ("4 of 4", 8, 1, 1.0)]
    grid = [(t, h, k, e) for t, (_, _, sizes, _) in TASKS.items() for h in sizes for k in WINNERS for e in RATES]
    return [(t, h, k, e) for t, h, k, e in grid if k > 1 or h >= 2 * TASKS[t][0]]


def trained(point: Point, trials: int, seed: int) -> Training:
    """Train one model."""
    name, hidden, winners, rate = point
    letters, context, _, iterations = TASKS[name]
    config = replace(BASE, hidden=hidden, winners=winners, write_rate=rate)
    return train(config, CaseSequenceTask(letters, context), iterations=iterations, trials=trials, seed=seed, every=50)


def figures(training: Training, seed: int) -> dict[str, Any]:
    """What is read off one model: mean and standard error over trials."""
    after = {f"{share:.0%} dead": answered(training, dead=share, seed=seed) for share in DEAD}
    numbers = {"accuracy": training.final_accuracy(LAST), **after}
    error = np.sqrt(max(1, len(training.w_k) - 1))
    on, off = training.similarity[:, -1].mean(axis=0).T
    reached = training.reaches()
    return {
        **{name: {"mean": float(x.mean()), "error": float(x.std() / error)} for name, x in numbers.items()},
        "from_99_percent": reached if np.isfinite(reached) else None,
        "same_letter": dict(zip(PAIRS, on, strict=True)),
        "other_letters": dict(zip(PAIRS, off, strict=True)),
    }


def same_bits(seed: int) -> dict[str, Any]:
    """One winner through the code of many, beside today's model: numbers that differ after 500 iterations."""
    one, many = (train(BASE, iterations=500, trials=2, seed=seed, general=general) for general in (False, True))
    names = ("w_q", "w_k", "w_v", "accuracy", "loss")
    differ = sum(int((getattr(one, name) != getattr(many, name)).sum()) for name in names)
    return expected(
        "k = 1: weights, accuracies and losses that differ from those of the 1-winner", differ, 0, 0, "numbers"
    )


def answer_rows(table: dict[Point, dict[str, Any]]) -> list[dict[str, Any]]:
    """Does k > 1 help? k = 4 beside k = 1 of equal size, write rate 1."""
    rows = []
    for name, hidden in MAIN.items():
        pair = [table.get((name, hidden, k, 1.0)) for k in (1, 4)]
        if pair[0] is None or pair[1] is None:
            continue
        title = f"{name} letters, {hidden} units, k = 4 to k = 1"
        for what in ("accuracy", f"{LESION:.0%} dead"):
            a, b = (x[what] for x in pair if x)
            shown = f"{b['mean']:.3f} +- {b['error']:.3f} to {a['mean']:.3f} +- {a['error']:.3f}"
            rows.append(finding(f"{title}: {what} ({shown})", compare(b, a), WORDS[name, what]))
        first = [reached(x) for x in pair if x]
        sooner = "sooner" if first[1] < first[0] else "not sooner"
        rows.append(finding(f"{title}: 99 % accuracy ({first[1]:g} to {first[0]:g})", sooner, WORDS[name, "99 %"]))
    few, many = (reached(table["4 of 4", h, k, 1.0]) for h, k in ((8, 1), (32, 4)))
    word = "about as soon" if 2 / 3 <= few / many <= 3 / 2 else "not as soon"
    name = "4 of 4 letters, k = 1 of 8 units to k = 4 of 32, as full: 99 % accuracy"
    return [*rows, finding(f"{name} ({few:g} to {many:g})", word, "about as soon")]


def reached(figures: dict[str, Any]) -> float:
    """Iteration from which accuracy is 99 %, or infinity."""
    return figures["from_99_percent"] or np.inf


def compare(ours: dict[str, float], theirs: dict[str, float]) -> str:
    """Higher or lower by more than 3 standard errors (and 0.005), else about equal."""
    difference = ours["mean"] - theirs["mean"]
    limit = max(3.0 * float(np.hypot(ours["error"], theirs["error"])), 0.005)
    return "higher" if difference > limit else "lower" if difference < -limit else "about equal"


def in_spikes(k: int, hidden: int, quick: bool, seed: int, report: Callable[[str], None]) -> list[dict[str, Any]]:
    """The model as LIF neurons: all sequences, whole and with half of the units dead, on every runtime."""
    training = train(replace(BASE, hidden=hidden, winners=k), iterations=2000, trials=1, seed=seed)
    every, rng = training.task.all(), np.random.default_rng(seed)
    sequences = every[rng.choice(len(every), 64, replace=False)] if quick else every
    name, rows = f"in spikes, k = {k} of {hidden} units", []
    for form in FORMS[:1] if quick else FORMS:
        report(f"{name}, {form}: {len(sequences)} sequences")
        answers, _ = spiking_transformer(training, 0, form).run(sequences)
        right = float((answers == sequences.upper).mean())
        rows.append(expected(f"{name}, {form}: share right of {len(sequences)}", right, 1.0, 0.0))
    shares = []
    for _ in range(2 if quick else 20):
        dead = rng.choice(hidden, round(LESION * hidden), replace=False)
        some = every[rng.choice(len(every), 64, replace=False)]
        answers, _ = spiking_transformer(training, 0, "cells", dead).run(some)
        shares.append(float((answers == some.upper).mean()))
    # an item is lost if all of its k units are among the dead
    kept = 1.0 - float(np.prod([(hidden // 2 - n) / (hidden - n) for n in range(k)]))
    error = 3.0 * max(float(np.std(shares)), 0.05) / np.sqrt(len(shares))
    rows.append(expected(f"{name}, half of them dead: share right", float(np.mean(shares)), kept, error))
    backends = ("loihi",) if quick else ("loihi", "lava_fixed")
    return rows + on_runtimes(spiking_transformer(training), sequences[:: 2 if quick else 64], backends, name, report)


def on_runtimes(
    model: Any, sequences: Any, backends: tuple[str, ...], name: str, report: Callable[[str], None]
) -> list[dict[str, Any]]:
    """Spikes of the network on other runtimes, beside those of the event engine."""
    copies = 12 if "lava_fixed" in backends else 1  # Lava's cost is per step
    _, first = model.run(sequences, "event", copies)
    rows = []
    for backend in backends:
        report(f"{name}, {backend}: {len(sequences)} sequences")
        title = f"{name}, {backend}: spikes that differ from the event engine's"
        try:
            _, run = model.run(sequences, backend, copies)
        except MissingDependencyError as error:  # the other rows are kept
            rows.append(not_run(title, str(error), 0, 0, "cells"))
        else:
            differ = sum(run.spikes[n].differing(spikes)[0] for n, spikes in first.spikes.items())
            rows.append(expected(title, differ, 0, 0, "cells"))
    return rows


def draw(table: dict[Point, dict[str, Any]], out: Path) -> list[str]:
    """Accuracy by hidden units, and by the share of dead units, for every k (write rate 1; dotted: 0.5)."""
    from matplotlib.figure import Figure

    names = list(dict.fromkeys(point[0] for point in table))
    figure = Figure(figsize=(10, 3.6 * len(names)), layout="constrained")
    lines = figure.subplots(len(names), 2, squeeze=False)
    for line, name in zip(lines, names, strict=True):
        for colour, k in enumerate(WINNERS):
            for rate, style in ((1.0, "-o"), (0.5, ":.")):
                mine = {h: x for (t, h, w, e), x in table.items() if (t, w, e) == (name, k, rate)}
                if mine:
                    bars = [[x["accuracy"][part] for x in mine.values()] for part in ("mean", "error")]
                    label = f"k = {k}" if rate == 1.0 else None
                    line[0].errorbar(list(mine), *bars, fmt=style, color=f"C{colour}", ms=4, label=label)
                if MAIN[name] in mine:
                    bars = [[mine[MAIN[name]][f"{d:.0%} dead"][part] for d in DEAD] for part in ("mean", "error")]
                    line[1].errorbar(DEAD, *bars, fmt=style, color=f"C{colour}", ms=4)
        line[0].set(title=f"{name} letters", xlabel="hidden units", ylabel="accuracy", xscale="log", ylim=(0.45, 1.02))
        line[0].set_xticks(TASKS[name][2], [str(h) for h in TASKS[name][2]], minor=False)
        line[0].minorticks_off()
        line[1].set(title=f"{MAIN[name]} units", xlabel="share dead", ylabel="accuracy", ylim=(0.45, 1.02))
    handles, labels = lines[0][0].get_legend_handles_labels()
    note = "solid: write rate 1, dotted: 0.5"
    figure.legend(handles, labels, loc="outside lower center", ncols=len(labels), frameon=False, title=note)
    with replace_file(out / "kwinner-transformer.png") as file:
        figure.savefig(file, dpi=130, format="png")
    return [str(out / "kwinner-transformer.png")]


def run(
    seed: int = 0,
    winners: int = 4,
    hidden: int = 32,
    write_rate: float = 1.0,
    letters: int = 4,
    context: int = 4,
    iterations: int = 2500,
    dead: float = 0.5,
) -> dict[str, float]:
    """Train one model: accuracy, iteration of 99 % (infinite if never), accuracy with a share of the units dead."""
    config = replace(BASE, hidden=hidden, winners=winners, write_rate=write_rate)
    training = train(config, CaseSequenceTask(letters, context), iterations=iterations, trials=1, seed=seed)
    return {
        "accuracy": float(training.final_accuracy(LAST)[0]),
        "from 99 percent": training.reaches(),
        "accuracy, units dead": float(answered(training, dead=dead, seed=seed)[0]),
    }


def reproduce(
    quick: bool = False, seed: int = 0, out: Path | None = None, report: Callable[[str], None] = print
) -> dict[str, Any]:
    """Sweep, compare, and run in spikes; ``quick``: three models of 2 trials, two in spikes on 64 sequences."""
    began, table = time.perf_counter(), {}
    rows = [same_bits(seed)]
    for point in points(quick):
        training = trained(point, 2 if quick else 10 if point[0] == "4 of 4" else 3, seed)
        table[point] = x = figures(training, seed)
        name, hidden, k, rate = point
        text = ", ".join(f"{what} {x[what]['mean']:.3f} +- {x[what]['error']:.3f}" for what in ("accuracy", "50% dead"))
        report(f"{name}, {hidden} units, k = {k}, write rate {rate:g}: {text}, 99 % from {x['from_99_percent']}")
    rows += answer_rows(table)
    for k, hidden in SPIKING[::2] if quick else SPIKING:
        rows += in_spikes(k, hidden, quick, seed, report)
    raw = {"table": [dict(zip(("task", "hidden", "k", "rate"), p, strict=True)) | x for p, x in table.items()]}
    return result(rows, raw, draw(table, out) if out else [], seed, began)
