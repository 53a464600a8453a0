r"""How well a memory remembers: accuracy, d', fits, significance, and what theory expects.

Curves are indexed by age: entry a - 1 belongs to age a, and age 1 is the pattern stored last. Accuracies of many runs
are arrays (runs, ages); a *sample* of the paper is 20 independent runs.

Source of the definitions: Bhandarkar & McClelland 2025, arXiv 2511.04593, section 2 and appendix A.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .errors import InputError

#: AUC is clipped to [AUC_CLIP, 1 - AUC_CLIP] before it becomes a d'.
AUC_CLIP = 1e-4


class ExponentialFit(NamedTuple):
    """Parameters of ``amplitude * exp(-rate * age)``."""

    amplitude: float
    rate: float


def accuracy(recalled: ArrayLike, patterns: ArrayLike) -> NDArray[np.float64]:
    """Return, for each row, the share of the ones of ``patterns`` that ``recalled`` has too; zeros are not scored."""
    found, wanted = np.asarray(recalled, bool), np.asarray(patterns, bool)
    if found.shape != wanted.shape:
        raise InputError(f"accuracy: recalled has shape {found.shape}, patterns {wanted.shape}; give equal shapes")
    return (found & wanted).sum(axis=-1) / wanted.sum(axis=-1)


def identified(recalled: ArrayLike, stored: ArrayLike, index: ArrayLike) -> float:
    """Return the fraction of recalled patterns whose nearest stored pattern (largest overlap) is ``stored[index]``.

    Of stored patterns equally near, the first counts.
    """
    overlap = np.asarray(recalled, np.float32) @ np.asarray(stored, np.float32).T
    return float((overlap.argmax(axis=1) == np.asarray(index)).mean())


def d_prime(stored: ArrayLike, never: ArrayLike, axis: int = 0) -> NDArray[np.float64]:
    r"""Return the paper's d': mean over std (ddof 0) of the paired difference of accuracies over runs.

    .. math:: d' = \frac{\mathrm{mean}_r D_r}{\mathrm{std}_r D_r}, \qquad D_r = \text{stored}_r - \text{never}_r

    It is a paired effect size. Where all runs differ equally it is infinite, or 0 if they do not differ at all.
    """
    difference = np.asarray(stored, float) - np.asarray(never, float)
    mean, spread = difference.mean(axis=axis), difference.std(axis=axis)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(mean == 0.0, 0.0, mean / spread)


def auc(stored: ArrayLike, never: ArrayLike) -> NDArray[np.float64]:
    """Return the area under the ROC curve that tells ``stored`` from ``never``, both (runs, ...); ties count half."""
    a, b = np.asarray(stored, float), np.asarray(never, float)
    above = (a[:, None] > b[None]).mean(axis=(0, 1))
    return above + 0.5 * (a[:, None] == b[None]).mean(axis=(0, 1))


def auc_d_prime(stored: ArrayLike, never: ArrayLike) -> NDArray[np.float64]:
    r"""Return :math:`\sqrt2\,\Phi^{-1}(\mathrm{AUC})`, the AUC clipped to [1e-4, 1 - 1e-4], so at most 5.26 in size."""
    from scipy.special import ndtri

    return math.sqrt(2.0) * ndtri(np.clip(auc(stored, never), AUC_CLIP, 1.0 - AUC_CLIP))


def exponential_fit(values: ArrayLike, ages: ArrayLike | None = None) -> ExponentialFit:
    """Fit ``C * exp(-lambda * age)`` by non-linear least squares; values of any sign are allowed.

    Parameters
    ----------
    values
        The curve, by default at ages 1, 2, ...
    ages
        Ages of the values.

    Raises
    ------
    InputError
        For fewer than 3 values, values that are not finite, or a fit that does not converge.
    """
    from scipy.optimize import least_squares

    y, x = _curve(values, ages)
    positive = y > 0.0
    start = (max(float(y[0]), 1e-6), 1.0 / float(x.max()))
    if positive.sum() >= 2:
        slope, height = np.polyfit(x[positive], np.log(y[positive]), 1, w=y[positive])
        start = (math.exp(min(height, 700.0)), -slope)
    fit = least_squares(lambda p: p[0] * np.exp(-p[1] * x) - y, start, method="lm")
    if not fit.success or not np.isfinite(fit.x).all():
        raise InputError(f"exponential_fit: no exponential fits these {y.size} values ({fit.message})")
    return ExponentialFit(*map(float, fit.x))


def _curve(values: ArrayLike, ages: ArrayLike | None) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    y = np.asarray(values, np.float64)
    x = np.asarray(np.arange(1.0, y.size + 1.0) if ages is None else ages, np.float64)
    if y.ndim != 1 or x.shape != y.shape:
        raise InputError(f"fit: values and ages must be vectors of equal length, got {y.shape} and {x.shape}")
    if y.size < 3 or not (np.isfinite(y).all() and np.isfinite(x).all()):
        raise InputError(f"fit: needs at least 3 finite values, got {int(np.isfinite(y).sum())}")
    return y, x


def reliably_better(ours: ArrayLike, theirs: ArrayLike, alpha: float = 0.01) -> NDArray[np.bool_]:
    """Return where ``ours`` (samples, ...) is above ``theirs`` by a one-tailed paired t test over the samples.

    As in the paper: t = mean / (std(ddof 0) / sqrt(samples)) with samples - 1 degrees of freedom, each age on its own.
    """
    from scipy.stats import t as student

    difference = np.asarray(ours, float) - np.asarray(theirs, float)
    samples = difference.shape[0]
    if samples < 2:
        raise InputError(f"reliably_better: needs at least 2 samples, got {samples}")
    mean, error = difference.mean(axis=0), difference.std(axis=0) / math.sqrt(samples)
    return mean > student.ppf(1.0 - alpha, samples - 1) * error


def theorem_baseline(share: float, hidden: int = 100, visible: int = 1000, active: int = 100) -> float:
    r"""Return the accuracy the paper's Proposition 2 gives a 1-winner memory for a pattern it never stored.

    .. math:: s + \sqrt{2 q (1 - s) \ln(n_h) / n_i}

    with sparsity s = active / visible, cue share q, n_h hidden and n_i visible units. An asymptotic over-estimate;
    :func:`exact_baseline` is exact.
    """
    sparsity = active / visible
    return sparsity + math.sqrt(2.0 * share * (1.0 - sparsity) * math.log(hidden) / visible)


def theorem_curve(
    ages: ArrayLike, share: float, hidden: int = 100, visible: int = 1000, active: int = 100
) -> NDArray[np.float64]:
    r"""Return Theorem 1, a 1-winner memory's raw difference: :math:`(1 - 1/n_h)^{a-1} (1 - \text{baseline})`."""
    survival = (1.0 - 1.0 / hidden) ** (np.asarray(ages, float) - 1.0)
    return survival * (1.0 - theorem_baseline(share, hidden, visible, active))


def exact_baseline(share: float, hidden: int = 100, visible: int = 1000, active: int = 100) -> float:
    """Return the exact accuracy of a 1-winner memory, full of random patterns, for one it never stored.

    The slot recalled has the largest of ``hidden`` hypergeometric overlaps with the cue's ``share * active`` ones; the
    pattern's other ones match by chance.
    """
    from scipy.stats import hypergeom

    cue = round(share * active)
    overlaps = np.arange(cue + 1)
    at_most = hypergeom.cdf(overlaps, visible, active, cue) ** hidden
    best = float((1.0 - at_most).sum())
    rest = (active - cue) * (active - best) / (visible - cue) if visible > cue else 0.0
    return (best + rest) / active
