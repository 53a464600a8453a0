"""The verbs of the command line: what they print, and one clear line for every bad input."""

import json
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import nir
import numpy as np
import psutil
import pytest
from conftest import SNMEM, Result

from snmem import LIF, Input, Network, Population, Projection, simulate
from snmem.installation.doctor import Row
from snmem.io.spikes import read_spikes
from snmem.nir_io import read_nir, write_nir
from snmem.stimuli import poisson

LINES = "The cat sat on the mat.\nA dog barked all night.\nRain fell on the old town.\nNobody saw the thief leave.\n"


@pytest.fixture
def lines(tmp_path: Path) -> Path:
    """A text file of four memories."""
    path = tmp_path / "lines.txt"
    path.write_text(LINES)
    return path


def test_demo_prints_one_object_and_fills_its_folder(snmem: Callable[..., Result], lines: Path, tmp_path: Path) -> None:
    result = snmem("demo", "--no-lava", "--data", lines, "--out", tmp_path / "out", "--json")
    data = result.data
    assert result.code == 0
    assert data["recall"]["identified"] == 1
    assert {"spiking", "algorithm", "never_stored"} <= set(data["recall"])
    for runtime in ("event", "loihi"):
        assert data["conformance"][runtime]["cells"] > 0
        assert data["conformance"][runtime]["differing"] == 0
    for chip in data["cost"].values():
        assert chip["joules_per_recall"] > 0
        assert chip["seconds_per_recall"] > 0
    assert all(Path(path).is_file() for path in data["files"].values())
    assert json.loads((tmp_path / "out" / "report.json").read_text()) == data
    assert json.loads((tmp_path / "out" / "run.json").read_text())["seed"] == 0


def test_export_writes_the_network_of_a_model(snmem: Callable[..., Result], tmp_path: Path) -> None:
    path = tmp_path / "memory.nir"
    result = snmem("export", "kwinner-spiking", path, "--set", "patterns=3", "--seed", 1, "--json")
    network = read_nir(path)
    assert result.code == 0
    assert result.data["network_sha256"] == network.digest()
    assert result.data["populations"] == {p.name: p.size for p in network.populations}
    assert snmem("verify", path, "--steps", 60, "--backends", "event").code == 0


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["kwinner-tree"], ["'kwinner-tree'", "no network", "kwinner-spiking"]),
        (["kwinner-spiking", "--set", "items=3"], ["'items'", "patterns"]),
    ],
)
def test_export_says_what_it_cannot_write(
    snmem: Callable[..., Result], tmp_path: Path, arguments: list[str], words: list[str]
) -> None:
    result = snmem("export", arguments[0], tmp_path / "x.nir", *arguments[1:])
    assert result.code == 1
    assert all(word in result.err for word in words)
    assert not list(tmp_path.iterdir())


def _latin1(path: Path) -> None:
    path.write_bytes("Über den Wolken\n".encode("latin-1"))


def _array(values: Any) -> Callable[[Path], None]:
    return lambda path: np.save(path, np.asarray(values, float))


BAD_DATA = {
    "missing.txt": (lambda path: None, "no such file"),
    "missing.npy": (lambda path: None, "no such file"),
    "latin1.txt": (_latin1, "UTF-8"),
    "empty.txt": (lambda path: path.write_text(""), "one memory a line"),
    "nan.npy": (_array([[1, np.nan], [2, 3]]), "NaN"),
    "rank.npy": (_array(np.zeros((2, 3, 4))), "shape (2, 3, 4)"),
    "text.npy": (lambda path: path.write_text("no array"), ".npy"),
}


@pytest.mark.parametrize("name", BAD_DATA)
def test_demo_refuses_bad_data_in_one_line(name: str, snmem: Callable[..., Result], tmp_path: Path) -> None:
    write, reason = BAD_DATA[name]
    write(tmp_path / name)
    before = set(tmp_path.iterdir())
    result = snmem("demo", "--no-lava", "--data", tmp_path / name, "--out", tmp_path / "out")
    assert reason in result.error()
    assert name in result.error()
    assert set(tmp_path.iterdir()) == before


