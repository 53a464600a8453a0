"""The contract of the command line: one JSON object, one line per error, exit codes, whole result folders."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
import typer
from conftest import SNMEM, Result

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


def test_help_lists_every_verb_and_is_quick() -> None:
    start = time.perf_counter()
    done = subprocess.run([*SNMEM, "--help"], capture_output=True, text=True, check=True)
    assert time.perf_counter() - start < 2  # 0.3 s on an idle machine
    assert "chips" in done.stdout


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
import multiprocessing, pathlib, sys, time, typer
from snmem.cli import app, main
from snmem.cli.contract import Report, add_verb

def sleep(*, out: pathlib.Path | None) -> Report:
    (out / "half").write_text("half")
    multiprocessing.get_context("spawn").Process(target=time.sleep, args=(60,)).start()
    print("ready", flush=True)
    time.sleep(60)

if __name__ == "__main__":
    app.app = typer.Typer()
    app.app.callback()(lambda: None)
    add_verb(app.app, "sleep", sleep)
    sys.exit(main(["sleep", *sys.argv[1:]]))
"""


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_interruption_leaves_no_child_and_no_draft(number: signal.Signals, code: int, tmp_path: Path) -> None:
    script = tmp_path / "sleeper.py"
    script.write_text(_SLEEPER)
    command = [sys.executable, str(script), "--out", str(tmp_path / "out")]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    assert process.stderr.readline() == "ready\n"
    children = psutil.Process(process.pid).children(recursive=True)
    assert children
    process.send_signal(number)
    assert process.wait(20) == code
    _, alive = psutil.wait_procs(children, timeout=10)
    assert alive == []
    assert [path.name for path in tmp_path.iterdir()] == ["sleeper.py"]


def test_a_closed_pipe_is_no_traceback() -> None:
    process = subprocess.Popen([*SNMEM, "chips", "--json"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.close()
    assert process.stderr.read() == ""
    assert process.wait() == 141
