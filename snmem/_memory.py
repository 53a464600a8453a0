"""How much memory there is to take."""

from __future__ import annotations

import os
import re
from contextlib import suppress
from pathlib import Path


def available_memory() -> int | None:
    """Bytes that this process may still take, or None where the system does not say (Linux says).

    The least of what the machine has free, what the control group of a container leaves, and the limit of the process.
    """
    found = []
    with suppress(OSError, AttributeError):
        kilobytes = re.search(r"MemAvailable:\s*(\d+) kB", Path("/proc/meminfo").read_text())
        found.append(1024 * int(kilobytes[1]))  # type: ignore[index]
    with suppress(OSError, ValueError):
        group = Path("/sys/fs/cgroup")
        found.append(int((group / "memory.max").read_text()) - int((group / "memory.current").read_text()))
    with suppress(ImportError, OSError, ValueError):
        import resource

        most = resource.getrlimit(resource.RLIMIT_AS)[0]
        used = int(Path("/proc/self/statm").read_text().split()[0]) * os.sysconf("SC_PAGE_SIZE")
        if most != resource.RLIM_INFINITY:
            found.append(most - used)
    return max(min(found), 0) if found else None
