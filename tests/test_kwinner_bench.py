"""The benchmark of the K-winner memory: what it measures, on small sizes."""

import numpy as np
import pytest

from snmem.installation.content import load_script

bench = load_script("benchmarks", "memory")


def test_costs_are_measured_against_the_reference():
    rows = bench.cost_rows(lambda text: None, count=50)
    assert [row["target"] for row in rows] == pytest.approx([39.33, 35.5], abs=0.01)
    assert all(row["ok"] == (row["value"] <= row["target"]) for row in rows)
    for row in rows:
        assert row["raw"]["times_faster"] * row["value"] == pytest.approx(row["raw"]["reference_us"])


def test_a_peer_recalls_every_pattern_and_the_memory_the_newest(monkeypatch):
    monkeypatch.setattr(bench, "PEERS", {"softmax in torch": bench.softmax_torch})
    small, large = bench.peer_rows((500, 1500), lambda text: None)
    assert small["raw"]["peer"]["all"] == large["raw"]["peer"]["all"] == 1.0
    ours = large["raw"]["kwinner"]
    assert ours["newest"] > 0.65
    assert ours["newest"] > ours["all"] + 0.1
    assert large["value"] == pytest.approx(ours["per_second"] / large["raw"]["peer"]["per_second"])


def test_scale_is_measured_and_drawn(tmp_path):
    runs = [bench.scale(hidden, 20, 500, 20) for hidden in (3000, 6000)]
    assert [run["active_synapses"] for run in runs] == [6000, 12000]
    assert all(run["accuracy"] > 0.7 for run in runs)
    assert all(run["gigabytes"] > 0.05 for run in runs)
    found = {"by_hidden": runs, "by_active": runs, "dense": runs[0]}
    rows = {
        row["name"]: row for row in bench.scale_rows({**found, "by_hidden": [dict(r, active_synapses=1) for r in runs]})
    }
    slope = np.log(runs[1]["store_us"] / runs[0]["store_us"]) / np.log(2)
    assert rows["store time ~ active synapses ** x"]["value"] == pytest.approx(slope)
    path = bench.plot_scale(found, tmp_path)
    assert (tmp_path / "memory-scale.png").stat().st_size > 5000
    assert path == str(tmp_path / "memory-scale.png")
