"""Learning after a step: :mod:`.gated` rules, sums of :mod:`.products`, :mod:`.pairs` of spikes and selective rules."""

from __future__ import annotations

from ....._jit import inner
from ...columns import GATE, GATED, KIND, PRE_OF, SELECTIVE, SUMS
from .gated import learn_gated
from .pairs import learn_pairs, learn_selective
from .products import learn_sums

__all__ = ["learn"]


@inner
def learn(net, state, r, spikes, inputs, slot, t):
    """Apply rule r after step t, whose spikes are those of ring slot ``slot``."""
    rule, own = net.rules.rule[r], net.neurons.size.size - net.neurons.inputs.size
    if rule[KIND] == GATED:
        learn_gated(net, state, r, spikes, inputs, slot)
    elif rule[KIND] == SELECTIVE:
        learn_selective(net, state, r, spikes, inputs, slot, t)
    elif rule[KIND] != SUMS:
        learn_pairs(net, state, r, spikes, inputs, slot, t)
    else:
        pres, posts = spikes if rule[PRE_OF] < own else inputs, spikes if rule[GATE] < own else inputs
        learn_sums(net, state, r, pres, posts, slot, t)
