"""One step of traffic on the mesh, event by event: sending cores, links, receiving cores.

Every link and every core has a queue of ``capacity`` packets in front of it. A packet leaves its sender or its link
when the next queue has a place (credit flow control, so a full queue holds up what is behind it), crosses the link in
the hop time while the link takes the next packet after ``occupancy``, follows x first, then y, and is served by its
core in order of arrival.

*Places* are the links (tile * 4 + direction: +x, -x, +y, -y), then the cores; *movers* are the places, then the
senders (one per core, then the entry of injected spikes).
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numba import njit

#: Stages that can set the pace of a step.
SEND, RECEIVE, LINK = range(3)


class Mesh(NamedTuple):
    """What does not change: tile of every core and of every sender, and the chip's constants.

    x, y : int (senders,), cores first.    end_x, end_y : (links,) tile that a link leads to.
    links : 4 * tiles of the mesh, which is ``height`` tiles high.
    hop_ew, hop_ns, occupancy : seconds.    capacity, core_capacity : packets the queue of a link and of a core hold.
    """

    x: Any
    y: Any
    end_x: Any
    end_y: Any
    height: int
    links: int
    cores: int
    hop_ew: float
    hop_ns: float
    occupancy: float
    capacity: int
    core_capacity: int


class Work(NamedTuple):
    """Arrays reused from step to step."""

    head: Any  # by place: first and last packet of its queue, packets in it or on their way to it
    last: Any
    count: Any
    waiting: Any  # by place: first and last mover that waits for room there
    waiting_last: Any
    waits_behind: Any  # by mover: the next one that waits
    free: Any  # by link: time from which it takes the next packet
    position: Any  # by sender: its next packet
    following: Any  # by packet: the one behind it in the queue
    goes_to: Any  # by packet: place it is on its way to
    sent: Any  # by packet: when it left its sender
    when: Any  # binary heap of (time, mover): senders that are ready, cores that have read
    what: Any
    ew_when: Any  # lines of (time, packet or link), in order of time by themselves since each adds one constant to now:
    ew_what: Any  # packets crossing along x, along y, links ready for their next packet; rings of a power of two
    ns_when: Any
    ns_what: Any
    ready_when: Any
    ready_what: Any


def make_work(mesh: Mesh, packets: int) -> Work:
    """Arrays for steps of up to ``packets`` packets."""
    places, senders = mesh.links + mesh.cores, len(mesh.x)

    def none(n: int) -> Any:
        return np.full(n, -1, np.int64)

    room = places + senders + 1
    ring = 1 << (max(packets, mesh.links) + 1).bit_length()
    return Work(
        none(places), none(places), np.zeros(places, np.int64), none(places), none(places), none(places + senders),
        np.zeros(mesh.links), none(senders), none(packets), none(packets), np.zeros(packets),
        np.zeros(room), none(room),
        np.zeros(ring), none(ring), np.zeros(ring), none(ring), np.zeros(ring), none(ring),
    )  # fmt: skip


@njit(cache=True)
def _push(when, what, n, time, event):
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


@njit(cache=True)
def _pop(when, what, n):
    n -= 1
    time, event = when[n], what[n]
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
    return n


@njit(cache=True)
def run_step(mesh, work, start, target, gap, service, tail):
    """Time one step.

    start : (senders + 1,) packets of each sender in the order of sending;  target : core of each packet;
    gap : sender's time since its packet before;  service : receiver's time to read it;
    tail : sender's time after its last packet.

    Returns (seconds, core, stage, waits): when the slowest core has finished and the network has drained. Draining
    takes as long after that core has finished as it took after the last packet was sent until all were read.

    One long function on purpose: compiled calls that pass this many arrays cost more than the work they would do.
    """
    to_x, to_y, end_x, end_y, height, links, cores, hop_ew, hop_ns, occupancy, capacity, core_capacity = mesh
    (
        head, last, count, waiting, waiting_last, waits_behind, free, position, following, goes_to, sent, when, what,
        ew_when, ew_what, ns_when, ns_what, ready_when, ready_what,
    ) = work  # fmt: skip
    senders = to_x.size
    places = links + cores
    mask = ew_when.size - 1
    ew_out = ew_in = ns_out = ns_in = ready_out = ready_in = 0
    n, waits = 0, 0
    free[:] = 0.0
    done, last_sent = 0.0, 0.0
    for s in range(senders):
        position[s] = start[s]
        if start[s] < start[s + 1]:
            n = _push(when, what, n, gap[start[s]], places + s)
    while True:
        now = when[0] if n > 0 else np.inf
        line = 0
        if ew_out < ew_in and ew_when[ew_out & mask] < now:
            now, line = ew_when[ew_out & mask], 1
        if ns_out < ns_in and ns_when[ns_out & mask] < now:
            now, line = ns_when[ns_out & mask], 2
        if ready_out < ready_in and ready_when[ready_out & mask] < now:
            now, line = ready_when[ready_out & mask], 3
        if now == np.inf:
            break
        p = m = -1
        if line == 0:
            m = what[0]
            n = _pop(when, what, n)
        elif line == 1:
            p = ew_what[ew_out & mask]
            ew_out += 1
        elif line == 2:
            p = ns_what[ns_out & mask]
            ns_out += 1
        else:
            m = ready_what[ready_out & mask]
            ready_out += 1
        if p >= 0:  # a packet has crossed its link
            q = goes_to[p]
            following[p] = -1
            m = -1
            if head[q] >= 0:
                following[last[q]] = p
            else:
                head[q] = p
                if q < links:
                    m = q
                else:
                    n = _push(when, what, n, now + service[p], q)
            last[q] = p
        elif links <= m < places:  # a core has read a packet
            q = m
            p = head[q]
            head[q] = following[p]
            count[q] -= 1
            if head[q] >= 0:
                n = _push(when, what, n, now + service[head[q]], q)
            done = now
            m = waiting[q]
            if m >= 0:
                waiting[q] = waits_behind[m]
                if waiting[q] < 0:
                    waiting_last[q] = -1
        while m >= 0:  # mover m sends its first packet on, then those that this makes room for
            if m >= places:
                p = position[m - places]
                x, y = to_x[m - places], to_y[m - places]
            else:
                if free[m] > now:
                    n = _push(when, what, n, free[m], m)
                    break
                p = head[m]
                x, y = end_x[m], end_y[m]
            c = target[p]
            q = links + c
            if to_x[c] != x:
                q = 4 * (x * height + y) + (to_x[c] < x)
            elif to_y[c] != y:
                q = 4 * (x * height + y) + 2 + (to_y[c] < y)
            if count[q] >= (capacity if q < links else core_capacity):
                waits += 1
                waits_behind[m] = -1
                if waiting_last[q] < 0:
                    waiting[q] = m
                else:
                    waits_behind[waiting_last[q]] = m
                waiting_last[q] = m
                break
            count[q] += 1
            if m >= places:
                s = m - places
                sent[p] = last_sent = now
                position[s] = p + 1
                if p + 1 < start[s + 1]:
                    n = _push(when, what, n, now + gap[p + 1], m)
                following[p] = -1
                m = -1
                if head[q] >= 0:
                    following[last[q]] = p
                else:
                    head[q] = p
                    if q < links:
                        m = q
                    else:
                        n = _push(when, what, n, now + service[p], q)
                last[q] = p
            else:
                head[m] = following[p]
                count[m] -= 1
                free[m] = now + occupancy
                goes_to[p] = q
                if m & 2:
                    ns_when[ns_in & mask] = now + hop_ns
                    ns_what[ns_in & mask] = p
                    ns_in += 1
                else:
                    ew_when[ew_in & mask] = now + hop_ew
                    ew_what[ew_in & mask] = p
                    ew_in += 1
                if head[m] >= 0:
                    ready_when[ready_in & mask] = free[m]
                    ready_what[ready_in & mask] = m
                    ready_in += 1
                link = m
                m = waiting[link]
                if m >= 0:
                    waiting[link] = waits_behind[m]
                    if waiting[link] < 0:
                        waiting_last[link] = -1
    seconds, core, stage = _close(cores, start, target, gap, service, tail, sent, done - last_sent)
    return seconds, core, stage, waits


@njit(cache=True)
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
        end = max(end, tail[s] + (sent[start[s + 1] - 1] if start[s + 1] > start[s] else 0.0))
    receiver = load.argmax()
    seconds = end + drain
    if seconds > 2.0 * max(sending, load[receiver]):
        return seconds, receiver, LINK
    if sending >= load[receiver]:
        return seconds, sender, SEND
    return seconds, receiver, RECEIVE
