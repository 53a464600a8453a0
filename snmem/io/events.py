"""Spikes in HDF5 as ``nir.write_data`` writes them: for each node the observable "spikes", as events or as a grid.

An event at time t belongs to step k where k dt <= t < (k + 1) dt, as in nir. A time that rounding has put just below
k dt counts as k dt: one within 1e-6 of a step, or within four units in the last place of the type it is stored in.
A record has as many steps as fit into its ``t_max``, and one more if an event lies in the rest.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from math import isfinite
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._text import shown
from ..errors import InputError
from ..event_data.binning import merged
from ..spikes import Spikes
from .hdf5 import Limits, Store, open_store
from .hdf5.blocks import blocks

#: Events of a file, and entries of a grid, that are read.
_EVENTS = 500_000_000
#: Largest number of neurons of a population, and of entries (steps x neurons) of a record.
_NEURONS, _ENTRIES = 2**31, 2**62
#: Largest count of steps that a float64 holds exactly.
_WHOLE = 2.0**53
#: Copies of the events that reading takes; nested groups of nodes.
_COPIES, _DEPTH = 4, 32
_EXPECTED = "expected HDF5 of nir.write_data with the observable 'spikes'"


def read_events(
    path: str | os.PathLike[str], dt: float | None = None, sample: int | None = None, merge: str | None = "error"
) -> tuple[dict[str, Spikes], dict[str, Any]]:
    """Read spikes by the name of their node; nodes within nodes are called "outer.inner".

    Parameters
    ----------
    path : path-like
        The file.
    dt : float or None
        Duration of a step in seconds. A file of snmem's holds its own; a grid must have this one.
    sample : int or None
        Which of several samples to take.
    merge : str or None
        What becomes of several events of a neuron in one step (:func:`snmem.event_data.from_events`).

    Returns
    -------
    tuple
        Node name -> Spikes, and the attributes of the file.

    Raises
    ------
    FileError
        if the file is missing, damaged, too large or of another kind.
    InputError
        if it needs ``dt`` or ``sample``, or its spikes are none.
    """
    with open_store(path, Limits(numbers=2 * _EVENTS), "spike") as store:
        top, about = store.members(store.file, "file"), store.attributes(store.file, "file")
        if "nodes" not in top:
            hint = "a NIR network has no spikes; " if "node" in top else ""
            raise store.error("file", f"has no group 'nodes'; {hint}{_EXPECTED}")
        own = about.get("dt")
        if own is not None:
            dt = _positive(store, "file: dt", own)
        found, others = {}, []
        for name, observables in _nodes(store, top["nodes"]):
            if "spikes" in observables:
                record = _Record(store, observables["spikes"], name, sample, "error" if own is not None else merge)
                found[name] = record.spikes(dt, own is not None)
            else:
                others += [f"{name}: {key}" for key in observables]
        if not found:
            raise store.error("file", f"holds no spikes but {', '.join(others) or 'nothing'}; {_EXPECTED}")
        if own is not None and "sha256" not in about:
            raise store.error("file", "states dt but no sha256 of its spikes; it was changed or damaged")
        return found, about


def _positive(store: Store, owner: str, value: Any) -> float:
    if isinstance(value, (str, bytes)) or not 0 < value < np.inf:
        raise store.error(owner, f"must be a positive number, got {value!r}")
    return float(value)


def _nodes(store: Store, group: Any, prefix: str = "", depth: int = 1) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield each node's name and its observables."""
    if depth > _DEPTH:
        raise store.error("file", f"is nested more than {_DEPTH} graphs deep; flatten it")
    store.visit(group, f"{prefix}nodes")
    for key, node in store.members(group, f"{prefix}nodes").items():
        name = prefix + key
        members = store.members(node, f"node {name!r}")
        if "observables" in members:
            store.visit(members["observables"], f"node {name!r}")
            yield name, store.members(members["observables"], f"node {name!r}: observables")
        elif "nodes" in members:
            yield from _nodes(store, members["nodes"], f"{name}.", depth + 1)
        else:
            raise store.error(f"node {name!r}", f"has no 'observables'; {_EXPECTED}")


