"""The compiled functions that Python calls; their machine code is kept on disk."""

from __future__ import annotations

from ...._jit import inner, kernel
from ..arrays import BLOCK, Buffer, Kinds, Turn
from ..columns import LANES
from ..llvm.calls import CATCH_UP
from .blocks import catch_up
from .cells import from_cells, to_cells
from .extended.call import call_step
from .extended.state import has_of, lane_of
from .loop import run_steps


@kernel
def run(net, state, cell, work, inputs, spikes, part, meeting, at):
    """:func:`.loop.run_steps`, for callers in Python."""
    run_steps(net, state, cell, work, inputs, spikes, part, meeting, at)


@inner
def _settle_extended(net, state, work, p, begin, end, t, counting):
    nowhere = Buffer(state.blocks.upto, state.blocks.upto)  # as nothing spikes
    call_step(net, state, state.counts, work, nowhere, 0, Turn(p, t, begin, end, False, counting), CATCH_UP)


@inner
def _settle(net, state, work, t, counting):
    neurons = net.neurons
    kinds = Kinds(neurons.par, neurons.tile, neurons.flags)
    for p in neurons.order:
        extended = net.extended.flags[p, LANES] > 0
        for b in range(neurons.blocks[p], neurons.blocks[p + 1]):
            if not extended and state.blocks.upto[b] < t:
                catch_up(kinds, state.blocks, work, state.counts, p, b, t, counting)
        if extended:
            _settle_extended(net, state, work, p, neurons.blocks[p], neurons.blocks[p + 1], t, counting)


@kernel
def settle(net, state, work, t, counting):
    """Bring every block up to the start of step t."""
    _settle(net, state, work, t, counting)


@inner
def _enter(net, state, work, cell, p, thread, t):
    neurons, blocks = net.neurons, state.blocks
    kinds = Kinds(neurons.par, neurons.tile, neurons.flags)
    begin, end = neurons.cut[p, thread], neurons.cut[p, thread + 1]
    if net.extended.flags[p, LANES] > 0:
        _settle_extended(net, state, work, p, begin, end, t, False)
    for b in range(begin, end):
        if net.extended.flags[p, LANES] == 0:
            catch_up(kinds, blocks, work, state.counts, p, b, t, False)
        blocks.pending[b], blocks.awake[b] = 0, 0
        for k in range(1, net.extended.flags[p, LANES]):
            blocks.pending[lane_of(has_of(net.extended.flags, p), b, k)] = 0
    last = min(end * BLOCK, neurons.first[p] + neurons.size[p])
    to_cells(cell, net.extended, p, thread, begin * BLOCK, last, blocks, state.held, t)
    cell.on[p] = 1


@kernel
def enter(net, state, work, cell, p, thread, t):
    """Let this thread's neurons of population p run one by one from step t on."""
    _enter(net, state, work, cell, p, thread, t)


@inner
def _leave(net, state, cell, p, thread, t):
    neurons, blocks = net.neurons, state.blocks
    begin, end = neurons.cut[p, thread], neurons.cut[p, thread + 1]
    last = min(end * BLOCK, neurons.first[p] + neurons.size[p])
    from_cells(cell, net.extended, p, thread, begin * BLOCK, last, blocks, state.held, t)
    blocks.pending[begin:end], blocks.awake[begin:end], blocks.upto[begin:end] = 1, 1, t
    cell.on[p] = 0


@kernel
def leave(net, state, cell, p, thread, t):
    """Let this thread's neurons of population p run in blocks from step t on."""
    _leave(net, state, cell, p, thread, t)
