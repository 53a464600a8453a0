"""The spiking K-winner memory: it learns by itself, like the algorithm, and recalls on every arithmetic."""

import numpy as np
import pytest

from snmem import KWinnerConfig, KWinnerMemory, SpikingKWinnerMemory, quantize, simulate
from snmem.circuits import Race, SuccessiveApproximation
from snmem.errors import FileError, InputError

SMALL = KWinnerConfig(visible=200, hidden=400, fan_in=40, winners=20, active=20, rate=0.4)


def _patterns(n, config=SMALL, seed=0):
    rng = np.random.default_rng(seed)
    out = np.zeros((n, config.visible), bool)
    for row in out:
        row[rng.choice(config.visible, config.active, replace=False)] = True
    return out


def _half(patterns, seed=1):
    rng, cues = np.random.default_rng(seed), patterns.copy()
    for row in cues:
        ones = np.flatnonzero(row)
        row[rng.choice(ones, len(ones) // 2, replace=False)] = False
    return cues


def _accuracy(recalled, patterns):
    return float((recalled & patterns).sum() / patterns.sum())


def test_one_store_moves_exactly_the_weights_that_the_algorithm_moves():
    """The circuit's winners are the exact top k here (no ties), so both levels end with the same bits."""
    spiking, algorithm = SpikingKWinnerMemory(SMALL, 7), KWinnerMemory(SMALL, 7)
    pattern = _patterns(1)
    drives = spiking.forward_weights @ pattern[0]
    kth, next_one = np.sort(drives)[::-1][[SMALL.winners - 1, SMALL.winners]]
    assert kth - next_one > 8 / 2**9  # resolution of the search
    spiking.store(pattern)
    algorithm.store(pattern)
    for name in ("forward_weights", "return_weights"):
        np.testing.assert_array_equal(getattr(spiking, name).toarray(), getattr(algorithm, name).toarray())


@pytest.mark.parametrize("kwta", [SuccessiveApproximation(), Race(100, slowest=0.1)])
def test_main_configuration_recalls_like_the_algorithm(kwta):
    """700 random patterns, the newest 100 scored. Their accuracies have a standard deviation of about 0.05, two
    levels with
    different winners at near-ties differ by 0.07 / sqrt(100) = 0.007 by chance; 0.03 is four of these.
    """
    config, seed = KWinnerConfig.main(), 3
    patterns = _patterns(700, config)
    spiking, algorithm = SpikingKWinnerMemory(config, seed, kwta=kwta), KWinnerMemory(config, seed)
    spiking.store(patterns)
    algorithm.store(patterns)
    new, other = patterns[-100:], _patterns(100, config, seed=9)
    for cues, never in ((new, other), (_half(new), _half(other))):
        expected = _accuracy(algorithm.recall(cues), new)
        got = _accuracy(spiking.recall(cues), new)
        assert got == pytest.approx(expected, abs=0.03)
        assert got > _accuracy(spiking.recall(never), other) + 0.1


def test_a_strategy_reaches_jaccard_95_within_32_steps_on_the_main_configuration():
    config = KWinnerConfig.main()
    patterns = _patterns(1600, config)
    memory = SpikingKWinnerMemory(config, 5)
    memory.store(patterns)
    report = memory.kwta_report(patterns[-100:])
    assert report["jaccard"]["mean"] >= 0.95
    assert report["steps"] <= 32
    assert report["winners"]["min"] >= config.winners
    assert report["spikes"] > 0
    assert report["synaptic_events"] > report["spikes"]


def test_hetero_association_recalls_the_target():
    memory = SpikingKWinnerMemory(SMALL, 2)
    keys, values = _patterns(30, seed=3), _patterns(30, seed=4)
    memory.store(keys, values)
    recalled = memory.recall(keys[-5:])
    # winners have more synapses from key bits than chance (0.1), so the key shows through, but the value dominates
    assert _accuracy(recalled, values[-5:]) > _accuracy(recalled, keys[-5:]) + 0.2


def test_forgetting_overwrites_the_trace():
    memory = SpikingKWinnerMemory(SMALL, 2)
    patterns = _patterns(40)
    memory.store(patterns)
    before = _accuracy(memory.recall(patterns[-3:]), patterns[-3:])
    others = _accuracy(memory.recall(patterns[-10:-3]), patterns[-10:-3])
    memory.forget(patterns[-3:], seed=5, times=4)
    assert before > 0.75
    assert _accuracy(memory.recall(patterns[-3:]), patterns[-3:]) < before - 0.3
    assert _accuracy(memory.recall(patterns[-10:-3]), patterns[-10:-3]) > others - 0.15


def test_old_items_fade_as_new_ones_are_stored():
    memory = SpikingKWinnerMemory(SMALL, 2)
    patterns = _patterns(200)
    memory.store(patterns[:100])
    first = _accuracy(memory.recall(patterns[90:100]), patterns[90:100])
    memory.store(patterns[100:])
    assert _accuracy(memory.recall(patterns[90:100]), patterns[90:100]) < first - 0.1


def test_storing_in_two_calls_equals_one():
    one, two = SpikingKWinnerMemory(SMALL, 2), SpikingKWinnerMemory(SMALL, 2)
    patterns = _patterns(20)
    one.store(patterns)
    two.store(patterns[:8])
    two.recall(patterns[:2])
    two.store(patterns[8:])
    np.testing.assert_array_equal(one.forward_weights.toarray(), two.forward_weights.toarray())


def test_the_reference_step_learns_the_same_weights():
    memories = [SpikingKWinnerMemory(SMALL, 2, backend=b) for b in ("event", "reference")]
    for memory in memories:
        memory.store(_patterns(4))
    np.testing.assert_array_equal(*(m.return_weights.toarray() for m in memories))


def test_the_frozen_memory_recalls_in_loihi_arithmetic():
    memory = SpikingKWinnerMemory(SMALL, 2)
    patterns = _patterns(60)
    memory.store(patterns)
    cues = _half(patterns[-20:])
    made = quantize(memory.recall_network)
    inputs, steps = memory.recall_inputs(cues)
    recalled = memory.read(simulate(made.network, inputs, steps, "loihi"))
    assert _accuracy(recalled, patterns[-20:]) == pytest.approx(
        _accuracy(memory.recall(cues), patterns[-20:]), abs=0.03
    )
    # all that the search rests on is exact; only the learned weights are rounded, to 1/512 at most (clipping 1/256)
    for name, error in made.weight_error.items():
        assert error <= (1 / 256 if name in ("cue->hidden", "hidden.winners->visible") else 0)


def test_save_and_load(tmp_path):
    memory = SpikingKWinnerMemory(SMALL, 2, kwta=Race(50), readout=SuccessiveApproximation(7))
    patterns = _patterns(10)
    memory.store(patterns)
    memory.save(tmp_path / "m.npz")
    loaded = SpikingKWinnerMemory.load(tmp_path / "m.npz")
    assert (loaded.kwta, loaded.readout, loaded.config) == (memory.kwta, memory.readout, memory.config)
    assert loaded.recall_network == memory.recall_network
    loaded.store(patterns[:2])
    memory.store(patterns[:2])
    np.testing.assert_array_equal(loaded.forward_weights.toarray(), memory.forward_weights.toarray())
    assert [p.name for p in tmp_path.iterdir()] == ["m.npz"]


def test_damaged_and_foreign_files_are_refused(tmp_path):
    path = tmp_path / "m.npz"
    memory = SpikingKWinnerMemory(SMALL, 2)
    memory.save(path)
    path.write_bytes(path.read_bytes()[:5000])
    with pytest.raises(FileError, match=r"m\.npz.*damaged or truncated"):
        SpikingKWinnerMemory.load(path)
    with pytest.raises(FileError, match="no such file"):
        SpikingKWinnerMemory.load(tmp_path / "none.npz")


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda m: m.store(np.ones((2, 199))), ["patterns", "(n, visible = 200)", "(2, 199)"]),
        (lambda m: m.store(np.ones((2, 200))), ["patterns", "row 0", "200 ones", "20"]),
        (lambda m: m.recall(np.zeros(200)), ["cues", "row 0", "0 ones", "at least 1"]),
        (lambda m: m.recall(np.full(200, 0.5)), ["cues", "0 and 1"]),
        (lambda m: m.store(_patterns(2), _patterns(3)), ["2 patterns", "3 targets"]),
        (lambda m: m.forget(_patterns(2), times=0), ["times", "0"]),
        (lambda m: SpikingKWinnerMemory(KWinnerConfig(tied=True)), ["tied"]),
    ],
)
def test_bad_patterns_are_refused(call, words):
    with pytest.raises(InputError) as error:
        call(SpikingKWinnerMemory(SMALL, 0))
    for word in words:
        assert word in str(error.value)
