"""What every associative memory does, and all memories by name.

A memory is one file: a class with the verbs of :class:`Memory`, registered in :data:`MEMORIES`. Whatever compares
memories reads the registry, so that a memory defined elsewhere takes part as soon as its file has been imported.
:class:`PatternMemory` gives a new memory familiarity, copies, and saving and loading.
"""

from __future__ import annotations

import inspect
import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from types import EllipsisType
from typing import Any, ClassVar, Protocol, Self, runtime_checkable

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from .._text import one_line, shown
from ..description import LearnsInPlace, Summary, is_whole
from ..errors import InputError
from ..io.arrays import save_arrays
from ..network import Network
from ..registry import Registry
from ..spikes import Recording
from .config import KWinnerConfig
from .patterns import Patterns, active_units
from .saved import SavedMemory, open_saved

#: Memories by name; a file that defines one registers it here.
MEMORIES: Registry[type[Memory]] = Registry(
    "memory",
    (
        "snmem.memory.kwinner",
        "snmem.memory.hopfield",
        "snmem.memory.spiking",
        "snmem.memory.systems.sdm",
        "snmem.memory.systems.cliques",
        "snmem.memory.systems.btsp",
        "snmem.memory.systems.willshaw",
        "snmem.memory.systems.hopfield",
        "snmem.memory.systems.pavlovian",
        "snmem.memory.systems.sparsey",
        "snmem.memory.systems.dendrites",
    ),
)


