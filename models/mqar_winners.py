"""k-WTA in place of softmax, measured: how close the two come, and where the exchange fails.

64 items with keys of 64 dimensions and random values; a query is a noisy copy of one key. Keys share a common
direction: ``similarity`` is the expected cosine between two of them. Attention by softmax of beta q'k is compared with
the mean of the values of the k best items (exact k-WTA), with the same items weighted by their renormalised softmax
(top-k), and with the winners of the spiking layer, which sees keys and queries as spikes: one neuron spikes where a
component is above a threshold, one where it is below its negative.

Beside them stand rules between softmax and k-WTA: sparsemax, entmax (alpha 1.5), and a null slot (Softmax_1) that takes
what matches no key: such a query is answered if the items get more than half of the weight.

Error: distance of an output from softmax's, relative to softmax's length. Accuracy: the value nearest to the output is
that of the key behind the query. Rows state what holds, and as plainly where k-WTA is no substitute.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from snmem.attention import AttentionConfig, FastWeightAttention
from snmem.attention.sparse import entmax15, softmax, softmax1, sparsemax, winners
from snmem.io.files import replace_file
from snmem.protocols.associative_recall import dense_codes
from snmem.protocols.rows import result

ITEMS, SIZE, NOISE = 64, 64, 0.5
WINNERS = (1, 2, 4, 8, 16, 32, 64)
SIMILARITIES = (0.0, 0.3, 0.6, 0.9)
#: Inverse temperatures for keys of length 1: flat, as in a transformer at its start, sharp.
BETAS = (1.0, 8.0, 32.0)
#: Cosine at which the null slot stands: a noisy query has 0.9 with its own key.
NULL = 0.6


@dataclass(frozen=True)
class Items:
    """Keys, values and queries of one context, (n, SIZE) each; query i is a noisy key i."""

    keys: np.ndarray
    values: np.ndarray
    queries: np.ndarray


def draw_items(similarity: float, rng: np.random.Generator) -> Items:
    """Unit keys of the given expected cosine; noise of length NOISE in queries."""
    common, own = dense_codes(1, SIZE, rng), dense_codes(ITEMS, SIZE, rng)
    keys = np.sqrt(similarity) * common + np.sqrt(1 - similarity) * own
    keys /= np.linalg.norm(keys, axis=1, keepdims=True)
    queries = keys + NOISE * dense_codes(ITEMS, SIZE, rng)
    return Items(keys, dense_codes(ITEMS, SIZE, rng), queries / np.linalg.norm(queries, axis=1, keepdims=True))


def logits_of(items: Items, beta: float) -> np.ndarray:
    """Logits (queries, keys)."""
    return beta * items.queries @ items.keys.T


def softmax_weights(items: Items, beta: float) -> np.ndarray:
    """Softmax attention weights (queries, keys)."""
    return softmax(logits_of(items, beta))


#: Rules between softmax and k-WTA: (logits, beta) -> weights. A null slot stands at the cosine NULL, or at logit 0.
RULES: dict[str, Callable[[np.ndarray, float], np.ndarray]] = {
    "softmax": lambda z, beta: softmax(z),
    "sparsemax": lambda z, beta: sparsemax(z),
    "entmax 1.5": lambda z, beta: entmax15(z),
    "softmax_1": lambda z, beta: softmax1(z),
    "softmax_1, null slot": lambda z, beta: softmax1(z, NULL * beta),
    "k-WTA, k = 1": lambda z, beta: winners(z, 1),
    "k-WTA, k = 1, null slot": lambda z, beta: winners(z, 1, NULL * beta),
}


def rules(contexts: int, seed: int) -> dict[str, dict[str, np.ndarray]]:
    """For every rule (similarity, beta): error against softmax, accuracy, zero weights, known and unknown answered."""
    shape = len(SIMILARITIES), len(BETAS)
    kinds = ("error", "accuracy", "zero", "known answered", "unknown answered")
    found = {name: {kind: np.zeros(shape) for kind in kinds} for name in RULES}
    rng = np.random.default_rng(seed)
    for at in np.ndindex(shape):
        similarity, beta = SIMILARITIES[at[0]], BETAS[at[1]]
        for _ in range(contexts):
            items = draw_items(similarity, rng)
            strange = Items(items.keys, items.values, dense_codes(ITEMS, SIZE, rng))
            reference = softmax_weights(items, beta)
            for name, rule in RULES.items():
                weights, other = (rule(logits_of(x, beta), beta) for x in (items, strange))
                scores = (*compare(items, weights, reference), (weights == 0).mean())
                scores += ((weights.sum(1) > 0.5).mean(), (other.sum(1) > 0.5).mean())
                for kind, score in zip(kinds, scores, strict=True):
                    found[name][kind][at] += score / contexts
    return found


def best(items: Items, k: int) -> np.ndarray:
    """1 for the k best items of each query, else 0."""
    scores = items.queries @ items.keys.T
    return (scores >= np.partition(scores, -k, axis=1)[:, [-k]]).astype(float)


def spiking_winners(items: Items, k: int) -> np.ndarray:
    """Winners of the spiking layer on spike-coded keys and queries, as weights of each item."""
    coded = [code(x, items.keys) for x in (items.keys, items.queries)]
    active = int(max(x.sum(1).max() for x in coded))
    config = AttentionConfig(2 * SIZE, 1, ITEMS + k - 1, k, active, novelty=1.01)
    layer = FastWeightAttention(config)
    units = layer.write(coded[0], np.zeros((ITEMS, 1)))
    return layer.winners(coded[1])[:, units].astype(float)


def code(x: np.ndarray, keys: np.ndarray) -> np.ndarray:
    """Spikes: above the mean of the keys by their spread, or below it; the mean is what a normalising layer takes."""
    centred = x - keys.mean(0)
    threshold = (keys - keys.mean(0)).std()
    return np.hstack([centred > threshold, centred < -threshold])


def compare(items: Items, weights: np.ndarray, reference: np.ndarray) -> tuple[float, float]:
    """Relative error of the output against the softmax's, and accuracy."""
    out = (weights / np.maximum(weights.sum(1, keepdims=True), 1)) @ items.values
    true = reference @ items.values
    error = np.linalg.norm(out - true, axis=1) / np.linalg.norm(true, axis=1)
    return float(error.mean()), float(((out @ items.values.T).argmax(1) == np.arange(ITEMS)).mean())


