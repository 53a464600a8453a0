"""Recipes beside published numbers, and the experiment behind them."""

import math

import numpy as np
import pytest

from snmem.errors import InputError
from snmem.memory import KWinnerConfig
from snmem.protocols import recipe_names, reproduce
from snmem.protocols.curves import band_mean, binned, bootstrap_error, crossing_age, judged, longest_stretch, smooth
from snmem.protocols.retention import Protocol, Retention, retention, tree, unstructured
from snmem.protocols.rows import expected, result, row

SMALL = KWinnerConfig(visible=100, hidden=120, fan_in=20, winners=8, active=10)
KWINNER = [f"kwinner-{name}" for name in ("fan-in", "graded", "raw-difference", "retention", "stacked", "tree")]


def test_recipes_are_found_by_name():
    assert set(KWINNER) <= set(recipe_names())
    with pytest.raises(InputError, match=r"recipe 'nothing': unknown; use one of .*kwinner-retention"):
        reproduce("nothing")


@pytest.mark.parametrize("name", ["kwinner-retention", "kwinner-raw-difference"])
def test_quick_form_agrees_with_the_published_numbers(name, tmp_path):
    found = reproduce(name, quick=True, out=tmp_path, report=lambda text: None)
    assert [r["name"] for r in found["rows"] if not r["ok"]] == []
    assert found["ok"]
    assert len(found["rows"]) >= 15
    assert sorted(str(path) for path in tmp_path.iterdir()) == sorted(found["files"])


@pytest.mark.parametrize("name", ["kwinner-fan-in", "kwinner-graded", "kwinner-tree"])
def test_every_row_holds_over_the_newest_200(name, tmp_path, monkeypatch):
    monkeypatch.setattr(Protocol, "quick", classmethod(lambda cls: cls(burn_in=1500, scored=200, samples=1)))
    found = reproduce(name, quick=True, seed=1, out=tmp_path, report=lambda text: None)
    assert [r["name"] for r in found["rows"] if not r["ok"]] == []
    assert found["ok"]
    assert len(found["rows"]) >= 20
    assert {"name", "value", "published", "tolerance", "unit", "ok"} == set(found["rows"][-1])
    assert sorted(str(path) for path in tmp_path.iterdir()) == sorted(found["files"])


def test_one_failing_row_fails_the_recipe():
    good, bad = row("a", 1.0, 1.1, 0.2), row("b", 1.0, 1.5, 0.2)
    assert result([good], {}, [], 0, 0.0)["ok"]
    assert not result([good, bad], {}, [], 0, 0.0)["ok"]
    assert not row("c", math.nan, 1.0, 0.2)["ok"]
    assert [set(f("d", 1.0, 1.0, 0.1)) & {"published", "expected"} for f in (row, expected)] == [
        {"published"},
        {"expected"},
    ]


def test_tolerance_of_a_judged_row_is_that_of_both_experiments():
    protocol = Protocol(burn_in=20, scored=15, runs=40, samples=1)
    found = retention(SMALL, [0.5], protocol, 5)[0.5]
    made = judged("never", Retention.baseline, found, 0.3, 10, rounding=0.0)
    spread = found.never["same"][0].mean(axis=1).std()
    assert made["tolerance"] == pytest.approx(3 * spread * math.sqrt(1 / 40 + 1 / 10), rel=0.3)
    assert made["value"] == found.baseline()


def test_result_does_not_depend_on_the_number_of_threads():
    protocol = Protocol(burn_in=20, scored=15, runs=3, samples=2)
    one, three = (retention(SMALL, [1.0, 0.5], protocol, 5, workers=n) for n in (1, 3))
    for share in (1.0, 0.5):
        assert one[share].stored.shape == (2, 3, 15)
        assert np.array_equal(one[share].stored, three[share].stored)
        assert np.array_equal(one[share].never["same"], three[share].never["same"])
    other = retention(SMALL, [1.0], protocol, 6)[1.0]
    assert not np.array_equal(one[1.0].stored, other.stored)


def test_newest_pattern_has_age_1():
    config = KWinnerConfig(visible=100, hidden=1, fan_in=100, winners=1, active=10, rate=1.0)
    found = retention(config, [1.0], Protocol(burn_in=0, scored=5, runs=4, samples=1), 0)[1.0]
    assert (found.stored[..., 0] == 1.0).all()  # a single slot holds the last pattern only
    assert found.stored[..., 1:].mean() < 0.5


def test_tree_source_takes_learned_and_never_learned_leaves_of_one_tree():
    protocol = Protocol(burn_in=60, scored=40)
    stream = tree(1)(SMALL, protocol, np.random.default_rng(0))
    assert stream.learned.shape == (100, 100)
    assert {kind: len(x) for kind, x in stream.never.items()} == {"same": 40, "uniform": 40}
    leaves = np.concatenate([stream.learned, stream.never["same"]]).astype(int)
    within = (leaves @ leaves.T)[:100, 100:].mean()
    assert within > 1.5 * (leaves @ stream.never["uniform"].T).mean()
    assert len(unstructured(SMALL, protocol, np.random.default_rng(0)).learned) == 100


def test_reading_curves():
    falling, flat = np.linspace(1, 0, 101), np.full(101, 0.5)
    assert abs(crossing_age(flat, falling) - 51) <= 1
    assert crossing_age(np.zeros(50), np.ones(50)) == np.inf
    assert smooth(flat).tolist() == pytest.approx(flat.tolist())
    assert band_mean(np.arange(1, 11), (3, 5)) == 4.0
    with pytest.raises(InputError, match="outside ages 1-10"):
        band_mean(np.arange(10), (5, 11))
    assert longest_stretch(np.array([1, 0, 1, 1, 1, 0, 1, 1], bool)) == (3, 5)
    assert longest_stretch(np.zeros(4, bool)) == (0, 0)


def test_bootstrap_error_is_that_of_a_mean():
    protocol = Protocol(burn_in=20, scored=15, runs=10, samples=2)
    found = retention(SMALL, [0.5], protocol, 5)[0.5]
    error = bootstrap_error(lambda ours, theirs: ours.accuracy()[3], found, found, draws=400)
    assert error == pytest.approx(found.spread()[3] / np.sqrt(20), rel=0.2)


def test_bins_of_age_are_even_on_a_logarithmic_axis_and_leave_no_age_out() -> None:
    ages = np.arange(1, 1001)
    middles, means, errors = binned(np.tile(1.0 / ages, (5, 1)))
    assert means[:3].tolist() == [1.0, 0.5, 1 / 3]  # the first ages each have a bin
    assert (errors < 1e-12).all()  # the samples are alike, however a bin's ages differ
    assert np.diff(np.log10(middles)).max() < 0.31
    noisy = np.random.default_rng(0).normal(2.0, 1.0, (40, 1000))
    _, means, errors = binned(noisy)
    assert (abs(means - 2.0) < 4.5 * errors).all()
    assert errors[-1] < 0.1 * errors[0]
    gaps = np.full((2, 10), np.inf)
    gaps[:, 4] = [1.0, 3.0]
    assert [x.tolist() for x in binned(gaps)][1] == [2.0]
