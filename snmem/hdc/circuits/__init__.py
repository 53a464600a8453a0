"""Operations on block codes as circuits of LIF neurons; every connection takes at least one step.

A code is a volley: of the B L neurons (unit u of block i is neuron i L + u) one of each block spikes, all in one step.
:mod:`.phase` has the other form, in which one neuron of a block spikes in step u of a window.
"""

from .cleanup import search_steps, volley, winner
from .coincidence import coincidence
from .parts import Part, first_of_block
from .phase import phase_bind, phase_decode, phase_encode
from .trace import trace
from .votes import votes
from .wiring import bind_wiring, permute_wiring

__all__ = [
    "Part",
    "bind_wiring",
    "coincidence",
    "first_of_block",
    "permute_wiring",
    "phase_bind",
    "phase_decode",
    "phase_encode",
    "search_steps",
    "trace",
    "volley",
    "votes",
    "winner",
]
