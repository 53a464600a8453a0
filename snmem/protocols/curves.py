"""Numbers read off retention curves, and their figure."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..errors import InputError
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


def draw_curves(
    curves: Mapping[str, Mapping[str, NDArray[Any]]],
    path: Path,
    label: str,
    dots: Mapping[str, Mapping[str, tuple[Sequence[float], Sequence[float]]]] | None = None,
    limits: tuple[float, float] | None = None,
) -> str:
    """Draw one panel for each group of curves (samples, ages): mean, standard error as band, published values as dots.

    Returns the path, for a result's ``files``.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(5.2 * len(curves), 3.8), layout="constrained")
    for ax, (title, group) in zip(figure.subplots(1, len(curves), squeeze=False)[0], curves.items(), strict=True):
        for number, (name, given) in enumerate(group.items()):
            samples = np.where(np.isfinite(given), given, np.nan)  # a d' without spread is infinite: a gap
            mean, ages = samples.mean(axis=0), np.arange(1, samples.shape[1] + 1)
            error = samples.std(axis=0) / math.sqrt(len(samples))
            ax.plot(ages, mean, color=f"C{number}", linewidth=1, label=name)
            ax.fill_between(ages, mean - error, mean + error, color=f"C{number}", alpha=0.3, linewidth=0)
            if dots and name in dots.get(title, {}):
                ax.plot(*dots[title][name], "o", color=f"C{number}", markersize=4, markerfacecolor="none")
        ax.set(title=title, xlabel="age", ylabel=label, xscale="log")
        if limits:
            ax.set_ylim(*limits)
        ax.legend(frameon=False)
    figure.savefig(path, dpi=150)
    return str(path)
