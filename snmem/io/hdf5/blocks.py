"""Datasets of an HDF5 file in parts, so that no more than one part is unpacked at a time."""

from __future__ import annotations

from collections.abc import Iterator
from math import ceil, prod
from typing import TYPE_CHECKING, Any

import h5py
import numpy as np
from numpy.typing import NDArray

from ..._text import shown
from .raw import DEFLATE, FLETCHER32, LZF, SHUFFLE, decode_chunk

if TYPE_CHECKING:
    from .store import Store

Place = tuple[slice, ...]
#: Bytes of a chunk, and of one compressed by LZF, whose output the library does not limit.
_CHUNK, _LZF_CHUNK = 2**27, 2**22
#: Chunks of a file.
CHUNKS = 2**18
#: Numbers of a dataset without chunks that are read at once.
_BLOCK = 2**21
_FILTERS = {DEFLATE: "gzip", SHUFFLE: "shuffle", FLETCHER32: "fletcher32", LZF: "lzf"}


def address_of(item: Any) -> int:
    """Return where the header of a group or dataset begins. h5o.get_info also measures indices, and crashes at that."""
    low, high = h5py.h5g.get_objinfo(item.id).objno
    return low | high << 32


def check_layout(store: Store, item: Any, owner: str) -> list[int]:
    """Return the filters of a dataset.

    FileError if it keeps its data elsewhere, in giant chunks, or behind filters that are not read.
    """
    properties = item.id.get_create_plist()
    if properties.get_layout() == h5py.h5d.VIRTUAL or properties.get_external_count():
        raise store.error(owner, "keeps its data in another file; store the data itself")
    if not item.chunks:
        return []
    filters = _filters(properties)
    codes = [code for code, _ in filters]
    unknown = [name for code, name in filters if code not in _FILTERS]
    if unknown or len(set(codes)) < len(codes) or {DEFLATE, LZF} <= set(codes):
        names = ", ".join(unknown or [name for _, name in filters])
        raise store.error(owner, f"is stored with filter {names}; use gzip, lzf, shuffle or fletcher32")
    limit = _LZF_CHUNK if LZF in codes else _CHUNK
    if prod(item.chunks) * item.id.get_type().get_size() > limit:
        raise store.error(owner, f"is stored in chunks of shape {item.chunks}, the limit is {limit} bytes")
    return codes


def _filters(properties: Any) -> list[tuple[int, str]]:
    """Identifier and name of each filter of a dataset."""
    found = [properties.get_filter(i) for i in range(properties.get_nfilters())]
    return [
        (code, _FILTERS.get(code) or f"{code} {shown(name.decode('utf-8', 'replace'))}") for code, _, _, name in found
    ]


def blocks(
    store: Store, item: Any, owner: str, kind: np.dtype[Any] | None = None
) -> Iterator[tuple[Place, NDArray[Any]]]:
    """Yield the parts of a dataset with their places, in ascending order; parts of zeros may be left out.

    Parameters
    ----------
    store : Store
        The file.
    item : dataset
        As checked by ``store.plain``.
    owner : str
        How errors call it.
    kind : dtype or None
        Take the bytes of the elements as they are stored, as values of this type.
    """
    with store.guard(owner):
        chunks = Chunks(store, item, owner, kind) if item.chunks else None
        stored = len(chunks.places) == chunks.count if chunks else item.id.get_storage_size() > 0
        fill = _fill_value(store, item) if kind is None and not stored else None
    if chunks and fill is None:
        yield from ((place, chunks.read(place)) for place in chunks.places)
        return
    if not (chunks or stored or fill is not None):
        return
    shape, grid = item.shape, chunks.chunks if chunks else _grid(item.shape)
    counts = [ceil(n / step) for n, step in zip(shape, grid, strict=True)]
    if chunks and chunks.count > CHUNKS:
        raise store.error(owner, f"consists of {chunks.count} chunks, the limit is {CHUNKS}; use larger ones")
    for index in np.ndindex(*counts):
        place = _place(tuple(int(i) * step for i, step in zip(index, grid, strict=True)), grid, shape)
        if chunks is None and stored:
            yield place, _part(store, item, owner, place, kind)
        elif chunks is not None and _corner(place) in chunks.found:
            yield place, chunks.read(place)
        else:
            yield place, np.full(tuple(s.stop - s.start for s in place), fill)


