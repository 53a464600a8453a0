"""Learning one task after another: heads on pairs of k-WTA winners, and updates orthogonal to what was learned (HLOP).

Split digits: the bundled digits come two classes at a time, in one stream, once, without a word about tasks. A head
sees 400 random features of which 16 win. Permuted digits: three tasks with the pixels in another order each. ACC is the
mean accuracy after the last task, BWT how it changed since each task was learned (Lopez-Paz & Ranzato 2017, "Gradient
episodic memory", NeurIPS). The targets are ours; no published number could be verified for these sizes. Rows that begin
with "fails" say what does not work.
"""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from snmem.circuits.kwta.exact import exact_winners
from snmem.cost import bill
from snmem.encode import load_digits
from snmem.io.files import replace_file
from snmem.learning.hlop import SubspaceLearning, largest_angle, outside, subspace
from snmem.learning.pairwise import PairwiseHead
from snmem.protocols.rows import result, target
from snmem.quantization.grid import quantize
from snmem.simulation import simulate

UNITS, WINNERS, CLASSES, CHIP = 400, 16, 10, "loihi1-davies2018"
TASK = np.arange(CLASSES) // 2
TESTED, TASKS, HIDDEN = 450, 3, 800
#: Lateral units for the inputs, and for the hidden units.
LATERAL = (20, 40)
#: Forms of learning in Loihi's integers.
ENGINES = (("event", False), ("loihi", True), ("lava_fixed", True))


def digits() -> tuple[np.ndarray, np.ndarray]:
    """Grey levels 0 to 16, (1797, 64), and classes."""
    images, classes = load_digits()
    return images.reshape(len(images), -1).astype(np.int64), classes.astype(np.int64)


