"""The spikes that reach the blocks of a thread by a projection."""

from __future__ import annotations

from ....._jit import inner
from ...arrays import Arrivals
from ...columns import BEGIN, END, POST, PRE, RECEPTOR


@inner(inline="always")
def arrivals_of(net, ring, q, slot, thread):
    """Those of a slot of the ring, as :class:`...arrays.Arrivals`."""
    links, cut, blocks = net.synapses.links, net.neurons.cut, net.neurons.blocks
    pre, post, aside = links[q, PRE], links[q, POST], links[q, RECEPTOR]
    return Arrivals(
        q, ring[slot, pre, BEGIN], ring[slot, pre, END], cut[post, thread] + aside, cut[post, thread + 1] + aside,
        net.neurons.first[pre], blocks[post] + aside, blocks[post + 1] + aside,
    )  # fmt: skip
