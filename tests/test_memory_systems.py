"""Memories of the literature: what their equations say, in vectors, in spikes, and in files."""

import json
import re

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn.functional import scaled_dot_product_attention

from snmem import quantize, simulate
from snmem.errors import FileError, InputError
from snmem.installation.content import load_script
from snmem.memory import MEMORIES, Memory, ModernHopfieldMemory, SpikingMemory
from snmem.memory.base import largest
from snmem.memory.systems.hopfield import DenseHopfieldMemory, HopfieldMemory
from snmem.memory.systems.willshaw import WillshawMemory, expected_density
from snmem.tasks.patterns import partial_cues, random_patterns

PATTERNS = random_patterns(60, 100, 8, 1)
SPIKING = {
    "k-WTA": WillshawMemory(100, 8),
    "volley": WillshawMemory(100, 8, volley=4),
    "two passes": HopfieldMemory(100, 8, passes=2),
}
for made in SPIKING.values():
    made.store(PATTERNS)


@pytest.mark.parametrize("name", sorted(MEMORIES))
def test_every_memory_keeps_the_protocol(name):
    memory = MEMORIES[name].for_patterns(60, 6)
    assert isinstance(memory, Memory)
    assert isinstance(memory, SpikingMemory) == hasattr(memory, "network")


@pytest.mark.parametrize("backend", ["event", "reference", "loihi", "lava_fixed"])
@pytest.mark.parametrize("name", SPIKING)
def test_spikes_recall_the_bits_of_the_algorithm(name, backend):
    memory, cues = SPIKING[name], partial_cues(PATTERNS[:6], 0.6, 2)
    network = memory.network()
    inputs, steps = memory.recall_inputs(cues)
    if backend in ("loihi", "lava_fixed"):
        network = quantize(network).network
    recalled = memory.read(simulate(network, inputs, steps, backend))
    assert recalled.any(axis=1).all()
    np.testing.assert_array_equal(recalled, memory.recall(cues))


@pytest.mark.parametrize("backend", ["event", "reference"])
def test_willshaws_synapses_are_set_by_spikes_alone(backend):
    memory = WillshawMemory(100, 8)
    inputs, steps = memory.learning_inputs(PATTERNS[:30], PATTERNS[30:])
    learned = memory.learned(simulate(memory.learning_network(), inputs, steps, backend))
    memory.store(PATTERNS[:30], PATTERNS[30:])
    np.testing.assert_array_equal(learned.weights, memory.weights)


@given(st.integers(0, 2**32 - 1), st.integers(1, 12))
def test_a_synapse_of_willshaws_memory_is_set_by_who_was_active_together(seed, count):
    x, y = random_patterns(count, 20, 4, seed), random_patterns(count, 20, 4, seed + 1)
    memory = WillshawMemory(20, 4)
    memory.store(x, y)
    np.testing.assert_array_equal(memory.weights, (y.T.astype(int) @ x) > 0)


def test_the_density_follows_its_formula():
    memory = WillshawMemory(500, 10)
    memory.store(random_patterns(1500, 500, 10, 3), random_patterns(1500, 500, 10, 4))
    assert memory.density == pytest.approx(expected_density(500, 10, 1500), abs=0.005)


@given(st.integers(0, 2**32 - 1), st.integers(1, 15))
def test_at_power_two_the_dense_memory_is_the_classical_one(seed, count):
    """Drives of both rank units alike: they differ by a factor and by a number that all units of a state share."""
    patterns, cue = random_patterns(count, 40, 10, seed), random_patterns(1, 40, 10, seed + 1)
    dense, classical = DenseHopfieldMemory(40, 10, power=2), HopfieldMemory(40, 10)
    dense.store(patterns)
    classical.store(patterns)
    outside = ~cue[0]  # the missing synapse of an active unit with itself moves it against the others
    a, b = dense.drives(cue)[0][outside], (classical.matrix() @ cue[0])[outside].astype(float)
    own = dense.patterns.sum(axis=0)[outside] * (1 - 2 * 0.25) * 0.25  # the unit's own term of the overlap, c_i = 0
    a, b = a * 0.25 * 0.75 - own, b / 4
    np.testing.assert_allclose(a - a.mean(), b - b.mean(), atol=1e-9)


def test_dense_updates_lower_the_energy_of_few_patterns():
    memory = DenseHopfieldMemory(60, 30, power=3, passes=1)
    memory.store(random_patterns(20, 60, 30, 5))
    state = partial_cues(memory.patterns[:8], 0.8, 6)
    for _ in range(4):
        after = memory.recall(state)
        assert (memory.energy(after) <= memory.energy(state) + 1e-9).all()
        state = after


