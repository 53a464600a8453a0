"""A process that compiles what a job needs into the folder of machine code, while this one goes on.

One at a time for each folder: it holds a lock, which also ends with it if it is killed. It is a process of its own
session, says nothing, and ends when all is compiled, whatever becomes of the process that has started it.
"""

from __future__ import annotations

import os
import pickle
import signal
import subprocess
import sys
import tempfile
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from ..._compiling import FIRST_RUN
from ..._jit import NotKeptError, config, kept_only, writable_place
from ..base import Job
from . import runner
from .arrays import Part
from .columns import DONE
from .kernels import entries
from .layout.network import Layout
from .team import Team

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None

#: Name of the lock; seconds after which a helper that is stuck ends.
LOCK, PATIENCE_S = "snmem-compiling.lock", 900
#: Variables by which processes know that an MPI has started them: it need not be able to start others.
_MPI = ("OMPI_COMM_WORLD_RANK", "PMI_RANK", "PMIX_RANK", "MPI_LOCALRANKID")
#: What a helper runs.
_CODE = f"from {__name__} import main; main()"
#: The helpers that this process has started and not yet seen the end of.
_started: list[subprocess.Popen[bytes]] = []


def can_help() -> bool:
    """Whether this process may start another of the same interpreter."""
    frozen = getattr(sys, "frozen", False) or not Path(sys.executable or "").name.lower().startswith("python")
    return fcntl is not None and not frozen and not any(name in os.environ for name in _MPI)


class Helper:
    """The process that compiles for ``job``, or else the one of somebody else that uses the same folder.

    Parameters
    ----------
    job : Job
        What is to run.

    Raises
    ------
    OSError
        Where none can be started, or what it compiles can be kept nowhere.
    """

    def __init__(self, job: Job) -> None:
        place = writable_place(entries.__file__)
        if fcntl is None or place is None:
            raise OSError("nowhere to keep machine code")
        self.job, self._path = job, place / LOCK
        self.process: subprocess.Popen[bytes] | None = None
        self.start()

    @property
    def mine(self) -> bool:
        """Whether the process that is waited for was started for this job."""
        return self.process is not None

    def start(self) -> None:
        """Start one, unless another holds the lock."""
        _forget_ended()
        try:
            job = pickle.dumps(_task(self.job))
        except Exception as error:
            raise OSError("the job cannot be sent to another process") from error
        with tempfile.TemporaryFile() as task, self._path.open("wb") as lock:
            if not _locked(lock):
                return
            task.write(job)
            task.seek(0)
            path, kept = list(map(str, sys.path)), str(config.CACHE_DIR or "")
            self.process = subprocess.Popen(
                [sys.executable, "-c", f"import sys; sys.path[:] = {path!r}\n{_CODE}"],
                stdin=task,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                pass_fds=(lock.fileno(),),  # it holds the lock as long as it lives
                start_new_session=True,
                env=os.environ | {FIRST_RUN: "compile", "NUMBA_CACHE_DIR": kept},
            )
            _started.append(self.process)

    def ended(self) -> bool:
        """Whether the process that is waited for has ended."""
        if self.process is not None:
            return self.process.poll() is not None
        with self._path.open("wb") as lock:
            return _locked(lock)


def _locked(lock: Any) -> bool:
    """Lock a file; returns whether nobody else holds it."""
    assert fcntl is not None
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _forget_ended() -> None:
    _started[:] = [process for process in _started if process.poll() is None]


def end_helpers() -> None:
    """Kill those that this process has started, and wait for their end."""
    while _started:
        process = _started.pop()
        process.kill()
        process.wait()


def _task(job: Job) -> Job:
    """What the helper needs to know of a job."""
    return replace(job, state=None, progress=None, store=None)


class _Enough(Exception):
    """All is compiled."""


def load(layout: Layout, team: Team) -> None:
    """Compile, or read from disk, what every run calls; no step is made."""
    team.run(Part(np.zeros((0, 0)), 0, 0, 0, False, False), np.zeros(DONE + 1, np.int64))
    entries.settle(team.nets[0], team.states[0], team.work[0], 0, False)


def _load_only(layout: Layout, team: Team) -> None:
    load(layout, team)
    raise _Enough


def compile_for(job: Job) -> None:
    """Compile, or read from disk, what a run begins with."""
    with suppress(_Enough):
        runner.run(_task(job), _load_only)


def is_compiled(job: Job) -> bool:
    """Whether all of that is on disk."""
    try:
        with kept_only():
            compile_for(job)
    except NotKeptError:
        return False
    return True


def main() -> None:
    """What the helper does."""
    signal.alarm(PATIENCE_S)
    compile_for(pickle.load(sys.stdin.buffer))
