"""Damaged and hostile HDF5 files, from a seed: ``mutate(rng, data)`` changes a valid file of ``bases()``.

Three levels: the content (another value, type, shape, link, storage or attribute in the place of the right one), the
JSON in the metadata of snmem's files, and the bytes (anywhere, or where the structures of HDF5 begin). The same seed
gives the same file.
"""

from __future__ import annotations

import json
import random
from contextlib import suppress
from functools import cache
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import h5py
import nir
import numpy as np
from nir_graphs import GraphMaker

from snmem import LIF, Convolution, Input, Instar, Network, Population, Projection, Record, Spikes, simulate
from snmem.io.spikes import write_spikes
from snmem.nir_io import write_nir
from snmem.quantization.grid import quantize

from .bytes_mutations import simple

#: What the structures of an HDF5 file begin with.
_SIGNATURES = (
    b"TREE",
    b"SNOD",
    b"HEAP",
    b"GCOL",
    b"OHDR",
    b"OCHK",
    b"BTHD",
    b"BTLF",
    b"FRHP",
    b"FHDB",
    b"EAHD",
    b"FAHD",
)
#: Kinds of changes of the content and of the bytes.
_CONTENT = ("value",) * 3 + ("poison", "drop", "declared", "bomb", "reshape", "swap", "elsewhere", "elsewhere", "cast")
_BYTES = ("bit", "bytes", "cut", "zeros", "ones", "splice", "word", "word", "near", "near", "near")
_WORDS = (0, 1, 7, 8, 2**15, 2**16 - 1, 2**31 - 1, 2**32 - 1, 2**32, 2**48, 2**63 - 1, 2**64 - 1)
_VALUES: tuple[Any, ...] = (
    *(
        np.nan,
        np.inf,
        -np.inf,
        -1.0,
        0.0,
        1.0,
        1e308,
        5e-324,
        2**63 - 1,
        -(2**63),
        True,
        b"bytes",
        "text",
        "",
        "NIRGraph",
    ),
    *("a\nb", "\x1b[2J", "[/x]", "x" * 5000, "Output", "SparseLinear", "IF", "same"),
    *(np.zeros(0), np.zeros((0, 2)), np.ones((2, 2, 2)), np.ones(1), np.float16([1, 2, 3]), np.ones(3, complex)),
    *(np.zeros(3, "f8,i4"), np.array(["a", "b"], object), np.arange(7), np.ones(3, ">f4"), np.longdouble([1.5, 2])),
    *(np.array([["in0", "in0"]], object), np.array([b"ab", b"c"]), np.array(b"ab"), h5py.Empty("f8"), np.eye(3) * 2),
    *(
        np.uint64([2**64 - 1, 0]),
        np.array([True, False, True]),
        np.int8([-128, 127]),
        np.array(10**6),
        np.array([2, 3]),
    ),
)
_JSON: tuple[Any, ...] = (
    None,
    0,
    1,
    -1,
    10**30,
    1.5,
    float("nan"),
    True,
    "",
    "in",
    "a\0b",
    "\ud800",
    [],
    {},
    [[]],
    {"a": []},
)


# --- valid files ---------------------------------------------------------------------------------------------------


def _network(seed: int, delay: int = 2, **options: Any) -> Network:
    rng = np.random.default_rng(seed)
    populations = Input("in", (2, 3)), Population("a", 4, LIF(0.5, 0.5)), Population("b", 3, LIF(bias=[0.1, 0, 0]))
    projections = (
        Projection("in", "a", rng.normal(size=(4, 6))),
        Projection("a", "b", rng.integers(0, 2, (3, 4)), delay, **options),
        Projection("b", "b", np.eye(3), name="loop"),
    )
    return Network(populations, projections, ("b",))


def _kernels() -> Network:
    """A convolution in two dimensions, a pool, and one in one dimension from there on."""
    weights = np.random.default_rng(4).normal(size=(4, 1, 3, 2))
    first = Convolution(weights, (2, 4, 4), (2, 1), (1, 0), groups=2)
    pool = Convolution.pool(first.output_shape, (2, 1))
    line = Convolution(np.ones((2, 1, 2)), (1, pool.shape[0]))
    ways = (("in", "a", first), ("a", "b", pool), ("b", "c", line))
    shapes = {"a": first.output_shape, "b": pool.output_shape, "c": line.output_shape}
    populations = Input("in", (2, 4, 4)), *(Population(n, shape, LIF(0.5, 0.5)) for n, shape in shapes.items())
    return Network(populations, tuple(Projection(*way) for way in ways), ("c",))


