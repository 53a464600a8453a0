"""Says which rank has ended, where one is killed: launchers of MPI end the others at once, before these can say a word.

The first rank of each host starts a small process, which outlives them all: it waits for the end of a rank of its host,
says so in one line on standard error, and makes sure that the others end too. Nothing is watched where the system has
no descriptors of processes (Linux has them).
"""

from __future__ import annotations

import atexit
import os
import socket
import subprocess
import sys
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Any

#: Seconds that ranks are given to end by themselves once one has ended.
_GRACE_S = 3.0
#: Run by the process that watches: arguments are the file whose presence says that a line has been written, the
#: seconds of grace, the host, the number of ranks, and rank and process id of each that is watched.
_CODE = """
import os, select, signal, sys, time
told, grace, host, ranks = sys.argv[1], float(sys.argv[2]), sys.argv[3], sys.argv[4]
watched = dict(zip(map(int, sys.argv[6::2]), map(int, sys.argv[5::2])))
poll, fds, gone = select.poll(), {}, []
for pid in watched:
    try:
        fds[os.pidfd_open(pid)] = pid
    except ProcessLookupError:
        gone.append(pid)
    except OSError:
        sys.exit()
for fd in [0, *fds]:
    poll.register(fd, select.POLLIN)
os.write(1, b"-")
gone = gone or [fds[fd] for fd, _ in poll.poll() if fd in fds]
if not gone and os.read(0, 1):
    sys.exit()
time.sleep(0.05)
gone = gone or [fds[fd] for fd, _ in poll.poll(0) if fd in fds]
if not os.path.exists(told):
    which = " or ".join(f"rank {watched[pid]} (process {pid} on {host})" for pid in gone)
    os.write(2, f"snmem: error: {which} of {ranks} has ended while others need it; all ranks end\\n".encode())
until = time.monotonic() + grace
while set(gone) < set(watched) and time.monotonic() < until:
    time.sleep(0.1)
    gone = [fds[fd] for fd, _ in poll.poll(0) if fd in fds]
last = [(os.kill, pid, signal.SIGKILL) for pid in watched] + [(os.unlink, told), (os.rmdir, os.path.dirname(told))]
for act, *on in last:
    try:
        act(*on)
    except OSError:
        pass
"""


class Watch:
    """The process that watches the ranks of a host.

    Parameters
    ----------
    comm : communicator
        Of all ranks, all of which make one at the same time.
    """

    def __init__(self, comm: Any) -> None:
        host = socket.gethostname()
        self.process: subprocess.Popen[bytes] | None = None
        here = [(r, pid) for r, (name, pid) in enumerate(comm.allgather((host, os.getpid()))) if name == host]
        first = here[0][0] == comm.rank and hasattr(os, "pidfd_open")
        folders = comm.allgather(tempfile.mkdtemp(prefix="snmem-ranks-") if first else "")
        self.told = Path(folders[here[0][0]]) / "told"
        if first:
            atexit.register(self.close)
            command = [sys.executable, "-I", "-S", "-c", _CODE, self.told, str(_GRACE_S), host, str(comm.size)]
            command += [str(n) for pair in here for n in pair]
            with suppress(OSError):
                self.process = _started(command)

    def tell(self) -> None:
        """Take note that somebody has said why the ranks end."""
        if self.told.parent.name:
            with suppress(OSError):
                self.told.touch()

    def close(self) -> None:
        """The rank ends as it should: nobody is watched any longer."""
        if self.process is not None and self.process.stdin is not None:
            with suppress(OSError):
                self.process.stdin.write(b"-")
                self.process.stdin.close()
            self.process.wait()
            self.process = None
        with suppress(OSError):
            self.told.unlink(missing_ok=True)
            self.told.parent.rmdir()


def _started(command: list[Any]) -> subprocess.Popen[bytes]:
    """The process that watches, once it does."""
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True)
    if process.stdout is not None:
        process.stdout.read(1)
    return process


_watch: Watch | None = None


def watch(comm: Any) -> None:
    """Have the ranks watched from now on; all call this."""
    global _watch
    if _watch is None and comm.size > 1:
        _watch = Watch(comm)


def tell() -> None:
    """Take note that somebody has said why the ranks end."""
    if _watch is not None:
        _watch.tell()
