"""Ends a process, or looks at its files, before each step in which it changes a folder.

A step is whatever creates, writes, renames or removes: what Python's audit events tell, and the writes that go through
``snmem.io.drafts.perform``. A write counts twice: before it begins, and when half of it is done.
"""

from __future__ import annotations

import mmap
import os
import shutil
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NoReturn

from snmem.io import drafts

#: Audit event -> numbers of its arguments that are paths.
_EVENTS = {
    "os.rename": (0, 1),
    "os.remove": (0,),
    "os.mkdir": (0,),
    "os.rmdir": (0,),
    "os.link": (1,),
    "os.symlink": (1,),
    "os.truncate": (0,),
    "os.chmod": (0,),
    "os.chown": (0,),
    "open": (0,),
}
#: Steps that make no audit event.
_SILENT = {"write", "truncate", "fsync", "exchange"}
_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC


def _watch(folder: Path, step: Callable[[], None]) -> None:
    """Call ``step`` before every step that changes ``folder``; there is no way back."""
    root = os.path.realpath(folder)
    inside = False  # what the observer itself does is no step

    def is_here(path: Any) -> bool:
        if isinstance(path, int):
            path = f"/proc/self/fd/{path}"
        return (os.path.realpath(os.fsdecode(path)) + "/").startswith(root + "/")

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        if inside or event not in _EVENTS or (event == "open" and not (arguments[2] or 0) & _WRITING):
            return
        if any(is_here(arguments[n]) for n in _EVENTS[event] if arguments[n] is not None):
            look()

    def look() -> None:
        nonlocal inside
        inside = True
        try:
            step()
        finally:
            inside = False

    def perform(operation: Callable[..., Any], *arguments: Any, **options: Any) -> Any:
        if operation.__name__ in _SILENT:
            look()
        if operation.__name__ == "fsync":  # makes no difference to what a kill leaves
            return None
        if operation.__name__ != "write":
            return operation(*arguments, **options)
        data = memoryview(arguments[0]).cast("B")
        done = operation(data[: len(data) // 2]) if len(data) > 1 else 0
        look()
        return done + operation(data[done:])

    sys.addaudithook(hook)
    for module in [m for m in sys.modules.values() if getattr(m, "perform", None) is drafts.perform]:
        module.perform = perform  # type: ignore[attr-defined]


def _child(work: Callable[[], Any], folder: Path, step: Callable[[], None]) -> NoReturn:
    code = 99
    try:
        null = os.open(os.devnull, os.O_RDWR)
        for descriptor in (0, 1, 2):
            os.dup2(null, descriptor)
        _watch(folder, step)
        os.getpid = lambda: 2**22 + 1  # the same for every run, as in a container; larger than that of any process
        code = work() or 0
    finally:
        os._exit(code)


def kill_at_steps(
    work: Callable[[], Any], folder: Path, sent: signal.Signals = signal.SIGKILL, code: int = -signal.SIGKILL
) -> Iterator[int]:
    """Run ``work`` in forks, killed before step 0, before step 1, ...; gives the number of the step after each kill.

    ``folder`` is as it was before at the start of each run. Ends when a run came to its end, whose folder it leaves.

    Parameters
    ----------
    work : callable
        Returns the exit code, or None for 0.
    folder : Path
        Folder whose changes are steps.
    sent : signal.Signals
        What the process gets.
    code : int
        Exit code that is expected of it then; -9 for SIGKILL.
    """
    original = folder.with_name(folder.name + ".original")
    shutil.copytree(folder, original, symlinks=True)
    number, counted = 0, mmap.mmap(-1, 8)
    while True:
        counted[:] = (0).to_bytes(8, "little")
        process = os.fork()
        if process == 0:

            def step(number: int = number, me: int = os.getpid()) -> None:
                count = int.from_bytes(counted[:], "little")
                if count == number:
                    counted[:] = (count + 1).to_bytes(8, "little")
                    os.kill(me, sent)
                counted[:] = (count + 1).to_bytes(8, "little")

            _child(work, folder, step)
        _, status = os.waitpid(process, 0)
        if number == int.from_bytes(counted[:], "little"):
            assert os.waitstatus_to_exitcode(status) == 0
            shutil.rmtree(original)
            return
        assert os.waitstatus_to_exitcode(status) == code
        yield number
        shutil.rmtree(folder)
        shutil.copytree(original, folder, symlinks=True)
        number += 1


def folders_at_steps(work: Callable[[], Any], folder: Path) -> Iterator[Path]:
    """Run ``work`` once in a fork; gives copies of ``folder`` as a kill before each step would leave it.

    For work that takes too long to be done again for each step. The copies stand in for ``folder``, one after the
    other.
    """
    copies = folder.with_name(folder.name + ".copies")
    copies.mkdir()
    process = os.fork()
    if process == 0:
        number = 0

        def step() -> None:
            nonlocal number
            shutil.copytree(folder, copies / f"{number:04}", symlinks=True)
            number += 1

        _child(work, folder, step)
    _, status = os.waitpid(process, 0)
    assert os.waitstatus_to_exitcode(status) == 0
    for copy in sorted(copies.iterdir()):
        shutil.rmtree(folder)
        copy.rename(folder)
        yield folder
    copies.rmdir()


def state(folder: Path) -> dict[str, Any]:
    """All that is in a folder: name -> content; folders hold None, links where they lead."""
    found: dict[str, Any] = {}
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        found[name] = path.readlink() if path.is_symlink() else path.read_bytes() if path.is_file() else None
    return found
