"""Where a run ended, and the one check of it before another run goes on from there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .errors import BackendError, InputError
from .network import Network
from .spikes import Recording

if TYPE_CHECKING:
    from .backends.base import Backend


@dataclass(frozen=True, eq=False)
class RunState:
    """Where a run ended (``Recording.state``); ``simulate(..., state=...)`` goes on from it and leaves it as it is.

    Attributes
    ----------
    network : Network
        The network that was simulated.
    backend : str
        What simulated it: states of "event" also serve "loihi", all others serve the backend of the same name.
    step : int
        Number of the step that comes next.
    data : object
        What the backend needs to go on; None if it cannot, and then the state is refused.
    """

    network: Network
    backend: str
    step: int
    data: Any = None

    def __repr__(self) -> str:
        can = "" if self.data is not None else ", cannot be continued"
        return f"RunState(backend={self.backend!r}, step={self.step}{can})"


def check_state(network: Network, state: Any, backend: Backend) -> tuple[Any, int]:
    """What ``backend`` needs of a state to go on, and the number of the next step; (None, 0) to start afresh.

    Raises
    ------
    InputError
        for what is no state, a state that cannot be continued, and states of other networks and backends.
    BackendError
        if the backend goes on from no state at all.
    """
    if state is None:
        return None, 0
    if not isinstance(state, RunState):
        raise InputError(f"simulate: state is a {type(state).__name__}, expected Recording.state of an earlier run")
    if state.data is None:
        raise InputError(
            f"simulate: the state of a run on backend {state.backend!r} cannot be continued (interrupted, or "
            "the backend keeps none); run all steps in one call, or use backend 'event' or 'reference'"
        )
    if not backend.states:
        raise BackendError(
            f"backend {backend.name!r}: cannot go on from a state; use backend 'event' or 'reference', or run all in "
            "one call"
        )
    if state.network is not network and state.network != network:
        raise InputError(
            f"simulate: state belongs to another network ({state.network.digest()[:12]}, this one is "
            f"{network.digest()[:12]}); use the network it was made with, or start without a state"
        )
    if state.backend not in backend.states:
        raise InputError(
            f"simulate: state is of a run on backend {state.backend!r}, from which backend {backend.name!r} cannot go "
            f"on; use backend {state.backend!r}"
        )
    return state.data, state.step


def check_recording(network: Network, recording: Any, owner: str) -> None:
    """Raise InputError, for ``owner``, unless ``recording`` is a Recording of a run of ``network``."""
    if not isinstance(recording, Recording):
        raise InputError(f"{owner}: expected a Recording, got a {type(recording).__name__}")
    if not recording.is_of(network):
        of = recording.digest
        whose = f"{of[:12]}, this one is {network.digest()[:12]}" if of else "its populations differ"
        raise InputError(f"{owner}: the recording is of another network ({whose}); pass the network that was simulated")


def check_populations(network: Network, recording: Recording, owner: str) -> None:
    """Raise InputError, for ``owner``, unless the recording holds all populations of ``network`` in their sizes.

    So it may also be of the same network with other weights, or in another arithmetic.
    """
    for p in network.populations:
        found = recording.spikes.get(p.name)
        if found is None or found.size != p.size:
            got = "none" if found is None else f"one of {found.size}"
            raise InputError(
                f"{owner}: the recording is of another network (needs a population {p.name!r} of {p.size} neurons, has "
                f"{got}); pass one of a run of this network"
            )
