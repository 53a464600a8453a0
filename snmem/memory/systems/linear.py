r"""Memories of one matrix: a cue drives every visible unit, the most driven are recalled, once or again and again.

With a matrix W (visible, visible) of whole numbers, k = ``active`` and d = W c, a pass takes

.. math:: x_i = 1 \iff d_i \ge \max(1, d_{(k)}), \qquad d_{(k)} \text{ the k-th largest drive,}

so units that tie with the k-th are in: nothing is drawn. The next pass has x for its cue. This is what a k-WTA circuit
by successive approximation computes where its last probe is one unit of drive, and drives beyond its span count as the
span: the spiking form (one circuit for each pass) gives the same patterns bit for bit.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from ...circuits.kwta import SuccessiveApproximation
from ...errors import InputError
from ...network import Input, Network, Projection
from ..base import PatternMemory
from ..patterns import Patterns, active_units
from ..presentation import Presentation
from .frozen import CUE, FrozenRecall, start_line

#: Cues whose drives are worked out at a time.
_BLOCK = 1024


class LinearMemory(FrozenRecall, PatternMemory):
    """Base of memories that recall through one matrix; a subclass has ``matrix`` and may set ``passes``."""

    passes: int = 1

    def matrix(self) -> NDArray[np.int64]:
        """The weights W, whole numbers (visible, visible), that a spike of a cue has on every unit."""
        raise NotImplementedError

    def probes(self) -> int:
        """Bits of the k-WTA circuit: drives of cues up to twice as many ones as a pattern has stay apart."""
        most = max(1, int(np.abs(self.matrix()).max(initial=0))) * 2 * self.active
        return min(max(1, math.ceil(math.log2(most + 1))), 24)

    def recall(self, cues: Patterns) -> NDArray[np.bool_]:
        """Return the recalled pattern of each cue: booleans in the shape of ``cues``, about ``active`` ones a row.

        Raises
        ------
        InputError
            For a wrong shape, or values other than 0 and 1.
        """
        given = active_units(cues, self.visible, "cues")
        rows, out = given.rows(bool), np.zeros((len(given), self.visible), bool)
        weights, span = self.matrix().T.astype(np.float64), 2.0 ** self.probes()
        for first in range(0, len(rows), _BLOCK):
            x = rows[first : first + _BLOCK]
            for _ in range(self.passes):
                before, x = x, most_driven(np.minimum(x.astype(np.float64) @ weights, span), self.active)
                if np.array_equal(before, x):
                    break
            out[first : first + _BLOCK] = x
        return out[0] if given.single else out

    def network(self) -> Network:
        """The frozen network that recalls, passes one after another; output ``pass<n>.winners``.

        Weights and thresholds are whole numbers and halves, so that Loihi's integers hold them exactly while weights
        are at most 127.
        """
        kwta, n, matrix = SuccessiveApproximation(self.probes(), hold="v"), self.visible, sp.csr_array(self.matrix())
        period, start, source = self.presentation().period, start_line(0, 1), CUE
        populations: list[Any] = [Input(CUE, n), Input(start.population, 1)]
        projections: list[Any] = []
        for number in range(1, self.passes + 1):
            clear = number * kwta.latency % period
            stage = kwta.build(f"pass{number}", n, self.active, start, 2.0**kwta.bits, period, clear)
            populations += stage.populations
            projections += [Projection(source, stage.candidates, matrix.astype(float)), *stage.projections]
            start, source = stage.finish, stage.winners
        return Network(tuple(populations), tuple(projections), outputs=(source,))

    @property
    def answer(self) -> str:
        """The winners of the last pass."""
        return f"pass{self.passes}.winners"

    def presentation(self) -> Presentation:
        """The passes one after another."""
        latency = self.passes * SuccessiveApproximation(self.probes()).latency
        return Presentation(latency, latency + 1)

    def starts(self) -> tuple[tuple[int, int], ...]:
        """The start line spikes with the cue."""
        return ((0, 0),)


def most_driven(drives: NDArray[Any], k: int) -> NDArray[np.bool_]:
    """Units whose drive is at least 1 and at least the k-th largest of their row, (n, units)."""
    if not drives.size:
        return np.zeros(drives.shape, bool)
    kth = np.partition(drives, -k, axis=1)[:, -k]
    return drives >= np.maximum(kth, 1.0)[:, None]


def check_sizes(owner: str, visible: Any, active: Any) -> tuple[int, int]:
    """Sizes of patterns as whole numbers; InputError unless 1 <= active <= visible."""
    for name, value in (("visible", visible), ("active", active)):
        if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < 1:
            raise InputError(f"{owner}.{name}: must be a whole number, at least 1, got {value!r}")
    if active > visible:
        raise InputError(f"{owner}.active: must be at most visible = {visible}, got {active}")
    return int(visible), int(active)
