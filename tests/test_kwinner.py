"""The K-winner memory at algorithm level: against a dense oracle, the paper's numbers, and bad input."""

import json
import pickle
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st

from snmem.errors import FileError, InputError
from snmem.memory import KWinnerConfig, KWinnerMemory

SMALL = KWinnerConfig(visible=60, hidden=80, fan_in=12, winners=7, active=9, rate=0.3)


def khot(rng, n, size, ones):
    out = np.zeros((n, size), bool)
    np.put_along_axis(out, np.argsort(rng.random((n, size)), axis=1)[:, :ones], True, axis=1)
    return out


def halves(rng, patterns):
    """Return cues with half of the ones of each pattern, drawn uniformly."""
    keep = np.where(patterns, rng.random(patterns.shape), 2.0)
    order = np.argsort(keep, axis=1)[:, : patterns[0].sum() // 2]
    out = np.zeros_like(patterns)
    np.put_along_axis(out, order, True, axis=1)
    return out


class DenseOracle:
    """The equations of the paper on dense matrices, for a memory's own weights."""

    def __init__(self, memory):
        self.config = memory.config
        self.mask = memory.forward_weights.toarray() > 0
        self.forward = memory.forward_weights.toarray()
        self.back = memory.return_weights.toarray()

    def winners(self, x):
        return np.sort(np.argsort(self.forward @ x, kind="stable")[-self.config.winners :])

    def store(self, x, target):
        for j in self.winners(x):
            on = self.mask[j]
            self.forward[j, on] += self.config.rate * (x[on] - self.forward[j, on])
            self.back[on, j] += self.config.rate * (target[on] - self.back[on, j])

    def recall(self, x):
        z = np.zeros(self.config.hidden)
        z[self.winners(x)] = 1
        return np.sort(np.argsort(self.back @ z, kind="stable")[-self.config.active :])


@pytest.mark.parametrize("tied", [False, True])
def test_stores_and_recalls_as_the_dense_equations(tied):
    rng = np.random.default_rng(1)
    memory = KWinnerMemory(replace(SMALL, tied=tied), 3)
    oracle = DenseOracle(memory)
    for x in khot(rng, 40, 60, 9):
        assert np.array_equal(memory.winners(x), oracle.winners(x))
        memory.store(x)
        oracle.store(x.astype(float), x.astype(float))
    np.testing.assert_allclose(memory.forward_weights.toarray(), oracle.forward, atol=1e-12)
    np.testing.assert_allclose(memory.return_weights.toarray(), oracle.back, atol=1e-12)
    cues = khot(rng, 30, 60, 5)
    assert np.array_equal(memory.winners(cues), [oracle.winners(c) for c in cues])
    assert np.array_equal(np.nonzero(memory.recall(cues))[1].reshape(30, 9), [oracle.recall(c) for c in cues])


def test_hetero_association_shapes_forward_weights_by_the_cue_and_return_weights_by_the_target():
    rng = np.random.default_rng(2)
    memory = KWinnerMemory(SMALL, 4)
    oracle = DenseOracle(memory)
    cues, targets = khot(rng, 20, 60, 9), khot(rng, 20, 60, 9)
    memory.store(cues, targets)
    for x, y in zip(cues.astype(float), targets.astype(float), strict=True):
        oracle.store(x, y)
    np.testing.assert_allclose(memory.forward_weights.toarray(), oracle.forward, atol=1e-12)
    np.testing.assert_allclose(memory.return_weights.toarray(), oracle.back, atol=1e-12)


def test_hetero_association_recalls_the_target():
    rng = np.random.default_rng(5)
    memory = KWinnerMemory(KWinnerConfig.main(), 1)
    memory.store(khot(rng, 300, 1000, 100))
    cues, targets = khot(rng, 50, 1000, 100), khot(rng, 50, 1000, 100)
    memory.store(cues, targets)
    recalled = memory.recall(cues)
    other = memory.recall(khot(rng, 50, 1000, 100))
    assert (recalled & targets).sum(1).mean() > (other & targets).sum(1).mean() + 30
    assert (recalled & targets).sum(1).mean() > (recalled & cues).sum(1).mean()


def test_every_hidden_unit_has_its_fan_in_and_both_ways_share_it():
    memory = KWinnerMemory(KWinnerConfig.main(), 1)
    forward, back = memory.forward_weights, memory.return_weights
    assert forward.shape == back.T.shape == (2000, 1000)
    assert (np.diff(forward.indptr) == 50).all()
    assert ((forward != 0) != (back.T != 0)).nnz == 0
    assert 0.49 < forward.data.mean() < 0.51
    assert abs(np.corrcoef(forward.toarray().ravel(), back.T.toarray().ravel())[0, 1] - 0.74) < 0.05  # own draws
    uses = np.bincount(forward.indices, minlength=1000)  # binomial(2000, 0.05): mean 100, sd 9.7
    assert 8 < uses.std() < 11.5


def test_published_accuracies_of_the_main_configuration():
    """Bhandarkar & McClelland 2025: accuracy at ages 1..1000 after 3000 + 1000 patterns (authors' saved results)."""
    rng = np.random.default_rng(7)
    memory = KWinnerMemory(KWinnerConfig.main(), 7)
    patterns, novel = khot(rng, 4000, 1000, 100), khot(rng, 1000, 1000, 100)
    memory.store(patterns)
    newest = patterns[:-1001:-1]
    for cues, fresh, expected, never in (
        (newest, novel, {10: 0.839, 50: 0.776, 100: 0.716, 200: 0.632, 500: 0.542}, 0.5186),
        (halves(rng, newest), halves(rng, novel), {10: 0.714, 50: 0.640, 100: 0.569, 200: 0.479, 500: 0.402}, 0.3852),
    ):
        accuracy = (memory.recall(cues) & newest).sum(1) / 100
        for age, value in expected.items():
            assert abs(accuracy[age - 8 : age + 7].mean() - value) < 0.035  # sd 0.04 for one pattern, 15 patterns
        assert abs((memory.recall(fresh) & novel).mean() * 10 - never) < 0.005


def test_one_winner_returns_what_it_keeps_and_keeps_it_by_theory():
    """A stored pattern survives each later one with probability 1 - 1/hidden (Theorem 1)."""
    rng = np.random.default_rng(8)
    kept = np.zeros(300)
    for run in range(10):
        memory = KWinnerMemory(KWinnerConfig.one_winner(), run)
        patterns = khot(rng, 600, 1000, 100)
        memory.store(patterns)
        newest = patterns[:-301:-1]
        kept += (memory.recall(newest) == newest).all(1) / 10
    expected = 0.99 ** np.arange(300)
    for band in (slice(0, 50), slice(50, 150), slice(150, 300)):
        assert abs(kept[band].mean() - expected[band].mean()) < 0.06


def test_ties_are_broken_evenly_and_reproducibly():
    rng = np.random.default_rng(0)
    config = KWinnerConfig(visible=200, hidden=10, fan_in=200, winners=1, active=2, rate=1.0)
    blank = KWinnerMemory(config, 1)
    blank.store(khot(rng, 200, 200, 2))
    cues = khot(rng, 4000, 200, 2)
    wins = np.bincount(blank.winners(cues).ravel(), minlength=10)
    assert np.array_equal(blank.winners(cues[::-1])[::-1], blank.winners(cues))
    assert wins.min() > 250  # nearly all of these cues overlap with nothing: each slot wins about 400
    assert wins.max() < 600


def test_random_winner_control_learns_at_random_units():
    config = KWinnerConfig(random_winners=True)
    rng = np.random.default_rng(3)
    patterns = khot(rng, 400, 1000, 100)
    control, memory = KWinnerMemory(config, 1), KWinnerMemory(KWinnerConfig.main(), 1)
    before = control.forward_weights
    control.store(patterns[0])
    changed = np.flatnonzero(np.diff((control.forward_weights != before).indptr))
    assert changed.size == 50
    assert len(set(changed) & set(memory.winners(patterns[0]))) < 10
    control.store(patterns[1:])
    memory.store(patterns)
    newest = patterns[-50:]
    found = [(m.recall(newest) & newest).sum(1).mean() for m in (control, memory)]
    assert found[0] < found[1] - 10


def test_forgetting_erases_one_pattern_and_spares_the_others():
    rng = np.random.default_rng(4)
    memory = KWinnerMemory(KWinnerConfig.main(), 1)
    patterns = khot(rng, 600, 1000, 100)
    memory.store(patterns)
    gone, rest = patterns[-20:-10], patterns[-10:]
    before = (memory.recall(rest) & rest).sum(1).mean()
    assert (memory.recall(gone) & gone).sum(1).mean() > 80
    memory.forget(gone, seed=1)
    never = khot(rng, 100, 1000, 100)
    baseline = (memory.recall(never) & never).sum(1).mean()
    assert (memory.recall(gone) & gone).sum(1).mean() < baseline
    assert (memory.recall(rest) & rest).sum(1).mean() > before - 8  # as much as 30 stores cost


def test_same_seed_same_memory():
    rng = np.random.default_rng(0)
    patterns = khot(rng, 30, 60, 9)
    a, b, c = (KWinnerMemory(SMALL, seed) for seed in (1, 1, 2))
    for memory in (a, b, c):
        memory.store(patterns)
    assert np.array_equal(a.forward_weights.toarray(), b.forward_weights.toarray())
    assert not np.array_equal(a.forward_weights.toarray(), c.forward_weights.toarray())


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_any_size_recalls_k_hot_and_keeps_weights_in_bounds(data):
    visible = data.draw(st.integers(1, 40))
    hidden = data.draw(st.integers(1, 40))
    config = KWinnerConfig(
        visible=visible,
        hidden=hidden,
        fan_in=data.draw(st.integers(1, visible)),
        winners=data.draw(st.integers(1, hidden)),
        active=data.draw(st.integers(1, visible)),
        rate=data.draw(st.sampled_from([0.1, 0.3, 1.0])),
        tied=data.draw(st.booleans()),
        random_winners=data.draw(st.booleans()),
    )
    rng = np.random.default_rng(data.draw(st.integers(0, 1000)))
    memory = KWinnerMemory(config, 1)
    patterns = khot(rng, 12, visible, config.active)
    memory.store(patterns)
    winners = memory.winners(patterns)
    assert (memory.recall(patterns).sum(1) == config.active).all()
    assert winners.shape == (12, config.winners)
    assert all(len(set(row)) == config.winners for row in winners)
    assert 0 <= winners.min() <= winners.max() < hidden
    for weights in (memory.forward_weights, memory.return_weights):
        assert weights.data.min() >= 0
        assert weights.data.max() <= 1
        assert weights.nnz == config.synapses


def test_saves_and_loads(tmp_path):
    rng = np.random.default_rng(0)
    memory = KWinnerMemory(SMALL, 1)
    memory.store(khot(rng, 30, 60, 9))
    memory.save(tmp_path / "memory.npz")
    again = KWinnerMemory.load(tmp_path / "memory.npz")
    assert again.config == SMALL
    more, cues = khot(rng, 5, 60, 9), khot(rng, 40, 60, 4)
    for m in (memory, again):
        m.store(more)
    assert np.array_equal(memory.recall(cues), again.recall(cues))
    assert np.array_equal(memory.return_weights.toarray(), again.return_weights.toarray())
    assert [p.name for p in tmp_path.iterdir()] == ["memory.npz"]


def _drop(path):
    path.write_bytes(path.read_bytes()[:-300])


def _flip(path):
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 0xFF
    path.write_bytes(bytes(data))


def _other_archive(path):
    np.savez(path, a=np.arange(3))


def _object_array(path):
    np.savez(path, header=np.array({"a": 1}, dtype=object))


def _later_format(path):
    with np.load(path) as file:
        parts = dict(file)
    parts["header"] = np.array(json.dumps({**json.loads(str(parts["header"])), "format": "snmem K-winner memory 9"}))
    np.savez(path, **parts)


def _synapse_out_of_range(path):
    with np.load(path) as file:
        parts = dict(file)
    parts["inputs"][3, -1] = 60
    np.savez(path, **parts)


@pytest.mark.parametrize(
    "damage",
    [
        _drop,
        _flip,
        _other_archive,
        _object_array,
        _later_format,
        _synapse_out_of_range,
        lambda path: path.write_text("hello"),
        lambda path: path.write_bytes(b""),
        lambda path: path.unlink(),
    ],
)
def test_damaged_files_are_refused(tmp_path, damage):
    path = tmp_path / "memory.npz"
    KWinnerMemory(SMALL, 1).save(path)
    damage(path)
    with pytest.raises(FileError, match=r"memory\.npz"):
        KWinnerMemory.load(path)


def test_saving_into_a_missing_folder_says_so(tmp_path):
    with pytest.raises(FileError, match="cannot be written"):
        KWinnerMemory(SMALL, 1).save(tmp_path / "none" / "memory.npz")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"winners": 2001}, r"KWinnerConfig\.winners.*hidden = 2000, got 2001; lower winners or raise hidden"),
        ({"fan_in": 1001}, r"fan_in.*visible = 1000, got 1001"),
        ({"active": 1001}, r"active.*visible = 1000, got 1001"),
        ({"hidden": 0}, r"hidden.*at least 1, got 0"),
        ({"visible": 10.5}, r"visible.*whole number.*10\.5"),
        ({"winners": True}, r"winners.*True"),
        ({"rate": 0.0}, r"rate.*\(0, 1\], got 0\.0"),
        ({"rate": 1.5}, r"rate.*1\.5"),
        ({"rate": float("nan")}, r"rate.*nan"),
        ({"rate": "fast"}, r"rate.*fast"),
    ],
)
def test_impossible_configurations_are_refused(change, message):
    with pytest.raises(InputError, match=message):
        KWinnerConfig(**change)


