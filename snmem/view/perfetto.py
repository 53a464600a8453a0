"""The timeline of a chip's cores as a trace for Perfetto: who sends, who reads, how long packets queue.

The times are those of the detailed model of a step (:mod:`snmem.cost.timing.mesh`), packet by packet. The file is JSON
in the Trace Event Format, which https://ui.perfetto.dev and chrome://tracing open.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..cost.chip import Chip
from ..cost.counting.activity import Activity, traces_needed
from ..cost.counting.kernels import count_active
from ..cost.counting.meter import Meter
from ..cost.counting.wiring import sources
from ..cost.options import BillOptions
from ..cost.timing.kernels import lay_out, make_packets
from ..cost.timing.mesh import make_work, run_step
from ..errors import InputError
from ..io.files import replace_file
from ..network import Network
from ..simulation import simulate

#: Packets that a trace holds at most.
MOST = 300_000
#: Processes of the trace.
_STEPS, _SENDERS, _READERS = 1, 2, 3


@dataclass(frozen=True)
class Step:
    """The packets of a step on the chip; times in seconds from its begin.

    Attributes
    ----------
    seconds : float
        Duration, with the barrier.
    sender, target : int vectors
        Core of each packet, the entry of injected spikes after the last core; and the core that reads it.
    departed, arrived, read : float vectors
        When each packet left its sender, came to its target, and had been read there.
    service : float vector
        Time to read it.
    """

    seconds: float
    sender: NDArray[Any]
    target: NDArray[Any]
    departed: NDArray[Any]
    arrived: NDArray[Any]
    read: NDArray[Any]
    service: NDArray[Any]


def timeline(
    network: Network, inputs: Mapping[str, Any], steps: int, chip: str | Path | Chip
) -> tuple[Meter, list[Step]]:
    """Run a network and time its packets on a chip; returns a meter, which names the cores, and the steps.

    Parameters
    ----------
    network, inputs, steps
        As for :func:`snmem.simulate`.
    chip
        Profile: a name, a path, or a Chip.

    Raises
    ------
    InputError
        For a chip whose packets are not timed one by one, and for more than 300,000 packets.
    """
    order = BillOptions().order(network, chip)
    meter = order.meter()
    if meter.timer is None or any(order.chip.time(name) is None for name in ("neuron_access", "synaptic_event")):
        raise InputError(f"view: {order.chip.name} has no times of single packets; use a profile such as loihi1-nahuku")
    run = simulate(network, inputs, steps, record=traces_needed(network))
    active = Activity(network).chunk(run.spikes, run.traces, run.steps).neurons
    step = np.concatenate([run.spikes[p.name].step for p in sources(network)])
    first = meter.wiring.offset
    source = np.concatenate([run.spikes[p.name].neuron + first[p.name] for p in sources(network)]).astype(np.int32)
    by_time = np.argsort(step, kind="stable")
    step, source = step[by_time], source[by_time]
    fan = np.diff(meter.wiring.start)[source]
    if fan.sum() > MOST:
        fits = int(step[np.searchsorted(np.cumsum(fan), MOST)])
        raise InputError(
            f"view: the trace has {fan.sum():,} packets, the limit is {MOST:,}; take {fits} steps (--steps)"
        )
    starts = np.searchsorted(step, np.arange(run.steps + 1))
    updated = np.zeros((run.steps, len(meter.cores)), np.int64)
    count_active(active, meter.core_of, updated)
    room = int(np.bincount(step, fan, minlength=1).max()) + 1
    return meter, list(_steps(meter, source, starts, active, updated, room))


def _steps(meter: Meter, source: Any, starts: Any, active: Any, updated: Any, room: int) -> Iterator[Step]:
    """The packets of each step."""
    timer = meter.timer
    assert timer is not None
    work, packets = make_work(timer.mesh, room), make_packets(timer.senders, room)
    fired, busy = np.zeros(len(meter.core_of), np.uint8), np.zeros(len(meter.cores), np.uint8)
    share = np.ones(len(meter.core_of))
    for t in range(len(starts) - 1):
        spikes, counts = source[starts[t] : starts[t + 1]], updated[t].astype(np.float64)
        lay_out(timer.routes, packets, timer.costs, spikes, fired, busy, active[t], share, counts)
        begin, target, gap, service, tail = packets
        seconds, *_ = run_step(timer.mesh, work, begin, target, gap, service, tail, timer.costs.packet)
        n = int(begin[-1])
        sender = np.repeat(np.arange(len(begin) - 1), np.diff(begin))
        times = (work.departed[:n].copy(), work.arrived[:n].copy(), work.read[:n].copy(), service[:n].copy())
        yield Step(seconds + timer.barrier, sender, target[:n].copy(), *times)


def write_trace(
    path: str | os.PathLike[str], network: Network, inputs: Mapping[str, Any], steps: int, chip: str | Path | Chip
) -> dict[str, Any]:
    """Write the timeline of the cores as a Perfetto trace; returns ``steps``, ``packets`` and ``seconds`` of it.

    Parameters
    ----------
    path
        File to write.
    network, inputs, steps, chip
        As for :func:`timeline`.

    Raises
    ------
    InputError
        For what :func:`timeline` refuses.
    FileError
        If the file cannot be written.
    """
    meter, timed = timeline(network, inputs, steps, chip)
    with replace_file(path, "w") as file:
        file.write('{"displayTimeUnit":"ns","traceEvents":[\n')
        file.write(",\n".join(json.dumps(event, separators=(",", ":")) for event in events(meter, timed)))
        file.write("\n]}\n")
    packets = sum(len(step.sender) for step in timed)
    return {"steps": len(timed), "packets": packets, "seconds": sum(step.seconds for step in timed)}


def events(meter: Meter, timed: list[Step]) -> Iterator[dict[str, Any]]:
    """The events of the trace; times in microseconds."""
    for process, name in ((_STEPS, "steps"), (_SENDERS, "cores, sending"), (_READERS, "cores, reading")):
        yield {"ph": "M", "name": "process_name", "pid": process, "args": {"name": name}}
    names = [*(f"core {core}" for core in meter.cores), "input"]
    for thread, name in enumerate(names):
        for process in (_SENDERS, _READERS):
            yield {"ph": "M", "name": "thread_name", "pid": process, "tid": thread, "args": {"name": name}}
    begin, number = 0.0, 0
    for t, step in enumerate(timed):
        yield {"ph": "X", "pid": _STEPS, "tid": 0, "name": f"step {t}", "ts": begin, "dur": 1e6 * step.seconds}
        if meter.barrier:
            at = begin + 1e6 * (step.seconds - meter.barrier)
            yield {"ph": "X", "pid": _STEPS, "tid": 1, "name": "barrier", "ts": at, "dur": 1e6 * meter.barrier}
        yield from _packets(step, begin, number)
        yield from _queues(step, begin, names)
        number += len(step.sender)
        begin += 1e6 * step.seconds


def _packets(step: Step, begin: float, number: int) -> Iterator[dict[str, Any]]:
    """What senders and readers do, and an arrow for each packet."""
    last = np.zeros(int(step.sender.max(initial=0)) + 1)
    for i in range(len(step.sender)):
        sender, target = int(step.sender[i]), int(step.target[i])
        departed, read, service = (1e6 * float(x[i]) for x in (step.departed, step.read, step.service))
        yield {"ph": "X", "pid": _SENDERS, "tid": sender, "name": "send", "ts": begin + last[sender],
               "dur": departed - last[sender], "args": {"to": target}}  # fmt: skip
        yield {"ph": "X", "pid": _READERS, "tid": target, "name": "read", "ts": begin + read - service, "dur": service,
               "args": {"from": sender, "queued_us": read - service - 1e6 * float(step.arrived[i])}}  # fmt: skip
        flow = {"name": "packet", "cat": "packet", "id": number + i}
        yield {**flow, "ph": "s", "pid": _SENDERS, "tid": sender, "ts": begin + departed}
        yield {**flow, "ph": "f", "bp": "e", "pid": _READERS, "tid": target, "ts": begin + read - service}
        last[sender] = departed


def _queues(step: Step, begin: float, names: list[str]) -> Iterator[dict[str, Any]]:
    """How many packets each core has before it, whenever that changes."""
    for core in np.unique(step.target):
        mine = step.target == core
        times = np.concatenate([step.arrived[mine], step.read[mine]])
        change = np.repeat([1, -1], mine.sum())
        order = np.lexsort((change, times))
        for time, depth in zip(times[order], np.cumsum(change[order]), strict=True):
            yield {"ph": "C", "pid": _READERS, "name": f"queue of {names[core]}", "ts": begin + 1e6 * float(time),
                   "args": {"packets": int(depth)}}  # fmt: skip
