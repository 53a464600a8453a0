"""HDF5 files from anywhere, read without trusting them: every HDF5 file that snmem reads is opened here.

The HDF5 library checks most of what it reads, and what it reports becomes one FileError. What it does not do for us:

* It follows links, external and virtual storage into other files. All are refused; so are soft links within the file.
* It takes as much memory as a file declares, several kB for each chunk, and what compressed data unpack to. Sizes are
  checked first, chunks are unpacked here one at a time, and what is held may not outgrow the file by any measure
  (:class:`Limits`). What is declared but not stored takes no memory.
* It loads plugins for filters that it does not know. Filters other than gzip, shuffle, lzf and fletcher32 are refused.
* It loops and crashes in damaged heaps of variable-length strings, of datasets and attributes. They are decoded in
  :mod:`snmem.io.hdf5.raw`.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from io import BytesIO
from math import prod
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from ..._text import one_line, shown
from ...errors import FileError, InputError
from ..files import replace_file
from ..reading import open_file
from .blocks import CHUNKS, address_of, blocks, check_layout
from .limits import ATTRIBUTES, LARGE, NAME, UNPACKED, UNPACKED_PER_BYTE, Limits
from .raw import REFERENCE, TEXT, RawFile

#: As h5py.h5l.TYPE_HARD: the member lies in the file itself.
_HARD_LINK = 0
_SIGNATURE = b"\x89HDF\r\n\x1a\n"


class Store:
    """An open HDF5 file: checked access to its groups, datasets and attributes.

    All methods raise FileError, which names the file and the object (``owner``), for what is damaged or too large.
    """

    def __init__(self, path: Path, file: Any, raw: RawFile, limits: Limits) -> None:
        self.path, self.file, self.raw, self.limits = path, file, raw, limits
        self._numbers = self._chunks = self._unpacked = self._held = 0
        self._members = 0
        self._visited: set[Any] = set()
        self._plain: dict[int, tuple[Any, list[int]]] = {}

    def error(self, owner: str, message: str) -> FileError:
        """Return a FileError that names the file and the object in it, in one line of bounded length."""
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
            raise self.error(owner, f"damaged HDF5 data ({one_line(error)}); write the file again") from None

    # --- what there is ---

    def visit(self, group: Any, owner: str) -> None:
        """Take note of a group; refused where the file leads to the same one again."""
        with self.guard(owner):
            if group.id in self._visited:
                raise self.error(owner, "is stored twice under different names; a file with loops is not a graph")
            self._visited.add(group.id)

    def names(self, group: Any, owner: str) -> list[str]:
        """Return the names in a group; links to elsewhere are refused."""
        limit = 4 * self.limits.nodes
        with self.guard(owner):
            if not isinstance(group, h5py.Group):
                raise self.error(owner, "is not a group")
            if len(group) > limit:
                raise self.error(owner, f"holds {len(group)} members, the limit is {limit}")
            names = list(group)
            self._members += len(names)
            if self._members > 5 * limit:
                raise self.error(owner, f"brings the file to {self._members} members, the limit is {5 * limit}")
            for name in names:
                if len(name.encode("utf-8")) > NAME:
                    raise self.error(owner, f"member {shown(name)} has a name of over {NAME} bytes; shorten it")
                if group.id.links.get_info(name.encode("utf-8")).type != _HARD_LINK:
                    raise self.error(owner, f"member {name!r} is a link to another place; store the data itself")
        return names

    def members(self, group: Any, owner: str) -> dict[str, Any]:
        """Return the groups and datasets of a group by name."""
        names = self.names(group, owner)
        with self.guard(owner):
            found = {name: group[name] for name in names}
        for name, item in found.items():
            if not isinstance(item, (h5py.Group, h5py.Dataset)):
                raise self.error(owner, f"member {name!r} is a {type(item).__name__.lower()}, not a group or dataset")
        return found

    def attributes(self, item: Any, owner: str, names: tuple[str, ...] | None = None) -> dict[str, Any]:
        """Return the attributes (all, or those of these names) that are one number or one text; others are left out."""
        with self.guard(owner):
            count = h5py.h5a.get_num_attrs(item.id)
            if count > ATTRIBUTES:
                raise self.error(owner, f"has {count} attributes, the limit is {ATTRIBUTES}")
            found = {}
            for i in range(count):
                attribute = h5py.h5a.open(item.id, index=i)
                name = attribute.name.decode("utf-8")
                value = self._attribute(item, attribute) if names is None or name in names else None
                if value is not None:
                    found[name] = value
            return found

    def _attribute(self, item: Any, attribute: Any) -> Any:
        kind, shape = attribute.dtype, attribute.shape
        if shape is None or prod(shape) != 1 or attribute.get_type().get_size() > TEXT:
            return None
        text = h5py.check_string_dtype(kind)
        if text is not None and text.length is None:
            return self.raw.attribute_text(address_of(item), attribute.name)
        if text is None and kind.kind not in "fiub":
            return None
        value = np.empty(shape, kind)
        attribute.read(value)
        value = value.reshape(-1)[0]
        if text is not None:
            return bytes(value).decode("utf-8")
        return float(value) if kind.kind == "f" else value.item()

    # --- datasets ---

    def plain(self, item: Any, owner: str, what: str = "numbers") -> Any:
        """Return ``item`` if it is a dataset that keeps its data in this file, in a layout that can be trusted."""
        if id(item) in self._plain:
            return item
        if not isinstance(item, h5py.Dataset):
            raise self.error(owner, f"is a {type(item).__name__.lower()}, expected {what}")
        with self.guard(owner):
            if item.shape is None:
                raise self.error(owner, f"is an empty dataset, expected {what}")
            filters = check_layout(self, item, owner)
        self._plain[id(item)] = item, filters  # the item stays, so that no other object gets its id
        return item

    def filters(self, item: Any) -> list[int]:
        """Return the identifiers of the filters of a dataset that :meth:`plain` has checked."""
        return self._plain[id(item)][1]

    def dataset(self, item: Any, owner: str) -> Any:
        """Return ``item`` if it is a dataset of numbers as :meth:`plain` wants it."""
        item = self.plain(item, owner)
        with self.guard(owner):
            kind = item.dtype.kind
            if kind not in "fiub":
                what = {"O": "objects or texts", "S": "texts", "V": "compound values"}.get(kind, str(item.dtype))
                raise self.error(owner, f"holds {what}, expected numbers")
        return item

    def claim(self, count: int, owner: str, limit: int) -> None:
        """Refuse a dataset that is too large, alone or together with those read before."""
        if count > limit:
            raise self.error(owner, f"declares {count} numbers, the limit is {limit}; raise the limit if this is meant")
        self._numbers += count
        if self._numbers > self.limits.numbers:
            raise self.error(owner, f"brings the file to {self._numbers} numbers, the limit is {self.limits.numbers}")

    def hold(self, count: int, owner: str, *, for_now: bool = False) -> None:
        """Take note of bytes held in memory, from now on or ``for_now`` only; refused where they outgrow the file."""
        held = self._held + count
        self._held += 0 if for_now else count
        if held > self._room():
            raise self.error(
                owner,
                f"brings a file of {self.raw.size} bytes to {held} bytes in memory, the limit is {self._room()}; "
                "raise the limits 'memory' and 'expansion' if this is meant",
            )

    def _room(self) -> int:
        return self.limits.memory + self.limits.expansion * self.raw.size

    def count_chunks(self, count: int, owner: str) -> None:
        """Take note of stored chunks; refused where a file has too many."""
        self._chunks += count
        if self._chunks > CHUNKS:
            raise self.error(owner, f"brings the file to over {CHUNKS} chunks, the limit; store it in larger chunks")

    def count_unpacked(self, count: int, owner: str) -> None:
        """Take note of bytes unpacked, a measure of time; refused where compression cannot explain them."""
        self._unpacked += count
        if self._unpacked > UNPACKED + UNPACKED_PER_BYTE * self.raw.size:
            raise self.error(owner, f"brings the file to {self._unpacked} unpacked bytes, more than it can hold")

    def read_anew(self) -> None:
        """A caller who reads parts again and again begins with another: what it unpacked before counts no longer."""
        self._unpacked = 0

    def numbers(self, item: Any, owner: str, limit: int, copies: int = 1) -> NDArray[Any]:
        """Return a dataset as an array in the machine's byte order; floats longer than 64 bits are rounded to float64.

        Parameters
        ----------
        item : dataset
            What to read.
        owner : str
            How errors call it.
        limit : int
            Largest number of elements.
        copies : int
            Copies of float64 that the caller will hold. A large dataset that repeats one value takes no memory: it is
            read as a view of that value.
        """
        item = self.dataset(item, owner)
        self.claim(item.size, owner, limit)
        size, kind = copies * 8 * item.size, item.dtype.newbyteorder("=")
        kind = np.dtype(np.float64) if kind.kind == "f" and kind.itemsize > 8 else kind
        with self.guard(owner):
            stored = item.id.get_storage_size()
        if item.size > LARGE and 8 * stored < item.size:
            one = self._repeated(item, owner)
            if one is not None:
                return np.broadcast_to(one.astype(kind), item.shape)
        self.hold(size, owner)
        out = np.zeros(item.shape, kind)
        if not item.chunks and item.size and stored:
            with self.guard(owner):
                item.read_direct(out)
            return out
        for place, block in blocks(self, item, owner):
            out[place] = block
        return out

    def _repeated(self, item: Any, owner: str) -> Any:
        """Return the one value that a dataset repeats, or None."""
        value, count = None, 0
        for _, block in blocks(self, item, owner):
            value = block.reshape(-1)[0] if value is None else value
            count += block.size
            if not (block == value).all():
                return None
        rest = item.dtype.type(0) if count < item.size else value  # what is not stored is 0
        return rest if value is None or rest == value else None

    def texts(self, item: Any, owner: str) -> NDArray[Any]:
        """Return a dataset of texts (variable or fixed length) as an object array of str, of the dataset's shape."""
        item = self.plain(item, owner, "text")
        with self.guard(owner):
            if item.size == 0:
                return np.empty(item.shape, object)
            kind = h5py.check_string_dtype(item.dtype)
            if kind is None:
                raise self.error(owner, f"holds {item.dtype}, expected text")
            self.claim(item.size, owner, 8 * self.limits.nodes)
            out = np.full(item.shape, "", object)
            if kind.length is not None:
                self.claim(item.size * kind.length, owner, TEXT)
                parts, decode = blocks(self, item, owner), lambda text: bytes(text).decode("utf-8")
            else:
                parts, decode = blocks(self, item, owner, REFERENCE), lambda found: self.raw.string(*map(int, found))
            for place, block in parts:
                decoded = [decode(x) for x in block.reshape(-1)]
                out[place] = np.array(decoded, object).reshape(block.shape) if place else decoded[0]
            return out


