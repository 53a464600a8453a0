"""The loop over steps."""

from __future__ import annotations

from ...._jit import inner
from ..arrays import BLOCK, Buffer, Here, Kinds, Turn
from ..columns import (
    ASIDE,
    BEGIN,
    COLUMN,
    COUNT,
    DECAY,
    DELAY,
    DELIVERS,
    DONE,
    END,
    EVENT,
    EVENTS,
    GATED,
    HIGH,
    KEEPS,
    KIND,
    LANES,
    LAST,
    LATE,
    LEARNS,
    LOW,
    POPULATION,
    POST,
    PRE,
    REWARD,
    ROW_LENGTH,
    SERIES_SIZE,
    SHIFT,
    SIDE,
    STEP,
    STEP_DUE,
    SUMS,
    TO_CELLS,
    VALUED,
    VARIABLE,
)
from ..llvm.calls import call_part, stored
from ..llvm.system import nanoseconds
from .blocks import step_blocks
from .custom import step_custom
from .delivery.arrivals import arrivals_of
from .delivery.rows import deliver_blocks
from .extended.call import call_step
from .meeting import GIVE_UP, SAID, UP, all_said, begin, gather, wait
from .ranges import copy_range

#: Steps between two looks at the clock of a thread that is alone.
_CLOCK = 8


@inner
def _asleep(blocks, waiting, neurons, flags, thread):
    """Whether all of this thread's blocks and cells sleep."""
    awake, pending, cut = blocks.awake, blocks.pending, neurons.cut
    for p in neurons.order:
        if waiting[thread, p] > 0:
            return False
        for b in range(cut[p, thread], cut[p, thread + 1]):
            if awake[b] or pending[b]:
                return False
            for k in range(1, flags[p, LANES]):
                if pending[b + flags[p, SHIFT] + (k - 1) * flags[p, SIDE]]:
                    return False
    return True


@inner(inline="always")
def _read_inputs(neurons, inputs, ring, slot, t, e):
    """Note which input spikes, from number e on, are of step t; returns the number of the next one."""
    first, size, neuron, step = neurons.first, neurons.size, inputs.neuron, inputs.step
    for p in neurons.inputs:
        ring[slot, p, BEGIN] = e
        while e < neuron.size and step[e] == t and neuron[e] < first[p] + size[p]:
            e += 1
        ring[slot, p, END] = e
    return e


@inner(inline="always")
def _deliver(net, state, cell, work, spikes, inputs, here, thread, turn, t):
    """Deliver what reaches population ``order[turn]`` in step t; after the last, what comes in time for step t + 1."""
    neurons, synapses, ring = net.neurons, net.synapses, state.ring
    links, queue, turns = synapses.links, synapses.queue, synapses.turns
    depth, own = ring.shape[0], neurons.size.size - neurons.inputs.size
    same = turn < neurons.order.size
    then = t if same else t + 1
    if not same and net.parts[KEEPS] != 0:
        call_part(net.parts[KEEPS], here, (t, 0, 0, 0, 0))
    for k in range(turns[turn], turns[turn + 1]):
        q = queue[k]
        part = links[q, DELIVERS]
        if part != 0 and (links[q, DELAY] == LATE or net.potentials.row[q] >= 0):
            call_part(part, here, (q, thread, then, same, 0))
            continue
        pre, left = links[q, PRE], then - links[q, DELAY]  # the step that the spikes are from
        slot = t % depth if left == t else left % depth
        lo, hi = ring[slot, pre, BEGIN], ring[slot, pre, END]
        if hi == lo or left < 0:
            continue
        post = links[q, POST]
        cell.load[post, EVENTS] += (hi - lo) * links[q, ROW_LENGTH]
        if cell.on[post]:
            part = net.parts[TO_CELLS]
        elif part == 0 and pre >= own and inputs.graded[pre - own] != 0:
            part = net.parts[VALUED]
        if part != 0:
            call_part(part, here, (q, thread, then, slot, 0))
        else:
            come = spikes.neuron if pre < own else inputs.neuron
            reached = arrivals_of(net, ring, q, slot, thread)
            deliver_blocks(synapses, state.weight, state.blocks, work.scratch, come, reached)


@inner(inline="always")
def _step(net, state, cell, work, spikes, here, n, thread, turn, side):
    """A population's step on this thread; appends its spikes from place n on and returns the new number.

    side: of ``Meeting.spiking``, with several threads, else -1.
    """
    p = turn.population
    if net.custom.steps[p] != 0:
        return step_custom(net.neurons, net.custom, state, spikes, n, turn, thread)
    if cell.on[p]:
        return call_part(net.parts[STEP_DUE], here, (p, turn.step, thread, side, n))
    kinds = Kinds(net.neurons.par, net.neurons.tile, net.neurons.flags)
    if net.extended.flags[p, LANES] > 0:
        return call_step(net, state, cell.load, work, spikes, n, turn, turn.stepped)
    return step_blocks(kinds, state.blocks, work, state.counts, cell.load, spikes, n, turn)