@runtime_checkable
class Memory(Protocol):
    """Binary patterns in, binary patterns out.

    Where the model has it, a memory also has ``forget(patterns)``, and the verbs of :class:`SpikingMemory`.

    Attributes
    ----------
    threshold : float
        Familiarity below it means that the cue reminds the memory of nothing.
    """

    threshold: ClassVar[float]

    @classmethod
    def for_patterns(cls, visible: int, active: int, *, bits: int | None = None, seed: int = 0) -> Memory:
        """A memory for patterns of ``visible`` bits, ``active`` of them 1.

        Parameters
        ----------
        visible : int
            Size of a pattern.
        active : int
            Ones in a pattern.
        bits : int or None
            Largest storage, see :attr:`bits`: the memory is the largest that takes no more. None: the usual size.
        seed : int
            Seed of all randomness.

        Raises
        ------
        InputError
            If no size fits into ``bits``.
        """
        ...

    @property
    def bits(self) -> int:
        """Bits that its storage takes: what learning changes, at the precision at which it is kept.

        Wiring that a seed draws again does not count.
        """
        ...

    def store(self, patterns: Patterns) -> Any:
        """Learn patterns, (n, visible) or (visible,) of 0 and 1, in order; InputError for anything else."""
        ...

    def recall(self, cues: Patterns) -> Any:
        """The recalled pattern of each cue: booleans in the shape of ``cues``. Changes nothing."""
        ...

    def familiarity(self, cues: Patterns) -> Any:
        """How sure the memory is that each cue belongs to something stored: (n,), or a number for a single cue.

        From 0, nothing found, to 1, as sure as it can be; comparable within one memory. Changes nothing.
        """
        ...

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the memory to a file, whole or not at all."""
        ...

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Memory:
        """Read a memory written by :meth:`save`; FileError for anything else."""
        ...


@runtime_checkable
class SpikingMemory(Memory, Protocol):
    """A memory that recalls in spikes: its frozen network goes to NIR, to Lava and to the bill."""

    def network(self) -> Network:
        """The network of LIF neurons that recalls, with the weights learned so far and no plasticity."""
        ...

    def recall_inputs(self, cues: Patterns) -> tuple[dict[str, Any], int]:
        """Input events of that network for cues, one presentation each, and the number of steps they take."""
        ...

    def read(self, recording: Recording) -> NDArray[np.bool_]:
        """The recalled pattern of every presentation of such a run, bool (n, visible)."""
        ...


class Recognition:
    """Familiarity as the share of a cue that comes back.

    With p = active / visible, the share that chance brings back, the familiarity of a cue c recalled as x is
    :math:`\\max(0, (|c \\wedge x| / |c| - p) / (1 - p))`: 1 if the recalled pattern holds every one of the cue. It is
    less, by active / ones, where more units come back than a pattern has.
    """

    threshold: ClassVar[float] = 0.5
    visible: Any
    active: Any
    recall: Callable[..., Any]

    def familiarity(self, cues: Patterns) -> Any:
        """How much of each cue comes back, from 0 to 1: float64 (n,), or a float for a single cue."""
        given = active_units(cues, self.visible, "cues")
        ones, found = np.diff(given.bounds), np.zeros(len(given))
        if (rows := np.flatnonzero(ones)).size:
            shown_cues = given.rows(bool)[rows]
            recalled: Any = np.asarray(self.recall(shown_cues), bool)
            chance = min(self.active / self.visible, 0.5)
            share = (recalled & shown_cues).sum(axis=1) / ones[rows]
            excess = np.minimum(1.0, self.active / np.maximum(recalled.sum(axis=1), 1))
            found[rows] = excess * np.clip((share - chance) / (1 - chance), 0.0, 1.0)
        return float(found[0]) if given.single else found


class ConfiguredMemory(Recognition):
    """What memories of a :class:`KWinnerConfig` have in common.

    Half of a cue never stored comes back, as its winners are connected with its units: hence the higher threshold.
    """

    threshold: ClassVar[float] = 0.65
    config: KWinnerConfig

    @property
    def visible(self) -> int:
        """Size of a pattern."""
        return self.config.visible

    @property
    def active(self) -> int:
        """Ones in a pattern."""
        return self.config.active

    @property
    def bits(self) -> int:
        """Bits of the forward and the return weights, 64 each unless ``config.bits`` says fewer."""
        return (1 if self.config.tied else 2) * self.config.synapses * (self.config.bits or 64)


@dataclass(frozen=True)
class Stored:
    """An array that a memory keeps in its file.

    Parameters
    ----------
    kinds : str
        Kinds of numpy's dtypes it may have in a file: b, i, u, f; or "csr" for a sparse matrix of floats.
    shape : tuple
        For each axis the name of the constructor's parameter that gives its length, ``...`` for the length that the
        constructor makes, or None for any.
    low, high : float
        Limits of the values.
    """

    kinds: str
    shape: tuple[str | EllipsisType | None, ...]
    low: float = 0.0
    high: float = 1.0

    def expected(self, parameters: dict[str, Any]) -> tuple[int | None, ...]:
        """The shape as numbers, None where only the constructor knows it."""
        return tuple(parameters[n] if isinstance(n, str) else None for n in self.shape)


class PatternMemory(Recognition, Summary, LearnsInPlace):
    """Base of memories that are arrays beside the arguments of their constructor.

    A subclass has ``visible`` and ``active``, keeps every argument of its constructor under its name (numbers, texts,
    None), and lists in ``arrays`` what learning changes: arrays, and whole numbers with the shape (). Its randomness
    while learning follows from the seed and a counter among these, so that a loaded memory goes on as the saved one.
    """

    arrays: ClassVar[dict[str, Stored]] = {}
    visible: int
    active: int

    def _summary(self) -> tuple[str, list[tuple[str, str]]]:
        rows = [(name, shown(value)) for name, value in self.parameters().items()]
        return type(self).__name__, rows

    @classmethod
    def _names(cls) -> list[str]:
        return [name for name in inspect.signature(cls).parameters if name != "self"]

    def parameters(self) -> dict[str, Any]:
        """The arguments of the constructor."""
        return {name: getattr(self, name) for name in self._names()}

    @classmethod
    def _format(cls) -> str:
        return f"snmem memory {cls.__name__} 1"

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the memory to an .npz file of plain arrays, replacing the file only when it is complete."""
        header = {"format": self._format(), "parameters": self.parameters()}
        out = {"header": np.array(json.dumps(header, default=_plain))}
        for name, stored in self.arrays.items():
            value = getattr(self, name)
            parts = ("data", "indices", "indptr") if stored.kinds == "csr" else ()
            out |= {f"{name}_{part}": getattr(value, part) for part in parts} or {name: np.asarray(value)}
        save_arrays(path, out.items())

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Self:
        """Read a memory written by :meth:`save`.

        Raises
        ------
        FileError
            The file is missing, is no saved memory of this class, or is damaged.
        """
        with open_saved(path, cls._format(), cls.__name__) as saved:
            parameters = saved.value("parameters", dict)
            if set(parameters) != set(cls._names()):
                raise saved.error(f"header: parameters are {shown(sorted(parameters))}, expected {cls._names()}")
            saved.limit_sizes({name: n for name, n in parameters.items() if name != "seed"})
            for name, stored in cls.arrays.items():
                if stored.kinds != "csr":
                    saved.require(name, stored.kinds, stored.expected(parameters))
            try:
                memory = cls(**parameters)
                for name, stored in cls.arrays.items():
                    setattr(memory, name, _read(saved, name, stored, getattr(memory, name)))
                memory._restored()
            except (TypeError, ValueError, OverflowError, MemoryError, InputError) as error:
                raise saved.error(f"header: parameters: {one_line(error)}") from None
        return memory

    def _restored(self) -> None:
        """Check what was loaded, or compute what follows from it; InputError for what does not fit together."""


