r"""Active dendrites: cells that spike when any of their segments finds enough active inputs.

.. math:: s_j = \Big[ \bigvee_{g \in j} \textstyle\sum_{i} w_{gi} x_i \ge \theta \Big]

A segment is a coincidence detector on its own; the cell is the OR of its segments, one step after them. In place of
making the cell spike, a segment may only bias it, so that predicted cells win a competition among others.

Sources: Poirazi, Brannon & Mel 2003, doi 10.1016/S0896-6273(03)00149-1; Hawkins & Ahmad 2016, "Why Neurons Have
Thousands of Synapses", doi 10.3389/fncir.2016.00023.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import scipy.sparse as sp
from numpy.typing import ArrayLike

from ..errors import InputError
from ..network import Population, Projection
from ..neurons import LIF
from ..plasticity import LearningRule


class Dendrites(NamedTuple):
    """What dendrites add to a network; segments spike one step after their inputs, cells two."""

    populations: tuple[Population, ...]
    projections: tuple[Projection, ...]


def dendrites(
    name: str,
    source: str,
    weights: Any,
    cell: ArrayLike,
    theta: int,
    *,
    bias: float | None = None,
    plasticity: LearningRule | None = None,
) -> Dendrites:
    """Build cells with segments, all of one threshold.

    Parameters
    ----------
    name : str
        Of the cells; ``<name>.segments`` are their segments.
    source : str
        Population of the inputs.
    weights : array (segments, inputs)
        Synapses, dense or scipy.sparse.
    cell : int array (segments,)
        The cell of each segment; cells are counted from 0 to the largest.
    theta : int
        Active synapses, of weight 1, at which a segment spikes.
    bias : float or None
        None: a segment makes its cell spike. A number: cells are a population of the caller's, which each active
        segment reaches with this weight.
    plasticity : LearningRule or None
        Rule of the synapses.

    Raises
    ------
    InputError
        For numbers of segments that differ, a cell below 0, or a threshold below 1.
    """
    matrix: Any = sp.csr_array(weights)
    of: Any = np.asarray(cell)
    if of.shape != matrix.shape[:1] or of.dtype.kind not in "iu" or not of.size or of.min() < 0:
        raise InputError(f"{name}: cell must name the cell of each of {matrix.shape[0]} segments by a number from 0")
    if theta < 1:
        raise InputError(f"{name}: theta must be at least 1 active synapse, got {theta!r}")
    segments, cells = f"{name}.segments", int(of.max()) + 1
    joined = sp.csr_array((np.full(of.size, 1.0 if bias is None else bias), (of, np.arange(of.size))))
    populations = [Population(segments, of.size, LIF(alpha=0, beta=0, theta=theta - 0.5))]
    if bias is None:
        populations.append(Population(name, cells, LIF(alpha=0, beta=0, theta=0.5)))
    return Dendrites(
        tuple(populations),
        (Projection(source, segments, matrix, plasticity=plasticity), Projection(segments, name, joined)),
    )
