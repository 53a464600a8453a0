"""How the files of a run get into a folder, step by step, so that a kill between any two steps does no harm.

``run.json`` marks a folder as one of snmem's and lists its files with their sha256. It is there only while the folder
is whole: in an update it leaves first and comes last. An update is a folder ``.snmem-update-...`` whose files are
moved into place; after a kill in between, :func:`recover` goes on where it ended.
"""

from __future__ import annotations

import ctypes
import errno
import hashlib
import json
import os
import shutil
import stat
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from ..drafts import abandoned, perform, private_entries, remove_abandoned, sync, sync_folder

#: File that describes a run; with the mark in it, it makes a folder one of snmem's.
RUN_FILE = "run.json"
MARK = {"format": "result-folder", "version": 1}
#: What the names of updates begin with, and those of folders that have been replaced.
UPDATE, REPLACED = ".snmem-update-", ".snmem-old-"
#: Name of the earlier ``run.json`` during an update.
_BEFORE = ".before.json"
#: Largest ``run.json`` that is read, in bytes.
_LARGEST = 2**26
#: Seconds by which a file may be younger than a ``run.json`` without sha256 that lists it; copying takes some.
_COPYING = 2.0


@dataclass(frozen=True)
class Run:
    """What a ``run.json`` says.

    Parameters
    ----------
    files : mapping
        Name -> sha256, or None in those of version 0.1, which have none.
    written : float
        When it was written, in seconds since 1970.
    """

    files: Mapping[str, str | None] = field(default_factory=dict)
    written: float = 0.0


def read_run(folder: Path, name: str = RUN_FILE) -> Run | None:
    """Read the ``run.json`` of a folder; None if it is absent, damaged, or of another program."""
    with suppress(OSError, ValueError, RecursionError):
        status = (folder / name).lstat()
        if not stat.S_ISREG(status.st_mode) or status.st_size > _LARGEST:
            return None
        run = json.loads((folder / name).read_text(encoding="utf-8"))
        if not isinstance(run, dict) or not _is_ours(run):
            return None
        names, digests = run.get("files"), run.get("sha256", {})
        if isinstance(names, list) and isinstance(digests, dict):
            return Run({name: digests.get(name) for name in names if _is_inside(name)}, status.st_mtime)
    return None


def _is_ours(run: Mapping[str, Any]) -> bool:
    mark, versions = run.get("snmem"), run.get("versions")
    if isinstance(mark, dict):
        return mark.get("format") == MARK["format"]
    return isinstance(versions, dict) and "snmem" in versions and isinstance(run.get("verb"), str)  # version 0.1


def _is_inside(name: Any) -> bool:
    """Whether ``name`` can be that of a file in a result folder."""
    if not isinstance(name, str) or "\0" in name or name.startswith("/"):
        return False
    parts = PurePosixPath(name).parts
    return bool(parts) and ".." not in parts and name not in (RUN_FILE, _BEFORE)


def digest(path: Path) -> str:
    """The sha256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def parents(name: str) -> list[PurePosixPath]:
    """The folders that lead to ``name``, from the outermost on."""
    return list(PurePosixPath(name).parents)[-2::-1]


def reachable(folder: Path, name: str) -> bool:
    """Whether what leads to ``name`` in ``folder`` is absent or real folders, not links or files."""
    for parent in parents(name):
        try:
            if not stat.S_ISDIR((folder / parent).lstat().st_mode):
                return False
        except FileNotFoundError:
            return True
    return True


def unchanged(folder: Path, name: str, run: Run | None) -> bool:
    """Whether ``run`` lists ``name``, and the file is still as it was written."""
    if run is None or name not in run.files:
        return False
    try:
        status = (folder / name).lstat()
        if not stat.S_ISREG(status.st_mode) or not reachable(folder, name):
            return False
        expected = run.files[name]
        return status.st_mtime <= run.written + _COPYING if expected is None else digest(folder / name) == expected
    except (OSError, ValueError):
        return False


def sync_files(folder: Path, names: Iterable[str]) -> None:
    """Wait until files, and the folders that hold them, are on the disk."""
    for name in names:
        with (folder / name).open("rb") as file:
            sync(file.fileno())
    for place in {(folder / name).parent for name in names} | {folder}:
        sync_folder(place)


def exchange(first: Path, second: Path) -> None:
    """Let two folders trade places in one step; OSError where the system or the file system has no such step."""
    call = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None) if os.name == "posix" else None
    if call is None:
        raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))
    here, trade = -100, 2  # AT_FDCWD of fcntl.h, RENAME_EXCHANGE of linux/fs.h
    if call(here, os.fsencode(first), here, os.fsencode(second), trade):
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


def finish(target: Path, update: Path, overwrite: bool = False) -> None:
    """Move the files of ``update`` into ``target``, from the step on that an earlier attempt had come to.

    A file in the way that snmem did not write is overwritten, or else gets another name.
    """
    run = read_run(update)
    if run is not None:
        if os.path.lexists(target / RUN_FILE) and not os.path.lexists(update / _BEFORE):
            perform(os.rename, target / RUN_FILE, update / _BEFORE)
        old = read_run(update, _BEFORE)
        for name in run.files:
            if os.path.lexists(update / name):  # else it was moved before
                _place(update / name, target, name, overwrite or unchanged(target, name, old))
        if old is not None:
            _remove(target, [name for name in old.files if name not in run.files], old)
        for place in {(target / name).parent for name in run.files} | {target}:
            sync_folder(place)
        perform(os.rename, update / RUN_FILE, target / RUN_FILE)
        sync_folder(target)
    perform(shutil.rmtree, update)


def _place(source: Path, target: Path, name: str, overwrite: bool) -> None:
    place = target / name
    if not reachable(target, name):
        raise NotADirectoryError(errno.ENOTDIR, f"{place.parent} is no folder")
    if not overwrite and os.path.lexists(place):
        number = next(n for n in range(1, 10**6) if not os.path.lexists(f"{place}.kept-{n}"))
        perform(os.rename, place, f"{place}.kept-{number}")
    if place.parent != target:
        perform(os.makedirs, place.parent, exist_ok=True)
    perform(os.replace, source, place)


def _remove(folder: Path, names: Iterable[str], run: Run) -> None:
    """Remove those of the files ``names`` that are unchanged, and folders that are empty without them."""
    for name in names:
        if unchanged(folder, name, run):
            perform(os.unlink, folder / name)
        for parent in reversed(parents(name)):
            with suppress(OSError):  # not empty
                perform(os.rmdir, folder / parent)


def remove_run(folder: Path) -> None:
    """Remove a folder with the run in it; whatever else it holds stays, and ``run.json`` with it."""
    run = read_run(folder)
    if run is not None:
        _remove(folder, run.files, run)
        if [entry.name for entry in folder.iterdir()] == [RUN_FILE]:
            perform(os.unlink, folder / RUN_FILE)
    with suppress(OSError):  # not empty
        perform(os.rmdir, folder)


def recover(target: Path) -> None:
    """Finish the updates of ``target`` that were killed, and remove abandoned drafts; its lock must be held."""
    for update in private_entries(target, UPDATE):
        if update.is_dir() and not update.is_symlink():
            finish(target, update)
    remove_abandoned(target)


def tidy(folder: Path) -> None:
    """Remove what killed runs left in a folder that holds result folders."""
    remove_abandoned(folder)
    for path in private_entries(folder, REPLACED):
        with abandoned(path) as free:
            if free and path.is_dir():
                remove_run(path)