def _fill_value(store: Store, item: Any) -> Any:
    """Return the value of what is not stored of a dataset, None for zeros. The library crashes at damaged ones."""
    data = store.raw.fill_value(address_of(item))
    if not data:
        return None
    if len(data) != item.dtype.itemsize or h5py.h5t.py_create(item.dtype) != item.id.get_type():
        raise ValueError("has an unusual fill value")
    return np.frombuffer(data, item.dtype)[0]


def _part(store: Store, item: Any, owner: str, place: Place, kind: np.dtype[Any] | None) -> NDArray[Any]:
    """Read a part of a dataset that has no chunks."""
    with store.guard(owner):
        if kind is None:
            return np.asarray(item[place])
        offset = item.id.get_offset()
        if offset is None or item.id.get_storage_size() != item.size * kind.itemsize:
            raise store.error(owner, "stores its text in an unusual layout; write the file again with nir.write")
        first = int(np.ravel_multi_index(_corner(place), item.shape)) if place else 0
        shape = tuple(s.stop - s.start for s in place)
        data = store.raw.read(offset + first * kind.itemsize, prod(shape) * kind.itemsize)
        return np.frombuffer(data, kind).reshape(shape)


class Chunks:
    """The stored chunks of a dataset. Raises ValueError for what is damaged, unless it says FileError."""

    def __init__(self, store: Store, item: Any, owner: str, kind: np.dtype[Any] | None) -> None:
        self.store, self.item, self.owner = store, item, owner
        self.shape, self.chunks = item.shape, item.chunks
        self.itemsize = item.id.get_type().get_size()
        self.size = prod(self.chunks) * self.itemsize
        #: Chunks that the shape asks for; not all of them need be stored.
        self.count = prod(ceil(n / step) for n, step in zip(self.shape, self.chunks, strict=True))
        self.filters = store.filters(item)
        plain = kind is not None or h5py.h5t.py_create(item.dtype) == item.id.get_type()
        #: Type of the elements as they are stored; None where the library has to convert them.
        self.kind = (kind or item.dtype) if plain else None
        self.texts = kind is not None
        self.found: dict[tuple[int, ...], tuple[int, int, int]] = {}
        self._locate()
        self.places = [_place(corner, self.chunks, self.shape) for corner in sorted(self.found)]

    def _locate(self) -> None:
        """Find address, size and filter mask of every chunk."""
        limit = min(self.count, CHUNKS)
        count = 0

        def take(chunk: Any) -> bool | None:
            nonlocal count
            count += 1
            self.found[tuple(chunk.chunk_offset)] = chunk.byte_offset, chunk.size, chunk.filter_mask
            return True if count > limit else None  # True ends the iteration

        self.item.id.chunk_iter(take)
        self.store.count_chunks(count, self.owner)
        if count > len(self.found):
            raise ValueError("a chunk is there twice")
        for corner in self.found:
            if any(at % step or at >= n for at, step, n in zip(corner, self.chunks, self.shape, strict=True)):
                raise ValueError(f"a chunk lies at {corner}")

    def read(self, place: Place) -> NDArray[Any]:
        """Unpack the chunk at ``place``."""
        offset, stored, mask = self.found[_corner(place)]
        with self.store.guard(self.owner):
            self.store.count_unpacked(self.size, self.owner)
            if stored > 2 * self.size + 1024:
                raise ValueError(f"a chunk of {self.size} bytes is stored in {stored}")
            data = decode_chunk(self.store.raw.read(offset, stored), self.filters, mask, self.size, self.itemsize)
            if len(data) and self.kind is not None:
                block = np.frombuffer(data, np.uint8) != 0 if self.kind.kind == "b" else np.frombuffer(data, self.kind)
                return block.reshape(self.chunks)[tuple(slice(s.stop - s.start) for s in place)]
            if self.texts:
                raise ValueError("its text is stored in an unusual way")
            return np.asarray(self.item[place])


def _corner(place: Place) -> tuple[int, ...]:
    return tuple(s.start for s in place)


def _place(corner: tuple[int, ...], step: tuple[int, ...], shape: tuple[int, ...]) -> Place:
    return tuple(slice(a, min(a + s, n)) for a, s, n in zip(corner, step, shape, strict=True))


def _grid(shape: tuple[int, ...]) -> tuple[int, ...]:
    """Shape of the parts, of up to _BLOCK numbers that follow one another, in which an array is read."""
    step, room = [1] * len(shape), _BLOCK
    for axis in reversed(range(len(shape))):
        step[axis] = max(1, min(shape[axis], room))
        if step[axis] < shape[axis]:
            break
        room //= max(1, step[axis])
    return tuple(step)
