"""Ctrl-C during a run, kept back until everything that was recorded is safe."""

from __future__ import annotations

import signal
import threading
from typing import Any


class CtrlC:
    """Context in which SIGINT waits until :meth:`check` or the end, so that it interrupts nothing half-way.

    Only in the main thread, where Python handles signals, and where a Python function handles this one.
    """

    def __init__(self) -> None:
        self._before: Any = None
        self._waiting: list[tuple[int, Any]] = []

    @property
    def pressed(self) -> bool:
        """Whether one waits."""
        return bool(self._waiting)

    def check(self) -> None:
        """Hand one that waits to the handler there was before, which raises KeyboardInterrupt as a rule."""
        while self._waiting:
            self._before(*self._waiting.pop(0))

    def __enter__(self) -> CtrlC:
        before = signal.getsignal(signal.SIGINT)
        if callable(before) and threading.current_thread() is threading.main_thread():
            self._before = before
            signal.signal(signal.SIGINT, lambda *arguments: self._waiting.append(arguments))
        return self

    def __exit__(self, *error: object) -> None:
        if self._before is not None:
            signal.signal(signal.SIGINT, self._before)
