"""What users hand to :func:`snmem.simulate`, as a backend is given it: network, input spikes, steps."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from .._text import listed
from ..errors import InputError
from ..network import Input, Network
from ..sources.base import Source
from ..sources.drawn import Drawn
from ..spikes import Spikes, count
from .given import as_spikes, of_length

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
    """Spikes of ``steps`` steps for every input of the network that is fed, and the number of steps.

    ``steps`` None: as many as the longest input has.
    """
    known = {p.name: p for p in network.fed}
    given = _by_name(known, inputs)
    for name in given:
        if name not in known:
            if name in {p.name for p in network.inputs}:
                raise InputError(
                    f"simulate: {name!r} is a source and draws its own events; leave it out, or replace it by an Input"
                )
            raise InputError(f"simulate: the network has no input {name!r}; it has {listed(known)}")
    length = None if steps is None else count("simulate: steps", steps, 1)
    if length is not None and length >= _MOST_STEPS:
        raise InputError(f"simulate: steps must be below 2**62, got {length}")
    spikes = {name: as_spikes(known[name], value, length) for name, value in given.items()}
    if length is None:
        length = max((s.steps for s in spikes.values()), default=0)
        if not length:
            raise InputError("simulate: steps is not given, and no input says how long it is; give the number of steps")
    if length >= _MOST_STEPS:
        raise InputError(f"simulate: steps must be below 2**62, got {length}")
    whole = network.arithmetic == "loihi"
    return {name: of_length(p, spikes.get(name), length, whole) for name, p in known.items()}, length


def with_sources(network: Network, spikes: Mapping[str, Spikes], start: int, steps: int) -> dict[str, Spikes]:
    """Spikes of all inputs, in the order of the network: those given, and those that sources draw from ``start`` on."""
    return {
        p.name: Drawn(p, start, steps, network.dt) if isinstance(p, Source) else spikes[p.name] for p in network.inputs
    }


def _by_name(known: Mapping[str, Input], inputs: Any) -> Mapping[str, Any]:
    if inputs is None:
        return {}
    keys = {"step", "neuron"}
    events = isinstance(inputs, Mapping) and len(known) == 1 and not keys & set(known) and keys <= set(inputs)
    if isinstance(inputs, Mapping) and not events:
        return inputs
    if len(known) == 1:
        return dict.fromkeys(known, inputs)
    raise InputError(
        f"simulate: inputs must be a dict of input name -> spikes, got a {type(inputs).__name__}; the network's inputs "
        f"are {listed(known)}"
    )


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
