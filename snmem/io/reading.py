"""Files that others wrote: regular files only, read within limits, and quoted in messages as short printable text."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path
from typing import Any, BinaryIO

from .._text import one_line, path_text, shown
from ..errors import FileError

_KINDS = ((stat.S_ISDIR, "folder"), (stat.S_ISFIFO, "named pipe"), (stat.S_ISSOCK, "socket"))


def open_file(path: str | os.PathLike[str], remedy: str = "check the path") -> BinaryIO:
    """Open a regular file for reading.

    A named pipe waits for a writer for ever and a device may never end: both are refused without opening them.

    Raises
    ------
    FileError
        If there is no such file, it is no regular file, or it cannot be read; ``remedy`` ends the message.
    """
    name = path_text(path)
    try:
        _require_regular(Path(path).stat().st_mode, name, remedy)
        flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
        stream = os.fdopen(os.open(path, flags), "rb")
    except FileNotFoundError:
        raise FileError(f"{name}: no such file; {remedy}") from None
    except OSError as error:
        raise FileError(f"{name}: cannot be read ({error.strerror or one_line(error)}); {remedy}") from None
    except (ValueError, TypeError) as error:  # a path with NUL, or something else than a path
        if isinstance(error, FileError):
            raise
        name = name if isinstance(path, (str, os.PathLike)) else shown(path)
        raise FileError(f"{name}: is not a path ({one_line(error)}); {remedy}") from None
    try:
        _require_regular(os.fstat(stream.fileno()).st_mode, name, remedy)
    except FileError:
        stream.close()
        raise
    return stream


def _require_regular(mode: int, name: str, remedy: str) -> None:
    if not stat.S_ISREG(mode):
        kind = next((kind for is_kind, kind in _KINDS if is_kind(mode)), "device")
        raise FileError(f"{name}: is a {kind}, expected a regular file; {remedy}")


def read_bytes(path: str | os.PathLike[str], limit: int, remedy: str = "check the path") -> bytes:
    """Return the contents of a regular file; FileError as :func:`open_file`, and for more than ``limit`` bytes."""
    with open_file(path, remedy) as stream:
        size = os.fstat(stream.fileno()).st_size
        data = b"" if size > limit else stream.read(limit + 1)
    if max(size, len(data)) > limit:
        raise FileError(f"{path_text(path)}: has {max(size, len(data))} bytes, the limit is {limit}; {remedy}")
    return data


def parse_json(text: str | bytes, owner: str, remedy: str) -> Any:
    """Return the value of a JSON text; FileError that names ``owner`` if it is none, or nested too deeply."""

    def refuse(name: str) -> None:
        raise ValueError(f"{name} is no JSON number")

    try:
        return json.loads(text, parse_constant=refuse)
    except (ValueError, RecursionError) as error:
        raise FileError(f"{owner}: is no valid JSON ({one_line(error)}); {remedy}") from None
