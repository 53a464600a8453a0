"""The runner of a written module: every wrong array ends in one line that names it, and nothing is unpickled."""

import io
import pickle
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from snmem import LIF, Input, Network, Population, Projection
from snmem.lava.compiler.arrays import LIMIT, read_arrays, read_rasters, write_arrays
from snmem.lava.compiler.compile import compile
from snmem.lava.shim import lava_imports

SIZES = {"image": 3, "file": 2}


class Bomb:
    """Leaves a file behind when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self):
        return Path.touch, (self.path,)


def header(shape: tuple[int, ...], kind: str = "<f8") -> bytes:
    """A .npy file that ends after its header."""
    out = io.BytesIO()
    np.lib.format.write_array_header_1_0(out, {"descr": kind, "fortran_order": False, "shape": shape})
    return out.getvalue()


def npz(path: Path, **members: object) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        for name, content in members.items():
            data = io.BytesIO()
            if isinstance(content, bytes):
                data.write(content)
            else:
                np.save(data, np.asarray(content), allow_pickle=True)
            file.writestr(f"{name}.npy", data.getvalue())
    return path


@pytest.mark.parametrize(
    ("members", "words"),
    [
        ({"images": np.eye(3)}, ["array 'images' is no input", "'image', 'file'"]),
        ({"arr_0": np.eye(3)}, ["array 'arr_0' is no input"]),
        ({"image": np.eye(3), "\x1b[2J": np.eye(3)}, [r"array '\x1b[2J' is no input"]),
        ({"h": np.eye(3)}, ["holds no array of an input", "'image', 'file'"]),
        ({}, ["holds no array of an input"]),
        ({"image": np.eye(3) * 0.5}, ["'image'", "0.5", "step 0, line 0", "0 or 1"]),
        ({"image": np.eye(3) + 2}, ["'image'", "3.0", "0 or 1"]),
        ({"image": -np.eye(3, dtype=np.int8)}, ["'image'", "-1", "0 or 1"]),
        ({"image": np.full((1, 3), np.nan)}, ["'image'", "nan", "0 or 1"]),
        ({"image": np.zeros((0, 3))}, ["'image'", "(0, 3)", "at least one step"]),
        ({"image": np.zeros((4, 2))}, ["'image'", "(4, 2)", "(steps, 3)"]),
        ({"image": np.zeros(3)}, ["'image'", "(3,)", "(steps, 3)"]),
        ({"image": np.array([["a", "b", "c"]])}, ["'image'", "<U1", "expected numbers"]),
        ({"image": np.eye(3) * 1j}, ["'image'", "complex128", "expected numbers"]),
        ({"image": header((10**12, 3))}, ["'image'", "3,000,000,000,000 entries", f"limit is {LIMIT:,}"]),
        ({"image": header((5, 3))}, ["'image' cannot be read"]),
        ({"image": b"\x93NUMPY\x07\x00"}, ["'image' cannot be read"]),
        ({"image": b""}, ["'image' cannot be read"]),
    ],
)
def test_a_wrong_array_is_refused_by_its_name(tmp_path, members, words):
    file = npz(tmp_path / "in.npz", **members)
    with pytest.raises(ValueError, match="input") as caught:
        read_rasters(file, SIZES, {"h"})
    assert all(word in str(caught.value) for word in words)
    assert str(caught.value).isprintable()


def test_objects_are_never_unpickled(tmp_path):
    for shape in ((1,), (1, 3)):
        data = header(shape, "|O") + pickle.dumps([Bomb(tmp_path / "ran")] * 3)
        with pytest.raises(ValueError, match="'image' is of type 'object', expected numbers"):
            read_rasters(npz(tmp_path / "in.npz", image=data), SIZES, ())
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", b"\x93NUMPY", b"text"])
def test_what_is_no_npz_file_is_named(tmp_path, content):
    (tmp_path / "in.npz").write_bytes(content)
    with pytest.raises(ValueError, match=r"in.npz': is no npz file"):
        read_rasters(tmp_path / "in.npz", SIZES, ())
    with pytest.raises(ValueError, match="there is no such file"):
        read_rasters(tmp_path, SIZES, ())


def test_a_raster_of_any_number_type_is_read_and_other_arrays_are_left_aside(tmp_path):
    for kind in (bool, np.int8, np.uint64, np.float16, ">f8"):
        file = npz(tmp_path / "in.npz", image=np.eye(3).astype(kind), h=header((10**15,)))
        assert list(read_rasters(file, SIZES, {"h"})) == ["image"]
        np.testing.assert_array_equal(read_rasters(file, SIZES, {"h"})["image"], np.eye(3))


NAMES = st.text(st.characters(exclude_categories=("Cc", "Cs"), exclude_characters="/"), min_size=1)


@given(
    st.dictionaries(
        NAMES | st.sampled_from(["file", "allow_pickle", "a", "a.npy", "args", "..", "kwds"]), st.integers()
    )
)
def test_arrays_of_any_name_come_back(tmp_path_factory, numbers):
    path = tmp_path_factory.mktemp("npz") / "out.npz"
    write_arrays(path, {name: np.array([number % 2**31]) for name, number in numbers.items()})
    found = read_arrays(path)
    assert {name: int(array[0]) for name, array in found.items()} == {n: i % 2**31 for n, i in numbers.items()}


def test_a_file_of_arrays_is_written_whole_or_not_at_all(tmp_path):
    path, link = tmp_path / "out.npz", tmp_path / "link.npz"
    link.symlink_to(path)
    write_arrays(link, {"a": np.eye(2)})
    assert link.is_symlink()
    with pytest.raises(ValueError, match="allow_pickle"):
        write_arrays(link, {"a": np.eye(300), "b": np.array([object()])})
    assert [*read_arrays(path)] == ["a"]
    assert {p.name for p in tmp_path.iterdir()} == {"out.npz", "link.npz"}


_FULL = """
import resource, runpy, sys
import numpy as np
from snmem.lava.shim import lava_imports

