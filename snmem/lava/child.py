"""The interpreter that runs Lava: takes plans from a pipe, runs each in a forked worker, watches, cleans up.

``main`` is a server without threads that has Lava imported. Every plan gets a worker (a fork, leading a process group
of its own) so that whatever Lava leaves behind can be ended as a whole. When the parent is gone, so is everything.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import time
import traceback
from multiprocessing import shared_memory
from multiprocessing.connection import Connection
from typing import Any, NoReturn

from ..errors import BackendError
from .cleanup import end_group, how_ended, remove_shared_memory

_LOOK = 0.05


def main(pipe: int, prefix: str) -> None:
    """Serve plans arriving on the file descriptor ``pipe``; names of shared memory begin with ``prefix``."""
    parent, connection = os.getppid(), Connection(pipe)
    shared_memory._SHM_NAME_PREFIX = prefix  # type: ignore[attr-defined]  # so that leftovers can be found and removed
    try:
        from . import builder  # noqa: F401  imports Lava, once for all workers
    except BaseException as error:
        connection.send(("failed", f"Lava cannot be imported: {error!r}", traceback.format_exc()))
        return
    connection.send(("ready",))
    while True:
        while not connection.poll(1.0):
            if os.getppid() != parent:
                return
        try:
            plan = connection.recv()
        except EOFError:
            return
        worker = os.fork()
        if worker == 0:
            _work(connection, plan)
        with contextlib.suppress(OSError):  # the worker does the same; whoever comes first
            os.setpgid(worker, worker)
        _watch(connection, worker, parent)
        end_group(worker)
        remove_shared_memory(prefix)
        connection.send(("free",))


def _watch(connection: Connection, worker: int, parent: int) -> None:
    """Wait for the worker to end; give up, and clean up, when the parent is gone or closes the pipe."""
    while True:
        ended, status = os.waitpid(worker, os.WNOHANG)
        if ended:
            if status:
                connection.send(("failed", f"the process that runs Lava was ended ({_reason(status)})", ""))
            return
        if os.getppid() != parent or connection.poll(_LOOK):  # nothing is sent while a plan runs, so this is the end
            end_group(worker)
            os.waitpid(worker, 0)
            remove_shared_memory(shared_memory._SHM_NAME_PREFIX)  # type: ignore[attr-defined]
            sys.exit(1)


def _reason(status: int) -> str:
    return how_ended(os.waitstatus_to_exitcode(status))


def _work(connection: Connection, plan: Any) -> NoReturn:
    """Run ``plan`` in this process and send what comes of it."""
    from .builder import run

    os.setpgid(0, 0)
    server = os.getppid()
    told = time.monotonic()

    def look(steps: int) -> None:
        nonlocal told
        if os.getppid() != server:
            os.killpg(0, signal.SIGKILL)
        if time.monotonic() > told + _LOOK:
            told = time.monotonic()
            connection.send(("progress", steps))

    try:
        connection.send(("started", os.getpid()))
        results = run(plan, look)
        connection.send(("done", next(results)))
        next(results, None)
    except BackendError as error:
        connection.send(("failed", str(error), "".join(getattr(error, "__notes__", ()))))
    except BaseException as error:
        connection.send(("failed", f"Lava failed: {type(error).__name__}: {error}", traceback.format_exc()))
    finally:
        os._exit(0)
