"""Modern Hopfield network with softmax retrieval: the dense reference point for memories that choose winners."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..errors import InputError
from .base import MEMORIES, RowMemory, Stored
from .energy import energy, retrieve, updated
from .patterns import Patterns, active_units

#: Elements of the matrix of attention weights that a recall holds at a time.
_BLOCK = 1 << 24


@MEMORIES.register("hopfield-softmax")
class ModernHopfieldMemory(RowMemory):
    r"""Memory that keeps every pattern as a row of X and recalls by softmax attention, one step or more.

    .. math::
        c \leftarrow X^\top \mathrm{softmax}(\beta X c) \quad\text{(steps times)}, \qquad
        \hat{x} = \mathrm{kWTA}_s(c)

    :meth:`energy` and :meth:`retrieve` take continuous states; continuous patterns: :mod:`snmem.memory.energy`.

    Source: Ramsauer et al. 2021, "Hopfield Networks is All You Need", arXiv 2008.02217.

    Parameters
    ----------
    visible
        Size of a pattern.
    active
        Ones of a recalled pattern (s).
    beta
        Inverse temperature; overlaps c.x count ones, so that 1 already singles out the best by far.
    slots
        Rows to keep; a pattern more replaces the oldest. None keeps all.
    steps
        Updates before the largest entries are taken.

    Raises
    ------
    InputError
        For sizes or steps that are not positive, or a beta that is not.
    """

    arrays: ClassVar[dict[str, Stored]] = {"patterns": Stored("f", (None, "visible"))}

    def __init__(
        self, visible: int = 1000, active: int = 100, beta: float = 1.0, slots: int | None = None, steps: int = 1
    ) -> None:
        sizes = {"visible": visible, "active": active, "slots": 1 if slots is None else slots, "steps": steps}
        for name, value in sizes.items():
            if value < 1:
                raise InputError(f"ModernHopfieldMemory.{name}: must be at least 1, got {value}")
        if active > visible:
            raise InputError(f"ModernHopfieldMemory.active: must be at most visible = {visible}, got {active}")
        if not (np.isfinite(beta) and beta > 0):
            raise InputError(f"ModernHopfieldMemory.beta: must be a positive number, got {beta!r}")
        self.visible, self.active, self.beta, self.slots, self.steps = visible, active, float(beta), slots, steps
        self.patterns: NDArray[np.float32] = np.zeros((0, visible), np.float32)

    def _summary(self) -> tuple[str, list[tuple[str, str]]]:
        rows = [("visible", f"{self.visible:,}"), ("active", f"{self.active:,}"), ("beta", f"{self.beta:g}")]
        return f"ModernHopfieldMemory: {len(self.patterns):,} patterns stored", rows

    @classmethod
    def for_patterns(cls, visible: int, active: int, *, bits: int | None = None, seed: int = 0) -> ModernHopfieldMemory:
        """With beta = 1 and as many rows as ``bits`` hold; see :meth:`snmem.memory.base.Memory.for_patterns`."""
        return cls(visible, active, slots=cls.slots_in(bits, visible))

    def familiarity(self, cues: Patterns) -> Any:
        """How much of each cue comes back; nothing from an empty memory."""
        if not len(self.patterns):
            given = active_units(cues, self.visible, "cues")
            return 0.0 if given.single else np.zeros(len(given))
        return super().familiarity(cues)

    def recall(self, cues: Patterns) -> NDArray[np.bool_]:
        """Return the recalled pattern for each cue: booleans in the shape of ``cues``, ``active`` ones in each row.

        Raises
        ------
        InputError
            For a wrong shape, values other than 0 and 1, or if nothing is stored.
        """
        given = active_units(cues, self.visible, "cues")
        checked = given.rows(np.float32)
        if not len(self.patterns):
            raise InputError("recall: nothing is stored; store patterns first")
        rows = max(1, _BLOCK // len(self.patterns))
        parts = [self._updated(checked[n : n + rows]) for n in range(0, len(checked), rows)]
        drives = np.concatenate(parts) if parts else checked
        out = np.zeros(drives.shape, bool)
        np.put_along_axis(out, np.argpartition(-drives, self.active - 1, axis=1)[:, : self.active], True, axis=1)
        return out[0] if given.single else out

    def _updated(self, states: NDArray[np.float32]) -> NDArray[np.float32]:
        for _ in range(self.steps):
            states = updated(states, self.patterns, self.beta)
        return states

    def energy(self, states: ArrayLike) -> NDArray[np.float64]:
        """The energy of states (m, visible), as :func:`snmem.memory.energy.energy`; no update raises it."""
        return energy(states, self.patterns, self.beta)

    def retrieve(self, states: ArrayLike, steps: int = 1) -> NDArray[np.float64]:
        """States (m, visible) after each update, as :func:`snmem.memory.energy.retrieve`."""
        return retrieve(states, self.patterns, self.beta, steps)
