"""Runs plans in a child interpreter that is watched and, whatever happens, ended with all that it started."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import secrets
import subprocess
import sys
import tempfile
import threading
import time
import weakref
from collections.abc import Callable
from contextvars import ContextVar, Token
from multiprocessing.connection import Connection
from typing import Any

from ..errors import BackendError, InputError
from .cleanup import end_group, remove_shared_memory
from .plan import Plan, Result
from .shim import require_lava

#: Environment variable: seconds after which a run counts as stuck, instead of an estimate; start-up comes on top.
TIMEOUT = "SNMEM_LAVA_TIMEOUT"
#: Seconds that starting and stopping may take.
_START, _STOP = 120.0, 20.0
_LOOK = 0.1
_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


def time_limit(estimate: float) -> float:
    """Seconds to wait: ``estimate``, or what SNMEM_LAVA_TIMEOUT says; InputError if that is no positive number."""
    given = os.environ.get(TIMEOUT)
    if not given:
        return estimate
    try:
        seconds = float(given)
    except ValueError:
        seconds = -1.0
    if not seconds > 0:
        raise InputError(f"{TIMEOUT}={given!r}: must be a positive number of seconds")
    return seconds


class _Server:
    """The child interpreter, the pipe to it, and how to end it."""

    def __init__(self) -> None:
        if os.name == "nt":
            raise BackendError("Lava runs need process forking; use Linux, macOS or WSL instead of Windows")
        require_lava()
        self.connection, theirs = multiprocessing.Pipe()
        self.prefix = f"/sm{secrets.token_hex(3)}"
        self.output = tempfile.TemporaryFile()  # noqa: SIM115  closed by _end
        code = (
            f"import sys; sys.path[:] = {list(map(str, sys.path))!r}\n"
            f"from snmem.lava.child import main; main({theirs.fileno()}, {self.prefix!r})"
        )
        self.process = subprocess.Popen(
            [sys.executable, "-c", code],
            stdin=subprocess.DEVNULL,
            stdout=self.output,
            stderr=self.output,
            pass_fds=(theirs.fileno(),),
            start_new_session=True,
            env=os.environ | dict.fromkeys(_THREADS, "1"),
        )
        theirs.close()
        self.workers: list[int] = []
        mine = (self.process, self.connection, self.output, self.workers, self.prefix)
        self.end = weakref.finalize(self, _end, os.getpid(), *mine)

    def receive(self, deadline: float, doing: str) -> tuple[Any, ...]:
        """The next message; BackendError at the deadline, or when the child has ended."""
        while True:
            if time.monotonic() > deadline:
                raise BackendError(
                    f"Lava gave no result in time while {doing}; it may be stuck. "
                    f"Set the environment variable {TIMEOUT} (seconds) to wait longer"
                )
            if self.connection.poll(_LOOK):
                break
            if self.process.poll() is not None and not self.connection.poll():
                raise BackendError(f"the Lava process ended while {doing}{self._last_words()}")
        try:
            return self.connection.recv()
        except (EOFError, ConnectionError):
            self.process.wait(_START)
            raise BackendError(f"the Lava process ended while {doing}{self._last_words()}") from None

    def _last_words(self) -> str:
        code = self.process.poll()
        self.output.seek(0)
        lines = self.output.read().decode(errors="replace").strip().splitlines()
        how = f" (signal {-code})" if code and code < 0 else f" (exit code {code})"
        return how + (f": {lines[-1]}" if lines else "")


def _end(owner: int, process: Any, connection: Connection, output: Any, workers: list[int], prefix: str) -> None:
    """End the child: it cleans up when the pipe closes; what is left after two seconds is killed here."""
    if os.getpid() != owner:  # a fork of the owner came to its end
        return
    connection.close()
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(2.0)
    for group in (*workers, process.pid):
        end_group(group)
    process.wait()
    remove_shared_memory(prefix)
    output.close()


class LavaSession:
    """A child interpreter with Lava imported, kept for many runs.

    As a context it serves every ``simulate(..., backend="lava_float" | "lava_fixed")`` inside; without one, each
    such call starts and ends its own (about 1.5 s). Several threads take turns. A copy, or what comes out of a pickle,
    starts a child of its own.

    Raises
    ------
    MissingDependencyError
        If Lava is not installed.
    BackendError
        If the child fails or is stuck; the next run starts a new one.
    """

    def __init__(self) -> None:
        self._server: _Server | None = None
        self._token: Token[LavaSession | None] | None = None
        self._turn = threading.Lock()

    def __reduce__(self) -> Any:
        return LavaSession, ()

    def __enter__(self) -> LavaSession:
        self._token = _current.set(self)
        return self

    def __exit__(self, *exception: object) -> None:
        if self._token is not None:
            _current.reset(self._token)
        self.close()

    def close(self) -> None:
        """End the child and everything that it started."""
        if self._server is not None:
            self._server.end()
            self._server = None

    def run(self, plan: Plan, progress: Callable[[int], None] | None = None) -> Result:
        """Run ``plan``; ``progress`` is called with the number of steps done."""
        limit = time_limit(plan.seconds)
        with self._turn:
            try:
                return self._run(plan, progress, limit)
            except BaseException:
                self.close()
                raise

    def _run(self, plan: Plan, progress: Callable[[int], None] | None, limit: float) -> Result:
        if self._server is None:
            self._server = _Server()
            self._wait_for("ready", time.monotonic() + max(_START, time_limit(_START)), "starting")
        deadline = time.monotonic() + limit
        doing = f"running {plan.steps} steps of {plan.processes} processes"
        with contextlib.suppress(ConnectionError):  # receive says why
            self._server.connection.send(plan)
        result = self._wait_for("done", deadline, doing, progress)
        try:
            self._wait_for("free", time.monotonic() + _STOP, "stopping")
        except BackendError:  # Lava can hang here; the result is complete
            self.close()
        if progress:
            progress(plan.steps)
        return result

    def _wait_for(self, kind: str, deadline: float, doing: str, progress: Callable[[int], None] | None = None) -> Any:
        assert self._server is not None
        while True:
            got, *rest = self._server.receive(deadline, doing)
            if got == kind:
                return rest[0] if rest else None
            if got == "started":
                self._server.workers[:] = rest
            elif got == "progress" and progress:
                progress(*rest)
            elif got == "failed":
                error = BackendError(rest[0])
                if rest[1]:
                    error.add_note(rest[1])
                raise error


_current: ContextVar[LavaSession | None] = ContextVar("lava session", default=None)


def run_plan(plan: Plan, progress: Callable[[int], None] | None = None) -> Result:
    """Run ``plan`` in the session around this call, or in one of its own."""
    session = _current.get()
    if session is not None:
        return session.run(plan, progress)
    session = LavaSession()
    try:
        return session.run(plan, progress)
    finally:
        session.close()
