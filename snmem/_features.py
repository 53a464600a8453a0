"""What a network uses that a backend runs only if it declares it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .network import Network


def used_features(network: Network) -> Iterator[tuple[str, str, str]]:
    """("population" or "projection", its name, feature) of each use."""
    for p in network.neurons:
        for feature in sorted(p.neuron.features):
            yield "population", p.name, feature
    for q in network.projections:
        if network.receptor_of(q):
            yield "projection", q.name, "receptor"
        if q.signal != "spikes":
            yield "projection", q.name, "potentials"