def test_wrong_patterns_are_refused():
    memory = KWinnerMemory(SMALL, 1)
    good = khot(np.random.default_rng(0), 3, 60, 9)
    before = memory.forward_weights.toarray()
    for bad, message in (
        (good[:, :59], r"patterns: expected shape \(n, visible = 60\), got \(3, 59\)"),
        (good[None], r"patterns: expected shape"),
        (good * 2, "other than 0 and 1"),
        (np.where(good, 1.0, np.nan), "other than 0 and 1"),
        (np.array([["a"] * 60]), "other than 0 and 1"),
        (np.zeros((1, 60)), "row 0 has 0 ones, expected exactly active = 9"),
    ):
        with pytest.raises(InputError, match=message):
            memory.store(bad)
    with pytest.raises(InputError, match="row 1 has 0 ones, expected at least 1"):
        memory.recall(np.stack([good[0], np.zeros(60, bool)]))
    with pytest.raises(InputError, match="3 patterns but 2 targets"):
        memory.store(good, good[:2])
    with pytest.raises(InputError, match="tied"):
        KWinnerMemory(replace(SMALL, tied=True), 1).store(good, good)
    with pytest.raises(InputError, match="times must be at least 1, got 0"):
        memory.forget(good, times=0)
    assert np.array_equal(before, memory.forward_weights.toarray())


