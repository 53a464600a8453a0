"""The documentation builds without a warning, and its Python runs as printed."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from snmem.protocols.demo import demo

ROOT = Path(__file__).parent.parent
#: Pages whose Python blocks are whole programs.
PAGES = ["README.md", "docs/first-memory.md", "docs/neurons.md", "docs/empty-attention.md", "docs/view.md"]
PAGES += ["docs/loihi-arithmetic.md", "docs/standard-models.md"]
PAGES += [f"docs/for-{name}-users.md" for name in ("brian2", "snntorch", "lava")]


def test_documentation_builds_strictly(tmp_path: Path) -> None:
    """As `make docs` does; with --quiet, mkdocs counts no warnings."""
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(tmp_path / "site")]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert not re.search(r"^WARNING", done.stdout + done.stderr, re.MULTILINE)
    reference = (tmp_path / "site" / "reference" / "index.html").read_text()
    assert not re.search(r":(class|func|math|mod):|\.\. math::", reference)


@pytest.mark.parametrize("page", PAGES)
def test_python_of_a_page_runs(page: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    blocks = re.findall(r"^```python\n(.*?)^```", (ROOT / page).read_text(), re.MULTILINE | re.DOTALL)
    assert blocks
    monkeypatch.chdir(tmp_path)  # for what it writes
    exec(compile("\n".join(blocks), page, "exec"), {"__name__": page})


def test_the_index_for_language_models_names_every_page():
    nav = re.findall(r"^  - (.+): (.+\.md)$", (ROOT / "mkdocs.yml").read_text(), re.MULTILINE)
    links = re.findall(r"\[(.+?)\]\((.+?\.md)\)", (ROOT / "docs" / "llms.txt").read_text())
    assert sorted(nav) == sorted(links)


def test_figures_of_the_readme_are_those_of_the_demo() -> None:
    """Lava left out, whose cells and differing cells have tests of their own."""
    found = demo(lava=False, say=lambda message: None)
    text = (ROOT / "README.md").read_text()
    recall, event = found["recall"], found["conformance"]["event"]
    bits = " | ".join(f"{recall[name]:.3f}" for name in ("spiking", "algorithm", "never_stored"))
    assert f"| active bits recovered | {bits} |" in text
    right = " | ".join(f"{recall[name]:.0%}".replace("%", " %") for name in ("identified", "identified_algorithm"))
    assert f"| right item nearest | {right} | |" in text
    assert f"{event['cells']:,} cells" in text
    assert all(found["conformance"][name]["differing"] == 0 for name in ("event", "loihi"))
    joules = found["cost"]["loihi1-nahuku"]["dynamic_joules_per_recall"]
    assert f"One recall costs {1e6 * joules:.0f} uJ of dynamic energy" in " ".join(text.split())
