"""Result folders: they appear and change as a whole, and files that snmem did not write are safe in them.

A run writes into a draft. What becomes of it depends on the target:

- An absent target is the draft under another name.
- A target that holds an earlier run and nothing else trades places with the draft, in one step of the file system.
- Into any other target, and where there is no such step, files are moved one by one (:mod:`snmem.io.results.update`).

What an earlier run did not list, or what was changed since, is neither overwritten nor removed.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, nullcontext, suppress
from pathlib import Path
from stat import S_IMODE
from typing import Any

from ...errors import FileError
from ..drafts import draft_folder, locked_folder, perform, private_entries, private_name, sync_folder, unlock
from . import plain, write_json
from .update import (
    MARK,
    REPLACED,
    RUN_FILE,
    UPDATE,
    Run,
    digest,
    exchange,
    finish,
    parents,
    reachable,
    read_run,
    recover,
    remove_run,
    sync_files,
    tidy,
    unchanged,
)

#: Errors of the disk that the draft is on.
_DISK = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EIO}


class ResultFolder:
    """A folder of results under construction: write into ``draft``, then :meth:`publish` it as ``target``."""

    def __init__(self, target: Path, draft: Path, lock: int, force: bool) -> None:
        self.target, self.draft, self._lock, self.force = target, draft, lock, force

    def files(self) -> list[Path]:
        """Files in the draft, relative to it, sorted."""
        return sorted(path.relative_to(self.draft) for path in self.draft.rglob("*") if path.is_file())

    def relocated(self, value: Any) -> Any:
        """``value`` as plain data, with paths into the draft rewritten to where they will be."""
        if isinstance(value, Mapping):
            return {str(key): self.relocated(item) for key, item in value.items()}
        if isinstance(value, (list, tuple)):
            return [self.relocated(item) for item in value]
        text = plain(value)
        if isinstance(text, str) and text.startswith(str(self.draft)):
            return str(self.target) + text.removeprefix(str(self.draft))
        return text

    def publish(self, run: Mapping[str, Any]) -> None:
        """Describe the run in ``run.json`` and put the draft in place.

        In a result folder of snmem the new files replace those of the earlier run, and those that the new run did not
        write are removed. Other files stay.

        Raises
        ------
        FileError
            If a file that snmem did not write, or that was changed since, stands in the way (the results are then in a
            folder beside the target, which the message names), or if the target cannot be written.
        """
        names = [path.as_posix() for path in self.files()]
        digests = {name: digest(self.draft / name) for name in names}
        try:
            write_json(self.draft / RUN_FILE, {**run, "files": names, "sha256": digests, "snmem": MARK})
            sync_files(self.draft, [*names, RUN_FILE])
            if not self._appear():
                with locked_folder(self.target):
                    self._update(names)
        except OSError as error:
            raise _unwritable(self.target, error) from error
        finally:
            unlock(self._lock)

    def _appear(self) -> bool:
        """Give an absent target its content; False if there is a target."""
        if self.target.exists():
            return False
        perform(os.makedirs, self.target.parent, exist_ok=True)
        try:
            perform(os.rename, self.draft, self.target)
        except OSError:
            if not self.target.is_dir():  # another run has just made it
                raise
            return False
        sync_folder(self.target.parent)
        return True

    def _update(self, names: list[str]) -> None:
        """Bring a target up to date whose lock is held."""
        if self.draft.parent != self.target:  # made while there was no target
            moved = self.target / self.draft.name
            perform(os.rename, self.draft, moved)
            self.draft = moved
        recover(self.target)
        run = read_run(self.target)
        name = self._in_the_way(names, run)
        if name is not None:
            raise FileError(
                f"{self.target / name}: was not written by snmem, or was changed since; the results are in "
                f"{self._elsewhere()}"
            )
        if not self._trade_places(names, run):
            update = self.target / private_name(UPDATE)
            perform(os.rename, self.draft, update)
            finish(self.target, update, overwrite=True)

    def _in_the_way(self, names: list[str], run: Run | None) -> str | None:
        """A file of the target that must not be overwritten, although a new one has its name."""
        for name in (*names, RUN_FILE):
            place = self.target / name
            if not reachable(self.target, name) or (place.is_dir() and not place.is_symlink()):
                return name
            ours = run is not None if name == RUN_FILE else unchanged(self.target, name, run)
            if os.path.lexists(place) and not ours and not self.force:
                return name
        return None

    def _elsewhere(self) -> Path:
        """Put the draft beside the target, or into it where that cannot be."""
        for number in range(2, 10**6):
            place = self.target.parent / f"{self.target.name}-{number}"
            if not os.path.lexists(place):
                try:
                    perform(os.rename, self.draft, place)
                except OSError:
                    break
                return place
        place = self.target / private_name("run-")
        perform(os.rename, self.draft, place)
        return place

    def _trade_places(self, names: list[str], run: Run | None) -> bool:
        """Replace the target as a whole by the draft; False, with nothing changed, if that cannot be."""
        if not self._all_ours(names, run) or not _same_attributes(self.draft, self.target):
            return False
        aside = self.target.parent / private_name(REPLACED)
        try:
            perform(os.rename, self.draft, aside)
        except OSError:  # a mount point, or no right to write beside it
            return False
        try:
            perform(exchange, aside, self.target)
        except OSError:
            perform(os.rename, aside, self.draft)
            return False
        sync_folder(self.target.parent)
        remove_run(aside)
        if aside.is_dir():  # something was put there at the last moment
            for path in aside.iterdir():
                if not os.path.lexists(self.target / path.name):
                    perform(os.rename, path, self.target / path.name)
            remove_run(aside)
        return True

    def _all_ours(self, names: list[str], run: Run | None) -> bool:
        """Whether the target holds nothing but unchanged files of ``run`` and such that the new one replaces."""
        with suppress(OSError):
            if Path.cwd().is_relative_to(self.target):  # it would no longer be anywhere
                return False
        known = {*names, *(run.files if run else ())}
        inner = {self.target / parent for name in known for parent in parents(name)} | {self.target}
        for folder, folders, files in os.walk(self.target):
            here = Path(folder)
            if here == self.target:
                folders.remove(self.draft.name)
            if any(here / name not in inner or (here / name).is_symlink() for name in folders):
                return False
            for name in ((here / file).relative_to(self.target).as_posix() for file in files):
                if name != RUN_FILE and name not in names and not unchanged(self.target, name, run):
                    return False
        return True


def _same_attributes(draft: Path, target: Path) -> bool:
    """Give the draft the permissions of the target; whether owner and extended attributes are the same too."""
    new, old = draft.stat(), target.stat()
    with suppress(OSError, AttributeError):  # a system without them
        if os.listxattr(draft) != os.listxattr(target):
            return False
    if (new.st_uid, new.st_gid) != (old.st_uid, old.st_gid):
        return False
    draft.chmod(S_IMODE(old.st_mode))
    return True


@contextmanager
def result_folder(target: Path, force: bool = False) -> Iterator[ResultFolder]:
    """Give a draft to write results into; it is removed when the block ends, unless it was published.

    Updates of ``target`` that a killed run left unfinished are finished first.

    Parameters
    ----------
    target : Path
        Folder of the results, absent or not; a symbolic link to a folder counts as that folder.
    force : bool
        Accept a folder that holds other files, and overwrite those that have the name of a new one.

    Raises
    ------
    FileError
        ``target`` is a file, holds files that snmem did not write or that were changed since and ``force`` is false, or
        cannot be written.
    """
    with ExitStack() as stack:
        try:
            target = Path(os.path.realpath(target))
            if target.exists() and not target.is_dir():
                raise FileError(f"{target}: is a file, --out needs a folder; name another one")
            home = target if target.is_dir() else next(folder for folder in target.parents if folder.is_dir())
            with locked_folder(target) if home == target else nullcontext():
                if home == target:
                    recover(target)
                    _check(target, force)
                    tidy(target.parent)
                else:
                    tidy(home)
                draft, lock = stack.enter_context(draft_folder(home))
        except FileError:
            raise
        except (OSError, ValueError) as error:  # ValueError: NUL or a lone surrogate in the path
            raise _unwritable(target, error) from error
        try:
            yield ResultFolder(target, draft, lock, force)
        except OSError as error:
            if error.errno in _DISK:
                raise _unwritable(target, error) from error
            raise


def _check(target: Path, force: bool) -> None:
    """Refuse a folder in which a run would overwrite what snmem did not write; its lock must be held."""
    if force:
        return
    run = read_run(target)
    drafts = private_entries(target)
    if run is None and any(path not in drafts for path in target.iterdir()):
        raise FileError(
            f"{target}: holds files that snmem did not write; name a new or empty folder, or add --force to write there"
        )
    for name in run.files if run else ():
        if os.path.lexists(target / name) and not unchanged(target, name, run):
            raise FileError(
                f"{target / name}: was changed since snmem wrote it; move it or name another folder, or add --force to "
                "overwrite it"
            )


def _unwritable(target: Path, error: Exception) -> FileError:
    return FileError(f"{target}: cannot be written ({getattr(error, 'strerror', None) or error}); choose another --out")
