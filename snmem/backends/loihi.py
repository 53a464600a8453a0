"""Bit-exact emulation of Loihi's fixed point, as Lava simulates it: the event engine on integers."""

from __future__ import annotations

from dataclasses import replace

from ..errors import BackendError
from ..neurons import LoihiLIF
from ..plasticity import SumOfProducts
from ..spikes import Recording
from .base import Backend, Job, register_backend


def run(job: Job) -> Recording:
    """Run a Loihi network; BackendError for a float one."""
    if job.network.arithmetic != "loihi":
        raise BackendError("backend 'loihi': the network has float (LIF) populations; convert it with snmem.quantize")
    from . import event, reference

    runs = reference if isinstance(job.state, reference.State) else event
    return replace(runs.run(job), backend="loihi")


register_backend(
    Backend(
        "loihi",
        run,
        neurons=(LoihiLIF,),
        rules=(SumOfProducts,),
        features=("refractory", "loihi_subtract", "initial_state"),
        states=("event", "reference"),
        weight_traces=True,
        values=True,
        native=("synapse_delays", "shared_weights"),
    )
)
