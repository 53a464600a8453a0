"""Damaged ``.npy`` and ``.npz`` files: changes of values, headers, JSON, archives and bytes."""

from __future__ import annotations

import copy
import io
import json
import random
import struct
import warnings
import zipfile
from typing import Any

import numpy as np

from .bytes_mutations import damage

Arrays = dict[str, Any]
_NUMBERS: tuple[Any, ...] = (-1, 0, 1, 2, 0.5, 255, 10**6, 2**31, -(2**31), 1e300, 1e-300, np.nan, np.inf, -np.inf)
_KINDS = ("?", "i1", "u1", ">i2", "u4", "i8", "u8", "f2", ">f4", "f8", "g", "c8", "U3", "S2")
_HEADERS = (
    "{'descr': '<f8', 'fortran_order': False, 'shape': (3,), }",
    "{'descr': '<f8', 'fortran_order': True, 'shape': (10000000000, 3), }",
    "{'descr': '|u1', 'fortran_order': False, 'shape': (9223372036854775807, 4), }",
    "{'descr': '<U100000000', 'fortran_order': False, 'shape': (), }",
    "{'descr': '|O', 'fortran_order': False, 'shape': (1,), }",
    "{'descr': [('a', '<f8'), ('b', '<i4')], 'fortran_order': False, 'shape': (2,), }",
    "{'descr': '<f8', 'fortran_order': False, 'shape': (-1,), }",
    "{'descr': '<M8[ns]', 'fortran_order': False, 'shape': (3,), }",
    "{'descr': '<f8', 'fortran_order': 0, 'shape': [3], }",
    "{'descr': '<f8', 'fortran_order': False, 'shape': (" + "1, " * 60 + "), }",
    "{'descr': '<f8', 'fortran_order': False, 'shape': (" + "9" * 3000 + ",), }",
    "{'descr': __import__('os').abort(), 'fortran_order': False, 'shape': (3,), }",
    "(" * 2000,
    "{" * 500 + "}" * 500,
    "-" * 5000 + "1",
    "'" + "\\x00" * 200,
    "",
)
JSON: tuple[Any, ...] = (
    *(None, True, False, 0, 1, -1, 2, 10**6, 10**15, 2**63, 2**64, 10**30, 1.5, 1e308, "", "x", "race", [], {}, [1, 2]),
    *({"a": 1}, [[[[]]]], "\ud800", "a\nb", "\x1b[2J", "[/x]", "successive_approximation", ["race", {"steps": 40}]),
)


def npy(array: Any) -> bytes:
    """An array as a file."""
    out = io.BytesIO()
    np.save(out, array, allow_pickle=True)
    return out.getvalue()


