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
