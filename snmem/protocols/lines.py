"""Figures of a few panels of lines."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from ..io.files import replace_file
from ..plots.style import COLUMN, PALETTE, bare, new_figure


class Panel(NamedTuple):
    """Axes of a figure: what they show, lines by name as (x, y), and whether they are logarithmic."""

    x: str
    y: str
    lines: Mapping[str, tuple[Sequence[float], Sequence[float]]]
    log_x: bool = False
    log_y: bool = False


def draw_lines(path: Path, panels: Sequence[Panel]) -> str:
    """Draw panels side by side into a PNG file and return its path."""
    figure = new_figure(COLUMN * len(panels), 2.6)
    axes: Any = figure.subplots(1, len(panels), squeeze=False)[0]
    for ax, panel in zip(axes, panels, strict=True):
        for i, (name, (x, y)) in enumerate(panel.lines.items()):
            ax.plot(x, y, marker="o", markersize=3, linewidth=1, color=PALETTE[i % len(PALETTE)], label=name)
        ax.set(
            xlabel=panel.x,
            ylabel=panel.y,
            xscale="log" if panel.log_x else "linear",
            yscale="log" if panel.log_y else "linear",
        )
        bare(ax).legend(fontsize=6, frameon=False)
    with replace_file(path) as file:
        figure.savefig(file, dpi=150, format="png")
    return str(path)