def test_an_update_of_the_modern_network_is_attention_and_lowers_its_energy():
    memory = ModernHopfieldMemory(100, 8, beta=0.3, steps=3)
    memory.store(PATTERNS)
    states = np.random.default_rng(1).normal(size=(20, 100))
    path = memory.retrieve(states, steps=5)
    stored = torch.from_numpy(PATTERNS.astype(float))
    attention = scaled_dot_product_attention(torch.from_numpy(states), stored, stored, scale=0.3)
    np.testing.assert_allclose(path[1], attention.numpy(), atol=1e-6)
    assert (np.diff([memory.energy(x) for x in path], axis=0) < 1e-9).all()
    cues = partial_cues(PATTERNS[:10], 0.5, 2)
    largest_three_steps_on = np.argsort(-memory.retrieve(cues, steps=3)[-1], axis=1)[:, :8]
    assert [set(np.flatnonzero(x)) for x in memory.recall(cues)] == [set(row) for row in largest_three_steps_on]


def test_full_counts_stay_full():
    memory = HopfieldMemory(10, 2, precision=2)
    memory.store(np.tile(np.arange(10) < 2, (9, 1)))
    assert memory.counts.max() == 3


def damaged(path, **changes):
    with np.load(path) as file:
        arrays = dict(file)
    header = json.loads(str(arrays["header"]))
    header["parameters"] |= changes.pop("parameters", {})
    arrays |= {"header": np.array(json.dumps(header))} | changes
    np.savez(path, **arrays)
    return path


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"parameters": {"visible": 10**12}}, "'visible' = 1000000000000, the limit for its arrays is"),
        ({"parameters": {"visible": 99}}, r"'weights': has shape \(100, 100\), expected \(99, 99\)"),
        ({"parameters": {"active": 0}}, "WillshawMemory.active: must be a whole number, at least 1, got 0"),
        ({"parameters": {"active": "8"}}, "active: must be a whole number, at least 1, got '8'"),
        ({"parameters": {"colour": 3}}, "parameters are .*colour"),
        ({"weights": np.zeros((100, 100))}, "holds floats, expected booleans"),
        ({"weights": np.zeros((100, 100, 1), bool)}, "has shape"),
        ({"header": np.array('{"format": "snmem memory HopfieldMemory 1"}')}, "this version reads 'snmem memory Will"),
    ],
)
def test_saved_memories_are_checked(changes, words, tmp_path):
    path = tmp_path / "memory.npz"
    SPIKING["k-WTA"].save(path)
    with pytest.raises(FileError, match=words) as error:
        WillshawMemory.load(damaged(path, **changes))
    assert str(error.value).startswith(f"{path}: ")
    assert str(error.value).endswith("give a file written by WillshawMemory.save")


@pytest.mark.parametrize("kind", [DenseHopfieldMemory, ModernHopfieldMemory])
def test_rows_beyond_the_slots_are_refused(kind, tmp_path):
    memory = kind(100, 8, slots=5)
    memory.store(PATTERNS)
    assert len(memory.patterns) == 5
    memory.save(tmp_path / "m.npz")
    with pytest.raises(FileError, match="has 5 rows, slots are 2"):
        kind.load(damaged(tmp_path / "m.npz", parameters={"slots": 2}))


def test_the_largest_size_that_fits_is_found():
    assert largest(100, lambda n: n * n, "x") == 10
    with pytest.raises(InputError, match=re.escape("x: bits = 3, the smallest memory takes 5; allow as many")):
        largest(3, lambda n: 5 * n, "x")


def test_hopfield_rows_hold(monkeypatch, tmp_path):
    recipe = load_script("models", "hopfield")
    monkeypatch.setattr(recipe, "UNITS", (250, 500, 1000))
    monkeypatch.setattr(recipe, "DENSE", {2: (100, 200, 400), 3: (32, 48, 64)})
    monkeypatch.setattr(recipe, "LOADS", (0.138, 0.16, 0.18, 0.2, 0.23))
    found = recipe.reproduce(quick=True, out=tmp_path, report=lambda text: None)
    assert found["ok"], [row for row in found["rows"] if not row["ok"]]
    assert len(found["rows"]) == 11
    assert [str(path) for path in tmp_path.iterdir()] == found["files"]


def test_binam_rows_hold(monkeypatch, tmp_path):
    recipe = load_script("models", "binam")
    monkeypatch.setattr(recipe, "QUICK", (100, 250))
    found = recipe.reproduce(quick=True, out=tmp_path, report=lambda text: None)
    assert found["ok"], [row for row in found["rows"] if not row["ok"]]
    assert [str(path) for path in tmp_path.iterdir()] == found["files"]
