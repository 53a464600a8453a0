"""The contract of the command line: one JSON object, one line per error, exit codes, whole result folders."""

import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
import typer
from conftest import SNMEM, Result
from steps import kill_at_steps, state

from snmem.cli import main
from snmem.cli.contract import Report, add_verb
from snmem.errors import InputError


@pytest.fixture
def probe(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[..., Report]], None]:
    """Replaces all verbs by one, ``snmem probe``, that runs the given function."""

    def install(function: Callable[..., Report], **settings: Any) -> None:
        app = typer.Typer()
        app.callback()(lambda: None)
        add_verb(app, "probe", function, **settings)
        monkeypatch.setattr("snmem.cli.app.app", app)

    return install


def test_help_lists_every_verb_and_imports_nothing_heavy() -> None:
    code = "import sys; from snmem.cli import main; code = main(['--help']); print(*sys.modules); sys.exit(code)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "chips" in done.stdout
    modules = set(done.stdout.splitlines()[-1].split())
    assert not modules & {"numpy", "scipy", "numba", "h5py", "nir", "matplotlib", "xarray", "torch", "brian2"}


@pytest.mark.parametrize("args", [["nonsense"], ["chips", "--nonsense"], ["doctor", "surplus"]])
def test_wrong_usage_is_one_line_and_exit_code_2(snmem: Callable[..., Result], args: list[str]) -> None:
    result = snmem(*args)
    assert (result.code, result.out) == (2, "")
    assert result.err.startswith("snmem: error: ")
    assert result.err.count("\n") == 1
    as_json = snmem(*args, "--json")
    assert as_json.code == 2
    assert as_json.data["error"]["type"] == "UsageError"


def test_no_verb_shows_the_help_as_an_error(snmem: Callable[..., Result]) -> None:
    result = snmem()
    assert (result.code, result.out) == (2, "")
    assert "Usage: snmem" in result.err


def test_json_is_the_only_thing_on_stdout(snmem: Callable[..., Result], probe: Callable[..., None]) -> None:
    def noisy() -> Report:
        print("from a library")
        os.write(1, b"from C\n")
        subprocess.run(["echo", "from a child"], check=True)
        return Report({"nan": float("nan"), "array": np.arange(3), "number": np.float32(0.5), "path": Path("a")}, [])

    probe(noisy)
    result = snmem("probe", "--json")
    assert result.data == {"nan": None, "array": [0, 1, 2], "number": 0.5, "path": "a"}
    assert all(text in result.err for text in ("from a library", "from C", "from a child"))


def test_errors_are_one_line_with_and_without_json(snmem: Callable[..., Result], probe: Callable[..., None]) -> None:
    def bad() -> Report:
        raise InputError("size: must be at least 1,\n got 0")

    probe(bad)
    result = snmem("probe")
    assert (result.code, result.out) == (1, "")
    assert result.error() == "size: must be at least 1, got 0"
    assert snmem("probe", "--json").data == {
        "ok": False,
        "error": {"type": "InputError", "message": "size: must be at least 1, got 0"},
    }
    assert "Traceback" in snmem("probe", "--debug").err


def test_an_unexpected_error_names_the_way_to_its_traceback(
    snmem: Callable[..., Result], probe: Callable[..., None]
) -> None:
    def broken() -> Report:
        return Report({"value": 1 / 0}, [])

    probe(broken)
    assert "--debug" in snmem("probe").error()
    assert "Traceback" in snmem("probe", "--debug").err


def test_a_missing_package_is_named_with_its_remedy(snmem: Callable[..., Result], probe: Callable[..., None]) -> None:
    def needy() -> Report:
        import no_such_package  # type: ignore[import-not-found] # noqa: F401

        return Report({}, [])

    probe(needy)
    assert snmem("probe").error().startswith("probe: package 'no_such_package' is not installed; pip install")


def test_a_report_that_is_not_ok_ends_in_exit_code_1(snmem: Callable[..., Result], probe: Callable[..., None]) -> None:
    probe(lambda: Report({"ok": False}, ["differs"], ok=False))
    result = snmem("probe")
    assert (result.code, result.out, result.err) == (1, "differs\n", "")