def _spikes(seed: int) -> dict[str, Spikes]:
    rng = np.random.default_rng(seed)
    return {name: Spikes.from_raster(rng.random((20, n)) < 0.3) for name, n in (("in", 6), ("a", 4), ("b", 3))}


def _nir_data(kind: str, samples: int) -> bytes:
    rng = np.random.default_rng(samples)
    idx, time = rng.integers(0, 6, (samples, 9)), np.sort(rng.integers(0, 20, (samples, 9)) + 0.5, axis=1) * 1e-3
    idx[:, -1], time[:, -1] = -1, np.inf
    grid = rng.random((samples, 20, 6)) < 0.3
    data = {
        "events": lambda: nir.EventData(idx, time, 6, 0.02),
        "valued": lambda: nir.ValuedEventData(idx=idx, time=time, n_neurons=6, t_max=0.02, value=np.ones(idx.shape)),
        "grid": lambda: nir.TimeGriddedData(grid, 1e-3),
    }[kind]()
    out = BytesIO()
    nir.write_data(out, nir.NIRGraphData({"in": nir.NIRNodeData({"spikes": data, "v": data})}))
    return out.getvalue()


def _other_layout(data: bytes, rng: random.Random) -> bytes:
    """The same content in other structures of HDF5: newer groups, other filters and chunks, more attributes."""
    out = BytesIO()
    options: list[dict[str, Any]] = [
        *({}, {"compression": "lzf"}, {"compression": "gzip", "shuffle": True}, {"fletcher32": True}, {"chunks": True}),
        {"compression": "gzip", "fletcher32": True, "shuffle": True},
    ]
    with h5py.File(BytesIO(data), "r") as old, h5py.File(out, "w", libver=rng.choice(["latest", "earliest"])) as new:

        def copy(name: str, item: Any) -> None:
            if isinstance(item, h5py.Group):
                made: Any = new.create_group(name, track_order=rng.random() < 0.3)
            elif item.shape and item.size and h5py.check_string_dtype(item.dtype) is None:
                made = new.create_dataset(name, data=item[()], maxshape=(None,) * item.ndim, **rng.choice(options))
            else:
                made = new.create_dataset(name, data=item[()], dtype=item.dtype)
            made.attrs.update(item.attrs)
            for i in range(rng.choice([0, 0, 0, 12])):
                made.attrs[f"a{i}"] = rng.choice(["text", 1.5])

        new.attrs.update(old.attrs)
        old.visititems(copy)
    return out.getvalue()


_CHOSEN = Record({"a": [2, 0]}, "b", "in", 4, {"a.v": [1], "b.u": True}, True, 3)


def _run(path: Path, record: Record) -> bytes:
    """A run as ``simulate(to=...)`` writes it."""
    inputs = np.random.default_rng(4).random((20, 6)) < 0.4
    simulate(_network(4, 1, plasticity=Instar(0.5)), inputs, record=record, to=path)
    return path.read_bytes()


@cache
def bases() -> dict[str, bytes]:
    """Valid files by name: ``nir_...`` are networks, ``golden_...`` and ``data_...`` spikes."""
    found: dict[str, bytes] = {}
    with TemporaryDirectory() as folder:
        path = Path(folder, "x")
        for seed in (0, 1, 3, 5, 8):
            nir.write(path, GraphMaker(seed).graph())
            found[f"nir_graph{seed}"] = path.read_bytes()
        for name, network, dense in (
            ("dense", _network(0), 1000),
            ("sparse", _network(1), 0),
            ("plastic", _network(2, 1, plasticity=Instar(0.5)), 1000),
            ("loihi", quantize(_network(3)).network, 1000),
            ("kernels", _kernels(), 1000),
            ("silent", Network((Population("p", 2, LIF(0, 0.5)),), (Projection("p", "p", np.eye(2)),)), 1000),
        ):
            write_nir(network, path, dense)
            found[f"nir_{name}"] = path.read_bytes()
        about = {"backend": "reference", "network_sha256": "ab" * 32}
        write_spikes(path, _spikes(0), 1e-3, about)
        found["golden_spikes"] = path.read_bytes()
        write_spikes(path, {"in": Spikes.from_raster(np.zeros((5, 6)))}, 0.1)
        found["golden_silent"] = path.read_bytes()
        found["run_all"], found["run_chosen"] = (_run(path, record) for record in (Record(traces="a.v"), _CHOSEN))
    found |= {f"data_{kind}{n}": _nir_data(kind, n) for kind in ("events", "valued", "grid") for n in (1, 2)}
    rng = random.Random(0)
    found |= {f"{name}_other{i}": _other_layout(data, rng) for name, data in list(found.items()) for i in range(2)}
    return found


