"""Spikes as events, and what a simulation returns."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any, cast

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import sparse  # pyright: ignore[reportMissingTypeStubs]

from ._axes import Axes
from ._text import one_line, shown
from .description import Summary, same_matrix
from .errors import InputError, UnknownNameError


@dataclass(frozen=True, eq=False, repr=False)
class Spikes:
    """Spikes of one population: events (step, neuron), sorted by step, then neuron, without repeats.

    Attributes
    ----------
    step, neuron : int64 vectors of equal length
        Steps count from 0. :meth:`from_events` sorts events of any order.
    steps : int
        Length of the record in steps.
    size : int
        Number of neurons.

    Raises
    ------
    InputError
        For events that are not sorted, repeated, fractional or out of range.
    """

    step: NDArray[np.int64]
    neuron: NDArray[np.int64]
    steps: int
    size: int

    def __post_init__(self) -> None:
        for name in ("steps", "size"):
            object.__setattr__(self, name, count(f"spikes: {name}", getattr(self, name)))
        step, neuron = _events(self.step, self.neuron, self.steps, self.size, "spikes")
        if (np.diff(step) < 0).any() or ((np.diff(step) == 0) & (np.diff(neuron) <= 0)).any():
            raise InputError(
                "spikes: events are not sorted by step, then neuron, or come twice; use Spikes.from_events to sort them"
            )
        object.__setattr__(self, "step", step)
        object.__setattr__(self, "neuron", neuron)

    @classmethod
    def trusted(cls, step: NDArray[np.int64], neuron: NDArray[np.int64], steps: int, size: int) -> Spikes:
        """Spikes of events that are known to be sorted and in range, as a backend makes them; nothing is checked."""
        made = object.__new__(cls)
        made.__dict__.update(step=step, neuron=neuron, steps=steps, size=size)
        return made

    @classmethod
    def from_events(cls, step: ArrayLike, neuron: ArrayLike, steps: int, size: int, name: str = "spikes") -> Spikes:
        """Sort and check events; raises InputError for negative, fractional or out-of-range ones and repeats."""
        steps, size = count(f"{name}: steps", steps), count(f"{name}: size", size)
        step, neuron = _events(step, neuron, steps, size, name)
        order = np.lexsort((neuron, step))
        step, neuron = step[order], neuron[order]
        twice = (np.diff(step) == 0) & (np.diff(neuron) == 0)
        if twice.any():
            i = int(np.flatnonzero(twice)[0])
            raise InputError(f"{name}: neuron {neuron[i]} spikes twice in step {step[i]}; a neuron spikes once a step")
        return cls.trusted(step, neuron, steps, size)

    @classmethod
    def from_raster(cls, raster: Any, name: str = "spikes") -> Spikes:
        """From an array or scipy sparse matrix (steps, neurons); entries of 1 are spikes, all others must be 0."""
        if sparse.issparse(raster):  # pyright: ignore[reportUnknownMemberType]
            return cls._from_sparse(raster, name)
        array = _array(raster, name)
        if array.ndim != 2:
            raise InputError(f"{name}: a raster has shape (steps, neurons), got {array.shape}")
        _check_bits(array, name)
        step, neuron = np.nonzero(array)
        return cls.trusted(step.astype(np.int64), neuron.astype(np.int64), *map(int, array.shape))

    @classmethod
    def _from_sparse(cls, raster: Any, name: str) -> Spikes:
        if raster.ndim != 2:
            raise InputError(f"{name}: a raster has shape (steps, neurons), got {raster.shape}")
        coo = raster.tocoo(copy=True)
        coo.sum_duplicates()
        _check_bits(coo.data, name)
        spiking = coo.data != 0
        return cls.from_events(coo.row[spiking], coo.col[spiking], *map(int, coo.shape), name=name)

    def __len__(self) -> int:
        return len(self.step)

    def __repr__(self) -> str:
        return f"Spikes({len(self):,} spikes of {self.size:,} neurons in {self.steps:,} steps)"

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Spikes):
            return NotImplemented
        same = (self.steps, self.size, len(self)) == (other.steps, other.size, len(other))
        return same and bool((self.step == other.step).all() and (self.neuron == other.neuron).all())

    __hash__ = None  # type: ignore[assignment]

    def raster(self) -> NDArray[np.bool_]:
        """Dense (steps, neurons) array of booleans."""
        out = np.zeros((self.steps, self.size), bool)
        out[self.step, self.neuron] = True
        return out

    def counts(self) -> NDArray[np.int64]:
        """Spikes of each neuron, shape (neurons,)."""
        return np.bincount(self.neuron, minlength=self.size)

    def between(self, start: int, stop: int) -> Spikes:
        """Spikes of steps start .. stop-1, with steps counted from start."""
        low, high = np.searchsorted(self.step, (start, stop))
        return Spikes.trusted(self.step[low:high] - start, self.neuron[low:high], stop - start, self.size)

    def differing(self, other: Spikes) -> tuple[int, int | None]:
        """Number of (step, neuron) cells in which two records differ, and the first such step."""
        given = cast(object, other)
        if not isinstance(given, Spikes):
            raise InputError(f"differing: compares with Spikes, got {shown(given)}")
        if (self.steps, self.size) != (other.steps, other.size):
            raise InputError(
                f"records differ in shape: {self.steps} x {self.size} against {other.steps} x {other.size}"
            )
        a, b = (s.step * s.size + s.neuron for s in (self, other))
        cells: NDArray[np.int64] = np.setxor1d(a, b, assume_unique=True)
        return len(cells), int(cells[0] // self.size) if len(cells) else None


def count(what: str, value: Any, low: int = 0) -> int:
    """``value`` as an int; InputError unless it is a whole number >= ``low``."""
    whole = not isinstance(value, (bool, np.bool_)) and isinstance(value, (int, np.integer))
    number = int(cast(int, value)) if whole else low - 1
    if number < low:
        raise InputError(f"{what} must be a whole number >= {low}, got {shown(cast(object, value))}")
    return number


def _array(values: Any, what: str) -> NDArray[Any]:
    try:
        return np.asarray(values)
    except (TypeError, ValueError, RuntimeError) as error:  # ragged lists; tensors that carry a gradient
        raise InputError(f"{what}: is no array of numbers ({one_line(error)})") from None


def _check_bits(values: NDArray[Any], name: str) -> None:
    if values.dtype.kind != "b" and (values.dtype.kind not in "iuf" or not np.isin(values, (0, 1)).all()):
        raise InputError(f"{name}: a raster holds 0 and 1 only; put graded values into weights or biases")


def _events(step: Any, neuron: Any, steps: int, size: int, name: str) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Steps and neurons of events as int64 vectors of one length and in range."""
    step, neuron = (whole_numbers(x, f"{name}: {what}") for x, what in ((step, "steps"), (neuron, "neurons")))
    if step.shape != neuron.shape:
        raise InputError(f"{name}: {step.size} steps but {neuron.size} neurons; give one of each per spike")
    for values, limit, what in ((step, steps, "step"), (neuron, size, "neuron")):
        bad = (values < 0) | (values >= limit)
        if bad.any():
            raise InputError(f"{name}: {what} {values[bad][0]} is outside 0..{limit - 1}")
    return step, neuron


