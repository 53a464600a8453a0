"""Bytes within a page of HTML: data blocks that are read when they are needed.

Small pages hold base64, whatever they are sent as. Above :data:`LARGE`, where base64 would add a third, every byte is
one character of the encoding windows-1252, in which each byte stands for a character, and only those that HTML would
change are written as two.
"""

from __future__ import annotations

import re
from base64 import b64encode

#: Bytes of a page from which on they are written as characters of one byte.
LARGE = 30_000_000
#: Bytes of a data block, about.
_BLOCK = 2**20
#: Marks a character that stands for another one; NUL, CR and the mark itself are written as two.
_MARK = b"="
_CHANGED = {b"=": b"=}", b"\0": b"=@", b"\r": b"=M"}
_UNSAFE = re.compile(rb"<(?=[!/s])", re.IGNORECASE)


class Blobs:
    """Bytes that a page holds, gathered in blocks."""

    def __init__(self) -> None:
        self._blocks: list[bytearray] = [bytearray()]

    def add(self, data: bytes) -> list[int]:
        """Keep ``data``; returns its place: block, first byte, length."""
        if len(self._blocks[-1]) > _BLOCK:
            self._blocks.append(bytearray())
        block = self._blocks[-1]
        block += data
        return [len(self._blocks) - 1, len(block) - len(data), len(data)]

    @property
    def size(self) -> int:
        """Bytes kept."""
        return sum(map(len, self._blocks))

    @property
    def encoding(self) -> str:
        """Encoding of the page: "utf-8" or "windows-1252"."""
        return "windows-1252" if self.size > LARGE else "utf-8"

    def texts(self) -> list[bytes]:
        """The blocks as they stand within elements ``script``, in order."""
        write = _characters if self.size > LARGE else b64encode
        return [write(bytes(block)) for block in self._blocks]


def _characters(data: bytes) -> bytes:
    """``data`` as bytes that HTML leaves as they are within an element ``script``."""
    for byte, pair in _CHANGED.items():
        data = data.replace(byte, pair)
    return _UNSAFE.sub(b"=|", data)
