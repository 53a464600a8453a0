"""Figures of trained transformers: learning curves, W_V and the similarity matrices."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...tasks.case_sequence import Sequences
from .models import PAIRS, Training
from .spiking import SpikingTransformer


def _figure(width: float, height: float) -> Any:
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), layout="constrained")


def learning_curves(trainings: Mapping[str, Training], window: int = 50) -> Any:
    """Accuracy and loss by iteration, running means over ``window``: median of the trials, band from least to most."""
    figure = _figure(11, 4)
    for ax, name in zip(figure.subplots(1, 2), ("accuracy", "loss"), strict=True):
        for label, training in trainings.items():
            curves = _running_mean(getattr(training, name), window)
            line = ax.plot(np.median(curves, axis=0), label=label, lw=1.2)[0]
            ax.fill_between(np.arange(curves.shape[1]), curves.min(0), curves.max(0), color=line.get_color(), alpha=0.1)
        ax.set_xlabel("iteration")
        ax.set_ylabel(name)
    figure.axes[0].legend(fontsize=8)
    return figure


def _running_mean(curves: NDArray[np.float64], window: int) -> NDArray[np.float64]:
    window = min(window, curves.shape[1])
    sums = np.cumsum(np.pad(curves, ((0, 0), (1, 0))), axis=1)
    return (sums[:, window:] - sums[:, :-window]) / window


def weight_matrices(training: Training) -> Any:
    """W_V, W_K^T W_K and W_Q^T W_K, means over the trials, with the tokens as labels."""
    task, n = training.task, 2 * training.task.letters
    names = [task.token_name(t) for t in range(task.tokens)]
    key_key = np.einsum("rks,rkt->st", training.w_k, training.w_k)[:n, :n] / len(training.w_k)
    query_key = np.einsum("rks,rkt->st", training.w_q, training.w_k)[n:, :n] / len(training.w_k)
    panels = {
        "W_V": (training.w_v.mean(0)[:, :n], ["lower", "upper"]),
        "W_K' W_K": (key_key, names[:n]),
        "W_Q' W_K": (query_key, names[n:]),
    }
    figure = _figure(13, 4)
    for ax, (title, (matrix, rows)) in zip(figure.subplots(1, 3), panels.items(), strict=True):
        top = np.abs(matrix).max()
        figure.colorbar(ax.imshow(matrix, cmap="RdBu_r", vmin=-top, vmax=top), ax=ax, shrink=0.7)
        ax.set_xticks(range(n), names[:n])
        ax.set_yticks(range(len(rows)), rows)
        ax.set_title(title, fontsize=10)
    return figure


def stages(training: Training) -> Any:
    """How W_V and the similarities grow: values first, then queries to keys, then keys to keys."""
    figure = _figure(6, 4)
    ax = figure.subplots()
    for label, curve in stage_curves(training).items():
        ax.plot(training.recorded, curve / curve[-1], label=label)
    ax.set_xlabel("iteration")
    ax.set_ylabel("share of the final value")
    ax.legend(fontsize=8)
    return figure


def stage_curves(training: Training) -> dict[str, NDArray[np.float64]]:
    """What is learned, by record: values (W_V tells case), query-key and key-key (on- minus off-diagonal)."""
    letters = training.task.letters
    w_v = training.values.mean(0)
    lower, upper = w_v[:, :, :letters].mean(2), w_v[:, :, letters : 2 * letters].mean(2)
    gap = np.diff(training.similarity.mean(0), axis=2)[:, :, 0] * -1.0
    assert len(PAIRS) == gap.shape[1]
    return {
        "values": (lower[:, 0] - lower[:, 1] + upper[:, 1] - upper[:, 0]) / 2,
        "query-key": gap[:, 1:].mean(1),
        "key-key": gap[:, 0],
    }


def half_times(training: Training) -> dict[str, int]:
    """Iteration at which each curve of :func:`stage_curves` first reaches half of its final value."""
    curves = stage_curves(training)
    return {name: int(training.recorded[np.argmax(c >= c[-1] / 2)]) for name, c in curves.items()}


def query_raster(model: SpikingTransformer, sequence: Sequences) -> Any:
    """Raster of one sequence: items are written, the query is answered; red lines: winners of each presentation."""
    _, run = model.run(sequence)
    attention, task = model.attention, model.task
    shown = ("item", "query", "key", "value", "hidden", "hidden.winners", "gate", "key.fast", "value.fast", "output")
    names = [name for name in shown if name in run.spikes]
    figure = _figure(10, 8)
    heights = [max(1.0, np.log2(run.spikes[name].size) / 2) for name in names]
    axes = figure.subplots(len(names), 1, sharex=True, height_ratios=heights)
    for name, ax in zip(names, axes, strict=True):
        s = run.spikes[name]
        ax.scatter(s.step, s.neuron, s=9, marker="|" if s.size < 200 else ".", color="k", lw=0.9)
        ax.set_ylim(-0.05 * s.size - 0.5, 1.05 * s.size)
        ax.set_ylabel(f"{name}\n{len(s):,} spikes", rotation=0, ha="right", va="center", fontsize=8)
        ax.set_yticks([])
        for start in range(0, run.steps, attention.period):
            ax.axvline(start + attention.decision, color="tab:red", lw=0.7, alpha=0.5)
    tokens = [*sequence.context[0], sequence.query[0]]
    for i, token in enumerate(tokens):
        axes[0].text(i * attention.period, 1.1 * task.tokens, task.token_name(token), fontsize=11)
    answer = ["lower case", "upper case"][int(model.answers(run.spikes["output"])[0])]
    axes[-1].set_xlabel(f"step (red: the winners spike); answer: {answer}")
    return figure
