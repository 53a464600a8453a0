"""The parts of the loop that a network, or a run of it, needs: compiled then, and reached by their addresses."""

from __future__ import annotations

from .arrays import Here
from .columns import DELIVERS, KEEPS, LEARNS, STEP_DUE, TO_CELLS, VALUED
from .kernels import parts


def link(here: Here) -> None:
    """Let the loop find the parts that this network, and inputs whose spikes carry values, need."""
    net = here.net
    links, rules, some = net.synapses.links, net.rules.rule, net.parts
    for q in range(len(links)):
        part = None if links[q, DELIVERS] else parts.delivering(net, q)
        if part is not None:
            links[q, DELIVERS] = parts.address_of(part, here)
    for r in range(len(rules)):
        if not rules[r, LEARNS]:
            rules[r, LEARNS] = parts.address_of(parts.learning(net, r), here)
    if net.potentials.senders.size and not some[KEEPS]:
        some[KEEPS] = parts.address_of(parts.keeping, here)
    if here.inputs.graded.any() and not some[VALUED]:
        some[VALUED] = parts.address_of(parts.values, here)


def link_cells(here: Here) -> None:
    """Let the loop find the parts that run populations neuron by neuron."""
    some = here.net.parts
    if not some[TO_CELLS]:
        some[TO_CELLS], some[STEP_DUE] = parts.address_of(parts.cells, here), parts.address_of(parts.due, here)
