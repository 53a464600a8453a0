"""The event-driven engine: work is proportional to spikes, synaptic events and neurons that may still spike.

Neurons are kept in blocks of 256. A block is updated only in steps in which an input reaches it or one of its neurons
may spike without input; otherwise it sleeps and is brought up to date, step by step and bit for bit, when its next
input comes. Large populations in which few neurons get input run in the same way, but neuron by neuron. When all sleep
and no spike is on its way, the engine jumps to the next input.
Both arithmetics run in the same loops; results equal the reference step exactly.

Where to find what: :mod:`.runner` from a job to a recording, :mod:`.layout` from a network to arrays (:mod:`.arrays`,
:mod:`.columns`; the buffer of delayed spikes is ``State.ring``), :mod:`.kernels` the compiled loops, :mod:`.llvm` what
numba cannot say, :mod:`.tuning` what decides speed only.
"""

from ..base import Backend, register_backend
from ..features import DECLARED
from .first_run import run
from .layout import CompiledNeuron, layout_of
from .layout.rules import FILL

__all__ = ["EVENT", "CompiledNeuron", "layout_of", "run"]

EVENT = register_backend(
    Backend(
        "event",
        run,
        rules=FILL,
        features=DECLARED,
        weight_traces=True,
        values=True,
        native=("synapse_delays", "shared_weights"),
    )
)
