"""Sweeps: every finished run is kept, whatever happens; results do not depend on how they came about."""

import json
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
import xarray as xr
from conftest import SNMEM, Result

from snmem.errors import BackendError, FileError, InputError
from snmem.sweep import Sweep, parse_setting, sweep, sweepable
from snmem.sweep.dataset import dataset, write_dataset
from snmem.sweep.points import as_variables, find_function

TINY = {"synapses": 2000, "visible": 100, "active": 10, "fan_in": 10, "horizon": 60}
GRID: dict[str, Any] = {"winners": (5, 10), "rate": (0.3, 1.0)}


def _quiet(text: str) -> None: ...


def _options(folder: Path, seeds: int, target: str = "kwinner-map") -> list[str]:
    fixed = [part for name, value in TINY.items() for part in ("--set", f"{name}={value}")]
    grid = [part for name, values in GRID.items() for part in ("--grid", f"{name}={','.join(map(str, values))}")]
    return ["sweep", target, *grid, *fixed, "--seeds", str(seeds), "--out", str(folder)]


def _kept(folder: Path) -> dict[str, int]:
    """Finished runs and the time at which each was written."""
    return {path.name: path.stat().st_mtime_ns for path in (folder / "runs").glob("[!.]*.npz")}


#: The same runs, of which the last waits while there is a file: a sweep that does not end before it is killed.
_HELD = """
import time
from pathlib import Path
from snmem.sweep.points import find_function

def run(seed, winners, rate, synapses, visible, active, fan_in, horizon):
    given = dict(locals())
    while (seed, winners, rate) == (24, 10, 1.0) and Path(__file__).with_name("hold").exists():
        time.sleep(0.05)
    return find_function("kwinner-map")(**given)
"""


