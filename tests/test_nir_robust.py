"""Files of other origin never crash the reader: one clear error each, at once and without exhausting memory."""

from __future__ import annotations

import json
import random
import resource
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import h5py
import nir
import numpy as np
import pytest
from fuzz.hdf5_mutations import bases, mutate

from snmem import LIF, Input, Network, Population, Projection
from snmem.errors import FileError
from snmem.nir_io import Limits, inspect_nir, read_nir, tables, write_nir


def valid(path: Path) -> Path:
    """Input -> Linear -> LIF -> Output, with 3 neurons each."""
    lif = nir.LIF(*(np.full(3, x) for x in (0.01, 1.0, 0.0, 1.0)))
    nir.write(
        path, nir.NIRGraph.from_list(nir.Input(np.array([3])), nir.Linear(np.eye(3)), lif, nir.Output(np.array([3])))
    )
    return path


def refused(path: Path, **options: Any) -> str:
    """The message of the one error, which must come within 300 MB."""
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(FileError) as error:
        read_nir(path, **options)
    message = str(error.value)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - memory < 300_000  # kB
    assert "\n" not in message
    assert path.name in message
    return message


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "no such file"),
        (b"", "it is empty"),
        (b"name,value\n1,2\n", "not a NIR file: it starts with b'name,val'"),
        (np.random.default_rng(0).bytes(100_000), "not a NIR file"),
        (b"\x89HDF\r\n\x1a\n" + np.random.default_rng(0).bytes(100_000), "damaged or truncated HDF5"),
    ],
)
def test_files_that_are_not_hdf5(content: bytes | None, words: str, tmp_path: Path) -> None:
    path = tmp_path / "f.nir"
    if content is not None:
        path.write_bytes(content)
    assert words in refused(path)
    assert "is a folder, expected a regular file" in refused(tmp_path)


def test_truncated_files(tmp_path: Path) -> None:
    data = valid(tmp_path / "f.nir").read_bytes()
    for length in np.linspace(9, len(data) - 1, 50).astype(int):
        (tmp_path / "f.nir").write_bytes(data[:length])
        assert "damaged" in refused(tmp_path / "f.nir")


def replace(file: h5py.File, where: str, value: Any, **options: Any) -> None:
    """Put another dataset in the place of ``where``."""
    del file[where]
    file.create_dataset(where, data=value, **options)


def declare(file: h5py.File, where: str, shape: tuple[int, ...]) -> None:
    """A dataset that declares a shape but holds nothing."""
    del file[where]
    file.create_dataset(where, shape=shape, dtype="f8", chunks=tuple(min(n, 1000) for n in shape))


