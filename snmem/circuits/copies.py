"""Several copies of a network side by side, so that a runtime whose cost is per step answers many questions at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields, replace
from typing import Any

import numpy as np
import scipy.sparse as sp

from .._weights import csr_of
from ..network import Input, Network
from ..spikes import Spikes


def side_by_side(network: Network, copies: int) -> Network:
    """The network ``copies`` times over, without connections between them; neurons of a copy stay together."""

    def tiled(neuron: Any) -> Any:
        values = {f.name: getattr(neuron, f.name) for f in fields(neuron)}
        return replace(neuron, **{n: np.tile(v, copies) for n, v in values.items() if isinstance(v, np.ndarray)})

    populations = tuple(
        replace(p, shape=p.size * copies)
        if isinstance(p, Input)
        else replace(p, shape=p.size * copies, neuron=tiled(p.neuron))
        for p in network.populations
    )
    eye = sp.eye_array(copies)
    projections = tuple(  # as "csr": otherwise scipy fills up what is half full, and that would be synapses
        replace(q, weights=sp.kron(eye, csr_of(q.weights), format="csr").astype(q.weights.dtype))
        for q in network.projections
    )
    return replace(network, populations=populations, projections=projections)


def inputs_of_copies(network: Network, inputs: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Input events (step, neuron) of the copies as those of the network of :func:`side_by_side`."""
    out = {}
    for p in network.inputs:
        each = [(np.asarray(x[p.name][0]), np.asarray(x[p.name][1]) + i * p.size) for i, x in enumerate(inputs)]
        out[p.name] = tuple(np.concatenate(part) for part in zip(*each, strict=True))
    return out


def spikes_of_copy(spikes: Spikes, number: int, copies: int) -> Spikes:
    """Spikes of one copy of a population."""
    size = spikes.size // copies
    mine = spikes.neuron // size == number
    return Spikes(spikes.step[mine], spikes.neuron[mine] - number * size, spikes.steps, size)
