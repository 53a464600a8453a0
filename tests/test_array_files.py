"""Files of numpy arrays: what numpy writes comes back, everything else is one FileError, before memory is taken."""

import io
import os
import struct
import warnings
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from snmem._text import shown
from snmem.errors import FileError, InputError
from snmem.io.arrays import open_arrays
from snmem.io.rasters import read_rasters
from snmem.io.reading import open_file
from snmem.spikes import Spikes

ARRAYS = hnp.arrays(
    st.sampled_from(["?", "i1", "<u2", ">i4", "u8", "f2", "<f4", ">f8"]),
    hnp.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=5),
    elements=st.sampled_from([0, 1]),
)


def read_all(path: Path) -> dict[str, Any]:
    with open_arrays(path) as file:
        return {name: file.read(name) for name in file.headers}


@given(ARRAYS, st.sampled_from("CF"), st.sampled_from([np.savez, np.savez_compressed, None]))
def test_what_numpy_writes_comes_back(tmp_path_factory: Any, array: Any, order: Any, save: Any) -> None:
    path = tmp_path_factory.mktemp("arrays") / "a"
    array = np.asarray(array, order=order)
    with path.open("wb") as file:
        save(file, **{"an array": array}) if save else np.save(file, array)
    (again,) = read_all(path).values()
    assert again.dtype == array.dtype
    np.testing.assert_array_equal(again, array)


@pytest.mark.parametrize("version", [(1, 0), (2, 0), (3, 0)])
def test_all_versions_of_the_format_are_read(version: tuple[int, int], tmp_path: Path) -> None:
    with (tmp_path / "a.npy").open("wb") as file:
        np.lib.format.write_array(file, np.arange(6.0).reshape(2, 3), version)
    np.testing.assert_array_equal(read_all(tmp_path / "a.npy")[""], [[0, 1, 2], [3, 4, 5]])


def npy(header: str, data: bytes = b"", version: bytes = b"\1\0") -> bytes:
    return b"\x93NUMPY" + version + struct.pack("<H", len(header)) + header.encode() + data


def stored(**members: bytes) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, data in members.items():
            archive.writestr(f"{name}.npy", data)
    return out.getvalue()


def array(value: Any = (1.0, 2.0)) -> bytes:
    out = io.BytesIO()
    np.save(out, np.asarray(value))
    return out.getvalue()


def pickled() -> bytes:
    out = io.BytesIO()
    np.save(out, np.array([{}], object), allow_pickle=True)
    return out.getvalue()


def changed(data: bytes, at: int, value: bytes) -> bytes:
    at %= len(data)
    return data[:at] + value + data[at + len(value) :]


def twice() -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive, warnings.catch_warnings(action="ignore"):
        for _ in range(2):
            archive.writestr("a.npy", array())
    return out.getvalue()


def compressed(method: int) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as archive:
        archive.writestr("a.npy", array())
    return out.getvalue()


def overlapping() -> bytes:
    """Two entries of the directory that point to the same data."""
    data = bytearray(stored(a=array(), b=array()))
    entry = data.rindex(b"PK\1\2")
    data[entry + 42 : entry + 46] = bytes(4)
    return bytes(data)


