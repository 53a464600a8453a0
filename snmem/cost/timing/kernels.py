"""Detailed timing of many steps: lays out the packets of each step and runs them over the mesh."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from ..._jit import kernel
from .mesh import run_step


class Costs(NamedTuple):
    """Seconds of a core's single actions."""

    access: float
    update: float
    spike: float
    packet: float
    input_packet: float
    receive: float


class Routes(NamedTuple):
    """The wiring (snmem.cost.counting.wiring) and the neurons of every core in the order in which it visits them."""

    start: Any
    target: Any
    seconds: Any
    core: Any
    order: Any  # neurons by core
    core_start: Any  # (cores + 1,) where each core begins in ``order``


class Packets(NamedTuple):
    """The packets of one step, by sender: arguments of ``run_step``."""

    start: Any
    target: Any
    gap: Any
    service: Any
    tail: Any


def make_packets(senders: int, room: int) -> Packets:
    """Arrays for up to ``room`` packets a step."""
    return Packets(
        np.zeros(senders + 1, np.int64), np.zeros(room, np.int32), np.zeros(room), np.zeros(room), np.zeros(senders)
    )


@kernel
def lay_out(routes, packets, costs, spikes, fired, busy, active, share, updated):
    """Fill ``packets`` with those of a step.

    fired, busy : scratch by neuron and by core;  active or share : who is updated;  updated : how many by core.
    """
    start, targets, seconds, core, order, core_start = routes
    first, target, gap, service, tail = packets
    neurons, cores = order.size, core_start.size - 1
    for s in spikes:
        if s < neurons:
            fired[s] = 1
            busy[core[s]] = 1
    n = 0
    for c in range(cores):
        first[c] = n
        if not busy[c]:
            tail[c] = costs.access * (core_start[c + 1] - core_start[c]) + costs.update * updated[c]
            continue
        busy[c] = 0
        wait = 0.0
        for k in range(core_start[c], core_start[c + 1]):
            i = order[k]
            wait += costs.access + costs.update * (active[i] if active.size > 0 else share[i])
            if fired[i]:
                fired[i] = 0
                wait += costs.spike
                for r in range(start[i], start[i + 1]):
                    target[n] = targets[r]
                    gap[n] = wait + costs.packet
                    service[n] = costs.receive + seconds[r]
                    wait = 0.0
                    n += 1
        tail[c] = wait
    first[cores] = n
    for s in spikes:
        if s >= neurons:
            for r in range(start[s], start[s + 1]):
                target[n] = targets[r]
                gap[n] = costs.input_packet
                service[n] = costs.receive + seconds[r]
                n += 1
    first[cores + 1] = n
    tail[cores] = 0.0


@kernel
def _same_step(source, a, b, step_start, active):
    """Whether steps a and b have the same spikes and the same updated neurons."""
    n = step_start[a + 1] - step_start[a]
    if step_start[b + 1] - step_start[b] != n:
        return False
    for i in range(n):
        if source[step_start[a] + i] != source[step_start[b] + i]:
            return False
    for i in range(active.shape[1]):  # noqa: SIM110 (a compiled loop)
        if active[a, i] != active[b, i]:
            return False
    return True


@kernel
def _digest(spikes, active):
    """A number that equal steps share."""
    mix = np.uint64(1469598103934665603)
    for s in spikes:
        mix = (mix ^ np.uint64(s)) * np.uint64(1099511628211)
    for i in range(active.size):
        mix += np.uint64(active[i]) * (np.uint64(i + 1) * np.uint64(0x9E3779B97F4A7C15))
    return mix


@kernel
def time_steps(mesh, work, routes, packets, costs, step_start, source, active, share, updated, seconds, core, stage):
    """Time every step of a chunk; returns the number of times a packet had to wait for room.

    source : spikes of step t at step_start[t] : step_start[t + 1].
    active : (steps, neurons), or empty and ``share`` counts.    updated : (steps or 1, cores) neurons updated.
    A step equal to an earlier one of the chunk takes its result.
    """
    steps = step_start.size - 1
    fired, busy = np.zeros(routes.order.size, np.uint8), np.zeros(routes.core_start.size - 1, np.uint8)
    table = np.full(4 * steps + 1, -1, np.int64)
    waits = np.zeros(steps, np.int64)
    nobody = np.zeros(0, np.uint8)
    total = 0
    for t in range(steps):
        spikes = source[step_start[t] : step_start[t + 1]]
        row = active[t] if active.shape[0] > 0 else nobody
        slot = np.int64(_digest(spikes, row) % np.uint64(table.size))
        while table[slot] >= 0 and not _same_step(source, table[slot], t, step_start, active):
            slot = slot + 1 if slot + 1 < table.size else 0
        if table[slot] >= 0:
            old = table[slot]
            seconds[t], core[t], stage[t], waits[t] = seconds[old], core[old], stage[old], waits[old]
        else:
            table[slot] = t
            counts = updated[t] if updated.shape[0] > 1 else updated[0]
            lay_out(routes, packets, costs, spikes, fired, busy, row, share, counts)
            seconds[t], core[t], stage[t], waits[t] = run_step(
                mesh, work, packets.start, packets.target, packets.gap, packets.service, packets.tail, costs.packet
            )
        total += waits[t]
    return total
