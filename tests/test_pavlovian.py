"""Conditioned fast weights: rules on vectors, counters that learn in spikes, the recipe, what is refused."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from snmem import simulate
from snmem.attention import ConditionedWeights
from snmem.errors import FileError, InputError
from snmem.memory.systems.pavlovian import MOST, PavlovianMemory
from snmem.tasks.patterns import random_patterns


@settings(max_examples=10, deadline=None)
@given(st.sampled_from(["hebb", "delta"]), st.integers(3, 12), st.integers(0, 12), st.booleans(), st.integers(0, 999))
def test_the_network_learns_and_recalls_as_the_algorithm(rule, visible, pairs, full, seed):
    rng = np.random.default_rng(seed)
    memory, spiking = (PavlovianMemory(visible, 2, rule) for _ in range(2))
    if full:  # counters at their limit
        for counters in ("plus", "minus")[: 1 + (rule == "delta")]:
            start = rng.integers(MOST - 2, MOST + 1, (visible, visible)) * ~np.eye(visible, dtype=bool)
            for each in (memory, spiking):
                setattr(each, counters, start.astype(np.int8))
    keys, targets = (random_patterns(pairs, visible, 2, rng) for _ in range(2))
    memory.store(keys, targets)
    if pairs:
        run = simulate(spiking.learning_network(), *spiking.storing_inputs(keys, targets), backend="reference")
        spiking.plus, spiking.minus = spiking.learned(run)
    assert np.array_equal(memory.plus, spiking.plus)
    assert np.array_equal(memory.minus, spiking.minus)
    cues = rng.random((4, visible)) < 0.4
    assert np.array_equal(memory.read(memory.present(cues)), memory.recall(cues))


def test_the_rules():
    key, other = np.eye(4)[:2]
    for rule, rate, wanted in (("hebb", 1.0, [2, 1]), ("decay", 0.5, [1.25, 0.5]), ("delta", 0.5, [0.75, 0.5])):
        weights = ConditionedWeights(4, 1, rule, rate)
        weights.write([key, other, key], np.ones((3, 1)))
        assert weights.read([key, other])[:, 0].tolist() == wanted


def test_what_is_refused(tmp_path):
    parameters: dict[str, Any]
    for parameters, message in (
        ({"keys": 0}, r"ConditionedWeights\.keys: must be a whole number >= 1, got 0"),
        ({"rule": "oja"}, r"ConditionedWeights\.rule: unknown 'oja'; use one of hebb, decay, delta"),
        ({"rule": "delta", "rate": 0}, r"ConditionedWeights\.rate: must lie between 0 and 1, got 0"),
    ):
        with pytest.raises(InputError, match=message):
            ConditionedWeights(**{"keys": 2, "values": 2, **parameters})
    weights = ConditionedWeights(2, 2)
    with pytest.raises(InputError, match=r"keys: must be finite numbers of shape \(n, 2\), got shape \(1, 3\)"):
        weights.write(np.ones((1, 3)), np.ones((1, 2)))
    with pytest.raises(InputError, match="write: 1 keys but 2 values"):
        weights.write(np.ones((1, 2)), np.ones((2, 2)))
    with pytest.raises(InputError, match=r'PavlovianMemory\.rule: must be "hebb" or "delta", got \'oja\''):
        PavlovianMemory(4, 2, "oja")
    with pytest.raises(InputError, match="store: 1 patterns but 2 targets"):
        PavlovianMemory(4, 2).store(np.eye(4)[:1] + np.eye(4)[1], np.tile([0, 0, 1, 1], (2, 1)))
    with pytest.raises(InputError, match="bits = 9, the counters take 12; allow as many"):
        PavlovianMemory.for_patterns(4, 2, bits=9)
    sizes = [PavlovianMemory.for_patterns(4, 2, bits=bits) for bits in (12, 24, 60, 999)]
    assert [(m.rule, m.most) for m in sizes] == [("hebb", 1), ("delta", 1), ("delta", 3), ("delta", 127)]
    damaged = PavlovianMemory(4, 2, most=3)
    damaged.plus[0, 1] = 4
    damaged.save(tmp_path / "m.npz")
    with pytest.raises(FileError, match=r"counters: must lie in 0\.\.3"):
        PavlovianMemory.load(tmp_path / "m.npz")
