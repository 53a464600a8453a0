"""Ctrl-C, SIGTERM and SIGHUP: a verb ends as after an error, with one line and exit code 128 + number.

The first signal raises a KeyboardInterrupt, whatever its number. Later ones are ignored, so that nothing interrupts the
removal of drafts and the end of child processes. Python raises nothing within a call of a compiled library, such as the
compilation of a kernel: when that takes longer than GRACE seconds, a thread ends the process in its place.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

#: Seconds in which the main thread must take note of a signal, and in which another thread then has to clean up.
GRACE, _LAST = 2.0, 20.0
#: Signal -> kind and message of the error.
_MEANINGS = {
    signal.SIGINT: ("Interrupted", "interrupted"),
    signal.SIGTERM: ("Terminated", "terminated"),
    getattr(signal, "SIGHUP", None): ("HungUp", "the terminal was closed"),
}
_came = 0
_held = 0
_told = False
_alone = False
_turn = threading.Lock()  # taken by the thread that acts upon the signal


class Signalled(KeyboardInterrupt):
    """A signal came. Not KeyboardInterrupt itself, of which Python takes note within ``exec``, to die by it at exit."""


@contextmanager
def handled(process: bool) -> Iterator[None]:
    """Handle signals in this way during the block. A signal that is ignored, as under ``nohup``, stays ignored.

    Parameters
    ----------
    process : bool
        The process runs nothing but the block, and ends after it; signals that come later end it quietly.
    """
    global _came, _told, _alone, _turn
    _came, _told, _alone, _turn, before = 0, False, process, threading.Lock(), {}
    hook, sys.unraisablehook = sys.unraisablehook, _again
    for number in filter(None, _MEANINGS):
        try:
            if signal.getsignal(number) != signal.SIG_IGN:
                before[number] = signal.signal(number, _raise)
        except ValueError:  # not in the main thread
            break
    try:
        yield
    finally:
        sys.unraisablehook = hook
        for number, handler in before.items():
            signal.signal(number, signal.SIG_DFL if process else handler)


def _raise(number: int, frame: FrameType | None) -> None:
    global _came
    if not _came and _turn.acquire():  # waits for the end if the thread has begun it
        _came = number
        check()


def check() -> None:
    """Raise Signalled if a signal came, also one that other code made nothing of."""
    if _came and not _held:
        raise Signalled


def untold() -> bool:
    """Whether a signal came that nobody has asked the meaning of."""
    return bool(_came) and not _told


def meaning() -> tuple[str, str, int]:
    """Kind, message and exit code of the signal that came."""
    global _told
    _told, number = True, _came or signal.SIGINT
    return (*_MEANINGS[signal.Signals(number)], 128 + number)


def alone() -> bool:
    """Whether the process runs nothing but the verb."""
    return _alone


@contextmanager
def held() -> Iterator[None]:
    """Let the block run to its end before a signal has its effect."""
    global _held
    _held += 1
    try:
        yield
    finally:
        _held -= 1
    check()


def _again(unraisable: Any) -> None:
    """Send the signal once more where its exception came to nothing, as in a destructor; a little later, outside."""
    global _came
    if _came and issubclass(unraisable.exc_type, KeyboardInterrupt):
        number, _came = _came, 0
        _turn.release()
        later = threading.Timer(0.01, signal.pthread_kill, (threading.main_thread().ident, number))
        later.daemon = True
        later.start()
    else:
        sys.__unraisablehook__(unraisable)


def watch(end: Callable[[], object]) -> None:
    """Start the thread that ends the process if the main thread takes no note of a signal.

    Parameters
    ----------
    end : callable
        What remains to be done before. It must import nothing, since the main thread may be importing.
    """
    read, write = os.pipe()
    os.set_blocking(write, False)
    signal.set_wakeup_fd(write, warn_on_full_buffer=False)

    def follow() -> None:
        global _came
        while True:
            (number,) = os.read(read, 1)
            if signal.getsignal(number) is not _raise:
                continue
            time.sleep(GRACE)
            if not _came and not _held and _turn.acquire(blocking=False):
                _came = number
                last = threading.Timer(_LAST, os._exit, (128 + number,))  # should that not come to its end either
                last.daemon = True
                last.start()
                end()
                os._exit(128 + number)

    threading.Thread(target=follow, name="signals", daemon=True).start()
