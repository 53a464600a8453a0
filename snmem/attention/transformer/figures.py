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


def run_curves(trainings: Mapping[str, Training], window: int = 50) -> Any:
    """Accuracy by iteration of every run, a panel for each model (black: median), and the accuracies in the end."""
    columns = len(trainings) // 2 + 1
    figure = _figure(3.1 * columns, 6.4)
    axes = figure.subplots(2, columns, squeeze=False).ravel()
    panels, last = axes[: len(trainings)], axes[-1]
    for number, (ax, (label, training)) in enumerate(zip(panels, trainings.items(), strict=True)):
        curves = _running_mean(training.accuracy, window)
        ax.plot(curves.T, color=f"C{number}", lw=0.6, alpha=0.6)
        ax.plot(np.median(curves, axis=0), color="k", lw=1.0)
        ax.set(title=label, xlabel="iteration", ylabel="" if number % columns else "accuracy", ylim=(0.45, 1.02))
        final = training.final_accuracy(min(1000, training.accuracy.shape[1]))
        last.plot(number + np.linspace(-0.2, 0.2, final.size), final, ".", color=f"C{number}")
    for ax in axes[len(trainings) : -1]:
        ax.set_axis_off()
    last.set(title="in the end", ylim=(0.45, 1.02))
    last.set_xticks(range(len(trainings)), list(trainings), rotation=90, fontsize=8)
    return figure


def weight_matrices(training: Training) -> Any:
    """W_V, W_K^T W_K and W_Q^T W_K before (above) and after training, means over the trials, tokens as labels."""
    task, n = training.task, 2 * training.task.letters
    names = [task.token_name(t) for t in range(task.tokens)]
    figure = _figure(13, 7.2)
    moments = {"before": training.initial, "after": (training.w_q, training.w_k, training.w_v)}
    for line, (when, (w_q, w_k, w_v)) in zip(figure.subplots(2, 3), moments.items(), strict=True):
        panels = {
            "W_V": (w_v.mean(0)[:, :n], ["lower", "upper"]),
            "W_K' W_K": (np.einsum("rks,rkt->st", w_k, w_k)[:n, :n] / len(w_k), names[:n]),
            "W_Q' W_K": (np.einsum("rks,rkt->st", w_q, w_k)[n:, :n] / len(w_k), names[n:]),
        }
        for ax, (title, (matrix, rows)) in zip(line, panels.items(), strict=True):
            top = np.abs(matrix).max()
            figure.colorbar(ax.imshow(matrix, cmap="RdBu_r", vmin=-top, vmax=top), ax=ax, shrink=0.7)
            ax.set_xticks(range(n), names[:n])
            ax.set_yticks(range(len(rows)), rows)
            ax.set_title(f"{title}, {when}", fontsize=10)
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
