"""Memories of other packages, for comparison: they keep the protocol and take part in the benchmark, no more."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from ...errors import MissingDependencyError
from ...memory import PatternMemory, Stored
from ...memory.base import RowMemory, largest
from ...memory.patterns import Patterns, active_units
from ...memory.systems.linear import check_sizes

#: Bits of a count of torchhd's memories, which clip at +-127.
_COUNT = 8


def package(name: str) -> Any:
    """An optional package, on one thread; MissingDependencyError names it."""
    try:
        found = import_module(name)
    except ImportError:
        install = {"faiss": "faiss-cpu", "torchhd": "torch-hd"}[name]
        raise MissingDependencyError(f"bench memories: package {name!r} is absent; pip install {install}") from None
    if name == "faiss":
        found.omp_set_num_threads(1)
    return found


def answered(
    cues: Patterns, visible: int, kind: Any, answer: Callable[[NDArray[Any]], NDArray[np.bool_]]
) -> NDArray[np.bool_]:
    """What ``answer`` makes of cues as rows of ``kind``, in the shape of ``cues``; it is not asked about none."""
    given = active_units(cues, visible, "cues")
    rows = given.rows(kind)
    out = answer(rows) if len(rows) else np.zeros(rows.shape, bool)
    return out[0] if given.single else out


class FaissMemory(RowMemory):
    """The newest patterns, packed, and exact search by Hamming distance (faiss.IndexBinaryFlat).

    Parameters
    ----------
    visible : int
        Size of a pattern.
    active : int
        Ones of a pattern.
    slots : int or None
        Patterns to keep; None keeps all.
    """

    def __init__(self, visible: int, active: int, slots: int | None = None) -> None:
        self.visible, self.active = check_sizes("FaissMemory", visible, active)
        self.slots = slots
        self.patterns: NDArray[np.bool_] = np.zeros((0, visible), bool)

    @classmethod
    def for_patterns(cls, visible: int, active: int, *, bits: int | None = None, seed: int = 0) -> FaissMemory:
        """As many slots as ``bits`` hold."""
        return cls(visible, active, cls.slots_in(bits, visible))

    def lesioned(self, neurons: float = 0.0, seed: int = 0) -> FaissMemory:
        """A copy without a random share of the slots."""
        other = FaissMemory(self.visible, self.active, self.slots)
        other.patterns = self.patterns[np.random.default_rng(seed).random(len(self.patterns)) >= neurons]
        return other

    def recall(self, cues: Patterns) -> NDArray[np.bool_]:
        """The nearest pattern of each cue."""
        return answered(cues, self.visible, bool, self._nearest)

    def _nearest(self, rows: NDArray[np.bool_]) -> NDArray[np.bool_]:
        if not len(self.patterns):
            return np.zeros(rows.shape, bool)
        packed = np.packbits(self.patterns, axis=1)
        index = package("faiss").IndexBinaryFlat(8 * packed.shape[1])
        index.add(packed)
        return self.patterns[index.search(np.packbits(rows, axis=1), 1)[1][:, 0]]


class TorchhdMemory(PatternMemory):
    """Base of memories of torchhd on patterns as -1 and 1; the ``active`` largest sums are recalled.

    Parameters
    ----------
    visible : int
        Size of a pattern.
    active : int
        Ones of a pattern.
    """

    arrays: ClassVar[dict[str, Stored]] = {"counts": Stored("f", (..., "visible"), -127, 127)}

    def __init__(self, visible: int, active: int) -> None:
        self.visible, self.active = check_sizes(type(self).__name__, visible, active)
        self.counts: NDArray[np.float32] = np.zeros((visible, visible), np.float32)

    def model(self) -> tuple[Any, Any]:
        """The module of torchhd, and its parameter that holds the counts."""
        found = package("torchhd").memory.Hopfield(self.visible, kappa=127)
        return found, found.memory

    def _loaded(self) -> tuple[Any, Any]:
        import torch

        model, counts = self.model()
        with torch.no_grad():
            counts.copy_(torch.from_numpy(self.counts))
        return model, counts

    @classmethod
    def for_patterns(cls, visible: int, active: int, *, bits: int | None = None, seed: int = 0) -> TorchhdMemory:
        """The one size that there is."""
        if bits is not None:
            largest(bits, lambda n: n * _COUNT * visible**2, cls.__name__, high=1)
        return cls(visible, active)

    @property
    def bits(self) -> int:
        """8 for each count."""
        return self.counts.size * _COUNT

    def store(self, patterns: Patterns) -> None:
        """Write patterns one after another."""
        model, counts = self._loaded()
        for row in self._bipolar(active_units(patterns, self.visible, "patterns").rows(np.float32)):
            self._write(model, row)
        self.counts = counts.detach().numpy().copy()

    def _write(self, model: Any, row: Any) -> None:
        model.write(row)

    @staticmethod
    def _bipolar(rows: NDArray[np.float32]) -> Any:
        import torch

        return torch.from_numpy(2.0 * rows - 1.0)

    def recall(self, cues: Patterns) -> NDArray[np.bool_]:
        """The largest sums that torchhd reads for each cue."""
        return answered(cues, self.visible, np.float32, self._largest)

    def _largest(self, rows: NDArray[np.float32]) -> NDArray[np.bool_]:
        out, sums = np.zeros(rows.shape, bool), np.asarray(self._loaded()[0].read(self._bipolar(rows)).detach())
        np.put_along_axis(out, np.argsort(-sums, axis=1, kind="stable")[:, : self.active], True, axis=1)
        return out


class TorchhdSparseDistributed(TorchhdMemory):
    """torchhd.memory.SparseDistributed: random addresses, of which about ten are active for a pattern.

    Parameters
    ----------
    visible : int
        Size of a pattern.
    active : int
        Ones of a pattern.
    locations : int
        Hard locations.
    seed : int
        Seed of their addresses.
    """

    def __init__(self, visible: int, active: int, locations: int, seed: int = 0) -> None:
        super().__init__(visible, active)
        self.locations, self.seed = locations, seed
        self.counts = np.zeros((locations, visible), np.float32)

    def model(self) -> tuple[Any, Any]:
        """The module of torchhd, and its parameter that holds the counts."""
        import torch

        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.seed)
            share = min(10.0 / self.locations, 0.5)
            found = package("torchhd").memory.SparseDistributed(self.locations, self.visible, self.visible, share, 127)
        return found, found.values

    @classmethod
    def for_patterns(
        cls, visible: int, active: int, *, bits: int | None = None, seed: int = 0
    ) -> TorchhdSparseDistributed:
        """As many locations as ``bits`` hold."""
        cost = _COUNT * visible
        return cls(visible, active, visible if bits is None else largest(bits, lambda n: n * cost, cls.__name__), seed)

    def _write(self, model: Any, row: Any) -> None:
        model.write(row, row)


#: Peers by name, and the package each needs.
PEERS: dict[str, tuple[type[Any], str]] = {
    "faiss": (FaissMemory, "faiss"),
    "torchhd-hopfield": (TorchhdMemory, "torchhd"),
    "torchhd-sdm": (TorchhdSparseDistributed, "torchhd"),
}
