"""A process that runs cases and may die of them: ``python -m fuzz.worker FOLDER CPU KIND...``.

Tasks come as lines of JSON on standard input: ``{"kinds": [...], "first": n, "count": n}`` or ``{"files": [...]}``. The
number of the case at hand stands in ``FOLDER/at``, where it survives the process; its file is ``FOLDER/case.SUFFIX``.
After each task one line of JSON goes to standard output. A case that takes more than ``CPU`` seconds of processor time
ends the process by SIGPROF; memory is limited to ``MEMORY`` bytes beyond what an idle worker takes.
"""

from __future__ import annotations

import contextlib
import json
import mmap
import os
import random
import resource
import shutil
import signal
import struct
import sys
import traceback
import warnings
from pathlib import Path
from typing import Any

from snmem._text import visible
from snmem.errors import SnmemError

from .kinds import ALL, KINDS, choose

MEMORY = 2**30
#: Characters of a message beside the path.
_MESSAGE = 1500


class Worker:
    """Runs cases in a folder of its own."""

    def __init__(self, folder: Path, cpu: float) -> None:
        self.folder, self.cpu = folder, cpu
        with (folder / "at").open("r+b") as file:
            self.at = mmap.mmap(file.fileno(), 8)
        self.accepted: dict[str, int] = {}
        self.refused: dict[str, int] = {}
        self.failures: list[dict[str, Any]] = []

    def case(self, name: str, data: bytes, rng: random.Random) -> tuple[str, str] | None:
        """Use one file; None, or what went wrong and where."""
        kind = ALL[name]
        path = self.folder / f"case{kind.suffix}"
        path.write_bytes(data)
        resource.setrlimit(resource.RLIMIT_AS, (self.space, resource.RLIM_INFINITY))
        signal.setitimer(signal.ITIMER_PROF, self.cpu)
        problem = None
        try:
            kind.use(path, rng)
            self.accepted[name] = self.accepted.get(name, 0) + 1
        except SnmemError as error:
            self.refused[name] = self.refused.get(name, 0) + 1
            message = str(error).replace(str(self.folder), "")
            if not (10 < len(message) < _MESSAGE and visible(error) == str(error)):
                problem = f"message of {len(message)} characters: {message[:300]!r}", _place(error)
        except (Exception, RecursionError) as error:
            problem = f"{type(error).__name__}: {str(error)[:300]!r}", _place(error)
        finally:
            signal.setitimer(signal.ITIMER_PROF, 0)
            resource.setrlimit(resource.RLIMIT_AS, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        if problem is None and (peak := _peak()) > MEMORY:
            problem = f"{peak >> 20} MB of memory", name
        return problem

    def run(self, task: dict[str, Any]) -> dict[str, Any]:
        """All cases of a task."""
        self.accepted, self.refused, self.failures = {}, {}, []
        (self.folder / "failures").unlink(missing_ok=True)
        if "files" in task:
            cases = ((n, Path(file)) for n, file in enumerate(task["files"]))
            for n, file in cases:
                self._note(n, file.name.split("-")[0], file.read_bytes(), Thorough(n))
        else:
            for seed in range(task["first"], task["first"] + task["count"]):
                rng = random.Random(seed)
                name = choose(rng, task["kinds"])
                self.at[:] = struct.pack("<q", seed)
                with warnings.catch_warnings(action="ignore"):  # of what is made; what reads it must not warn
                    data = ALL[name].make(rng)
                self._note(seed, name, data, rng)
        return {"accepted": self.accepted, "refused": self.refused, "failures": self.failures}

    def _note(self, number: int, name: str, data: bytes, rng: random.Random) -> None:
        self.at[:] = struct.pack("<q", number)
        if problem := self.case(name, data, rng):
            kept = self.folder / f"failed-{number}"
            kept.write_bytes(data)
            what, where = problem
            self.failures.append({"kind": name, "seed": number, "what": what, "where": where, "file": str(kept)})
            (self.folder / "failures").write_text(json.dumps(self.failures))  # survives this process
        for path in self.folder.iterdir():  # what the use has left behind
            if path.name not in ("at", "failures") and not path.name.startswith("failed-"):
                shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()

    def warm_up(self, kinds: list[str]) -> None:
        """Import and compile what the cases need, so that limits are those of a file alone."""
        for kind in (KINDS[name] for name in kinds if name in KINDS):
            for seed in range(25):
                with contextlib.suppress(Exception):
                    path = self.folder / f"case{kind.suffix}"
                    path.write_bytes(kind.make(random.Random(seed)))
                    kind.use(path, Thorough(seed))
        self.space = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize() + MEMORY


class Thorough(random.Random):
    """Of a case whose every use is tried."""

    thorough = True


def _peak() -> int:
    """The most bytes of memory this program has held (getrusage also counts what its parent held when it forked)."""
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) * 1024


def _place(error: BaseException) -> str:
    """The last line of the library that an error passed."""
    frames = [f for f in traceback.extract_tb(error.__traceback__) if "snmem" in f.filename or "fuzz" in f.filename]
    return f"{Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else "?"


def main(folder: Path, cpu: float, kinds: list[str]) -> None:
    """Work until standard input ends."""
    warnings.simplefilter("error", RuntimeWarning)
    os.environ["SNMEM_NO_PROGRESS"] = "1"
    results = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what a case prints is no result
    worker = Worker(folder, cpu)
    worker.warm_up(kinds)
    print("ready", file=results, flush=True)
    for line in sys.stdin:
        print(json.dumps(worker.run(json.loads(line))), file=results, flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), float(sys.argv[2]), sys.argv[3:])