with lava_imports():
    module = runpy.run_path(sys.argv[1], run_name="network")
noise = np.random.default_rng(0).random((200, 2000))
module["main"].__globals__["simulate"] = lambda inputs, steps: {"noise": noise}
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
sys.argv = ["network.py", "in.npz", "out.npz"]
module["main"]()
"""


def test_on_a_full_disk_a_module_keeps_the_old_output_and_ends_in_one_line(folder, tmp_path):
    npz(tmp_path / "in.npz", file=np.eye(2))
    (tmp_path / "out.npz").write_bytes(b"old")
    command = [sys.executable, "-c", _FULL, str(folder / "network.py")]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == "network.py: error: [Errno 27] File too large"
    assert "Traceback" not in done.stderr
    assert {p.name: p.stat().st_size for p in tmp_path.iterdir() if p.name != "in.npz"} == {"out.npz": 3}


def test_parameters_of_another_module_are_refused(folder, module, tmp_path):
    network = Network((Population("p", 2, LIF(theta=np.array([1.0, 2.0]))),))
    compile(network, tmp_path, steps=5, lava=False)
    text = (folder / "network.py").read_text()
    (tmp_path / "network.py").write_text(text)
    space = {"__name__": "network", "__file__": str(tmp_path / "network.py")}
    with lava_imports():
        exec(text, space)
    with pytest.raises(ValueError, match=r"parameters\.npz was not written with .*network.py; write both again"):
        space["Network"]()
    module["Network"]()


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Folder of a written module with an input called "file"."""
    network = Network(
        (Input("file", 2), Population("allow_pickle", 2, LIF(0.0, 0.5, 0.5))),
        (Projection("file", "allow_pickle", np.eye(2)),),
    )
    folder = tmp_path_factory.mktemp("module")
    compile(network, folder, steps=5, lava=False)
    return folder


@pytest.fixture(scope="module")
def module(folder):
    """The namespace of the module."""
    space = {"__name__": "network", "__file__": str(folder / "network.py")}
    with lava_imports():
        exec((folder / "network.py").read_text(), space)
    return space


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["in.npz", "out.npz"], ["input 'file' holds 2.0"]),
        (["none.npz", "out.npz"], ["none.npz", "no such file"]),
        (["good.npz", "none/out.npz"], ["none/out.npz", "no such folder"]),
        (["good.npz", "out.npz", "--steps", "0"], ["--steps", "from 1", "'0'"]),
        (["good.npz", "out.npz", "--steps", "5_0"], ["--steps", "'5_0'"]),
        (["good.npz", "out.npz", "--steps", "1000000000"], ["'file' of 2", "1,000,000,000 steps", "fewer"]),
    ],
)
def test_the_program_ends_in_one_line(module, tmp_path, monkeypatch, capsys, arguments, words):
    monkeypatch.chdir(tmp_path)
    npz(tmp_path / "in.npz", file=np.eye(2) * 2)
    npz(tmp_path / "good.npz", file=np.eye(2))
    monkeypatch.setattr("sys.argv", ["network.py", *arguments])
    with pytest.raises(SystemExit) as caught:
        module["main"]()
    assert caught.value.code in (1, 2)
    line = capsys.readouterr().err.splitlines()[-1]
    assert line.startswith("network.py: error: ")
    assert all(word in line for word in words)
    assert not (tmp_path / "out.npz").exists()


def test_the_functions_refuse_what_the_program_refuses(module):
    with pytest.raises(ValueError, match="array 'x' is no input; the inputs are 'file'"):
        module["simulate"]({"x": np.eye(2)}, 2)
    with pytest.raises(ValueError, match="'file' has shape"):
        module["simulate"]({"file": np.eye(3)}, 2)
