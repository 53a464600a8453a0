"""The benchmark of the emulator beside Lava: that it compares what it says, at a size that takes no time."""

import json
from dataclasses import replace

import pytest

from snmem.cli import main
from snmem.installation.content import load_script


def test_rows_hold_equal_spikes_and_a_ratio(monkeypatch, capsys):
    bench = load_script("benchmarks", "loihi")
    monkeypatch.setattr(bench, "SIZES", (replace(bench.SIZES[0], neurons=20, steps=2000, target=1),))
    assert main(["bench", "loihi", "--quick", "--json"]) == 0
    data = json.loads(capsys.readouterr().out)
    differing, ratio = data["rows"]
    assert data["ok"]
    assert (differing["value"], differing["target"], differing["ok"]) == (0, 0, True)
    assert ratio["value"] > 1
    raw = ratio["raw"]
    assert ratio["value"] == pytest.approx(raw["lava_us_per_step"] / raw["emulator_us_per_step"])
    assert raw["spikes"] > 10


def test_sizes_and_targets_are_those_asked_for():
    bench = load_script("benchmarks", "loihi")
    asked = {(s.neurons, s.density): s.target for s in bench.SIZES}
    assert asked == {(100, 1.0): 300, (1000, 0.01): 300, (1000, 1.0): 25, (10_000, 0.01): 50}
    for size in bench.SIZES[:2]:
        assert bench.random_network(size)["neurons->neurons"].synapses == size.density * size.neurons**2
