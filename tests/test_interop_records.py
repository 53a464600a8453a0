"""The recorded answers of other frameworks: what is exact stays so, and the page of the docs says what is true."""

import zipfile
from functools import partial
from pathlib import Path

import nir
import numpy as np
import pytest

from snmem import simulate
from snmem.installation.content import content_dir
from snmem.nir_io import read_nir
from snmem.verify.interop import PAGE, PLAIN, first_difference, interop, markdown
from snmem.verify.smallest import Example, smallest

PAGE_FILE = Path(__file__).parent.parent / "docs" / "interop.md"
#: Primitives of nir 1.0.8 but Input and Output, which stand in every graph.
PRIMITIVES = {
    *("Linear", "Affine", "Scale", "Conv1d", "Conv2d", "SumPool2d", "AvgPool2d", "Flatten", "Delay", "Threshold"),
    *("I", "IF", "LI", "LIF", "CubaLI", "CubaLIF", "NIRGraph"),
}


@pytest.fixture(scope="module")
def result():
    return interop()


def test_eight_frameworks_and_all_primitives_both_ways(result):
    assert len(result["frameworks"]) >= 8
    for name in result["frameworks"]:
        for direction in ("theirs", "ours"):
            rows = [r for r in result["rows"] if r["framework"] == name and r["direction"] == direction]
            assert {r["primitive"].split(",")[0] for r in rows} >= PRIMITIVES


def test_every_difference_has_its_cause(result):
    for row in result["rows"]:
        assert row["status"] in ("spike-exact", "differs", "refused", "crashes", "read", "not exported")
        assert row["why"] != "not explained"
        assert row["why"] or row["status"] == "spike-exact"


def test_every_difference_has_a_smallest_file_that_shows_it(result, tmp_path):
    differing = {row["smallest"] for row in result["rows"] if row["status"] == "differs"}
    with zipfile.ZipFile(content_dir("benchmarks") / "interop" / "differs.zip") as packed:
        packed.extractall(tmp_path)
    assert differing == {path.name for path in tmp_path.glob("*.nir")}
    short = 0
    for name in differing:
        arrays = dict(np.load((tmp_path / name).with_suffix(".npz")))
        x = arrays.pop("x")
        found = first_difference({} if " theirs " in name else PLAIN, Example(tmp_path / name, x, arrays))
        assert min(step for step, _ in found.values()) == len(x) - 1
        short += len(x) <= 2
    assert short > len(differing) / 2


def test_a_smallest_file_keeps_the_neuron_that_differs_and_the_lines_that_spike(tmp_path):
    rng = np.random.default_rng(0)
    weights, one = np.round(64 * rng.normal(0.2, 0.3, (5, 7))) / 64, np.ones(5)
    cells = nir.LIF(tau=one * 4e-4, r=one * 4, v_leak=one * 0, v_threshold=one, v_reset=one * 0)
    nir.write(tmp_path / "a.nir", nir.NIRGraph.from_list(nir.Linear(weights), cells))
    x = rng.random((40, 7)) < 0.4
    x[:, 2] = False
    network = read_nir(tmp_path / "a.nir", **PLAIN)
    spikes = (
        simulate(network, {network.inputs[0].name: x}, backend="reference")
        .spikes[network.outputs[0]]
        .raster()
        .astype(float)
    )
    spikes[9, 3] = 1 - spikes[9, 3]
    example = Example(tmp_path / "a.nir", x, {"layer0": spikes})
    found = smallest(example, partial(first_difference, PLAIN), tmp_path / "b.nir")
    assert found.x.shape == (10, 6)
    assert found.arrays["layer0"].shape == (10, 1)
    assert first_difference(PLAIN, found) == {"layer0": (9, 0)}
    assert read_nir(found.file, **PLAIN).neurons[0].size == 1


def test_spikes_are_compared_where_there_are_some(result):
    exact = [r for r in result["rows"] if r["status"] == "spike-exact"]
    assert {r["framework"] for r in exact} >= {"snntorch", "norse", "sinabs", "rockpool", "spikingjelly", "spyx"}
    assert all(r["entries"] > 0 for r in exact)


def test_the_page_is_made_of_the_records(result):
    assert PAGE_FILE.read_text(encoding="utf-8") == PAGE + markdown(result)
