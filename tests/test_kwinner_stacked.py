"""The stacked K-winner memory and the modern Hopfield network with softmax retrieval."""

import numpy as np
import pytest

from snmem.errors import InputError
from snmem.installation.content import load_script
from snmem.memory import KWinnerConfig, ModernHopfieldMemory, StackedKWinnerMemory
from snmem.metrics import accuracy
from snmem.protocols.retention import Protocol
from snmem.tasks.patterns import mean_similarity, partial_cues, random_patterns, tree_patterns

FRONT = KWinnerConfig(200, 2000, 30, 100, 20)
BEHIND = KWinnerConfig(2000, 400, 100, 30, 100)


def test_codes_are_less_alike_than_patterns_and_can_be_read_back():
    memory = StackedKWinnerMemory(BEHIND, FRONT, 0)
    patterns = tree_patterns(600, 2, 200, 20, 1).shuffled_leaves(1)[:150]
    codes = memory.encode(patterns)
    assert codes.shape == (150, 2000)
    assert (codes.sum(axis=1) == 100).all()
    assert mean_similarity(codes.toarray()) < 0.8 * mean_similarity(patterns)
    other = random_patterns(150, 200, 20, 2)
    assert accuracy(memory.decode(memory.encode(other)), other).mean() > 0.9


def test_stacked_memory_recalls_what_it_stored_beyond_chance():
    memory, patterns = StackedKWinnerMemory(BEHIND, FRONT, 0), random_patterns(60, 200, 20, 3)
    memory.store(patterns[:50])
    cues = partial_cues(patterns, 0.7, 4)
    found = accuracy(memory.recall(cues), patterns)
    assert found[45:50].mean() > found[50:].mean() + 0.15
    np.testing.assert_array_equal(memory.recall(cues[0]), memory.recall(cues)[0])
    again = StackedKWinnerMemory(BEHIND, FRONT, 0)
    again.store(patterns[:50])
    np.testing.assert_array_equal(memory.recall(cues), again.recall(cues))


def test_layers_must_fit():
    with pytest.raises(InputError, match=r"front\.hidden = 2000 but config\.visible = 1000"):
        StackedKWinnerMemory(KWinnerConfig(1000, 400, 100, 30, 100), FRONT)
    with pytest.raises(InputError, match=r"front\.winners = 100 but config\.active = 50"):
        StackedKWinnerMemory(KWinnerConfig(2000, 400, 100, 30, 50), FRONT)


def test_softmax_retrieval_is_attention_over_the_stored_patterns():
    patterns = random_patterns(40, 200, 20, 5)
    memory = ModernHopfieldMemory(200, 20, beta=0.7)
    memory.store(patterns[:25])
    memory.store(patterns[25])
    memory.store(patterns[26:])
    cues = partial_cues(patterns, 0.5, 6)
    np.testing.assert_array_equal(memory.recall(cues), patterns)
    np.testing.assert_array_equal(memory.recall(cues[3]), patterns[3])
    logits = 0.7 * cues.astype(float) @ patterns.T
    weights = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(memory.retrieve(cues.astype(float))[1], weights @ patterns, atol=1e-12)


def test_slots_keep_the_newest():
    patterns = random_patterns(30, 200, 20, 7)
    memory = ModernHopfieldMemory(200, 20, slots=10)
    for part in (patterns[:4], patterns[4:25], patterns[25:]):
        memory.store(part)
    found = accuracy(memory.recall(partial_cues(patterns, 0.5, 8)), patterns)
    assert (found[20:] == 1).all()
    assert found[:20].max() < 1


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: ModernHopfieldMemory(0), "visible: must be at least 1, got 0"),
        (lambda: ModernHopfieldMemory(10, 20), "active: must be at most visible = 10, got 20"),
        (lambda: ModernHopfieldMemory(beta=0), "beta: must be a positive number, got 0"),
        (lambda: ModernHopfieldMemory(slots=0), "slots: must be at least 1, got 0"),
        (lambda: ModernHopfieldMemory(10, 2).recall(np.ones(10)), "nothing is stored"),
        (lambda: ModernHopfieldMemory(10, 2).store(np.ones(9)), r"visible = 10\), got \(9,\)"),
        (lambda: ModernHopfieldMemory(10, 2).store(np.full(10, 0.5)), "other than 0 and 1"),
    ],
)
def test_bad_input_is_refused(make, words):
    with pytest.raises(InputError, match=words):
        make()


def test_the_recipe_sets_stacked_beside_plain_memories(monkeypatch, tmp_path):
    recipe = load_script("models", "kwinner_stacked")
    monkeypatch.setattr(recipe, "STACKS", {recipe.SMALL: recipe.STACKS[recipe.SMALL]})
    monkeypatch.setattr(recipe, "FLIPS", (5,))
    monkeypatch.setattr(Protocol, "quick", classmethod(lambda cls: cls(burn_in=60, scored=200, runs=3, samples=1)))
    found = recipe.reproduce(quick=True, out=tmp_path, report=lambda text: None)
    assert found["rows"][0]["name"].startswith("b = 5, stacked, 2000: mean similarity of codes")
    assert found["rows"][0]["ok"]
    assert len(found["rows"]) == 1 + 2 * 2
    raw = found["raw"]["b = 5, stacked, 2000, 100% cues"]
    assert raw["accuracy"][0] > raw["never_stored"]
    assert [str(path) for path in tmp_path.iterdir()] == found["files"]
