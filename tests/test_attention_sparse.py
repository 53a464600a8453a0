"""Weights between softmax and k-WTA: their definitions, and what they do with a query that matches nothing."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from snmem.attention.sparse import entmax15, softmax, softmax1, sparsemax, winners
from snmem.errors import InputError

LOGITS = arrays(np.float64, st.tuples(st.integers(1, 3), st.integers(1, 8)), elements=st.floats(-30, 30))


@given(LOGITS)
def test_weights_lie_on_the_simplex_and_follow_the_order_of_the_logits(z):
    for function in (softmax, sparsemax, entmax15):
        weights = function(z)
        assert weights.min() >= 0
        assert weights.sum(-1) == pytest.approx(np.ones(len(z)))
        order = np.argsort(z, -1)
        assert (np.diff(np.take_along_axis(weights, order, -1), axis=-1) >= -1e-12).all()
        assert function(z + 5) == pytest.approx(weights, abs=1e-9)


@given(LOGITS)
def test_sparse_weights_meet_the_conditions_of_their_optimum(z):
    """z - p (sparsemax), z / 2 - sqrt(p) (entmax) is one threshold on the support, and at least z, z / 2 off it."""
    for weights, gap in ((sparsemax(z), z - sparsemax(z)), (entmax15(z), z / 2 - np.sqrt(entmax15(z)))):
        for p, g in zip(weights, gap, strict=True):
            threshold = g[p > 0].max()
            assert g[p > 0] == pytest.approx(np.full((p > 0).sum(), threshold), abs=1e-6)
            assert (g[p == 0] <= threshold + 1e-9).all()


def test_known_values():
    z = np.array([1.0, 0.0, -1.0])
    assert sparsemax(z).tolist() == [1, 0, 0]
    assert sparsemax(z / 2) == pytest.approx([0.75, 0.25, 0])
    assert entmax15(np.zeros(4)) == pytest.approx(np.full(4, 0.25))
    assert softmax1(np.zeros(3)) == pytest.approx(np.full(3, 0.25))
    assert winners(z, 2).tolist() == [0.5, 0.5, 0]


def test_a_null_slot_takes_what_matches_nothing():
    far = np.full((1, 10), -20.0)
    assert softmax(far).sum() == pytest.approx(1)
    assert softmax1(far).sum() < 1e-6
    assert softmax1(far + 40).sum() == pytest.approx(1)
    assert softmax1(far + 600, null=580.0).sum() == pytest.approx(10 / 11)
    assert winners(far, 3, least=0.0).sum() == 0
    assert winners(far + 40, 3, least=0.0).sum() == pytest.approx(1)


def test_wrong_arguments_get_one_clear_error():
    with pytest.raises(InputError, match=r"winners: k = 5 of 3 items; k must lie in 1\.\.3"):
        winners(np.zeros(3), 5)
    with pytest.raises(InputError, match="at least one item"):
        softmax(np.zeros((2, 0)))
