"""Drafts: files and folders under construction, beside or inside the place they are meant for.

A draft has a name nobody can guess, and its writer holds a lock (``flock``) on it for as long as it lives. The system
releases the lock when the writer ends, however it ends: a draft whose lock can be taken belongs to nobody, and the next
writer in the same folder removes it. Process ids play no part, since containers give the same id to every run.
"""

from __future__ import annotations

import errno
import os
import re
import secrets
import shutil
import stat
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

try:
    import fcntl
except ImportError:  # Windows: no locks, so no draft ever counts as abandoned
    fcntl = None

#: What the names of drafts begin with; 16 hexadecimal digits follow.
DRAFT = ".snmem-draft-"
#: Seconds to wait for a lock that others hold for moments only.
_PATIENCE = 30.0
_NEW = os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
_LOOK = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
#: What ``flock`` says where the file system has no locks.
_NO_LOCKS = {errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, errno.ENOTSUP, errno.EINVAL}


#: Drafts of this process.
_own: set[Path] = set()


def perform(operation: Callable[..., Any], *arguments: Any, **options: Any) -> Any:
    """Carry out one step that changes a file system; every such step of the package's writers goes through here."""
    return operation(*arguments, **options)


def private_name(prefix: str = DRAFT) -> str:
    """``prefix`` and 16 hexadecimal digits that nobody can guess."""
    return prefix + secrets.token_hex(8)


def private_entries(folder: Path, prefix: str = DRAFT) -> list[Path]:
    """What :func:`private_name` has named in ``folder``; [] if that cannot be read."""
    form = re.compile(re.escape(prefix) + "[0-9a-f]{16}")
    with suppress(OSError), os.scandir(folder) as entries:
        return [folder / entry.name for entry in entries if form.fullmatch(entry.name)]
    return []


def sync(descriptor: int) -> None:
    """Wait until what was written is on the disk."""
    try:
        perform(os.fsync, descriptor)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP, errno.EROFS):  # the file system has no such thing
            raise


def sync_folder(path: Path) -> None:
    """Wait until the names in a folder are on the disk."""
    with suppress(PermissionError):  # may be written to, but not read
        descriptor = _open_folder(path)
        if descriptor >= 0:
            try:
                sync(descriptor)
            finally:
                os.close(descriptor)


def _open_folder(path: Path) -> int:
    """A descriptor of a folder; -1 on Windows, which has none."""
    return -1 if os.name == "nt" else os.open(path, os.O_RDONLY | os.O_DIRECTORY)


def _same(path: Path, descriptor: int) -> bool:
    """Whether what is at ``path`` is what was opened."""
    if descriptor < 0:
        return True
    with suppress(FileNotFoundError):
        return os.path.samestat(os.lstat(path), os.fstat(descriptor))
    return False


def _lock(descriptor: int) -> None:
    """Wait for the lock on an open file or folder; nothing where the file system has no locks."""
    end = time.monotonic() + _PATIENCE
    while fcntl is not None and descriptor >= 0:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            break
        except OSError as error:
            if error.errno in _NO_LOCKS:
                break
            if error.errno not in (errno.EWOULDBLOCK, errno.EACCES) or time.monotonic() > end:
                raise
        time.sleep(0.02)


def unlock(descriptor: int) -> None:
    """Give up the lock on a draft that is one no longer."""
    if fcntl is not None and descriptor >= 0:
        with suppress(OSError):
            fcntl.flock(descriptor, fcntl.LOCK_UN)


@contextmanager
def _locked(path: Path, create: Callable[[], int]) -> Iterator[int]:
    """Create or open what is at ``path`` and lock it, again if somebody removed or replaced it in between."""
    while True:
        descriptor = create()
        try:
            _lock(descriptor)
            if _same(path, descriptor):
                yield descriptor
                return
        finally:
            if descriptor >= 0:
                with suppress(OSError):
                    os.close(descriptor)


@contextmanager
def draft_file(folder: Path, permissions: int) -> Iterator[tuple[Path, int]]:
    """Create a draft; gives its path and an open descriptor. What is left of it is removed at the end."""
    path = folder / private_name()
    _own.add(path)
    try:
        with _locked(path, lambda: perform(os.open, path, _NEW, permissions)) as descriptor:
            yield path, descriptor
    finally:
        _remove(path)


@contextmanager
def draft_folder(folder: Path) -> Iterator[tuple[Path, int]]:
    """Create a folder as a draft; gives its path and what :func:`unlock` needs when it has taken its place.

    What is left of it is removed at the end, with all it holds.
    """
    path = folder / private_name()
    _own.add(path)

    def create() -> int:
        while True:
            perform(os.mkdir, path)
            with suppress(FileNotFoundError):  # taken for abandoned
                return _open_folder(path)

    try:
        with _locked(path, create) as descriptor:
            yield path, descriptor
    finally:
        _remove(path)


def _remove(path: Path) -> None:
    """Remove a draft, if it has not taken its place."""
    if path.is_dir() and not path.is_symlink():
        perform(shutil.rmtree, path, ignore_errors=True)
    else:
        with suppress(OSError):
            perform(os.unlink, path)
    _own.discard(path)


def remove_own() -> None:
    """Remove all drafts of this process, which is about to end."""
    for path in list(_own):
        _remove(path)


@contextmanager
def locked_folder(path: Path) -> Iterator[None]:
    """Hold the lock of a folder that several processes may write into."""
    with _locked(path, lambda: _open_folder(path)):
        yield


@contextmanager
def abandoned(path: Path) -> Iterator[bool]:
    """Whether the writer of a draft has ended; if so, its lock is held here until the block ends."""
    try:
        descriptor = os.open(path, _LOOK)
    except OSError:  # gone, a link, or not ours to read
        yield False
        return
    try:
        kind, free = os.fstat(descriptor).st_mode, False
        if fcntl is not None and (stat.S_ISREG(kind) or stat.S_ISDIR(kind)):
            with suppress(OSError):  # its writer lives, or the file system has no locks
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                free = True
        yield free
    finally:
        os.close(descriptor)


def remove_abandoned(folder: Path) -> None:
    """Remove drafts in ``folder`` whose writers have ended; those of living ones stay."""
    for path in private_entries(folder):
        with abandoned(path) as free:
            if free:
                _remove(path)