def test_kills_at_random_moments_change_nothing(snmem: Callable[..., Result], tmp_path: Path) -> None:
    """100 runs, killed with SIGKILL four times: no run is lost, none repeated, and the dataset is the same.

    A kill at every step of writing is in test_kills; here are moments in the midst of several processes' work.
    """
    folder, script, hold, rng = tmp_path / "killed", tmp_path / "held.py", tmp_path / "hold", np.random.default_rng(0)
    script.write_text(_HELD)
    hold.touch()
    options = [*_options(folder, 25, str(script)), "--workers", "2"]
    before: dict[str, int] = {}
    for number in range(4):
        process = subprocess.Popen([*SNMEM, *options], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(rng.uniform(0, 1.2) if number % 3 == 0 else 0)  # also while it starts
        wanted = min(99, len(before) + (0 if number % 3 == 0 else rng.integers(8, 25)))
        while len(_kept(folder)) < wanted and process.poll() is None:
            time.sleep(0.002)
        time.sleep(rng.uniform(0, 0.03))
        children = psutil.Process(process.pid).children(recursive=True)
        process.send_signal(signal.SIGKILL)
        assert process.wait() == -signal.SIGKILL
        _, alive = psutil.wait_procs(children, timeout=600)
        assert alive == []
        after = _kept(folder)
        assert before.items() <= after.items()  # nothing lost, nothing written again
        before = after
    assert len(before) >= 16  # twice eight
    hold.unlink()
    result = snmem(*options, "--json")
    assert result.data["kept"] == len(before)
    assert result.data["kept"] + result.data["done"] == 100
    assert before.items() <= _kept(folder).items()
    calm = sweep(str(script), GRID, 25, tmp_path / "calm", TINY, report=_quiet)
    assert calm.done == 100
    xr.testing.assert_identical(xr.load_dataset(folder / "results.nc"), xr.load_dataset(calm.path))
    assert set(_kept(folder)) == set(_kept(tmp_path / "calm"))
    assert not list((folder / "runs").glob(".*"))


def test_dataset_holds_what_the_function_returns(tmp_path: Path) -> None:
    found = sweep("kwinner-map", GRID, [3, 8], tmp_path / "s", TINY, workers=1, report=_quiet)
    direct = find_function("kwinner-map")(seed=8, winners=10, rate=1.0, **TINY)
    point = found.data.sel(winners=10, rate=1.0, seed=8)
    assert float(point["capacity"]) == direct["capacity"]
    np.testing.assert_array_equal(point["difference"], direct["difference"][1])
    np.testing.assert_array_equal(found.data["age"], direct["age"][1])
    xr.testing.assert_identical(found.data, xr.load_dataset(found.path))
    more = sweep("kwinner-map", {**GRID, "winners": (5, 10, 20)}, [3, 8], tmp_path / "s", TINY, report=_quiet)
    assert (more.kept, more.done) == (8, 4)


def test_on_a_dask_cluster_the_results_are_the_same(tmp_path: Path) -> None:
    from distributed import LocalCluster

    here = sweep("kwinner-map", GRID, 2, tmp_path / "here", TINY, workers=1, report=_quiet)
    options = {"processes": False, "dashboard_address": None, "local_directory": str(tmp_path / "dask")}
    with LocalCluster(n_workers=1, threads_per_worker=1, **options) as cluster:
        address = cluster.scheduler_address
        there = sweep("kwinner-map", GRID, 2, tmp_path / "there", TINY, scheduler=address, report=_quiet)
        bad = sweep("kwinner-map", {"fan_in": (5, 500)}, 1, tmp_path / "bad", _but("fan_in"), None, address, _quiet)
    xr.testing.assert_identical(here.data, there.data)
    assert [point["fan_in"] for point, _ in bad.failed] == [500]


@pytest.mark.parametrize(
    ("address", "reason"),
    [
        ("tcp://127.0.0.1:1", "Connection refused"),
        ("127.0.0.1", "missing port"),
        ("none://127.0.0.1:1", "unknown address scheme"),
        ("SILENT", "no answer within 0.5 s"),
    ],
)
def test_a_wrong_scheduler_is_one_error(
    address: str, reason: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if address == "SILENT":  # the others have an answer, in whatever time
        monkeypatch.setattr("snmem.sweep.runners._PATIENCE", 0.5)
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        address = address.replace("SILENT", f"tcp://127.0.0.1:{silent.getsockname()[1]}")
        with pytest.raises(BackendError, match=re.escape(f"no Dask scheduler answers at {address} (") + reason):
            sweep("kwinner-map", {}, 1, tmp_path, TINY, scheduler=address, report=_quiet)


def test_a_wrong_scheduler_leaves_nothing_to_say_at_exit(tmp_path: Path) -> None:
    command = [*SNMEM, "sweep", "kwinner-map", "--scheduler", "garbage", "--out", str(tmp_path / "s")]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 1
    said = [line for line in done.stderr.splitlines() if not line.startswith("snmem: ")]
    assert said == []


_CLUSTER = """
import time
from distributed import LocalCluster
options = {"processes": False, "dashboard_address": None, "protocol": "tcp://", "host": "127.0.0.1"}
print(LocalCluster(n_workers=1, threads_per_worker=2, **options).scheduler_address, flush=True)
time.sleep(600)
"""
_SLOW = """
import time

def run(seed):
    time.sleep(600 if seed else 0)
    return {"y": seed}
"""


@pytest.mark.parametrize(
    ("how", "code", "said"),
    [
        ("lost", 1, "sweep: the Dask scheduler at .* is lost; start the sweep again to go on"),
        ("SIGINT", 130, "interrupted"),
        ("SIGTERM", 143, "terminated"),
    ],
)
def test_a_sweep_on_dask_that_ends_early_says_so_in_one_line(how: str, code: int, said: str, tmp_path: Path) -> None:
    """And keeps what is finished."""
    (tmp_path / "slow.py").write_text(_SLOW)
    with subprocess.Popen([sys.executable, "-c", _CLUSTER], stdout=subprocess.PIPE, text=True, cwd=tmp_path) as cluster:
        assert cluster.stdout is not None
        address = cluster.stdout.readline().strip()
        command = [*SNMEM, "sweep", "./slow.py", "--seeds", "2", "--scheduler", address, "--out", "out"]
        with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, cwd=tmp_path) as process:
            while not (kept := _kept(tmp_path / "out")) and process.poll() is None:
                time.sleep(0.02)
            cluster.kill() if how == "lost" else process.send_signal(getattr(signal, how))
            _, errors = process.communicate(timeout=600)
        cluster.kill()
    assert process.returncode == code
    assert re.fullmatch(rf"snmem: 2 runs [^\n]*\n(snmem: 1 of 2 runs done\n)?snmem: error: {said}\n", errors)
    assert _kept(tmp_path / "out") == kept
    assert len(kept) == 1


def _but(name: str) -> dict[str, Any]:
    return {key: value for key, value in TINY.items() if key != name}


def test_a_failing_run_spares_the_others_and_is_tried_again(snmem: Callable[..., Result], tmp_path: Path) -> None:
    fixed = [part for name, value in _but("fan_in").items() for part in ("--set", f"{name}={value}")]
    command = ["sweep", "kwinner-map", "--grid", "fan_in=5,500", *fixed, "--out", tmp_path / "s"]
    for kept, done in ((0, 1), (1, 0)):
        result = snmem(*command, "--json")
        assert (result.code, result.data["ok"]) == (1, False)
        assert (result.data["kept"], result.data["done"]) == (kept, done)
        (failed,) = result.data["failed"]
        assert failed["parameters"]["fan_in"] == 500
        assert "visible = 100" in failed["error"]
    data = xr.load_dataset(tmp_path / "s" / "results.nc")
    assert np.isnan(data["capacity"].sel(fan_in=500)).all()
    assert np.isfinite(data["capacity"].sel(fan_in=5)).all()
    assert "FAILED" in snmem(*command).out


def test_a_folder_has_one_sweep_at_a_time(tmp_path: Path) -> None:
    from snmem.sweep.storage import SweepFolder

    with SweepFolder(tmp_path / "s").lock(), pytest.raises(FileError, match="another sweep is writing here"):
        sweep("kwinner-map", GRID, 1, tmp_path / "s", TINY, report=_quiet)


def test_foreign_and_damaged_files_are_refused(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("mine")
    with pytest.raises(FileError, match="no sweep made"):
        sweep("kwinner-map", GRID, 1, tmp_path, TINY, report=_quiet)
    with pytest.raises(FileError, match="is a file"):
        sweep("kwinner-map", GRID, 1, tmp_path / "thesis.txt", TINY, report=_quiet)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]
    folder = tmp_path / "s"
    sweep("kwinner-map", {}, 1, folder, TINY, workers=1, report=_quiet)
    with pytest.raises(FileError, match="a sweep of 'kwinner-map', not of 'kwinner-retention:reproduce'"):
        sweep("kwinner-retention:reproduce", {}, 1, folder, report=_quiet)
    (run,) = (folder / "runs").glob("*.npz")
    run.write_bytes(run.read_bytes()[:100])
    with pytest.raises(FileError, match=rf"{run.name}: damaged or truncated .*; remove it and sweep again"):
        sweep("kwinner-map", {}, 1, folder, TINY, report=_quiet)
    (folder / "sweep.json").write_text("{")
    with pytest.raises(FileError, match=r"sweep\.json: is no valid JSON .*; remove it to go on"):
        sweep("kwinner-map", {}, 1, folder, TINY, report=_quiet)


def _rewritten(change: Callable[[dict[str, Any], dict[str, Any]], Any]) -> Callable[[Path], None]:
    """Change the header and the arrays of a run file."""

    def rewrite(path: Path) -> None:
        with np.load(path) as file:
            arrays = dict(file)
        header = json.loads(str(arrays.pop("header")))
        change(header, arrays)
        np.savez(path, header=np.array(json.dumps(header)), **arrays)

    return rewrite


RUNS: dict[str, tuple[Any, str]] = {
    "rank": (lambda h, a: a.update(v0=np.ones((2, 2))), r"array 'v0': has shape \(2, 2\), expected \(n,\)"),
    "texts": (lambda h, a: a.update(v0=np.array("x")), "array 'v0': holds text, expected floats"),
    "missing": (lambda h, a: a.pop("v0"), "its header names others"),
    "one more": (lambda h, a: a.update(v99=np.ones(2)), "its header names others"),
    "no names": (lambda h, a: h.update(dims=3), "which no run has"),
    "names": (lambda h, a: h["dims"].update(capacity="x"), "result 'capacity': dimensions are 'x', expected texts"),
    "numbers": (lambda h, a: h["dims"].update(difference=[1]), r"dimensions are \[1\], expected texts"),
    "twice": (lambda h, a: h["dims"].update(difference=["age", "age"]), "names a dimension twice"),
    "other point": (lambda h, a: h["point"].update(winners=7), "is the run of other parameters .*'winners': 7"),
    "vast": (lambda h, a: a.update(v0=np.ones(2**25 + 1, np.float16)), "has shape .*, expected|the limit is 33554432"),
}


@pytest.fixture(scope="module")
def swept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("swept") / "s"
    sweep("kwinner-map", {"winners": (5, 10)}, 1, folder, TINY, workers=1, report=_quiet)
    return folder


@pytest.mark.parametrize("name", RUNS)
def test_a_changed_run_is_refused_by_name(name: str, swept: Path, tmp_path: Path) -> None:
    change, words = RUNS[name]
    shutil.copytree(swept, tmp_path / "s")
    run = min((tmp_path / "s" / "runs").glob("*.npz"))
    _rewritten(change)(run)
    with pytest.raises(FileError, match=rf"{run.name}: .*{words}.*; remove it and sweep again"):
        sweep("kwinner-map", {"winners": (5, 10)}, 1, tmp_path / "s", TINY, report=_quiet)


def test_a_run_copied_over_another_is_refused(swept: Path, tmp_path: Path) -> None:
    shutil.copytree(swept, tmp_path / "s")
    one, other = (tmp_path / "s" / "runs").glob("*.npz")
    shutil.copyfile(one, other)
    with pytest.raises(FileError, match=rf"{other.name}: is the run of other parameters"):
        sweep("kwinner-map", {"winners": (5, 10)}, 1, tmp_path / "s", TINY, report=_quiet)


def test_results_are_limited_before_memory_is_taken_and_named_as_netcdf_can(tmp_path: Path) -> None:
    plan = Sweep("kwinner-map", {}, {}, (0,))
    (key,) = map(plan.key, plan.points())
    zeros = np.zeros(0)
    many = {"x": (("x",), np.ones(10**5)), "y": (("y",), np.ones(10**5)), "xy": (("x", "y"), np.ones((1, 1)))}
    with pytest.raises(InputError, match="result 'xy': would have 10000000000 numbers in all runs, the limit is"):
        dataset(plan, {key: many})
    assert dataset(plan, {key: {"x": (("x",), zeros), "f": (("x",), zeros)}}).sizes == {"x": 0, "seed": 1}
    odd = dataset(plan, {key: {"": ((), np.ones(()))}})
    with pytest.raises(InputError, match="netCDF cannot hold these results"):
        write_dataset(odd, tmp_path / "results.nc")


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ("pairs=abc", "'pairs': must be a whole number, got 'abc' (a text); the default is 64"),
        ("pairs=2.5", "'pairs': must be a whole number, got 2.5 (a number)"),
        ("pairs=true", "'pairs': must be a whole number, got True (true or false)"),
        ("pairs=null", "'pairs': must be a whole number, got None (null)"),
        ("pairs=[1]", "'pairs': must be a whole number, got '[1]' (a text)"),
        ("pairs=" + "[" * 50_000, "'pairs': must be a whole number, got '[[["),
        ("pairs=" + "9" * 400, "'pairs': must be a whole number below 2**63, got 999"),
        ("pairs=" + "9" * 5000, "'pairs': must be a whole number, got '999"),
        ("kept=nan", "'kept': must be a number, got 'nan' (a text)"),
        ("kept=NaN", "'kept': must be a number, got 'NaN' (a text)"),
        ("kept=1e999", "'kept': must be a number, got '1e999' (a text)"),
        ("kept=", "must read name=value"),
    ],
)
@pytest.mark.parametrize("verb", ["run", "sweep"])
def test_a_setting_of_the_wrong_type_is_one_line(
    verb: str, setting: str, words: str, snmem: Callable[..., Result], tmp_path: Path
) -> None:
    out = ("--out", tmp_path / "s") if verb == "sweep" else ()
    message = snmem(verb, "mqar", "--set", setting, *out).error()
    assert words in message
    assert len(message) < 300
    assert not (tmp_path / "s").exists()


