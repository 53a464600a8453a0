"""Thousands of damaged files, handed to processes that may die: ``python -m fuzz.run [NUMBER] [options]``.

A failure is a raw exception, a message that is not one printable line, a death by a signal, more than 20 s of processor
time (or 300 s of waiting), or more than 1 GB of memory. What fails is kept as a file, and a test runs it again.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import signal
import struct
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

from .kinds import ALL, KINDS, choose

FAILURES = Path(__file__).parent / "failures"
#: Cases of a task; seconds that a case may wait, and compute; failures of one place that are kept, and bytes of one.
TASK, WAIT, CPU, ALIKE, KEPT = 100, 300, 20, 2, 2**20


@dataclass
class Outcome:
    """What a run has found."""

    cases: int = 0
    accepted: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)
    failures: list[dict[str, Any]] = field(default_factory=list)

    def table(self) -> str:
        """Files of each kind, and what failed."""
        lines = [f"{'kind':10}{'accepted':>10}{'refused':>10}"]
        names = sorted(self.accepted | self.refused)
        lines += [f"{name:10}{self.accepted[name]:10}{self.refused[name]:10}" for name in names]
        lines += [f"{self.cases} files, {len(self.failures)} failures"]
        lines += [_line(failure) for failure in self.failures[:50]]
        return "\n".join(lines)


def _line(failure: dict[str, Any]) -> str:
    return f"  {failure['kind']} {failure['seed']}: {failure['what']} at {failure['where']}"


class Process:
    """A worker process, started again whenever it dies."""

    def __init__(self, home: Path, cpu: float, kinds: Sequence[str]) -> None:
        self.home, self.cpu, self.kinds = home, cpu, kinds
        self._start()

    def _start(self) -> None:
        self.folder = Path(mkdtemp(dir=self.home))
        (self.folder / "at").write_bytes(bytes(8))
        tests = Path(__file__).resolve().parents[1]
        paths = [str(tests), str(tests.parent), *filter(None, [os.environ.get("PYTHONPATH")])]
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(paths), "OMP_NUM_THREADS": "1", "MPLBACKEND": "Agg"}
        command = [sys.executable, "-m", "fuzz.worker", str(self.folder), str(self.cpu), *self.kinds]
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment, text=True
        )
        self.said: list[str] = []
        threading.Thread(target=self._listen, args=(self.process.stderr, self.said), daemon=True).start()
        assert self.process.stdout
        if self.process.stdout.readline() != "ready\n":
            raise RuntimeError(f"a worker ended before its first case: {''.join(self.said)}")

    @staticmethod
    def _listen(stream: Any, said: list[str]) -> None:
        for line in stream:
            said[:] = [*said[-20:], line]

    def at(self) -> int:
        """The number of the case at hand."""
        return struct.unpack("<q", (self.folder / "at").read_bytes())[0]

    def run(self, task: dict[str, Any]) -> tuple[dict[str, Any] | None, str]:
        """The results of a task; or None, and how the process ended."""
        assert self.process.stdin
        assert self.process.stdout
        watchdog = threading.Thread(target=self._watch, daemon=True)
        self._idle = threading.Event()
        watchdog.start()
        try:
            print(json.dumps(task), file=self.process.stdin, flush=True)
            line = self.process.stdout.readline()
        except BrokenPipeError:
            line = ""
        finally:
            self._idle.set()
        if line:
            return json.loads(line), ""
        code = self.process.wait()
        if code == -signal.SIGPROF:
            return None, f"over {self.cpu:g} s of processor time"
        how = signal.Signals(-code).name if code < 0 else f"exit code {code}"
        return None, f"{how}: {''.join(self.said)[-500:]}" if code > 0 else how

    def _watch(self) -> None:
        """End a process that waits for something: its case stays the same, and no processor time is used."""
        seen, since = -1, time.monotonic()
        while not self._idle.wait(1):
            if (now := self.at()) != seen:
                seen, since = now, time.monotonic()
            elif time.monotonic() - since > WAIT:
                self.process.kill()

    def again(self) -> None:
        """Start a new process in the place of one that died."""
        self.process.wait()
        self._start()

    def close(self) -> None:
        """End the process."""
        assert self.process.stdin
        self.process.stdin.close()
        self.process.wait()


def _tasks(number: int, first: int, kinds: Sequence[str]) -> Iterator[dict[str, Any]]:
    for start in range(first, first + number, TASK):
        yield {"kinds": list(kinds), "first": start, "count": min(TASK, first + number - start)}


class Run:
    """All cases, shared out among processes."""

    def __init__(self, kinds: Sequence[str], workers: int, keep: Path | None, cpu: float) -> None:
        self.kinds, self.keep, self.workers, self.cpu, self.outcome = kinds, keep, workers, cpu, Outcome()
        self._lock = threading.Lock()
        self._alike: Counter[tuple[str, str, str]] = Counter()

    def all(self, tasks: Iterator[dict[str, Any]], report: Any = None) -> Outcome:
        """Run every task."""
        memory = Path("/dev/shm")
        home = Path(mkdtemp(prefix="snmem-fuzz-", dir=memory if os.access(memory, os.W_OK) else None))
        try:
            threads = [threading.Thread(target=self._work, args=(home, tasks, report)) for _ in range(self.workers)]
            for thread in threads:
                thread.daemon = True
                thread.start()
            for thread in threads:
                thread.join()
        finally:
            shutil.rmtree(home, ignore_errors=True)
        return self.outcome

    def _work(self, home: Path, tasks: Iterator[dict[str, Any]], report: Any) -> None:
        process = Process(home, self.cpu, self.kinds)
        while True:
            with self._lock:
                task = next(tasks, None)
            if task is None:
                break
            while task:
                results, how = process.run(task)
                task = self._take(task, results, how, process)
            if report:
                with self._lock:
                    report(self.outcome)
        process.close()

    def _take(self, task: Any, results: Any, how: str, process: Process) -> Any:
        """Take over the results of a task; returns what is left of it where the process died."""
        files = task.get("files")
        with self._lock:
            if results is not None:
                self.outcome.cases += len(files) if files is not None else task["count"]
                self.outcome.accepted.update(results["accepted"])
                self.outcome.refused.update(results["refused"])
                for failure in results["failures"]:
                    self._fail(failure, Path(failure["file"]))
        if results is not None:
            if any("of memory" in f["what"] for f in results["failures"]):
                process.close()
                process.again()
            return None
        at = process.at()
        done = at + 1 - (0 if files is not None else task["first"])
        kind = Path(files[at]).name.split("-")[0] if files else choose(random.Random(at), task["kinds"])
        case, noted = process.folder / f"case{ALL[kind].suffix}", process.folder / "failures"
        with self._lock:
            self.outcome.cases += done
            for failure in json.loads(noted.read_text()) if noted.exists() else []:
                self._fail(failure, Path(failure["file"]))
            self._fail({"kind": kind, "seed": at, "what": how, "where": "?"}, case)
        process.again()
        if files is not None:
            return {"files": files[done:]} if files[done:] else None
        left = task["count"] - done
        return {"kinds": task["kinds"], "first": task["first"] + done, "count": left} if left > 0 else None

    def _fail(self, failure: dict[str, Any], file: Path) -> None:
        self.outcome.failures.append(failure)
        alike = failure["kind"], failure["what"].split(":")[0], failure["where"]
        self._alike[alike] += 1
        if self.keep and file.is_file() and file.stat().st_size <= KEPT and self._alike[alike] <= ALIKE:
            data = file.read_bytes()
            self.keep.mkdir(parents=True, exist_ok=True)
            name = f"{failure['kind']}-{sha256(data).hexdigest()[:12]}{ALL[failure['kind']].suffix}"
            (self.keep / name).write_bytes(data)


def run(
    number: int,
    first: int = 0,
    kinds: Sequence[str] = (),
    workers: int = 2,
    keep: Path | None = None,
    report: Any = None,
    cpu: float = CPU,
) -> Outcome:
    """Run ``number`` cases from the seed ``first`` on."""
    kinds = kinds or list(KINDS)
    return Run(kinds, workers, keep, cpu).all(_tasks(number, first, kinds), report)


def replay(files: Sequence[Path], workers: int = 1) -> Outcome:
    """Run files again that failed before, in every use."""
    kinds = sorted({file.name.split("-")[0] for file in files})
    return Run(kinds, workers, None, CPU).all(iter([{"files": [str(file) for file in files]}] if files else []))


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description="Damaged files by the thousand.")
    parser.add_argument("number", type=int, nargs="?", default=1_000_000, help="files (default: a million)")
    parser.add_argument("--seed", type=int, default=10**9, help="of the first file; the others count on from it")
    parser.add_argument("--kind", action="append", choices=list(KINDS), default=[], help="of these kinds only")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    options = parser.parse_args()
    began = time.monotonic()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))

    told = [began, 0.0]

    def report(outcome: Outcome) -> None:
        now, seen = time.monotonic(), int(told[1])
        for failure in outcome.failures[seen:]:
            print(_line(failure), flush=True)
        told[1] = len(outcome.failures)
        if now - told[0] > 10:
            told[0], rate = now, outcome.cases / (now - began)
            print(f"{outcome.cases:,} of {options.number:,} files, {seen} failures, {rate:.0f} a second", flush=True)

    outcome = run(options.number, options.seed, options.kind, options.workers, FAILURES, report)
    print(f"\n{outcome.table()}\n{time.monotonic() - began:.0f} s")
    if outcome.failures:
        print(f"Kept in {FAILURES}; the tests run them again.")
    return bool(outcome.failures)


if __name__ == "__main__":
    sys.exit(main())
