"""``snmem bench models``: the simulators agree about the models before anything is timed."""

import pytest

from snmem.errors import InputError
from snmem.installation.content import load_script

bench = load_script("benchmarks", "models")


def test_simulators_agree_about_cuba():
    """Brian2's C++ has the same spikes, NEST, which has other ones, about the same rate."""
    found = bench.bench_models(quick=True, models=["cuba"])
    rows = {row["name"]: row for row in found["rows"]}
    assert rows["cuba: spikes that only one of snmem and Brian2 has"]["value"] == 0
    runs = found["raw"]["cuba"]
    assert set(runs) == {"snmem", "brian2", "nest"}
    assert all(run["run_s"] > 0 and run["peak_mb"] > 0 and run["setup_s"] > 0 for run in runs.values())
    assert runs["nest"]["rates"]["neurons"] == pytest.approx(runs["snmem"]["rates"]["neurons"], rel=0.3)
    assert found["published"]["microcircuit"]


def test_a_peer_that_is_not_there_is_a_row_that_says_so(monkeypatch):
    monkeypatch.setattr(bench, "child", lambda job, report: {"absent": "package 'nest' is not installed"})
    found = bench.bench_models(quick=True, models=["cuba"])
    assert not found["ok"]
    assert {row["raw"]["why"] for row in found["rows"]} == {"package 'nest' is not installed"}


def test_an_unknown_model_is_one_line():
    with pytest.raises(
        InputError, match="'brain' is unknown; use cuba, brunel, fly_brain, microcircuit, microcircuit_half"
    ):
        bench.bench_models(models=["brain"])
