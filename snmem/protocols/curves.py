"""Numbers read off retention curves, and their figure."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..errors import InputError
from ..plots.style import COLUMN, PALETTE, bare, new_figure
from .retention import Retention
from .rows import row


def band_mean(curve: ArrayLike, band: tuple[int, int]) -> float:
    """Return the mean of a curve over ages ``band[0]`` to ``band[1]``, both included."""
    array = np.asarray(curve)
    if not 1 <= band[0] <= band[1] <= array.size:
        raise InputError(f"band {band[0]}-{band[1]}: outside ages 1-{array.size} of the curve; score more patterns")
    return float(array[band[0] - 1 : band[1]].mean())


def smooth(curve: ArrayLike, window: int = 21) -> NDArray[np.float64]:
    """Return the running mean over ``window`` ages, over fewer near the ends."""
    array, kernel = np.asarray(curve, float), np.ones(window)
    return np.convolve(array, kernel, "same") / np.convolve(np.ones(array.size), kernel, "same")


def crossing_age(ours: ArrayLike, theirs: ArrayLike, window: int = 21) -> float:
    """Return the first age from which ``ours``, smoothed, is above ``theirs`` for at least 20 ages, or infinity."""
    above = smooth(ours, window) > smooth(theirs, window)
    for age in range(1, above.size - 18):
        if above[age - 1 : age + 19].all():
            return float(age)
    return math.inf


def longest_stretch(flags: NDArray[np.bool_]) -> tuple[int, int]:
    """Return the first and last age of the longest stretch of ages without a gap, (0, 0) if there is none."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], flags.astype(int), [0]])))
    starts, ends = edges[::2], edges[1::2]
    if not starts.size:
        return 0, 0
    best = int(np.argmax(ends - starts))
    return int(starts[best]) + 1, int(ends[best])


def accuracy_tolerance(ours: Retention, age: int, published_runs: int) -> float:
    """Return 3 standard errors of the difference between two means over runs, ours and the published, plus rounding."""
    spread = float(smooth(ours.spread(), 5)[age - 1])
    runs = ours.stored.shape[0] * ours.stored.shape[1]
    return 3.0 * spread * math.sqrt(1.0 / runs + 1.0 / published_runs) + 0.0005


def window_mean(curve: ArrayLike, age: int, reach: int = 5) -> float:
    """Return the mean of a curve over the ages within ``reach`` of ``age``."""
    array = np.asarray(curve)
    return band_mean(array, (max(1, age - reach), min(array.size, age + reach)))


def judged(
    name: str,
    statistic: Callable[[Retention], float],
    ours: Retention,
    published: float,
    published_runs: int,
    rounding: float = 0.0005,
    unit: str = "",
) -> dict[str, Any]:
    """Return a row whose tolerance is 3 standard errors of the difference between ours and the published number.

    Parameters
    ----------
    name : str
        Name of the row.
    statistic : callable
        Takes a Retention, returns the number.
    ours : Retention
        Our runs; they are redrawn with replacement for the error of one run.
    published : float
        The published number.
    published_runs : int
        Runs behind it.
    rounding : float
        Half a unit of its last digit, added to the tolerance.
    unit : str
        Unit of both.
    """
    rng, runs = np.random.default_rng(0), ours.stored.shape[0] * ours.stored.shape[1]
    error = float(np.std([statistic(_redrawn(ours, len(ours.stored), rng)) for _ in range(60)]))
    tolerance = 3.0 * error * math.sqrt(1.0 + runs / published_runs) + rounding
    return row(name, statistic(ours), published, tolerance, unit)


def d_prime_band(band: tuple[int, int], kind: str = "same") -> Callable[[Retention], float]:
    """Return the statistic "mean d' over a band of ages", for :func:`judged`."""
    return lambda found: band_mean(found.d_prime(kind).mean(axis=0), band)


def bootstrap_error(
    statistic: Callable[[Retention, Retention], float],
    ours: Retention,
    theirs: Retention,
    samples: int | None = None,
    draws: int = 100,
) -> float:
    """Return the standard error of a statistic of two models, from redrawing their runs with replacement.

    ``samples``: samples of each redrawn experiment, by default as many as there are.
    """
    rng = np.random.default_rng(0)
    drawn = ([_redrawn(x, samples or len(x.stored), rng) for x in (ours, theirs)] for _ in range(draws))
    return float(np.std([statistic(*pair) for pair in drawn]))


