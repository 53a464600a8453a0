"""snmem run: a model of the library by its name, one's own by its path; nothing long starts without a word."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from snmem.errors import InputError
from snmem.installation.content import load_model
from snmem.nir_io import read_nir
from snmem.protocols import reproduce
from snmem.sweep import sweep
from snmem.sweep.points import find_function, named, split_target

MODEL = '''
"""A model of one's own."""
import helper
import numpy as np
from snmem import LIF, Input, Network, Population, Projection, simulate

def network(seed: int = 0, size: int = 3) -> Network:
    weights = np.random.default_rng(seed).integers(1, 4, (size, 2))
    out = Population("out", size, LIF(theta=helper.THETA))
    return Network((Input("in", 2), out), (Projection("in", "out", weights),))

def run(seed: int = 0, size: int = 3, backend: str = "event", report=print) -> dict[str, float]:
    report(f"on {backend}")
    return {"spikes": len(simulate(network(seed, size), {"in": np.ones((9, 2))}, 9, backend).spikes["out"])}

def reproduce(quick, seed, out, report):
    return {"ok": True, "rows": [], "raw": {"quick": quick}, "files": [], "seed": seed}
'''


@pytest.fixture
def mine(tmp_path: Path) -> Path:
    (tmp_path / "helper.py").write_text("THETA = 0.5\n")
    (tmp_path / "mine.py").write_text(MODEL)
    return tmp_path / "mine.py"


@pytest.mark.parametrize("model", ["kwinner-retention", "kwinner_retention", "mqar-winners"])
def test_a_model_without_a_single_run_does_not_start_its_reproduction(
    snmem: Callable[..., Any], monkeypatch: pytest.MonkeyPatch, model: str
) -> None:
    monkeypatch.setattr(load_model(model), "reproduce", lambda **options: pytest.fail("started"))
    message = snmem("run", model).error()
    assert all(word in message for word in ("no single run", "many minutes", f"snmem reproduce {model} --quick"))


def test_own_model_runs_by_its_path(snmem: Callable[..., Any], mine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = snmem("run", mine, "--json")
    assert (first.code, first.data["results"]) == (0, {"spikes": 24.0})
    assert "on event" in first.err
    monkeypatch.chdir(mine.parent)
    second = snmem("run", "./mine.py:run", "--set", "size=4", "--backend", "reference", "--json")
    assert second.data["results"] == {"spikes": 32.0}
    assert "on reference" in second.err


def test_own_model_is_exported_reproduced_and_swept(snmem: Callable[..., Any], mine: Path, tmp_path: Path) -> None:
    assert snmem("export", mine, tmp_path / "m.nir", "--seed", 3).code == 0
    assert read_nir(tmp_path / "m.nir") == load_model(str(mine)).network(seed=3)
    assert reproduce(str(mine), quick=True, seed=7)["raw"] == {"quick": True}
    found = sweep(str(mine), {"size": (2, 3)}, 2, tmp_path / "sweep", workers=2, report=lambda text: None)
    assert np.array_equal(found.data["spikes"], np.array([[16, 16], [24, 24]]))


def test_a_module_is_run_swept_and_reproduced_by_its_name(
    snmem: Callable[..., Any], mine: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Packages of the working folder are found, as they are beside a script."""
    package = tmp_path / "own_experiments"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "small.py").write_text(MODEL)
    monkeypatch.chdir(tmp_path)
    assert snmem("run", "own_experiments.small:run", "--json").data["results"] == {"spikes": 24.0}
    assert snmem("run", "own_experiments.small", "--json").data["results"] == {"spikes": 24.0}
    assert snmem("reproduce", "own_experiments.small:reproduce", "--quick", "--json").data["raw"] == {"quick": True}
    arguments = ("own_experiments.small", "--grid", "size=2,3", "--workers", 1, "--out", tmp_path / "kept", "--json")
    assert [row["spikes"] for row in snmem("sweep", *arguments).data["rows"]] == [16.0, 24.0]


def test_a_function_is_swept_and_reproduced_as_it_is(mine: Path, tmp_path: Path) -> None:
    """One of a module by any process; one that only this process knows, as in a notebook, here."""

    def double(seed: int = 0, x: float = 1.0) -> dict[str, float]:
        return {"y": 2 * x + seed}

    double.__qualname__ = "double"
    found = sweep(double, {"x": (1.0, 3.0)}, 2, tmp_path / "here", report=lambda text: None)
    assert found.data["y"].values.tolist() == [[2, 3], [6, 7]]
    again = sweep(double, {"x": (1.0, 3.0)}, 2, tmp_path / "here", report=lambda text: None)
    assert (again.kept, again.done) == (4, 0)
    with pytest.raises(InputError, match="known to this process only"):
        sweep(double, {"x": (5.0,)}, 1, tmp_path / "here", scheduler="tcp://127.0.0.1:1", report=lambda text: None)
    with pytest.raises(InputError, match="a function with a name"):
        sweep(lambda seed: {"y": 0.0}, {}, 1, tmp_path / "none", report=lambda text: None)
    assert reproduce(load_model(str(mine)).reproduce, seed=7)["seed"] == 7
    assert named(sweep) == "snmem.sweep:sweep"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["nothing"], ["'nothing'", "kwinner-map", "path to a .py file"]),
        (["{folder}/none.py"], ["none.py", "no such file"]),
        (["{folder}/empty.py"], ["empty.py", "no function 'run'"]),
        (["{folder}/mine.py:_private"], ["no function '_private'"]),
        (["{folder}/broken.py"], ["broken.py", "NameError", "line 2", "mend"]),
        (["{folder}/text.py"], ["text.py", "SyntaxError", "line 1"]),
        (["{folder}/mine.py", "--backend", "nest"], ["'nest'", "event"]),
        (["kwinner-map", "--backend", "event"], ["'kwinner-map'", "--backend", "winners"]),
        (["{folder}/mine.py", "--backend", "event", "--set", "backend=loihi"], ["one of them"]),
        (["{folder}/mine.py", "--set", "width=3"], ["'width'", "size"]),
        (["{folder}/empty.py:number"], ["no function 'number'"]),
    ],
)
def test_what_cannot_be_run_says_why(
    snmem: Callable[..., Any], mine: Path, arguments: list[str], words: list[str]
) -> None:
    (mine.parent / "empty.py").write_text("number = 3\n")
    (mine.parent / "broken.py").write_text("import math\nmath_ + 1\n")
    (mine.parent / "text.py").write_text("once upon a time\n")
    message = snmem("run", *(a.format(folder=mine.parent) for a in arguments)).error()
    assert all(word in message for word in words), message


def test_a_backend_of_choice_reaches_the_model(snmem: Callable[..., Any]) -> None:
    parameters = json.loads(snmem("models", "--json").out)["models"]
    assert [m["name"] for m in parameters if "backend" in m["parameters"]] == [
        "brunel",
        "ca3",
        "case-sequence-spiking",
        "cuba",
        "delay-motifs",
        "fly-brain",
        "induction",
        "microcircuit",
        "product-keys",
    ]
    arguments = ("case-sequence-spiking", "--backend", "loihi", "--set", "sequences=2", "--json")
    assert snmem("run", *arguments).data["parameters"] == {"sequences": 2, "backend": "loihi"}


@pytest.mark.parametrize(
    ("target", "parts"),
    [
        ("kwinner-map", ("kwinner-map", "")),
        ("kwinner-map:run", ("kwinner-map", "run")),
        ("./a.py", ("./a.py", "")),
        ("C:\\models\\a.py:go", ("C:\\models\\a.py", "go")),
        ("C:\\models\\a.py", ("C:\\models\\a.py", "")),
    ],
)
def test_targets(target: str, parts: tuple[str, str]) -> None:
    assert split_target(target) == parts


def test_the_same_file_is_imported_once_and_files_of_one_name_are_two(mine: Path, tmp_path: Path) -> None:
    other = tmp_path / "other" / "mine.py"
    other.parent.mkdir()
    other.write_text("def run(seed=0):\n    return {'x': 1.0}\n")
    assert load_model(str(mine)) is load_model(str(mine))
    assert find_function(str(other))() == {"x": 1.0}
    assert load_model(str(other)) is not load_model(str(mine))
