"""What pictures share: labels of outside texts, colours, sizes, the axis of time."""

from __future__ import annotations

import warnings
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from .._text import shortened, visible

#: Characters of a label, at most.
_LABEL = 60
#: Colours that people with any colour vision tell apart (Okabe & Ito 2008), without their yellow, pale on white.
PALETTE = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#000000")
#: Width of a column of a paper in inches (85 mm).
COLUMN = 3.35


def label(text: str) -> str:
    """``text`` from outside as a label of matplotlib: short, on one line, and never a formula."""
    return shortened(visible(text), _LABEL).replace("$", r"\$")


@contextmanager
def plain_text(**settings: Any) -> Generator[None]:
    """A context to make and save pictures with such labels in: no TeX, no warning of characters a font lacks.

    Further settings of matplotlib are given as ``svg_fonttype="none"`` for "svg.fonttype".
    """
    import matplotlib as mpl

    given = {name.replace("_", ".", 1): value for name, value in settings.items()}
    with cast(Any, mpl).rc_context({"text.usetex": False} | given), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing")
        yield


def new_figure(width: float, height: float) -> Any:
    """An empty figure, of ``width`` x ``height`` inches."""
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), layout="constrained")


def paper_axes(height: float) -> tuple[Any, Any]:
    """A figure one column wide with axes without the lines at the top and on the right."""
    figure = new_figure(COLUMN, height)
    return figure, bare(figure.subplots())


def bare(axes: Any) -> Any:
    """Take the top and right lines off, and make the texts as small as those of a paper."""
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(labelsize=7)
    axes.xaxis.label.set_size(8)
    axes.yaxis.label.set_size(8)
    return axes


def times(steps: NDArray[Any], dt: float | None, start: int = 0, length: int | None = None) -> tuple[Any, str]:
    """Steps of a run as times, and the name of their axis: seconds, milliseconds below one second, or steps.

    Parameters
    ----------
    steps : array
        Steps, counted from the first of the run.
    dt : float or None
        Duration of a step in seconds.
    start : int
        Number of the first step.
    length : int or None
        Steps of the run, which choose the unit; by default the largest of ``steps``.
    """
    steps = np.asarray(steps) + start
    if dt is None:
        return steps, "step"
    long = dt * (length if length is not None else int(np.max(steps, initial=1))) >= 1
    return steps * (dt if long else dt * 1e3), "time (s)" if long else "time (ms)"
