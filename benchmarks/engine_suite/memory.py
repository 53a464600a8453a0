"""Peak resident memory of a process."""

from __future__ import annotations

import contextlib
import ctypes
import gc
import resource
import threading
from pathlib import Path

SELF = Path("/proc/self")


def reset_peak() -> None:
    """Give back what is free, and let the peak count from now on (both on Linux only)."""
    gc.collect()
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).malloc_trim(0)
        (SELF / "clear_refs").write_text("5")


def peak_mb(status: Path = SELF / "status") -> float:
    """Largest resident size so far, in MB."""
    if status.exists():
        for line in status.read_text().splitlines():
            if line.startswith("VmHWM"):
                return int(line.split()[1]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


class PeakOfBinary:
    """Watches children called ``main``, as Brian2's standalone binary is; a context. ``peak_mb``: the largest seen."""

    def __init__(self) -> None:
        self.peak_mb: float | None = None
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> PeakOfBinary:
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._stop.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._stop.wait(0.01):
            with contextlib.suppress(OSError, ValueError):
                for task in (SELF / "task").iterdir():
                    for child in (task / "children").read_text().split():
                        folder = Path("/proc") / child
                        if (folder / "comm").read_text().strip() == "main":
                            self.peak_mb = max(self.peak_mb or 0, peak_mb(folder / "status"))
