"""Nodes as groups of an HDF5 file."""

from __future__ import annotations

import zlib
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from io import BytesIO
from typing import Any

import h5py
import numpy as np

#: Numbers in an HDF5 chunk.
CHUNK = 2**17


@contextmanager
def new_file() -> Generator[tuple[h5py.File, BytesIO]]:
    """A new HDF5 file in memory, and the memory, which holds all of it once the file is closed."""
    memory = BytesIO()
    with h5py.File(memory, "w") as file:
        yield file, memory


def uncompressed(memory: BytesIO) -> BytesIO:
    """The same HDF5 file without compression, for numbers of which so little is left that no reader would trust it."""
    with h5py.File(memory, "r") as old, new_file() as (new, out):

        def copy(name: str, item: Any) -> None:
            if isinstance(item, h5py.Dataset) and item.compression:
                data = new.create_dataset(name, item.shape, item.dtype, chunks=item.chunks)
                for place in item.iter_chunks():
                    data[place] = item[place]
            elif isinstance(item, h5py.Dataset):
                old.copy(item, new, name)

        old.visititems(copy)
    return out


def new_node(
    nodes: h5py.Group, name: str, kind: str, metadata: Mapping[str, Any] | None = None, **values: Any
) -> h5py.Group:
    """A new node of type ``kind`` with datasets ``values``."""
    group = nodes.create_group(name)
    put(group, "type", kind)
    for key, value in values.items():
        put(group, key, value)
    for key, value in (metadata or {}).items():
        put(group.require_group("metadata"), key, value)
    return group


def put(group: h5py.Group, key: str, value: Any) -> None:
    """Write a text, an array of texts, a number or an array; large arrays are compressed where that is worth it."""
    if isinstance(value, str) or (isinstance(value, np.ndarray) and value.dtype == object):
        group.create_dataset(key, data=value, dtype=h5py.string_dtype())
    elif isinstance(value, np.ndarray) and value.size > 1024:
        sample = np.ascontiguousarray(value[:: max(1, value.size // 8192)])
        worth = len(zlib.compress(sample.tobytes(), 1)) < 0.8 * sample.nbytes or value.dtype.kind in "iu"
        chunks = tuple(min(n, CHUNK) for n in value.shape)
        options = {"compression": "gzip", "compression_opts": 1, "shuffle": True, "chunks": chunks} if worth else {}
        group.create_dataset(key, data=value, **options)
    else:
        group.create_dataset(key, data=value)
