"""MQAR: the generator, the memories, the recipes."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from snmem.errors import InputError
from snmem.installation.content import load_script
from snmem.protocols import reproduce
from snmem.protocols.associative_recall import (
    accuracy,
    dense_codes,
    linear_model,
    models,
    softmax_model,
    sparse_codes,
    spiking_config,
    spiking_model,
)
from snmem.tasks.mqar import NONE, RecallTask


@settings(max_examples=30)
@given(st.integers(1, 12), st.integers(0, 40), st.sampled_from([0.01, 1.0]), st.booleans(), st.integers(0, 2**32))
def test_every_key_is_asked_once_after_all_pairs(pairs, more, power, random_filler, seed):
    task = RecallTask(pairs, 4 * pairs + 2 * more, 256, power, random_filler)
    drawn = task.sample(5, seed)
    half, n, k = 128, 5, pairs
    assert np.array_equal(drawn.tokens[:, : 2 * k : 2], drawn.keys)
    assert np.array_equal(drawn.tokens[:, 1 : 2 * k : 2], drawn.values)
    assert (drawn.places >= 2 * k).all()
    assert (drawn.places % 2 == 0).all()
    for tokens, labels, keys, values, places in zip(
        drawn.tokens, drawn.labels, drawn.keys, drawn.values, drawn.places, strict=True
    ):
        assert len(set(keys)) == len(set(values)) == len(set(places)) == k
        assert (keys > 0).all()
        assert (keys < half).all()
        assert (values >= half).all()
        assert np.array_equal(tokens[places], keys)
        assert np.array_equal(labels[places], values)
        assert (labels != NONE).sum() == k
        others = np.setdiff1d(np.arange(2 * k, task.length), places)
        assert not np.isin(tokens[others], keys).any()
        assert (tokens[others] != 0).all() == (random_filler or not others.size)
    assert drawn.tokens.shape == (n, task.length)


def test_same_seed_same_sequences_and_near_places_are_likelier():
    task = RecallTask(8, 256)
    one, two, other = (task.sample(200, seed) for seed in (3, 3, 4))
    assert np.array_equal(one.tokens, two.tokens)
    assert not np.array_equal(one.tokens, other.tokens)
    near = (one.places < 16 + 2 * 12).mean()
    uniform = (RecallTask(8, 256, power=1.0).sample(200, 3).places < 16 + 2 * 12).mean()
    assert uniform == pytest.approx(0.1, abs=0.03)
    assert near > 3 * uniform


def test_wrong_tasks_get_one_clear_error():
    for pairs, length in ((17, 64), (4, 17), (0, 64)):
        with pytest.raises(InputError, match=rf"RecallTask: {pairs} pairs in {length} tokens; needs"):
            RecallTask(pairs, length)
    with pytest.raises(InputError, match=r"RecallTask\.vocabulary: 64 tokens for 64 pairs"):
        RecallTask(64, 256, 64)
    with pytest.raises(InputError, match=r"RecallTask\.power: must be positive"):
        RecallTask(power=0)


def test_codes():
    rng = np.random.default_rng(0)
    assert (sparse_codes(50, 64, 7, rng).sum(1) == 7).all()
    assert np.allclose(np.linalg.norm(dense_codes(50, 64, rng), axis=1), 1)


def test_models_hold_the_same_bits_and_break_where_theory_says():
    found = {m.name: m for m in models(64 * 2 * 64 * 16, 4096, 64, 0)}
    limited = "softmax attention, cache of equal bits"
    bits = [m.bits for m in found.values() if m.bits]
    assert max(bits) <= 131072
    assert min(bits) > 0.98 * 131072
    few, many = RecallTask(64, 256).sample(3, 1), RecallTask(256, 1024).sample(2, 1)
    scores = {name: (accuracy(m, few, 4096), accuracy(m, many, 4096)) for name, m in found.items()}
    assert min(score for score, _ in scores.values()) >= 0.98
    assert scores["spiking k-WTA attention"] == (1.0, 255 / 256)  # 255 units, one pair is overwritten
    assert scores[limited] == (1.0, 64 / 256)
    assert scores["softmax attention"] == (1.0, 1.0)
    assert scores["linear attention, delta rule"][1] < scores["linear attention, Hebb"][1] < 1.0


def test_delta_rule_rewrites_a_key_and_hebb_does_not():
    rng = np.random.default_rng(0)
    keys, values = dense_codes(2, 32, rng), dense_codes(8, 32, rng)
    k, v = np.array([0, 1, 0]), np.array([3, 4, 5])
    assert linear_model(keys, values, delta=True).recall(k, v).tolist() == [5, 4, 5]
    assert softmax_model(keys, values, cached=1).recall(k, v).tolist() == [5, 5, 5]
    config = spiking_config(20_000, 64, 8)
    sparse = sparse_codes(2, 64, 8, rng), sparse_codes(8, 64, 8, rng)
    assert spiking_model(config, *sparse).recall(k, v).tolist() == [5, 4, 5]
    assert config.state_bits <= 20_000 < config.state_bits + 129


def test_recipe_meets_its_targets(tmp_path):
    found = reproduce("mqar", quick=True, out=tmp_path, report=lambda text: None)
    assert [r["name"] for r in found["rows"] if not r["ok"]] == []
    run = found["raw"]["cost_per_token"][-1]
    assert run["spiking"]["as_the_algorithm"]
    assert 0 < run["spiking"]["events_per_token"] < run["dense"]["softmax attention"]["macs_per_token"]
    assert found["raw"]["load_limit"]["breaks_at"] == 258
    assert sorted(map(str, tmp_path.iterdir())) == sorted(found["files"])


def test_one_run_and_its_damaged_queries(snmem):
    found = snmem("run", "mqar", "--set", "kept=0.5", "--set", "sequences=2", "--json").data["results"]
    assert found["accuracy"] > 0.97
    assert found["zero"] > 0.99
    assert found["bits"] == 255 * 513
    script = load_script("models", "mqar")
    assert script.run(pairs=20, hidden=10, sequences=2)["accuracy"] == pytest.approx(0.5, abs=0.1)
    with pytest.raises(InputError, match=r"mqar: kept must lie in \(0, 1\], got 0"):
        script.run(kept=0.0)


def test_winners_are_softmax_at_its_sharpest_and_not_elsewhere(tmp_path):
    found = reproduce("mqar-winners", quick=True, out=tmp_path, report=lambda text: None)
    assert [r["name"] for r in found["rows"] if not r["ok"]] == []
    script = load_script("models", "mqar_winners")
    items = script.draw_items(0.3, np.random.default_rng(0))
    assert np.array_equal(script.best(items, 5).sum(1), np.full(64, 5))
    everything = script.compare(items, script.best(items, 64), script.softmax_weights(items, 1e-6))
    assert everything[0] < 1e-4  # attention without temperature is the mean of all