def whole_numbers(values: Any, what: str) -> NDArray[np.int64]:
    """``values`` as an int64 vector; InputError names ``what`` must be whole numbers."""
    array = _array(values, what).reshape(-1)
    if array.size == 0:
        return np.zeros(0, np.int64)
    whole = array.dtype.kind in "iub" or (
        array.dtype.kind == "f" and np.isfinite(array).all() and not (array % 1).any()
    )
    if not whole:
        raise InputError(f"{what} must be whole numbers")
    return array.astype(np.int64, copy=False)


@dataclass(frozen=True)
class Counters:
    """Counts that cost accounting needs, by population or projection name.

    spikes : spikes emitted.    synaptic_events : synapses of the neurons that spiked, counted at the spike.
    accessed : neurons x steps.
    updated : neuron-steps with nonzero state, input or bias (also a silent neuron whose v is not 0; not one whose u
        decays within the step).
    changed : neuron-steps in which v differs before and after.    weight_updates : synapses touched by learning.
    updated and changed are None unless the run was asked for ``counters=True``.
    """

    spikes: Mapping[str, int]
    synaptic_events: Mapping[str, int]
    accessed: Mapping[str, int]
    updated: Mapping[str, int] | None = None
    changed: Mapping[str, int] | None = None
    weight_updates: Mapping[str, int] = field(default_factory=dict[str, int])


class Named(dict[str, Any]):
    """A dict whose KeyError names the keys there are.

    Parameters
    ----------
    what : str
        What is looked up, for the message.
    items : mapping
        Its contents.
    """

    def __init__(self, what: str, items: Mapping[str, Any]) -> None:
        super().__init__(items)
        self.what = what

    def __missing__(self, key: object) -> Any:
        raise UnknownNameError(self.what, key, self)

    def __reduce__(self) -> Any:
        return Named, (self.what, dict(self))


#: Fields of a Recording that are looked up by name, and what an error says of a name that is not there.
_LOOKED_UP = {
    "spikes": "recording: no spikes of population",
    "traces": 'recording: no trace (simulate(..., record="population.v") keeps one)',
    "weights": "recording: no learned weights of projection",
    "counts": "recording: no counts (simulate(..., record=Record(counts=...)) keeps some) of population",
    "rates": "recording: no rates (simulate(..., record=Record(rates=...)) keeps some) of population",
    "weight_traces": "recording: no weights over time (simulate(..., record=Record(weights=...)) keeps some) of",
}
#: Fields that hold a table by name, where they were asked for.
_BINNED = ("counts", "rates", "weight_traces")


