"""Time of a step on a placed network: the simple and the detailed model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..chip import Chip

Array = NDArray[Any]
#: What can set the pace of a step.
STAGES = ("send", "receive", "link", "barrier")
_UNLIMITED = 2**62


@dataclass(frozen=True, eq=False)
class StepTimes:
    """Times of steps in seconds, shape (steps,), and who set the pace.

    seconds : duration with the barrier.    core : the core that was last (compact number).    stage : index in STAGES.
    """

    seconds: Array
    core: Array
    stage: Array


def join(parts: list[StepTimes]) -> StepTimes:
    """Several runs of steps as one."""
    if not parts:
        return StepTimes(np.zeros(0), np.zeros(0, np.int64), np.zeros(0, np.int64))
    return StepTimes(*(np.concatenate([getattr(p, n) for p in parts]) for n in ("seconds", "core", "stage")))


def _with_barrier(busy: Array, core: Array, stage: Array, barrier: float) -> StepTimes:
    stage = np.where(busy >= barrier, stage, STAGES.index("barrier"))
    return StepTimes(busy + barrier, core.astype(np.int32), stage.astype(np.int8))


def simple_times(
    chip: Chip,
    neurons: Array,
    fired: Array,
    updated: Array,
    sent: Array,
    received: Array,
    reading: Array,
    barrier: float,
) -> StepTimes:
    """The core with the largest sum of sending times or of receiving times (of both, where it does them in turn).

    The barrier comes on top.

    neurons : (cores,) on each core;  updated : (cores,) or (steps, cores);  the others (steps, cores): spikes, packets
    sent and received, and seconds of synapse reading.
    """

    def cost(name: str) -> float:
        return chip.time(name) or 0.0

    send = neurons * cost("neuron_access") + updated * cost("neuron_update")
    send = send + fired * cost("neuron_spike") + sent * cost("packet")
    both = np.stack([send, received * cost("packet_receive") + reading])
    if chip.phases == "sequential":
        busy = both.sum(0)
        slowest, rows = busy.argmax(1), np.arange(len(fired))
        return _with_barrier(busy[rows, slowest], slowest, both[:, rows, slowest].argmax(0), barrier)
    slowest = both.max(0).argmax(1)
    rows = np.arange(len(fired))
    stage = both[:, rows, slowest].argmax(0)
    return _with_barrier(both[stage, rows, slowest], slowest, stage, barrier)


class DetailedTimer:
    """The detailed model: every packet of a step queues at links and cores (:mod:`snmem.cost.timing.mesh`).

    Parameters
    ----------
    neurons
        Neurons of every core.
    chip
        Profile.
    wiring
        Routes.
    x, y
        Tile of every core, the entry of injected spikes last.
    barrier
        Seconds added to every step.
    """

    def __init__(self, chip: Chip, wiring: Any, x: Array, y: Array, neurons: Array, barrier: float) -> None:
        from .kernels import Costs, Routes, make_packets
        from .mesh import make_mesh, make_work

        def cost(name: str) -> float:
            return chip.time(name) or 0.0

        self._make = make_work, make_packets
        self.barrier = barrier
        self.waits = 0
        self.senders = len(x)
        self.mesh = make_mesh(
            x,
            y,
            hop_ew=cost("hop_ew"),
            hop_ns=cost("hop_ns"),
            occupancy=cost("link"),
            capacity=chip.geometry("link_buffer", _UNLIMITED),
            core_capacity=chip.geometry("core_buffer", _UNLIMITED),
        )
        packet = cost("packet")
        again = packet if chip.routing == "unicast" else 0.0
        self.costs = Costs(
            access=cost("neuron_access"),
            update=cost("neuron_update"),
            spike=cost("neuron_spike") + packet - again,
            packet=again,
            input_packet=cost("input_packet"),
            receive=cost("packet_receive"),
        )
        placed = wiring.core[wiring.core >= 0]
        self.routes = Routes(
            start=wiring.start,
            target=wiring.target,
            seconds=wiring.seconds,
            core=wiring.core,
            order=np.argsort(placed, kind="stable"),
            core_start=np.concatenate([[0], np.cumsum(neurons)]),
        )
        self.room = 0

    def add(self, step: Array, source: Array, packets: Array, active: Array, share: Array, updated: Array) -> StepTimes:
        """Time the steps of a chunk.

        step, source : its spikes;  packets : (steps,) deliveries of each step;  active : uint8 (steps, neurons) who is
        updated, or without rows: then ``share`` (neurons,) is the part of steps in which each neuron is;
        updated : (steps, cores) or (cores,) neurons updated.
        """
        from .kernels import time_steps

        steps = len(packets)
        if packets.max(initial=0) > self.room or not self.room:
            self.room = int(packets.max(initial=0)) + 1
            self.work = self._make[0](self.mesh, self.room)
            self.packets = self._make[1](self.senders, self.room)
        if (step[1:] < step[:-1]).any():
            order = np.argsort(step, kind="stable")
            step, source = step[order], source[order]
        step_start = np.searchsorted(step, np.arange(steps + 1))
        seconds, core, stage = np.zeros(steps), np.zeros(steps, np.int64), np.zeros(steps, np.int64)
        self.waits += time_steps(
            self.mesh, self.work, self.routes, self.packets, self.costs, step_start, source, active, share,
            np.atleast_2d(updated).astype(np.float64), seconds, core, stage,
        )  # fmt: skip
        return _with_barrier(seconds, core, stage, self.barrier)