def test_demo_without_lava_names_the_remedy(
    snmem: Callable[..., Result], lines: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("snmem.lava.shim.installed_version", lambda: None)
    result = snmem("demo", "--data", lines, "--out", tmp_path / "out")
    assert "snmem lava install" in result.error()
    assert not (tmp_path / "out").exists()


def test_ctrl_c_during_lava_leaves_no_child_and_no_file(lines: Path, tmp_path: Path) -> None:
    command = [*SNMEM, "demo", "--data", str(lines), "--out", str(tmp_path / "out")]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    for line in process.stderr:
        if "lava_float" in line:
            break
    children: list[psutil.Process] = []
    while not children:
        assert process.poll() is None
        children = psutil.Process(process.pid).children(recursive=True)
    process.send_signal(signal.SIGINT)
    *told, error = process.stderr.read().splitlines()
    assert error == "snmem: error: interrupted"
    assert all(line.startswith("snmem: ") and "error" not in line for line in told)  # how far it has come meanwhile
    assert process.wait(600) == 130
    _, alive = psutil.wait_procs(children, timeout=600)
    assert alive == []
    assert [path.name for path in tmp_path.iterdir()] == ["lines.txt"]


@pytest.mark.parametrize(("required", "code"), [(False, 0), (True, 1)])
def test_doctor_fails_only_for_what_snmem_needs(
    required: bool, code: int, snmem: Callable[..., Result], monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = [Row("good", "1.0", True), Row("absent", None, False, "pip install absent", "not installed", required)]
    monkeypatch.setattr("snmem.installation.doctor.doctor", lambda: rows)
    result = snmem("doctor", "--json")
    assert (result.code, result.data["ok"]) == (code, code == 0)
    assert result.data["rows"][1]["remedy"] == "pip install absent"
    table = snmem("doctor")
    assert table.code == code
    assert "pip install absent" in table.out


def test_chips_lists_every_profile(snmem: Callable[..., Result]) -> None:
    names = [chip["name"] for chip in snmem("chips", "--json").data["chips"]]
    assert {"loihi1-davies2018", "loihi1-nahuku"} <= set(names)
    assert all(name in snmem("chips").out for name in names)


def test_an_unknown_benchmark_lists_the_known_ones(snmem: Callable[..., Result]) -> None:
    assert "use one of attention, " in snmem("bench", "nothing").error()


def test_lava_install_says_what_is_there(snmem: Callable[..., Result]) -> None:
    assert snmem("lava", "install", "--json").data["lava-nc"] == "0.10.0"
    assert "lava-nc 0.10.0 is already installed" in snmem("lava", "install").out


def test_lava_that_cannot_be_installed_is_one_line(
    snmem: Callable[..., Result], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("snmem.lava.shim.installed_version", lambda: None)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", "")
    monkeypatch.setattr("snmem.lava.shim.LAVA_VERSION", "0.0.0")
    assert "run by hand: pip install" in snmem("lava", "install").error()


@pytest.fixture
def nir_file(tmp_path: Path) -> Path:
    """A small network as a NIR file."""
    lif = LIF(beta=0.5, theta=0.75)
    network = Network(
        (Input("in", 3), Population("out", 2, lif)), (Projection("in", "out", np.ones((2, 3))),), ("out",)
    )
    write_nir(network, tmp_path / "net.nir")
    return tmp_path / "net.nir"


def test_cost_bills_a_nir_file(snmem: Callable[..., Result], nir_file: Path) -> None:
    np.save(nir_file.with_name("in.npy"), [[1, 1, 1], [0, 0, 0], [1, 1, 1]])
    result = snmem("cost", nir_file, "--chip", "loihi1-nahuku", "--input", nir_file.with_name("in.npy"), "--json")
    assert result.code == 0
    data = result.data
    assert data["steps"] == 3
    assert data["counters"]["synaptic_events"] == 12
    assert data["energy"]["dynamic"]["total"] > 0
    table = snmem("cost", nir_file, "--chip", "loihi1-nahuku", "--steps", 10)
    assert "Bill on loihi1-nahuku: 10 steps" in table.out


def _rewrite(path: Path, change: Callable[[bytes], bytes]) -> None:
    path.write_bytes(change(path.read_bytes()))


def _unknown_node(path: Path) -> None:
    with h5py.File(path, "r+") as file:
        file["node/nodes/out/type"][()] = "Quantum"


BAD_NIR: dict[str, tuple[Callable[[Path], Any], str]] = {
    "missing": (lambda path: path.unlink(), "no such file"),
    "empty": (lambda path: path.write_bytes(b""), ""),
    "truncated": (lambda path: _rewrite(path, lambda data: data[: len(data) // 2]), ""),
    "random bytes": (lambda path: path.write_bytes(np.random.default_rng(0).bytes(5000)), ""),
    "zeroed middle": (lambda path: _rewrite(path, lambda data: data[:200] + bytes(4000) + data[4200:]), ""),
    "unknown node": (_unknown_node, "Quantum"),
}


@pytest.mark.parametrize("damage", BAD_NIR)
def test_a_bad_nir_file_is_one_line(damage: str, snmem: Callable[..., Result], nir_file: Path) -> None:
    change, reason = BAD_NIR[damage]
    change(nir_file)
    result = snmem("cost", nir_file, "--chip", "loihi1-nahuku", "--out", nir_file.with_name("out"))
    message = result.error()
    assert nir_file.name in message
    assert reason in message
    assert "unexpected" not in message
    assert not nir_file.with_name("out").exists()


def test_an_unknown_chip_lists_the_known_ones(snmem: Callable[..., Result], nir_file: Path) -> None:
    assert "loihi1-davies2018" in snmem("cost", nir_file, "--chip", "abacus").error()


def test_inspect_shows_nodes_and_network(snmem: Callable[..., Result], nir_file: Path) -> None:
    data = snmem("inspect", nir_file, "--json").data
    assert data["network"]["neurons"] == 2
    assert data["network"]["synapses"] == 6
    assert "in->out" in snmem("inspect", nir_file).out


def test_inspect_shows_a_file_that_cannot_be_simulated(snmem: Callable[..., Result], nir_file: Path) -> None:
    _unknown_node(nir_file)
    result = snmem("inspect", nir_file)
    assert result.code == 0
    assert "Quantum (unknown)" in result.out


def test_what_a_file_leaves_open_is_set_by_name(snmem: Callable[..., Result], tmp_path: Path) -> None:
    one = np.ones(1)
    nodes = {
        "input": nir.Input({"input": one}),
        "linear": nir.Linear(one[:, None]),
        "lif": nir.LIF(tau=one * 0.01, r=one, v_leak=one * 0, v_threshold=one),
        "output": nir.Output({"output": one}),
    }
    chain = [("input", "linear"), ("linear", "lif"), ("lif", "output")]
    path = tmp_path / "foreign.nir"
    nir.write(path, nir.NIRGraph(nodes, chain))
    data = snmem("inspect", path, "--dt", 1e-3, "--set", "discretization=exp", "--json").data
    assert data["network"]["dt"] == 1e-3
    assert {c["name"]: (c["value"], c["source"]) for c in data["choices"]}["discretization"] == ("exp", "option")
    assert "discretization = euler (default)" in snmem("cost", path, "--chip", "loihi1-nahuku").err
    assert "euler, exp" in snmem("inspect", path, "--set", "discretization=magic").error()
    assert "discretization" in snmem("cost", path, "--chip", "loihi1-nahuku", "--set", "magic=1").error()


def test_an_unknown_recipe_lists_the_known_ones(snmem: Callable[..., Result]) -> None:
    assert "kwinner-retention" in snmem("reproduce", "nothing").error()


def test_verify_agrees_and_says_so(snmem: Callable[..., Result], nir_file: Path) -> None:
    result = snmem("verify", nir_file, "--backends", "event,lava_float", "--steps", 20, "--json")
    assert (result.code, result.data["agree"]) == (0, True)
    for backend in result.data["backends"].values():
        assert backend["populations"]["out"]["cells"] == 40
        assert backend["populations"]["out"]["differing"] == 0
    np.save(nir_file.with_name("in.npy"), np.eye(3, dtype=int)[[0, 1, 2, 0]])
    result = snmem("verify", nir_file, "--backends", "event", "--input", nir_file.with_name("in.npy"))
    assert "4 steps" in result.out
    assert "All agree." in result.out


def test_simulate_keeps_spikes_and_traces(snmem: Callable[..., Result], nir_file: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    arguments = ("simulate", nir_file, "--steps", 30, "--seed", 3, "--record", "out.v")
    result = snmem(*arguments, "--out", out, "--json")
    assert result.code == 0
    network = read_nir(nir_file)
    expected = simulate(network, poisson(network, 30, 3, 0.1), 30, record=["out.v"])
    rows = {row["name"]: row for row in result.data["populations"]}
    assert {name: row["spikes"] for name, row in rows.items()} == {n: len(s) for n, s in expected.spikes.items()}
    assert rows["in"]["rate_hz"] == rows["in"]["spikes"] / (30 * 3) / network.dt
    assert result.data["files"] == ["spikes.h5", "spikes.npz", "traces.npz"]
    assert dict(read_spikes(out / "spikes.h5").spikes) == dict(expected.spikes)
    assert nir.read_data(out / "spikes.h5").nodes.keys() == expected.spikes.keys()
    with np.load(out / "spikes.npz") as rasters, np.load(out / "traces.npz") as traces:
        assert {name: rasters[name].tolist() for name in rasters} == {
            name: s.raster().tolist() for name, s in expected.spikes.items()
        }
        assert np.array_equal(traces["out.v"], expected.traces["out.v"])
    assert snmem("verify", nir_file, "--golden", out / "spikes.npz", "--backends", "event").code == 0
    again = snmem("simulate", nir_file, "--input", out / "spikes.npz", "--backend", "reference", "--json")
    assert again.data["populations"] == result.data["populations"]
    assert "out" in snmem(*arguments).out
    assert "'magic'" in snmem("simulate", nir_file, "--backend", "magic").error()
    assert "out.w" in snmem("simulate", nir_file, "--record", "out.w").error()


def test_populations_of_any_name_are_kept(snmem: Callable[..., Result], tmp_path: Path) -> None:
    names = ["file", "allow_pickle", "a b.npy", "[bold]"]
    network = Network((Input("in", 1), *(Population(n, 1, LIF(bias=1.5)) for n in names)), outputs=tuple(names))
    write_nir(network, tmp_path / "n.nir")
    result = snmem("simulate", tmp_path / "n.nir", "--steps", 5, "--out", tmp_path / "run", "--json")
    assert result.code == 0
    assert set(read_spikes(tmp_path / "run" / "spikes.npz").spikes) == {"in", *names}


def test_verify_fails_where_spikes_differ(snmem: Callable[..., Result], nir_file: Path, tmp_path: Path) -> None:
    golden = tmp_path / "golden.h5"
    assert snmem("verify", nir_file, "--backends", "event", "--save-golden", golden).code == 0
    network = read_nir(nir_file)
    write_nir(network.with_weights({"in->out": np.zeros((2, 3))}), nir_file)
    result = snmem("verify", nir_file, "--backends", "event", "--golden", golden, "--json")
    assert (result.code, result.data["agree"]) == (1, False)
    assert result.data["golden"]["populations"]["out"]["differing"] > 0


def test_verify_without_lava_names_the_remedy(
    snmem: Callable[..., Result], nir_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("snmem.lava.shim.installed_version", lambda: None)
    result = snmem("verify", nir_file, "--backends", "lava_float", "--json")
    assert result.code == 1
    assert "snmem lava install" in result.data["backends"]["lava_float"]["reason"]
