r"""k-WTA that is exact: drives that are whole numbers, all that tie with the k-th winning, nobody with a drive below 1.

.. math:: s_j = h_j \ge 1 \;\wedge\; h_j \ge h_{(k)}

with :math:`h_{(k)}` the k-th largest drive of the unit's group. Successive approximation with a probe for every bit of
the largest drive; its candidates keep their drives in their potentials, which no runtime lets leak.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ...errors import InputError
from ...network import Projection
from .base import Circuit, Line, to_all
from .successive_approximation import SuccessiveApproximation

#: Largest drive.
LIMIT = (1 << 20) - 1


def exact_winners(drives: ArrayLike, k: int) -> NDArray[np.bool_]:
    """Which units win along the last axis: what :func:`exact_kwta` computes, on vectors.

    Parameters
    ----------
    drives : array (..., units)
        Whole numbers.
    k : int
        Winners; more where several tie with the k-th, fewer where fewer drives are positive.
    """
    h = np.asarray(drives)
    least = np.partition(h, h.shape[-1] - k, axis=-1)[..., [h.shape[-1] - k]]
    return (h >= least) & (h >= 1)


def exact_steps(most: int) -> int:
    """Steps from the start signal of :func:`exact_kwta` to the winners' volley: two for each bit of ``most``, and two.

    Parameters
    ----------
    most : int
        Largest drive.
    """
    return SuccessiveApproximation(_bits(most)).latency


def exact_kwta(
    name: str, size: int, k: int, start: Line, most: int, period: int, clear: int, groups: int = 1
) -> Circuit:
    """Build the circuit; it answers as :class:`snmem.circuits.kwta.base.Strategy` says, for drives up to ``most``.

    Parameters
    ----------
    name : str
        Of the candidates.
    size : int
        Candidates of all groups.
    k : int
        Winners of each group.
    start : Line
        Neuron that spikes one step before the drives arrive.
    most : int
        Largest drive, below 2**20.
    period : int
        Steps of a presentation.
    clear : int
        Step of the presentation in which drives are forgotten, at the earliest with the winners' volley.
    groups : int
        Groups of equal size, one after another, that compete apart from each other.

    Raises
    ------
    InputError
        For sizes, winners or periods that do not fit, or drives that are too large.
    """
    bits = _bits(most)
    strategy = SuccessiveApproximation(bits, groups, hold="v")
    circuit = strategy.build(name, size, k, start, 2.0**bits, period, clear)
    half = Projection(start.population, name, to_all(size, start.size, {start.index: -0.5}), name=f"{name}.half")
    return Circuit(
        circuit.populations,
        (*circuit.projections, half),
        circuit.candidates,
        circuit.winners,
        circuit.latency,
        circuit.finish,
    )


def undo_weights(circuit: Circuit, most: int, groups: int = 1) -> tuple[NDArray[np.float64], float]:
    """How to read the largest drives off the undo neurons of a circuit with one winner a group.

    The spikes of a group's undo neurons, each with its weight, sum to span - max(largest drive of the group, 1).

    Parameters
    ----------
    circuit : Circuit
        Of :func:`exact_kwta`.
    most : int
        Its largest drive.
    groups : int
        Its groups.

    Returns
    -------
    weights : float64 (control neurons,)
        Of the neurons of ``<name>.control``.
    span : float
        See above.
    """
    bits, span = _bits(most), 2.0 ** _bits(most)
    weights = np.zeros(circuit.finish.size)
    weights[circuit.latency :] = np.tile(span / 2.0 ** np.arange(1, bits + 1), groups)
    return weights, span


def _bits(most: Any) -> int:
    if not 0 <= most <= LIMIT:
        raise InputError(f"exact_kwta: drives of up to {most}, limit {LIMIT}; store less, or use smaller weights")
    return max(int(most).bit_length(), 1)
