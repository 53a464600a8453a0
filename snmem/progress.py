"""How far a simulation is, on standard error, for those that somebody waits for."""

from __future__ import annotations

import sys
import threading
from types import TracebackType
from typing import Any

from ._text import visible

#: Seconds after which a bar appears.
AFTER_S = 2.0


def someone_watches() -> bool:
    """Whether standard error is a terminal, or this is a notebook."""
    return sys.stderr.isatty() or "ipykernel" in sys.modules


class LateBar:
    """A bar that appears once the work, preparations included, has taken AFTER_S seconds; a context.

    Call it with the number of steps done. Where another display of rich is on, that one stays alone.
    """

    def __init__(self, steps: int, what: str) -> None:
        self.steps, self.what = steps, what
        self._done, self._bar, self._task = 0, None, None
        self._lock = threading.Lock()
        self._timer = threading.Timer(AFTER_S, self._appear)
        self._timer.daemon = True

    def __enter__(self) -> LateBar:
        self._timer.start()
        return self

    def __call__(self, done: int) -> None:
        """``done`` steps are done."""
        self._done = done
        bar: Any = self._bar
        if bar is not None:
            bar.update(self._task, total=self.steps, completed=done)

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._timer.cancel()
        with self._lock:
            bar: Any = self._bar
            self._done = self.steps  # one that was about to appear does not
            if bar is not None:
                bar.stop()

    def _appear(self) -> None:
        from rich.errors import LiveError
        from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

        from ._rich import Console

        columns = (
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
        )
        with self._lock:
            if self._done >= self.steps:
                return
            bar = Progress(*columns, console=Console(stderr=True), transient=True)
            task = bar.add_task(visible(self.what), total=self.steps if self._done else None, completed=self._done)
            try:
                bar.start()
            except LiveError:
                return
            self._bar, self._task = bar, task
