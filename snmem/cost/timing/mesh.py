"""One step of traffic on the mesh, event by event: sending cores, links, receiving cores.

Every link and every core has a queue of ``capacity`` packets in front of it. A packet leaves its sender or its link
when the next queue has a place (credit flow control, so a full queue holds up what is behind it), crosses the link in
the hop time while the link takes the next packet after ``occupancy``, follows x first, then y, and is served by its
core in order of arrival.

*Places* are the links (tile * 4 + direction: +x, -x, +y, -y), then the cores; *movers* are the places, then the
senders (one per core, then the entry of injected spikes). When a core has read a packet is known as soon as the packet
arrives, so a core makes an event only while somebody waits for room in its queue.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from ..._jit import kernel

#: Stages that can set the pace of a step.
SEND, RECEIVE, LINK = range(3)


class Mesh(NamedTuple):
    """What does not change: where every mover stands, and the chip's constants.

    at : (movers,) tile as x * 2**32 + y: that a link leads to, of a core, of a sender.
    out : (movers,) the first of the four links that leave it.
    links : 4 * tiles of the mesh.    hop_ew, hop_ns, occupancy : seconds.
    capacity, core_capacity : packets the queue of a link and of a core hold.
    """

    at: Any
    out: Any
    links: int
    cores: int
    hop_ew: float
    hop_ns: float
    occupancy: float
    capacity: int
    core_capacity: int


def make_mesh(x: Any, y: Any, **constants: Any) -> Mesh:
    """The mesh around the tiles at ``x``, ``y`` of every core, then of the entry; ``constants``: those of Mesh."""
    height, width = int(y.max()) + 1, int(x.max()) + 1
    tile, way = np.divmod(np.arange(4 * width * height), 4)
    end_x, end_y = tile // height + (way == 0) - (way == 1), tile % height + (way == 2) - (way == 3)
    at_x, at_y = np.concatenate([end_x, x[:-1], x]), np.concatenate([end_y, y[:-1], y])
    return Mesh((at_x << 32) + at_y, 4 * (at_x * height + at_y), links=len(tile), cores=len(x) - 1, **constants)


class Work(NamedTuple):
    """Arrays reused from step to step."""

    head: Any  # by place: first and last packet of its queue, packets in it or on their way to it
    last: Any
    count: Any
    waiting: Any  # by place: first and last mover that waits for room there
    waiting_last: Any
    waits_behind: Any  # by mover: the next one that waits
    free: Any  # by place: when a link takes the next packet, when a core has read what has arrived
    called: Any  # by core: whether it has an event coming
    position: Any  # by sender: its next packet, and when its latest left
    sent: Any
    following: Any  # by packet: the one behind it in the queue
    read: Any  # by packet: when its core has read it, when it left its sender, when it came to its core
    departed: Any
    arrived: Any
    when: Any  # binary heap of (time, mover): senders and links that are ready, cores that have read
    what: Any
    ew_when: Any  # lines in order of time by themselves, since each adds one constant to now; rings of a power of two:
    ew_what: Any  # packets (and the places they go to) crossing along x, along y, links ready for their next packet,
    ns_when: Any  # senders with the next packet of a burst
    ns_what: Any
    ready_when: Any
    ready_what: Any
    burst_when: Any
    burst_what: Any


def make_work(mesh: Mesh, packets: int) -> Work:
    """Arrays for steps of up to ``packets`` packets."""
    places = mesh.links + mesh.cores
    senders = len(mesh.at) - places

    def none(n: int, kind: Any = np.int64) -> Any:
        return np.full(n, -1, kind)

    room = places + senders + 1
    crossing = min(packets, mesh.links * mesh.capacity + mesh.cores * mesh.core_capacity)
    ring = 1 << (max(crossing, mesh.links, senders) + 1).bit_length()
    lines = [make(ring) for _ in range(4) for make in (np.zeros, none)]
    return Work(
        none(places), none(places), np.zeros(places, np.int64), none(places), none(places), none(places + senders),
        np.zeros(places), np.zeros(mesh.cores, np.bool_), none(senders), np.zeros(senders),
        none(packets, np.int32), np.zeros(packets), np.zeros(packets), np.zeros(packets), np.zeros(room), none(room),
        *lines,
    )  # fmt: skip


@kernel
def _push(when, what, n, hole, time, event):
    """Add an event to the heap of ``n``, in place of the first one if that is a ``hole``; returns the new ``n``."""
    if hole:
        _sink(when, what, n, time, event)
        return n
    i = n
    while i > 0:
        parent = (i - 1) >> 1
        if when[parent] <= time:
            break
        when[i] = when[parent]
        what[i] = what[parent]
        i = parent
    when[i] = time
    what[i] = event
    return n + 1


# Heaps here and in memory/kwinner_kernels.py differ in their keys, which compiled code compares in place.
@kernel
def _sink(when, what, n, time, event):
    """Replace the first event of the heap of ``n``."""
    i = 0
    while True:
        child = 2 * i + 1
        if child >= n:
            break
        if child + 1 < n and when[child + 1] < when[child]:
            child += 1
        if when[child] >= time:
            break
        when[i] = when[child]
        what[i] = what[child]
        i = child
    when[i] = time
    what[i] = event


@kernel
def run_step(mesh, work, start, target, gap, service, tail, burst):
    """Time one step.

    start : (senders + 1,) packets of each sender in the order of sending;  target : core of each packet;
    gap : sender's time since its packet before, mostly ``burst``;  service : receiver's time to read it;
    tail : sender's time after its last packet.

    Returns (seconds, core, stage, waits): when the slowest core has finished and the network has drained. Draining
    takes as long after that core has finished as it took after the last packet was sent until all were read.

    One long function on purpose: compiled calls that pass this many arrays cost more than the work they would do.
    """
    at, out, links, cores, hop_ew, hop_ns, occupancy, capacity, core_capacity = mesh
    (
        head, last, count, waiting, waiting_last, waits_behind, free, called, position, sent, following, read,
        departed, arrived, when, what, ew_when, ew_what, ns_when, ns_what, ready_when, ready_what, burst_when,
        burst_what,
    ) = work  # fmt: skip
    places = links + cores
    senders = at.size - places
    mask = ew_when.size - 1
    ew_out = ew_in = ns_out = ns_in = ready_out = ready_in = burst_out = burst_in = 0
    ew_next = ns_next = ready_next = burst_next = np.inf  # times at the heads of the lines
    n, waits = 0, 0
    head[:] = -1
    count[:] = 0
    free[:] = 0.0
    last_sent = 0.0
    for s in range(senders):
        position[s] = start[s]
        if start[s] < start[s + 1]:
            n = _push(when, what, n, False, gap[start[s]], places + s)
    while True:
        now, line = ew_next, 1  # of events at the same time, packets in the network come before those that enter it
        if ns_next < now:
            now, line = ns_next, 2
        if ready_next < now:
            now, line = ready_next, 3
        if n > 0 and when[0] < now:
            now, line = when[0], 0
        if burst_next < now:
            now, line = burst_next, 4
        if now == np.inf:
            break
        hole = False  # whether the first event of the heap is over
        p = m = q = granted = -1
        if line == 0:
            hole = True
            m = what[0]
        elif line == 1:
            p, q = ew_what[ew_out & mask] & 0xFFFFFFFF, ew_what[ew_out & mask] >> 32
            ew_out += 1
            ew_next = ew_when[ew_out & mask] if ew_out < ew_in else np.inf
        elif line == 2:
            p, q = ns_what[ns_out & mask] & 0xFFFFFFFF, ns_what[ns_out & mask] >> 32
            ns_out += 1
            ns_next = ns_when[ns_out & mask] if ns_out < ns_in else np.inf
        elif line == 3:
            m = ready_what[ready_out & mask]
            ready_out += 1
            ready_next = ready_when[ready_out & mask] if ready_out < ready_in else np.inf
        else:
            m = burst_what[burst_out & mask]
            burst_out += 1
            burst_next = burst_when[burst_out & mask] if burst_out < burst_in else np.inf
        if links <= m < places:  # a core has read a packet, and somebody waits
            granted = q = m
            while head[q] >= 0 and read[head[q]] <= now:
                head[q] = following[head[q]]
                count[q] -= 1
            m = waiting[q]
            waiting[q] = waits_behind[m]
            called[q - links] = waiting[q] >= 0 and head[q] >= 0
            if called[q - links]:
                n = _push(when, what, n, hole, read[head[q]], q)
                hole = False
        while True:
            if p >= 0:  # packet p comes to place q
                m = -1
                following[p] = -1
                if head[q] >= 0:
                    following[last[q]] = p
                else:
                    head[q] = p
                    if q < links:
                        m = q
                last[q] = p
                if q >= links:
                    arrived[p] = now
                    free[q] = max(free[q], now) + service[p]
                    read[p] = free[q]
                    if waiting[q] >= 0 and not called[q - links]:
                        called[q - links] = True
                        n = _push(when, what, n, hole, read[head[q]], q)
                        hole = False
                p = -1
            if m < 0:
                break
            if m < links and free[m] > now:
                n = _push(when, what, n, hole, free[m], m)
                hole = False
                break
            first = position[m - places] if m >= places else head[m]  # mover m sends its first packet on
            c = target[first]
            here, there = at[m], at[places + c]
            if here != there:
                q = out[m] + (0 if (here ^ there) >> 32 else 2) + (there < here)
                full = count[q] >= capacity
            else:
                q = links + c
                while head[q] >= 0 and read[head[q]] <= now:
                    head[q] = following[head[q]]
                    count[q] -= 1
                full = count[q] >= core_capacity or (waiting[q] >= 0 and q != granted)
                if full and not called[c] and head[q] >= 0:
                    called[c] = True
                    n = _push(when, what, n, hole, read[head[q]], q)
                    hole = False
            if full:
                waits += 1
                waits_behind[m] = -1
                if waiting[q] < 0:
                    waiting[q] = m
                else:
                    waits_behind[waiting_last[q]] = m
                waiting_last[q] = m
                break
            granted = -1
            count[q] += 1
            if m >= places:
                p, s = first, m - places
                sent[s] = last_sent = departed[p] = now
                position[s] = p + 1
                if p + 1 < start[s + 1]:
                    if gap[p + 1] != burst:
                        n = _push(when, what, n, hole, now + gap[p + 1], m)
                        hole = False
                    else:
                        if burst_in == burst_out:
                            burst_next = now + burst
                        burst_when[burst_in & mask] = now + burst
                        burst_what[burst_in & mask] = m
                        burst_in += 1
                continue
            head[m] = following[first]
            count[m] -= 1
            free[m] = now + occupancy
            if m & 2:
                if ns_in == ns_out:
                    ns_next = now + hop_ns
                ns_when[ns_in & mask] = now + hop_ns
                ns_what[ns_in & mask] = (q << 32) + first
                ns_in += 1
            else:
                if ew_in == ew_out:
                    ew_next = now + hop_ew
                ew_when[ew_in & mask] = now + hop_ew
                ew_what[ew_in & mask] = (q << 32) + first
                ew_in += 1
            if head[m] >= 0:
                if ready_in == ready_out:
                    ready_next = free[m]
                ready_when[ready_in & mask] = free[m]
                ready_what[ready_in & mask] = m
                ready_in += 1
            link = m
            m = waiting[link]  # the first of those that this makes room for
            if m >= 0:
                waiting[link] = waits_behind[m]
        if hole:
            n -= 1
            _sink(when, what, n, when[n], what[n])
    drain = max(free[links:].max(), 0.0) - last_sent
    seconds, core, stage = _close(cores, start, target, gap, service, tail, sent, drain)
    return seconds, core, stage, waits


@kernel
def _close(cores, start, target, gap, service, tail, sent, drain):
    """(seconds, core, stage) of the step; ``drain``: from the sending of the last packet until all were read.

    The pace is set by the sender or the receiver with the most work of its own; where neither is busy for half of the
    step, packets spent it on their way.
    """
    end, sending, sender = 0.0, 0.0, 0
    load = np.zeros(cores)
    for s in range(tail.size):
        busy = tail[s]
        for p in range(start[s], start[s + 1]):
            busy += gap[p]
            load[target[p]] += service[p]
        if busy > sending:
            sending, sender = busy, s
        end = max(end, tail[s] + (sent[s] if start[s + 1] > start[s] else 0.0))
    receiver = load.argmax()
    seconds = end + drain
    if seconds > 2.0 * max(sending, load[receiver]):
        return seconds, receiver, LINK
    if sending >= load[receiver]:
        return seconds, sender, SEND
    return seconds, receiver, RECEIVE