def measure(contexts: int, seed: int) -> dict[str, np.ndarray]:
    """Errors (similarity, beta, k) of k-WTA and top-k; accuracies (similarity, k) and softmax's (similarity, beta)."""
    shape = len(SIMILARITIES), len(BETAS), len(WINNERS)
    kinds = ("k-WTA", "top-k", "spiking")
    found = {f"error, {kind}": np.zeros(shape) for kind in kinds}
    found |= {f"accuracy, {kind}": np.zeros(shape) for kind in kinds} | {"accuracy, softmax": np.zeros(shape[:2])}
    rng = np.random.default_rng(seed)
    for s, similarity in enumerate(SIMILARITIES):
        for _ in range(contexts):
            items = draw_items(similarity, rng)
            masks = [(best(items, k), spiking_winners(items, k)) for k in WINNERS]
            for b, beta in enumerate(BETAS):
                soft = softmax_weights(items, beta)
                found["accuracy, softmax"][s, b] += compare(items, soft, soft)[1] / contexts
                for w, (exact, spiking) in enumerate(masks):
                    top = exact * soft
                    top /= top.sum(1, keepdims=True)
                    for kind, weights in zip(kinds, (exact, top, spiking), strict=True):
                        error, right = compare(items, weights, soft)
                        found[f"error, {kind}"][s, b, w] += error / contexts
                        found[f"accuracy, {kind}"][s, b, w] += right / contexts
    return found


