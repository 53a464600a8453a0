"""The Case Sequence Task and the transformers trained on it."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from snmem.attention import MODELS, CaseSequenceTask, TransformerConfig, train
from snmem.attention.transformer import kernels
from snmem.attention.transformer.figures import half_times
from snmem.attention.transformer.models import answered
from snmem.errors import InputError
from snmem.installation.content import load_script
from snmem.protocols import reproduce

TASK = CaseSequenceTask(3, 2)


@given(st.integers(1, 6), st.integers(1, 6), st.integers(0, 2**32))
def test_sequences_are_distinct_letters_with_the_queried_one_among_them(letters, context, seed):
    if context > letters:
        with pytest.raises(InputError, match=r"CaseSequenceTask\.context: .* must lie in 1\.\."):
            CaseSequenceTask(letters, context)
        return
    task = CaseSequenceTask(letters, context)
    drawn = task.sample(20, seed)
    letter = drawn.context % letters
    assert (np.diff(np.sort(letter, axis=1), axis=1) > 0).all()
    asked = letter == (drawn.query - 2 * letters)[:, None]
    assert (asked.sum(1) == 1).all()
    assert (drawn.upper == (drawn.context[asked] >= letters)).all()


def test_all_sequences_of_the_paper():
    task = CaseSequenceTask()
    everything = task.all()
    rows = {(*c, q) for c, q in zip(everything.context.tolist(), everything.query.tolist(), strict=True)}
    assert len(everything) == len(rows) == 1536
    assert everything.upper.mean() == 0.5
    assert [task.token_name(t) for t in (0, 7, 9)] == ["a", "D", "b?"]
    with pytest.raises(InputError, match="sequences; draw some"):
        CaseSequenceTask(20, 20).all()


def test_drawn_batches_are_uniform():
    rng, counts = np.random.default_rng(0), {}
    items, order = np.empty(2, np.int64), np.empty(3, np.int64)
    for _ in range(24000):
        query, upper = kernels.draw(rng, 3, order, items)
        assert upper == (items[items % 3 == query - 6][0] >= 3)
        key = (*items.tolist(), query)
        counts[key] = counts.get(key, 0) + 1
    assert set(counts) == {(*c, q) for c, q in zip(TASK.all().context.tolist(), TASK.all().query.tolist(), strict=True)}
    assert max(abs(n - 500) for n in counts.values()) < 5 * np.sqrt(500)


def softmax(x):
    p = np.exp(x - x.max())
    return p / p.sum()


class Oracle:
    """One sequence of an MHN-transformer in plain numpy; fast weights are constants."""

    def __init__(self, seed, projected, hidden, wk, wv):
        rng, self.items = np.random.default_rng(seed), np.empty(2, np.int64)
        query, upper = kernels.draw(rng, 3, np.empty(3, np.int64), self.items)
        self.q, self.y = int(query), np.array([not upper, upper], float)
        self.fk, self.fv, self.fx = np.empty((hidden, wk.shape[1])), np.empty((hidden, 2)), np.empty((hidden, 9))
        kernels._fresh(rng, projected, self.fk, self.fv, self.fx)
        for t in self.items:
            h = self.fk @ wk[t] + (np.arange(hidden) == t) * float(projected)
            j = int(np.argmax(h))
            self.fk[j], self.fv[j], self.fx[j] = wk[t], wv[t], np.eye(9)[t]

    def reinstate(self, wq):
        return self.fx.T @ softmax(self.fk @ wq[self.q])

    def loss(self, wq, wv):
        return ((wv.T @ self.reinstate(wq) - self.y) ** 2).sum()

    def loss_through_memory(self, wk, x):
        return ((self.fv.T @ softmax(self.fk @ (wk.T @ x)) - self.y) ** 2).sum()


def slope(function, w, h=1e-6):
    out = np.zeros_like(w)
    for i in np.ndindex(*w.shape):
        up, down = w.copy(), w.copy()
        up[i], down[i] = up[i] + h, down[i] - h
        out[i] = (function(up) - function(down)) / (2 * h)
    return out


@pytest.mark.parametrize("projected", [False, True])
def test_gradients_of_the_memory_models_are_those_of_their_losses(projected):
    rng = np.random.default_rng(5)
    wq, wk, wv = rng.normal(size=(9, 4)), rng.normal(size=(9, 4)), rng.random((9, 2))
    for seed in range(3):
        grads = [np.zeros_like(w) for w in (wq, wk, wv)]
        second, cross = np.zeros((9, 9)), np.zeros((9, 9))
        rules = (kernels.MEMORY, kernels.ALIGNMENT)
        for rule in rules:
            sizes = (np.random.default_rng(seed), 1, 3, 2, 7, projected, rule, (0, 1.0, np.zeros((7, 9))))
            kernels.memory_batch(*sizes, wq, wk, wv, *grads, second, cross)
        oracle = Oracle(seed, projected, 7, wk, wv)
        x = oracle.reinstate(wq)
        assert np.allclose(grads[0], 2 * slope(lambda w: oracle.loss(w, wv), wq), atol=1e-6)  # noqa: B023
        assert np.allclose(grads[2], 2 * slope(lambda w: oracle.loss(wq, w), wv), atol=1e-6)  # noqa: B023
        through = slope(lambda w: oracle.loss_through_memory(w, x), wk)  # noqa: B023
        assert np.allclose(grads[1], through, atol=1e-6)
        target = rng.normal(size=(9, 4))
        aligned = np.zeros_like(wk)
        kernels._align(wk, target, second, cross, aligned)
        error = slope(lambda w: ((w.T @ x - target[oracle.q]) ** 2).sum(), wk)  # noqa: B023
        assert np.allclose(aligned, error, atol=1e-6)
        assert not second.any()


def baseline_loss(wq, wk, wv, items, query, y, scale):
    return ((softmax(scale * (wk[items] @ wq[query])) @ wv[items] - y) ** 2).sum()


def test_exact_baseline_gradient_is_true_and_the_published_one_is_not():
    rng = np.random.default_rng(1)
    wq, wk, wv = rng.normal(size=(9, 4)), rng.normal(size=(9, 4)), rng.random((9, 2))
    draws, items = np.random.default_rng(3), np.empty(2, np.int64)
    query, upper = kernels.draw(draws, 3, np.empty(3, np.int64), items)
    y = np.array([not upper, upper], float)
    found = {}
    for published in (False, True):
        found[published] = [np.zeros_like(w) for w in (wq, wk, wv)]
        kernels.softmax_batch(np.random.default_rng(3), 1, 3, 2, published, wq, wk, wv, *found[published])
    true = [
        slope(lambda w: baseline_loss(w, wk, wv, items, query, y, 0.5), wq),
        slope(lambda w: baseline_loss(wq, w, wv, items, query, y, 0.5), wk),
        slope(lambda w: baseline_loss(wq, wk, w, items, query, y, 0.5), wv),
    ]
    assert all(np.allclose(a, b, atol=1e-7) for a, b in zip(found[False], true, strict=True))
    assert not np.allclose(found[True][0], true[0], atol=1e-7)
    # at small scores both softmaxes are flat: the published one lacks the scale only
    small = [np.zeros_like(w) for w in (wq, wk, wv)], [np.zeros_like(w) for w in (wq, wk, wv)]
    for published, grads in zip((False, True), small, strict=True):
        kernels.softmax_batch(np.random.default_rng(3), 1, 3, 2, published, wq * 1e-4, wk, wv, *grads)
    assert np.allclose(small[1][1], 2 * small[0][1], rtol=1e-3)


def test_training_depends_on_the_seed_only():
    config = replace(MODELS["QK, projected"], keys=8)
    one, two, other = (train(config, iterations=30, trials=3, seed=s, workers=w) for s, w in ((0, 1), (0, 3), (1, 1)))
    assert np.array_equal(one.w_q, two.w_q)
    assert np.array_equal(one.accuracy, two.accuracy)
    assert not np.array_equal(one.w_q, other.w_q)
    assert one.similarity.shape[1] == len(one.recorded) == 4


def test_one_winner_of_the_code_of_many_gives_the_same_bits():
    for name in ("QK, projected", "memory"):
        one, many = (train(MODELS[name], iterations=60, trials=1, general=g) for g in (False, True))
        assert np.array_equal(one.w_q, many.w_q)
        assert np.array_equal(one.w_k, many.w_k)
        assert np.array_equal(one.loss, many.loss)


def test_items_go_to_the_units_of_largest_drive_by_graded_steps():
    rng = np.random.default_rng(2)
    wk, wv, project = rng.normal(size=(9, 4)), rng.random((9, 2)), rng.integers(0, 2, (7, 9)).astype(float)
    fk, fv, fx = rng.normal(size=(7, 4)), rng.random((7, 2)), rng.random((7, 9))
    made = [x.copy() for x in (fk, fv, fx)]
    kernels.write_ensembles(np.array([4, 1]), wk, wv, project, 3, 0.25, *made, np.empty(7), np.empty(3, np.int64))
    for token in (4, 1):
        won = np.argsort(-(fk @ wk[token] + project[:, token]), kind="stable")[:3]
        for weights, item in ((fk, wk[token]), (fv, wv[token]), (fx, np.eye(9)[token])):
            weights[won] += 0.25 * (item - weights[won])
    assert all(np.allclose(a, b) for a, b in zip(made, (fk, fv, fx), strict=True))


@given(st.integers(1, 5), st.integers(8, 60))
def test_every_token_drives_its_units_and_units_are_shared_only_when_there_are_too_few(winners, hidden):
    config = TransformerConfig(hidden=hidden, winners=winners)
    project = config.projection(CaseSequenceTask())
    assert (project[:, :8].sum(0) == winners).all()
    assert not project[:, 8:].any()
    assert project.sum(1).max() - project.sum(1).min() <= 1
    if winners == 1:
        assert np.array_equal(project[:8, :8], np.eye(8))


def test_a_lesion_takes_the_items_of_one_unit_and_spares_those_of_four():
    one, four = (
        train(replace(MODELS["QK, projected"], winners=k, hidden=h), iterations=800, trials=1)
        for k, h in ((1, 16), (4, 32))
    )
    assert [float(answered(x, dead=0.0)[0]) for x in (one, four)] == [1.0, 1.0]
    assert answered(one, dead=0.5)[0] == pytest.approx(0.75, abs=0.04)
    assert answered(four, dead=0.5)[0] > 0.95
    with pytest.raises(InputError, match="answered: the baseline has no hidden units"):
        answered(train(MODELS["baseline"], iterations=1, trials=1))


def test_qk_model_solves_the_task_and_another_size():
    training = train(MODELS["QK, projected"], iterations=1500, trials=2)
    assert training.final_accuracy(200).min() == 1.0
    assert 400 <= training.reaches() <= 700
    times = half_times(training)
    assert times["values"] < times["query-key"] < times["key-key"]
    other = train(MODELS["QK, projected"], CaseSequenceTask(5, 3), iterations=2500, trials=1)
    assert other.final_accuracy(200).min() > 0.99


def test_wrong_models_get_one_clear_error():
    with pytest.raises(InputError, match=r"TransformerConfig\.rule: unknown 'none'; use one of softmax, fixed"):
        TransformerConfig(rule="none")
    with pytest.raises(InputError, match=r"TransformerConfig\.hidden: 7 units, .* use at least 8"):
        train(TransformerConfig(hidden=7))
    with pytest.raises(InputError, match="train: trials must be at least 1, got 0"):
        train(TransformerConfig(), trials=0)
    with pytest.raises(InputError, match=r"key_rate: must not be negative, got -1"):
        TransformerConfig(key_rate=-1)
    with pytest.raises(InputError, match=r"write_rate: must lie in \(0, 1\], got 0"):
        TransformerConfig(write_rate=0)
    with pytest.raises(InputError, match=r"winners: 17 of 16 hidden units; use winners <= hidden"):
        TransformerConfig(winners=17)


def test_recipe_agrees_with_the_paper(tmp_path):
    found = reproduce("case-sequence", quick=True, out=tmp_path, report=lambda text: None)
    assert [r["name"] for r in found["rows"] if not r["ok"]] == []
    assert found["raw"]["baseline, exact gradient"]["from_99_percent"] > 2500
    assert sorted(map(str, tmp_path.iterdir())) == sorted(found["files"])


def test_one_run(snmem):
    settings = ("--set", "rule=softmax", "--set", "projected=false", "--set", "keys=10", "--set", "rate=0.001")
    found = snmem("run", "case-sequence", *settings, "--set", "key_rate=0.001", "--set", "iterations=2000", "--json")
    assert found.data["results"]["accuracy"] > 0.8
    assert 900 < found.data["results"]["from 99 percent"] < 1400
    assert len(found.data["results"]["accuracy by iteration"]) == 40


def test_bench_judges_the_qk_model():
    found = load_script("benchmarks", "attention").bench_attention(quick=True)
    assert set(found["ms_per_trial_iteration"]) == set(MODELS)
    assert found["rows"][0]["value"] == pytest.approx(27.4 / found["ms_per_trial_iteration"]["QK, projected"])
