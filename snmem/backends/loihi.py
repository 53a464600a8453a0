"""Bit-exact emulation of Loihi's fixed point, as Lava simulates it: the event engine on integers."""

from __future__ import annotations

from dataclasses import replace

from ..errors import BackendError
from ..simulation import Job
from ..spikes import Recording


def run(job: Job) -> Recording:
    """Run a Loihi network; BackendError for a float one."""
    if job.network.arithmetic != "loihi":
        raise BackendError("backend 'loihi': the network has float (LIF) populations; convert it with snmem.quantize")
    from . import event

    return replace(event.run(job), backend="loihi")
