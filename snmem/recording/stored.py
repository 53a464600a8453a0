"""A run that was written to disk, read in parts: ``open_recording("run.h5")``."""

from __future__ import annotations

import os
from bisect import bisect_left
from collections.abc import Mapping
from contextlib import ExitStack
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._axes import Sampled
from .._text import path_text
from ..errors import FileError, InputError
from ..io.hdf5 import Limits, Store, open_store
from ..io.hdf5.blocks import Chunks
from ..spikes import Counters, Named, Recording, Spikes, count
from .choice import Plan, Samples
from .journal import finish_commit
from .stream import VERSION, partial_path

Array = NDArray[Any]
#: Chunks of a dataset that are kept unpacked.
_KEPT = 4
#: Steps that are counted exactly; largest number of neurons.
_STEPS, _NEURONS = 2**53, 2**31


class _Rows:
    """A dataset (1, rows) or (1, rows, columns), read in stretches of rows."""

    def __init__(self, store: Store, item: Any, owner: str, axes: int) -> None:
        self.store, self.owner = store, owner
        self.item = store.dataset(item, owner)
        shape = self.item.shape
        if len(shape) != axes or shape[0] != 1 or not self.item.chunks:
            raise store.error(owner, f"has shape {shape}, expected (1, rows{', columns' * (axes - 2)}) in chunks")
        self.rows, self.columns = int(shape[1]), shape[2:]
        self.step = int(self.item.chunks[1])
        with store.guard(owner):
            self.chunks = Chunks(store, self.item, owner, None)
            if len(self.chunks.places) != self.chunks.count:
                raise store.error(owner, "lacks a part; the file is damaged")
        self.by_row: dict[int, list[Any]] = {}
        for place in self.chunks.places:
            self.by_row.setdefault(place[1].start, []).append(place)
        self.chunk = lru_cache(_KEPT)(self._chunk)

    def _chunk(self, first: int) -> Array:
        """The rows that are stored together from row ``first`` on."""
        self.store.read_anew()
        places, last = self.by_row.get(first, ()), min(first + self.step, self.rows)
        out = np.zeros((last - first, *self.columns), self.item.dtype.newbyteorder("="))
        for place in places:
            out[:, *place[2:]] = self.chunks.read(place)[0]
        return out

    def read(self, start: int, stop: int) -> Array:
        """Rows start .. stop - 1."""
        kind = self.item.dtype.newbyteorder("=")
        numbers = max(stop - start, 0) * int(np.prod(self.columns, dtype=object))
        self.store.hold(2 * kind.itemsize * numbers, self.owner, for_now=True)
        parts = [np.zeros((0, *self.columns), kind)]
        for first in range(start // self.step * self.step, stop, self.step):
            parts.append(self.chunk(first)[max(start - first, 0) : stop - first])
        return np.concatenate(parts)


class StoredTable:
    """A table on disk: ``table[a:b]`` reads rows; ``shape`` as of an array (rows, columns)."""

    def __init__(self, rows: _Rows, flat: bool) -> None:
        self._rows, self._flat = rows, flat
        self.shape = (rows.rows,) if flat else (rows.rows, *rows.columns)
        self.dtype = rows.item.dtype.newbyteorder("=")

    def __len__(self) -> int:
        return self.shape[0]

    def __repr__(self) -> str:
        return f"StoredTable({' x '.join(map(str, self.shape))} on disk)"

    def __getitem__(self, key: Any) -> Array:
        """Rows by number or slice, and of these what further indices ask for."""
        first, *more = key if isinstance(key, tuple) else (key,)
        if isinstance(first, slice):
            start, stop, step = first.indices(len(self))
            if step < 0:
                raise InputError("a stored table is read forwards; turn the array round instead")
            found = self._read(start, max(start, stop))[::step]
            return found[:, *more] if more else found
        row = count("a row of a stored table", int(first) + len(self) * (int(first) < 0))
        if row >= len(self):
            raise IndexError(f"a stored table has {len(self)} rows, no row {first}")
        found = self._read(row, row + 1)[0]
        return found[tuple(more)] if more else found

    def _read(self, start: int, stop: int) -> Array:
        found = self._rows.read(start, stop)
        return found[:, 0] if self._flat else found

    def __array__(self, dtype: Any = None, copy: Any = None) -> Array:
        found = self._read(0, len(self))
        return found if dtype is None else found.astype(dtype)


class StoredSpikes:
    """Spikes of a population on disk.

    Attributes
    ----------
    steps, size : int
        As of :class:`snmem.Spikes`.
    """

    def __init__(
        self, store: Store, idx: _Rows, time: _Rows, value: _Rows | None, steps: int, size: int, dt: float
    ) -> None:
        self._store, self._idx, self._time, self._value, self._dt = store, idx, time, value, dt
        self.steps, self.size = steps, size
        if value is not None and value.rows != idx.rows:
            raise store.error(value.owner, f"has {value.rows} values for {idx.rows} events")
        if idx.rows != time.rows or idx.item.dtype.kind not in "iu":
            raise store.error(idx.owner, f"has {idx.rows} neurons of type {idx.item.dtype} for {time.rows} times")

    def __len__(self) -> int:
        return self._idx.rows

    def __repr__(self) -> str:
        return f"StoredSpikes({len(self):,} spikes of {self.size:,} neurons in {self.steps:,} steps, on disk)"

    def _steps(self, time: Array) -> Array:
        exact = np.asarray(time, np.float64) / self._dt
        if not ((exact >= 0) & (exact < _STEPS)).all():
            raise self._store.error(self._time.owner, "holds times that are none of the run")
        return np.floor(exact).astype(np.int64)

    def _place(self, step: int) -> int:
        """The first spike of this step or a later one."""
        time = self._time
        firsts = range(0, time.rows, time.step)
        chunk = bisect_left(firsts, step, key=lambda first: int(self._steps(time.chunk(first)[:1])[0]))
        if chunk == 0:
            return 0
        first = firsts[chunk - 1]
        return first + int(np.searchsorted(self._steps(time.chunk(first)), step))

    def between(self, start: int, stop: int) -> Spikes:
        """Spikes of steps start .. stop-1, with steps counted from start."""
        start, stop = count("between: start", start), min(count("between: stop", stop), self.steps)
        length = max(stop - start, 0)
        low, high = self._place(start), self._place(stop)
        neuron, step = self._idx.read(low, high), self._steps(self._time.read(low, high)) - start
        value = None if self._value is None else self._value.read(low, high)
        try:
            return Spikes(step, neuron, length, self.size, value)
        except InputError as error:
            raise self._store.error(self._idx.owner, f"is damaged ({error})") from None

    def read(self) -> Spikes:
        """All of them."""
        return self.between(0, self.steps)


class StoredRun(Sampled):
    """A run on disk, as :func:`open_recording` returns it; a context manager that closes the file.

    Attributes
    ----------
    spikes, traces, counts, rates, weight_traces : mapping
        As of :class:`snmem.Recording`, but on disk: ``run.spikes["exc"].between(0, 9)``, ``run.traces["exc.v"][:9]``.
    steps, start : int
        Steps recorded, and number of the first.
    dt : float
        Seconds of a step.
    backend, network : str
        Name of the backend; digest of the network.
    complete : bool
        Whether the run came to its end.
    """

    def __init__(self, path: str | os.PathLike[str], limits: Limits | None = None) -> None:
        with ExitStack() as stack:
            self._store = store = stack.enter_context(open_store(path, limits, "recording"))
            top = store.members(store.file, "file")
            if "snmem" not in top or "nodes" not in top:
                raise store.error("file", "is no run that snmem has written (simulate(..., to=...))")
            about = store.attributes(top["snmem"], "snmem")
            self._read_about(about)
            self._plan: dict[str, dict[str, Any]] = {"spikes": {}, "traces": {}, "weight_traces": {}}
            self.spikes, self.traces = self._nodes(top["nodes"])
            tables = store.members(top["snmem"], "snmem")
            self.counts, self.rates, self.weight_traces = (
                self._tables(tables, kind) for kind in ("counts", "rates", "weight_traces")
            )
            self._stack = stack.pop_all()

    def _read_about(self, about: Mapping[str, Any]) -> None:
        kinds = {"version": int, "steps": int, "start": int, "bin": int, "dt": float, "backend": str, "network": str}
        for name, kind in kinds.items():
            value = about.get(name)
            wrong = type(value) is not kind or (kind is int and not 0 <= value <= _STEPS)  # type: ignore[operator]
            if wrong or (name == "dt" and not 0 < value < np.inf):  # type: ignore[operator]
                raise self._store.error(f"snmem: {name}", f"must be a {kind.__name__} of the run, got {value!r}")
        if about["version"] != VERSION:
            raise self._store.error("snmem: version", f"is {about['version']}, this snmem reads {VERSION}")
        self.steps, self.start, self.dt = about["steps"], about["start"], about["dt"]
        self.backend, self.network, self._bin = about["backend"], about["network"], about["bin"] or None
        self.complete = about.get("complete") is True

    def _nodes(self, group: Any) -> tuple[Named, Named]:
        store, spikes, traces = self._store, {}, {}
        for name, node in store.members(group, "nodes").items():
            members = store.members(node, f"node {name!r}")
            if "observables" not in members:
                raise store.error(f"node {name!r}", "has no 'observables'; the file is damaged")
            for variable, one in store.members(members["observables"], f"node {name!r}: observables").items():
                owner = f"node {name!r}: {variable}"
                if variable == "spikes":
                    spikes[name] = self._spikes(name, one, owner)
                else:
                    traces[f"{name}.{variable}"] = self._table("traces", f"{name}.{variable}", one, owner)
        return Named("run: no spikes of population", spikes), Named("run: no trace", traces)

    def _spikes(self, name: str, group: Any, owner: str) -> StoredSpikes:
        store, members = self._store, self._store.members(group, owner)
        size = store.attributes(group, owner, ("n_neurons",)).get("n_neurons")
        if type(size) is not int or not 0 < size <= _NEURONS:
            raise store.error(owner, f"n_neurons must be a whole number in 1..{_NEURONS}, got {size!r}")
        if "idx" not in members or "time" not in members:
            raise store.error(owner, "holds no events (idx, time); the file is damaged")
        idx, time = (_Rows(store, members[key], f"{owner}: {key}", 2) for key in ("idx", "time"))
        value = _Rows(store, members["value"], f"{owner}: value", 2) if "value" in members else None
        self._plan["spikes"][name] = self._which(members, owner, size)
        return StoredSpikes(store, idx, time, value, self.steps, size, self.dt)

    def _which(self, members: Mapping[str, Any], owner: str, size: int) -> Array | None:
        if "which" not in members:
            return None
        which = self._store.numbers(members["which"], f"{owner}: which", size)
        if which.ndim != 1 or which.dtype.kind not in "iu" or ((which < 0) | (which >= size)).any():
            raise self._store.error(f"{owner}: which", f"must hold numbers in 0..{size - 1}")
        return which.astype(np.int64)

    def _tables(self, groups: Mapping[str, Any], kind: str) -> Named:
        members = self._store.members(groups[kind], kind) if kind in groups else {}
        found = {name: self._table(kind, name, one, f"{kind} of {name!r}") for name, one in members.items()}
        return Named(f"run: no {kind.replace('_', ' ')} of", found)

    def _table(self, kind: str, name: str, group: Any, owner: str) -> StoredTable:
        members = self._store.members(group, owner)
        if "data" not in members:
            raise self._store.error(owner, "holds no data; the file is damaged")
        rows = _Rows(self._store, members["data"], owner, 3)
        if kind in self._plan:
            every = self._store.attributes(group, owner, ("every",)).get("every")
            if type(every) is not int or not 0 < every <= _STEPS:
                raise self._store.error(owner, f"every must be a whole number >= 1, got {every!r}")
            self._plan[kind][name] = Samples(self._which(members, owner, _NEURONS), rows.columns[0], every)
        return StoredTable(rows, kind == "rates")

    @property
    def plan(self) -> Plan:
        """What was recorded."""
        of = self._plan
        counts = tuple(self.counts), tuple(self.rates), self._bin
        return Plan(of["spikes"], *counts, of["traces"], of["weight_traces"])

    def recording(self) -> Recording:
        """All of it in memory, as a Recording; its counters know the recorded spikes only.

        Raises
        ------
        FileError
            If it takes more memory than the file's size explains.
        """
        spikes = {name: s.read() for name, s in self.spikes.items()}
        tables: dict[str, Any] = {
            kind: {name: np.asarray(table) for name, table in getattr(self, kind).items()}
            for kind in ("traces", "counts", "rates", "weight_traces")
        }
        return Recording(
            self.backend,
            self.steps,
            spikes,
            counters=Counters({name: len(s) for name, s in spikes.items()}, {}, {}),
            dt=self.dt,
            start=self.start,
            network=self.network,
            plan=self.plan,
            **tables,
        )

    def __repr__(self) -> str:
        state = "" if self.complete else ", unfinished"
        return f"StoredRun({self.steps:,} steps of {', '.join(self.spikes) or 'no spikes'}{state})"

    def close(self) -> None:
        """Close the file."""
        self._stack.close()

    def __enter__(self) -> StoredRun:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()


def open_recording(path: str | os.PathLike[str], limits: Limits | None = None) -> StoredRun:
    """Open a run that ``simulate(..., to=path)`` has written; nothing is read before it is asked for.

    Parameters
    ----------
    path : path
        The file; ``NAME.partial`` is that of a run that did not come to its end.
    limits : Limits or None
        What reading may ask for.

    Raises
    ------
    FileError
        If it is missing, damaged, no such file, or still being written.
    """
    if isinstance(path, (str, os.PathLike)) and not os.path.lexists(path):
        partial = partial_path(Path(path))
        if os.path.lexists(partial):
            raise FileError(f"{path_text(path)}: no such file; the run did not finish, open {path_text(partial)}")
    if isinstance(path, (str, os.PathLike)):
        finish_commit(Path(path))
    return StoredRun(path, limits)


def is_run(path: str | os.PathLike[str]) -> bool:
    """Whether a file is a run that ``simulate(..., to=path)`` has written, by what it holds at its top.

    Raises
    ------
    FileError
        If it is missing, or no HDF5 file.
    """
    with open_store(path, None, "recording") as store:
        return "snmem" in store.members(store.file, "file")
