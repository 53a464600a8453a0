"""The events that a chip is charged for: ONE table of names, units, and what is counted.

A chip profile (``hardware/*.toml``) may give a price (J) and a time (s) for each; a line of the bill is count x price.
A further kind of event is a further row, registered from any file that is imported before the profile is read.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..registry import Registry


@dataclass(frozen=True)
class Event:
    """One kind of event.

    Parameters
    ----------
    name : str
        Name of its constants in a chip profile, and of its line in the bill.
    unit : str
        Part of the chip that it belongs to: "soma", "synapse", "network" or "learning".
    counted : tuple of str
        Counters of the run (docs: "What does it cost on a chip?") whose sum is the number of events; empty for synaptic
        events, which are counted by the format of each projection.
    timed : bool
        Whether a run whose chip gives no time for it is reported as untimed. Events without which there are no times at
        all are not.
    """

    name: str
    unit: str
    counted: tuple[str, ...] = ()
    timed: bool = True

    def count(self, counters: Mapping[str, Any]) -> int:
        """Number of events of a run."""
        return sum(counters[name] for name in self.counted)


#: Events by name, in the order of the bill's lines.
EVENTS: Registry[Event] = Registry("event of a chip")
#: Events that are counted by the format of the synapses: format -> event.
SYNAPSES = {"dense": "synaptic_event", "sparse": "synaptic_event_sparse", "conv": "synaptic_event_conv"}

for _event in (
    Event("neuron_access", "soma", ("accessed",), timed=False),
    Event("neuron_update", "soma", ("updated",)),
    Event("neuron_spike", "soma", ("spikes",)),
    *(Event(name, "synapse", timed=False) for name in SYNAPSES.values()),
    Event("packet", "network", ("packets",)),
    Event("packet_receive", "network", ("packets", "input_packets")),
    Event("input_packet", "network", ("input_packets",)),
    Event("hop_ew", "network", ("hops_ew",)),
    Event("hop_ns", "network", ("hops_ns",)),
    Event("hop_chip", "network", ("hops_chip",)),
    Event("synapse_update", "learning", ("weight_updates",)),
    Event("trace_update", "learning", ("trace_updates",)),
):
    EVENTS.add(_event.name, _event)

#: Units of a chip in the order of the bill.
UNITS: tuple[str, ...] = ("soma", "synapse", "network", "learning")
