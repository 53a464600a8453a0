"""HDF5 files from anywhere, read without trusting them.

The HDF5 library checks most of what it reads, and what it reports becomes one FileError here. Three things it does
not do for us: it loads whatever size a file declares (so sizes are checked first), it follows links to other files
(refused), and it can loop for minutes in a damaged heap of variable-length strings (decoded here, with bounds).
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import h5py
import numpy as np
from numpy.typing import NDArray

from ..errors import FileError, InputError

_SIGNATURE = b"\x89HDF\r\n\x1a\n"
#: Largest chunk (in bytes) and longest text (in bytes) that a file may hold.
_CHUNK, _TEXT = 2**28, 2**26
#: A string on disk: length, address of its heap, index in the heap.
_REFERENCE = np.dtype([("length", "<u4"), ("heap", "<u8"), ("index", "<u4")])


def _shortened(text: str, limit: int) -> str:
    return text if len(text) <= limit else f"{text[: limit // 2]} ... {text[-limit // 2 :]}"


@dataclass(frozen=True)
class Limits:
    """What a file may ask for, so that a damaged or hostile one cannot exhaust memory.

    neurons : neurons and input lines of all nodes together.    synapses : synapses of the network.
    numbers : numbers of all datasets together (a dense weight matrix counts in full).
    nodes : nodes of all graphs together.    depth : graphs nested in one another.    delay : steps of a delay.
    """

    neurons: int = 10_000_000
    synapses: int = 100_000_000
    numbers: int = 2**29
    nodes: int = 10_000
    depth: int = 32
    delay: int = 100_000


class Heap:
    """Variable-length strings of an HDF5 file, decoded from its global heap collections (HDF5 file format, III.E)."""

    def __init__(self, stream: BinaryIO, size: int) -> None:
        self.stream, self.size = stream, size
        self._collections: dict[int, dict[int, bytes]] = {}
        self._loaded = 0

    def read(self, offset: int, size: int) -> bytes:
        """``size`` bytes at ``offset``; ValueError beyond the end of the file."""
        if offset < 0 or size < 0 or offset + size > self.size:
            raise ValueError(f"refers to bytes {offset}..{offset + size} of a file of {self.size} bytes")
        self.stream.seek(offset)
        return self.stream.read(size)

    def _collection(self, address: int) -> dict[int, bytes]:
        if address not in self._collections:
            header = self.read(address, 16)
            size = int.from_bytes(header[8:], "little")
            self._loaded += size
            if header[:5] != b"GCOL\x01" or self._loaded > max(_TEXT, self.size):
                raise ValueError("has a damaged string heap")
            block, items, at = self.read(address, size), {}, 16
            while at + 16 <= size:
                index = int.from_bytes(block[at : at + 2], "little")
                length = int.from_bytes(block[at + 8 : at + 16], "little")
                if index == 0:  # the free space that ends a collection
                    break
                items[index] = block[at + 16 : at + 16 + length]
                at += 16 + (length + 7) // 8 * 8
            self._collections[address] = items
        return self._collections[address]

    def string(self, length: int, address: int, index: int) -> str:
        """The string that a reference (length, heap, index) points to."""
        if length == 0:
            return ""
        data = self._collection(address).get(index)
        if data is None or len(data) < length:
            raise ValueError("has a damaged string heap")
        return data[:length].decode("utf-8")


class Store:
    """An open NIR file: checked access to its groups and datasets."""

    def __init__(self, path: Path, file: Any, heap: Heap, limits: Limits) -> None:
        self.path, self.file, self.heap, self.limits = path, file, heap, limits
        self._numbers = 0

    def error(self, owner: str, message: str) -> FileError:
        """A FileError that names the file and the object in it, in one line of bounded length."""
        text = f"{self.path.name}: {_shortened(owner, 200)}: {_shortened(message, 500)}"
        return FileError("".join(c if c.isprintable() else "?" for c in text))

    @contextmanager
    def guard(self, owner: str) -> Iterator[None]:
        """Turn whatever the HDF5 library says about a damaged file into a FileError."""
        try:
            yield
        except FileError:
            raise
        except Exception as error:  # h5py raises nearly every built-in exception on damaged files
            text = " ".join(str(error).split())[:200] or type(error).__name__
            raise self.error(owner, f"damaged HDF5 data ({text}); write the file again") from None

    def members(self, group: Any, owner: str) -> dict[str, Any]:
        """Groups and datasets of a group by name; links to elsewhere are refused."""
        with self.guard(owner):
            if len(group) > 4 * self.limits.nodes:
                raise self.error(owner, f"holds {len(group)} members, the limit is {4 * self.limits.nodes}")
            for name in group:
                if not isinstance(group.get(name, getlink=True), h5py.HardLink):
                    raise self.error(owner, f"member {name!r} is a link to another place; store the data itself")
            return {name: group[name] for name in group}

    def dataset(self, item: Any, owner: str) -> Any:
        """``item`` if it is a plain dataset of numbers whose size and layout can be trusted, else FileError."""
        if not isinstance(item, h5py.Dataset):
            raise self.error(owner, "is a group, expected numbers")
        with self.guard(owner):
            kind, shape, chunks = item.dtype.kind, item.shape, item.chunks
            if kind not in "fiub":
                what = {"O": "objects or texts", "S": "texts", "V": "compound values"}.get(kind, str(item.dtype))
                raise self.error(owner, f"holds {what}, expected numbers")
            if shape is None:
                raise self.error(owner, "is an empty dataset, expected numbers")
            if item.is_virtual or item.external:
                raise self.error(owner, "keeps its data in another file; store the data itself")
            if chunks and np.prod(chunks, dtype=float) * item.dtype.itemsize > _CHUNK:
                raise self.error(owner, f"is stored in chunks of shape {chunks}, the limit is {_CHUNK} bytes")
        return item

    def numbers(self, item: Any, owner: str, limit: int) -> NDArray[Any]:
        """A dataset as an array; FileError if it has more than ``limit`` elements."""
        item = self.dataset(item, owner)
        self.claim(item.size, owner, limit)
        with self.guard(owner):
            return np.asarray(item[()])

    def claim(self, count: int, owner: str, limit: int) -> None:
        """Refuse a dataset that is too large, alone or together with those read before."""
        if count > limit:
            raise self.error(owner, f"declares {count} numbers, the limit is {limit}; raise the limit if this is meant")
        self._numbers += count
        if self._numbers > self.limits.numbers:
            raise self.error(owner, f"brings the file to {self._numbers} numbers, the limit is {self.limits.numbers}")

    def texts(self, item: Any, owner: str) -> NDArray[Any]:
        """A dataset of texts (variable or fixed length) as an object array of str, of the dataset's shape."""
        if not isinstance(item, h5py.Dataset):
            raise self.error(owner, "is a group, expected text")
        with self.guard(owner):
            if item.shape is not None and item.size == 0:
                return np.empty(item.shape, object)
            kind = h5py.check_string_dtype(item.dtype)
            if kind is None or item.shape is None:
                raise self.error(owner, f"holds {item.dtype}, expected text")
            self.claim(item.size, owner, 8 * self.limits.nodes)
            if kind.length is not None:
                self.claim(item.size * kind.length, owner, _TEXT)
                flat = [bytes(x).decode("utf-8") for x in np.asarray(item[()]).reshape(-1)]
            else:
                flat = self._variable_length(item, owner)
            out = np.empty(len(flat), object)
            out[:] = flat
            return out.reshape(item.shape)

    def _variable_length(self, item: Any, owner: str) -> list[str]:
        offset, stored = item.id.get_offset(), item.id.get_storage_size()
        if offset is None or stored != item.size * _REFERENCE.itemsize:
            raise self.error(owner, "stores its text in an unusual layout; write the file again with nir.write")
        references = np.frombuffer(self.heap.read(offset, stored), _REFERENCE)
        return [self.heap.string(*map(int, reference)) for reference in references]