class RowMemory(PatternMemory):
    """Base of memories that keep patterns as they are, a row each, and lose the oldest when ``slots`` are full."""

    arrays: ClassVar[dict[str, Stored]] = {"patterns": Stored("b", (None, "visible"))}
    slots: int | None
    patterns: NDArray[Any]

    @classmethod
    def slots_in(cls, bits: int | None, visible: int) -> int | None:
        """Slots that so many bits hold; InputError if not one."""
        return None if bits is None else largest(bits, lambda n: n * visible, cls.__name__)

    @property
    def bits(self) -> int:
        """One for each bit of a row: the rows there are, or the slots there may be."""
        return (len(self.patterns) if self.slots is None else self.slots) * self.visible

    def store(self, patterns: Patterns) -> None:
        """Append patterns, (n, visible) or (visible,) of 0 and 1; InputError for other shapes and values."""
        rows = active_units(patterns, self.visible, "patterns").rows(self.patterns.dtype)
        kept = np.concatenate([self.patterns, rows])
        self.patterns = kept if self.slots is None else kept[-self.slots :]

    def _restored(self) -> None:
        if self.slots is not None and len(self.patterns) > self.slots:
            raise InputError(f"array 'patterns' has {len(self.patterns)} rows, slots are {self.slots}")
        active_units(self.patterns, self.visible, "array 'patterns'")


def _plain(value: Any) -> Any:
    number: Any = getattr(value, "item", None)
    if isinstance(value, np.generic):
        return number()
    raise InputError(f"save: a parameter is {shown(value)}; only memories made from numbers and texts can be saved")


def _read(saved: SavedMemory, name: str, stored: Stored, fresh: Any) -> Any:
    """An array of the file, in the shape and the type of what a new memory has in its place."""
    lengths = np.shape(fresh)
    wanted = tuple(None if axis is None else lengths[n] for n, axis in enumerate(stored.shape))
    if stored.kinds == "csr":
        matrix: Any = saved.matrix(name, (lengths[0], lengths[1]))
        if not ((matrix.data >= stored.low) & (matrix.data <= stored.high)).all():
            raise saved.error(f"array '{name}_data': holds values outside {stored.low:g} .. {stored.high:g}")
        typed: Any = sp.csr_array(matrix, dtype=fresh.dtype)
        return typed
    array: Any = saved.numbers(name, stored.kinds, wanted, stored.low, stored.high)
    return array.astype(fresh.dtype) if hasattr(fresh, "dtype") else type(fresh)(array.item())


def largest(bits: int, cost: Callable[[int], int], owner: str, high: int = 2**31) -> int:
    """Return the largest size from 1 to ``high`` that costs at most ``bits`` bits.

    Parameters
    ----------
    bits : int
        What there is.
    cost : function
        Bits of a memory of a size; never falls.
    owner : str
        What the message begins with.
    high : int
        Largest size.

    Raises
    ------
    InputError
        If size 1 costs more, or ``bits`` is no whole number.
    """
    if not is_whole(bits) or cost(1) > bits:
        raise InputError(f"{owner}: bits = {shown(bits)}, the smallest memory takes {cost(1)}; allow as many")
    low = 1
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if cost(middle) <= bits else (low, middle - 1)
    return low
