"""Code blocks of the documentation that need something around them run; commands use verbs and options that exist."""

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest
import typer
from test_docs import PAGES, ROOT

from snmem.cli.app import app

#: What blocks of a page take for granted.
SMALL = """
import numpy as np
from snmem import LIF, Input, Network, Population, Projection, SumOfProducts, simulate
from snmem.plasticity import PairSTDP
rng = np.random.default_rng(0)
"""
GIVEN = {
    "backends": """
network = Network((Input("x", 3), Population("h", 4, LIF(beta=0.9))), (Projection("x", "h", np.ones((4, 3))),))
piece_of_input = lambda i: {"x": np.eye(3)[[i % 3]]}
use = lambda spikes: None
""",
    "cost": """
network = Network((Input("input", 3), Population("h", 4, LIF(beta=0.9))), (Projection("input", "h", np.ones((4, 3))),))
spikes = rng.random((128, 3)) < 0.3
""",
    "distributed": """
build = lambda: Network((Population("exc", 30, LIF(bias=0.3)),), ())
""",
    "loihi": "weights = rng.integers(0, 9, (4, 3))",
    "recording": """
exc, inh = Population("exc", 9, LIF(beta=0.9)), Population("inh", 3, LIF(beta=0.9))
stdp = Projection("x", "exc", rng.random((9, 8)), plasticity=PairSTDP(0.01), name="stdp")
network = Network((Input("x", 8), exc, inh), (stdp, Projection("exc", "inh", np.ones((3, 9)))))
inputs = {"x": rng.random((10_000, 8)) < 0.05}
""",
    "trust": """
import snntorch, torch
module = torch.nn.Sequential(torch.nn.Linear(4, 3), snntorch.Leaky(beta=0.9, init_hidden=True))
sample = torch.ones(5, 2, 4)
""",
}
#: Runs that the pages make long, which here are short.
SHORTER = {"10**7": "20_000", "10**6": "2_000"}
#: Pages whose blocks other tests run, and compare with what the pages say they print.
ELSEWHERE = {"attention", "hdc", "nir"}


def blocks(page: Path) -> list[str]:
    found = re.findall(r"^( *)```python\n(.*?)^\1```", page.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    return [dedent(block) for _, block in found]


def test_every_page_with_python_is_run() -> None:
    pages = {path.stem for path in (ROOT / "docs").glob("*.md") if blocks(path)}
    assert pages == {Path(page).stem for page in PAGES if page.startswith("docs")} | GIVEN.keys() | ELSEWHERE


@pytest.mark.parametrize("page", GIVEN)
def test_python_that_needs_something_around_it_runs(page: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {"__name__": page}
    exec(SMALL + GIVEN[page], names)
    for block in blocks(ROOT / "docs" / f"{page}.md"):
        if "from network import Network" in block:  # that of the folder that `snmem compile` writes
            continue
        for long, short in SHORTER.items():
            block = block.replace(long, short)
        exec(compile(block, f"docs/{page}.md", "exec"), names)


def test_the_lava_block_of_the_page_runs(tmp_path: Path) -> None:
    """In a process of its own, since Lava's threads outlive it otherwise."""
    (block,) = (b for b in blocks(ROOT / "docs" / "loihi.md") if "from network import Network" in b)
    net = SMALL + (
        "from snmem import quantize, write_nir\n"
        "h = Population('h', 4, LIF(beta=0.9))\n"
        "net = Network((Input('in', 3), h), (Projection('in', 'h', np.ones((4, 3))),), ('h',))\n"
        "write_nir(quantize(net), 'net.nir')\n"
    )
    around = (
        "import sys; sys.path.insert(0, 'lava')\n"
        "import numpy as np\n"
        "from types import SimpleNamespace\n"
        "from network import Record, RingBuffer\n"
        "my_source = RingBuffer(data=np.eye(3))\n"
        "my_sink = SimpleNamespace(a_in=Record(200, 4, 'record').s_in)\n"
    )
    run = [sys.executable, "-c"]
    subprocess.run([*run, net], cwd=tmp_path, check=True, timeout=600)
    command = [sys.executable, "-m", "snmem", "compile", "net.nir", "--no-run", "--steps", "9", "--out", "lava"]
    subprocess.run(command, cwd=tmp_path, check=True, capture_output=True, timeout=600)
    done = subprocess.run([*run, around + block], cwd=tmp_path, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr


def commands() -> Iterator[tuple[str, list[str]]]:
    """(page, words) of every command of snmem in the pages and in the README."""
    for page in [ROOT / "README.md", *(ROOT / "docs").glob("*.md")]:
        for line in re.findall(
            r"(?:^|`)(snmem (?!builds)[a-z][^`\n]*)", page.read_text(encoding="utf-8"), re.MULTILINE
        ):
            for command in re.split(r"\s{3,}|\s#\s|;", line):
                if command.startswith("snmem "):
                    yield page.name, command.split()[1:]


def test_commands_use_verbs_and_options_that_exist() -> None:
    tree: Any = typer.main.get_command(app)
    wrong, seen = [], 0
    for page, words in commands():
        command = tree.commands.get(words[0])
        if command is None:
            wrong.append(f"{page}: snmem {words[0]}")
            continue
        command = command.commands[words[1]] if hasattr(command, "commands") else command
        known = {name for option in command.params for name in (*option.opts, *option.secondary_opts)} | {"--help"}
        seen += 1
        options = [word.split("=")[0] for word in words if word.startswith("--")]
        wrong += [f"{page}: snmem {' '.join(words)}: {option}" for option in options if option not in known]
    assert not wrong, "\n".join(wrong)
    assert seen > 40


def test_the_gallery_has_a_page_with_figures_for_every_model_and_notebook() -> None:
    """Where a model is new or has changed, `make docs` makes its figures anew."""
    sys.path.insert(0, str(ROOT / "docs"))
    import _gallery

    made = {model: _gallery.kept(model)["figures"] for model in _gallery.models() if _gallery.kept(model)}
    assert len(made) > 15
    assert {name for names in made.values() for name in names} == {p.name for p in _gallery.KEPT.glob("*.png")}
    pages = {path: content for path, _, content in _gallery.pages()}
    for stem in [*_gallery.models(), *(path.stem for path in _gallery.NOTEBOOKS.glob("*.ipynb"))]:
        assert f"({stem}.md)" in pages["gallery/index.md"]
        assert "![" in pages[f"gallery/{stem}.md"] or stem in _gallery.changed()
