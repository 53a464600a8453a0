"""Parts of an HDF5 file decoded here, with bounds, because the HDF5 library loops or crashes in damaged ones.

These are the heaps of variable-length strings, the attributes that refer to them, and the filters of chunks, whose
output the library does not limit. Sections refer to the HDF5 File Format Specification, version 3.0.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Sequence
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

#: Bytes of text, and of string heaps, that are decoded from one file.
TEXT = 2**24
#: A string on disk: length, address of its heap, index in the heap (II.C.2).
REFERENCE = np.dtype([("length", "<u4"), ("heap", "<u8"), ("index", "<u4")])
#: Identifiers of the filters that are read (III.B.2.l; 32000 is registered for LZF).
DEFLATE, SHUFFLE, FLETCHER32, LZF = 1, 2, 3, 32000
#: Messages in the object header of one group or dataset.
_MESSAGES = 2**14
_CONTINUATION, _ATTRIBUTE, _FILL_VALUE = 0x10, 0x0C, 0x05


class RawFile:
    """The bytes of an HDF5 file. All methods raise ValueError for what is damaged."""

    def __init__(self, stream: BinaryIO, size: int) -> None:
        self.stream, self.size = stream, size
        self._heaps: dict[int, dict[int, bytes]] = {}
        self._loaded = self._decoded = 0
        start = self.read(0, min(16, size))
        at = 9 if start[8:9] >= b"\x02" else 13  # superblock version 2 and later, or 0 and 1 (II.A)
        self.usual = start[at : at + 2] == b"\x08\x08"  # sizes of addresses and lengths

    def read(self, offset: int, size: int) -> bytes:
        """Return ``size`` bytes at ``offset``."""
        if offset < 0 or size < 0 or offset + size > self.size:
            raise ValueError(f"refers to bytes {offset}..{offset + size} of a file of {self.size} bytes")
        self.stream.seek(offset)
        data = self.stream.read(size)
        if len(data) < size:
            raise ValueError("was cut short while it was read")
        return data

    def string(self, length: int, address: int, index: int) -> str:
        """Return the string of a reference (length, heap, index)."""
        if length == 0:
            return ""
        self._decoded += length
        if self._decoded > TEXT:
            raise ValueError(f"holds more than {TEXT} bytes of text, the limit")
        data = self._heap(address).get(index)
        if data is None or len(data) < length:
            raise ValueError("has a damaged string heap")
        return data[:length].decode("utf-8")

    def _heap(self, address: int) -> dict[int, bytes]:
        """Return the objects of the global heap collection at ``address`` by index (III.E)."""
        if not self.usual:
            raise ValueError("has addresses of an unusual size")
        if address not in self._heaps:
            header = self.read(address, 16)
            size = int.from_bytes(header[8:], "little")
            self._loaded += size
            if header[:5] != b"GCOL\x01" or self._loaded > 2 * TEXT:
                raise ValueError("has a damaged string heap")
            block, items, at = self.read(address, size), {}, 16
            while at + 16 <= size:
                index = int.from_bytes(block[at : at + 2], "little")
                length = int.from_bytes(block[at + 8 : at + 16], "little")
                if index == 0:  # the free space that ends a collection
                    break
                items[index] = block[at + 16 : at + 16 + length]
                at += 16 + (length + 7) // 8 * 8
            self._heaps[address] = items
        return self._heaps[address]

    # --- attributes ---

    def attribute_text(self, address: int, name: bytes) -> str:
        """Return the variable-length string held by attribute ``name`` of the object whose header is at ``address``."""
        for kind, body in self._messages(address):
            if kind != _ATTRIBUTE:
                continue
            found, data = _split_attribute(body)
            if found == name:
                (reference,) = np.frombuffer(data, REFERENCE, count=1)
                return self.string(*map(int, reference))
        raise ValueError("keeps its attributes in an unusual layout, as the newest format does with more than eight")

    def fill_value(self, address: int) -> bytes:
        """Return the bytes of the value of what is not stored of the dataset at ``address``; b"" stands for 0."""
        bodies = [body for kind, body in self._messages(address) if kind == _FILL_VALUE]
        if not bodies:
            return b""
        body = bodies[0]  # IV.A.2.f
        if len(body) < 2 or not 1 <= body[0] <= 3:
            raise ValueError("has a damaged fill value")
        at, defined = (2, body[1] & 0x20) if body[0] == 3 else (4, body[0] == 1 or body[3:4] == b"\x01")
        size = int.from_bytes(body[at : at + 4], "little", signed=True) if defined else 0
        value = body[at + 4 : at + 4 + max(0, size)]
        return value if any(value) else b""

    def _messages(self, address: int) -> Iterator[tuple[int, bytes]]:
        """Yield type and body of the messages of an object header, version 1 or 2 (IV.A.1)."""
        if not self.usual:
            raise ValueError("has addresses of an unusual size")
        head = self.read(address, 16)
        if head[:4] == b"OHDR":
            flags = head[5]
            at = address + 6 + (16 if flags & 0x20 else 0) + (4 if flags & 0x10 else 0)
            width = 1 << (flags & 3)
            blocks = [(at + width, int.from_bytes(self.read(at, width), "little"))]
            prefix = 6 if flags & 4 else 4
        elif head[0] == 1:
            flags, prefix = None, 8
            blocks = [(address + 16, int.from_bytes(head[8:12], "little"))]
        else:
            raise ValueError("has a damaged object header")
        count, seen = 0, set()
        while blocks:
            block = blocks.pop()
            if block in seen:
                raise ValueError("has an object header that leads back to itself")
            seen.add(block)
            data, at = self.read(*block), 0
            if flags is not None and len(seen) > 1:  # a continuation block of version 2: signature and checksum
                if data[:4] != b"OCHK":
                    raise ValueError("has a damaged object header")
                data = data[4:-4]
            while at + prefix <= len(data):
                kind = data[at] if flags is not None else int.from_bytes(data[at : at + 2], "little")
                skip = 1 if flags is not None else 2
                size = int.from_bytes(data[at + skip : at + skip + 2], "little")
                body = data[at + prefix : at + prefix + size]
                at += prefix + size
                count += 1
                if count > _MESSAGES:
                    raise ValueError(f"has more than {_MESSAGES} header messages")
                if kind == _CONTINUATION and len(body) >= 16:
                    blocks.append((int.from_bytes(body[:8], "little"), int.from_bytes(body[8:16], "little")))
                else:
                    yield kind, body


def _split_attribute(body: bytes) -> tuple[bytes, bytes]:
    """Return name and data of an attribute message (IV.A.2.m)."""
    if len(body) < 9:
        raise ValueError("has a damaged attribute")
    sizes = [int.from_bytes(body[at : at + 2], "little") for at in (2, 4, 6)]
    if body[0] == 1:  # name, datatype and dataspace are padded
        start, sizes = 8, [(size + 7) // 8 * 8 for size in sizes]
    else:
        start = 9 if body[0] == 3 else 8
    return body[start : start + sizes[0]].split(b"\0")[0], body[start + sum(sizes) :]


# --- chunks ------------------------------------------------------------------------------------------------------


def decode_chunk(data: bytes, filters: Sequence[int], mask: int, size: int, itemsize: int) -> bytes | NDArray[np.uint8]:
    """Undo the filters of a chunk; ValueError unless that gives ``size`` bytes.

    Parameters
    ----------
    data : bytes
        The chunk as it is stored.
    filters : sequence of int
        Identifiers of the filters in the order in which they were applied. After LZF, or where a checksum is to be
        checked, only the sizes are checked, and b"" says that the library has to decode.
    mask : int
        Bit i is set where filter i was left out.
    size : int
        Bytes of the chunk.
    itemsize : int
        Bytes of an element.
    """
    out: bytes | NDArray[np.uint8] = data
    library = False
    for position in reversed(range(len(filters))):
        code = filters[position]
        if mask >> position & 1:
            continue
        if code == DEFLATE:
            stream = zlib.decompressobj()
            try:
                out = stream.decompress(bytes(out), size + 5)  # a checksum may follow
            except zlib.error as error:
                raise ValueError(f"has damaged compressed data ({error})") from None
            if not stream.eof:
                raise ValueError(f"has a chunk that does not unpack to its {size} bytes")
        elif code == SHUFFLE and not library:
            if len(out) != size or size % itemsize:
                raise ValueError("has a damaged chunk")
            planes = np.frombuffer(out, np.uint8).reshape(itemsize, -1)
            elements = np.empty((planes.shape[1], itemsize), np.uint8)
            for i, plane in enumerate(planes):
                elements[:, i] = plane
            out = elements.reshape(-1)
        elif code == FLETCHER32:
            out, library = out[:-4], True
        elif code == LZF:
            if len(out) > size:
                raise ValueError("has a chunk that grew by compression")
            return b""
    if len(out) != size:
        raise ValueError(f"has a chunk of {len(out)} bytes, expected {size}")
    return b"" if library else out