LIF_NODE, W, IN = "node/nodes/lif", "node/nodes/linear/weight", "node/nodes/input/shape"
RAGGED = np.array([np.ones(2), np.ones(3), np.ones(1)], object)
KEYS = "tau", "r", "v_leak", "v_threshold", "v_reset"
BAD_CONTENT: dict[str, tuple[Callable[[h5py.File], Any], str]] = {
    "no graph": (lambda f: f.__delitem__("node"), "no group 'node'"),
    "single node": (lambda f: (f.move(LIF_NODE, "x"), f.__delitem__("node"), f.move("x", "node")), "single LIF node"),
    "no type": (lambda f: f.__delitem__(f"{LIF_NODE}/type"), "node 'lif': has no 'type'"),
    "unknown type": (lambda f: replace(f, f"{LIF_NODE}/type", "Hodgkin"), "node 'lif' (Hodgkin): unknown node type"),
    "type is a number": (lambda f: replace(f, f"{LIF_NODE}/type", 3), "node 'lif': type: holds int64, expected text"),
    "no tau": (lambda f: f.__delitem__(f"{LIF_NODE}/tau"), "node 'lif' (LIF): 'tau' is missing"),
    "NaN": (lambda f: replace(f, f"{LIF_NODE}/tau", [1, np.nan, 1]), "node 'lif' (LIF): tau: holds nan"),
    "infinite": (lambda f: replace(f, f"{LIF_NODE}/r", [1, np.inf, 1]), "node 'lif' (LIF): r: holds inf"),
    "NaN weight": (lambda f: replace(f, W, np.full((3, 3), np.nan)), "node 'linear' (Linear): weight: holds nan"),
    "negative tau": (lambda f: replace(f, f"{LIF_NODE}/tau", [1, -0.5, 1]), "tau: must be positive, got -0.5"),
    "short tau": (lambda f: replace(f, f"{LIF_NODE}/tau", [1, 1e-9, 1]), "tau: 1e-09 is shorter than dt = 0.0001"),
    "tiny tau": (lambda f: replace(f, f"{LIF_NODE}/tau", [5e-324] * 3), "is shorter than dt"),
    "texts": (
        lambda f: replace(f, f"{LIF_NODE}/tau", ["a", "b", "c"]),
        "tau: holds objects or texts, expected numbers",
    ),
    "objects": (lambda f: replace(f, f"{LIF_NODE}/tau", RAGGED, dtype=h5py.vlen_dtype(float)), "tau: holds objects"),
    "compound": (lambda f: replace(f, f"{LIF_NODE}/tau", np.zeros(3, "f8,f8")), "tau: holds compound values"),
    "complex": (lambda f: replace(f, f"{LIF_NODE}/tau", np.ones(3, complex)), "tau: holds c"),
    "empty": (lambda f: replace(f, f"{LIF_NODE}/tau", h5py.Empty("f8")), "tau: is an empty dataset"),
    "group": (lambda f: (f.__delitem__(f"{LIF_NODE}/tau"), f.create_group(f"{LIF_NODE}/tau")), "tau: is a group"),
    "other size": (lambda f: replace(f, f"{LIF_NODE}/tau", [1.0, 1.0]), "node 'lif' (LIF): parameters have shapes"),
    "wrong input": (
        lambda f: replace(f, IN, [4]),
        "node 'linear' (Linear): takes shape (3,) = 3 values, but 'input' gives (4,)",
    ),
    "no shape": (lambda f: replace(f, IN, [0]), "node 'input' (Input): shape: must be a shape of positive"),
    "fraction": (lambda f: replace(f, IN, [2.5]), "must be a shape of positive whole numbers, got [2.5]"),
    "billion inputs": (lambda f: replace(f, IN, [10**9]), "means 1000000000 values, the limit is 10000000"),
    "overflowing shape": (lambda f: replace(f, IN, [2**31] * 8), "the limit is"),
    "billion neurons": (lambda f: [declare(f, f"{LIF_NODE}/{k}", (10**9,)) for k in KEYS], "(1000000000,) means"),
    "huge weight": (lambda f: declare(f, W, (10**9, 10**9)), "node 'linear' (Linear): shape (1000000000,)"),
    "many weights": (
        lambda f: (
            declare(f, W, (10**6, 10**6)),
            replace(f, IN, [10**6]),
            replace(f, "node/edges", [["input", "linear"]]),
        ),
        "weight: declares 1000000000000 numbers, the limit is",
    ),
    "long text": (lambda f: replace(f, f"{LIF_NODE}/type", "x" * 10**5), "unknown node type"),
    "no edges": (lambda f: replace(f, "node/edges", np.zeros((0, 2))), "node 'output' (Output): nothing feeds it"),
    "strange edges": (lambda f: replace(f, "node/edges", [["a", "b", "c"]]), "edges: must be pairs of node names"),
    "unknown edge": (lambda f: replace(f, "node/edges", [["input", "x"]]), "edge ('input', 'x') names 'x'"),
    "same edge twice": (lambda f: replace(f, "node/edges", [["input", "linear"]] * 2), "is there twice"),
    "fed input": (lambda f: replace(f, "node/edges", [["lif", "input"]]), "node 'input' (Input): is fed by 'lif'"),
    "linear loop": (
        lambda f: replace(f, "node/edges", [["linear", "linear"], ["linear", "lif"], ["lif", "output"]]),
        "cycle without a neuron: linear -> linear",
    ),
    "loop of groups": (lambda f: f.__setitem__("node/nodes/again", f["node/nodes/lif"]), "is stored twice"),
    "nested in itself": (lambda f: f.__setitem__("node/nodes/again", f["node"]), "is stored twice"),
    "soft link": (lambda f: f.__setitem__("node/nodes/a", h5py.SoftLink("/node/nodes/lif")), "'a' is a link"),
    "external link": (lambda f: f.__setitem__("node/nodes/a", h5py.ExternalLink("x.h5", "/")), "'a' is a link"),
    "other file": (
        lambda f: (f.__delitem__(W), f.create_dataset(W, (3, 3), "f8", external=[("passwords", 0, 72)])),
        "weight: keeps its data in another file",
    ),
    "giant chunk": (
        lambda f: (f.__delitem__(W), f.create_dataset(W, (3, 3), "f8", maxshape=(None, None), chunks=(30000, 30000))),
        "weight: is stored in chunks of shape (30000, 30000)",
    ),
}


