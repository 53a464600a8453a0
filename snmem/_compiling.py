"""Who waits for a compiler is told so: what is compiled, about how long it takes, and that it is done once.

Kernels are compiled when they are first called (:mod:`snmem._jit`), which takes seconds, on a busy machine minutes. One
line on standard error says so when it has taken AFTER_S seconds, in a terminal or not. ``SNMEM_COMPILE_NOTICE=0`` turns
it off.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable
from typing import Any

from numba.core import event

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
SECONDS = {"run": 18, "time_steps": 7, "store": 6}


class _Watch(event.Listener):
    """Told by numba when it begins and ends to compile; kernels within kernels are part of the outermost."""

    def __init__(self) -> None:
        self._depth, self._timer, self._told = 0, threading.Timer(0, print), False

    def on_start(self, event: Any) -> None:
        """A function begins to be compiled."""
        self._depth += 1
        function: Any = event.data["dispatcher"].py_func
        if self._depth == 1 and os.environ.get("SNMEM_COMPILE_NOTICE") != "0":
            self._timer = threading.Timer(AFTER_S, self._tell, (function,))
            self._timer.daemon = True
            self._timer.start()

    def on_end(self, event: Any) -> None:
        """A function is compiled, or cannot be."""
        self._depth -= 1
        if not self._depth:
            self._timer.cancel()

    def _tell(self, function: Callable[..., Any]) -> None:
        module = function.__module__
        what = next((text for package, text in WHAT.items() if module.startswith(package)), "")
        if not what and not module.startswith("snmem."):
            return  # somebody else's function
        seconds = SECONDS.get(function.__name__, 5)
        once = "" if self._told else ", in the first run only"
        self._told = True
        line = f"snmem: compiling {what or module}: about {seconds} s of processor time{once}\n"
        try:
            sys.stderr.write(line)
            sys.stderr.flush()
        except (OSError, ValueError, AttributeError):  # no standard error, or a full disk: the work goes on
            pass


_watch = _Watch()


def watch() -> None:
    """Begin to watch; once is enough."""
    event.register("numba:compile", _watch)
