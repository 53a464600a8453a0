"""The call of the compiled step of extended populations (:mod:`.step`)."""

from __future__ import annotations

from ....._jit import inner
from ...columns import STEP_AT
from ...llvm.calls import call_extended


@inner(inline="always")
def call_step(net, state, load, work, spikes, n, turn, mode):
    """A population's step, or with ``mode`` CATCH_UP, its blocks brought up to date; returns the number of spikes."""
    kinds, ext, blocks, p = net.neurons, net.extended, state.blocks, turn.population
    return call_extended(
        ext.flags[p, STEP_AT],
        (
            blocks.u, blocks.v, blocks.input, blocks.pending, blocks.awake, blocks.upto, state.held, kinds.par,
            kinds.tile, kinds.flags, ext.par, ext.tile, ext.flags, work.scratch, work.room, work.over, state.counts,
            load, spikes.neuron, spikes.step,
        ),
        (p, turn.step, turn.begin, turn.end, mode, turn.counting, n, kinds.blocks[p]),
    )  # fmt: skip
