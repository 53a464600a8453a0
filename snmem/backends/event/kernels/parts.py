"""Parts of the loop over steps that not every network needs, each compiled by itself when one does.

The loop calls them by their addresses. A part takes a pointer to :class:`..arrays.Here` and whole numbers: those that
deliver, the projection, the thread, the step in which the input counts and the slot of the ring that the spikes are in;
those that learn, the rule, the slot of the ring and the step.
"""

from __future__ import annotations

from typing import Any

from numba import typeof, types
from numba._dispatcher import compute_fingerprint

from ...._jit import config, inner, kernel
from ..arrays import Buffer, Here, Turn
from ..columns import (
    DELAY,
    FIRST_ROW,
    FREEZES,
    GATE,
    GATED,
    KIND,
    LATE,
    PAIRS,
    POST,
    PRE,
    PRE_OF,
    RECEPTOR,
    REWARD,
    SELECTIVE,
    SUBTRACT,
    SUMS,
)
from ..llvm.calls import NUMBERS
from .cells import step_cells
from .delivery.arrivals import arrivals_of
from .delivery.bundle import deliver_bundle
from .delivery.cells import deliver_cells, deliver_direct
from .delivery.late import deliver_late
from .delivery.planes import deliver_planes
from .delivery.shared import deliver_shared
from .delivery.values import deliver_potentials, deliver_values, keep_potentials
from .learning.gated import learn_gated
from .learning.pairs import learn_pairs, learn_selective
from .learning.products import learn_sums


def part(function: Any) -> Any:
    """Compile a part when its address is asked for; it counts no references to arrays, which the loop keeps."""
    return kernel(function, _nrt=False, no_cpython_wrapper=True, no_cfunc_wrapper=True)


#: Addresses of parts, by the types that they are compiled for.
_addresses: dict[Any, int] = {}


def address_of(function: Any, here: Here) -> int:
    """The address of a part, compiled for these types; 0 where numba's compiler is off, and the loop refuses."""
    key = function, compute_fingerprint(here)
    if key not in _addresses and not config.DISABLE_JIT:
        kinds = (types.CPointer(typeof(here)), *[types.int64] * NUMBERS)
        function.compile(kinds)
        compiled = function.overloads[kinds]
        _addresses[key] = compiled.library.get_pointer_to_function(compiled.fndesc.llvm_func_name)
    return _addresses.get(key, 0)


@inner(inline="always")
def _is_input(net, p):
    return p >= net.neurons.size.size - net.neurons.inputs.size


@inner(inline="always")
def _come(net, spikes, inputs, p):
    """The buffer with the spikes of population p."""
    return inputs.neuron if _is_input(net, p) else spikes.neuron


@inner(inline="always")
def _carried(net, inputs, p):
    """What the spikes of population p carry; empty where they carry nothing."""
    first = net.neurons.size.size - net.neurons.inputs.size
    return inputs.value if p >= first and inputs.graded[p - first] != 0 else inputs.value[:0]


@part
def planes(here, q, thread, then, slot, _):
    """Bit planes."""
    h = here[0]
    net, links = h.net, h.net.synapses.links
    come, reached = _come(net, h.spikes, h.inputs, links[q, PRE]), arrivals_of(net, h.state.ring, q, slot, thread)
    deliver_planes(links, net.planes, h.state.blocks, h.work, come, reached)
    return 0


@part
def shared(here, q, thread, then, slot, _):
    """Kernels of convolutions."""
    h = here[0]
    net, links = h.net, h.net.synapses.links
    pre = links[q, PRE]
    come, carried = _come(net, h.spikes, h.inputs, pre), _carried(net, h.inputs, pre)
    reached = arrivals_of(net, h.state.ring, q, slot, thread)
    deliver_shared(net.shared, links, h.state.blocks, h.work, come, carried, reached)
    return 0


@part
def values(here, q, thread, then, slot, _):
    """Spikes of inputs that carry values, by rows."""
    h = here[0]
    reached = arrivals_of(h.net, h.state.ring, q, slot, thread)
    state, inputs = h.state, h.inputs
    deliver_values(h.net.synapses, state.weight, state.blocks, h.work.scratch, inputs.neuron, inputs.value, reached)
    return 0


