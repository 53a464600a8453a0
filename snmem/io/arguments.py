"""What users hand to :func:`snmem.simulate`, as a backend is given it: network, input spikes, steps."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
from scipy.sparse import issparse

from .._text import listed
from ..errors import InputError
from ..network import Input, Network
from ..spikes import Spikes, count, whole_numbers

#: Bytes of traces that one run may record, at most; and it never takes more than half of the memory that is available.
MOST_RECORDED = 2**35
#: Bytes from which on the available memory is looked at.
_LOOK_FROM = 2**28
#: Steps are counted in 64 bits.
_MOST_STEPS = 2**62


def as_network(value: Any, owner: str) -> Network:
    """A Network, also that of a result that holds one under ``network``, such as ``quantize`` returns."""
    network = value if isinstance(value, Network) else getattr(value, "network", None)
    if isinstance(network, Network):
        return network
    raise InputError(f"{owner}: expected a Network, got a {type(value).__name__}")


def as_inputs(network: Network, inputs: Any, steps: Any) -> tuple[dict[str, Spikes], int]:
    """Spikes of ``steps`` steps for every input of the network, and the number of steps.

    ``steps`` None: as many as the longest input has.
    """
    known = {p.name: p for p in network.inputs}
    given = _by_name(known, inputs)
    for name in given:
        if name not in known:
            raise InputError(f"simulate: the network has no input {name!r}; it has {listed(known)}")
    length = None if steps is None else count("simulate: steps", steps, 1)
    spikes = {name: _as_spikes(known[name], value, length) for name, value in given.items()}
    if length is None:
        length = max((s.steps for s in spikes.values()), default=0)
        if not length:
            raise InputError("simulate: steps is not given, and no input says how long it is; give the number of steps")
    if length >= _MOST_STEPS:
        raise InputError(f"simulate: steps must be below 2**62, got {length}")
    return {name: _of_length(p, spikes.get(name), length) for name, p in known.items()}, length


def _by_name(known: Mapping[str, Input], inputs: Any) -> Mapping[str, Any]:
    if inputs is None:
        return {}
    if isinstance(inputs, Mapping) and not (len(known) == 1 and set(inputs) == {"step", "neuron"} - set(known)):
        return inputs
    if len(known) == 1:
        return dict.fromkeys(known, inputs)
    raise InputError(
        f"simulate: inputs must be a dict of input name -> spikes, got a {type(inputs).__name__}; the network's inputs "
        f"are {listed(known)}"
    )


def _as_spikes(p: Input, value: Any, steps: int | None) -> Spikes:
    """The spikes of input ``p``; ``steps`` is the length of the run, if that is known."""
    owner = f"input {p.name!r}"
    if isinstance(value, Spikes):
        return value
    if isinstance(value, Mapping):
        if set(value) != {"step", "neuron"}:
            raise InputError(f'{owner}: a dict of events has the keys "step" and "neuron", got {listed(value)}')
        value = (value["step"], value["neuron"])
    if isinstance(value, tuple) and len(value) == 2:
        step = whole_numbers(value[0], f"{owner}: steps")
        length = steps if steps is not None else 1 + max(-1, int(step.max(initial=-1)))
        return Spikes.from_events(step, value[1], steps=length, size=p.size, name=owner)
    if isinstance(value, list) and len(value) == 2 and np.ndim(value[0]) == np.ndim(value[1]) == 1:
        raise InputError(
            f"{owner}: a list of two lists may be a raster of two steps or events; write numpy.array(...) for the "
            "raster, a tuple (steps, neurons) for events"
        )
    if not issparse(value) and np.ndim(value) > 2 and np.shape(value)[1:] == p.shape:
        value = np.reshape(value, (len(value), p.size))
    return Spikes.from_raster(value, name=owner)


def _of_length(p: Input, spikes: Spikes | None, steps: int) -> Spikes:
    if spikes is None:
        nothing = np.zeros(0, np.int64)
        return Spikes.trusted(nothing, nothing, steps, p.size)
    owner = f"input {p.name!r}"
    if spikes.size != p.size:
        raise InputError(f"{owner}: spikes are for {spikes.size} neurons, the input has {p.size}")
    if len(spikes) and spikes.step[-1] >= steps:
        raise InputError(f"{owner}: last spike is in step {spikes.step[-1]}, but the run has only {steps} steps")
    return Spikes.trusted(spikes.step, spikes.neuron, steps, p.size)


def check_recorded(wanted: int) -> None:
    """Raise InputError where recording takes more bytes than memory holds."""
    free = available_memory() if wanted > _LOOK_FROM else None
    limit = MOST_RECORDED if free is None else min(MOST_RECORDED, free // 2)
    if wanted > limit:
        raise InputError(
            f"simulate: record wants {wanted / 1e9:,.1f} GB, more than the {limit / 1e9:,.1f} GB a run may take; "
            "run in pieces and hand on the state (simulate(..., state=run.state)), or record fewer neurons or steps"
        )


def available_memory() -> int | None:
    """Bytes that this process may still take, or None where the system does not say (Linux says).

    The least of what the machine has free, what the control group of a container leaves, and the limit of the process.
    """
    found = []
    with suppress(OSError, AttributeError):
        kilobytes = re.search(r"MemAvailable:\s*(\d+) kB", Path("/proc/meminfo").read_text())
        found.append(1024 * int(kilobytes[1]))  # type: ignore[index]
    with suppress(OSError, ValueError):
        group = Path("/sys/fs/cgroup")
        found.append(int((group / "memory.max").read_text()) - int((group / "memory.current").read_text()))
    with suppress(ImportError, OSError, ValueError):
        import resource

        most = resource.getrlimit(resource.RLIMIT_AS)[0]
        used = int(Path("/proc/self/statm").read_text().split()[0]) * os.sysconf("SC_PAGE_SIZE")
        if most != resource.RLIM_INFINITY:
            found.append(most - used)
    return max(min(found), 0) if found else None
