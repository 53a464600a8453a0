"""End process groups and remove shared memory that a killed run leaves behind."""

from __future__ import annotations

import contextlib
import os
import signal
from pathlib import Path

#: Where Linux keeps named shared memory; elsewhere there is nothing to see and to remove.
SHARED_MEMORY = Path("/dev/shm")


def end_group(leader: int) -> None:
    """Kill every process of the group that ``leader`` leads, or led."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(leader, signal.SIGKILL)


def remove_shared_memory(prefix: str) -> None:
    """Remove all named shared memory whose name begins with ``prefix`` (as given to shm_open: "/...")."""
    for file in SHARED_MEMORY.glob(prefix.lstrip("/") + "*"):
        file.unlink(missing_ok=True)


def how_ended(code: int | None) -> str:
    """An exit code in words; SIGBUS is what a process gets whose shared memory has no room."""
    if code is None or code >= 0:
        return f"exit code {code}"
    full = "; the shared memory in /dev/shm is full: make room, or make it larger" if code == -signal.SIGBUS else ""
    return f"signal {signal.Signals(-code).name}{full}"
