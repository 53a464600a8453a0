"""Every notebook runs from top to bottom, and is the one that its script makes."""

from pathlib import Path

import jupytext
import nbformat
import pytest
from nbclient import NotebookClient

FOLDER = Path(__file__).parent.parent / "notebooks"
NOTEBOOKS = sorted(path.stem for path in FOLDER.glob("*.ipynb"))


#: Trainings that are shortened here, by notebook; what they reach is tested with the models and tasks themselves.
SHORTER = {
    "05_spiking_attention": {"iterations=3500, trials=2": "iterations=1000, trials=2", "in range(400)": "in range(40)"},
}


def test_what_is_shortened_stands_in_the_notebooks() -> None:
    for name, pairs in SHORTER.items():
        assert all(text in (FOLDER / f"{name}.py").read_text() for text in pairs)


def test_every_script_has_its_notebook() -> None:
    assert NOTEBOOKS
    assert sorted(path.stem for path in FOLDER.glob("*.py")) == NOTEBOOKS


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_notebook_is_what_its_script_makes(name: str) -> None:
    made, kept = jupytext.read(FOLDER / f"{name}.py"), nbformat.read(FOLDER / f"{name}.ipynb", 4)
    remedy = f"run: make notebooks/{name}.ipynb"
    assert [(c.cell_type, c.source) for c in kept.cells] == [(c.cell_type, c.source) for c in made.cells], remedy


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_notebook_runs(name: str, tmp_path: Path) -> None:
    notebook = jupytext.read(FOLDER / f"{name}.py")
    for cell in notebook.cells:
        for long, short in SHORTER.get(name, {}).items():
            cell.source = cell.source.replace(long, short)
    NotebookClient(notebook, timeout=1200, resources={"metadata": {"path": str(tmp_path)}}).execute()
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", ())]
    assert any("image/png" in output.get("data", {}) for output in outputs)