def test_no_patterns_change_nothing():
    memory = KWinnerMemory(SMALL, 1)
    before = memory.forward_weights.toarray()
    memory.store(np.zeros((0, 60), bool))
    assert memory.recall(np.zeros((0, 60), bool)).shape == (0, 60)
    assert np.array_equal(before, memory.forward_weights.toarray())


def test_sparse_patterns_are_stored_and_recalled_as_dense_ones():
    rng = np.random.default_rng(3)
    patterns = khot(rng, 30, SMALL.visible, SMALL.active)
    dense, sparse = KWinnerMemory(SMALL, 1), KWinnerMemory(SMALL, 1)
    dense.store(patterns)
    sparse.store(sp.csr_array(patterns[:10]))
    sparse.store(sp.coo_array(patterns[10:].astype(float)))
    assert (dense.forward_weights != sparse.forward_weights).nnz == 0
    cues = halves(rng, patterns)
    found = sparse.recall(sp.csr_array(cues))
    assert isinstance(found, sp.csr_array)
    np.testing.assert_array_equal(found.toarray(), dense.recall(cues))
    np.testing.assert_array_equal(sparse.winners(sp.csr_array(cues)), dense.winners(cues))
    for bad, words in (
        (2 * sp.csr_array(patterns), "other than 0 and 1"),
        (sp.csr_array((3, 60)), "row 0 has 0 ones, expected at least 1"),
    ):
        with pytest.raises(InputError, match=words):
            sparse.recall(bad)
    with pytest.raises(InputError, match=r"visible = 60\), got \(2, 61\)"):
        sparse.recall(sp.csr_array((2, 61)))


