"""Writing files so that nothing half-written is ever left behind."""

from __future__ import annotations

import errno
import io
import os
import re
import shutil
import stat
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any

from .._text import shown
from ..errors import FileError
from .drafts import draft_file, perform, remove_abandoned, sync, sync_folder

#: Where standard output leads while descriptor 1 is redirected; -1 while it is reserved.
standard_output = 1
#: Seconds to wait until somebody opens a named pipe for reading.
_PIPE_PATIENCE = 10.0
_STREAM = os.O_WRONLY | getattr(os, "O_NOCTTY", 0) | getattr(os, "O_NONBLOCK", 0)
_BUFFER = 2**18


@contextmanager
def replace_file(path: str | os.PathLike[str], mode: str = "wb", *, tidy: bool = True) -> Iterator[IO[Any]]:
    """Open a draft beside ``path``; it takes the place of ``path`` when the block ends without an error.

    After an error, a kill or a power failure at any moment, ``path`` holds either all that it held before or all that
    was written. The permissions of an existing file are kept.

    A symbolic link stays: the file that it leads to is replaced. Pipes, terminals and devices stay too, such as
    ``/dev/null`` and ``/dev/stdout``: what was written is copied to them when the block ends.

    Parameters
    ----------
    path : path-like
        File to write.
    mode : str
        "wb", "w+b", or "w" for UTF-8.
    tidy : bool
        Remove drafts that killed runs left in the same folder.

    Raises
    ------
    FileError
        If the place cannot be written.
    """
    if not isinstance(path, (str, os.PathLike)):
        raise FileError(f"a file is named by a text or a Path, got {shown(path)}")
    path = Path(path)
    try:
        place, number = _follow(path)
        old = None if number is not None else _existing(place)
    except (OSError, ValueError) as error:  # ValueError: NUL or a lone surrogate in the path
        raise _error(path, error) from error
    try:
        if number is not None or (old is not None and not stat.S_ISREG(old.st_mode)):
            with tempfile.TemporaryFile() as spool:
                with _opened(spool.fileno(), mode) as file:
                    yield file
                spool.seek(0)
                with open(_open_stream(place, number), "wb") as stream:
                    shutil.copyfileobj(spool, stream)
            return
        if tidy:
            remove_abandoned(place.parent)
        with draft_file(place.parent, 0o600 if old else 0o666) as (draft, descriptor):
            with _opened(descriptor, mode) as file:
                yield file
            if old:
                _adopt(descriptor, old)
            sync(descriptor)
            if os.name == "nt":  # which moves closed files only
                os.close(descriptor)
            perform(os.replace, draft, place)
        sync_folder(place.parent)
    except OSError as error:
        raise _error(path, error) from error


def _error(path: Path, error: Exception) -> FileError:
    """What is said of a full disk, a missing folder, a file without permission, and the like."""
    return FileError(f"{path}: cannot be written ({getattr(error, 'strerror', None) or error}); choose another place")


def _follow(path: Path) -> tuple[Path, int | None]:
    """Follow links from ``path`` to where they lead, or to the descriptor of this process that they stand for."""
    for _ in range(40):
        path = Path(os.path.realpath(path.parent), path.name) if path.name else path
        number = re.fullmatch(r"/proc/(\d+)(?:/task/\d+)?/fd/(\d+)", str(path))
        if number and int(number[1]) == os.getpid():
            return path, int(number[2])
        try:
            link = path.lstat()
        except FileNotFoundError:
            return path, None
        if not stat.S_ISLNK(link.st_mode):
            return path, None
        folder = path.parent.stat()
        if folder.st_mode & stat.S_ISVTX and link.st_uid not in (os.geteuid(), folder.st_uid):
            raise PermissionError(errno.EACCES, "a symbolic link of another user in a shared folder")
        path = path.parent / path.readlink()
    raise OSError(errno.ELOOP, os.strerror(errno.ELOOP))


def _existing(place: Path) -> os.stat_result | None:
    """What is at ``place``; OSError if that cannot be written to."""
    try:
        found = place.stat()
    except FileNotFoundError:
        return None
    if stat.S_ISDIR(found.st_mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
    if stat.S_ISBLK(found.st_mode):
        raise PermissionError(errno.EACCES, "a disk")
    if stat.S_ISREG(found.st_mode):
        os.close(os.open(place, _STREAM))
    return found


def _open_stream(place: Path, number: int | None) -> int:
    """A descriptor that writes to a pipe or device, or to the descriptor ``number`` of this process."""
    if number is not None:
        number = standard_output if number == 1 else number
        if number < 0:
            raise OSError(errno.EBUSY, "standard output receives the JSON object")
        return os.dup(number)
    end = time.monotonic() + _PIPE_PATIENCE
    while True:
        try:
            descriptor = os.open(place, _STREAM)
            os.set_blocking(descriptor, True)
            return descriptor
        except OSError as error:
            if error.errno != errno.ENXIO or not place.is_fifo():
                raise
            if time.monotonic() > end:
                raise OSError(errno.ENXIO, "nobody reads from this pipe") from error
        time.sleep(0.05)


class _Steps(io.FileIO):
    """A file each of whose writes is a step of its own."""

    def write(self, data: Any) -> int:
        return perform(super().write, data)

    def truncate(self, size: int | None = None) -> int:
        return perform(super().truncate, size)


@contextmanager
def _opened(descriptor: int, mode: str) -> Iterator[IO[Any]]:
    """Open a descriptor, which stays open afterwards; what was written is in the file when the block ends."""
    raw = _Steps(descriptor, "r+" if "+" in mode else "w", closefd=False)
    buffered: Any = io.BufferedRandom(raw, _BUFFER) if "+" in mode else io.BufferedWriter(raw, _BUFFER)
    file = buffered if "b" in mode else io.TextIOWrapper(buffered, encoding="utf-8")
    try:
        yield file
        if not file.closed:
            file.flush()
    finally:
        with suppress(OSError):  # flushed before, or failed before
            file.close()


def _adopt(descriptor: int, old: os.stat_result) -> None:
    """Give a new file the owner, as far as that is allowed, and the permissions of the one it replaces."""
    if os.name == "nt":
        return
    mode, new = stat.S_IMODE(old.st_mode) & 0o777, os.fstat(descriptor)
    if (old.st_uid, old.st_gid) != (new.st_uid, new.st_gid):
        try:
            os.fchown(descriptor, old.st_uid, old.st_gid)
        except OSError:
            mode &= 0o707 if old.st_gid != new.st_gid else 0o777  # what one group may do, another may not
    os.fchmod(descriptor, mode)