def test_texts_and_values_that_a_model_does_not_expect(snmem: Callable[..., Result]) -> None:
    assert (
        "'rule': must be a text, got 3 (a whole number); the default is"
        in snmem("run", "case-sequence", "--set", "rule=3").error()
    )
    message = snmem("run", "kwinner-map", "--set", "fan_in=0").error()
    assert "model 'kwinner-map' with fan_in=0, seed=0: ZeroDivisionError" in message
    large = "driven=" + "9" * 20
    assert "must be a text or a whole number below 2**63" in snmem("run", "fly_brain", "--set", large).error()


def test_values_of_numpy_are_plain_values(tmp_path: Path) -> None:
    plan = Sweep("kwinner-map", {"winners": np.array([5, 10]), "rate": np.array([0.5])}, {}, np.arange(2))  # type: ignore[arg-type]
    assert plan == Sweep("kwinner-map", {"winners": (5, 10), "rate": (0.5,)}, {}, (0, 1))
    for grid, seeds, words in (
        ({"winners": 5}, (0,), "needs a list of values, got 5"),
        ({"winners": "5"}, (0,), "needs a list of values, got '5'"),
        ({"winners": [object()]}, (0,), "must be a whole number, got <object"),
        ({}, (-1,), r"'seed': must lie in 0\.\.2147483647, got -1\.\.-1"),
        ({}, (), "'seed': needs at least 1 value"),
    ):
        with pytest.raises(InputError, match=words):
            Sweep("kwinner-map", grid, {}, seeds)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (["nothing"], ["'nothing'", "kwinner-map"]),
        (["kwinner-map:nothing"], ["'kwinner-map:nothing'", "no function 'nothing'"]),
        (["kwinner-map", "--grid", "color=1,2"], ["'color'", "winners, rate"]),
        (["kwinner-map", "--grid", "winners=1,1"], ["'winners'", "none twice"]),
        (["kwinner-map", "--grid", "winners"], ["'winners'", "name=value"]),
        (["kwinner-map", "--set", "winners=1,2"], ["winners", "one value", "--grid"]),
        (["kwinner-map", "--set", "winners=1", "--grid", "winners=2"], ["both"]),
        (["kwinner-map:age_bands"], ["takes no seed"]),
        (["kwinner-map", "--seeds", "1000000000000"], ["1,000,000,000,000 runs", "limit is 1,000,000"]),
    ],
)
def test_bad_input_is_one_line(args: list[str], words: list[str], snmem: Callable[..., Result], tmp_path: Path) -> None:
    message = snmem("sweep", *args, "--out", tmp_path / "s").error()
    assert all(word in message for word in words)
    assert not (tmp_path / "s").exists()


