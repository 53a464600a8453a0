"""inspect_nir describes any NIR file, as JSON and as tables."""

from __future__ import annotations

import io
import json
import re
from pathlib import Path
from typing import Any

import h5py
import nir
import numpy as np
import pytest
from nir_graphs import DT, GraphMaker
from rich.console import Console

from snmem import LIF, Input, Instar, Network, Population, Projection
from snmem.nir_io import OPTIONS, inspect_nir, read_nir, render, write_nir


def shown(summary: dict[str, Any]) -> str:
    console = Console(width=200, file=io.StringIO())
    render(summary, console)
    return console.file.getvalue()


@pytest.mark.parametrize("seed", range(12))
def test_summaries_agree_with_the_network_and_are_json(seed: int, tmp_path: Path) -> None:
    graph = GraphMaker(seed).graph()
    nir.write(tmp_path / "g.nir", graph)
    summary = inspect_nir(tmp_path / "g.nir", dt=DT)
    network = read_nir(tmp_path / "g.nir", DT)
    assert json.loads(json.dumps(summary, allow_nan=False)) == summary
    assert summary["simulable"]
    assert summary["problem"] is None
    assert summary["written_by"] is None
    for node in summary["nodes"]:
        given = graph.nodes[node["name"]]
        assert node["type"] == type(given).__name__
        assert node["output_shape"] == list(given.output_type["output"])
    found = summary["network"]
    assert found["synapses"] == sum(q.synapses for q in network.projections)
    assert found["neurons"] == sum(p.size for p in network.neurons)
    assert [q["delay"] for q in found["projections"]] == [q.delay for q in network.projections]
    text = shown(summary)
    assert all(name in text for name in graph.nodes)
    assert all(choice["name"] in text for choice in summary["choices"])
    assert not any("dt = " in line for line in summary["ambiguous"])


def test_files_of_snmem_show_what_only_the_metadata_say(tmp_path: Path) -> None:
    populations = Input("in", (2, 3)), Population("a", 4, LIF(0.5, 0.75, reset="subtract"))
    projections = (
        Projection("in", "a", np.eye(4, 6), 3),
        Projection("a", "a", np.eye(4), plasticity=Instar(0.5), name="learned"),
    )
    write_nir(Network(populations, projections, ("a",), 0.002), tmp_path / "n.nir", max_dense=20)
    summary = inspect_nir(tmp_path / "n.nir")
    assert json.loads(json.dumps(summary, allow_nan=False)) == summary
    assert summary["written_by"] == "snmem"
    assert (summary["metadata"]["dt"], summary["network"]["max_delay"]) == (0.002, 3)
    assert summary["inputs"] == {"in": [2, 3]}
    assert summary["outputs"] == {"output": [4]}
    assert summary["choices"] == summary["ambiguous"] == []
    nodes = {n["name"]: n for n in summary["nodes"]}
    assert (nodes["in->a"]["type"], nodes["in->a"]["synapses"]) == ("SparseLinear", 4)
    assert (nodes["learned"]["type"], nodes["learned"]["synapses"]) == ("Linear", 4)
    assert nodes["a"]["parameters"]["tau_syn"]["min"] == 0.004
    text = shown(summary)
    assert "population 'a': reset by subtraction of the threshold" in text
    assert "learns (Instar)" in text


def test_brackets_in_names_are_not_markup(tmp_path: Path) -> None:
    write_nir(Network((Population("[bold]a", 1, LIF()),)), tmp_path / "n.nir")
    assert "[bold]a" in shown(inspect_nir(tmp_path / "n.nir"))


def test_unknown_nodes_and_strange_values_are_shown(tmp_path: Path) -> None:
    write_nir(Network((Population("a", 3, LIF(beta=0.5)),)), tmp_path / "n.nir")
    with h5py.File(tmp_path / "n.nir", "r+") as file:
        node = file["node/nodes/a"]
        del node["type"], node["tau"]
        node["type"], node["tau"], node["g_K"] = "HodgkinHuxley", [1.0, np.nan, np.inf], [36.0, 37.0, 38.0]
    summary = inspect_nir(tmp_path / "n.nir")
    assert not summary["simulable"]
    text = shown(summary)
    assert "HodgkinHuxley (unknown)" in text
    assert "g_K [36.0, 37.0, 38.0]" in text
    assert "tau 1 (2 not finite)" in text
    assert "cannot be simulated: n.nir: node 'a' (HodgkinHuxley): unknown node type" in text


def test_the_python_of_the_documentation_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page = (Path(__file__).parent.parent / "docs" / "nir.md").read_text(encoding="utf-8")
    blocks = re.findall(r"^```python\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
    monkeypatch.chdir(tmp_path)
    exec(compile("\n".join(blocks), "nir.md", "exec"), {})
    assert [p.name for p in tmp_path.iterdir()] == ["network.nir"]


def test_the_documentation_names_every_option_and_its_default() -> None:
    page = (Path(__file__).parent.parent / "docs" / "nir.md").read_text(encoding="utf-8")
    for name, option in OPTIONS.items():
        assert f"`{name}`" in page
        for value in option.allowed:
            assert (f'"{value}"' if isinstance(value, str) else f"{value} step") in page
