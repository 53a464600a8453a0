"""A kill at any step of any verb that writes: nothing is lost, doubled or mixed, and the next run goes on.

The steps of replacing a file and of publishing a folder are killed in test_files and test_result_folder; here are the
verbs themselves, and all runs have the same process id. Verbs whose work takes long do it once: a copy of the folder
before each step stands for what a kill there leaves.
"""

import inspect
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr
from steps import folders_at_steps, kill_at_steps, state

from snmem import LIF, Input, Network, Population, Projection, read_nir, write_nir
from snmem.cli import main
from snmem.cli.app import app
from snmem.io.results.update import read_run, unchanged
from snmem.memory import KWinnerConfig, KWinnerMemory, SpikingKWinnerMemory
from snmem.sweep import runners

#: A model and a benchmark that take no time: it is the verbs that are tested.
TINY = '''
"""Tiny."""
import numpy as np
from snmem import LIF, Input, Network, Population, Projection

def network(seed):
    weights = np.full((3, 2), seed + 0.5)
    return Network((Input("in", 2), Population("p", 3, LIF())), (Projection("in", "p", weights),), ("p",))

def run(seed, x=1.0):
    return {"y": x + seed, "age": ("age", [0.0, 1.0]), "curve": ("age", [x, seed])}

def reproduce(quick, seed, out, report):
    (out / f"picture-{seed}.png").write_bytes(bytes([seed]) * 1000)
    (out / "table.md").write_text(f"seed {seed}")
    return {"rows": [], "seed": seed, "ok": True}

def bench_tiny_suite(quick, report, out):
    return reproduce(quick, int(quick), out, report) | {"table": [["case"], ["a"]]}
'''


@dataclass(frozen=True)
class Verb:
    """How a verb is called, with an older result, a newer one, and one after a kill.

    copied : its work takes too long to be done for each step.
    """

    call: str
    variants: tuple[str, str, str] = ("--seed 1", "--seed 2", "--seed 3")
    copied: bool = False


#: Verbs with a result folder.
RESULTS = {
    "bench": Verb("bench tiny --suite", ("", "--quick", "")),
    "compile": Verb("compile NET --no-run --steps 20", copied=True),
    "cost": Verb("cost NET --chip loihi1-davies2018 --steps 20 --html PAGE", copied=True),
    "demo": Verb("demo --no-lava --data LINES", copied=True),
    "reproduce": Verb("reproduce TINY"),
    "simulate": Verb("simulate NET --steps 20 --record p.v"),
    "verify": Verb("verify NET --steps 20 --backends event", copied=True),
}
#: Verbs that write one file, and what of the library does.
FILES: dict[str, Callable[[int, Path], Any]] = {
    "export": lambda seed, path: main(["export", str(_tiny(path)), str(path), "--seed", str(seed)]),
    "verify": lambda seed, path: main(
        [
            "verify",
            str(_net(path)),
            *["--steps", "20", "--backends", "event", "--seed"],
            str(seed),
            "--save-golden",
            str(path),
        ]
    ),
    "simulate": lambda seed, path: main(
        ["simulate", str(_net(path)), *["--steps", "20", "--to", str(path), "--seed", str(seed)]]
    ),
    "view": lambda seed, path: main(
        ["view", str(_net(path)), *["--steps", "20", "--html", str(path), "--seed", str(seed), "--no-open"]]
    ),
    "write_nir": lambda seed, path: write_nir(_network(float(seed)), path),
    "memory": lambda seed, path: KWinnerMemory(_MEMORY, seed).save(path),
    "spiking memory": lambda seed, path: SpikingKWinnerMemory(_MEMORY, seed).save(path),
}
#: Verbs that write nothing where they are called.
SILENT = {
    "chips": "chips loihi1-davies2018",
    "doctor": "doctor --help",  # finds out about all packages, which takes seconds; it takes no file
    "inspect": "inspect NET",
    "interop": "interop --help",  # takes no file
    "lava install": "lava install --help",  # writes where Python's packages are
    "models": "models --help",  # imports them all
    "run": "run TINY",
}
#: Parameters of verbs that are files: those that are read, and those that are written.
READ = {("inspect", "file"), ("verify", "file"), ("simulate", "file"), ("compile", "file"), ("cost", "file")}
READ |= {("view", "source"), ("bench", "load")}
READ |= {(verb, "inputs") for verb in ("verify", "simulate", "compile", "cost", "view")} | {("verify", "golden")}
WRITTEN = {
    ("simulate", "to"),
    ("export", "file"),
    ("sweep", "folder"),
    ("cost", "html"),
    ("view", "html"),
    ("view", "perfetto"),
    ("verify", "save_golden"),
    ("bench", "runs"),  # a folder of finished runs, each written by the sweep
}
_MEMORY = KWinnerConfig(visible=20, hidden=24, fan_in=6, winners=3, active=4, rate=0.5)


def _network(weight: float) -> Network:
    weights = np.full((3, 2), weight)
    return Network((Input("in", 2), Population("p", 3, LIF(theta=0.5))), (Projection("in", "p", weights),), ("p",))


def _tiny(path: Path) -> Path:
    return path.parents[1] / "tiny.py"


