r"""Willshaw's memory: binary synapses that are set where two units were active together.

.. math:: W_{ij} \leftarrow W_{ij} \lor (y_i \land x_j)

for a pattern x and what it recalls, y (x itself, or a target). After M pairs of a of N ones the share of synapses set
is :math:`d = 1 - (1 - a^2/N^2)^M`, 1/2 at :math:`M = \ln 2\, N^2 / a^2`; a unit outside is driven by all of c lines
with probability about :math:`d^c`. Recall is by k-WTA (:mod:`~snmem.memory.systems.linear`), or one volley of all units
whose drive reaches a fixed threshold.

Sources: Willshaw, Buneman & Longuet-Higgins 1969, doi 10.1038/222960a0; Palm 1980, doi 10.1007/BF00337019.
"""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from ...errors import InputError
from ...network import Input, Network, Population, Projection
from ...neurons import LIF
from ...plasticity import SelectiveSet
from ...spikes import Recording
from ..base import MEMORIES, Stored
from ..patterns import Patterns, active_units
from ..presentation import Presentation
from .frozen import CUE, START
from .linear import LinearMemory, check_sizes


@MEMORIES.register("willshaw")
class WillshawMemory(LinearMemory):
    """Binary associative memory of Willshaw, Buneman & Longuet-Higgins 1969, as vectors and in LIF neurons.

    Parameters
    ----------
    visible : int
        Size of a pattern (N).
    active : int
        Ones of a recalled pattern, k of the k-WTA.
    volley : int or None
        Fixed threshold: all units with at least so many active lines are recalled, in one step. None: k-WTA.

    Raises
    ------
    InputError
        For sizes that are not positive, or more ones than units.
    """

    arrays: ClassVar[dict[str, Stored]] = {"weights": Stored("b", ("visible", "visible"))}

    def __init__(self, visible: int, active: int, volley: int | None = None) -> None:
        self.visible, self.active = check_sizes("WillshawMemory", visible, active)
        if volley is not None:
            check_sizes("WillshawMemory", visible, volley)
        self.volley = volley
        self.weights: NDArray[np.bool_] = np.zeros((self.visible, self.visible), bool)

    @classmethod
    def for_patterns(cls, visible: int, active: int, *, bits: int | None = None, seed: int = 0) -> WillshawMemory:
        """The one size that there is, visible**2 bits; nothing is drawn."""
        if bits is not None and bits < visible**2:
            raise InputError(f"WillshawMemory: bits = {bits}, it takes {visible**2}; allow as many")
        return cls(visible, active)

    @property
    def bits(self) -> int:
        """One a synapse."""
        return self.visible**2

    @property
    def density(self) -> float:
        """Share of the synapses that are set."""
        return float(self.weights.mean())

    def matrix(self) -> NDArray[np.int64]:
        """The synapses as 0 and 1."""
        return self.weights.astype(np.int64)

    def probes(self) -> int:
        """Bits of the k-WTA circuit: drives up to twice ``active`` stay apart."""
        return max(1, int(2 * self.active).bit_length())

    def store(self, patterns: Patterns, targets: Patterns | None = None) -> None:
        """Set the synapses of patterns, (n, visible) or (visible,) of 0 and 1.

        Parameters
        ----------
        patterns : array (n, visible) or (visible,)
            0 and 1; dense or scipy.sparse.
        targets : array or None
            Patterns of the same shape to recall instead.

        Raises
        ------
        InputError
            For a wrong shape, values other than 0 and 1, or another number of targets.
        """
        cues = active_units(patterns, self.visible, "patterns")
        wanted = cues if targets is None else active_units(targets, self.visible, "targets")
        if len(wanted) != len(cues):
            raise InputError(f"store: {len(cues)} patterns but {len(wanted)} targets; give one target for each pattern")
        for n in range(len(cues)):
            x, y = (part.units[part.bounds[n] : part.bounds[n + 1]] for part in (cues, wanted))
            self.weights[y[:, None], x] = True

    def recall(self, cues: Patterns) -> NDArray[np.bool_]:
        """Return the recalled pattern of each cue: booleans in the shape of ``cues``."""
        if self.volley is None:
            return super().recall(cues)
        given = active_units(cues, self.visible, "cues")
        out = given.rows(np.float32) @ self.weights.T.astype(np.float32) >= self.volley
        return out[0] if given.single else out

    def presentation(self) -> Presentation:
        """Passes of k-WTA, or one volley."""
        return super().presentation() if self.volley is None else Presentation(1, 2)

    def network(self) -> Network:
        """The frozen network that recalls: that of :class:`LinearMemory`, or memoryless units of a fixed threshold."""
        if self.volley is None:
            return super().network()
        units = Population("pass1.winners", self.visible, LIF(alpha=0, beta=0, theta=self.volley - 0.5))
        lines = (Input(CUE, self.visible), Input(START, 1))
        return Network((*lines, units), (Projection(CUE, units.name, sp.csr_array(self.weights).astype(float)),))

    def learning_network(self) -> Network:
        """The network that stores by itself: a target's line makes its unit spike, which sets the active synapses."""
        n = self.visible
        every = _every(self.weights)
        units = Population("units", n, LIF(alpha=0, beta=0, theta=2.0 * n))
        teach = Projection("target", "units", sp.eye_array(n, format="csr") * (4.0 * n))
        learn = Projection("cue", "units", every, plasticity=SelectiveSet())
        return Network((Input("cue", n), Input("target", n), units), (teach, learn))

    def learned(self, recording: Recording) -> WillshawMemory:
        """A memory with the synapses that a run of the learning network has set."""
        other = WillshawMemory(self.visible, self.active, self.volley)
        other.weights = recording.weights["cue->units"].toarray() > 0.5
        return other

    @staticmethod
    def learning_inputs(patterns: Any, targets: Any = None) -> tuple[dict[str, Any], int]:
        """Events that present patterns, (n, visible), one in every step, and the number of steps."""
        row, unit = np.nonzero(np.atleast_2d(patterns))
        out, target = np.nonzero(np.atleast_2d(patterns if targets is None else targets))
        # the unit spikes a step after its line, together with the cue's trace of that step
        return {"cue": (row + 1, unit), "target": (out, target)}, int(max(row.max(), out.max())) + 2


def _every(weights: NDArray[np.bool_]) -> sp.csr_array:
    """All pairs as synapses, those of weight 0 included."""
    n = len(weights)
    index = np.tile(np.arange(n), n)
    return sp.csr_array((weights.ravel().astype(float), index, np.arange(n + 1) * n), shape=(n, n))


def expected_density(visible: int, active: int, count: int, targets: int | None = None) -> float:
    """Share of synapses set by ``count`` random pairs of ``active`` and ``targets`` (as many) ones."""
    share = active * (targets or active) / visible**2
    return 1.0 - (1.0 - share) ** count
