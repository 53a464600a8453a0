"""Numpy's ``.npy`` and ``.npz`` files, read without trusting them, and written under any name.

Nothing is unpickled or evaluated: the header of an array is matched against the form that the file format prescribes
(numpy.lib.format, versions 1.0 to 3.0). What it declares is compared with the bytes that are there before memory is
taken, and what an archive would unpack to is limited.
"""

from __future__ import annotations

import math
import os
import re
import zipfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from .._text import CONTROL, one_line, path_text, shown
from ..errors import FileError
from .files import replace_file
from .reading import open_file

#: An archive may unpack to this many bytes, or to so many times its own size if that is more.
UNPACKED, RATIO = 2**30, 16
#: Bytes that are read at a time.
BLOCK = 2**22
_MAGIC = b"\x93NUMPY"
_HEADER, _RANK, _DIRECTORY, _MEMBERS = 10_000, 32, 2**22, 10_000
_ELEMENTS, _ORDERS = 2**56, ("True", "False")
#: One entry of a header: its name, then the text of its value in the group of its kind.
_ENTRY = re.compile(
    r"""\s*(['"])(descr|fortran_order|shape)\1\s*:\s*"""
    r"""(?:'([^'\\]*)'|"([^"\\]*)"|(True|False)|\(([\d,L\s]*)\)|(\[))\s*,?\s*""",
    re.ASCII,
)
_DTYPE = re.compile(r"[<>|=]?(?:[biufcSUV]\d{1,9}|O8?|[mM]8(?:\[\w{1,20}\])?)", re.ASCII)
_NAMES = {"b": "booleans", "i": "integers", "u": "unsigned integers", "f": "floats", "c": "complex numbers"}
_NAMES |= {"U": "text", "S": "bytes", "O": "Python objects", "V": "records", "m": "durations", "M": "dates"}


@dataclass(frozen=True)
class Header:
    """What an array declares of itself: ``dtype``, ``shape``, whether columns come first, and bytes in ``size``."""

    dtype: np.dtype[Any]
    shape: tuple[int, ...]
    columns_first: bool

    @property
    def count(self) -> int:
        """Number of elements."""
        return math.prod(self.shape)

    @property
    def size(self) -> int:
        """Bytes of the elements."""
        return self.count * self.dtype.itemsize