# --- content ---------------------------------------------------------------------------------------------------------


def _items(file: h5py.File) -> list[str]:
    names: list[str] = []
    file.visit(names.append)
    return sorted(names)


def _declared(rng: random.Random) -> dict[str, Any]:
    """A dataset that declares much and holds little."""
    shape = rng.choice(
        [(10**9,), (10**5, 10**5), (10**8, 0), (3, 400_000), (10**6, 1, 1), (2**40,), (5, 5), (), (1,) * 20]
    )
    chunks = rng.choice([None, True, (1,) * len(shape)]) if shape and all(shape) else None
    kind = rng.choice(["f8", "f4", "i1", "S20", "S1000000", "?", h5py.string_dtype()])
    fill = rng.choice([None, 1]) if kind in ("f8", "f4", "i1") else None
    return {"shape": shape, "dtype": kind, "chunks": chunks, "fillvalue": fill}


def _bomb(file: h5py.File, where: str, rng: random.Random) -> None:
    """Data that compress well."""
    n = rng.choice([10**4, 10**5])
    value = rng.choice(
        [np.zeros(n), np.ones(n), np.arange(n) % 2.0, np.full((1, n), 3), np.full(n // 1000, b"x" * 1000)]
    )
    shape = tuple(min(m, rng.choice([1000, 10**6])) for m in value.shape)
    file.create_dataset(where, data=value, chunks=shape, compression="gzip", compression_opts=1)


def _elsewhere(file: h5py.File, where: str, rng: random.Random, old: Any) -> None:
    """A link or storage in another file, or a link that loops or leads nowhere."""
    kind = rng.randrange(7)
    shape, dtype = (old.shape or (1,), old.dtype) if isinstance(old, h5py.Dataset) else ((3,), np.dtype("f8"))
    dtype = np.dtype("S8") if dtype.kind == "O" else dtype
    if kind == 0:
        file[where] = h5py.ExternalLink(rng.choice(["other.h5", "/etc/passwd", "/dev/zero"]), "/node")
    elif kind == 1:
        file[where] = h5py.SoftLink(rng.choice([f"/{where}", "/", "/node", "/nowhere"]))
    elif kind == 2:
        file[where] = file[rng.choice(["/", *_items(file)])]
    elif kind == 3:
        file.create_dataset(
            where, shape, dtype, external=[(rng.choice(["/etc/passwd", "/dev/zero"]), 0, h5py.h5f.UNLIMITED)]
        )
    elif kind == 4:
        layout = h5py.VirtualLayout(shape, dtype)
        layout[...] = h5py.VirtualSource(rng.choice([".", "other.h5"]), "x", shape)
        file.create_virtual_dataset(where, layout)
    elif kind == 5:
        file[where] = dtype  # a named type
    else:
        file.create_dataset(where, data=np.array([file.ref] * 3, h5py.ref_dtype), dtype=h5py.ref_dtype)


def _swapped(file: h5py.File, rng: random.Random) -> Any:
    other = file[rng.choice(["/", *_items(file)])]
    return other[()] if isinstance(other, h5py.Dataset) and (other.size or 0) < 1000 else None


def _change_item(file: h5py.File, rng: random.Random) -> None:
    where = rng.choice(_items(file) or ["new"])
    old = file.get(where)
    kind = rng.choice(_CONTENT)
    number = isinstance(old, h5py.Dataset) and old.dtype.kind in "fiub" and 0 < (old.size or 0) < 10**5
    value = None
    if kind in ("poison", "cast", "reshape"):
        if not number:
            return
        value = np.array(old[()])
        if kind == "poison":
            value = value.astype(float) if rng.random() < 0.5 else value
            with np.errstate(all="ignore"):
                value.reshape(-1)[rng.randrange(value.size)] = rng.choice(
                    [-1, 0, 2, 100, *([np.nan, np.inf] if value.dtype.kind == "f" else [])]
                )
        elif kind == "cast":
            value = value.astype(rng.choice(["f2", "f4", "i1", "u2", "i8", ">f8", "?", "g"]))
        else:
            value = value.reshape(rng.choice([(-1,), (1, -1), (-1, 1), (1, 1, -1)]))
    elif kind == "swap":
        value = _swapped(file, rng)
    elif kind == "value":
        value = rng.choice(_VALUES)
    if where in file:
        del file[where]
    if kind == "elsewhere":
        _elsewhere(file, where, rng, old)
        return
    if kind == "declared":
        file.create_dataset(where, **_declared(rng))
    elif kind == "bomb":
        _bomb(file, where, rng)
    elif value is not None:
        file[where] = value


def _change_attribute(file: h5py.File, rng: random.Random) -> None:
    places = [name for name in ["/", *_items(file)] if len(file[name].attrs)]
    if not places:
        _change_item(file, rng)
        return
    item = file[rng.choice(places)]
    name = rng.choice(sorted(item.attrs))
    kind = rng.choice(["value", "drop", "add", "reference", "many"])
    if kind == "reference":
        item.attrs.create(name, file.ref, dtype=h5py.ref_dtype)
    elif kind == "many":
        item.attrs.update({f"x{i}": "text" for i in range(rng.choice([20, 400]))})
    elif kind == "add":
        item.attrs[rng.choice(["dt", "sha256", "t_max", "new"])] = rng.choice(_VALUES[:22])
    elif kind == "drop":
        del item.attrs[name]
    else:
        item.attrs[name] = rng.choice(_VALUES)


def _change_json(file: h5py.File, rng: random.Random) -> None:
    if "node/metadata/network" not in file:
        _change_item(file, rng)
        return
    layout = json.loads(file["node/metadata/network"][()] or "{}")
    places: list[tuple[Any, Any]] = []

    def walk(value: Any) -> None:
        for key in sorted(value) if isinstance(value, dict) else range(len(value)):
            places.append((value, key))
            if isinstance(value[key], (dict, list)):
                walk(value[key])

    walk(layout)
    for _ in range(rng.choice([1, 1, 2])):
        owner, key = rng.choice(places)
        if key not in owner and isinstance(owner, dict):
            continue
        kind = rng.choice(["value", "drop", "text", "double"])
        if kind == "drop" and isinstance(owner, dict):
            del owner[key]
        elif kind == "double" and isinstance(owner, list):
            owner.append(owner[key] if key < len(owner) else None)
        elif isinstance(owner, dict) or key < len(owner):
            owner[key] = rng.choice(_JSON) if kind != "text" else str(owner[key]) + "x"
    text = json.dumps(layout)
    if rng.random() < 0.1:
        text = rng.choice(["[" * 5000, text[:-3], "{}", "null", "[{}," * 50, text * 2])
    del file["node/metadata/network"]
    file["node/metadata/network"] = text


def mutate_content(rng: random.Random, data: bytes) -> bytes:
    """Replace, declare, move or drop one to three parts of a valid file."""
    memory = BytesIO(data)
    with h5py.File(memory, "r+") as file:
        for _ in range(rng.choice([1, 1, 2, 3])):
            change = rng.choice([_change_item, _change_item, _change_attribute, _change_json])
            with suppress(KeyError, ValueError, TypeError, IndexError, OverflowError, RuntimeError, OSError):
                change(file, rng)  # one that does not fit what the changes before have left is left out
    return memory.getvalue()


# --- bytes -----------------------------------------------------------------------------------------------------------


def mutate_bytes(rng: random.Random, data: bytes) -> bytes:
    """Change bytes anywhere, or a word where a structure of HDF5 begins."""
    out = bytearray(data)
    if not out:
        return data
    kind, at = rng.choice(_BYTES), rng.randrange(len(out))
    if simple(rng, out, kind, at):
        return bytes(out)
    # an address, size, count or type
    if kind == "near":
        found = data.find(rng.choice(_SIGNATURES), at)
        at = max(0, min(len(out) - 1, found + rng.randrange(64))) if found >= 0 else at
    at -= at % rng.choice([1, 2, 4, 8])
    width = rng.choice([1, 2, 4, 8])
    value = rng.choice([*_WORDS, at, len(out), rng.randrange(len(out)), rng.randrange(len(out)) // 8 * 8])
    out[at : at + width] = (value % 256**width).to_bytes(width, "little")
    return bytes(out)


def mutate(rng: random.Random, data: bytes) -> bytes:
    """Return a changed copy of a valid HDF5 file of :func:`bases`."""
    if rng.random() < 0.6:
        data = mutate_content(rng, data)
        if rng.random() < 0.8:
            return data
    for _ in range(rng.choice([1, 1, 1, 2, 4])):
        data = mutate_bytes(rng, data)
    return data
