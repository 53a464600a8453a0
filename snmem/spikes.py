"""Spikes as events, and what a simulation returns."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from importlib import import_module
from typing import Any, cast

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import sparse  # pyright: ignore[reportMissingTypeStubs]

from ._axes import Axes
from ._events import LONGEST, add_up, array_of, check_bits, compact, count, events_of, values_of
from ._text import shown
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
    value : float64 vector of the same length, or None
        What each event carries (a graded spike): a synapse delivers weight * value. None: all are 1.

    Raises
    ------
    InputError
        For events that are not sorted, repeated, fractional or out of range, and values that are 0 or not finite.
    """

    step: NDArray[np.int64]
    neuron: NDArray[np.int64]
    steps: int
    size: int
    value: NDArray[np.float64] | None = None

    def __post_init__(self) -> None:
        for name in ("steps", "size"):
            object.__setattr__(self, name, count(f"spikes: {name}", getattr(self, name), high=LONGEST))
        step, neuron = events_of(self.step, self.neuron, self.steps, self.size, "spikes")
        if (np.diff(step) < 0).any() or ((np.diff(step) == 0) & (np.diff(neuron) <= 0)).any():
            raise InputError(
                "spikes: events are not sorted by step, then neuron, or come twice; use Spikes.from_events to sort them"
            )
        if self.value is not None:
            value = values_of(self.value, step, neuron, "spikes")
            if not value.all():
                raise InputError("spikes: an event of value 0 is none; use Spikes.from_events, which leaves it out")
            object.__setattr__(self, "value", compact(value))
        object.__setattr__(self, "step", step)
        object.__setattr__(self, "neuron", neuron)

    @classmethod
    def trusted(
        cls,
        step: NDArray[np.int64],
        neuron: NDArray[np.int64],
        steps: int,
        size: int,
        value: NDArray[np.float64] | None = None,
    ) -> Spikes:
        """Spikes of events that are known to be sorted and in range, as a backend makes them; nothing is checked."""
        made = object.__new__(cls)
        made.__dict__.update(step=step, neuron=neuron, steps=steps, size=size, value=value)
        return made

    @classmethod
    def from_events(
        cls, step: ArrayLike, neuron: ArrayLike, steps: int, size: int, name: str = "spikes", value: Any = None
    ) -> Spikes:
        """Sort and check events; raises InputError for negative, fractional or out-of-range ones and repeats.

        With ``value``, one number per event, those of one neuron in one step add up, and sums of 0 are left out.
        """
        steps, size = (count(f"{name}: {what}", n, high=LONGEST) for what, n in (("steps", steps), ("size", size)))
        step, neuron = events_of(step, neuron, steps, size, name)
        if value is not None:
            return cls.trusted(*add_up(step, neuron, values_of(value, step, neuron, name), steps, size))
        order = np.lexsort((neuron, step))
        step, neuron = step[order], neuron[order]
        twice = (np.diff(step) == 0) & (np.diff(neuron) == 0)
        if twice.any():
            i = int(np.flatnonzero(twice)[0])
            raise InputError(
                f"{name}: neuron {neuron[i]} spikes twice in step {step[i]}; a neuron spikes once a step (events with "
                "values add up)"
            )
        return cls.trusted(step, neuron, steps, size)

    @classmethod
    def from_raster(cls, raster: Any, name: str = "spikes", values: bool = False) -> Spikes:
        """From an array or scipy sparse matrix (steps, neurons).

        Entries of 1 are spikes and all others must be 0; with ``values``, every entry other than 0 is an event that
        carries it.
        """
        if sparse.issparse(raster):  # pyright: ignore[reportUnknownMemberType]
            return cls._from_sparse(raster, name, values)
        array = array_of(raster, name)
        if array.ndim != 2:
            raise InputError(f"{name}: a raster has shape (steps, neurons), got {array.shape}")
        if not values:
            check_bits(array, name)
        step, neuron = np.nonzero(array)
        steps, size = map(int, array.shape)
        value = compact(values_of(array[step, neuron], step, neuron, name)) if values else None
        return cls.trusted(step.astype(np.int64), neuron.astype(np.int64), steps, size, value)

    @classmethod
    def _from_sparse(cls, raster: Any, name: str, values: bool) -> Spikes:
        if raster.ndim != 2:
            raise InputError(f"{name}: a raster has shape (steps, neurons), got {raster.shape}")
        coo = raster.tocoo(copy=True)
        coo.sum_duplicates()
        if not values:
            check_bits(coo.data, name)
        there = coo.data != 0
        value = coo.data[there] if values else None
        return cls.from_events(coo.row[there], coo.col[there], *map(int, coo.shape), name=name, value=value)

    def __len__(self) -> int:
        return len(self.step)

    def __repr__(self) -> str:
        values = "" if self.value is None else " with values"
        return f"Spikes({len(self):,} spikes{values} of {self.size:,} neurons in {self.steps:,} steps)"

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Spikes):
            return NotImplemented
        same = (self.steps, self.size, len(self)) == (other.steps, other.size, len(other))
        same = same and bool((self.step == other.step).all() and (self.neuron == other.neuron).all())
        return same and ((self.value is None and other.value is None) or np.array_equal(self.values, other.values))

    __hash__ = None  # type: ignore[assignment]

    @property
    def values(self) -> NDArray[np.float64]:
        """What each event carries, 1 where it is a plain spike."""
        return np.ones(len(self)) if self.value is None else self.value

    def raster(self) -> NDArray[np.bool_]:
        """Dense (steps, neurons) array of booleans: where there is an event, whatever its value."""
        out = np.zeros((self.steps, self.size), bool)
        out[self.step, self.neuron] = True
        return out

    def frames(self) -> NDArray[np.float64]:
        """Dense (steps, neurons) array of the values, 0 where there is no event."""
        out = np.zeros((self.steps, self.size))
        out[self.step, self.neuron] = self.values
        return out

    def counts(self) -> NDArray[np.int64]:
        """Events of each neuron, shape (neurons,)."""
        return np.bincount(self.neuron, minlength=self.size)

    def between(self, start: int, stop: int) -> Spikes:
        """Spikes of steps start .. stop-1, with steps counted from start."""
        low, high = np.searchsorted(self.step, (start, stop))
        value = None if self.value is None else compact(self.value[low:high])
        return Spikes.trusted(self.step[low:high] - start, self.neuron[low:high], stop - start, self.size, value)

    def of(self, neurons: ArrayLike | None) -> Spikes:
        """Those of some neurons, which keep their numbers; None: all."""
        if neurons is None:
            return self
        mine = np.isin(self.neuron, neurons)
        value = None if self.value is None else compact(self.value[mine])
        return Spikes.trusted(self.step[mine], self.neuron[mine], self.steps, self.size, value)

    def differing(self, other: Spikes) -> tuple[int, int | None]:
        """Number of (step, neuron) cells in which two records differ, values included, and the first such step."""
        given = cast(object, other)
        if not isinstance(given, Spikes):
            raise InputError(f"differing: compares with Spikes, got {shown(given)}")
        if (self.steps, self.size) != (other.steps, other.size):
            raise InputError(
                f"records differ in shape: {self.steps} x {self.size} against {other.steps} x {other.size}"
            )
        a, b = (s.step * s.size + s.neuron for s in (self, other))
        cells: NDArray[np.int64] = np.setxor1d(a, b, assume_unique=True)
        if self.value is not None or other.value is not None:
            both, i, j = np.intersect1d(a, b, assume_unique=True, return_indices=True)
            cells = np.union1d(cells, both[self.values[i] != other.values[j]])
        return len(cells), int(cells[0] // self.size) if len(cells) else None


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
    path : Path or None
        The file that ``simulate(to=...)`` has written what was recorded to; it is not held here.
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
    path: Any = None

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

    def view(self, path: Any = None, **options: Any) -> Any:
        """Return a page to explore the run in a browser, which a notebook shows in its cell, and save it to ``path``.

        Parameters
        ----------
        path : path, optional
            HTML file to write.
        **options : Any
            As for :func:`snmem.view.view`.
        """
        page = import_module("snmem.view").view(self, **options)  # which knows networks, bills and verdicts
        if path is not None:
            page.save(path)
        return page

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
