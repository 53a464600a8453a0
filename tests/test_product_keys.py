"""Product keys: exact winners on vectors and in spikes, the laws of the recipe, what is refused."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from snmem.attention import ProductKeyNetwork, ProductKeys
from snmem.errors import InputError


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 6), st.integers(1, 5), st.integers(1, 4), st.integers(0, 9), st.data())
def test_winners_are_those_of_the_full_search_with_ties_and_zeros(n, lines, k, most, data):
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32)))
    rows, columns = rng.integers(0, most + 1, (2, n, lines))
    keys = ProductKeys(rows, columns, min(k, n))
    queries = rng.random((3, 2 * lines)) < data.draw(st.sampled_from([0.0, 0.3, 0.9]))
    wanted = keys.full_search(queries)
    assert (wanted.sum(1) >= keys.k).all()
    assert np.array_equal(keys.winners(queries), wanted)
    found, _ = ProductKeyNetwork(keys).run(queries)
    assert np.array_equal(found, wanted)


def test_what_is_refused():
    keys = ProductKeys([[1, 2]], [[3, 0]])
    for wrong in (np.ones(4), np.ones((1, 3)), np.full((1, 4), 2)):
        with pytest.raises(InputError, match=r"queries: must be 0 and 1 of shape \(n, 4\)"):
            keys.winners(wrong)
    for rows, columns, k, message in (
        ([[0.5]], [[1]], 1, r"ProductKeys\.rows: must be whole numbers >= 0"),
        ([[1]], [[-1]], 1, r"ProductKeys\.columns: must be whole numbers >= 0"),
        ([[1]], [[1, 2]], 1, r"rows and columns have the shapes \(1, 1\) and \(1, 2\)"),
        ([[1]], [[1]], 2, r"ProductKeys\.k: 2 winners of 1 half keys"),
        ([[100, 28]], [[1, 1]], 1, r"drives reach 128, limit 127"),
    ):
        with pytest.raises(InputError, match=message):
            ProductKeys(rows, columns, k)
