r"""Motif detectors: neurons that spike when spikes arrive in a learned order, because their synapses differ in delay.

.. math:: s_c(t) = \Big[\sum_{i, \tau} K_{\tau i c}\, x_i(t - \tau - 1) > \theta_c\Big]

with kernels K (delays, lines, classes): a logistic regression over the latest spikes of all lines, in every step, by
one memoryless neuron a class. Of several classes the first to spike wins and silences the others.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import ArrayLike, NDArray

from ..description import real_array
from ..errors import InputError
from ..network import Population, Projection
from ..neurons import LIF


def on_levels(kernels: NDArray[np.float64], theta: ArrayLike, levels: int = 255) -> tuple[Any, Any]:
    """Kernels as whole numbers up to ``levels``, and thresholds between two such sums, in proportion."""
    scale = levels / max(np.abs(kernels).max(), np.finfo(float).tiny)
    return np.rint(kernels * scale), np.floor(np.asarray(theta) * scale) + 0.5


def motif_detectors(
    name: str, source: str, kernels: ArrayLike, theta: ArrayLike
) -> tuple[Population, tuple[Projection, ...]]:
    """One neuron a class, and one projection from ``source`` for each delay, of 1 step and more.

    Parameters
    ----------
    name, source : str
        Of the detectors, and of the population whose spikes they watch.
    kernels : array (delays, lines, classes)
        Weights by age of a spike; a weight of 0 is no synapse.
    theta : number or array (classes,)
        Thresholds.

    Raises
    ------
    InputError
        For kernels of another shape, or without any weight.
    """
    values: Any = real_array(kernels)
    if values is None or values.ndim != 3 or not np.isfinite(values).all() or not values.any():
        raise InputError(f"{name}: kernels must be finite numbers (delays, lines, classes), not all 0")
    population = Population(name, values.shape[2], LIF(alpha=0, beta=0, theta=theta))
    synapses = tuple(
        Projection(source, name, sp.csr_array(kernel.T), age + 1, name=f"{source}->{name}.{age + 1}")
        for age, kernel in enumerate(values)
        if kernel.any()
    )
    return population, synapses


def first_spike(
    name: str, source: str, size: int, clear_every: int, clear_offset: int = 0
) -> tuple[Population, tuple[Projection, ...]]:
    """The first neuron of ``source`` to spike, the first by number of those in the same step, spikes once.

    All are silent from then on, until the next timed clear.

    Parameters
    ----------
    name, source : str
        Of the winners, and of the neurons that compete.
    size : int
        Number of both.
    clear_every, clear_offset : int
        Steps between two decisions, and when they begin.
    """
    population = Population(name, size, LIF(alpha=1, beta=0, theta=0.5), clear_every, clear_offset)
    far = 2.0 * clear_every
    before = np.eye(size) - far * np.tri(size, k=-1)  # those after a neuron that spiked stay behind
    silence = np.full((size, size), -far)
    return population, (Projection(source, name, before), Projection(name, name, silence))