GOOD = "{'descr': '<f8', 'fortran_order': False, 'shape': (2,), }\n"
DEEP = "(" * 3000 + ")" * 3000
BAD: dict[str, tuple[bytes, str]] = {
    "empty": (b"", "is empty, an .npy file starts with"),
    "text": (b"spikes", "starts with b'spikes'"),
    "cut magic": (b"\x93NUM", "starts with"),
    "no version": (b"\x93NUMPY", "format version"),
    "version 9": (npy(GOOD, bytes(16), b"\x09\0"), r"format version \(9, 0\)"),
    "long header": (npy("{" + " " * 20_000), "header of 20001 bytes, the limit is 10000"),
    "truncated": (npy(GOOD, bytes(15)), r"declares 16 bytes \(shape \(2,\), float64\), but the file holds 15"),
    "more after it": (npy(GOOD, bytes(17)), "declares 16 bytes .*, but the file holds 17"),
    "vast": (npy(GOOD.replace("2,", "10000000000, 3"), bytes(16)), "declares 240000000000 bytes"),
    "not countable": (npy(GOOD.replace("2,", "9" * 18 + ", 9999, 0"), bytes(16)), "which no array can have"),
    "digits": (npy(GOOD.replace("2,", "1" * 5000 + ","), bytes(16)), "which no array can have"),
    "rank 40": (npy(GOOD.replace("2,", "1, " * 40), bytes(16)), "which no array can have"),
    "negative": (npy(GOOD.replace("2,", "-2,"), bytes(16)), "a header that is none of numpy's"),
    "code": (npy(GOOD.replace("(2,)", "(__import__('os'),)"), bytes(16)), "a header that is none of numpy's"),
    "deep": (npy(GOOD.replace("(2,)", DEEP)), "a header that is none of numpy's"),
    "open text": (npy(GOOD.replace("'shape'", "'shape"), bytes(16)), "a header that is none of numpy's"),
    "two entries": (npy("{'descr': '<f8', 'shape': (2,)}", bytes(16)), "a header that is none of numpy's"),
    "order 1": (npy(GOOD.replace("False", "'x'"), bytes(16)), "a header that is none of numpy's"),
    "dtype x": (npy(GOOD.replace("<f8", "<x8"), bytes(16)), "unknown dtype '<x8'"),
    "dtype f3": (npy(GOOD.replace("<f8", "<f3"), bytes(16)), "unknown dtype '<f3'"),
    "dtype U0": (npy(GOOD.replace("<f8", "<U0"), b""), "unknown dtype '<U0'"),
    "records": (npy(GOOD.replace("'<f8'", "[('a', '<f8')]"), bytes(16)), "holds records"),
    "objects": (pickled(), "holds Python objects, expected plain numbers"),
    "complex": (array([1j]), "holds complex numbers, expected"),
    "text array": (array(["a"]), "holds text, expected"),
    "dates": (array(np.array(["2020-01-01"], "M8[D]")), "holds dates, expected"),
    "boolean 7": (npy(GOOD.replace("<f8", "|b1"), b"\1\7"), "booleans that are neither 0 nor 1"),
    "zip cut": (stored(a=array())[:100], "damaged or truncated"),
    "zip of text": (stored(a=b"hello"), "array 'a': is no .npy array"),
    "zip objects": (stored(a=pickled()), "array 'a': holds Python objects"),
    "checksum": (changed(stored(a=array()), 140, b"\xff"), "array 'a': damaged or truncated .*CRC"),
    "twice": (twice(), "array 'a': is there twice"),
    "overlap": (overlapping(), "overlaps|damaged"),
    "bzip2": (compressed(zipfile.ZIP_BZIP2), "is compressed by method 12"),
    "lzma": (compressed(zipfile.ZIP_LZMA), "is compressed by method 14"),
    "encrypted": (changed(stored(a=array()), stored(a=array()).rindex(b"PK\1\2") + 8, b"\1"), "is encrypted"),
    "up": (stored(**{"../a": array()}), "array '../a': has a path for a name"),
    "root": (stored(**{"/a": array()}), "array '/a': has a path for a name"),
    "escape": (stored(**{"a\x1b[2J": array()}), "a control character"),
    "not npy": (stored(a=array()).replace(b"a.npy", b"a.txt"), "array 'a.txt': is no .npy array"),
    "large directory": (stored(**{f"{n:0>400}": b"" for n in range(10_000)}), "directory is larger than|holds 10000"),
}


@pytest.mark.parametrize("name", BAD)
def test_what_is_damaged_or_foreign_is_one_file_error(name: str, tmp_path: Path) -> None:
    data, words = BAD[name]
    path = tmp_path / "x.npz"
    path.write_bytes(data)
    with pytest.raises(FileError, match=words) as error:
        read_all(path)
    assert str(path) in str(error.value)
    assert str(error.value).isprintable()
    assert len(str(error.value)) < 500 + len(str(path))


