"""Standard output and error of a verb, also where they are closed, full, or read by nobody."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from ..io import files
from ..io.results import to_json


def open_missing() -> None:
    """Open the standard streams that are closed, so that no file takes their place; writing to them stays an error."""
    for number, flags in enumerate((os.O_RDONLY, os.O_RDONLY, os.O_WRONLY)):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, flags)  # gets the lowest free number, which is this one
    if sys.stdout is None:
        sys.stdout = os.fdopen(1, "w", closefd=False)
    if sys.stderr is None:
        sys.stderr = os.fdopen(2, "w", closefd=False)
    for stream in (sys.stdout, sys.stderr):
        with suppress(AttributeError, ValueError):  # of another kind, as in tests
            stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]


#: Standard output as it was, and the descriptor that leads there, while both are redirected.
_redirected: tuple[Any, int | None] | None = None


@contextmanager
def results_only_on_stdout(as_json: bool) -> Iterator[None]:
    """Send everything that is printed meanwhile, also by libraries and child processes, to standard error."""
    global _redirected
    saved = None
    with suppress(OSError):  # out of descriptors
        sys.stdout.flush()
        saved = os.dup(1)
        os.dup2(2, 1)
    _redirected = sys.stdout, saved
    sys.stdout = sys.stderr
    files.standard_output = -1 if as_json else 1 if saved is None else saved
    try:
        yield
    finally:
        restore_stdout()


def restore_stdout() -> None:
    """Let standard output be standard output again."""
    global _redirected
    if _redirected is not None:
        (sys.stdout, saved), _redirected = _redirected, None
        files.standard_output = 1
        if saved is not None:
            os.dup2(saved, 1)
            os.close(saved)


def print_json(data: Any) -> None:
    """Print one JSON object, with escapes where standard output has no such characters."""
    text = to_json(data)
    try:
        text.encode(sys.stdout.encoding or "utf-8")
    except UnicodeEncodeError:
        text = json.dumps(json.loads(text), indent=2)
    print(text, flush=True)


def complain(line: str) -> None:
    """Print one line to standard error, if that is possible."""
    with suppress(OSError, ValueError):
        print(line, file=sys.stderr, flush=True)


def unprintable(error: OSError, code: int = 0) -> int:
    """Say why standard output could not be written, unless nobody reads it, or ``code`` says that more went wrong.

    Returns the exit code.
    """
    with suppress(OSError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # what is still buffered goes nowhere
    if isinstance(error, BrokenPipeError):
        return 141
    if not code:
        complain(f"snmem: error: standard output: cannot be written ({error.strerror or error})")
    return code or 1