def _writes(fail: bool = False) -> Callable[..., Report]:
    def write(seed: int = 0, *, out: Path | None) -> Report:
        assert out is not None
        (out / f"picture-{seed}.txt").write_text("picture")
        if fail:
            raise InputError("too late")
        return Report({"picture": out / f"picture-{seed}.txt"}, [])

    return write


def test_out_holds_run_report_and_files(
    snmem: Callable[..., Result], probe: Callable[..., None], tmp_path: Path
) -> None:
    probe(_writes())
    target = tmp_path / "new" / "results"
    assert snmem("probe", "--seed", 7, "--out", target).code == 0
    run = json.loads((target / "run.json").read_text())
    assert (run["verb"], run["config"], run["seed"]) == ("probe", {"seed": 7}, 7)
    assert {"snmem", "numpy", "python"} <= set(run["versions"])
    assert run["files"] == ["picture-7.txt", "report.json"]
    report = json.loads((target / "report.json").read_text())
    assert report["picture"] == str(target / "picture-7.txt")
    assert Path(report["picture"]).read_text() == "picture"
    assert snmem("probe", "--seed", 8, "--out", target).code == 0
    assert sorted(path.name for path in target.iterdir()) == ["picture-8.txt", "report.json", "run.json"]
    assert [path.name for path in target.parent.iterdir()] == ["results"]


def test_a_failed_run_leaves_nothing(snmem: Callable[..., Result], probe: Callable[..., None], tmp_path: Path) -> None:
    probe(_writes(fail=True))
    assert snmem("probe", "--out", tmp_path / "new" / "results").error() == "too late"
    assert list(tmp_path.iterdir()) == []


def test_foreign_files_are_safe(snmem: Callable[..., Result], probe: Callable[..., None], tmp_path: Path) -> None:
    probe(_writes())
    (tmp_path / "thesis.txt").write_text("mine")
    assert "--force" in snmem("probe", "--out", tmp_path).error()
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]
    assert snmem("probe", "--out", tmp_path, "--force").code == 0
    assert (tmp_path / "thesis.txt").read_text() == "mine"
    assert (tmp_path / "report.json").is_file()
    assert "is a file" in snmem("probe", "--out", tmp_path / "thesis.txt").error()


_SLEEPER = """
import hashlib, multiprocessing, pathlib, subprocess, sys, time, typer
from snmem.cli import app, main
from snmem.cli.contract import Report, add_verb

def sleep(how: str = '', *, out: pathlib.Path | None) -> Report:
    (out / "half").write_text("half")
    multiprocessing.get_context("spawn").Process(target=time.sleep, args=(600,)).start()
    subprocess.Popen(["sleep", "600"], start_new_session=True)
    print("ready", flush=True)
    if how == "compiled":  # a call that Python cannot interrupt
        hashlib.pbkdf2_hmac("sha256", b"", b"", 10**9)
    exec("time.sleep(600)")

if __name__ == "__main__":
    app.app = typer.Typer()
    app.app.callback()(lambda: None)
    add_verb(app.app, "sleep", sleep)
    sys.argv.insert(1, "sleep")
    sys.exit(main())
"""


SIGNALS = [
    (signal.SIGINT, 130, "interrupted"),
    (signal.SIGTERM, 143, "terminated"),
    (signal.SIGHUP, 129, "the terminal was closed"),
]


@pytest.mark.parametrize(
    ("how", "number", "code", "message"), [*(("python", *entry) for entry in SIGNALS), ("compiled", *SIGNALS[0])]
)
def test_interruption_leaves_no_child_and_no_draft(
    how: str, number: signal.Signals, code: int, message: str, tmp_path: Path
) -> None:
    script = tmp_path / "sleeper.py"
    script.write_text(_SLEEPER)
    command = [sys.executable, str(script), "--how", how, "--json", "--out", str(tmp_path / "out")]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    assert process.stderr.readline() == "ready\n"
    children = psutil.Process(process.pid).children(recursive=True)
    assert len(children) >= 2
    process.send_signal(number)
    out, err = process.communicate(timeout=600)
    assert (process.returncode, err) == (code, f"snmem: error: {message}\n")
    assert json.loads(out)["error"]["message"] == message
    _, alive = psutil.wait_procs(children, timeout=600)
    assert alive == []
    assert [path.name for path in tmp_path.iterdir()] == ["sleeper.py"]