def zeros(shape: tuple[int, ...], size: int, value: bytes = b"\0") -> bytes:
    """An archive of an array of bytes that are all the same."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive, archive.open("in.npy", "w") as file:
        np.lib.format.write_array_header_1_0(file, {"descr": "|u1", "fortran_order": False, "shape": shape})
        for _ in range(size // 10**6):
            file.write(value * 10**6)
    return out.getvalue()


@pytest.fixture
def memory() -> Any:
    """Return what a call takes at most, in bytes: arrays are counted, as numpy reports them to tracemalloc."""
    import tracemalloc

    def peak(call: Any, *args: Any) -> int:
        tracemalloc.start()
        try:
            call(*args)
        except (FileError, InputError):
            pass
        finally:
            most = tracemalloc.get_traced_memory()[1]
            tracemalloc.stop()
        return most

    return peak


def test_archives_that_unpack_to_gigabytes_are_refused_unread(tmp_path: Path, memory: Any) -> None:
    path = tmp_path / "bomb.npz"
    data = zeros((3 * 10**7,), 3 * 10**7)  # the directory and the header say more than is packed
    data = data.replace(b"(30000000,), }", b"(3000000000,)}").replace(
        struct.pack("<I", 3 * 10**7 + 128), b"\x80^\xd0\xb2"
    )
    path.write_bytes(data)
    with pytest.raises(FileError, match="would unpack to 3000000128 bytes, the limit is 1073741824"):
        read_all(path)
    assert memory(read_all, path) < 10**7


def test_silent_rasters_take_no_memory_and_full_ones_have_a_limit(tmp_path: Path, memory: Any) -> None:
    path = tmp_path / "raster.npz"
    path.write_bytes(zeros((3 * 10**7, 3), 9 * 10**7))
    assert memory(read_rasters, path) < 5 * 10**7
    assert read_rasters(path, 10) == {"in": Spikes.from_events((), (), 10, 3)}
    path.write_bytes(zeros((10**7, 3), 3 * 10**7, b"\1"))
    with pytest.raises(InputError, match="input 'in': holds more than 16777216 spikes"):
        read_rasters(path)
    assert memory(read_rasters, path) < 5 * 10**8


@given(hnp.arrays("?", hnp.array_shapes(min_dims=2, max_dims=2, min_side=0)), st.sampled_from("CF"), st.integers(1, 9))
def test_rasters_are_the_same_in_either_order_and_cut(
    tmp_path_factory: Any, raster: Any, order: Any, steps: int
) -> None:
    path = tmp_path_factory.mktemp("rasters") / "r.npy"
    np.save(path, np.asarray(raster.astype("f4"), order=order))
    assert read_rasters(path) == {"": Spikes.from_raster(raster)}
    assert read_rasters(path, steps) == {"": Spikes.from_raster(raster[:steps])}


@pytest.mark.parametrize("value", [2, -1, 0.5])
@pytest.mark.parametrize("order", ["C", "F"])
def test_entries_other_than_0_and_1_are_values(value: float, order: Any, tmp_path: Path) -> None:
    frames = np.array([[0, 1, 0], [1, value, 0], [3, 0, 0]], order=order)
    np.save(tmp_path / "r.npy", frames)
    assert (read_rasters(tmp_path / "r.npy")[""].frames() == frames).all()
    assert read_rasters(tmp_path / "r.npy", 1)[""].value is None


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_rasters_hold_finite_numbers(value: float, tmp_path: Path) -> None:
    np.save(tmp_path / "r.npy", np.array([[0, 1], [1, value]]))
    with pytest.raises(InputError, match=r"r\.npy: raster: holds (nan|inf); give finite numbers"):
        read_rasters(tmp_path / "r.npy")


def test_pipes_folders_and_devices_are_refused_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path, kind in ((tmp_path / "pipe", "a named pipe"), (tmp_path, "a folder"), ("/dev/zero", "a device")):
        with pytest.raises(FileError, match=f"is {kind}, expected a regular file; check the path"):
            open_file(path)
    for path, words in ((tmp_path / "none", "no such file"), ("a\0b", "is not a path"), ("x" * 5000, "cannot be read")):
        with pytest.raises(FileError, match=words) as error:
            open_file(path)
        assert str(error.value).isprintable()


def test_values_in_messages_are_short_and_printable() -> None:
    nested: list[Any] = []
    for _ in range(10_000):
        nested = [nested]
    assert shown("a\x1b[31m\nb\ud800") == r"'a\x1b[31m\nb\ud800'"
    assert shown(0x10**20_000).startswith("a int that is too long")
    assert shown(nested).startswith("a list")
    assert len(shown("x" * 10**6)) < 100
