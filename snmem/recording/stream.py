"""A run that is written to disk while it goes on, in memory that does not grow with it.

HDF5 in the layout of ``nir.write_data``: a node for each population, its spikes as events at the middle of their steps,
its traces as grids. What NIR has no place for stands in the group "snmem": the run itself, which neurons and steps were
chosen, counts, rates and weights over time. The file is called ``NAME.partial`` until the run is complete.
"""

from __future__ import annotations

import os
import stat
import time
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._text import path_text, shown
from ..errors import FileError
from ..io.drafts import perform, sync_folder
from ..network import Network
from .choice import Plan, Which
from .interrupts import CtrlC
from .journal import JournaledFile

try:
    import fcntl
except ImportError:  # Windows: two runs that write one file are not noticed
    fcntl = None

Array = NDArray[Any]
#: Bytes that are collected before they are written, and seconds.
COLLECTED, SECONDS = 1 << 24, 10.0
#: Events of a chunk; numbers of a chunk of a table, about.
_EVENTS, _TABLE = 1 << 16, 1 << 16
#: Version of what the group "snmem" holds.
VERSION = 1
_NEW = os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
_PACKED = {"compression": "gzip", "compression_opts": 1, "shuffle": True}


def partial_path(path: Path) -> Path:
    """Where a run is written until it is complete."""
    return path.with_name(path.name + ".partial")


