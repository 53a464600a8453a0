"""HDF5 files that reach out, pretend to be huge, or are no files: refused by every reader, and in bounded memory."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import nir
import numpy as np
import pytest

from snmem import LIF, Input, Network, Population, Projection, Spikes
from snmem.errors import FileError, SnmemError
from snmem.io.spikes import read_spikes, write_spikes
from snmem.nir_io import Limits, inspect_nir, read_nir, write_nir

SECRET = "root:x:0:0"
W, TYPE, EDGES = "node/nodes/linear/weight", "node/nodes/lif/type", "node/edges"
IDX, TIME = (f"nodes/in/observables/spikes/{name}" for name in ("idx", "time"))


def network_file(path: Path) -> Path:
    """Input -> Linear -> LIF -> Output, with 3 neurons each, and a note."""
    lif = nir.LIF(*(np.full(3, x) for x in (0.01, 1.0, 0.0, 1.0)))
    nodes = nir.Input(np.array([3])), nir.Linear(np.eye(3)), lif, nir.Output(np.array([3]))
    nir.write(path, nir.NIRGraph.from_list(*nodes))
    with h5py.File(path, "r+") as file:
        file["node/metadata/note"] = "a note"
    return path


def spike_file(path: Path) -> Path:
    write_spikes(path, {"in": Spikes.from_raster(np.eye(3))})
    return path


def readings(path: Path) -> list[str]:
    """What each reader says: an error's message, or all that it read."""
    found = []
    for read in (read_nir, lambda p: json.dumps(inspect_nir(p)), lambda p: read_spikes(p, dt=1e-3).spikes):
        try:
            found.append(str(read(path)))
        except SnmemError as error:
            found.append(f"refused: {error}")
    return found


def refusals(path: Path) -> list[str]:
    """The messages of all readers, of which none may accept the file (a summary names the problem)."""
    messages = readings(path)
    for message in messages:
        assert message.startswith("refused: ") or json.loads(message)["problem"]
        assert "\n" not in message
    return messages


# --- links and storage elsewhere -------------------------------------------------------------------------------------


def unlike(old: Any) -> dict[str, Any]:
    """Shape and type of a dataset that stands where ``old`` stood."""
    text = h5py.check_string_dtype(old.dtype)
    return {"shape": old.shape or (1,), "dtype": "S10" if text else old.dtype}


def virtual(file: h5py.File, where: str, old: dict[str, Any], source: str) -> None:
    layout = h5py.VirtualLayout(old["shape"], old["dtype"])
    layout[...] = h5py.VirtualSource(source, "secret", old["shape"])
    file.create_virtual_dataset(where, layout)


def user_defined(file: h5py.File, where: str, old: dict[str, Any]) -> None:
    """A link of type 65: an external link with another number, patched when the file is closed."""
    file[where] = h5py.ExternalLink("other.h5", "/secret-link")


ELSEWHERE: dict[str, Callable[[h5py.File, str, dict[str, Any]], Any]] = {
    "soft link": lambda f, where, old: f.__setitem__(where, h5py.SoftLink("/copy")),
    "soft link to nowhere": lambda f, where, old: f.__setitem__(where, h5py.SoftLink("/nowhere")),
    "soft link to itself": lambda f, where, old: f.__setitem__(where, h5py.SoftLink(f"/{where}")),
    "external link": lambda f, where, old: f.__setitem__(where, h5py.ExternalLink("other.h5", "/secret")),
    "user-defined link": user_defined,
    "external storage": lambda f, where, old: f.create_dataset(where, **old, external=[("secret.txt", 0, 8000)]),
    "two external files": lambda f, where, old: f.create_dataset(
        where, **old, external=[("secret.txt", 0, 5), ("secret.txt", 0, 8000)]
    ),
    "virtual dataset": lambda f, where, old: virtual(f, where, old, "other.h5"),
    "virtual dataset of this file": lambda f, where, old: virtual(f, where, old, "."),
    "named type": lambda f, where, old: f.__setitem__(where, np.dtype(old["dtype"])),
    "references": lambda f, where, old: f.create_dataset(where, data=np.array([f.ref] * 3, h5py.ref_dtype)),
    "region references": lambda f, where, old: f.create_dataset(
        where, data=np.array([f["copy"].regionref[...]], h5py.regionref_dtype)
    ),
    "lists of lists": lambda f, where, old: f.create_dataset(where, (3,), h5py.vlen_dtype(h5py.vlen_dtype(float))),
    "compound": lambda f, where, old: f.create_dataset(where, data=np.zeros(3, "S10,f8")),
}