def _redrawn(given: Retention, samples: int, rng: np.random.Generator) -> Retention:
    had, runs, ages = given.stored.shape
    chosen = rng.integers(0, had * runs, samples * runs)

    def take(values: NDArray[np.float64]) -> NDArray[np.float64]:
        return values.reshape(-1, ages)[chosen].reshape(samples, runs, ages)

    return Retention(take(given.stored), {kind: take(values) for kind, values in given.never.items()})


def summary(result: Retention, bands: Sequence[tuple[int, int]], kind: str = "same") -> dict[str, Any]:
    """Return accuracy, d' and raw difference by band, never-stored accuracy and fit, for the raw figures."""
    ages = result.stored.shape[-1]
    kept = [band for band in bands if band[1] <= ages]
    curves = {
        "accuracy": result.accuracy(),
        "d_prime": result.d_prime(kind).mean(axis=0),
        "raw_difference": result.raw_difference(kind).mean(axis=0),
    }
    fit = result.fit(min(200, ages), kind)
    return {
        "bands": [list(band) for band in kept],
        **{name: [round(band_mean(curve, band), 4) for band in kept] for name, curve in curves.items()},
        "never_stored": round(result.baseline(kind), 5),
        "fit": {"amplitude": round(fit.amplitude, 5), "rate": round(fit.rate, 6)},
    }


def binned(curves: ArrayLike, per_decade: int = 8) -> tuple[NDArray[np.float64], ...]:
    """Mean and standard error of curves in bins of age that are equally long on a logarithmic axis.

    Parameters
    ----------
    curves : array (samples, ages)
        Values by age, from age 1 on; those that are not finite are left out.
    per_decade : int
        Bins from one age to ten times this age; a bin holds at least one age.

    Returns
    -------
    tuple of three arrays
        Ages in the (geometric) middle of the bins, means, and standard errors: of the samples' means in a bin, or of
        the ages in it where there is one sample.
    """
    values = np.where(np.isfinite(curves), np.asarray(curves, float), np.nan)
    last = values.shape[1]
    edges = np.unique(np.round(10 ** np.arange(0, math.log10(last) + 2 / per_decade, 1 / per_decade)).astype(int))
    edges = np.append(edges[(edges < last * 10 ** (-0.5 / per_decade)) | (edges == 1)], last + 1)  # no short last bin
    rows: list[tuple[float, float, float]] = []
    for low, high in itertools.pairwise(edges):
        part = values[:, low - 1 : high - 1]
        each = [float(np.nanmean(one)) for one in part if np.isfinite(one).any()]
        each = each if len(values) > 1 else [float(x) for x in part[0] if np.isfinite(x)]
        if each:
            rows.append((math.sqrt(low * (high - 1)), float(np.mean(each)), float(np.std(each)) / math.sqrt(len(each))))
    ages, means, errors = np.array(rows).reshape(-1, 3).T
    return ages, means, errors


def draw_curves(
    curves: Mapping[str, Mapping[str, NDArray[Any]]],
    path: Path,
    label: str,
    dots: Mapping[str, Mapping[str, tuple[Sequence[float], Sequence[float]]]] | None = None,
    limits: tuple[float, float] | None = None,
) -> str:
    """Draw one panel for each group of curves (samples, ages), by age in bins of :func:`binned`.

    Means as lines, their standard errors as bands, published values as circles. A panel is as wide as a paper's column.
    Returns the path, for a result's ``files``.
    """
    figure = new_figure(COLUMN * len(curves), 2.6)
    for ax, (title, group) in zip(figure.subplots(1, len(curves), squeeze=False)[0], curves.items(), strict=True):
        top = max((samples.shape[1] for samples in group.values()), default=1)
        for number, (name, samples) in enumerate(group.items()):
            colour = PALETTE[number % len(PALETTE)]
            ages, mean, error = binned(samples)
            ax.plot(ages, mean, color=colour, linewidth=1.2, label=name)
            ax.fill_between(ages, mean - error, mean + error, color=colour, alpha=0.25, linewidth=0)
            if dots and name in dots.get(title, {}):
                ax.plot(*dots[title][name], "o", color=colour, markersize=3.5, markerfacecolor="white")
                top = max(top, *dots[title][name][0])
        ax.set(xlabel="age (patterns stored since)", ylabel=label, xscale="log", xlim=(0.9, 1.1 * top))
        ax.set_title(title, fontsize=9)
        if limits:
            ax.set_ylim(*limits)
        bare(ax)
        ax.legend(frameon=False, fontsize=7)
    figure.savefig(path, dpi=150)
    return str(path)