class RunFile:
    """Takes what a recorder keeps of a run, and writes it when enough is there.

    Parameters
    ----------
    file : JournaledFile
        Where to.
    network : Network
        That is simulated.
    plan : Plan
        What is kept.
    start : int
        Number of the first step.
    backend : str
        Its name.
    valued : collection of str
        Inputs whose spikes carry values.

    Attributes
    ----------
    place : Path or None
        The name that the file takes in the end.
    """

    place: Path | None = None

    def __init__(
        self, file: JournaledFile, network: Network, plan: Plan, start: int, backend: str, valued: Collection[str] = ()
    ) -> None:
        import h5py

        self._journal, self.dt, self.steps = file, network.dt, 0
        self._hdf5: Any = h5py.File(file, "w")
        #: What belongs to steps that are complete, and what came after these.
        self._waiting: dict[Any, list[Array]] = {}
        self._ahead: list[tuple[Any, Array]] = []
        self._size, self._last = 0, time.monotonic()
        self._tables: dict[tuple[str, str], Any] = {}
        self._events: dict[str, dict[str, Any]] = {}
        self._valued = frozenset(valued)
        self._lay_out(network, plan)
        about = {"version": VERSION, "steps": 0, "complete": False, "dt": network.dt, "start": start}
        self._about.attrs.update(about | {"backend": backend, "network": network.digest(), "bin": plan.bin or 0})
        self.commit()

    def _lay_out(self, network: Network, plan: Plan) -> None:
        """Create all groups and empty datasets."""
        self._hdf5.attrs["__type__"] = "NIRGraphData"
        self._about = self._hdf5.create_group("snmem")
        nodes, kind = self._hdf5.create_group("nodes"), "f8" if network.arithmetic == "float" else "i8"
        observables: dict[str, Any] = {}
        for p in network.populations:
            if p.name in plan.spikes or any(name.rpartition(".")[0] == p.name for name in plan.traces):
                node = nodes.create_group(p.name)
                node.attrs["__type__"] = "NIRNodeData"
                observables[p.name] = node.create_group("observables")
        for name, which in plan.spikes.items():
            group = observables[name].create_group("spikes")
            kind_of = "ValuedEventData" if name in self._valued else "EventData"
            group.attrs.update({"__type__": kind_of, "n_neurons": network[name].size, "t_max": 0.5 * self.dt})
            options: Any = {"shape": (1, 0), "maxshape": (1, None), "chunks": (1, _EVENTS), **_PACKED}
            self._events[name] = {"idx": group.create_dataset("idx", dtype="i8", **options)}
            for key in ("time", "value") if name in self._valued else ("time",):
                self._events[name][key] = group.create_dataset(key, dtype="f8", **options)
            _keep_which(group, which)
        for name, samples in plan.traces.items():
            population, _, variable = name.rpartition(".")
            group = observables[population].create_group(variable)
            group.attrs.update({"__type__": "TimeGriddedData", "dt": samples.every * self.dt, "every": samples.every})
            self._table("traces", name, group, kind, samples.columns)
            _keep_which(group, samples.which)
        self._lay_out_tables(network, plan, kind)

    def _lay_out_tables(self, network: Network, plan: Plan, kind: str) -> None:
        for table, names in (("counts", plan.counts), ("rates", plan.rates), ("weight_traces", plan.weights)):
            group = self._about.create_group(table)
            for name in names:
                one = group.create_group(name)
                if table == "weight_traces":
                    samples = plan.weights[name]
                    one.attrs["every"] = samples.every
                    _keep_which(one, samples.which)
                    self._table(table, name, one, kind, samples.columns)
                else:
                    each = table == "counts"
                    self._table(table, name, one, "i8" if each else "f8", network[name].size if each else 1)

    def _table(self, kind: str, name: str, group: Any, dtype: str, columns: int) -> None:
        rows = max(1, _TABLE // max(columns, 1))
        self._tables[kind, name] = group.create_dataset(
            "data", shape=(1, 0, columns), maxshape=(1, None, columns or None), dtype=dtype,
            chunks=(1, rows, max(1, min(columns, 1 << 20))), **_PACKED,
        )  # fmt: skip

    def spikes(self, name: str, step: Array, neuron: Array, value: Array | None) -> None:
        """Take spikes of a population."""
        values = [np.ones(len(step)) if value is None else value] if name in self._valued else []
        self._take(name, np.stack([neuron, (step + 0.5) * self.dt, *values]))

    def rows(self, kind: str, name: str, rows: Array) -> None:
        """Take rows of a table."""
        self._take((kind, name), rows.reshape(len(rows), -1))

    def _take(self, key: Any, array: Array) -> None:
        self._ahead.append((key, array))
        self._size += array.nbytes

    def reach(self, steps: int) -> None:
        """Take note that all of the first ``steps`` steps is there; write if that is enough."""
        self.steps = steps
        for key, array in self._ahead:
            self._waiting.setdefault(key, []).append(array)
        self._ahead = []
        if self._size >= COLLECTED or time.monotonic() - self._last > SECONDS:
            self.commit()

    def commit(self) -> None:
        """Write what has been collected; OSError if there is no room. Ctrl-C waits until that is done."""
        with CtrlC() as ctrl_c:
            self._commit()
        ctrl_c.check()

    def _commit(self) -> None:
        for key, parts in self._waiting.items():
            if isinstance(key, str):
                rows = np.concatenate(parts, axis=1)
                for data, values in zip(self._events[key].values(), rows, strict=True):
                    _append(data, values)
            else:
                _append(self._tables[key], np.concatenate(parts))
        self._waiting, self._size = {}, 0
        for events in self._events.values():
            events["idx"].parent.attrs.modify("t_max", (self.steps + 0.5) * self.dt)
        self._about.attrs.modify("steps", self.steps)
        self._hdf5.flush()
        self._journal.commit()
        self._last = time.monotonic()

    def finish(self) -> None:
        """Write the rest, and that the run is complete."""
        self._about.attrs.modify("complete", True)
        self.commit()

    def close(self) -> None:
        """Let go of the file, as it is."""
        with suppress(Exception):  # what HDF5 still writes goes into memory
            self._hdf5.close()


def _append(data: Any, values: Array) -> None:
    n = data.shape[1]
    data.resize(n + len(values), axis=1)
    data[0, n:] = values


def _keep_which(group: Any, which: Which) -> None:
    if which is not None:
        group.create_dataset("which", data=which)


@contextmanager
def writing(
    path: str | os.PathLike[str], network: Network, plan: Plan, start: int, backend: str, valued: Collection[str] = ()
) -> Iterator[RunFile]:
    """Open a file for a run; it takes its name when the block ends without an error, else it stays ``NAME.partial``.

    Raises
    ------
    FileError
        If the place cannot be written, another run is writing it, or there is no room left.
    """
    place = _checked(path, network)
    draft = partial_path(place)
    try:
        descriptor = _open(draft)
    except OSError as error:
        raise _error(path, error) from None
    run = None
    try:
        run = RunFile(JournaledFile(descriptor), network, plan, start, backend, valued)
        run.place = place
        yield run
        run.finish()
        perform(os.replace, draft, place)
        sync_folder(place.parent)
    except OSError as error:
        steps = run.steps if run else 0
        raise _error(path, error, f"; steps before {steps:,} are in {path_text(draft.name)}") from None
    except KeyboardInterrupt:
        if run is not None:
            with suppress(OSError):
                run.commit()
        raise
    finally:
        if run is not None:
            run.close()
        os.close(descriptor)


def _checked(path: Any, network: Network) -> Path:
    """The path; FileError for one that is none, and for names that HDF5 cannot hold."""
    if not isinstance(path, (str, os.PathLike)):
        raise FileError(f"a file is named by a text or a Path, got {shown(path)}")
    for item in (*network.populations, *network.projections):
        if item.name in (".", "..") or "\0" in item.name:
            raise FileError(f"{path_text(path)}: HDF5 holds no name {shown(item.name)}; rename the population")
    place = Path(path)
    try:
        if place.exists() and not stat.S_ISREG(place.stat().st_mode):
            raise FileError(f"{path_text(path)}: is no regular file; a run is written to one")
        return Path(os.path.realpath(place))
    except (OSError, ValueError) as error:
        raise _error(path, error) from None


def _open(draft: Path) -> int:
    """An empty file that no other run writes."""
    while True:
        descriptor = perform(os.open, draft, _NEW, 0o666)
        try:
            if fcntl is not None:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if os.path.samestat(os.lstat(draft), os.fstat(descriptor)):
                os.ftruncate(descriptor, 0)
                return descriptor
        except FileNotFoundError:
            pass
        except BlockingIOError:
            os.close(descriptor)
            raise FileError(f"{path_text(draft)}: another run is writing it; choose another place") from None
        except OSError:  # a file system without locks
            os.ftruncate(descriptor, 0)
            return descriptor
        os.close(descriptor)


def _error(path: Any, error: Exception, more: str = "") -> FileError:
    what = getattr(error, "strerror", None) or error
    return FileError(f"{path_text(path)}: cannot be written ({what}){more}; choose another place")