class ArrayFile:
    """An open ``.npy`` or ``.npz`` file, whose sizes have been checked; made by :func:`open_arrays`.

    Attributes
    ----------
    headers : dict
        Name of each array -> Header; the array of an ``.npy`` file has the name "".
    """

    def __init__(self, name: str, stream: BinaryIO, remedy: str) -> None:
        self.name, self.stream, self.remedy = name, stream, remedy
        self.headers: dict[str, Header] = {}
        self._archive: Any = None
        self._members: dict[str, Any] = {}
        self._starts: dict[str, int] = {}
        self.bytes = os.fstat(stream.fileno()).st_size
        start = stream.read(len(_MAGIC))
        if start == _MAGIC:
            self._starts[""] = self._declare("", stream, self.bytes)
        elif start[:2] == b"PK":
            with self.guard():
                self._open_archive()
        else:
            what = f"starts with {start!r}" if start else "is empty"
            raise self.error(f"it {what}, an .npy file starts with {_MAGIC!r}, an .npz file with b'PK'")

    def error(self, what: str, array: str = "") -> FileError:
        """Return a FileError that names the file and the array."""
        return FileError(f"{self.name}: {f'array {shown(array)}: ' if array else ''}{what}; {self.remedy}")

    @contextmanager
    def guard(self, array: str = "") -> Iterator[None]:
        """Turn whatever ``zipfile`` and the decompressor say about a damaged archive into a FileError."""
        try:
            yield
        except FileError:
            raise
        except Exception as error:  # zipfile raises nearly every built-in exception on damaged archives
            raise self.error(f"damaged or truncated ({one_line(error)})", array) from None

    def _open_archive(self) -> None:
        """Look through the directory of the archive: no array is unpacked that cannot be trusted."""
        archive = self._archive = zipfile.ZipFile(_Bounded(self.stream))
        members = sorted(archive.infolist(), key=lambda m: m.header_offset)
        if len(members) > _MEMBERS:
            raise self.error(f"holds {len(members)} arrays, the limit is {_MEMBERS}")
        end = 0
        for member in members:
            array = member.filename.removesuffix(".npy")
            if array in self._members or array == member.filename:
                raise self.error("is there twice" if array in self._members else "is no .npy array", array)
            if "/" in array:  # as in a network, any other name will do: nothing is unpacked onto the disk
                raise self.error("has a path for a name", array)
            if not array or CONTROL.search(array):
                raise self.error("has no name, or a control character in it", array or "nameless")
            if member.flag_bits & 1:
                raise self.error("is encrypted", array)
            if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
                raise self.error(f"is compressed by method {member.compress_type}, numpy knows 0 and 8", array)
            if member.header_offset < end:
                raise self.error("overlaps with another array", array)
            end = member.header_offset + 30 + member.compress_size
            if end > self.bytes:
                raise self.error("lies beyond the end of the file", array)
            self._members[array] = member
        unpacked, limit = sum(m.file_size for m in members), max(UNPACKED, RATIO * self.bytes)
        if unpacked > limit:
            raise self.error(f"would unpack to {unpacked} bytes, the limit is {limit}")
        for array, member in self._members.items():
            with self.guard(array), archive.open(member) as stream:
                if stream.read(len(_MAGIC)) != _MAGIC:
                    raise self.error("is no .npy array", array)
                self._starts[array] = self._declare(array, stream, member.file_size)

    def _declare(self, array: str, stream: Any, size: int) -> int:
        """Read a header, compare it with the ``size`` bytes that are there, and return where the elements begin."""
        version, length = stream.read(2), 2
        if version not in (b"\1\0", b"\2\0", b"\3\0"):
            raise self.error(f"has format version {tuple(version)}, versions 1.0 to 3.0 are read", array)
        length = 2 if version == b"\1\0" else 4
        text = int.from_bytes(stream.read(length), "little")
        if text > _HEADER:
            raise self.error(f"has a header of {text} bytes, the limit is {_HEADER}", array)
        start = len(_MAGIC) + 2 + length + text
        header = self._parse(stream.read(text).decode("utf-8" if version == b"\3\0" else "latin-1", "replace"), array)
        if header.size != size - start:
            declared = f"declares {header.size} bytes (shape {shown(header.shape)}, {header.dtype})"
            raise self.error(f"{declared}, but the file holds {size - start}", array)
        self.headers[array] = header
        return start

    def _parse(self, text: str, array: str) -> Header:
        """Read the three entries of a header: ``{'descr': '<f8', 'fortran_order': False, 'shape': (3, 4), }``."""
        found: dict[str, str] = {}
        body = text.strip()
        at, end = 1, len(body) - 1
        while entry := _ENTRY.match(body, at, end):
            _, key, *values = entry.groups()
            found[key] = next(value for value in values if value is not None)
            at = entry.end()
            if found[key] == "[":
                raise self.error("holds records, expected plain numbers", array)
        if body[:1] + body[-1:] != "{}" or at != end or len(found) < 3 or found["fortran_order"] not in _ORDERS:
            raise self.error(f"has a header that is none of numpy's ({shown(body)})", array)
        try:
            dtype = np.dtype(found["descr"]) if _DTYPE.fullmatch(found["descr"]) else None
        except (TypeError, ValueError):
            dtype = None
        if dtype is None or not dtype.itemsize:
            raise self.error(f"has the unknown dtype {shown(found['descr'])}", array)
        if dtype.kind in "OV":
            raise self.error(f"holds {_NAMES[dtype.kind]}, expected plain numbers", array)
        sizes = [size.strip().removesuffix("L") for size in found["shape"].split(",")]
        shape = tuple(int(size) if size.isdigit() and len(size) < 19 else -1 for size in sizes if size)
        if len(shape) > _RANK or min(shape, default=0) < 0 or math.prod(max(n, 1) for n in shape) > _ELEMENTS:
            raise self.error(f"has the shape ({shown(found['shape'])}), which no array can have", array)
        return Header(dtype, shape, found["fortran_order"] == "True")

    def require(self, array: str, kinds: str = "biuf", shape: tuple[int | None, ...] | None = None) -> Header:
        """Return the header of an array; FileError if it is absent, of another kind or of another shape.

        Parameters
        ----------
        array : str
            Its name.
        kinds : str
            Kinds of numpy's dtypes that are welcome: b, i, u, f, c, U.
        shape : tuple of int or None
            The shape it must have, None for any length; None altogether for any shape.
        """
        if array not in self.headers:
            known = ", ".join(map(shown, list(self.headers)[:20])) or "none"
            raise self.error(f"holds no array {shown(array)}, it has {known}")
        header = self.headers[array]
        if header.dtype.kind not in kinds:
            wanted = " or ".join(_NAMES[kind] for kind in kinds)
            raise self.error(f"holds {_NAMES[header.dtype.kind]}, expected {wanted}", array)
        if shape is not None and (
            len(shape) != len(header.shape) or any(n not in (None, m) for n, m in zip(shape, header.shape, strict=True))
        ):
            wanted = str(shape).replace("None", "n")
            raise self.error(f"has shape {shown(header.shape)}, expected {wanted}", array)
        return header

    def read(
        self, array: str, kinds: str = "biuf", shape: tuple[int | None, ...] | None = None, limit: int = 2**28
    ) -> NDArray[Any]:
        """Return an array, as :meth:`require` describes it, of at most ``limit`` elements; FileError otherwise."""
        header = self.require(array, kinds, shape)
        if header.count > limit:
            raise self.error(f"has {header.count} numbers, the limit is {limit}", array)
        out = np.empty(header.count, header.dtype)
        at = 0
        for block in self.blocks(array):
            out[at : at + len(block)] = block
            at += len(block)
        if header.columns_first:
            return out.reshape(header.shape[::-1]).T
        return out.reshape(header.shape)

    def blocks(self, array: str) -> Iterator[NDArray[Any]]:
        """Yield the elements of an array in the order of the file, about ``BLOCK`` bytes at a time."""
        header = self.headers[array]
        left, items = header.count, max(1, BLOCK // max(header.dtype.itemsize, 1))
        with self.guard(array), self._elements(array) as stream:
            while left:
                count = min(left, items)
                data = bytearray(count * header.dtype.itemsize)
                _fill(stream, memoryview(data))
                block = np.frombuffer(data, header.dtype)
                if header.dtype.kind == "b" and (block.view(np.uint8) > 1).any():
                    raise self.error("holds booleans that are neither 0 nor 1", array)
                yield block
                left -= count
            if self._archive:
                stream.read(1)  # at the end of a member its checksum is compared

    @contextmanager
    def _elements(self, array: str) -> Iterator[Any]:
        if self._archive is None:
            self.stream.seek(self._starts[array])
            yield self.stream
        else:
            with self._archive.open(self._members[array]) as stream:
                _fill(stream, memoryview(bytearray(self._starts[array])))
                yield stream

    def text(self, array: str, limit: int = 2**18) -> str:
        """Return an array of shape () that holds one text of at most ``limit`` characters."""
        header = self.require(array, "U", ())
        if header.size > 4 * limit:
            raise self.error(f"holds a text of {header.size // 4} characters, the limit is {limit}", array)
        with self.guard(array):
            return str(self.read(array, "U"))


def _fill(stream: Any, target: memoryview) -> None:
    """Read as many bytes as fit into ``target``; EOFError if there are fewer."""
    at = 0
    while at < len(target):
        got = stream.read(min(len(target) - at, BLOCK))
        if not got:
            raise EOFError("the data end early")
        target[at : at + len(got)] = got
        at += len(got)


class _Bounded:
    """A file for ``zipfile``, which reads a directory of any declared size in one go: that size is limited here."""

    def __init__(self, stream: BinaryIO) -> None:
        self.stream = stream
        self.seek, self.tell, self.seekable = stream.seek, stream.tell, stream.seekable

    def read(self, size: int = -1) -> bytes:
        data = self.stream.read(_DIRECTORY + 1 if size < 0 else min(size, _DIRECTORY + 1))
        if len(data) > _DIRECTORY:
            raise ValueError(f"its directory is larger than {_DIRECTORY} bytes")
        return data


@contextmanager
def open_arrays(
    path: str | os.PathLike[str], remedy: str = "write it again with numpy.save or numpy.savez"
) -> Iterator[ArrayFile]:
    """Open an ``.npy`` or ``.npz`` file (told apart by their first bytes) for reading.

    Parameters
    ----------
    path : path
        A regular file.
    remedy : str
        What to do about a file that is refused; it ends every message.

    Raises
    ------
    FileError
        If the file is missing, no regular file, neither kind of file, damaged, truncated, encrypted or compressed in a
        way that numpy does not write, or if an array declares another size than it has.
    """
    with open_file(path, remedy) as stream:
        yield ArrayFile(path_text(path), stream, remedy)


def save_arrays(path: str | os.PathLike[str], arrays: Iterable[tuple[str, NDArray[Any]]]) -> None:
    """Write an ``.npz`` file, one array after the other; names may be any ("file", "allow_pickle"), unlike numpy's own.

    Parameters
    ----------
    path : path-like
        File to write; an older one stays until the new one is complete.
    arrays : iterable of (str, array)
        Names and arrays.

    Raises
    ------
    FileError
        If the file cannot be written.
    """
    with replace_file(path) as file, zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, array in arrays:
            with archive.open(f"{name}.npy", "w", force_zip64=True) as stream:
                np.lib.format.write_array(stream, np.asarray(array), allow_pickle=False)
