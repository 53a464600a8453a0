"""A file that is written in whole commits: a kill, a full disk or a power failure leaves the last one, or the next.

What is written stays in memory until :meth:`JournaledFile.commit`. That first appends what lies behind the end of the
last commit; then, behind it, a journal of the pages that change within it; only then does it change them, and cuts the
journal off. Killed before the journal is complete, the file holds the last commit and something behind it that belongs
to nobody; killed after, :func:`finish_commit` makes the changes again.

HDF5 writes through it since it crashes where it meets a full disk itself.
"""

from __future__ import annotations

import io
import os
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from .._text import path_text
from ..errors import FileError
from ..io.drafts import abandoned, perform, sync
from ..io.reading import open_file

#: Bytes of a page: what is kept, and changed, together.
PAGE = 1 << 14
_MAGIC = b"snmem journal 1\n"
#: At the end of the file: magic, pages of the journal, size of the file after the commit, CRC-32 of the journal.
_END = struct.Struct("<16sQQI")
_NUMBER = struct.Struct("<Q")


class JournaledFile(io.RawIOBase):
    """The file behind ``descriptor``, which is empty; the caller closes it."""

    def __init__(self, descriptor: int) -> None:
        super().__init__()
        self._descriptor, self._at, self._size = descriptor, 0, 0
        self._committed = 0
        self._pages: dict[int, bytearray] = {}

    @property
    def waiting(self) -> int:
        """Bytes that wait for a commit."""
        return PAGE * len(self._pages)

    def readable(self) -> bool:
        """Yes."""
        return True

    def writable(self) -> bool:
        """Yes."""
        return True

    def seekable(self) -> bool:
        """Yes."""
        return True

    def tell(self) -> int:
        """Return where the next read or write begins."""
        return self._at

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Go to a place."""
        self._at = offset + {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: self._size}[whence]
        return self._at

    def truncate(self, size: int | None = None) -> int:
        """Set the size of the file."""
        self._size = self._at if size is None else size
        return self._size

    def readinto(self, buffer: Any) -> int:
        """Read at the current place."""
        view = memoryview(buffer).cast("B")
        n = max(0, min(len(view), self._size - self._at))
        done = 0
        for number, inside, length in _parts(self._at, n):
            view[done : done + length] = self._page(number)[inside : inside + length]
            done += length
        self._at += n
        return n

    def write(self, data: Any) -> int:
        """Write at the current place, into memory."""
        view, done = memoryview(data).cast("B"), 0
        for number, inside, length in _parts(self._at, len(view)):
            if number not in self._pages:
                self._pages[number] = self._page(number) if length < PAGE else bytearray(PAGE)
            self._pages[number][inside : inside + length] = view[done : done + length]
            done += length
        self._at += len(view)
        self._size = max(self._size, self._at)
        return len(view)

    def _page(self, number: int) -> bytearray:
        """A page as it is now; what was never written is 0."""
        if number in self._pages:
            return self._pages[number]
        page = bytearray(PAGE)
        stored = os.pread(self._descriptor, min(PAGE, max(0, self._committed - number * PAGE)), number * PAGE)
        page[: len(stored)] = stored
        return page

    def commit(self) -> None:
        """Bring all that waits onto the disk; OSError leaves the file as the last commit left it, and all waits on."""
        old = -(-self._committed // PAGE)
        changed = {number: page for number, page in self._pages.items() if number < old}
        try:
            for number in sorted(self._pages.keys() - changed.keys()):
                _write(self._descriptor, self._pages[number], number * PAGE)
            if changed:
                end = max(old, -(-self._size // PAGE)) * PAGE
                _write(self._descriptor, _journal(changed, self._size), end)
                sync(self._descriptor)
        except OSError:
            _truncate(self._descriptor, self._committed)
            raise
        _apply(self._descriptor, changed, self._size)
        self._committed = self._size
        self._pages.clear()


def _parts(at: int, length: int) -> Iterator[tuple[int, int, int]]:
    """Pages that a stretch of the file lies in: number, first byte inside, bytes."""
    end = at + length
    while at < end:
        number, inside = divmod(at, PAGE)
        part = min(PAGE - inside, end - at)
        yield number, inside, part
        at += part


def _write(descriptor: int, data: Any, at: int) -> None:
    view = memoryview(data)

    def write(part: Any) -> int:
        nonlocal at
        n = os.pwrite(descriptor, part, at)
        at += n
        return n

    while len(view):
        view = view[perform(write, view) :]


def _truncate(descriptor: int, size: int) -> None:
    def truncate() -> None:
        os.ftruncate(descriptor, size)

    perform(truncate)


def _journal(pages: dict[int, bytearray], size: int) -> bytes:
    body = b"".join(_NUMBER.pack(number) + pages[number] for number in sorted(pages))
    return body + _END.pack(_MAGIC, len(pages), size, zlib.crc32(body + _NUMBER.pack(size)))


def _apply(descriptor: int, pages: dict[int, Any], size: int) -> None:
    for number in sorted(pages):
        _write(descriptor, pages[number], number * PAGE)
    sync(descriptor)
    _truncate(descriptor, size)
    sync(descriptor)


def pending_commit(descriptor: int) -> tuple[dict[int, bytes], int] | None:
    """The pages of a complete journal at the end of a file, and the size after the commit; None without one."""
    length = os.fstat(descriptor).st_size
    if length < _END.size:
        return None
    magic, count, size, check = _END.unpack(os.pread(descriptor, _END.size, length - _END.size))
    record = _NUMBER.size + PAGE
    begin = length - _END.size - count * record
    if magic != _MAGIC or begin < 0 or begin < size:
        return None
    body = os.pread(descriptor, count * record, begin)
    if zlib.crc32(body + _NUMBER.pack(size)) != check:
        return None
    pages = {_NUMBER.unpack_from(body, i)[0]: body[i + _NUMBER.size : i + record] for i in range(0, len(body), record)}
    return (pages, size) if all((number + 1) * PAGE <= begin for number in pages) else None


def finish_commit(path: Path) -> None:
    """Complete the commit in whose midst the writer of a file was killed, if it was; nothing while it lives.

    Raises
    ------
    FileError
        If the file may not be changed.
    """
    with open_file(path) as stream, abandoned(path) as free:
        pending = pending_commit(stream.fileno()) if free else None
        if pending is None:
            return
        try:
            descriptor = os.open(path, os.O_RDWR | getattr(os, "O_BINARY", 0))
            try:
                _apply(descriptor, *pending)
            finally:
                os.close(descriptor)
        except OSError as error:
            raise FileError(
                f"{path_text(path)}: its last commit cannot be completed ({error.strerror}); make the file writable"
            ) from None