def rows_of(found: dict[str, np.ndarray], between: dict[str, dict[str, np.ndarray]]) -> list[dict[str, Any]]:
    """What holds: sharp attention is k-WTA with k = 1. What fails: flat attention, similar keys, large k."""
    error, right = found["error, k-WTA"], found["accuracy, k-WTA"]
    soft, spiking = found["accuracy, softmax"], found["accuracy, spiking"]
    flat, sharp = 0, len(BETAS) - 1
    statements = [
        ("sharp, distinct keys: error of k = 1", error[0, sharp, 0], "<=", 0.1),
        ("sharp, distinct keys: accuracy of k = 1 against softmax", right[0, sharp, 0] - soft[0, sharp], ">=", -0.01),
        ("sharp, distinct keys: accuracy of k = 1 in spikes", spiking[0, sharp, 0], ">=", 0.95),
        ("k of all: flat attention is the mean of all values, error", error[0, flat, -1], "<=", 0.5),
        ("fails: flat attention, error of k = 1", error[0, flat, 0], ">=", 1.0),
        ("fails: sharp attention, error of k = 8", error[0, sharp, 3], ">=", 0.5),
        ("fails: similar keys (0.9), sharp: error of k = 1", error[-1, sharp, 0], ">=", 0.5),
    ]
    entmax, null, plain = (between[name] for name in ("entmax 1.5", "softmax_1, null slot", "softmax_1"))
    hard = between["k-WTA, k = 1, null slot"]
    share = entmax["error"][0, flat] / between["k-WTA, k = 1"]["error"][0, flat]
    statements += [
        ("flat, distinct keys: error of entmax, as a share of that of k = 1", share, "<=", 0.5),
        ("similar keys (0.9), sharp: accuracy of entmax", entmax["accuracy"][-1, sharp], ">=", 0.95),
        ("similar keys (0.9), sharp: zero weights of entmax", entmax["zero"][-1, sharp], ">=", 0.8),
        ("null slot, sharp, distinct keys: known keys answered", null["known answered"][0, sharp], ">=", 0.95),
        ("null slot, sharp, distinct keys: unknown keys answered", null["unknown answered"][0, sharp], "<=", 0.05),
        ("k-WTA with a null slot, any beta: unknown keys answered", hard["unknown answered"][0].max(), "<=", 0.05),
        ("fails: null slot at logit 0 (softmax_1), sharp: unknown", plain["unknown answered"][0, sharp], ">=", 0.5),
    ]
    rows = []
    for name, value, sign, limit in statements:
        ok = value >= limit if sign == ">=" else value <= limit
        rows.append({"name": f"{name} {sign}", "value": float(value), "target": limit, "unit": "", "ok": bool(ok)})
    return rows


def draw(found: dict[str, np.ndarray], out: Path) -> list[str]:
    """Error by k for each inverse temperature (distinct and similar keys), and accuracy by k."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(13, 4), layout="constrained")
    axes = figure.subplots(1, 3)
    for ax, s in zip(axes, (0, len(SIMILARITIES) - 1), strict=False):
        for b, beta in enumerate(BETAS):
            colour = f"C{b}"
            ax.plot(WINNERS, found["error, k-WTA"][s, b], color=colour, marker="o", ms=3, label=f"beta {beta:g}: k-WTA")
            ax.plot(WINNERS, found["error, top-k"][s, b], color=colour, ls=":", label=f"beta {beta:g}: top-k softmax")
        ax.set(xscale="log", xlabel="k of 64", ylabel="error against softmax", ylim=(0, None))
        ax.set_title(f"similarity {SIMILARITIES[s]}", fontsize=10)
    axes[0].legend(fontsize=7)
    for s, similarity in enumerate(SIMILARITIES):
        axes[2].plot(WINNERS, found["accuracy, k-WTA"][s, 0], color=f"C{s}", label=f"similarity {similarity}: k-WTA")
        axes[2].plot(WINNERS, found["accuracy, spiking"][s, 0], color=f"C{s}", ls="--", label="in spikes")
    axes[2].set(xscale="log", xlabel="k of 64", ylabel="accuracy")
    axes[2].legend(fontsize=7)
    with replace_file(out / "winners.png") as file:
        figure.savefig(file, dpi=120, format="png")
    return [str(out / "winners.png")]


def reproduce(
    quick: bool = False, seed: int = 0, out: Path | None = None, report: Callable[[str], None] = print
) -> dict[str, Any]:
    """Measure; ``quick``: 5 contexts instead of 50."""
    began = time.perf_counter()
    report(f"{ITEMS} items, similarities {SIMILARITIES}, k {WINNERS}, beta {BETAS}")
    found = measure(5 if quick else 50, seed)
    raw = {"similarity": SIMILARITIES, "beta": BETAS, "k": WINNERS, "items": ITEMS, "noise": NOISE}
    raw |= {name: np.round(values, 4).tolist() for name, values in found.items()}
    report(f"between softmax and k-WTA: {', '.join(RULES)}")
    between = rules(5 if quick else 50, seed)
    raw["rules"] = {n: {kind: np.round(v, 4).tolist() for kind, v in x.items()} for n, x in between.items()}
    return result(rows_of(found, between), raw, draw(found, out) if out else [], seed, began)
