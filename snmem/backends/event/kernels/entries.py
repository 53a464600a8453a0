"""The compiled functions that Python calls; their machine code is kept on disk."""

from __future__ import annotations

from ...._jit import inner, kernel
from ..arrays import BLOCK, Buffer, Kinds, Turn
from ..columns import LANES
from ..llvm.calls import CATCH_UP
from .blocks import catch_up
from .cells import from_cells, to_cells
from .extended.call import call_step
from .loop import run_steps


@kernel
def run(net, state, cell, work, inputs, spikes, part, meeting, at):
    """:func:`.loop.run_steps`, for callers in Python."""
    run_steps(net, state, cell, work, inputs, spikes, part, meeting, at)


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
            nowhere = Buffer(state.blocks.upto, state.blocks.upto)  # as nothing spikes
            here = Turn(p, t, neurons.blocks[p], neurons.blocks[p + 1], False, counting)
            call_step(net, state, state.counts, work, nowhere, 0, here, CATCH_UP)


@kernel
def settle(net, state, work, t, counting):
    """Bring every block up to the start of step t."""
    _settle(net, state, work, t, counting)


@inner
def _enter(net, state, work, cell, p, thread, t):
    neurons, blocks = net.neurons, state.blocks
    kinds = Kinds(neurons.par, neurons.tile, neurons.flags)
    begin, end = neurons.cut[p, thread], neurons.cut[p, thread + 1]
    for b in range(begin, end):
        catch_up(kinds, blocks, work, state.counts, p, b, t, False)
        blocks.pending[b], blocks.awake[b] = 0, 0
    to_cells(cell, p, thread, begin * BLOCK, min(end * BLOCK, neurons.first[p] + neurons.size[p]), blocks, t)
    cell.on[p] = 1


@kernel
def enter(net, state, work, cell, p, thread, t):
    """Let this thread's neurons of population p run one by one from step t on."""
    _enter(net, state, work, cell, p, thread, t)


@inner
def _leave(net, state, cell, p, thread, t):
    neurons, blocks = net.neurons, state.blocks
    begin, end = neurons.cut[p, thread], neurons.cut[p, thread + 1]
    from_cells(cell, p, thread, begin * BLOCK, min(end * BLOCK, neurons.first[p] + neurons.size[p]), blocks, t)
    blocks.pending[begin:end], blocks.awake[begin:end], blocks.upto[begin:end] = 1, 1, t
    cell.on[p] = 0


@kernel
def leave(net, state, cell, p, thread, t):
    """Let this thread's neurons of population p run in blocks from step t on."""
    _leave(net, state, cell, p, thread, t)
