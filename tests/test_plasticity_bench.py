"""The benchmark of learning: that it compares what it says, at sizes that take no time."""

from dataclasses import replace

import pytest

from snmem.installation.content import load_script


@pytest.fixture
def bench(monkeypatch):
    """The script at a small size, with Brian2's numpy target in place of a compiled binary."""
    script = load_script("benchmarks", "plasticity")
    small = replace(script.QUICK, neurons=150, steps=800, repeats=1, sums=6000, sum_steps=40, patterns=1)
    monkeypatch.setattr(script, "QUICK", small)
    monkeypatch.setattr(script, "PEER", "numpy")
    monkeypatch.setattr(script, "INPUT_WEIGHT", 0.05)
    return script


def test_brian2_ends_with_our_spikes_and_weights(bench):
    spikes, weights, ratio = bench.stdp_rows(bench.QUICK, lambda message: None)
    assert (spikes["value"], weights["value"], weights["ok"]) == (0, 0, True)
    assert weights["raw"]["largest"] < bench.TOLERANCE < 1e-3 < weights["raw"]["mean_change"]
    assert ratio["raw"]["rate_hz"] > 5
    assert ratio["target"] == 3
    times = ratio["raw"]["seconds"]
    assert ratio["value"] == pytest.approx(times["brian2"][0] / times["event"][0])


def test_the_plain_engine_ends_with_our_weights(bench):
    rows = bench.sum_rows(bench.QUICK, lambda message: None, 1.0) + bench.memory_rows(bench.QUICK, print, 50.0)
    assert [row["value"] for row in rows[::2]] == [0] * 5
    for row in rows[1::2]:
        raw = row["raw"]
        assert row["value"] == pytest.approx(raw["plain_us_per_step"] / raw["event_us_per_step"])
        assert sum(raw["weight_updates"].values()) > 100
    assert rows[-1]["target"] == 50


def test_sizes_are_those_asked_for(bench):
    assert bench.FULL.neurons * bench.FAN_OUT == 1_000_000
    assert bench.FULL.neurons == 10_000
