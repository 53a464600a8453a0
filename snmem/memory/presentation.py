"""How patterns are presented to a spiking memory: when, as which events, and how strongly they drive."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from ..backends.base import Job, make_recording
from ..network import Network
from ..spikes import Recording, Spikes

#: Bits behind the point of frozen weights: sums of them are exact in float64 and float32.
_GRID_BITS = 16


@dataclass(frozen=True)
class Presentation:
    """Timing of one presentation in steps: ``latency`` to the (last) winners' volley, ``period`` to the next start."""

    latency: int
    period: int


def drive_span(active: float) -> float:
    """A power of two above the drives to expect from ``active`` afferent spikes on average, weights in [0, 1].

    Mean plus four standard deviations of a sum of uniformly distributed weights (virgin synapses, the strongest case).
    """
    return 2.0 ** math.ceil(math.log2(active / 2 + 4 * math.sqrt(active / 3)))


def on_grid(weights: sp.csr_array) -> sp.csr_array:
    """Weights rounded to multiples of 2**-16, on the same synapses."""
    data = np.round(weights.data * 2.0**_GRID_BITS) / 2.0**_GRID_BITS
    return sp.csr_array((data, weights.indices.copy(), weights.indptr.copy()), shape=weights.shape)


def volley(patterns: NDArray[Any], period: int, at: int) -> tuple[NDArray[Any], NDArray[Any]]:
    """Spike events (step, neuron): the ones of row i in step i * period + at."""
    row, neuron = np.nonzero(patterns)
    return row * period + at, neuron


def no_presentations(network: Network, backend: str, state: Any = None) -> Recording:
    """What a run without presentations records: no step, no spike, the weights and the state as they were."""
    nothing = np.zeros(0, np.int64)
    spikes = {p.name: Spikes(nothing, nothing, 0, p.size) for p in network.populations}
    plastic = {q.name: q.weights for q in network.projections if q.plasticity}
    return make_recording(
        Job(network, spikes, 0),
        backend,
        spikes,
        traces={},
        weight_updates=dict.fromkeys(plastic, 0),
        weights=plastic,
        state=state,
    )
