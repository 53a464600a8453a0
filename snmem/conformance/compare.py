"""Compare two recordings of the same network, bit for bit."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from ..spikes import Recording


@dataclass(frozen=True)
class Difference:
    """How far two runs of one population are apart.

    cells : steps x neurons compared.    differing : cells in which one run has a spike and the other none.
    first_step : first step with a differing cell, or None.
    """

    cells: int
    differing: int
    first_step: int | None

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)


def differing(a: Recording, b: Recording) -> dict[str, Difference]:
    """Population name -> :class:`Difference`, for the populations that both recordings hold."""
    out: dict[str, Difference] = {}
    for name, spikes in a.spikes.items():
        if name in b.spikes:
            count, first = spikes.differing(b.spikes[name])
            out[name] = Difference(spikes.steps * spikes.size, count, first)
    return out


def differing_traces(a: Recording, b: Recording) -> dict[str, Difference]:
    """Trace name -> :class:`Difference` in its numbers, for the traces that both recordings hold."""
    out: dict[str, Difference] = {}
    for name, values in a.traces.items():
        if name in b.traces:
            wrong = values != b.traces[name]
            out[name] = Difference(
                values.size, int(wrong.sum()), int(np.argwhere(wrong)[0][0]) if wrong.any() else None
            )
    return out


def assert_same(a: Recording, b: Recording) -> None:
    """Raise AssertionError, naming the first difference, unless spikes, traces and learned weights are equal."""
    pair = f"{a.backend} and {b.backend}"
    for name, d in differing(a, b).items():
        if d.differing:
            raise AssertionError(
                f"{pair}: population {name!r} differs in {d.differing} of {d.cells} cells, first in step {d.first_step}"
            )
    for name in [*a.traces, *(set(b.traces) - set(a.traces))]:
        wrong = a.traces[name] != b.traces[name]
        if wrong.any():
            step, neuron = np.argwhere(wrong)[0]
            x, y = a.traces[name][step, neuron], b.traces[name][step, neuron]
            raise AssertionError(f"{pair}: {name} of neuron {neuron} in step {step} is {x!r} against {y!r}")
    for name in [*a.weights, *(set(b.weights) - set(a.weights))]:
        wrong = a.weights[name].toarray() != b.weights[name].toarray()
        if wrong.any():
            raise AssertionError(f"{pair}: {int(wrong.sum())} of {wrong.size} weights of {name!r} differ")