@inner
def _record(net, state, out, row, thread):
    """Write the traces of this thread's blocks into a row of the output."""
    neurons, cut, u, v = net.neurons, net.neurons.cut, state.blocks.u, state.blocks.v
    for trace in net.traces:
        p, low, high = trace[POPULATION], trace[LOW], trace[HIGH]
        if net.custom.steps[p] != 0:
            begin = net.custom.first[p] + trace[VARIABLE] * neurons.size[p] + low
            copy_range(state.custom, begin, high - low, out[row], trace[COLUMN])
            continue
        first, aside = neurons.first[p], trace[ASIDE]
        begin = max(cut[p, thread] * BLOCK, first + low)
        many = min(cut[p, thread + 1] * BLOCK, first + high) - begin
        column = trace[COLUMN] + begin - first - low
        if many > 0 and trace[VARIABLE]:
            copy_range(v, begin + aside, many, out[row], column)
        elif many > 0:
            copy_range(u, begin + aside, many, out[row], column)


@inner
def _may_skip(net, part):
    """Whether steps in which nothing happens need not be made."""
    may_skip = not part.stepped
    for r in range(net.rules.rule.shape[0]):
        kind, series = net.rules.rule[r, KIND], net.rules.rule[r, SERIES_SIZE]
        may_skip = may_skip and kind != SUMS and (kind != GATED or net.rules.rate[r, DECAY] == 0.0)
        may_skip = may_skip and (kind != REWARD or series == 0)
    return may_skip


@inner
def run_steps(net, state, cell, work, inputs, spikes, part, meeting, at):
    """Steps up to ``part.stop`` - 1, or until the buffer has no room for one more or the time is over.

    Rings of inputs point into ``inputs``, those of neurons into ``spikes``. ``at`` (see STEP) says where to begin and
    is set to where the run ended.

    Each thread steps its own blocks (``cut``) and delivers to them, from a buffer, rings and counters of its own. They
    meet once for each population: with two places for the spikes of each, none is a meeting ahead of a reader.
    """
    neurons, blocks, ring, order = net.neurons, state.blocks, state.ring, net.neurons.order
    thread, sync, spiking, ignored = meeting
    cut, threads, depth, rules = neurons.cut, neurons.cut.shape[1] - 1, ring.shape[0], net.rules.rule.shape[0]
    event_step, events, room, stop = inputs.step, inputs.step.size, part.room, part.stop
    side, met = -1 if threads == 1 else 0, 0
    may_skip = _may_skip(net, part)
    t, n, e, last, done = at[STEP], at[COUNT], at[EVENT], at[LAST], at[DONE]
    start, began = t, nanoseconds()
    if threads > 1 and not begin(sync, threads, thread):
        return
    here = stored(Here(net, state, cell, work, inputs, spikes, meeting))
    while t < stop and n + room <= spikes.neuron.size:
        # Nothing can happen before the next input when all sleep and no spike is on its way. Of several threads one may
        # be ahead, so that all go by what each said before they met last; what it delivered since counts as on its way.
        idle = may_skip and (last < 0 or t - last >= depth + (threads > 1))
        if idle and threads == 1:
            idle = _asleep(blocks, cell.waiting, neurons, net.extended.flags, thread)
        elif idle:
            idle = met > 0 and all_said(sync, met & 1)
        if idle:
            after = event_step[e] if e < events else stop
            if after > t:
                t = min(after, stop)
                ring[:] = 0
                continue
        slot, before, e_before = t % depth, n, e
        done += 1
        up = thread == 0 and (threads > 1 or t % _CLOCK == 0) and nanoseconds() - began > part.time
        e = _read_inputs(neurons, inputs, ring, slot, t, e)
        if e > e_before:
            last = t
        for turn in range(order.size + 1):
            _deliver(net, state, cell, work, spikes, inputs, here, thread, turn, t)
            if turn == order.size:
                break
            p = order[turn]
            ring[slot, p, BEGIN] = n
            now = Turn(p, t, cut[p, thread], cut[p, thread + 1], part.stepped, part.counting)
            if threads == 1:
                into, at_first = spikes, n
            else:
                side = 1 - side
                into, at_first = Buffer(spiking[side, thread], ignored), 1
            after = _step(net, state, cell, work, into, here, at_first, thread, now, side)
            if threads == 1:
                n = after
            else:
                into.neuron[0] = after
                if turn == order.size - 1:
                    asleep = _asleep(blocks, cell.waiting, neurons, net.extended.flags, thread)
                    met += 1
                    sync[SAID + thread, met & 1] = may_skip and t - last >= depth and asleep
                    if thread == 0:
                        sync[UP, met & 1] = up
                wait(sync, threads)
                n = gather(spiking[side], spikes, t, n, thread)
                if sync[GIVE_UP, 0] != 0:
                    return
            ring[slot, p, END] = n
        for r in range(rules):
            call_part(net.rules.rule[r, LEARNS], here, (r, slot, t, 0, 0))
        if net.traces.shape[0] > 0:
            _record(net, state, part.out, t - start, thread)
        if n > before:
            last = t
        t += 1
        if threads > 1:
            up = sync[UP, met & 1] != 0
        if up:
            break
    at[STEP], at[COUNT], at[EVENT], at[LAST], at[DONE] = t, n, e, last, done
