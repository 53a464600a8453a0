"""Recipes beyond the paper, on small sizes: the map, precision of weights, lesions."""

import pytest

from snmem.installation.content import load_script
from snmem.protocols.retention import Protocol


def test_map_holds_the_published_point_and_is_drawn(monkeypatch, tmp_path):
    recipe = load_script("models", "kwinner_map")
    monkeypatch.setattr(recipe, "QUICK", {"fan_in": (50, 500), "winners": (20, 50), "rate": (0.3, 1.0)})
    found = recipe.reproduce(quick=True, out=tmp_path, report=lambda text: None)
    rows = {row["name"]: row for row in found["rows"]}
    assert rows["main configuration: accuracy at ages 1-10"]["ok"]
    assert rows["main configuration: accuracy, never stored"]["ok"]
    assert rows["fan-in 50 and more: capacity at rate 1 to that at 0.3"]["ok"]
    assert [str(path) for path in tmp_path.iterdir()] == found["files"]


def test_bands_of_age_cover_all_ages_once():
    recipe = load_script("models", "kwinner_map")
    for horizon in (11, 60, 1000, 3000):
        bands = recipe.age_bands(horizon)
        ages = [age for first, last in bands for age in range(first, last + 1)]
        assert ages == list(range(1, horizon + 1))
        assert bands[0] == (1, 10)
    assert recipe.fall_below(recipe.np.array([1.0, 10, 100]), recipe.np.array([3.0, 2, 0]), 1.0) == pytest.approx(
        10**1.5
    )
    assert recipe.fall_below(recipe.np.array([1.0, 10]), recipe.np.array([3.0, 2]), 1.0) == float("inf")


def test_few_bits_are_set_beside_float64(monkeypatch, tmp_path):
    recipe = load_script("models", "kwinner_bits")
    monkeypatch.setattr(recipe, "BITS", (8, 1))
    monkeypatch.setattr(Protocol, "quick", classmethod(lambda cls: cls(burn_in=300, scored=200, runs=6, samples=1)))
    found = recipe.reproduce(quick=True, out=tmp_path, report=lambda text: None)
    assert len(found["rows"]) == 2 * 2 * (3 + 1)
    rounded = [row for row in found["rows"] if row["name"].startswith("8 bits, rounded")]
    assert all(row["ok"] for row in rounded)
    assert [row["ok"] for row in found["rows"] if row["name"].startswith("1 bits, learned")] == [True, True]
    assert sorted(str(path) for path in tmp_path.iterdir()) == sorted(found["files"])


def test_lesions_leave_less_and_less(monkeypatch, tmp_path):
    recipe = load_script("models", "kwinner_lesions")
    monkeypatch.setattr(recipe, "DEAD", (0.3, 0.5, 0.9))
    monkeypatch.setattr(recipe, "Protocol", lambda **kinds: Protocol(burn_in=300, scored=60, runs=6, samples=1))
    found = recipe.reproduce(quick=True, out=tmp_path, report=lambda text: None)
    falls = [row for row in found["rows"] if row["expected"] == "falls"]
    assert len(falls) == 4
    assert all(row["ok"] for row in falls[:2])  # of the K-winner memory
    raw = found["raw"]
    assert raw["K-winner, 90% of neurons dead"]["accuracy"] < 0.6 * raw["K-winner, 0% of neurons dead"]["accuracy"]
    assert [str(path) for path in tmp_path.iterdir()] == found["files"]
