"""One-shot digits: spiking attention and its softmax twin, trained in the same loop with their defaults.

Five digits are shown once with arbitrary labels; which label belongs to another image of one of them? 74 binary lines
(64 pixels, 10 labels), images that were never trained on; chance is 0.2 for who knows which labels were shown. Nothing
of this is published as a table.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from snmem.plots.style import PALETTE, paper_axes
from snmem.protocols.rows import result, target
from snmem.tasks.one_shot import OneShotDigits

ITERATIONS, BATCH, RATE, KEYS, TESTED = 400, 32, 0.005, 128, 400
#: What multiplies votes and outputs in the cross entropy.
GAIN = 4.0


def learned(module: Any, seed: int, iterations: int) -> dict[str, float]:
    """Train a module on the task; share of right labels by the votes, and of exactly right output spikes."""
    import torch

    task, rng = OneShotDigits(), np.random.default_rng(seed)
    optimizer = torch.optim.Adam(module.parameters(), lr=RATE)

    def tensors(contexts: int, rng: Any, test: bool = False) -> list[Any]:
        episodes = task.sample(contexts, rng, test)
        return [torch.from_numpy(x) for x in (episodes.items, episodes.queries, episodes.labels)]

    for _ in range(iterations):
        items, queries, labels = tensors(BATCH, rng)
        _, votes = module(items, queries)
        loss = torch.nn.functional.cross_entropy(GAIN * votes.flatten(0, 1), labels.flatten())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    with torch.no_grad():
        items, queries, labels = tensors(TESTED, 1, test=True)
        spikes, votes = module(items, queries)
        exact = (spikes == torch.nn.functional.one_hot(labels, 10)).all(-1)
    return {"votes": (votes.argmax(-1) == labels).float().mean().item(), "spikes": exact.float().mean().item()}


def modules(seed: int) -> dict[str, Any]:
    """Both modules, with their defaults."""
    from snmem.attention import SoftmaxAttention, SpikingAttention

    task = OneShotDigits()
    return {
        "spiking": SpikingAttention(task.lines, KEYS, 10, hidden=task.ways, seed=seed),
        "softmax": SoftmaxAttention(task.lines, KEYS, 10, seed=seed),
    }


def run(module: str = "spiking", iterations: int = ITERATIONS, seed: int = 0) -> dict[str, float]:
    """Train one module, "spiking" or "softmax"; share right on images that it was not trained on."""
    return learned(modules(seed)[module], seed, iterations)


def reproduce(
    quick: bool = False, seed: int = 0, out: Path | None = None, report: Callable[[str], None] = print
) -> dict[str, Any]:
    """Five seeds of both modules; ``quick``: two."""
    began, found = time.perf_counter(), {"spiking": [], "softmax": []}
    for s in range(seed, seed + (2 if quick else 5)):
        for name, module in modules(s).items():
            report(f"{name} attention, seed {s}: {ITERATIONS} iterations")
            found[name].append(learned(module, s, ITERATIONS))
    worst = {name: min(run["votes"] for run in runs) for name, runs in found.items()}
    mean = {name: float(np.mean([run["votes"] for run in runs])) for name, runs in found.items()}
    rows = [
        target("spiking attention, worst seed: right label has most votes", worst["spiking"], 0.8, "share"),
        target("softmax attention, worst seed: right label is largest", worst["softmax"], 0.8, "share"),
        target("spiking attention against softmax, mean", mean["spiking"] - mean["softmax"], -0.05, "share"),
    ]
    raw = {"iterations": ITERATIONS, "batch": BATCH, "rate": RATE, "keys": KEYS, "mean": mean, "runs": found}
    files = [] if out is None else [draw(found, out / "one-shot.png")]
    return result(rows, raw, files, seed, began)


def draw(found: Mapping[str, Sequence[Mapping[str, float]]], path: Path) -> str:
    """A point for each seed of both modules; returns the path."""
    figure, axes = paper_axes(1.8)
    for n, runs in enumerate(found.values()):
        axes.plot([run["votes"] for run in runs], [n] * len(runs), "o", color=PALETTE[n], markerfacecolor="white")
    axes.axvline(0.2, color="0.6", lw=0.8, ls="--")
    axes.set(xlim=(0, 1.02), ylim=(-0.6, 1.6), xlabel="share right on new images (dashed: chance)")
    axes.set_yticks(range(len(found)), list(found))
    figure.savefig(path, dpi=150)
    return str(path)
