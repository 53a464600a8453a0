"""What every associative memory does, and all memories by name.

A memory is one file: a class with the verbs of :class:`Memory`, registered in :data:`MEMORIES`. Whatever compares
memories reads the registry, so that a memory defined elsewhere takes part as soon as its file has been imported.
"""

from __future__ import annotations

from typing import Any, Protocol, runtime_checkable

from ..registry import Registry
from .patterns import Patterns

#: Memories by name; a file that defines one registers it here.
MEMORIES: Registry[type[Memory]] = Registry(
    "memory", ("snmem.memory.kwinner", "snmem.memory.hopfield", "snmem.memory.spiking")
)


@runtime_checkable
class Memory(Protocol):
    """Binary patterns in, binary patterns out."""

    @classmethod
    def for_patterns(cls, visible: int, active: int, *, seed: int = 0) -> Memory:
        """A memory of usual size for patterns of ``visible`` bits, ``active`` of them 1.

        Parameters
        ----------
        visible : int
            Size of a pattern.
        active : int
            Ones in a pattern.
        seed : int
            Seed of all randomness.
        """
        ...

    def store(self, patterns: Patterns) -> Any:
        """Learn patterns, (n, visible) or (visible,) of 0 and 1, in order; InputError for anything else."""
        ...

    def recall(self, cues: Patterns) -> Any:
        """The recalled pattern of each cue: booleans in the shape of ``cues``. Changes nothing."""
        ...