def test_threads_may_recall_from_one_memory():
    rng = np.random.default_rng(4)
    patterns = khot(rng, 200, SMALL.visible, SMALL.active)
    memory = KWinnerMemory(SMALL, 1)
    memory.store(patterns)
    expected = memory.recall(patterns)
    with ThreadPoolExecutor(4) as pool:
        for found in pool.map(lambda _: memory.recall(patterns), range(24)):
            np.testing.assert_array_equal(found, expected)
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(memory)).recall(patterns), expected)


@pytest.mark.parametrize("bits", [1, 2, 4, 8])
def test_weights_of_few_bits_stay_on_their_grid_and_are_right_on_average(bits):
    """The mean over memories that round differently is that of the exact rule, for equal winners (all units)."""
    rng = np.random.default_rng(5)
    patterns = khot(rng, 3, SMALL.visible, SMALL.active)
    config = replace(SMALL, winners=80, bits=bits)
    total, runs = 0.0, 300
    start = KWinnerMemory(config, 3)
    exact = [w.toarray() for w in (start.forward_weights, start.return_weights)]
    mask = exact[0] != 0
    for x in patterns:
        exact[0] += 0.3 * (x[None, :] - exact[0]) * mask
    for run in range(runs):
        memory = KWinnerMemory(config, 3)
        memory._clock = run * 10
        memory.store(patterns)
        weights = memory.forward_weights.toarray()
        assert np.allclose(weights * config.levels, np.round(weights * config.levels), atol=1e-9)
        total = total + weights
    error = 0.5 / config.levels / np.sqrt(runs)
    difference = (total / runs - exact[0])[mask]
    assert np.abs(difference).max() < 6 * error
    assert abs(difference.mean()) < 0.5 * error


