"""Who waits for a compiler is told so: what is compiled, about how long it takes, and that it is done once.

Kernels are compiled when they are first called (:mod:`snmem._jit`), which takes seconds, on a busy machine minutes. One
line on standard error says so when it has taken AFTER_S seconds, in a terminal or not. ``SNMEM_COMPILE_NOTICE=0`` turns
it off.

Meanwhile the first run of a small network goes on without compiled code (:mod:`snmem.backends.event.first_run`), unless
``SNMEM_FIRST_RUN=compile`` or :func:`compiled_first` says that it is to wait.
"""

from __future__ import annotations

import gc
import os
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from numba.core import event

from .errors import InputError

#: Seconds after which the line is written.
AFTER_S = 2.0
#: What a user calls the packages that kernels stand in.
WHAT = {
    "snmem.backends.event": "the event engine",
    "snmem.memory": "the K-winner memory",
    "snmem.cost": "the cost model",
    "snmem.hdc": "hyperdimensional codes",
    "snmem.attention": "the MHN-transformers",
    "snmem.tasks": "the patterns",
}
#: Processor seconds of the kernels that take more than a few, measured on one busy core of a Zen 5 EPYC.
SECONDS = {"run": 14, "time_steps": 7, "store": 5}
#: The same, of all that a plain network needs of the engine.
ENGINE_SECONDS = 17


class _Watch(event.Listener):
    """Told by numba when it begins and ends to compile; kernels within kernels are part of the outermost.

    Garbage is not collected meanwhile, which would take a fifteenth of the time: numba makes objects that stay.
    """

    def __init__(self) -> None:
        self._collects = True
        self._depth, self._timer, self._told = 0, threading.Timer(0, print), False

    def on_start(self, event: Any) -> None:
        """A function begins to be compiled."""
        self._depth += 1
        function: Any = event.data["dispatcher"].py_func
        if self._depth == 1:
            self._collects = gc.isenabled()
            gc.disable()
        if self._depth == 1 and os.environ.get("SNMEM_COMPILE_NOTICE") != "0":
            self._timer = threading.Timer(AFTER_S, self._tell, (function,))
            self._timer.daemon = True
            self._timer.start()

    def on_end(self, event: Any) -> None:
        """A function is compiled, or cannot be."""
        self._depth -= 1
        if not self._depth:
            self._timer.cancel()
            if self._collects:
                gc.enable()

    def _tell(self, function: Callable[..., Any]) -> None:
        module = function.__module__
        what = next((text for package, text in WHAT.items() if module.startswith(package)), "")
        if not what and not module.startswith("snmem."):
            return  # somebody else's function
        self.say(what or module, SECONDS.get(function.__name__, 5))

    def say(self, what: str, seconds: int, meanwhile: str = "") -> None:
        """Write the line."""
        once = "" if self._told else ", in the first run only"
        self._told = True
        line = f"snmem: compiling {what}: about {seconds} s of processor time{once}{meanwhile}\n"
        try:
            sys.stderr.write(line)
            sys.stderr.flush()
        except (OSError, ValueError, AttributeError):  # no standard error, or a full disk: the work goes on
            pass


_watch = _Watch()


def watch() -> None:
    """Begin to watch; once is enough."""
    event.register("numba:compile", _watch)


#: Environment variable, and its values: the first run waits for the compiler, or begins without.
FIRST_RUN, _COMPILE, _REFERENCE = "SNMEM_FIRST_RUN", "compile", "reference"
_WAITS: ContextVar[bool] = ContextVar("compiled_first", default=False)


@contextmanager
def compiled_first() -> Iterator[None]:
    """Let first runs within wait for the compiler, so that what runs is the compiled engine: to compare, or to time."""
    token = _WAITS.set(True)
    try:
        yield
    finally:
        _WAITS.reset(token)


def first_run_waits() -> bool:
    """Whether a first run is to wait for the compiler; InputError for unknown values of SNMEM_FIRST_RUN."""
    given = os.environ.get(FIRST_RUN) or _REFERENCE
    if given not in (_COMPILE, _REFERENCE):
        raise InputError(f"{FIRST_RUN}={given!r}: must be {_COMPILE!r} or {_REFERENCE!r}")
    return given == _COMPILE or _WAITS.get()


@contextmanager
def telling_of_first_run() -> Iterator[None]:
    """Say after AFTER_S seconds that the engine is being compiled, and what runs meanwhile."""
    if os.environ.get("SNMEM_COMPILE_NOTICE") == "0":
        yield
        return
    meanwhile = "; meanwhile this run goes on in numpy, with the same bits"
    timer = threading.Timer(AFTER_S, _watch.say, (WHAT["snmem.backends.event"], ENGINE_SECONDS, meanwhile))
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
