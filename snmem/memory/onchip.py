"""The K-winner memory in Loihi's integers: patterns stored one-shot by the learning engine, on the emulator or on Lava.

Both plastic projections of :attr:`snmem.memory.SpikingKWinnerMemory.learning_network` become Loihi projections of 8-bit
weights with a sum of products each (:func:`snmem.quantization.grid.quantize`). What counts as a postsynaptic spike is
the winners' volley for the forward weights, and the target lines for the return weights. Lava's simulation takes such
spikes from any population; on a chip the postsynaptic trace belongs to the target's compartment, and a volley of other
neurons would have to come in by the reward channel.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..description import Summary
from ..quantization.grid import quantize, unit_of
from ..simulation import simulate
from ..spikes import Recording
from .patterns import Patterns, active_units
from .presentation import no_presentations
from .spiking import SpikingKWinnerMemory


class OnChipMemory(Summary):
    """A K-winner memory that learns in Loihi's arithmetic.

    Parameters
    ----------
    memory
        Sizes, k-WTA strategies and the weights to begin with; it stays as it is.
    backend
        "loihi" (the emulator) or "lava_fixed".

    Attributes
    ----------
    network
        The Loihi network that learns, with its present weights.
    memory
        The memory with the weights learned so far, to recall from or to freeze.
    """

    def __init__(self, memory: SpikingKWinnerMemory, backend: str = "loihi") -> None:
        self.backend, self.memory = backend, memory
        made = quantize(memory.learning_network)
        self.network = made.network
        self.units = {q.name: unit_of(made.scale[q.post])[0] for q in self.network.projections if q.plasticity}

    def _summary(self) -> tuple[str, list[tuple[str, str]]]:
        return f"OnChipMemory on backend {self.backend!r}", self.memory.config.rows()

    def store(self, patterns: Patterns, **options: Any) -> Recording:
        """Present patterns (n, visible) once each; ``options`` go to :func:`snmem.simulate`.

        Traces and random numbers begin afresh in every call, as Lava does.

        Raises
        ------
        InputError
            For a wrong shape, values other than 0 and 1, or a wrong number of ones.
        """
        c = self.memory.config
        rows = active_units(patterns, c.visible, "patterns", exactly=c.active).rows()
        if not len(rows):
            return no_presentations(self.network, self.backend)
        inputs, steps = self.memory.storing_inputs(rows, rows, rows)
        recording = simulate(self.network, inputs, steps, self.backend, **options)
        self.network = self.network.with_weights(recording.weights)
        self.memory = self.memory.with_weights(
            *(recording.weights[name].astype(np.float64) / unit for name, unit in self.units.items())
        )
        return recording

    def recall(self, cues: Patterns) -> Any:
        """Recall with the weights learned (as :meth:`SpikingKWinnerMemory.recall`)."""
        return self.memory.recall(cues)