@pytest.mark.parametrize("kind", ELSEWHERE)
@pytest.mark.parametrize(
    ("make", "where"),
    [
        *((network_file, where) for where in (W, TYPE, EDGES, "node/metadata/note", "version", "node/nodes/lif/tau")),
        *((spike_file, where) for where in (IDX, TIME)),
    ],
)
def test_nothing_is_read_from_elsewhere(kind: str, make: Callable[[Path], Path], where: str, tmp_path: Path) -> None:
    (tmp_path / "secret.txt").write_text(SECRET * 100)
    with h5py.File(tmp_path / "other.h5", "w") as other:
        other["secret"] = np.array([SECRET.encode()] * 3)
    path = make(tmp_path / "f.nir")
    with h5py.File(path, "r+") as file:
        old = unlike(file[where])
        file["copy"] = file[where][()]
        del file[where]
        ELSEWHERE[kind](file, where, old)
    if kind == "user-defined link":
        data = path.read_bytes()
        at = data.index(b"other.h5\0")
        name = data.rindex(where.rsplit("/", 1)[-1].encode(), 0, at)
        kinds = [i for i in range(name - 16, name) if data[i] == 64]
        path.write_bytes(data[: kinds[0]] + bytes([65]) + data[kinds[0] + 1 :])
    for message in refusals(path):
        assert SECRET not in message
        assert "damaged" not in message or kind == "user-defined link"


@pytest.mark.parametrize(
    "link", [h5py.SoftLink("/nodes"), h5py.ExternalLink("good.h5", "/nodes")], ids=["soft", "external"]
)
def test_whole_groups_of_spikes_are_not_taken_from_elsewhere(link: Any, tmp_path: Path) -> None:
    spike_file(tmp_path / "good.h5")
    with h5py.File(tmp_path / "f.h5", "w") as file:
        file.attrs["dt"] = 1e-3
        file["nodes"] = link
    with pytest.raises(FileError, match="member 'nodes' is a link to another place"):
        read_spikes(tmp_path / "f.h5")


def test_other_filters_are_refused_before_a_plugin_is_sought(tmp_path: Path) -> None:
    path = network_file(tmp_path / "f.nir")
    with h5py.File(path, "r+") as file:
        del file[W]
        file.create_dataset(W, data=np.eye(3), chunks=(3, 3), scaleoffset=2)
    assert "weight: is stored with filter 6" in refusals(path)[0]
    data = path.read_bytes()
    at = data.rindex(b"scaleoffset\0") - 8  # the message of the pipeline: identifier, length of the name, flags
    path.write_bytes(data[:at] + (32015).to_bytes(2, "little") + data[at + 2 :])
    assert "weight: is stored with filter 32015" in refusals(path)[0]


# --- what is no file -------------------------------------------------------------------------------------------------


