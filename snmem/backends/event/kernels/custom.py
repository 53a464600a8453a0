"""Populations of neurons of types from elsewhere."""

from __future__ import annotations

from ...._jit import inner
from ..columns import CLEAR_EVERY, CLEAR_OFFSET
from ..llvm.calls import call_steps


@inner
def step_custom(neurons, custom, state, spikes, n, turn, thread):
    """A population's step, on the first thread; appends the spikes from place n on and returns the new number."""
    p, t, begin, end, _, _ = turn
    state.blocks.pending[begin:end] = 0
    state.blocks.upto[begin:end] = t + 1
    if thread > 0:
        return n
    blocks, variables, every = state.blocks, state.custom, neurons.flags[p, CLEAR_EVERY]
    if every > 0 and t % every == neurons.flags[p, CLEAR_OFFSET]:
        variables[custom.first[p] : custom.first[p + 1]] = 0.0
    found = call_steps(
        custom.steps[p], variables, custom.first[p], blocks.input, custom.par, custom.row[p], neurons.size[p],
        neurons.first[p], spikes.neuron, n, state.counts, p,
    )  # fmt: skip
    spikes.step[n : n + found] = t
    return n + found