def npz(members: list[tuple[str, bytes]], method: int = zipfile.ZIP_STORED) -> bytes:
    """An archive of files, of which several may have one name."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as archive, warnings.catch_warnings(action="ignore"):
        for name, data in members:
            archive.writestr(zipfile.ZipInfo(name), data, method)
    return out.getvalue()


def mutate_json(rng: random.Random, value: Any) -> Any:
    """A copy in which one to three values are replaced, removed or doubled; now and then another value altogether."""
    value = rng.choice(JSON) if rng.random() < 0.03 else copy.deepcopy(value)
    for _ in range(rng.choice([1, 1, 1, 2, 3])):
        if not isinstance(value, (dict, list)) or not value:
            break
        places = [(value, key) for key in (value if isinstance(value, dict) else range(len(value)))]
        for owner, key in list(places):
            inner = owner[key]
            if isinstance(inner, (dict, list)):
                places += [(inner, k) for k in (inner if isinstance(inner, dict) else range(len(inner)))]
        owner, key = rng.choice(places)
        kind = rng.choice(["value", "value", "near", "drop", "add"])
        if kind == "drop":
            del owner[key]
        elif kind == "add" and isinstance(owner, dict):
            owner[rng.choice(["new", "", "a\nb", "name", "x" * 500])] = rng.choice(JSON)
        elif kind == "near" and isinstance(owner[key], (int, float)) and not isinstance(owner[key], bool):
            owner[key] = rng.choice(
                [owner[key] + 1, -owner[key], owner[key] * 1000, float(owner[key]), str(owner[key])]
            )
        else:
            owner[key] = rng.choice(JSON)
    return value


def _poison(rng: random.Random, array: Any, near: bool) -> Any:
    """One or some other numbers, as far as the type can hold them."""
    flat = array.reshape(-1)
    for _ in range(rng.choice([1, 1, 1, 5])):
        at = rng.randrange(flat.size)
        number = float(flat[at]) + rng.choice([-1, 1]) if near else rng.choice(_NUMBERS)
        if array.dtype.kind in "iu":
            limits = np.iinfo(array.dtype)
            number = min(max(int(number), limits.min), limits.max) if np.isfinite(number) else limits.max
        with np.errstate(all="ignore"):
            flat[at] = number
    return array


def _change_array(rng: random.Random, array: Any) -> Any:
    """Another value, shape, order or type."""
    array = np.array(array)
    kind = rng.choice(["value", "value", "value", "near", "cast", "shape", "order", "cut", "objects", "other"])
    if kind in ("value", "near") and array.size and array.dtype.kind in "iufb":
        return _poison(rng, array, kind == "near")
    if kind == "cast" and array.dtype.kind in "iufb":
        with np.errstate(all="ignore"), warnings.catch_warnings(action="ignore"):
            return array.astype(rng.choice(_KINDS))
    if kind == "shape" and array.size:
        return array.reshape(rng.choice([(-1,), (1, -1), (-1, 1), (1, 1, -1), array.shape[::-1]]))
    if kind == "order":
        return np.asfortranarray(array[::-1] if array.ndim and rng.random() < 0.5 else array.T)
    if kind == "cut" and array.ndim:
        return array[: rng.randrange(len(array) + 1)]
    if kind == "objects":
        return np.array([{"a": array.shape}], object)
    return rng.choice(
        [np.zeros(0), np.zeros((0, 3)), np.ones((3, 0)), np.float64(3), np.array("text"), np.ones((2, 2, 2))]
    )


def _header(rng: random.Random, data: bytes) -> bytes:
    """An array file with another header, or another length or version of it."""
    length = struct.unpack_from("<H", data, 8)[0]
    text, body = data[10 : 10 + length].decode("latin-1"), data[10 + length :]
    kind = rng.choice(["other", "edit", "edit", "length", "version", "shape", "type"])
    if kind == "other":
        text = rng.choice(_HEADERS)
    elif kind == "edit":
        at = rng.randrange(max(1, len(text)))
        text = text[:at] + rng.choice(["", "'", ")", "1", "(", ",", "{", "\\", "\n", "é", "L", " "]) + text[at + 1 :]
    elif kind == "shape":
        at = text.find("(")
        shape = rng.choice(
            ["", "0,", "1,", "3", "2, 2", "1" * 18 + ",", "0, 10000000000", "4, 0", "1.5,", "True,", "1, " * 40]
        )
        text = text[:at] + f"({shape})" + text[text.find(")") + 1 :]
    elif kind == "type":
        at, new = (
            text.find("'descr': '") + 10,
            rng.choice(["<f8", ">u2", "|b1", "<c16", "|V8", "|O", "<U0", "x", "f3", "i1"]),
        )
        text = text[:at] + new + text[text.find("'", at) :]
    new = text.encode("utf-8", "surrogatepass")
    size = len(new) if kind != "length" else rng.choice([0, 1, len(new) - 1, len(new) + 7, 2**16 - 1])
    version = bytes([rng.choice([1, 2, 3, 4, 255]), rng.choice([0, 1])]) if kind == "version" else data[6:8]
    return data[:6] + version + struct.pack("<H", min(size, 2**16 - 1)) + new + body


def mutate_npy(rng: random.Random, array: Any) -> bytes:
    """A damaged file of an array."""
    data = npy(_change_array(rng, array) if rng.random() < 0.5 else array)
    level = rng.random()
    if level < 0.35:
        data = _header(rng, data)
    elif level < 0.6:
        data = damage(rng, data)
    return data


def _bomb(rng: random.Random, name: str) -> tuple[str, bytes]:
    """Bytes that are all the same, up to some megabytes: they compress a thousandfold."""
    shape = rng.choice([(3 * 10**6, 1), (10**6, 3), (10**5, 4)])
    return name, npy(np.full(shape, rng.choice([0, 0, 1]), np.uint8))


def _archive(rng: random.Random, data: bytes) -> bytes:
    """Change an archive where its directory and its members are described."""
    out = bytearray(data)
    for _ in range(rng.choice([1, 1, 2])):
        mark = rng.choice([b"PK\1\2", b"PK\1\2", b"PK\3\4", b"PK\5\6"])
        places, at = [], out.find(mark)
        while at >= 0:
            places.append(at)
            at = out.find(mark, at + 1)
        if places:
            at = rng.choice(places) + rng.randrange(4, 46)
            width = rng.choice([1, 2, 4])
            value = rng.choice([0, 1, 8, 12, 99, 2**15, 2**16 - 1, 2**31, 2**32 - 1, len(out), rng.randrange(2**32)])
            out[at : at + width] = (value % 256**width).to_bytes(width, "little")
    return bytes(out)


def mutate_npz(rng: random.Random, arrays: Arrays) -> bytes:
    """A damaged archive of arrays; a text array ``header`` of JSON is changed as JSON."""
    original, arrays = arrays, dict(arrays)
    light = rng.random() < 0.3  # one change only, so that it can be a small one
    for _ in range(1 if light else rng.choice([0, 1, 1, 1, 2])):
        name = rng.choice(sorted(arrays))
        if name == "header" and rng.random() < 0.9:
            text = json.dumps(mutate_json(rng, json.loads(str(original[name]))))
            if rng.random() < 0.1:
                text = rng.choice(["", "{", "[" * 20_000, "NaN", '{"format": ' + "1" * 5000 + "}", "null", text[:-4]])
            arrays[name] = np.array(text)
        else:
            arrays[name] = _change_array(rng, arrays[name])
    members = [(f"{name}.npy", npy(array)) for name, array in arrays.items()]
    kind = (
        "none"
        if light
        else rng.choice(["none", "none", "none", "drop", "twice", "name", "bomb", "header", "header", "inner"])
    )
    at = rng.randrange(len(members))
    if kind == "drop":
        del members[at]
    elif kind == "twice":
        members.append(members[at])
    elif kind == "name":
        new = rng.choice(
            ["../a.npy", "/a.npy", "a.txt", ".npy", "a\\b.npy", "a\x1b[2J.npy", "new.npy", "x" * 5000 + ".npy"]
        )
        members[at] = new, members[at][1]
    elif kind == "bomb":
        members[at] = _bomb(rng, members[at][0])
    elif kind == "header":
        members[at] = members[at][0], _header(rng, members[at][1])
    elif kind == "inner":
        members[at] = members[at][0], damage(rng, members[at][1])
    methods = [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED]
    data = npz(members, rng.choice([*methods, *methods, *methods, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA]))
    level = 1 if light else rng.random()
    if level < 0.15:
        data = _archive(rng, data)
    elif level < 0.35:
        data = damage(rng, data)
    return data
