"""The processes that a verb has started, and those that they have started."""

from __future__ import annotations

import os
import signal
import sys
from collections import defaultdict
from contextlib import suppress
from pathlib import Path


def end_children(everything: bool) -> None:
    """Kill worker processes.

    Parameters
    ----------
    everything : bool
        Kill all processes that descend from this one. Only for a process that is about to end, and that runs nothing
        but a verb: in others, such as a notebook, some belong to somebody else.
    """
    if everything:
        tracker = getattr(sys.modules.get("multiprocessing.resource_tracker"), "_resource_tracker", None)
        for process in _descendants():
            if process != getattr(tracker, "_pid", None):  # ends by itself, after removing what is left
                with suppress(OSError):
                    os.kill(process, signal.SIGKILL)
    if "multiprocessing" in sys.modules:
        for child in sys.modules["multiprocessing"].active_children():
            child.kill()
            child.join()


def _descendants() -> list[int]:
    """Ids of the processes below this one; [] on systems without ``/proc``, and for the first process of a system.

    That one inherits the processes of others, and all end with it anyway.
    """
    children = defaultdict(list)
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError, ValueError, IndexError):
            parent = stat.read_text(errors="replace").rpartition(")")[2].split()[1]
            children[int(parent)].append(int(stat.parent.name))
    found, at = [], 0
    with suppress(OSError):
        found = [int(Path("/proc/self").readlink().name)]  # what the system says, not a patched os.getpid
    while at < len(found) and found[0] > 1:
        found += children[found[at]]
        at += 1
    return found[1:]