@pytest.mark.parametrize("name", BAD_CONTENT)
def test_bad_content_is_refused_by_name(name: str, tmp_path: Path) -> None:
    change, words = BAD_CONTENT[name]
    path = valid(tmp_path / "f.nir")
    with h5py.File(path, "r+") as file:
        change(file)
    assert words in refused(path)


def test_an_integrator_feeds_neurons_with_its_potential(tmp_path: Path) -> None:
    one = np.ones(1)
    graph = nir.NIRGraph.from_list(
        nir.Input(one.astype(int)), nir.LI(one, one, one), nir.IF(one, one), nir.Output(one.astype(int))
    )
    nir.write(tmp_path / "f.nir", graph)
    assert [(q.pre, q.post, q.signal) for q in read_nir(tmp_path / "f.nir", 0.1).projections] == [
        ("input", "li", "spikes"),
        ("li", "if", "v"),
    ]


def test_nesting_has_a_limit(tmp_path: Path) -> None:
    def nested(depth: int) -> Path:
        with h5py.File(tmp_path / "f.nir", "w") as file:
            group = file.create_group("node")
            for _ in range(depth):
                group["type"], group["edges"] = "NIRGraph", np.zeros((0, 2))
                group = group.create_group("nodes").create_group("g")
            group["type"], group["v_threshold"], group["r"] = "IF", [1.0], [1.0]
        return tmp_path / "f.nir"

    assert "is nested 33 graphs deep, the limit is 32" in refused(nested(100))
    assert read_nir(nested(30)).neurons[0].size == 1


def test_a_small_kernel_on_a_large_image_stays_one_or_is_refused_before_it_fills_memory(tmp_path: Path) -> None:
    """80 kB that mean 85 million synapses, of which two in a row would have to be matrices; the same with 5 million."""
    path, kernel, size = tmp_path / "f.nir", np.ones((3, 3, 3, 3), np.float32), (1024, 1024)

    def write(size: tuple[int, int], count: int) -> Path:
        shape, conv = np.array([3, *size]), nir.Conv2d(size, kernel, 1, 1, 1, 1, np.zeros(3, np.float32))
        threshold = nir.Threshold(np.broadcast_to(np.float32(1), tuple(shape)))
        chain = [nir.Input(shape), *[conv] * count, threshold, nir.Output(shape)]
        nodes = dict(zip(["in", *(f"c{n}" for n in range(count)), "spike", "out"], chain, strict=True))
        nir.write(path, nir.NIRGraph(nodes, list(pairwise(nodes))))
        return path

    assert read_nir(write(size, 1))["c0"].weights.kernel.size == 81
    message = refused(write(size, 2))
    assert "node 'c1' (Conv2d): brings a file of" in message
    assert "bytes in memory, the limit is 4" in message
    assert "node 'c1' (Conv2d): " in refused(write((220, 220), 2))


def test_limits_can_be_set(tmp_path: Path) -> None:
    path = valid(tmp_path / "f.nir")
    assert "the limit is 2" in refused(path, limits=Limits(neurons=2))
    assert "means 3 synapses, the limit is 2" in refused(path, limits=Limits(synapses=2))
    assert "one node too many, the limit is 3" in refused(path, limits=Limits(nodes=3))
    assert "numbers, the limit is 10" in refused(path, limits=Limits(numbers=10))


def test_a_product_that_would_be_dense_is_refused_before_it_is_computed(tmp_path: Path) -> None:
    wide = np.ones((20_000, 1), np.float32)
    path = tmp_path / "f.nir"
    nodes = nir.Input(np.array([20_000])), nir.Linear(wide.T), nir.Linear(wide), nir.Output(np.array([20_000]))
    nir.write(path, nir.NIRGraph.from_list(*nodes))
    assert "node 'linear_1' (Linear): means 400000000 synapses, the limit is 100000000" in refused(path)


