"""A correlation memory: one matrix of 0 and 1, which knows who was active with whom."""

from typing import ClassVar

import numpy as np

from snmem.errors import InputError
from snmem.memory import MEMORIES, PatternMemory, Stored
from snmem.memory.patterns import active_units


@MEMORIES.register("correlation")
class CorrelationMemory(PatternMemory):
    """Auto-associative memory of Willshaw, Buneman & Longuet-Higgins 1969 (doi 10.1038/222960a0).

    Storing x sets W_ij = 1 where x_i = x_j = 1; the recall of a cue c are the ``active`` largest entries of W c.

    Parameters
    ----------
    visible : int
        Size of a pattern.
    active : int
        Ones in a recalled pattern.
    """

    #: What learning changes: booleans, (visible, visible).
    arrays: ClassVar = {"weights": Stored("b", ("visible", "visible"))}

    def __init__(self, visible, active):
        self.visible, self.active = visible, active
        self.weights = np.zeros((visible, visible), bool)

    @classmethod
    def for_patterns(cls, visible, active, *, bits=None, seed=0):
        """The one size that there is; nothing is drawn."""
        if bits is not None and bits < visible**2:
            raise InputError(f"CorrelationMemory: bits = {bits}, it takes {visible**2}; allow as many")
        return cls(visible, active)

    @property
    def bits(self):
        """One a synapse."""
        return self.weights.size

    def store(self, patterns):
        """Learn patterns, in order."""
        for x in active_units(patterns, self.visible, "patterns").rows(bool):
            self.weights[np.ix_(x, x)] = True

    def recall(self, cues):
        """The recalled pattern of each cue."""
        units = active_units(cues, self.visible, "cues")
        votes = units.rows(np.int64) @ self.weights.T.astype(np.int64)
        best = np.argsort(-votes, axis=1, kind="stable")[:, : self.active]
        out = np.zeros(votes.shape, bool)
        np.put_along_axis(out, best, True, axis=1)
        out &= votes > 0
        return out[0] if units.single else out
