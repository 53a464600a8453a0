"""Recipes that go on where the paper stops, and its theory: quick forms whose rows all hold, and their parts."""

import numpy as np
import pytest

from snmem.errors import InputError
from snmem.installation.content import load_script
from snmem.memory.energy import energy, retrieve
from snmem.protocols import reproduce
from snmem.protocols.retention import Protocol
from snmem.protocols.tree_figures import leaf_order
from snmem.tasks.patterns import random_patterns, tree_patterns


@pytest.mark.parametrize("name", ["slots-theory", "context-overflow", "kwinner-transformer"])
def test_every_row_of_the_quick_form_holds(name, tmp_path):
    found = reproduce(name, quick=True, out=tmp_path, report=lambda text: None)
    assert [row["name"] for row in found["rows"] if not row["ok"]] == []
    assert not any("published" in row for row in found["rows"])
    assert sorted(str(path) for path in tmp_path.iterdir()) == sorted(found["files"])


def test_energy_never_rises_and_a_pattern_comes_back():
    rng = np.random.default_rng(0)
    patterns, cues = rng.normal(size=(30, 40)), rng.normal(size=(50, 40))
    for beta in (0.1, 1.0, 10.0):
        levels = np.array([energy(states, patterns, beta) for states in retrieve(cues, patterns, beta, 20)])
        assert (np.diff(levels, axis=0) <= 1e-9).all()
        assert (levels >= 0).all()
    found = retrieve(patterns + 0.3 * rng.normal(size=patterns.shape), patterns, 2.0, 3)[-1]
    assert np.allclose(found, patterns, atol=1e-3)
    attention = np.exp(patterns @ cues[0]) @ patterns / np.exp(patterns @ cues[0]).sum()
    assert np.allclose(retrieve(cues[0], patterns)[1, 0], attention, atol=1e-12)
    for wrong in (lambda: energy([1.0], patterns), lambda: retrieve(cues, patterns, -1.0), lambda: energy([], [])):
        with pytest.raises(InputError, match="energy: "):
            wrong()


def test_the_oldest_of_the_fast_weights_goes_into_the_memory_unchanged():
    recipe = load_script("models", "context_overflow")

    class Kept:
        def __init__(self):
            self.patterns = []

        def store(self, pattern):
            self.patterns.append(pattern)

    memory = Kept()
    context = recipe.OverflowingContext(3, memory)
    keys, values = (random_patterns(8, recipe.SIZE, recipe.SPIKES, seed) for seed in (1, 2))
    for key, value in zip(keys, values, strict=True):
        context.write(key, value)
    assert np.array_equal(memory.patterns, np.hstack([keys, values])[:5])
    assert np.array_equal(context.fast.read(keys[5:]), values[5:])


def test_contrast_cancels_what_the_layer_predicts(monkeypatch):
    recipe = load_script("models", "kwinner_contrast")
    monkeypatch.setattr(recipe, "SLOW", 40)
    monkeypatch.setattr(recipe, "RATE", 0.1)
    stack = recipe.SlowStack(recipe.CONTRAST, np.random.default_rng(3))
    before, pattern = stack.weights.copy(), random_patterns(1, 1000, 100, 4)[0]
    stack.contrast(pattern)
    units = np.flatnonzero(stack.encode(pattern[None]).toarray()[0])
    changed = np.abs(stack.weights - before).sum(axis=1) > 0
    assert changed.any()
    assert (stack.weights[~stack.mask] == 0).all()
    assert stack.weights.min() >= 0
    assert stack.weights.max() <= 1
    assert units.size == recipe.FRONT.winners
    shares = [recipe.share_back(stack, pattern[None])]
    for _ in range(30):
        stack.contrast(pattern)
    shares.append(recipe.share_back(stack, pattern[None]))
    assert shares[1] > shares[0]


def test_what_is_expected_of_every_leaf_loses_its_say(monkeypatch, tmp_path):
    recipe = load_script("models", "kwinner_contrast")
    monkeypatch.setattr(recipe, "SLOW", 200)
    monkeypatch.setattr(recipe, "Protocol", lambda **kinds: Protocol(kinds["burn_in"] // 10, 220, 3, 1))
    found = recipe.reproduce(quick=True, out=tmp_path, report=lambda text: None)
    similar = found["raw"]["b = 5: mean similarity"]
    assert similar[recipe.EXPECTED] < similar[recipe.FIXED] < similar["patterns"]
    assert len(found["rows"]) == 2 * 4
    assert [str(path) for path in tmp_path.iterdir()] == found["files"]


def test_leaves_in_the_order_of_the_tree_have_their_relatives_beside_them():
    tree = tree_patterns(80, 3, 200, 20, seed=2)
    leaves, place = leaf_order(tree)
    assert sorted(leaves) == sorted(tree.leaves)
    for node in range(80):
        family = [leaf for leaf in leaves if node in ancestors(tree.parent, leaf)]
        assert np.ptp(place[family]) == len(family) - 1


def ancestors(parent, node):
    found = [node]
    while parent[found[-1]] >= 0:
        found.append(parent[found[-1]])
    return found