def test_pipes_devices_sockets_and_folders_are_refused_without_waiting(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    with socket.socket(socket.AF_UNIX) as listening:
        here = Path.cwd()
        os.chdir(tmp_path)  # the path of a socket is short
        try:
            listening.bind("socket")
        finally:
            os.chdir(here)
        for name, what in (
            ("pipe", "is a named pipe, expected a regular file"),
            ("/dev/zero", "is a device"),
            ("socket", "is a socket"),
            (".", "is a folder"),
            ("loop", "Too many levels of symbolic links"),
            ("absent", "no such file"),
        ):
            for message in readings(tmp_path / name):
                assert message.startswith("refused: ")
                assert what in message


# --- sizes -----------------------------------------------------------------------------------------------------------


def put(file: h5py.File, where: str, data: Any = None, **options: Any) -> None:
    if where in file:
        del file[where]
    file.create_dataset(where, data=data, **options)


def squeezed(file: h5py.File, where: str) -> None:
    """A chunk of nine numbers that unpacks to 200 MB."""
    put(file, where, shape=(3, 3), dtype="f8", chunks=(3, 3), compression="gzip")
    file[where].id.write_direct_chunk((0, 0), zlib.compress(bytes(200 * 10**6), 1))


def one_text_in_many_places(file: h5py.File, where: str) -> None:
    """A megabyte of text in the heap, and 60,000 references to it."""
    put(file, where, shape=(30_000, 2), dtype=h5py.string_dtype())
    file[where][0, 0] = "x" * 2**20
    offset = file[where].id.get_offset()
    file.flush()
    with Path(file.filename).open("r+b") as raw:
        raw.seek(offset)
        reference = raw.read(16)
        raw.seek(offset)
        raw.write(reference * 60_000)


def ring(file: h5py.File, where: str) -> None:
    """A group that holds itself under twenty names."""
    group = file.require_group(where)
    for i in range(20):
        group[f"g{i}"] = group


def alone(file: h5py.File, inputs: list[int], outputs: list[int], kind: str = "Linear", **values: Any) -> None:
    """The graph Input -> node -> Output, whose shapes fit."""
    del file["node/nodes/lif"]
    put(file, EDGES, np.array([["input", "linear"], ["linear", "output"]], object), dtype=h5py.string_dtype())
    put(file, "node/nodes/input/shape", inputs)
    put(file, "node/nodes/output/shape", outputs)
    node = file["node/nodes/linear"]
    put(node, "type", kind, dtype=h5py.string_dtype())
    del node["weight"]
    for key, value in values.items():
        put(node, key, **(value if isinstance(value, dict) else {"data": value}))


WINDOW = {"stride": [1], "dilation": [1], "groups": 1, "bias": np.zeros(1)}
ONES = {"data": np.broadcast_to(np.int8(1), (700, 30_000)), "chunks": (100, 30_000), "compression": "gzip"}
VARIED = {"data": np.arange(7_000_000)[None] % 2 / 3, "chunks": (1, 2**20), "compression": "gzip"}
BOMBS: dict[str, Callable[[h5py.File], Any]] = {
    "weights in chunks of one": lambda f: alone(
        f, [400_000], [3], weight={"shape": (3, 400_000), "dtype": "f8", "chunks": (1, 1)}
    ),
    "types in chunks of one": lambda f: put(f, TYPE, shape=(70_000,), dtype="S1", chunks=(1,)),
    "edges in chunks of one": lambda f: put(f, EDGES, shape=(40_000, 2), dtype="S8", chunks=(1, 1)),
    "long texts": lambda f: put(f, "node/metadata/note", shape=(80_000,), dtype="S100000", chunks=(100,)),
    "one text in many places": lambda f: one_text_in_many_places(f, EDGES),
    "a chunk that unpacks to much": lambda f: squeezed(f, W),
    "weights of one": lambda f: alone(f, [30_000], [700], weight=ONES),
    "blocks of one weight": lambda f: alone(
        f, [10**6, 1], [10**6, 1], weight={"shape": (10**6, 1, 1), "dtype": "f8", "fillvalue": 1.0}
    ),
    "64 TiB of weights": lambda f: alone(
        f, [2**22], [2**21], weight={"shape": (2**21, 2**22), "dtype": "f8", "chunks": (1024, 1024)}
    ),
    "64 TiB of numbers": lambda f: put(f, "node/metadata/x", shape=(2**43,), dtype="f8", chunks=(2**20,)),
    "ten million numbers": lambda f: put(f, "node/metadata/x", np.arange(10**7) % 2 / 3, compression="gzip"),
    "a group in itself": lambda f: ring(f, "node/metadata/g"),
    "a pool of padding": lambda f: alone(
        f, [3, 1, 1], [3, 2, 2], "SumPool2d", kernel_size=[40_000] * 2, stride=[1, 1], padding=[20_000] * 2
    ),
    "a convolution of padding": lambda f: alone(
        f, [1, 3], [1, 9_999_004], "Conv1d", weight=np.ones((1, 1, 1000)), padding=[5_000_000], **WINDOW
    ),
    "many delays": lambda f: alone(f, [50_000], [50_000], "Delay", delay=np.arange(50_000) * 1e-4),
    "many scaled values": lambda f: alone(f, [9_000_000], [9_000_000], "Scale", scale=2.0),
    "64 TiB of times": lambda f: put(f, TIME, shape=(1, 2**43), dtype="f8", chunks=(1, 2**20)),
    "times in chunks of one": lambda f: [
        put(f, k, shape=(1, 2_000_000), dtype="f8", chunks=(1, 1)) for k in (IDX, TIME)
    ],
    "times that unpack to much": lambda f: [put(f, k, **VARIED) for k in (IDX, TIME)],
}
CHILD = """
import re, sys
from pathlib import Path
from test_hdf5_files import readings
for path in sys.argv[1:]:
    print([message[:300] for message in readings(path)])
print(re.search(r"VmHWM:\\s*(\\d+)", Path("/proc/self/status").read_text())[1])
"""


def child(code: str, *arguments: Any) -> list[str]:
    """Run Python code in a process of its own; returns the lines it printed."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-W", "error::RuntimeWarning", "-c", code, *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def test_small_files_take_little_memory_whatever_they_declare(tmp_path: Path) -> None:
    for i, (name, change) in enumerate(BOMBS.items()):
        path = (spike_file if "times" in name else network_file)(tmp_path / f"f{i}.nir")
        with h5py.File(path, "r+") as file:
            change(file)
        assert path.stat().st_size < 3 * 2**20
    *lines, peak = child(CHILD, *sorted(tmp_path.iterdir()))
    assert len(lines) == len(BOMBS)
    assert int(peak) < 800_000  # kB


def test_what_is_held_in_memory_may_not_outgrow_the_file(tmp_path: Path) -> None:
    path = network_file(tmp_path / "f.nir")
    with h5py.File(path, "r+") as file:
        alone(file, [3000], [100], weight={"data": np.ones((100, 3000), "f4"), "compression": "gzip"})
    assert read_nir(path).projections[0].synapses == 300_000
    with pytest.raises(FileError, match="bytes in memory, the limit is 1000000; raise the limits 'memory'"):
        read_nir(path, limits=Limits(memory=10**6, expansion=0))


def test_chunks_of_a_file_are_limited(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = network_file(tmp_path / "f.nir")
    with h5py.File(path, "r+") as file:
        put(file, W, np.eye(3), chunks=(1, 1))
    assert read_nir(path).projections[0].synapses == 3
    for module in ("store", "blocks"):
        monkeypatch.setattr(f"snmem.io.hdf5.{module}.CHUNKS", 8)
    assert ": brings the file to over 8 chunks, the limit; store it in larger chunks" in refusals(path)[0]


@pytest.mark.parametrize("fill", [0, 2])
@pytest.mark.parametrize(
    "options",
    [
        *({}, {"compression": "lzf"}, {"compression": "gzip", "shuffle": True}, {"fletcher32": True}),
        *({"compression": "gzip", "fletcher32": True, "shuffle": True}, {"chunks": (2, 3)}, {"chunks": (1, 1)}),
    ],
    ids=str,
)
@pytest.mark.parametrize("kind", ["f8", ">f4", "i1", "u2", "?", "f2"])
def test_every_usual_layout_gives_the_same_weights(
    options: dict[str, Any], kind: str, fill: int, tmp_path: Path
) -> None:
    """Also where only a part of the weights is stored, and the fill value stands for the rest."""
    weights = (np.random.default_rng(0).integers(0, 2, (3, 3)) * 100).astype(kind)
    path = network_file(tmp_path / "f.nir")
    with h5py.File(path, "r+", libver="latest") as file:
        options = {"chunks": (2, 2)} | options if options else options
        put(file, W, shape=(3, 3), dtype=kind, fillvalue=np.asarray(fill, kind), **options)
        if options:
            file[W][:2, :2] = weights[:2, :2]
            weights[2:], weights[:, 2:] = fill, fill
        else:
            file[W][...] = weights
    found = read_nir(path, if_gain="1", spike="unit").projections[0].weights.toarray()
    np.testing.assert_array_equal(found, weights.astype(found.dtype))
    summary = {n["name"]: n for n in inspect_nir(path)["nodes"]}["linear"]
    assert summary["synapses"] == np.count_nonzero(weights)
    assert summary["parameters"]["weight"]["max"] == weights.astype(float).max()


# --- full disks ------------------------------------------------------------------------------------------------------

FULL = """
import resource, signal, sys
from pathlib import Path
import numpy as np
from snmem import LIF, Input, Network, Population, Projection, Spikes
from snmem.errors import FileError
from snmem.io.spikes import write_spikes
from snmem.nir_io import read_nir, write_nir

folder, rng = Path(sys.argv[1]), np.random.default_rng(0)
network = Network(
    (Input("in", 300), Population("p", 400, LIF(0, 0.5))), (Projection("in", "p", rng.normal(size=(400, 300))),), ("p",)
)
spikes = {"in": Spikes.from_raster(rng.random((2000, 50)) < 0.3)}
for write in (lambda p: write_nir(network, p), lambda p: write_spikes(p, spikes)):
    path = folder / "old.h5"
    write(path)
    old = path.read_bytes()
    for size in (1, len(old) // 8, len(old) // 4, len(old) // 2, len(old) * 3 // 4):
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))
        for place in (path, folder / "new.h5"):
            try:
                write(place)
            except FileError as error:
                print(error)
        resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        assert path.read_bytes() == old
        assert list(folder.iterdir()) == [path], list(folder.iterdir())
    path.unlink()
