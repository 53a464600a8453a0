"""The folder of a sweep: one small file for every finished run, and the dataset made of them."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from .._text import shown
from ..errors import FileError
from ..io.arrays import open_arrays
from ..io.drafts import perform, private_entries, remove_abandoned
from ..io.files import replace_file
from ..io.reading import parse_json, read_bytes
from ..io.results import write_json

try:
    import fcntl
except ImportError:  # Windows, which has no such locks: there, sweeps are not kept out of each other's folder
    fcntl = None

_NO_LINK = getattr(os, "O_NOFOLLOW", 0)  # not in Windows
MARK, RUNS, RESULTS = "sweep.json", "runs", "results.nc"
_LOCKS = (".lock", ".workers")
#: Bytes of sweep.json, and numbers of a result of one run, that are read.
_MARK_BYTES, _NUMBERS = 2**26, 2**25


def take_lock(file: Any, shared: bool = False, wait: bool = True) -> None:
    """Lock an open file, alone or with others; OSError if it is taken and ``wait`` is False."""
    if fcntl is not None:
        fcntl.flock(file, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | (0 if wait else fcntl.LOCK_NB))


def give_up_lock(file: Any) -> None:
    """Let others lock an open file."""
    if fcntl is not None:
        fcntl.flock(file, fcntl.LOCK_UN)


class SweepFolder:
    """Files of a sweep: ``sweep.json`` (what is swept), ``runs/<key>.npz``, ``results.nc`` (the dataset).

    Raises
    ------
    FileError
        If ``path`` is a file, or a folder with files of something else.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            if path.exists() and not path.is_dir():
                raise FileError(f"{path}: is a file, a sweep needs a folder; name another one")
            if path.is_dir() and not (path / MARK).is_file() and not self._just_begun():
                raise FileError(f"{path}: holds files that no sweep made; name a new or empty folder")
            perform((path / RUNS).mkdir, parents=True, exist_ok=True)
        except FileError:
            raise
        except (OSError, ValueError) as error:  # ValueError: NUL or a lone surrogate in the path
            reason = getattr(error, "strerror", None) or error
            raise FileError(f"{path}: cannot be written ({reason}); name another folder") from error

    def _just_begun(self) -> bool:
        """Whether the folder holds only what a sweep makes before it writes its first file."""
        drafts = private_entries(self.path)
        rest = [path for path in self.path.iterdir() if path not in drafts and path.name not in _LOCKS]
        return all(path.name == RUNS and path.is_dir() and not any(path.iterdir()) for path in rest)

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Keep other sweeps out, and wait until no worker of a killed one is left."""
        with self._lock_file(".lock") as mine, self.workers_file() as workers:
            try:
                take_lock(mine, wait=False)
            except OSError:
                raise FileError(f"{self.path}: another sweep is writing here; wait for it or stop it") from None
            take_lock(workers)  # given up by the system when the last worker has ended
            give_up_lock(workers)
            remove_abandoned(self.path / RUNS)
            for draft in (self.path / RUNS).glob(".*.npz.*.tmp"):  # of version 0.1
                perform(draft.unlink, missing_ok=True)
            yield

    def workers_file(self) -> Any:
        """Open the file on which every worker holds a shared lock as long as it lives."""
        return self._lock_file(".workers")

    def _lock_file(self, name: str) -> Any:
        path = self.path / name
        try:
            return os.fdopen(perform(os.open, path, os.O_WRONLY | os.O_CREAT | _NO_LINK, 0o666), "w")
        except OSError as error:
            raise FileError(f"{path}: cannot be written ({error.strerror}); name another folder") from error

    def describe(self, target: str, description: Mapping[str, Any]) -> None:
        """Note what is swept; FileError if the folder belongs to a sweep of another function."""
        mark = self.path / MARK
        if mark.is_file():
            remedy = f"remove it to go on with the runs in {self.path}"
            known = parse_json(read_bytes(mark, _MARK_BYTES, remedy), str(mark), remedy)
            before = known.get("target") if isinstance(known, dict) else None
            if not isinstance(before, str):
                raise FileError(f"{mark}: is damaged, it names no target; {remedy}")
            if before != target:
                raise FileError(
                    f"{self.path}: holds a sweep of {shown(before)}, not of {target!r}; name another folder"
                )
        write_json(mark, {"target": target, **description})

    def finished(self) -> set[str]:
        """Keys of the runs that are kept."""
        return {path.stem for path in (self.path / RUNS).glob("[!.]*.npz")}

    def keep(self, key: str, point: Mapping[str, Any], variables: Mapping[str, Any], seconds: float) -> None:
        """Write a finished run, whole or not at all."""
        dims = {name: list(dims) for name, (dims, _) in variables.items()}
        made = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        header = {"point": dict(point), "dims": dims, "seconds": round(seconds, 4), "finished": made}
        arrays = {f"v{number}": array for number, (_, array) in enumerate(variables.values())}
        with replace_file(self.path / RUNS / f"{key}.npz", tidy=False) as file:  # lock() has tidied up
            np.savez(file, header=np.array(json.dumps(header)), **arrays)

    def read(self, key: str, point: Mapping[str, Any]) -> dict[str, Any]:
        """Return the variables of a kept run: name -> (names of dimensions, float64 array).

        Parameters
        ----------
        key : str
            Name of the run.
        point : mapping
            Its parameters, which the file must name too.

        Raises
        ------
        FileError
            If the file is damaged, or that of a run with other parameters.
        """
        with open_arrays(self.path / RUNS / f"{key}.npz", "remove it and sweep again") as file:
            header = parse_json(file.text("header"), f"{file.name}: header", file.remedy)
            if not isinstance(header, dict) or not isinstance(header.get("dims"), dict):
                raise file.error(f"has the header {shown(header)}, which no run has")
            if json.dumps(header.get("point"), sort_keys=True) != json.dumps(dict(point), sort_keys=True):
                raise file.error(f"is the run of other parameters ({shown(header.get('point'), 200)})")
            if set(file.headers) != {"header", *(f"v{n}" for n in range(len(header["dims"])))}:
                raise file.error(f"holds the arrays {shown(sorted(file.headers))}, its header names others")
            out = {}
            for n, (name, dims) in enumerate(header["dims"].items()):
                if not isinstance(dims, list) or not all(isinstance(d, str) for d in dims):
                    raise file.error(f"result {shown(name)}: dimensions are {shown(dims)}, expected texts")
                if len(set(dims)) < len(dims):
                    raise file.error(f"result {shown(name)}: names a dimension twice: {shown(dims)}")
                array = file.read(f"v{n}", "f", (None,) * len(dims), _NUMBERS)
                out[name] = (tuple(dims), array.astype(np.float64))
            return out
