"""Heads that go on learning: pairs of winners on vectors, in spikes and on the chip's engine; subspaces; the recipe."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from snmem import simulate
from snmem.errors import InputError
from snmem.learning.hlop import SubspaceLearning, largest_angle, outside, subspace
from snmem.learning.pairwise import MOST, PairwiseHead


@settings(max_examples=10, deadline=None)
@given(st.integers(1, 2), st.integers(3, 9), st.integers(1, 4), st.floats(0, 4), st.booleans(), st.integers(0, 999))
def test_the_network_learns_and_decides_as_the_algorithm(order, units, classes, margin, full, seed):
    rng = np.random.default_rng(seed)
    head, spiking = (PairwiseHead(units, 3, classes, order, margin) for _ in range(2))
    codes, labels = rng.random((8, units)) < 0.5, rng.integers(0, classes, 8)
    if full:  # weights near their limit, and drives that stay below the margin
        start = rng.integers(MOST - 2, MOST + 1, head.weights.shape) * head._there
        for each in (head, spiking):
            each.weights[:], each.margin = start, 254.9
    head.learn(codes, labels)
    for onchip, backend in ((False, "event"), (True, "loihi")):
        network = spiking.learning_network(onchip)
        run = simulate(network, *spiking.learning_inputs(codes, labels), backend=backend)
        assert np.array_equal(spiking.learned(run), head.weights)
    decided = head.read(simulate(head.network(), *head.inputs(codes)))
    known = head.scores(codes).max(1) > 0
    assert np.array_equal(decided, np.where(known, head.predict(codes), -1))


def test_what_is_learned_later_leaves_other_classes_alone():
    head = PairwiseHead(6, 2, 2, margin=1.0)
    first, second = np.eye(6, dtype=bool)[[0, 2]] | np.eye(6, dtype=bool)[[1, 3]]
    head.learn([first] * 5, [0] * 5)
    before = head.weights[0].copy()
    head.learn([second] * 5, [1] * 5)
    assert np.array_equal(head.weights[0], before)
    assert head.weights.max() == 2  # it learns until the drive is above the margin
    assert head.predict([first, second]).tolist() == [0, 1]


def test_a_subspace_is_learned_beside_the_frozen_rows():
    rng = np.random.default_rng(0)
    basis = np.linalg.qr(rng.normal(size=(12, 12)))[0].T
    first, second = (rng.normal(size=(300, 3)) @ basis[n : n + 3] for n in (0, 3))
    rows = subspace(first, 3, np.zeros((0, 12)))
    assert largest_angle(rows, basis[:3]) < 0.5
    more = subspace(first + second, 3, rows, SubspaceLearning(levels=1000), seed=1)
    assert np.array_equal(more[:3], rows)
    assert largest_angle(more[3:], basis[3:6]) < 1
    assert np.abs(outside(first, rows)).max() < 0.05
    assert largest_angle(basis[:2], basis[1:3]) == pytest.approx(90)


def test_what_is_refused():
    head = PairwiseHead(5, 2, 3)
    with pytest.raises(InputError, match=r"codes: must be 0 and 1 of shape \(n, 5\), got shape \(1, 4\)"):
        head.predict(np.ones((1, 4)))
    for labels in ([3], [0, 1], [0.5], [-1]):
        with pytest.raises(InputError, match=r"labels: must be 1 whole numbers in 0\.\.2"):
            head.learn(np.ones((1, 5)), labels)
    with pytest.raises(InputError, match=r"PairwiseHead\.winners: 1 make no feature of 2; use at least 2"):
        PairwiseHead(5, 1, 3)
    with pytest.raises(InputError, match=r"PairwiseHead\.order: must be a whole number in 1\.\.2, got 3"):
        PairwiseHead(5, 3, 3, order=3)
    with pytest.raises(InputError, match=r"PairwiseHead\.margin: must lie in \[0, 255\), got -1"):
        PairwiseHead(5, 2, 3, margin=-1)
    with pytest.raises(InputError, match="subspace: 3 units beside 0 rows in 2 lines"):
        subspace(np.eye(2), 3, np.zeros((0, 2)))
    with pytest.raises(InputError, match="frozen has 3 lines, the inputs 2"):
        subspace(np.eye(2), 1, np.zeros((0, 3)))