@contextmanager
def open_store(path: str | os.PathLike[str], limits: Limits) -> Iterator[Store]:
    """Open an HDF5 file for reading; FileError if it is missing, not HDF5, damaged or truncated."""
    try:
        path = Path(path)
    except TypeError:
        kind = type(path).__name__
        remedy = "write it first: nir.write(path, graph)" if kind == "NIRGraph" else "give the path of a file"
        raise InputError(f"a NIR file is given by its path, got a {kind}; {remedy}") from None
    try:
        size = path.stat().st_size
        stream = path.open("rb")
    except OSError as error:
        reason = "no such file" if isinstance(error, FileNotFoundError) else error.strerror or str(error)
        raise FileError(f"{path}: cannot be read: {reason}; check the path") from None
    except ValueError as error:
        raise FileError(f"{path!r}: is not a path ({error})") from None
    with stream:
        start = stream.read(8)
        if start != _SIGNATURE:
            found = "is empty" if not start else f"starts with {start!r}"
            raise FileError(f"{path}: not a NIR file: it {found}, HDF5 files start with {_SIGNATURE!r}")
        try:
            file = h5py.File(path, "r")
        except BlockingIOError:
            raise FileError(f"{path}: another program is writing it; wait until that is done") from None
        except Exception as error:
            text = " ".join(str(error).split())[:200]
            raise FileError(f"{path}: damaged or truncated HDF5 file ({text}); copy or write it again") from None
        with file:
            yield Store(path, file, Heap(stream, size), limits)
