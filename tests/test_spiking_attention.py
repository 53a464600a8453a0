"""Attention by fast weights: the algorithm, the spiking network in both forms, the spiking transformer."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from snmem import LIF, Input, Network, Population, Projection, quantize, simulate
from snmem.attention import (
    MODELS,
    AttentionConfig,
    AttentionNetwork,
    CaseSequenceTask,
    FastWeightAttention,
    SlowWeights,
    spiking_transformer,
    train,
)
from snmem.attention.network import FORMS
from snmem.circuits.copies import side_by_side
from snmem.cli.rows import rows_table
from snmem.errors import InputError
from snmem.installation.content import load_script
from snmem.nir_io import read_nir, write_nir
from snmem.plasticity import Instar


def sparse(n, size, active, rng):
    rows = np.zeros((n, size), bool)
    for row in rows:
        row[rng.choice(size, active, replace=False)] = True
    return rows


def differing(a, b):
    return sum(a.spikes[name].differing(spikes)[0] for name, spikes in b.spikes.items())


@st.composite
def cases(draw):
    """A small layer, contexts that may overfill it, stored and unknown queries; keys of uneven size; ties."""
    k, levels = draw(st.integers(1, 3)), draw(st.sampled_from([1, 3, 6]))
    hidden = draw(st.integers(max(k, levels), 9))
    dead = tuple(draw(st.sets(st.integers(0, hidden - 1), max_size=3)))
    several = {"write_all": draw(st.booleans()), "share": draw(st.sampled_from([0.0, 0.5])), "dead": dead}
    config = AttentionConfig(keys=14, values=6, hidden=hidden, k=k, active=5, levels=levels, **several)
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    contexts, queries = [], []
    for _ in range(2):
        items = draw(st.integers(k, hidden + 2))
        keys = np.vstack([sparse(1, 14, rng.integers(1, 6), rng) for _ in range(items)])
        contexts.append((keys, rng.random((items, 6)) < 0.4))
        queries.append(np.vstack([keys[rng.integers(items, size=2)], sparse(2, 14, 4, rng)]))
    return config, contexts, queries


@settings(max_examples=25)
@given(cases())
def test_spikes_compute_what_the_algorithm_says(case):
    config, contexts, queries = case
    expected = []
    algorithm = FastWeightAttention(config)
    for context, asked in zip(contexts, queries, strict=True):
        algorithm.clear()
        algorithm.write(*context)
        if algorithm.used.sum() < config.k:  # an item replaced another of the same key
            return
        expected.append(algorithm.read(asked))
    sizes = [len(keys) for keys, _ in contexts], [len(q) for q in queries]
    for form in FORMS:
        attention = AttentionNetwork(config, form)
        run = attention.present(contexts, queries)
        assert np.array_equal(attention.read(run.spikes["output"], *sizes), np.vstack(expected))


def test_stored_values_come_back_and_new_keys_find_nothing():
    rng = np.random.default_rng(0)
    memory = FastWeightAttention(AttentionConfig(keys=256, values=32, hidden=40, active=12))
    keys, values = sparse(40, 256, 12, rng), rng.random((40, 32)) < 0.3
    assert sorted(memory.write(keys, values)) == list(range(40))  # unused units are taken in order
    assert np.array_equal(memory.read(keys), values)
    changed = ~values[:5]
    assert np.array_equal(memory.write(keys[:5], changed), np.arange(5))  # a known key is written again in its place
    assert np.array_equal(memory.read(keys), np.vstack([changed, values[5:]]))
    half = keys.copy()
    for row in half:
        row[np.flatnonzero(row)[:2]] = False
    assert np.array_equal(memory.read(half)[5:], values[5:])
    strange = np.zeros((1, 256), bool)
    strange[0, np.flatnonzero(~keys.any(0))[:1]] = True
    assert not memory.winners(strange).any()


@pytest.mark.parametrize("form", FORMS)
def test_every_runtime_gives_the_same_spikes(form, tmp_path):
    rng = np.random.default_rng(1)
    config = AttentionConfig(keys=12, values=4, hidden=5, k=2, active=4, levels=2)
    attention = AttentionNetwork(config, form)
    keys = sparse(4, 12, 4, rng)
    inputs, steps = attention.inputs([(keys[:3], rng.random((3, 4)) < 0.5), (keys[:2], np.eye(2, 4))], [keys, keys[:1]])
    expected = simulate(attention.network, inputs, steps, "reference")
    assert len(expected.spikes["output"])
    write_nir(attention.network, tmp_path / "attention.nir")
    again = read_nir(tmp_path / "attention.nir")
    assert again == attention.network
    backends = ["event", "snntorch", "brian2", "lava_float"] if form == "cells" else ["event"]
    for backend in backends:
        assert differing(simulate(again, inputs, steps, backend), expected) == 0, backend
    if form != "plastic":  # on chip: the keys are written by Loihi's learning engine
        integer = quantize(again).network
        for backend in ("loihi", "lava_fixed"):
            assert differing(simulate(integer, inputs, steps, backend), expected) == 0, backend


@pytest.fixture(scope="module")
def training():
    return train(MODELS["QK, projected"], iterations=2000, trials=2)


def test_spiking_transformer_answers_every_sequence(training):
    sequences = training.task.all()
    for form in ("plastic", "onchip", "cells"):
        answers, run = spiking_transformer(training, 0, form).run(sequences)
        assert (answers == sequences.upper).all()
    model = spiking_transformer(training)
    answers, integer = model.run(sequences, "loihi")
    assert (answers == sequences.upper).all()
    assert differing(integer, run) == 0
    assert run.steps == 1536 * model.steps_per_answer == 1536 * 85
    assert sum(run.counters.synaptic_events.values()) / 1536 < 25_000


def test_items_in_four_units_survive_the_loss_of_half_of_the_units():
    config = replace(MODELS["QK, projected"], hidden=32, winners=4)
    trained = train(config, iterations=1500, trials=1)
    sequences = trained.task.sample(24, 3)
    dead = np.arange(0, 32, 2)
    right, runs = {}, {}
    for form in FORMS:
        answers, runs[form] = spiking_transformer(trained, 0, form, dead).run(sequences, copies=4)
        right[form] = float((answers == sequences.upper).mean())
    assert set(right.values()) == {1.0}
    answers, run = spiking_transformer(trained, 0, "cells", dead).run(sequences, "loihi", 4)
    assert (answers == sequences.upper).all()
    assert differing(run, runs["cells"]) == 0
    single = train(replace(config, hidden=16, winners=1), iterations=1500, trials=1)
    answers, _ = spiking_transformer(single, 0, "cells", np.arange(0, 16, 2)).run(sequences)
    assert (
        (answers == -1) == (sequences.context % 2 == 0)[sequences.context % 4 == (sequences.query % 4)[:, None]]
    ).all()


def test_copies_add_no_synapses():
    projection = Projection("a", "b", np.array([[1.0, 0.0, 2.0], [0.0, 3.0, 4.0]]), plasticity=Instar(0.5))
    network = Network((Input("a", 3), Population("b", 2, LIF())), (projection,))
    assert side_by_side(network, 1) == network
    assert side_by_side(network, 2)["a->b"].weights.nnz == 8


def test_spiking_transformer_on_lava(training):
    model = spiking_transformer(training, 1)
    some = model.task.all()[np.random.default_rng(3).choice(1536, 200, replace=False)]
    answers, run = model.run(some, "lava_fixed", copies=50)
    assert (answers == some.upper).all()
    assert differing(run, model.run(some, "loihi", copies=50)[1]) == 0


def test_spiking_transformer_learns_its_context_on_chip(training):
    model = spiking_transformer(training, 1, "onchip")
    some = model.task.sample(20, 8)
    answers, run = model.run(some, "loihi", copies=5)
    assert (answers == some.upper).all()
    assert differing(run, model.run(some, copies=5)[1]) == 0
    assert run.weights["key->hidden"].shape == (5 * 16, 5 * 100)


def test_copies_side_by_side_answer_like_one_network(training):
    model = spiking_transformer(training, 0, "plastic")
    some = model.task.sample(11, 4)
    alone, _ = model.run(some)
    together, run = model.run(some, copies=3)
    assert np.array_equal(alone, together)
    assert run.steps == 4 * model.steps_per_answer
    with pytest.raises(InputError, match="run: 12 copies for 11 sequences"):
        model.run(some, copies=12)


def test_spiking_transformer_refuses_other_models(training):
    unprojected = replace(training, config=MODELS["QK"])
    with pytest.raises(InputError, match="with input projection"):
        spiking_transformer(unprojected)
    with pytest.raises(InputError, match="trial 2 of 2"):
        spiking_transformer(training, 2)


CONFIG = AttentionConfig(keys=10, values=4, hidden=6, k=2, active=3)
KEYS, VALUES = np.eye(3, 10, dtype=bool), np.eye(3, 4, dtype=bool)


@pytest.mark.parametrize(
    ("context", "queries", "message"),
    [
        ((KEYS[:, :9], VALUES), KEYS, r"keys: expected shape \(n, 10\), got \(3, 9\)"),
        ((KEYS, VALUES[:, :3]), KEYS, r"values: expected shape \(n, 4\), got \(3, 3\)"),
        ((KEYS, VALUES[:2]), KEYS, "context: 3 keys but 2 values; give one value for each key"),
        ((KEYS[:0], VALUES[:0]), KEYS, "context: is empty; give at least one item"),
        ((KEYS[:1], VALUES[:1]), KEYS, "k = 2 winners, but the context holds 1 items; use k <= 1"),
        ((KEYS, VALUES), KEYS[:0], "queries: there is none"),
        ((KEYS, VALUES), KEYS[0], r"queries: expected shape \(n, 10\), got \(10,\)"),
        ((KEYS, VALUES), 2 * KEYS, "queries: must hold 0 and 1 only"),
        ((KEYS, VALUES), np.ones((1, 10)), "row 0 has 10 spikes; a key has 1 to active = 3"),
    ],
)
def test_what_does_not_fit_gets_one_clear_error(context, queries, message):
    with pytest.raises(InputError, match=message):
        AttentionNetwork(CONFIG).present([context], [queries])


@pytest.mark.parametrize("dead", [(4,), (-1,), (0.5,), "0", ((0,), (1, 2)), 3])
def test_dead_units_are_units_of_the_layer(dead):
    with pytest.raises(InputError, match=r"AttentionConfig\.dead: needs units from 0 to 3, got "):
        AttentionConfig(8, 2, 4, active=2, dead=dead)
    assert AttentionConfig(8, 2, 4, active=2, dead=np.array([3, 1, 3])).dead == (1, 3)


def test_a_query_before_any_item_and_other_errors():
    memory = FastWeightAttention(CONFIG)
    with pytest.raises(InputError, match="query: no item was written yet"):
        memory.read(KEYS)
    with pytest.raises(InputError, match="context: is empty"):
        memory.write(KEYS[:0], VALUES[:0])
    memory.write(KEYS[:1], VALUES[:1])
    with pytest.raises(InputError, match="k = 2 winners, but the context holds 1 items"):
        memory.winners(KEYS)
    with pytest.raises(InputError, match=r"AttentionConfig\.k: 7 winners of 6 hidden units"):
        replace(CONFIG, k=7)
    with pytest.raises(InputError, match=r"AttentionConfig\.active: 11 spikes of 10 keys"):
        replace(CONFIG, active=11)
    with pytest.raises(InputError, match="form: unknown 'slots'"):
        AttentionNetwork(CONFIG, "slots")
    with pytest.raises(InputError, match=r"SlowWeights\.values: expected shape \(4, 5\), got \(3, 5\)"):
        AttentionNetwork(CONFIG, slow=SlowWeights(np.ones((10, 5)), np.ones((10, 5)), np.ones((3, 5))))
    with pytest.raises(InputError, match="2 contexts but queries for 1"):
        AttentionNetwork(CONFIG).present([(KEYS, VALUES)] * 2, [KEYS])


def test_recipe_without_lava_keeps_all_other_rows(monkeypatch):
    monkeypatch.setattr("snmem.lava.shim.installed_version", lambda: None)
    script = load_script("models", "case_sequence_spiking")
    model = script.spiking_transformer(script.train(script.MODELS["QK, projected"], trials=1))
    rows = script.on_runtimes(model, model.task.sample(4, 0), 2, lambda text: None)
    for row in rows:
        if "lava" in row["name"]:
            assert not row["ok"]
            assert row["value"] == "not run: Lava (lava-nc) is not installed; run: snmem lava install"
        else:
            assert row["ok"]
    assert [("lava" in row["name"]) for row in rows] == [False, False, True, False, True]
    assert "snmem lava install" in str(rows_table("", rows).columns[1]._cells)


def test_recipe_compares_every_form_and_runtime(monkeypatch, tmp_path):
    monkeypatch.setattr(CaseSequenceTask, "all", lambda task: task.sample(200, 0))
    script = load_script("models", "case_sequence_spiking")
    monkeypatch.setattr(script, "RUNTIMES", ("event", "loihi"))  # Lava has tests of its own
    found = script.reproduce(quick=True, out=tmp_path, report=lambda text: None)
    assert found["ok"]
    assert len(found["rows"]) == 3 + 2 * (2 + 1)
    assert found["raw"]["cost of an answer"]["steps"] == 85
    assert set(found["raw"]["events of an answer"]) == set(FORMS)
    once = script.run(seed=1, form="onchip", sequences=10)
    assert (once["share right"], once["steps"]) == (1.0, 85.0)
    assert found["files"] == [str(path) for path in tmp_path.iterdir()] == [str(tmp_path / "query.png")]
