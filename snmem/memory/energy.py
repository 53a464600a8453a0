r"""The energy of a modern Hopfield network on continuous patterns, and retrieval that descends it.

With the patterns as rows of X (n, size) and :math:`\mathrm{lse}_\beta(z) = \beta^{-1} \ln \sum_i e^{\beta z_i}`,

.. math::
    E(x) = -\mathrm{lse}_\beta(X x) + \tfrac12 x^\top x + \beta^{-1} \ln n + \tfrac12 \max_i |x_i|^2 \ge 0,
    \qquad x \leftarrow X^\top \mathrm{softmax}(\beta X x) .

The update is the concave-convex procedure on E: no step raises it. Its fixed points are, by beta and by how far the
patterns lie apart, single patterns, means of groups of similar patterns (metastable), or the mean of all.

Sources: Ramsauer et al. 2021, "Hopfield Networks is All You Need", arXiv 2008.02217; Bhandarkar & McClelland 2025,
arXiv 2511.04593, appendix A.1 (equations S1 and S2).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..errors import InputError


def energy(states: ArrayLike, patterns: ArrayLike, beta: float = 1.0) -> NDArray[np.float64]:
    """Return the energy of every state, (m,) for states (m, size).

    Parameters
    ----------
    states
        (m, size) or (size,).
    patterns
        Stored patterns, (n, size).
    beta
        Inverse temperature.

    Raises
    ------
    InputError
        For shapes that do not fit, no pattern, numbers that are not finite, or a beta that is not positive.
    """
    x, stored = _checked(states, patterns, beta)
    logits = beta * x @ stored.T
    top = logits.max(axis=1)
    lse = (top + np.log(np.exp(logits - top[:, None]).sum(axis=1))) / beta
    constant = np.log(len(stored)) / beta + 0.5 * (stored**2).sum(axis=1).max()
    return -lse + 0.5 * (x**2).sum(axis=1) + constant


# Parameters that energy and retrieve share are said for each by itself, as ``help`` shows one at a time.
def retrieve(states: ArrayLike, patterns: ArrayLike, beta: float = 1.0, steps: int = 1) -> NDArray[np.float64]:
    """Return the states after ``steps`` updates, (steps + 1, m, size); entry 0 is where they start.

    Parameters
    ----------
    states
        (m, size) or (size,).
    patterns
        Stored patterns, (n, size).
    beta
        Inverse temperature.
    steps
        Number of updates.

    Raises
    ------
    InputError
        As :func:`energy`, and for a negative number of steps.
    """
    x, stored = _checked(states, patterns, beta)
    if steps < 0:
        raise InputError(f"retrieve: steps must not be negative, got {steps}")
    out = np.empty((steps + 1, *x.shape))
    out[0] = x
    for step in range(steps):
        out[step + 1] = updated(out[step], stored, beta)
    return out


def updated(states: NDArray[Any], patterns: NDArray[Any], beta: float) -> NDArray[Any]:
    """One update of states (m, size), in their precision."""
    logits = states.dtype.type(beta) * (states @ patterns.T)
    weights = np.exp(logits - logits.max(axis=1, keepdims=True))
    return (weights @ patterns) / weights.sum(axis=1, keepdims=True)


def _checked(states: ArrayLike, patterns: ArrayLike, beta: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    x, stored = np.atleast_2d(np.asarray(states, float)), np.asarray(patterns, float)
    if stored.ndim != 2 or not len(stored) or x.ndim != 2 or x.shape[1] != stored.shape[1]:
        raise InputError(f"energy: states {x.shape} and patterns {stored.shape} must be (m, size) and (n >= 1, size)")
    if not (np.isfinite(x).all() and np.isfinite(stored).all()):
        raise InputError("energy: states and patterns must be finite numbers")
    if not (np.isfinite(beta) and beta > 0):
        raise InputError(f"energy: beta must be a positive number, got {beta!r}")
    return x, stored
