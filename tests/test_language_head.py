"""A head of a language model in spikes: winners, grades and outputs of the coded algorithm, on every runtime."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from small_models import small_head, small_language_model

from snmem import read_nir, write_nir
from snmem.errors import InputError
from snmem.language import Grades, HeadCodes, SpikingHead
from snmem.language.head import attend, attention_weights, code_head, grades_of, output_error, watch_heads
from snmem.language.rules import Survey
from snmem.protocols import reproduce

TOKENS = np.random.default_rng(0).integers(0, 50, 40).tolist()


@settings(max_examples=25)
@given(st.integers(0, 999), st.integers(2, 40), st.integers(2, 6), st.floats(0.001, 0.5), st.integers(1, 9))
def test_the_network_computes_what_the_algorithm_says(seed, keys, bits, share, steps):
    codes, grades = small_head(seed, keys, bits=bits, queries=2), Grades(share, steps)
    spiking = SpikingHead(codes, grades)
    outputs, recording = spiking.run()
    assert np.array_equal(spiking.grades_in(recording), grades_of(codes, grades))
    assert np.allclose(outputs, attend(codes, grades), atol=1e-9)


def test_every_runtime_gives_the_same_spikes(tmp_path):
    spiking = SpikingHead(small_head(bits=6, size=64, keys=30))
    wanted = attend(spiking.codes, spiking.grades)
    _, first = spiking.run("reference")
    for backend in ("event", "loihi", "lava_fixed"):
        outputs, run = spiking.run(backend)
        assert sum(s.differing(first.spikes[name])[0] for name, s in run.spikes.items()) == 0
        assert output_error(outputs, wanted) < (1e-9 if backend == "event" else 0.01)
    write_nir(spiking.network, tmp_path / "head.nir")
    assert read_nir(tmp_path / "head.nir") == spiking.network


@given(st.integers(0, 999), st.floats(0.001, 0.5), st.integers(2, 40))
def test_grades_approach_the_softmax_of_the_scores(seed, share, steps):
    codes, grades = small_head(seed, bits=6), Grades(share, steps)
    weights, z = attention_weights(codes, grades), codes.unit * codes.scores
    z = np.where(codes.visible, z - np.where(codes.visible, z, -np.inf).max(1, keepdims=True), -np.inf)
    reach = grades.lift(codes.unit) * codes.unit
    assert np.array_equal(weights > 0, z > -reach - codes.unit / 2)
    assert abs(reach + np.log(share)) <= steps * codes.unit - np.log(share) / 64  # of whole numbers, of 8 bits
    assert np.allclose(weights.sum(1), 1)
    for row, logits in zip(weights, z, strict=True):
        assert (np.diff(row[np.argsort(-logits, kind="stable")]) <= 1e-12).all()


def test_fine_grades_of_small_shares_are_the_softmax():
    codes = small_head(bits=6)
    z = np.where(codes.visible, codes.unit * codes.scores, -np.inf)
    softmax = np.exp(z - z.max(1, keepdims=True))
    softmax /= softmax.sum(1, keepdims=True)
    error = {steps: np.abs(attention_weights(codes, Grades(1e-4, steps)) - softmax).sum(1).mean() for steps in (3, 100)}
    assert error[100] < 0.02 < error[3]


def test_a_query_sees_no_later_key():
    codes = small_head(keys=12, queries=3)
    tempting = codes.keys.copy()
    tempting[-1] = np.sign(codes.queries[0]) * codes.most  # the first query does not see it
    spiking = SpikingHead(replace(codes, keys=tempting))
    assert spiking.grades_in(spiking.run()[1])[0, -2:].sum() == 0


def test_heads_of_a_model_are_coded():
    model, survey = small_language_model(), Survey(most=16)
    model.forward(TOKENS, survey)
    watched = watch_heads(model, TOKENS, [1])[1]
    errors = {}
    for bits in (3, 8):
        made = code_head(watched, survey, 1, 3, queries=5, bits=bits)
        assert made.codes.keys.shape == (40, 8)
        assert np.allclose(made.softmax @ np.asarray(watched[2][3]), made.output, atol=1e-5)
        assert (made.softmax[~made.codes.visible] == 0).all()
        errors[bits] = output_error(attend(made.codes, Grades(1e-4, 60)), made.output)
    assert errors[8] < 0.05
    assert errors[8] < errors[3] / 2, errors
    for call, words in (
        (lambda: watch_heads(model, TOKENS, [0, 2]), "layer 2: the model has layers 0 to 1"),
        (lambda: code_head(watched, survey, 1, 4), "head 4: the layer has heads 0 to 3"),
        (lambda: code_head(watched, survey, 1, 0, queries=41), r"queries: 41 of 40 tokens; must lie in 1\.\.40"),
    ):
        with pytest.raises(InputError, match=words):
            call()


CODE = np.ones((2, 3), int)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: HeadCodes(CODE[:, :2], CODE, CODE, [1, 2], 0.1), "codes of length 2, but keys of 3"),
        (lambda: HeadCodes(CODE, CODE, CODE[:1], [1, 2], 0.1), "1 of them for 2 keys"),
        (lambda: HeadCodes(CODE, 40 * CODE, CODE, [1, 2], 0.1), "a component is 40, the limit is 31"),
        (lambda: HeadCodes(CODE, CODE, CODE, [0, 2], 0.1), "needs a number from 1 to 2 for each of 2 queries"),
        (lambda: HeadCodes(CODE, CODE * 0.5, CODE, [1, 2], 0.1), "expected 2 axes of whole numbers"),
        (lambda: HeadCodes(CODE, CODE, CODE, [1, 2], 0.0), "unit: must be a positive number"),
        (lambda: HeadCodes(CODE, CODE, CODE, [1, 2], 0.1, bits=9), "bits: must be a whole number from 2 to 8, got 9"),
        (lambda: Grades(1.0), r"share: must lie in \(0, 1\), got 1"),
        (lambda: Grades(0.1, 0), "steps: must be a whole number from 1 to 1000, got 0"),
        (lambda: SpikingHead(small_head(bits=8, size=64)).run("loihi"), "do not hold scores of codes of 8 bits"),
    ],
)
def test_what_does_not_fit_is_named(make, words):
    with pytest.raises(InputError, match=words):
        make()


def test_quick_recipe_meets_its_targets(tmp_path):
    found = reproduce("lm-head", quick=True, out=tmp_path, report=lambda text: None)
    assert [r["name"] for r in found["rows"] if not r["ok"]] == []
    assert [str(path) for path in tmp_path.iterdir()] == found["files"]
    assert all(run["rows_touched"] < run["events"] for run in found["raw"]["bills"])
    watts = found["raw"]["idle_watts"]["loihi1-davies2018"]
    assert watts["static"] > watts["dynamic"] > 0
