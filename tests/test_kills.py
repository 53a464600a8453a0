"""A kill at any step of any verb that writes: nothing is lost, doubled or mixed, and the next run goes on.

The steps of replacing a file and of publishing a folder are killed in test_files and test_result_folder; here are the
verbs themselves, and all runs have the same process id.
"""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from steps import folders_at_steps, kill_at_steps, state

from snmem import LIF, Input, Network, Population, Projection, read_nir, write_nir
from snmem.cli import main
from snmem.io.result_update import read_run, unchanged


def _network(weight: float) -> Network:
    weights = np.full((3, 2), weight)
    return Network((Input("in", 2), Population("p", 3, LIF(theta=0.5))), (Projection("in", "p", weights),), ("p",))


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder for what is written, and a network beside it; without waiting for the disk."""
    monkeypatch.setattr("os.fsync", lambda descriptor: None)
    write_nir(_network(1.0), tmp_path / "net.nir")
    (tmp_path / "folder").mkdir()
    return tmp_path / "folder"


def _golden(seed: int, path: Path) -> int:
    options = ["--steps", "20", "--backends", "event", "--seed", str(seed), "--save-golden", str(path)]
    return main(["verify", str(path.parents[1] / "net.nir"), *options])


def _nir(seed: int, path: Path) -> None:
    write_nir(_network(float(seed)), path)


WRITERS: dict[str, Callable[[int, Path], Any]] = {"network": _nir, "golden": _golden}


@pytest.mark.parametrize("name", WRITERS)
def test_a_killed_writer_leaves_the_old_file_or_the_new_one(name: str, folder: Path) -> None:
    path, write = folder / "file.h5", WRITERS[name]
    write(2, path)
    new = path.read_bytes()
    write(1, path)
    old = path.read_bytes()
    assert old != new
    for step in kill_at_steps(partial(write, 2, path), folder):
        assert path.read_bytes() in (old, new)
        if step % 10 == 0:
            write(2, path)
            assert state(folder) == {"file.h5": new}


VERBS = {
    "compile": ["compile", "NET", "--no-run", "--steps", "20"],
    "cost": ["cost", "NET", "--chip", "loihi1-davies2018", "--steps", "20", "--html", "HTML"],
    "verify": ["verify", "NET", "--steps", "20", "--backends", "event"],
}


@pytest.mark.parametrize("verb", VERBS)
def test_a_killed_verb_leaves_the_old_results_or_the_new_ones(verb: str, folder: Path) -> None:
    target, page = folder / "results", folder / "page.html"
    words = {"NET": str(folder.parent / "net.nir"), "HTML": str(page)}
    arguments = [words.get(word, word) for word in VERBS[verb]]
    assert main([*arguments, "--seed", "1", "--out", str(target)]) == 0
    names = set(state(folder))
    steps = 0
    for _ in folders_at_steps(partial(main, [*arguments, "--seed", "2", "--out", str(target)]), folder):
        run = read_run(target)
        assert run is not None
        assert all(unchanged(target, name, run) for name in run.files)
        assert {name for name in state(target) if not name.startswith(".snmem-")} == {*run.files, "run.json"}
        assert page.exists() == (verb == "cost")
        steps += 1
        if steps % 10 == 0:
            assert main([*arguments, "--seed", "3", "--out", str(target)]) == 0
            assert set(state(folder)) == names
    assert steps > 10
    assert read_nir(folder.parent / "net.nir") == _network(1.0)