def test_settings_and_results_of_functions() -> None:
    assert parse_setting("a=1,2.5,true,text") == ("a", (1, 2.5, True, "text"))
    rows = [{"name": "x", "value": 2}, {"name": "in words", "value": "larger", "ok": True}]
    assert {k: float(v) for k, (_, v) in as_variables({"rows": rows}, "f").items()} == {"x": 2.0, "in words": 1.0}
    dims, values = as_variables({"m/s": [[1, 2]]}, "f")["m per s"]
    assert (dims, values.shape) == (("m per s 0", "m per s 1"), (1, 2))
    for bad in ([1], {"x": "text"}, {"x": (("a", "b"), [1])}):
        with pytest.raises(InputError):
            as_variables(bad, "f")


def test_models_are_listed_and_run(snmem: Callable[..., Result]) -> None:
    assert "kwinner-map" in sweepable()
    listed = {model["name"]: model for model in snmem("models", "--json").data["models"]}
    assert listed["kwinner-retention"]["verbs"] == ["reproduce"]
    assert listed["kwinner-map"]["parameters"]["winners"] == 50
    assert "kwinner-retention" in snmem("models").out
    fixed = [part for name, value in TINY.items() for part in ("--set", f"{name}={value}")]
    result = snmem("run", "kwinner-map", *fixed, "--seed", 4, "--json")
    direct = find_function("kwinner-map")(seed=4, **TINY)
    assert result.data["results"]["newest"] == json.loads(json.dumps(direct["newest"]))
    assert "capacity" in snmem("run", "kwinner-map", *fixed).out
