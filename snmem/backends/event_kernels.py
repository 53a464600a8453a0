"""The event engine's loop over steps, compiled (see :mod:`snmem.backends.event_layout` for the data).

All state is float64; Loihi's integers stay below 2**53 and are therefore exact in it. No fast-math: every sum is
evaluated in the order of :mod:`snmem.neurons`, so results are bit-identical to the reference step.
"""

from __future__ import annotations

import numpy as np

from .._jit import kernel
from .event_blocks import catch_up, step_blocks
from .event_cells import from_cells, step_cells, to_cells
from .event_delivery import deliver_blocks, deliver_cells
from .event_intrinsics import arrive, borrowed, look, nanoseconds, prefetch, sched_yield, sleep
from .event_planes import deliver_planes
from .event_types import BLOCK, LEARNT, LINE, WORD


@kernel(keep=False)
def _learn(net, state, r, spk, events, slot):
    """Apply rule r after step t, whose spikes are those of ring slot ``slot``."""
    gate, signal, base, x0, size = net.rule[r, 1], net.rule[r, 2], net.rule[r, 3], net.rule[r, 4], net.rule[r, 5]
    rate, decay = net.rate[r, 0], net.rate[r, 1]
    g0, g1 = state.ring[slot, gate]
    s0, s1 = state.ring[slot, signal]
    neurons = net.pop_size.size - net.in_pops.size
    gates, signals = spk if gate < neurons else events, spk if signal < neurons else events
    if decay > 0.0:
        for i in range(x0, x0 + size):
            state.x[i] *= decay
    elif g0 == g1:
        return
    for j in range(s0, s1):
        state.x[x0 + signals[j] - net.pop_first[signal]] += 1.0
    x, weight, positions, others, ahead = state.x[x0:], state.weight, net.lpos, net.lother, np.uint64(LEARNT)
    for j in range(g0, g1):
        k0 = base + gates[j] - net.pop_first[gate]
        low, high = np.uint64(net.lptr[k0]), np.uint64(net.lptr[k0 + 1])
        for k in range(low, high):  # a gate's weights are scattered over those of the projection
            if k + ahead < high:
                prefetch(weight, np.uint64(positions[k + ahead]))  # pyright: ignore[reportCallIssue]
            at = np.uint64(positions[k])
            weight[at] += rate * (x[np.uint64(others[k])] - weight[at])
        state.learned[r] += np.int64(high - low)
    if decay == 0.0:
        for j in range(s0, s1):
            state.x[x0 + signals[j] - net.pop_first[signal]] = 0.0


@kernel(keep=False)
def _asleep(awake, touched, waiting, order, cut, thread):
    """Whether all of this thread's blocks and cells sleep."""
    for p in order:
        if waiting[thread, p] > 0:
            return False
        for b in range(cut[p, thread], cut[p, thread + 1]):
            if awake[b] or touched[b]:
                return False
    return True