"""


def test_a_disk_that_fills_up_is_one_error_and_nothing_changes(tmp_path: Path) -> None:
    lines = child(FULL, tmp_path)
    assert len(lines) == 20
    assert all("cannot be written (File too large); choose another place" in line for line in lines)


def test_a_full_device_is_one_error() -> None:
    network = Network((Input("in", 2), Population("p", 2, LIF())), (Projection("in", "p", np.eye(2)),))
    with pytest.raises(FileError, match="No space left on device"):
        write_nir(network, "/dev/full")
    assert Path("/dev/full").is_char_device()


def test_networks_that_compress_well_are_read_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Equal weights compress 200 times and more; what a reader would not trust is written without compression."""
    ones = Projection("in", "p", np.ones((2000, 300)))
    network = Network((Input("in", 300), Population("p", 2000, LIF(0, np.arange(2000) % 2 / 2))), (ones,), ("p",))
    write_nir(network, tmp_path / "a.nir")
    for name, value in (("memory", 10**6), ("expansion", 16)):
        monkeypatch.setattr(f"snmem.io.hdf5.Limits.{name}", value)
    monkeypatch.setattr("snmem.io.hdf5.Limits.__init__.__defaults__", (*([10**9] * 6), 10**6, 16))
    with pytest.raises(FileError, match="brings a file of"):
        read_nir(tmp_path / "a.nir")
    write_nir(network, tmp_path / "b.nir")
    assert read_nir(tmp_path / "b.nir") == network
