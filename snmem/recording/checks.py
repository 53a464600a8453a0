"""Whether a recording is one of a network."""

from __future__ import annotations

from typing import Any

from ..errors import InputError
from ..network import Network
from ..spikes import Recording


def check_recording(network: Network, recording: Any, owner: str) -> None:
    """Raise InputError, for ``owner``, unless ``recording`` is a Recording of a run of ``network``."""
    if not isinstance(recording, Recording):
        raise InputError(f"{owner}: expected a Recording, got a {type(recording).__name__}")
    if not recording.is_of(network):
        of = recording.digest
        whose = f"{of[:12]}, this one is {network.digest()[:12]}" if of else "its populations differ"
        raise InputError(f"{owner}: the recording is of another network ({whose}); pass the network that was simulated")
    _check_all_spikes(network, recording, owner)


def _check_all_spikes(network: Network, recording: Recording, owner: str) -> None:
    """Raise InputError unless the recording holds all spikes of all populations."""
    for p in network.populations:
        if recording.plan is not None and (recording.plan.partial(p.name) or p.name not in recording.spikes):
            what = "some" if p.name in recording.spikes else "no"
            raise InputError(
                f"{owner}: the recording holds {what} spikes of {p.name!r}, all are needed; simulate with "
                "Record(spikes=True), the default"
            )


def check_populations(network: Network, recording: Recording, owner: str) -> None:
    """Raise InputError, for ``owner``, unless the recording holds all populations of ``network`` in their sizes.

    So it may also be of the same network with other weights, or in another arithmetic.
    """
    _check_all_spikes(network, recording, owner)
    for p in network.populations:
        found = recording.spikes.get(p.name)
        if found is None or found.size != p.size:
            got = "none" if found is None else f"one of {found.size}"
            raise InputError(
                f"{owner}: the recording is of another network (needs a population {p.name!r} of {p.size} neurons, has "
                f"{got}); pass one of a run of this network"
            )