#: Rows of ``sync``, none of which shares a line of the cache with another: arrivals at meetings; whether to give up;
#: whether the first thread's time is up; arrivals at the start; whether all start; naps taken while waiting;
#: nanoseconds that the first waits for the others at the start; and for each thread, whether all that it steps is
#: asleep. What is said in a step stands in one of two columns by turns, since none can be two steps ahead of another.
ARRIVED, GIVE_UP, UP, READY, STARTED, NAPS, PATIENCE, SAID = range(8)
#: Length of these rows: two lines, as processors fetch pairs.
COLUMNS = np.int64(2 * LINE // 8)
#: Looks at the others before the processor is offered to another thread, and offers before a nap.
_SPINS, _OFFERS = 2000, 20
#: Microseconds of the first nap while waiting, and of the longest.
_NAP, _NAP_MOST = 50, 1000
#: Steps between two looks at the clock of a thread that is alone.
_CLOCK = 8


@kernel(keep=False)
def _rest(sync, looks):
    """What to do after so many looks at something that is not yet there: look again, let others run, or take a nap."""
    naps = looks - _SPINS - _OFFERS
    if naps > 0:
        arrive(sync, NAPS * COLUMNS)  # pyright: ignore[reportCallIssue]
        sleep(np.uint32(min(_NAP << min(naps - 1, 10), _NAP_MOST)))
    elif looks > _SPINS:
        sched_yield()


@kernel(keep=False)
def _begin(sync, threads, thread):
    """Whether all threads begin. The first waits some time for the others, and tells them to give up if they are late.

    So it may go on alone while they are not even running, since the machine has other things to do.
    """
    arrive(sync, READY * COLUMNS)  # pyright: ignore[reportCallIssue]
    row, wanted = (READY * COLUMNS, threads) if thread == 0 else (STARTED * COLUMNS, 1)
    looks, until = 0, nanoseconds() + sync[PATIENCE, 0]  # pyright: ignore[reportCallIssue]
    while look(sync, row) < wanted and look(sync, GIVE_UP * COLUMNS) == 0:  # pyright: ignore[reportCallIssue]
        looks += 1
        if looks > _SPINS and thread == 0 and nanoseconds() > until:  # pyright: ignore[reportCallIssue]
            break
        _rest(sync, looks)
    if thread == 0:
        together = look(sync, row) >= wanted and look(sync, GIVE_UP * COLUMNS) == 0  # pyright: ignore[reportCallIssue]
        arrive(sync, (STARTED if together else GIVE_UP) * COLUMNS)  # pyright: ignore[reportCallIssue]
        return together
    return look(sync, GIVE_UP * COLUMNS) == 0  # pyright: ignore[reportCallIssue]


@kernel(keep=False)
def _wait(sync, threads):
    """Go on when all threads have come here (``sync`` counts arrivals), or when it tells to give up."""
    arrived = arrive(sync, ARRIVED * COLUMNS) + 1  # pyright: ignore[reportCallIssue]
    wanted = -(-arrived // threads) * threads
    looks = 0
    while look(sync, ARRIVED * COLUMNS) < wanted and sync[GIVE_UP, 0] == 0:  # pyright: ignore[reportCallIssue]
        looks += 1
        if looks > _SPINS:
            _rest(sync, looks)


@kernel(keep=False)
def _gather(found, spk, spk_step, t, n, thread):
    """Append what all threads found to the spikes, in their order; returns the new length. One notes their step."""
    threads, before = found.shape[0], n
    for k in range(threads):
        for j in range(1, found[k, 0]):
            spk[n] = found[k, j]
            n += 1
    if thread == 0:
        spk_step[before:n] = t
    return n


@kernel(keep=False)
def _run(
    net, state, cell, events, event_step, stop, time, spk, spk_step, room, out, work, stepped, counting, thread, sync,
    found, at,
):  # fmt: skip
    """Steps up to stop-1, or until the spike buffer has no room for one more or ``time`` nanoseconds are over.

    events, event_step: input spikes sorted by step, then population, then neuron. Rings of inputs point into them,
    those of neurons into spk.
    at: step t, spikes n in the buffer, next event e, step of the latest spike or -1, steps done (not skipped); set
    to where the run ended.
    out: (steps, columns) of traces, filled from row 0.
    thread: which of the threads this is. Each steps its own blocks (``net.cut``) and delivers to them, from a buffer,
    rings and counters of its own; ``found`` takes the spikes of each, and ``sync`` is where they wait for each other.
    They meet once for each population: with two places for what they find, none is a meeting ahead of a reader.
    """
    # Taken out of the tuples once: every access in the loop would look for references to count.
    proj, shift, first, blk, ptr, target = net.proj, net.shift, net.pop_first, net.pop_blk, net.ptr, net.target
    code, palette, flags, blk_tile, par = net.code, net.palette, net.pop_flags, net.blk_tile, net.par
    size, in_pops, order, traces = net.pop_size, net.in_pops, net.order, net.traces
    u, v, cur, touched, awake, upto, weight = (
        state.u, state.v, state.cur, state.touched, state.awake, state.upto, state.weight,
    )  # fmt: skip
    queue, turns = net.queue, net.turns
    dense, unit, planes, bits = net.dense, net.unit, net.planes, net.bits
    scratch, listed, filled, sums = work.scratch, work.listed, work.filled, work.sums
    cut, threads, waiting = net.cut, net.cut.shape[1] - 1, cell.waiting
    on, load = cell.on, cell.load  # all of ``cell`` is handed on only where it is needed, for the same reason
    over = np.zeros((awake.size, BLOCK // WORD), np.uint64)
    ring, counts, rules = state.ring, state.counts, net.rule.shape[0]
    depth = ring.shape[0]
    ignored, side, met = np.empty(found.shape[2], np.int64), 0, 0
    may_skip = not stepped
    for r in range(rules):
        may_skip = may_skip and net.rate[r, 1] == 0.0
    t, n, e, last, done = at
    start, neurons, began = t, size.size - in_pops.size, nanoseconds()  # pyright: ignore[reportCallIssue]
    if threads > 1 and not _begin(sync, threads, thread):
        return
    while t < stop and n + room <= spk.size:
        # Nothing can happen before the next input when all sleep and no spike is on its way. Of several threads one may
        # be ahead, so that all go by what each said before they met last; what it delivered since counts as on its way.
        idle = may_skip and (last < 0 or t - last >= depth + (threads > 1))
        if idle and threads == 1:
            idle = _asleep(awake, touched, waiting, order, cut, thread)
        elif idle:
            idle = met > 0 and sync[SAID:, met & 1].all()
        if idle:
            after = event_step[e] if e < events.size else stop
            if after > t:
                t = min(after, stop)
                ring[:] = 0
                continue
        slot = t % depth
        before = n
        done += 1
        up = thread == 0 and (threads > 1 or t % _CLOCK == 0) and nanoseconds() - began > time  # pyright: ignore[reportCallIssue]
        for p in in_pops:
            ring[slot, p, 0] = e
            while e < events.size and event_step[e] == t and events[e] < first[p] + size[p]:
                e += 1
            ring[slot, p, 1] = e
            if e > ring[slot, p, 0]:
                last = t
        for turn in range(turns.size - 1):  # after the last population, what comes in time for the next step
            then = t if turn < order.size else t + 1
            for k in range(turns[turn], turns[turn + 1]):
                q = queue[k]
                pre, post, left = proj[q, 0], proj[q, 1], then - proj[q, 2]  # the step that the spikes are from
                there = slot if left == t else left % depth
                lo, hi = ring[there, pre, 0], ring[there, pre, 1]
                if hi == lo or left < 0:
                    continue
                come = spk if pre < neurons else events
                load[post, 1] += (hi - lo) * proj[q, 9]
                own, end = cut[post, thread], cut[post, thread + 1]
                if dense[q, 0] >= 0:
                    deliver_planes(
                        proj, dense, unit, first, blk, planes, bits, cur, touched, scratch, listed, filled, sums, come,
                        q, lo, hi, own, end,
                    )  # fmt: skip
                elif on[post]:
                    deliver_cells(
                        proj, shift, first, blk, ptr, target, code, palette, weight, come, q, lo, hi, own, end, cell,
                        thread, then,
                    )  # fmt: skip
                else:
                    deliver_blocks(
                        proj, shift, first, blk, ptr, target, code, palette, weight, cur, touched, scratch, come, q, lo,
                        hi, own, end,
                    )  # fmt: skip
            if turn == order.size:
                break
            p = order[turn]
            ring[slot, p, 0] = n
            own, end, subtract = cut[p, thread], cut[p, thread + 1], flags[p, 1] != 0
            if threads == 1 and on[p]:
                n = step_cells(cell, p, thread, own, subtract, t, spk, spk_step, n)
            elif threads == 1:
                n = step_blocks(
                    flags, blk_tile, par, u, v, cur, touched, awake, upto, over, counts, load, spk, spk_step,
                    p, t, n, stepped, counting, own, end,
                )  # fmt: skip
            else:
                side = 1 - side
                mine = found[side, thread]
                if on[p]:
                    mine[0] = step_cells(cell, p, thread, own, subtract, t, mine, ignored, 1)
                else:
                    mine[0] = step_blocks(
                        flags, blk_tile, par, u, v, cur, touched, awake, upto, over, counts, load, mine,
                        ignored, p, t, 1, stepped, counting, own, end,
                    )  # fmt: skip
                if p == order[-1]:
                    quiet = may_skip and t - last >= depth
                    quiet = quiet and _asleep(awake, touched, waiting, order, cut, thread)
                    met += 1
                    sync[SAID + thread, met & 1] = quiet
                    if thread == 0:
                        sync[UP, met & 1] = up
                _wait(sync, threads)
                n = _gather(found[side], spk, spk_step, t, n, thread)
                if sync[GIVE_UP, 0] != 0:
                    return
            ring[slot, p, 1] = n
        for r in range(rules):
            _learn(net, state, r, spk, events, slot)
        for r in range(traces.shape[0]):
            p, row, column = traces[r, 0], traces[r, 1], traces[r, 2]
            for i in range(cut[p, thread] * BLOCK, min(cut[p, thread + 1] * BLOCK, first[p] + size[p])):
                out[t - start, column + i - first[p]] = v[i] if row else u[i]
        if n > before:
            last = t
        t += 1
        if threads > 1:
            up = sync[UP, met & 1] != 0
        if up:
            break
    at[0], at[1], at[2], at[3], at[4] = t, n, e, last, done


@kernel(keep=False)
def _settle(net, state, t, counting):
    """Bring every block up to the start of step t."""
    over = np.zeros((state.awake.size, BLOCK // WORD), np.uint64)
    for p in net.order:
        flags = net.pop_flags[p]
        for b in range(net.pop_blk[p], net.pop_blk[p + 1]):
            if state.upto[b] >= t:
                continue
            tile = net.blk_tile[b]
            catch_up(
                state.u, state.v, state.cur, net.par, b, tile, flags[0] != 0, flags[2],
                flags[3], state.upto[b], t, over, state.counts, p, counting,
            )  # fmt: skip
            state.upto[b] = t


@kernel(keep=False)
def _enter(net, state, cell, p, thread, t):
    """Let this thread's neurons of population p run one by one from step t on."""
    own, end, first = net.cut[p, thread], net.cut[p, thread + 1], net.pop_first[p]
    over = np.zeros((state.awake.size, BLOCK // WORD), np.uint64)
    for b in range(own, end):
        tile = net.blk_tile[b]
        catch_up(
            state.u, state.v, state.cur, net.par, b, tile, False, 0, 0, state.upto[b], t, over,
            state.counts, p, False,
        )  # fmt: skip
        state.touched[b], state.awake[b], state.upto[b] = 0, 0, t
    stop = min(end * BLOCK, first + net.pop_size[p])
    to_cells(cell, p, thread, own, own * BLOCK, stop, state.u, state.v, state.cur, t)
    cell.on[p] = 1


@kernel(keep=False)
def _leave(net, state, cell, p, thread, t):
    """Let this thread's neurons of population p run in blocks from step t on."""
    own, end, first = net.cut[p, thread], net.cut[p, thread + 1], net.pop_first[p]
    stop = min(end * BLOCK, first + net.pop_size[p])
    from_cells(cell, p, thread, own * BLOCK, stop, state.u, state.v, state.cur, t)
    state.touched[own:end], state.awake[own:end], state.upto[own:end] = 1, 1, t
    cell.on[p] = 0


@kernel
def run(*arguments):
    """:func:`_run`, for callers in Python."""
    _run(*borrowed(arguments))  # pyright: ignore[reportCallIssue]


@kernel
def settle(*arguments):
    """:func:`_settle`, for callers in Python."""
    _settle(*borrowed(arguments))  # pyright: ignore[reportCallIssue]


@kernel
def enter(*arguments):
    """:func:`_enter`, for callers in Python."""
    _enter(*borrowed(arguments))  # pyright: ignore[reportCallIssue]


@kernel
def leave(*arguments):
    """:func:`_leave`, for callers in Python."""
    _leave(*borrowed(arguments))  # pyright: ignore[reportCallIssue]
