"""Recordings of networks in plainer terms (:mod:`snmem.lowering`)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from ..lowering import delay_parts
from ..network import Network
from ..spikes import Recording


def of_whole(recording: Any, network: Network) -> Any:
    """A recording of a network in plainer terms as one of the whole network, whose spikes it has by definition."""
    if not isinstance(recording, Recording):
        return recording
    state: Any = recording.state
    counted = recording.counters.synaptic_events
    parts = {q.name: (q,) if q.name in counted else delay_parts(network)[q.name] for q in network.projections}
    events = {name: sum(counted[part.name] for part in some) for name, some in parts.items()}
    return replace(
        recording,
        network=network,
        state=replace(state, network=network) if hasattr(state, "network") else state,
        counters=replace(recording.counters, synaptic_events=events),
    )