def _shortened(text: str, limit: int) -> str:
    return text if len(text) <= limit else f"{text[: limit // 2]} ... {text[-limit // 2 :]}"


@contextmanager
def open_memory(data: BytesIO, name: str, limits: Limits | None = None) -> Iterator[Store]:
    """Open an HDF5 file that was written into memory, under a name for error messages."""
    with h5py.File(data, "r") as file:
        yield Store(Path(name), file, RawFile(data, data.getbuffer().nbytes), limits or Limits())


@contextmanager
def open_store(path: str | os.PathLike[str], limits: Limits | None = None, what: str = "NIR") -> Iterator[Store]:
    """Open an HDF5 file for reading.

    Parameters
    ----------
    path : path-like
        The file.
    limits : Limits or None
        What it may ask for.
    what : str
        What kind of file is expected, for the message.

    Raises
    ------
    FileError
        if it is missing, no regular file, not HDF5, damaged or truncated.
    InputError
        if ``path`` is no path.
    """
    try:
        path = Path(path)
    except TypeError:
        kind = type(path).__name__
        remedy = "write it first: nir.write(path, graph)" if kind == "NIRGraph" else "give the path of a file"
        raise InputError(f"a {what} file is given by its path, got a {kind}; {remedy}") from None
    with open_file(path) as stream:
        size = os.fstat(stream.fileno()).st_size
        start = stream.read(8)
        if start != _SIGNATURE:
            found = "is empty" if not start else f"starts with {start!r}"
            raise FileError(f"{path}: not a {what} file: it {found}, HDF5 files start with {_SIGNATURE!r}")
        try:
            file = h5py.File(path, "r")
        except BlockingIOError:
            raise FileError(f"{path}: another program is writing it; wait until that is done") from None
        except Exception as error:
            raise FileError(
                f"{path}: damaged or truncated HDF5 file ({one_line(error)}); copy or write it again"
            ) from None
        try:
            yield Store(path, file, RawFile(stream, size), limits or Limits())
        finally:
            with suppress(Exception):  # the library may find a damage once more
                file.close()


def save_hdf5(path: str | os.PathLike[str], memory: BytesIO) -> None:
    """Write an HDF5 file that was built in memory, where the library cannot meet a full disk: it crashes at that.

    Raises
    ------
    FileError
        if the place cannot be written; what was there stays.
    """
    with replace_file(path) as out:
        out.write(memory.getbuffer())