@part
def late(here, q, thread, then, same, _):
    """Synapses with delays of their own; same: whether what arrives counts in the step of the spikes that are new."""
    h = here[0]
    net, state, pre = h.net, h.state, h.net.synapses.links[q, PRE]
    come, carried = _come(net, h.spikes, h.inputs, pre), _carried(net, h.inputs, pre)
    reached = arrivals_of(net, state.ring, q, 0, thread)
    deliver_late(
        net.late, net.synapses, state.weight, state.blocks, h.work, state.ring, come, carried, reached, pre,
        then if same else then - 1, same != 0,
    )  # fmt: skip
    return 0


@part
def bundle(here, q, thread, then, same, _):
    """All synapses with delays of their own that stand together."""
    h = here[0]
    net, state = h.net, h.state
    deliver_bundle(net.bundle, net.neurons, state.blocks, h.work, state.ring, h.spikes.neuron, thread, then - 1)
    return 0


@part
def potentials(here, q, thread, then, slot, _):
    """Membrane potentials."""
    h = here[0]
    deliver_potentials(h.net, h.state, h.work, q, then)
    return 0


@part
def keeping(here, t, _, __, ___, ____):
    """Keep the potentials of a step for later ones."""
    h = here[0]
    keep_potentials(h.net, h.state, t)
    return 0


@part
def cells(here, q, thread, then, slot, _):
    """Rows of synapses, to cells."""
    h = here[0]
    net, links = h.net, h.net.synapses.links
    pre, aside = links[q, PRE], links[q, RECEPTOR]
    come, carried = _come(net, h.spikes, h.inputs, pre), _carried(net, h.inputs, pre)
    reached, weight = arrivals_of(net, h.state.ring, q, slot, thread), h.state.weight
    if aside:
        given = h.state.blocks.input
        deliver_direct(net.synapses, weight, h.cell, given, come, carried, reached, aside, thread, then)
    else:
        freezes = net.extended.flags[links[q, POST], FREEZES] != 0
        deliver_cells(net.synapses, weight, h.cell, come, reached, thread, then, freezes)
    return 0


@part
def due(here, p, t, thread, side, at):
    """The step of the due cells of population p; their spikes go to the buffer from place ``at`` on, or to the one of
    this thread and side. Returns the new number of spikes."""
    h = here[0]
    cut, meeting = h.net.neurons.cut, h.meeting
    turn = Turn(p, t, cut[p, thread], cut[p, thread + 1], False, False)
    spikes = h.spikes if side < 0 else Buffer(meeting.spiking[side, thread], meeting.ignored)
    subtract, given = h.net.neurons.flags[p, SUBTRACT] != 0, h.state.blocks.input
    return step_cells(h.cell, h.net.extended, subtract, given, spikes, at, thread, turn)


@part
def gated(here, r, slot, t, _, __):
    """Instar and outstar rules."""
    h = here[0]
    learn_gated(h.net, h.state, r, h.spikes.neuron, h.inputs.neuron, slot)
    return 0


@part
def pairs(here, r, slot, t, _, __):
    """Rules of pairs of spikes."""
    h = here[0]
    learn_pairs(h.net, h.state, r, h.spikes.neuron, h.inputs.neuron, slot, t)
    return 0


@part
def selective(here, r, slot, t, _, __):
    """Selective rules."""
    h = here[0]
    learn_selective(h.net, h.state, r, h.spikes.neuron, h.inputs.neuron, slot, t)
    return 0


@part
def sums(here, r, slot, t, _, __):
    """Sums of products."""
    h = here[0]
    net, rule = h.net, h.net.rules.rule[r]
    pres, posts = _come(net, h.spikes, h.inputs, rule[PRE_OF]), _come(net, h.spikes, h.inputs, rule[GATE])
    learn_sums(net, h.state, r, pres, posts, slot, t)
    return 0


#: The part that applies each kind of rule.
LEARNING: dict[int, Any] = {GATED: gated, PAIRS: pairs, REWARD: pairs, SELECTIVE: selective, SUMS: sums}


def delivering(net: Any, q: int) -> Any:
    """The part that delivers the spikes of a projection to neurons in blocks; None for rows of synapses."""
    if net.potentials.row[q] >= 0:
        return potentials
    if net.synapses.links[q, DELAY] == LATE:
        return bundle if net.late.used_first[q] == net.late.used_first[q + 1] else late
    if net.shared.row[q] >= 0:
        return shared
    return planes if net.planes.dense[q, FIRST_ROW] >= 0 else None


def learning(net: Any, r: int) -> Any:
    """The part that applies a rule."""
    return LEARNING[int(net.rules.rule[r, KIND])]