def _net(path: Path) -> Path:
    return path.parents[1] / "net.nir"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder for what is written, and what verbs read beside it; without waiting for the disk."""
    monkeypatch.setattr("os.fsync", lambda descriptor: None)
    monkeypatch.setattr("snmem.recording.stream.SECONDS", 1e9)  # as the clock of a busy machine decides, bytes differ
    write_nir(_network(1.0), tmp_path / "net.nir")
    (tmp_path / "tiny.py").write_text(TINY)
    (tmp_path / "lines.txt").write_text("\n".join("abcdefgh"[n:] * 3 for n in range(4)))
    (tmp_path / "folder").mkdir()
    monkeypatch.chdir(tmp_path / "folder")
    return tmp_path / "folder"


def _words(call: str, folder: Path) -> list[str]:
    files = {"NET": "net.nir", "TINY": "tiny.py", "LINES": "lines.txt", "PAGE": "folder/page.html"}
    return [str(folder.parent / files[word]) if word in files else word for word in call.split()]


def _commands() -> dict[str, Callable[..., Any]]:
    groups = {str(group.name): group.typer_instance for group in app.registered_groups}
    own = {str(command.name): command.callback for command in app.registered_commands}
    own |= {f"{name} {c.name}": c.callback for name, group in groups.items() for c in group.registered_commands}
    return own  # type: ignore[return-value]


def test_every_verb_is_here() -> None:
    assert set(_commands()) == {*RESULTS, *SILENT, "export", "sweep", "view"}


def test_every_file_that_a_verb_writes_is_here() -> None:
    for name, command in _commands().items():
        parameters = inspect.signature(command).parameters.values()
        paths = {(name, p.name) for p in parameters if "Path" in str(p.annotation)}
        known = READ | WRITTEN | {(verb, "out") for verb in RESULTS}
        assert paths == {pair for pair in known if pair[0] == name}


@pytest.mark.parametrize("name", FILES)
def test_a_killed_writer_leaves_the_old_file_or_the_new_one(name: str, folder: Path) -> None:
    path, write = folder / "file.h5", FILES[name]
    write(2, path)
    new = path.read_bytes()
    write(1, path)
    old = path.read_bytes()
    assert old != new
    steps = 0
    for step in kill_at_steps(partial(write, 2, path), folder):
        assert path.read_bytes() in (old, new)
        if step % 10 == 0:
            write(2, path)
            assert state(folder) == {"file.h5": new}
        steps += 1
    assert steps > 3


@pytest.fixture
def quick(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A benchmark of the tiny module; a demo that compares nothing and prices nothing."""
    from snmem.installation import content
    from snmem.protocols import demo

    def content_dir(name: str) -> Path:
        return folder.parent if name == "benchmarks" else original(name)

    original = content.content_dir
    monkeypatch.setattr(content, "content_dir", content_dir)
    monkeypatch.delitem(content.sys.modules, "snmem_benchmarks.tiny", raising=False)
    monkeypatch.setattr(demo, "compare_runtimes", lambda *arguments: {})
    monkeypatch.setattr(demo, "cost", lambda *arguments: {})


def _killed(verb: Verb, work: Callable[[], int], folder: Path) -> Iterator[Any]:
    return (folders_at_steps if verb.copied else kill_at_steps)(work, folder)


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("name", RESULTS)
def test_a_killed_verb_leaves_the_old_results_or_the_new_ones(name: str, folder: Path) -> None:
    verb, target, page = RESULTS[name], folder / "results", folder / "page.html"

    def call(variant: str) -> int:
        return main([*_words(f"{verb.call} {variant}", folder), "--out", str(target)])

    older, newer, next_one = verb.variants
    assert call(older) == 0
    names = set(state(folder))
    again = 60 if name == "demo" else 20
    steps = 0
    for _ in _killed(verb, partial(call, newer), folder):
        run = read_run(target)
        assert run is not None
        assert all(unchanged(target, name, run) for name in run.files)
        assert {name for name in state(target) if not name.startswith(".snmem-")} == {*run.files, "run.json"}
        assert page.exists() == (name == "cost")
        steps += 1
        if steps % again == 0:
            assert call(next_one) == 0
            assert {n for n in state(folder) if "picture" not in n} == {n for n in names if "picture" not in n}
    assert steps > 10
    assert read_nir(folder.parent / "net.nir") == _network(1.0)


def test_a_killed_sweep_keeps_every_run_and_repeats_none(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its workers' steps too: here they work in its own process."""

    def here(target: str, tasks: Any, home: Any, workers: int) -> Iterator[Any]:
        for key, point in tasks:
            yield key, runners._run_and_keep(target, key, point, home.path)

    monkeypatch.setattr(runners, "on_processes", here)
    out, model = folder / "out", str(folder.parent / "tiny.py")

    def sweep(values: str) -> int:
        return main(["sweep", model, "--grid", f"x={values}", "--out", str(out)])

    def runs() -> dict[str, bytes]:
        return {path.name: path.read_bytes() for path in (out / "runs").glob("[!.]*")}

    assert sweep("1.5") == 0
    (first,) = runs().items()
    old = xr.load_dataset(out / "results.nc")
    for step in kill_at_steps(partial(sweep, "1.5,2.5"), folder):
        before, data = runs(), xr.load_dataset(out / "results.nc")
        assert first in before.items()
        assert data.identical(old) or data["y"].values.tolist() == [[1.5], [2.5]]
        if step % 15 == 0:
            assert sweep("1.5,2.5") == 0
            assert before.items() <= runs().items()
            assert len(runs()) == 2
            assert xr.load_dataset(out / "results.nc")["y"].values.tolist() == [[1.5], [2.5]]
            assert {n for n in state(out) if not n.startswith("runs")} == {
                ".lock",
                ".workers",
                "results.nc",
                "sweep.json",
            }
            assert not list((out / "runs").glob(".*"))
    assert len(runs()) == 2


@pytest.mark.parametrize("name", SILENT)
def test_verbs_that_have_nothing_to_write_write_nothing(name: str, folder: Path) -> None:
    assert list(kill_at_steps(partial(main, _words(SILENT[name], folder)), folder)) == []
    assert state(folder) == {}