@pytest.mark.parametrize(("number", "code"), [entry[:2] for entry in SIGNALS])
def test_a_signal_at_any_step_leaves_the_old_run_or_the_new_one(
    number: signal.Signals, code: int, probe: Callable[..., None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("os.fsync", lambda descriptor: None)
    probe(_writes())
    folder = tmp_path / "folder"
    target = folder / "results"
    assert main(["probe", "--seed", "1", "--out", str(target)]) == 0
    work = partial(main, ["probe", "--seed", "2", "--out", str(target)])
    seeds = set()
    for _ in kill_at_steps(work, folder, number, code):
        run = json.loads((target / "run.json").read_text())
        seeds.add(run["seed"])
        assert set(state(target)) == {f"picture-{run['seed']}.txt", "report.json", "run.json"}
        assert [path.name for path in folder.iterdir()] == ["results"]
    assert seeds == {1, 2}


def test_a_signal_that_comes_to_nothing_comes_again(probe: Callable[..., None], capfd: pytest.CaptureFixture) -> None:
    """An exception in a destructor is printed and forgotten by Python; one that a library catches is forgotten too."""

    class Trap:
        def __del__(self) -> None:
            signal.raise_signal(signal.SIGTERM)

    def ignores(how: str = "") -> Report:
        if how == "destructor":
            Trap()
            signal.pause()
        with contextlib.suppress(KeyboardInterrupt):
            signal.raise_signal(signal.SIGTERM)
        return Report({}, ["result"])

    probe(ignores)
    for how in ("destructor", "caught"):
        assert main(["probe", "--how", how]) == 143
        assert capfd.readouterr() == ("", "snmem: error: terminated\n")


def test_a_signal_that_is_ignored_stays_ignored(probe: Callable[..., None], monkeypatch: pytest.MonkeyPatch) -> None:
    """As under nohup."""

    def hangs_up() -> Report:
        signal.raise_signal(signal.SIGHUP)
        return Report({}, [])

    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        probe(hangs_up)
        assert main(["probe"]) == 0
    finally:
        signal.signal(signal.SIGHUP, before)


@pytest.fixture(params=["closed", "full", "read by nobody"])
def unprintable(request: pytest.FixtureRequest) -> Iterator[tuple[dict[str, Any], int, str]]:
    """A standard output that takes nothing, for Popen; the exit code, and the line on standard error."""
    line = "snmem: error: standard output: cannot be written ({})\n"
    if request.param == "closed":
        yield {"preexec_fn": partial(os.close, 1)}, 1, line.format("Bad file descriptor")
    elif request.param == "full":
        with Path("/dev/full").open("wb") as full:
            yield {"stdout": full}, 1, line.format("No space left on device")
    else:
        read, write = os.pipe()
        os.close(read)
        yield {"stdout": write}, 141, ""
        os.close(write)


@pytest.mark.parametrize("args", [["--help"], ["--version"], ["chips"], ["chips", "--json"]], ids=" ".join)
def test_results_that_cannot_be_printed_are_one_line(
    args: list[str], unprintable: tuple[dict[str, Any], int, str]
) -> None:
    options, code, line = unprintable
    done = subprocess.run([*SNMEM, *args], stderr=subprocess.PIPE, text=True, **options)
    assert (done.returncode, done.stderr) == (code, line)


def test_an_error_that_cannot_be_printed_is_an_exit_code() -> None:
    """And files written meanwhile do not take the place of standard error."""
    for args, code in ((["nonsense"], 2), (["chips", "--json"], 0)):
        done = subprocess.run([*SNMEM, *args], stdout=subprocess.PIPE, preexec_fn=partial(os.close, 2))
        assert (done.returncode, bool(done.stdout)) == (code, code == 0)


def test_names_that_are_no_text_are_escaped_in_json(snmem: Callable[..., Result], probe: Callable[..., None]) -> None:
    probe(lambda: Report({"file": "a\udcffb"}, []))
    assert snmem("probe", "--json").data == {"file": "a\udcffb"}
