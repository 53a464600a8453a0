"""Recall in spikes for memories whose network answers a cue by one volley of one population."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...circuits.kwta import Line
from ...errors import InputError
from ...network import Network
from ...recording.checks import check_populations
from ...simulation import simulate
from ...spikes import Recording
from ..patterns import Patterns, active_units
from ..presentation import Presentation, no_presentations, volley

#: Names of the inputs: the cue, and the lines that start what a presentation does.
CUE, START = "cue", "start"


def start_line(index: int, lines: int) -> Line:
    """The start line of that index, of so many."""
    return Line(START, lines, index)


class FrozenRecall:
    """The verbs of :class:`snmem.memory.base.SpikingMemory` but for the network itself.

    A subclass has ``network()`` and ``presentation()``, and says who answers and when its start lines spike.
    """

    visible: Any

    @property
    def answer(self) -> str:
        """The population that answers, one neuron for each visible unit."""
        return "visible.winners"

    def network(self) -> Network:
        """The network of LIF neurons that recalls."""
        raise NotImplementedError

    def presentation(self) -> Presentation:
        """Steps from a cue to the answer, and to the next cue."""
        raise NotImplementedError

    def starts(self) -> tuple[tuple[int, int], ...]:
        """(line, step) of every spike of a start line in a presentation."""
        raise NotImplementedError

    def recall_inputs(self, cues: Patterns) -> tuple[dict[str, Any], int]:
        """Input events of the network for cues, one presentation each, and the number of steps they take."""
        rows = active_units(cues, self.visible, "cues").rows()
        period, count = self.presentation().period, len(rows)
        line, step = np.array(self.starts(), np.int64).reshape(-1, 2).T
        when = (np.arange(count)[:, None] * period + step).ravel()
        order = np.argsort(when, kind="stable")
        return {CUE: volley(rows, period, 0), START: (when[order], np.tile(line, count)[order])}, count * period

    def present(self, cues: Patterns, backend: str = "event", **options: Any) -> Recording:
        """Run the network on cues; ``options`` go to :func:`snmem.simulate` (``counters``, ``record``, ...)."""
        inputs, steps = self.recall_inputs(cues)
        network = self.network()
        return simulate(network, inputs, steps, backend, **options) if steps else no_presentations(network, backend)

    def read(self, recording: Recording) -> NDArray[np.bool_]:
        """The recalled pattern of every presentation, bool (n, visible).

        Raises
        ------
        InputError
            For a recording of another network, or one that begins within a presentation.
        """
        check_populations(self.network(), recording, "read")
        when = self.presentation()
        if recording.start % when.period:
            raise InputError(f"read: begins at step {recording.start}, within a presentation of {when.period} steps")
        spikes = recording.spikes[self.answer]
        out = np.zeros((recording.steps // when.period, spikes.size), bool)
        row, step = np.divmod(spikes.step, when.period)
        mine = (step == when.latency) & (row < len(out))
        out[row[mine], spikes.neuron[mine]] = True
        return out