class _Record:
    """The spikes of one node in an open file."""

    def __init__(self, store: Store, group: Any, name: str, sample: int | None, merge: str | None) -> None:
        self.store, self.name, self.sample, self.merge = store, name, sample, merge
        self.owner = f"node {name!r}: spikes"
        self.members = store.members(group, self.owner)
        self.about = store.attributes(group, self.owner, ("dt", "n_neurons", "t_max"))

    def spikes(self, dt: float | None, own: bool) -> Spikes:
        """Return the spikes with steps of ``dt``; ``own`` says that snmem wrote the file and stated dt."""
        if "data" in self.members:
            return self._grid(dt)
        if "idx" in self.members and "time" in self.members:
            if dt is None:
                raise self.refusal("holds the times of events; say how long a step lasts (dt)")
            return self._events(dt, own)
        raise self.store.error(self.owner, "holds neither events (idx, time) nor a grid (data)")

    def refusal(self, message: str) -> InputError:
        """Return an error for what the file may hold, but a run cannot take."""
        return InputError(f"{self.store.path.name}: {shown(self.name)} {message}")

    def _attribute(self, name: str) -> Any:
        if name not in self.about:
            raise self.store.error(self.owner, f"has no attribute {name!r}; {_EXPECTED}")
        return self.about[name]

    def _one_sample(self, array: Any, axes: int) -> int | None:
        """Return the index of the sample to take; None for an array that has no axis of samples."""
        if array.ndim == axes:
            return None
        if array.ndim != axes + 1:
            raise self.store.error(self.owner, f"has shape {array.shape}, expected {axes + 1} axes, the first samples")
        count = array.shape[0]
        if self.sample is None and count != 1:
            raise self.refusal(f"holds {count} samples, a run takes one; choose it (sample)")
        if not 0 <= (self.sample or 0) < count:
            raise self.refusal(f"has no sample {self.sample}, but {count}")
        return self.sample or 0

    def _grid(self, dt: float | None) -> Spikes:
        own = _positive(self.store, f"{self.owner}: dt", self._attribute("dt"))
        if dt is not None and abs(own - dt) > 1e-6 * dt:
            raise self.refusal(
                f"is a grid with dt = {own:g} s, the network's is {dt:g} s; "
                "read the network with that dt, or convert the grid"
            )
        data = self.store.dataset(self.members["data"], self.owner)
        self.store.claim(data.size, self.owner, _EVENTS)
        sample = self._one_sample(data, 2)
        rows, columns = data.shape[-2:]
        parts, values = [np.zeros((2, 0), np.int64)], [np.zeros(0)]
        for place, block in blocks(self.store, data, self.owner):
            if sample is not None:
                if not place[0].start <= sample < place[0].stop:
                    continue
                place, block = place[1:], block[sample - place[0].start]
            index = np.nonzero(block)
            self.store.hold(8 * _COPIES * 3 * len(index[0]), self.owner)
            parts.append(np.stack([i + s.start for i, s in zip(index, place, strict=True)]))
            values.append(block[index].astype(np.float64))
        step, neuron = np.concatenate(parts, axis=1)
        value = np.concatenate(values)
        value = None if (value == 1).all() else value
        return Spikes.from_events(step, neuron, *self._size(rows, columns), self._label(), value)

    def _events(self, dt: float, own: bool) -> Spikes:
        arrays = {}
        for key in ("idx", "time", *(["value"] if "value" in self.members else [])):
            array = self.store.numbers(self.members[key], f"{self.owner}: {key}", _EVENTS, _COPIES)
            sample = self._one_sample(array, 1)
            arrays[key] = array if sample is None else array[sample]
        lengths = {len(array) for array in arrays.values()}
        if len(lengths) > 1:
            raise self.store.error(
                self.owner, f"has {' and '.join(map(str, sorted(lengths)))} events; give one of each"
            )
        there = arrays["idx"] != -1  # nir fills samples of unequal length with neuron -1 at time infinity
        idx, time = arrays["idx"][there], arrays["time"][there]
        value = arrays["value"][there] if "value" in arrays and (arrays["value"][there] != 1).any() else None
        t_max = self._attribute("t_max")
        if isinstance(t_max, str) or not (isfinite(t_max) and t_max >= 0):
            raise self.store.error(self.owner, f"t_max must be a number >= 0, got {t_max!r}")
        step, steps = self._steps(time, float(t_max), dt)
        size = self._size(steps, self._attribute("n_neurons"))
        label = self._label() if own else f"{self._label()} with dt = {dt:g}"
        inside = idx.dtype.kind in "iu" and bool(((idx >= 0) & (idx < size[1])).all())
        if value is None and inside and self.merge != "error":
            return merged(step, idx, np.ones(len(idx)), *size, self.merge, label)
        return Spikes.from_events(step, idx, *size, label, value)

    def _steps(self, time: NDArray[Any], t_max: float, dt: float) -> tuple[NDArray[np.int64], int]:
        """Return the steps of events, and the number of steps (rule: see the module)."""
        spacing = np.finfo(time.dtype).eps if time.dtype.kind == "f" else 0.0
        if not np.isfinite(time).all():
            raise self.store.error(self.owner, "events must have times >= 0")
        exact, end = in_steps(time, dt), float(in_steps(t_max, dt))
        last = exact.max(initial=0.0)
        if exact.min(initial=0.0) <= -1e-6:
            raise self.store.error(self.owner, "events must have times >= 0")
        slack = np.maximum(1e-6, 4 * spacing * np.abs(np.minimum(exact, _WHOLE)))
        if last > end + max(1e-6, 4 * spacing * last):
            raise self.store.error(self.owner, f"has an event at {time.max():g}, after its t_max = {t_max:g}")
        if max(end, last) > _WHOLE or slack.max(initial=0.0) > 0.25:
            latest = max(t_max, time.max(initial=0.0))
            raise self.refusal(f"times up to {latest:g} in {time.dtype} cannot be told apart in steps of dt = {dt:g}")
        step = np.maximum(np.floor(exact + slack), 0).astype(np.int64)
        whole = int(np.floor(end + max(1e-6, 4 * float(np.finfo(np.float64).eps) * end)))
        return step, max(whole, int(step.max(initial=-1)) + 1)

    def _size(self, steps: int, neurons: Any) -> tuple[int, int]:
        if isinstance(neurons, str) or not 0 < neurons <= _NEURONS or neurons != int(neurons):
            raise self.store.error(self.owner, f"n_neurons must be a whole number in 1..{_NEURONS}, got {neurons!r}")
        if steps * int(neurons) > _ENTRIES:
            raise self.store.error(self.owner, f"is a record of {steps} steps of {neurons} neurons; shorten it")
        return steps, int(neurons)

    def _label(self) -> str:
        return f"{self.store.path.name} {shown(self.name)}"


def in_steps(time: Any, dt: float) -> NDArray[np.float64]:
    """Return times in steps of ``dt``: infinite where there are more than a float64 can count, without a warning."""
    with np.errstate(over="ignore"):
        return np.asarray(time, np.float64) / dt


def fits(numbers: int, size: int) -> bool:
    """Whether a file of ``size`` bytes with so many numbers is small enough in memory to be read again."""
    return 8 * _COPIES * numbers <= Limits().memory + Limits().expansion * size