@dataclass(frozen=True, eq=False, repr=False)
class Recording(Summary, Axes):
    """What :func:`snmem.simulate` returns.

    Recordings are equal if they are of equal networks from the same step on, and hold the same spikes, traces, counters
    and learned weights, whatever backend made them.

    Attributes
    ----------
    backend : str
        Name of the backend.
    steps : int
        Steps simulated.
    spikes : mapping
        Population name -> Spikes (input populations included); steps count from the start of this run.
    traces : mapping
        "population.u" or "population.v" -> array (steps, neurons), after reset; (samples, chosen neurons) where
        :class:`snmem.Record` chose some.
    counters : Counters
        Counts for the bill.
    weights : mapping
        Projection name -> CSR array (post, pre) after the run, for plastic projections.
    state : RunState
        To pass to the next ``simulate`` call to go on where this run ended.
    exact : bool
        Whether the spikes are shown to be those of stepping. False only after ``simulate(exact=False)``: if some v came
        nearer to theta than rounding may move it, if a population that had been taken through many steps at once was
        stepped again, or if the run went on from such a state.
    dt : float or None
        Duration of a step in seconds, that of the network.
    start : int
        Number of the first step: 0, or where the run went on.
    network : Network, str or None
        The network that was simulated; after unpickling without a state, its digest.
    counts : mapping
        Population -> spikes of each neuron in bins (bins, neurons), where :class:`snmem.Record` asks for them.
    rates : mapping
        Population -> its mean firing rate in Hz (bins,).
    weight_traces : mapping
        Projection -> weights over time (samples, synapses).
    plan : Plan or None
        Which spikes, neurons, synapses and steps were recorded; None: all spikes, and traces in full.
    """

    backend: str
    steps: int
    spikes: Mapping[str, Spikes]
    traces: Mapping[str, NDArray[Any]]
    counters: Counters
    weights: Mapping[str, Any] = field(default_factory=dict[str, Any])
    state: Any = None
    exact: bool = True
    dt: float | None = None
    start: int = 0
    network: Any = None
    counts: Mapping[str, NDArray[np.int64]] = field(default_factory=dict[str, Any])
    rates: Mapping[str, NDArray[np.float64]] = field(default_factory=dict[str, Any])
    weight_traces: Mapping[str, NDArray[Any]] = field(default_factory=dict[str, Any])
    plan: Any = None

    def __post_init__(self) -> None:
        for name, what in _LOOKED_UP.items():
            if type(getattr(self, name)) is not Named:
                object.__setattr__(self, name, Named(what, getattr(self, name)))

    def _summary(self) -> tuple[str, list[tuple[str, str]]]:
        rows = [(name, f"{len(s):,} spikes of {s.size:,} neurons") for name, s in self.spikes.items()]
        rows += [(name, f"trace, {' x '.join(map(str, np.shape(t)))}") for name, t in self.traces.items()]
        rows += [(name, f"{w.nnz:,} learned weights") for name, w in self.weights.items()]
        for kind in _BINNED:
            what = kind.replace("_", " ")
            rows += [(name, f"{what}, {' x '.join(map(str, t.shape))}") for name, t in getattr(self, kind).items()]
        return f"Recording: {self.steps:,} steps from step {self.start:,} on backend {self.backend!r}", rows

    @property
    def digest(self) -> str | None:
        """Digest of the network that was simulated, None if it is not known."""
        return self.network if self.network is None or isinstance(self.network, str) else self.network.digest()

    def is_of(self, network: Any) -> bool:
        """Whether the recording is of this network; None known of it counts as yes if populations fit."""
        if self.network is None:
            sizes = {name: s.size for name, s in self.spikes.items()}
            if self.plan is not None:
                return sizes.items() <= {p.name: p.size for p in network.populations}.items()
            return sizes == {p.name: p.size for p in network.populations}
        return self.network is network or self.digest == network.digest()

    def __getstate__(self) -> dict[str, Any]:
        kept = getattr(self.state, "network", None) is self.network  # the state needs the network, not its digest
        return self.__dict__ if kept else self.__dict__ | {"network": self.digest}

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Recording):
            return NotImplemented
        return (
            (self.start, self.steps, self.spikes, self.counters)
            == (other.start, other.steps, other.spikes, other.counters)
            and (self.network is other.network or self.digest == other.digest)
            and _same(self.traces, other.traces, partial(np.array_equal, equal_nan=True))
            and _same(self.weights, other.weights, same_matrix)
            and all(_same(getattr(self, n), getattr(other, n), np.array_equal) for n in _BINNED)
        )

    __hash__ = None  # type: ignore[assignment]


def _same(a: Mapping[str, Any], b: Mapping[str, Any], same: Callable[[Any, Any], bool]) -> bool:
    return a.keys() == b.keys() and all(same(value, b[name]) for name, value in a.items())


class Interrupted(KeyboardInterrupt):
    """Ctrl-C during a run. ``recording`` holds what was recorded before; its ``steps`` says how far it goes."""

    def __init__(self, recording: Recording) -> None:
        super().__init__(f"interrupted after {recording.steps} steps")
        self.recording = recording

    def __reduce__(self) -> Any:
        return Interrupted, (self.recording,)
