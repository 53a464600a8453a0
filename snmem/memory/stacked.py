"""A K-winner memory behind a fixed layer that pulls similar patterns apart, and a return path through both."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from ..description import LearnsInPlace, Summary
from ..errors import InputError
from .config import KWinnerConfig, generator
from .kwinner import KWinnerMemory
from .patterns import Patterns, active_units


class StackedKWinnerMemory(Summary, LearnsInPlace):
    r"""Stacked K-winner memory: a fixed sparse k-WTA layer F in front of a K-winner memory M.

    .. math::
        p = \mathrm{kWTA}_{k_F}(F x), \qquad \hat{p} = M(p), \qquad \hat{x} = \mathrm{kWTA}_s(F^\top \hat{p})

    F has random weights, uniform in [0, 1) on ``front.fan_in`` synapses for each of its units, and never learns; the
    way back to the visible units is its transpose. The k largest drives of two patterns coincide less than the
    patterns do, so that M stores patterns that resemble each other less.

    Source: Bhandarkar & McClelland 2025, arXiv 2511.04593, appendix A.4.

    Parameters
    ----------
    config
        The memory M, whose visible units are the units of the layer in front and whose ``active`` is k_F.
    front
        The layer F: ``visible`` and ``active`` of the patterns, ``hidden = config.visible``, ``winners =
        config.active``.
    seed
        Seed or numpy Generator.

    Raises
    ------
    InputError
        If the two do not fit each other.
    """

    def __init__(self, config: KWinnerConfig, front: KWinnerConfig, seed: int | np.random.Generator | None = 0) -> None:
        for name, mine, other in (("hidden", front.hidden, "visible"), ("winners", front.winners, "active")):
            if mine != getattr(config, other):
                raise InputError(
                    f"StackedKWinnerMemory: front.{name} = {mine} but config.{other} = {getattr(config, other)}; "
                    "the units in front are the visible units of the memory: give equal numbers"
                )
        rng = generator(seed)
        self.config, self.front = config, front
        self._layer = KWinnerMemory(front, rng)
        self._back = self._layer.forward_weights.T.tocsr()
        self.memory = KWinnerMemory(config, rng)

    def _summary(self) -> tuple[str, list[tuple[str, str]]]:
        return "StackedKWinnerMemory", [*self.config.rows(), ("front", str(self.front))]

    def encode(self, patterns: Patterns) -> sp.csr_array:
        """Return the code in front of each pattern or cue, a sparse array of booleans (n, config.visible)."""
        winners = np.atleast_2d(self._layer.winners(patterns))
        ends = np.arange(len(winners) + 1) * self.front.winners
        return sp.csr_array((np.ones(winners.size, bool), winners.ravel(), ends), (len(winners), self.front.hidden))

    def decode(self, codes: sp.csr_array) -> NDArray[np.bool_]:
        """Return the pattern that each code stands for, booleans (n, visible) with ``front.active`` ones a row."""
        drives: Any = (self._back @ codes.T.astype(float)).toarray().T
        out = np.zeros(drives.shape, bool)
        best = np.argpartition(-drives, self.front.active - 1, axis=1)[:, : self.front.active]
        np.put_along_axis(out, best, True, axis=1)
        return out

    def store(self, patterns: Patterns) -> None:
        """Learn patterns one-shot, in order; see :meth:`snmem.memory.kwinner.KWinnerMemory.store`."""
        active_units(patterns, self.front.visible, "patterns", at_least=1)
        self.memory.store(self.encode(patterns))

    def recall(self, cues: Patterns) -> NDArray[np.bool_]:
        """Return the recalled pattern for each cue: booleans in the shape of ``cues``, ``front.active`` ones a row."""
        given = active_units(cues, self.front.visible, "cues", at_least=1)
        recalled = self.decode(self.memory.recall(self.encode(cues)))
        return recalled[0] if given.single else recalled