def test_a_memory_of_one_bit_remembers_and_is_saved_with_its_clock(tmp_path):
    rng = np.random.default_rng(6)
    config = replace(KWinnerConfig.main(), bits=1)
    patterns = khot(rng, 600, config.visible, config.active)
    memory = KWinnerMemory(config, 1)
    memory.store(patterns[:500])
    assert set(np.unique(memory.forward_weights.toarray())) == {0.0, 1.0}
    newest = (memory.recall(patterns[490:500]) & patterns[490:500]).sum() / 1000
    never = (memory.recall(patterns[500:]) & patterns[500:]).sum() / 10_000
    assert newest > never + 0.15
    memory.save(tmp_path / "m.npz")
    again = KWinnerMemory.load(tmp_path / "m.npz")
    for each in (memory, again):
        each.store(patterns[500:])
    np.testing.assert_array_equal(memory.recall(patterns), again.recall(patterns))


def test_lesions_take_what_they_say_and_spare_the_original(tmp_path):
    rng = np.random.default_rng(7)
    patterns = khot(rng, 40, SMALL.visible, SMALL.active)
    memory = KWinnerMemory(SMALL, 1)
    memory.store(patterns)
    before, forward = memory.recall(patterns), memory.forward_weights.toarray()
    hurt = memory.lesioned(neurons=0.25, seed=2)
    dead = (hurt.forward_weights.toarray() == 0).all(axis=1)
    assert dead.sum() == 20
    assert (hurt.return_weights.toarray()[:, dead] == 0).all()
    assert not np.isin(hurt.winners(patterns), np.flatnonzero(dead)).any()
    np.testing.assert_array_equal(hurt.forward_weights.toarray()[~dead], forward[~dead])
    cut = memory.lesioned(synapses=0.5, seed=2)
    assert np.count_nonzero(cut.forward_weights.toarray()) == np.count_nonzero(cut.return_weights.toarray()) == 480
    np.testing.assert_array_equal(memory.recall(patterns), before)
    np.testing.assert_array_equal(memory.lesioned().recall(patterns), before)
    hurt.save(tmp_path / "m.npz")
    for each in (hurt, KWinnerMemory.load(tmp_path / "m.npz")):
        with pytest.raises(InputError, match="only recalls"):
            each.store(patterns)
    for name in ("neurons", "synapses"):
        with pytest.raises(InputError, match=rf"{name} must lie in \[0, 1\], got 1\.5"):
            memory.lesioned(**{name: 1.5})


def test_rounded_weights_are_the_nearest():
    memory = KWinnerMemory(SMALL, 1)
    weights = memory.forward_weights.data
    np.testing.assert_allclose(memory.rounded(2).forward_weights.toarray().max(), 1.0)
    assert np.abs(memory.rounded(2).forward_weights.toarray() - memory.forward_weights.toarray()).max() <= 1 / 6 + 1e-12
    np.testing.assert_array_equal(memory.forward_weights.data, weights)
    for bits in (0, 33, 1.5, True):
        with pytest.raises(InputError, match="bits"):
            memory.rounded(bits)


def test_many_hidden_units_are_summed_in_blocks_as_at_once():
    """More units than two blocks, and more active synapses than units: the winners are those of the dense product."""
    config = KWinnerConfig(visible=40, hidden=70_000, fan_in=6, winners=9, active=10)
    memory = KWinnerMemory(config, 1)
    patterns = khot(np.random.default_rng(2), 5, 40, 10)
    memory.store(patterns)
    drives = memory.forward_weights @ patterns.T.astype(float)
    np.testing.assert_array_equal(memory.winners(patterns), np.sort(np.argsort(drives, axis=0)[-9:].T, axis=1))