def split(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Numbers of the images to learn from, and of those kept for testing."""
    order = np.random.default_rng(seed).permutation(len(digits()[0]))
    return order[TESTED:], order[:TESTED]


def codes(seed: int) -> np.ndarray:
    """Winners of random whole weights on the pixels, and of a constant for each unit, bool (1797, UNITS)."""
    weights = np.random.default_rng([seed, 1]).integers(-3, 4, (UNITS, 64))
    drive = digits()[0] @ weights.T - 5 * weights.sum(1)  # the mean pixel has a level of about 5
    return exact_winners(drive, WINNERS)


class GradientHead:
    """Softmax head on features, one stochastic gradient step an image.

    ``scaled``: the rate of every weight falls with the root of its summed squared gradients (importance).
    """

    def __init__(self, features: int, rate: float, scaled: bool) -> None:
        self.weights, self.squares = np.zeros((2, CLASSES, features))
        self.rate, self.scaled = rate, scaled

    def learn(self, features: list[np.ndarray], labels: np.ndarray) -> None:
        """Learn from the active features of images, in order."""
        for on, label in zip(features, labels, strict=True):
            z = self.weights[:, on].sum(1)
            error = (np.arange(CLASSES) == label) - np.exp(z - np.logaddexp.reduce(z))
            if self.scaled:
                self.squares[:, on] += error[:, None] ** 2
                self.weights[:, on] += self.rate * error[:, None] / np.sqrt(self.squares[:, on] + 1e-8)
            else:
                self.weights[:, on] += self.rate * error[:, None] / len(on)

    def predict(self, features: list[np.ndarray]) -> np.ndarray:
        """Classes of images."""
        return np.array([self.weights[:, on].sum(1).argmax() for on in features])


class RuleHead(PairwiseHead):
    """A :class:`PairwiseHead` that takes active units as features, as the others do."""

    def _dense(self, features: list[np.ndarray]) -> np.ndarray:
        out = np.zeros((len(features), self.units), bool)
        for row, on in zip(out, features, strict=True):
            row[on] = True
        return out

    def learn(self, codes: Any, labels: Any) -> None:
        """Learn from active units."""
        super().learn(self._dense(codes), labels)

    def predict(self, codes: Any) -> np.ndarray:
        """Classes by active units."""
        return super().predict(self._dense(codes))


def heads() -> dict[str, tuple[Any, bool]]:
    """New heads by name, and whether their features are pairs."""
    square = UNITS * UNITS
    return {
        "linear head": (GradientHead(UNITS, 0.5, False), False),
        "linear head, rates by importance": (GradientHead(UNITS, 0.1, True), False),
        "units, one-sided rule": (RuleHead(UNITS, WINNERS, CLASSES, 1), False),
        "pairs, gradient": (GradientHead(square, 0.5, False), True),
        "pairs, rates by importance": (GradientHead(square, 0.1, True), True),
        "pairs, one-sided rule": (RuleHead(UNITS, WINNERS, CLASSES), False),
    }


def features_of(code: np.ndarray, pairs: bool) -> list[np.ndarray]:
    """Active units of each code, or numbers of their pairs."""
    units = [np.flatnonzero(row) for row in code]
    if not pairs:
        return units
    upper = [np.triu_indices(len(on), 1) for on in units]
    return [on[i] * UNITS + on[j] for on, (i, j) in zip(units, upper, strict=True)]


def split_digits(seed: int) -> dict[str, dict[str, float]]:
    """ACC, BWT and accuracy of joint training, by head."""
    code, labels, (learn, test) = codes(seed), digits()[1], split(seed)
    features = {pairs: features_of(code, pairs) for pairs in (False, True)}
    out = {}

    def pick(pairs: bool, images: np.ndarray) -> list[np.ndarray]:
        return [features[pairs][n] for n in images]

    for name, (head, pairs) in heads().items():
        accuracy = np.zeros((5, 5))
        for t in range(5):
            images = learn[TASK[labels[learn]] == t]
            head.learn(pick(pairs, images), labels[images])
            right = head.predict(pick(pairs, test)) == labels[test]
            accuracy[t] = [right[TASK[labels[test]] == s].mean() for s in range(5)]
        joint = heads()[name][0]
        joint.learn(pick(pairs, learn), labels[learn])
        together = float((joint.predict(pick(pairs, test)) == labels[test]).mean())
        out[name] = {"acc": float(accuracy[4].mean()), "bwt": backward(accuracy), "joint": together}
    return out


def backward(accuracy: np.ndarray) -> float:
    """BWT of accuracies (after task, of task)."""
    return float(np.mean(accuracy[-1, :-1] - np.diagonal(accuracy)[:-1]))


def head_rows(seeds: int, seed: int) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Split digits, means over seeds."""
    runs = [split_digits(s) for s in range(seed, seed + seeds)]
    mean = {name: {what: float(np.mean([r[name][what] for r in runs])) for what in runs[0][name]} for name in runs[0]}
    pairs, linear, units = mean["pairs, one-sided rule"], mean["linear head"], mean["units, one-sided rule"]
    best = max(each["joint"] for name, each in mean.items() if name.startswith("pairs"))
    rows = [
        target("split digits: pairs, one-sided rule, above the linear head", pairs["acc"] - linear["acc"], 0.1, "ACC"),
        target(
            "split digits: pairs above units, both with the one-sided rule", pairs["acc"] - units["acc"], 0.05, "ACC"
        ),
        target("split digits: pairs behind joint training of the best pairs", best - pairs["acc"], 0.05, "ACC", False),
        target("split digits: pairs, one-sided rule, forget at most", -pairs["bwt"], 0.08, "BWT", False),
        target("fails: split digits: linear head forgets", -linear["bwt"], 0.4, "BWT"),
    ]
    gradient = mean["pairs, gradient"]
    rows.append(
        target("split digits: pairs by gradient, above the linear head", gradient["acc"] - linear["acc"], 0.1, "ACC")
    )
    rows.append(target("fails: pairs by gradient behind joint training", best - gradient["acc"], 0.05, "ACC"))
    return rows, {"split digits": mean}


def spiking_rows(images: int, seed: int, report: Callable[[str], None]) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """The head in spikes: all units on the event engine, a few on the emulator and Lava."""
    code, labels, (learn, test) = codes(seed), digits()[1], split(seed)
    some, asked = learn[:images], test[:20]
    head, spiking = (PairwiseHead(UNITS, WINNERS, CLASSES) for _ in range(2))
    head.learn(code[some], labels[some])
    report(f"{images} images learned in spikes by {UNITS * (UNITS - 1) // 2} pairs")
    run = simulate(spiking.learning_network(), *spiking.learning_inputs(code[some], labels[some]))
    differ = int((spiking.learned(run) != head.weights).sum())
    rows = [target(f"{images} images learned in spikes: weights that differ", differ, 0, "weights", False)]
    recall = simulate(head.network(), *head.inputs(code[asked]), counters=True)
    same = float((head.read(recall) == head.predict(code[asked])).mean())
    rows.append(target("decisions in spikes as the algorithm's", same, 1.0, "share"))
    made = bill(head.network(), recall, CHIP, items=len(asked), limits="report")
    per = made.per_item()
    events = made.counters["synaptic_events"] / len(asked)
    raw = {"a decision": {"events": events, "dynamic_joules": per["dynamic_joules_per_item"], "chip": CHIP}}
    rng = np.random.default_rng(seed)
    small, which = rng.random((25, 14)).argsort(1) < 4, rng.integers(0, 3, 25)
    wanted = PairwiseHead(14, 4, 3)
    wanted.learn(small, which)
    for engine, onchip in ENGINES:
        report(f"learning on {engine}")
        fresh = PairwiseHead(14, 4, 3)
        run = simulate(fresh.learning_network(onchip), *fresh.learning_inputs(small, which), backend=engine)
        differ = int((fresh.learned(run) != wanted.weights).sum())
        rows.append(target(f"{engine}: learned weights that differ from the algorithm's", differ, 0, "weights", False))
        network = quantize(wanted.network()).network if onchip else wanted.network()
        found = wanted.read(simulate(network, *wanted.inputs(small[:6]), backend=engine))
        same = float((found == wanted.predict(small[:6])).mean())
        rows.append(target(f"{engine}: decisions as the algorithm's", same, 1.0, "share"))
    return rows, raw


def permuted_digits(seed: int, projected: bool, epochs: int = 6, rate: float = 0.1) -> np.ndarray:
    """Accuracies (after task, of task) of a network with one hidden layer; ``projected``: by HLOP."""
    (images, labels), (learn, test) = digits(), split(seed)
    rng, x, wanted = np.random.default_rng([seed, 2]), images / 16, np.eye(CLASSES)[labels]
    first, second = rng.normal(size=(64, HIDDEN)) / 8, np.zeros((HIDDEN, CLASSES))
    rows = [np.zeros((0, 64)), np.zeros((0, HIDDEN))]
    orders, accuracy = [rng.permutation(64) for _ in range(TASKS)], np.zeros((TASKS, TASKS))
    for t, order in enumerate(orders):
        shown = x[:, order]
        for _ in range(epochs):
            for some in np.array_split(rng.permutation(learn), len(learn) // 32):
                hidden = np.maximum(shown[some] @ first, 0)
                z = hidden @ second
                error = (np.exp(z - np.logaddexp.reduce(z, 1, keepdims=True)) - wanted[some]) / len(some)
                back = error @ second.T * (hidden > 0)
                second -= rate * outside(hidden, rows[1]).T @ error
                first -= rate * outside(shown[some], rows[0]).T @ back
        if projected and t < TASKS - 1:
            how = SubspaceLearning(epochs=15, levels=1000)
            hidden = np.maximum(shown[learn] @ first, 0)
            hidden *= 3 / np.sqrt((hidden**2).sum(1).mean())
            rows = [
                subspace(x_, n, r, how, seed) for x_, n, r in zip((shown[learn], hidden), LATERAL, rows, strict=True)
            ]
        right = [(np.maximum(x[test][:, o] @ first, 0) @ second).argmax(1) == labels[test] for o in orders]
        accuracy[t] = np.mean(right, axis=1)
    return accuracy


def hlop_rows(seeds: int, seed: int) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Subspaces beside principal components; permuted digits with and without projection, means over seeds."""
    x = digits()[0] / 16
    angles = {}
    for levels in (None, 1000, 40):
        learned = subspace(x, 10, np.zeros((0, 64)), SubspaceLearning(levels=levels), seed)
        angles[levels or "all"] = largest_angle(learned, np.linalg.svd(x, full_matrices=False)[2][:10])
    runs = {
        projected: [permuted_digits(s, projected) for s in range(seed, seed + seeds)] for projected in (True, False)
    }
    bwt = {projected: float(np.mean([backward(a) for a in each])) for projected, each in runs.items()}
    acc = {projected: float(np.mean([a[-1].mean() for a in each])) for projected, each in runs.items()}
    rows = [
        target("HLOP: subspace of 10 units against principal components", angles["all"], 5, "degrees", False),
        target("HLOP: the same with 1000 levels", angles[1000], 5, "degrees", False),
        target("fails: HLOP with 40 levels, small responses round to 0", angles[40], 5, "degrees"),
        target("permuted digits, HLOP: BWT, absolute", abs(bwt[True]), 0.02, "BWT", False),
        target("permuted digits, HLOP: ACC", acc[True], 0.9, "ACC"),
        target("fails: permuted digits, plain gradients forget", -bwt[False], 0.2, "BWT"),
    ]
    raw = {
        "degrees": angles,
        "acc": {"HLOP": acc[True], "plain": acc[False]},
        "bwt": {"HLOP": bwt[True], "plain": bwt[False]},
    }
    return rows, {"permuted digits": raw}


def draw(raw: dict[str, Any], out: Path) -> list[str]:
    """ACC of every head beside joint training; permuted digits."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11, 3.8), layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=(3, 1))
    heads_ = raw["split digits"]
    left.barh(list(heads_), [h["joint"] for h in heads_.values()], color="0.85", label="all classes at once")
    left.barh(list(heads_), [h["acc"] for h in heads_.values()], height=0.5, label="two at a time")
    left.set(xlabel="accuracy, split digits", xlim=(0, 1))
    left.legend(fontsize=7)
    right.bar(list(raw["permuted digits"]["acc"]), list(raw["permuted digits"]["acc"].values()))
    right.set(ylabel="ACC, permuted digits", ylim=(0, 1))
    with replace_file(out / "continual.png") as file:
        figure.savefig(file, dpi=120, format="png")
    return [str(out / "continual.png")]


def run(seed: int = 0, units: int = UNITS, winners: int = WINNERS, order: int = 2) -> dict[str, float]:
    """Split digits by the one-sided rule on pairs (or, ``order`` 1, on units): accuracy after all tasks."""
    (images, labels), (learn, test) = digits(), split(seed)
    weights = np.random.default_rng([seed, 1]).integers(-3, 4, (units, 64))
    code = exact_winners(images @ weights.T - 5 * weights.sum(1), winners)
    head, stream = PairwiseHead(units, winners, CLASSES, order), learn[np.argsort(TASK[labels[learn]], kind="stable")]
    head.learn(code[stream], labels[stream])
    return {"accuracy": float((head.predict(code[test]) == labels[test]).mean())}


def reproduce(
    quick: bool = False, seed: int = 0, out: Path | None = None, report: Callable[[str], None] = print
) -> dict[str, Any]:
    """Split digits, the head in spikes, permuted digits; ``quick``: one seed, fewer images in spikes."""
    began, seeds = time.perf_counter(), 1 if quick else 5
    report("split digits")
    rows, raw = head_rows(seeds, seed)
    more, figures = spiking_rows(10 if quick else 300, seed, report)
    report("permuted digits")
    again, permuted = hlop_rows(seeds, seed)
    raw |= figures | permuted
    return result([*rows, *more, *again], raw, draw(raw, out) if out else [], seed, began)
