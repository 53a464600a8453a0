"""What a memory was given, and what it recalled."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._text import visible
from ..spikes import Recording
from .style import label, new_figure


def item_recall(items: NDArray[Any], stored: NDArray[Any], cues: NDArray[Any], recalled: NDArray[Any]) -> Any:
    """Rows: the items, and what the patterns stored, given as cue, and recalled decode to.

    Each of shape (n, height, width) for images, or (n, components) for vectors, which are drawn as bars.
    """
    rows = (("item", items), ("stored pattern", stored), ("cue", cues), ("recalled", recalled))
    figure = new_figure(1.0 * len(items) + 1, 4.4)
    axes = figure.subplots(len(rows), len(items), squeeze=False)
    low, high = float(np.min(items)), float(np.max(items))
    for (title, values), line in zip(rows, axes, strict=True):
        for value, ax in zip(values, line, strict=True):
            if value.ndim == 2:
                ax.imshow(value, cmap="gray_r", vmin=low, vmax=high)
            else:
                ax.bar(np.arange(len(value)), value, width=1.0, color="0.3")
                ax.set_ylim(low, high)
            ax.set_xticks([])
            ax.set_yticks([])
        line[0].set_ylabel(title, rotation=0, ha="right", va="center")
    return figure


def text_recall(stored: Sequence[str], cues: Sequence[str], recalled: Sequence[str]) -> Any:
    """Stored, damaged and recalled lines side by side; recalled ones in green where right, in red where not."""
    figure = new_figure(15, 0.42 * len(stored) + 0.6)
    ax = figure.subplots()
    ax.axis("off")
    for x, title in ((0.0, "stored"), (0.34, "cue"), (0.68, "recalled")):
        ax.text(x, len(stored), title, weight="bold")
    for i, lines in enumerate(zip(stored, cues, recalled, strict=True)):
        colours = ("black", "0.4", "green" if lines[0] == lines[2] else "red")
        for x, line, colour in zip((0.0, 0.34, 0.68), lines, colours, strict=True):
            short = visible(line if len(line) <= 52 else line[:51] + "…")
            ax.text(x, len(stored) - 1 - i, short, color=colour, fontsize=9, parse_math=False, usetex=False)
    ax.set_ylim(-0.5, len(stored) + 0.5)
    return figure


def recall_raster(recording: Recording, decision: int) -> Any:
    """Raster of one recall: every population over the steps, with the step ``decision`` of the hidden winners
    marked."""
    names = [name for name, s in recording.spikes.items() if s.size > 1] or list(recording.spikes)
    figure = new_figure(9, 9)
    heights = [max(1.0, np.log10(recording.spikes[n].size)) for n in names]
    axes = figure.subplots(len(names), 1, sharex=True, height_ratios=heights, squeeze=False)[:, 0]
    for name, ax in zip(names, axes, strict=True):
        s = recording.spikes[name]
        ax.scatter(s.step, s.neuron, s=9 if s.size < 100 else 2, marker="|" if s.size < 100 else ".", color="k", lw=0.8)
        ax.set_ylim(-0.03 * s.size - 1, 1.03 * s.size)
        ax.set_ylabel(f"{label(name)}\n{len(s):,} spikes", rotation=0, ha="right", va="center", fontsize=8)
        ax.axvline(decision, color="tab:red", lw=0.7, alpha=0.6)
    axes[-1].set_xlabel("step (red: the hidden winners leave together)")
    return figure
