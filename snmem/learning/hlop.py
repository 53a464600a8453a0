r"""Hebbian learning of a subspace, and weight updates orthogonal to it, so that later tasks leave earlier ones alone.

Lateral units y = W x learn the principal subspace of the inputs x of a task by

.. math:: \Delta W = \eta\, \langle y\, (x - W^T y)^T \rangle, \qquad x \leftarrow x - P^T P x

where P are the rows of earlier tasks, which are frozen. While another task is learned, the gradient of a layer is
formed with :math:`x - P^T P x` in place of x, so that what the layer answers within the subspace does not change.
``levels``: y is rounded to so many levels within -20..20, as the spiking version of the source sends it.

There is no network of LIF neurons: y is signed and graded, and the products of the rule with it are those of numbers,
not of spikes.

Source: Xiao et al. 2024, "Hebbian learning based orthogonal projection for continual learning of spiking neural
networks", ICLR (momentum 0.9, five inner iterations).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..description import is_whole, real_array
from ..errors import InputError

#: Range of the responses that are rounded.
REACH = 20.0


@dataclass(frozen=True)
class SubspaceLearning:
    """How a subspace is learned.

    Parameters
    ----------
    rate : float
        Learning rate eta at the start; it falls to 0.
    momentum : float
        Share of the last step that is taken again.
    inner : int
        Steps for each batch.
    epochs, batch : int
        Passes through the inputs, and inputs of a step.
    levels : int or None
        Levels of y within -20..20; None: not rounded.
    """

    rate: float = 0.05
    momentum: float = 0.9
    inner: int = 5
    epochs: int = 40
    batch: int = 64
    levels: int | None = None


def subspace(
    inputs: ArrayLike, units: int, frozen: ArrayLike, how: SubspaceLearning | None = None, seed: int = 0
) -> NDArray[np.float64]:
    """Learn ``units`` more rows from inputs; all rows, the frozen ones first, (rows, lines).

    Parameters
    ----------
    inputs : array (n, lines)
        What the layer sees in the task.
    units : int
        New lateral units.
    frozen : array (rows, lines)
        Rows of earlier tasks; ``np.zeros((0, lines))`` for none.
    how : SubspaceLearning
        Rates and passes.
    seed : int
        Of the initial weights and the order of inputs.

    Raises
    ------
    InputError
        For shapes that do not fit, and more rows than lines.
    """
    how, x, rows = how or SubspaceLearning(), _matrix(inputs, "inputs"), _matrix(frozen, "frozen")
    if rows.shape[1] != x.shape[1]:
        raise InputError(f"subspace: frozen has {rows.shape[1]} lines, the inputs {x.shape[1]}; make them equal")
    if not is_whole(units) or not 1 <= units <= x.shape[1] - len(rows):
        raise InputError(f"subspace: {units!r} units beside {len(rows)} rows in {x.shape[1]} lines; use 1 and more")
    rng = np.random.default_rng(seed)
    w = rng.normal(scale=0.1, size=(units, x.shape[1]))
    step = np.zeros_like(w)
    left = x - x @ rows.T @ rows
    for epoch in range(how.epochs):
        rate = how.rate * (1 - epoch / how.epochs)
        for some in np.array_split(rng.permutation(len(x)), max(1, len(x) // how.batch)):
            for _ in range(how.inner):
                y = _rounded(left[some] @ w.T, how.levels)
                step = how.momentum * step + y.T @ (left[some] - y @ w) / len(some)
                w = w + rate * step
    return np.vstack([rows, w])


def _matrix(given: ArrayLike, what: str) -> NDArray[np.float64]:
    values: Any = real_array(given)
    if values is None or values.ndim != 2 or not np.isfinite(values).all():
        raise InputError(f"{what}: must be finite numbers (n, lines), got shape {np.shape(given)}")
    return np.asarray(values, np.float64)


def _rounded(y: NDArray[np.float64], levels: int | None) -> NDArray[np.float64]:
    if levels is None:
        return y
    step = 2 * REACH / levels
    return np.rint(np.clip(y, -REACH, REACH) / step) * step


def outside(inputs: NDArray[np.float64], rows: NDArray[np.float64]) -> NDArray[np.float64]:
    """What of inputs (n, lines) lies outside the subspace of the rows."""
    return inputs - inputs @ rows.T @ rows


def largest_angle(rows: NDArray[np.float64], others: NDArray[np.float64]) -> float:
    """Largest principal angle between the subspaces of two matrices of equally many rows, in degrees."""
    first, second = (np.linalg.qr(m.T)[0] for m in (rows, others))
    cosines = np.linalg.svd(first.T @ second, compute_uv=False)
    return float(np.degrees(np.arccos(np.clip(cosines.min(), -1.0, 1.0))))