SPARSE = {
    "data": ([1.0, np.nan, 1.0], "data: holds nan"),
    "indices": ([0, 1, 3], "indices: must lie in 0..2, got 0..3"),
    "indptr": ([0, 2, 1, 3], "indptr: must rise from 0 to 3"),
    "shape": ([3, 4], "takes shape (4,) = 4 values"),
}


@pytest.mark.parametrize("key", SPARSE)
def test_damaged_sparse_weights(key: str, tmp_path: Path) -> None:
    path = tmp_path / "f.nir"
    write_nir(
        Network((Input("in", 3), Population("a", 3, LIF())), (Projection("in", "a", np.eye(3)),)), path, max_dense=0
    )
    value, words = SPARSE[key]
    with h5py.File(path, "r+") as file:
        replace(file, f"node/nodes/in->a/{key}", value)
    assert words in refused(path)


def test_files_that_cannot_be_simulated_can_be_inspected(tmp_path: Path) -> None:
    path = valid(tmp_path / "f.nir")
    with h5py.File(path, "r+") as file:
        replace(file, f"{LIF_NODE}/type", "Hodgkin")
        replace(file, f"{LIF_NODE}/tau", np.array([1, np.nan, np.inf]))
        replace(file, W, ["no", "numbers"])
    summary = inspect_nir(path)
    assert not summary["simulable"]
    assert "unknown node type" in summary["problem"]
    nodes = {n["name"]: n for n in summary["nodes"]}
    assert nodes["lif"]["parameters"]["tau"]["not_finite"] == 2
    assert nodes["linear"]["parameters"]["weight"] == {"text": "no numbers"}


def outputs_that_feed(file: h5py.File) -> None:
    replace(file, "node/edges", [["input", "linear"], ["linear", "output"], ["output", "lif"]])


def test_an_output_feeds_nothing(tmp_path: Path) -> None:
    path = valid(tmp_path / "f.nir")
    with h5py.File(path, "r+") as file:
        outputs_that_feed(file)
    assert "node 'output' (Output): feeds 'lif'; connect 'lif' to what feeds the Output" in refused(path)
    with pytest.raises(FileError, match="feeds 'lif'"):
        inspect_nir(path)


def test_odd_metadata_are_read_and_shown(tmp_path: Path) -> None:
    """Long doubles, numbers where snmem writes texts, and keys that snmem may leave out."""
    path = tmp_path / "f.nir"
    write_nir(Network((Input("in", 2), Population("a", 2, LIF())), (Projection("in", "a", np.eye(2)),)), path)
    with h5py.File(path, "r+") as file:
        layout = json.loads(file["node/metadata/network"][()])
        del layout["silent"], layout["projections"][0]["plasticity"]
        layout["populations"][0]["flatten"] = None
        replace(file, "node/metadata/network", json.dumps(layout))
        replace(file, "node/metadata/notes", [1, 2])
        file["node/metadata/long"], file["node/metadata/longs"] = np.longdouble(1.5), np.longdouble([1.5, 2])
    assert read_nir(path).projections[0].synapses == 2
    summary = inspect_nir(path)
    assert tables(summary)
    assert json.loads(json.dumps(summary))["metadata"]["long"] == 1.5
    assert summary["metadata"]["longs"] == [1.5, 2.0]


def test_mutated_files_are_read_or_refused_in_one_line(tmp_path: Path) -> None:
    """A few of those that the fuzz suite makes by the thousand."""
    files, path, readable, messages = bases(), tmp_path / "m.nir", 0, []
    names = sorted(name for name in files if name.startswith("nir_"))
    for seed in range(120):
        rng = random.Random(seed)
        path.write_bytes(mutate(rng, files[rng.choice(names)]))
        for read in (read_nir, lambda p: tables(inspect_nir(p))):
            try:
                read(path)
                readable += 1
            except FileError as error:
                messages.append(str(error))
    assert all(20 < len(message) < 1000 and message.isprintable() for message in messages)
    assert 20 < readable < 200  # the mutations reach both sides
