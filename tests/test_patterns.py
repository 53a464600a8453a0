"""Random and tree-structured patterns, cues, similarities."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from snmem.errors import InputError
from snmem.tasks.patterns import mean_similarity, partial_cues, random_patterns, similarity, tree_patterns


def test_random_patterns_are_uniform():
    patterns = random_patterns(4000, 200, 30, seed=1)
    assert (patterns.sum(axis=1) == 30).all()
    uses = patterns.sum(axis=0)  # binomial(4000, 0.15): mean 600, sd 22.6
    assert abs(uses - 600).max() < 100
    assert 18 < uses.std() < 28
    assert abs(mean_similarity(patterns[:1000]) - 0.15) < 0.001
    together = (patterns[:, 0] & patterns[:, 1]).sum()
    assert abs(together - 4000 * 0.15 * 29 / 199) < 40


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 60), st.data())
def test_cues_keep_the_asked_share_of_ones_only(size, data):
    active = data.draw(st.integers(1, size))
    share = data.draw(st.floats(0.01, 1.0))
    patterns = random_patterns(20, size, active, seed=2)
    cues = partial_cues(patterns, share, seed=3)
    assert not (cues & ~patterns).any()
    assert (cues.sum(axis=1) == max(1, round(share * active))).all()
    assert np.array_equal(cues, partial_cues(patterns, share, seed=3))


def test_cues_are_drawn_uniformly():
    patterns = np.repeat(random_patterns(1, 50, 10), 5000, axis=0)
    kept = partial_cues(patterns, 0.3, seed=1).sum(axis=0)[patterns[0]]
    assert abs(kept - 1500).max() < 130  # sd 32


@pytest.mark.parametrize(
    ("flips", "low", "high"),
    [(5, 0.42, 0.465), (10, 0.222, 0.245), (15, 0.145, 0.16), (20, 0.117, 0.124), (30, 0.102, 0.105)],
)
def test_tree_similarity_as_published(flips, low, high):
    """Mean similarity of leaves of 14,000-node trees, 3 trees (reference code of Bhandarkar & McClelland 2025)."""
    trees = [tree_patterns(14_000, flips, seed=seed) for seed in (1, 2, 3)]
    assert low < np.mean([mean_similarity(tree.shuffled_leaves(0)[:1500]) for tree in trees]) < high
    for tree in trees:
        assert 6800 < len(tree.leaves) < 7200
        assert 7.5 < tree.depth[tree.leaves].mean() < 11.5


def test_tree_nodes_differ_from_their_parents_by_the_flips():
    tree = tree_patterns(500, 7, size=80, active=20, seed=4)
    assert (tree.patterns.sum(axis=1) == 20).all()
    child, parent = tree.patterns[1:], tree.patterns[tree.parent[1:]]
    assert ((parent & ~child).sum(axis=1) == 7).all()
    assert ((~parent & child).sum(axis=1) == 7).all()
    assert (tree.depth[1:] == tree.depth[tree.parent[1:]] + 1).all()
    assert (tree.parent[1:] < np.arange(1, 500)).all()
    assert set(tree.leaves) == set(range(500)) - set(tree.parent)


def test_tree_grows_by_a_chinese_restaurant_process():
    """The root has 1 + 1/2 + ... + 1/(n-1) children on average, and the second node's subtree is uniformly large."""
    children, first = [], []
    for seed in range(400):
        parent = tree_patterns(101, 0, size=4, active=2, seed=seed).parent
        children.append((parent == 0).sum())
        root = np.arange(101)
        for node in range(2, 101):
            root[node] = node if parent[node] == 0 else root[parent[node]]
        first.append((root == 1).sum())
    assert abs(np.mean(children) - sum(1 / n for n in range(1, 101))) < 0.35  # sd of the mean 0.09
    assert abs(np.mean(first) - 50.5) < 6  # uniform on 1..100, sd of the mean 1.4
    assert 25 < np.std(first) < 33


def test_similarity_counts_shared_ones():
    a = np.array([[1, 1, 0, 0], [0, 1, 1, 0]], bool)
    assert similarity(a).tolist() == [[1.0, 0.5], [0.5, 1.0]]
    assert similarity(a, [[1, 0, 0, 0]]).tolist() == [[0.5], [0.0]]
    assert mean_similarity(a) == 0.5


def test_impossible_patterns_are_refused():
    for call, message in (
        (lambda: random_patterns(3, 10, 11), "active: must be at most size = 10, got 11"),
        (lambda: random_patterns(-1), "n: must be a whole number"),
        (lambda: random_patterns(2.5), r"n: .* got 2\.5"),
        (lambda: tree_patterns(10, 6, 10, 5), "flips: must be at most active = 5, got 6"),
        (lambda: tree_patterns(10, 4, 10, 7), "flips: must be at most size - active = 3, got 4"),
        (lambda: tree_patterns(0), "nodes must be at least 1, got 0"),
        (lambda: partial_cues(np.ones((1, 3)), 0.0), r"\(0, 1\], got 0\.0"),
        (lambda: partial_cues(np.ones(3), 0.5), r"\(n, size\), got \(3,\)"),
        (lambda: mean_similarity(np.ones((1, 3))), "at least 2 patterns, got 1"),
    ):
        with pytest.raises(InputError, match=message):
            call()
