"""The bundled sonnets as a sequence of symbols."""

import numpy as np
import pytest

from snmem.errors import InputError
from snmem.tasks.text import NONE, followers, sonnets


def test_sonnets_are_cut_into_what_is_learned_and_what_is_held_out():
    text = sonnets(50)
    written = "".join(text.symbols[i] for i in text.learn)
    assert written.startswith("from fairest creatures we desire increase,")
    assert {len(segment) for segment in text.segments} == {50}
    assert 0.2 < 50 * len(text.segments) / (len(text.learn) + 50 * len(text.segments)) < 0.26
    with pytest.raises(InputError, match=r"sonnets: length 1 and share 0\.75"):
        sonnets(1)


def test_followers_are_what_always_came_next():
    a, b, c = 0, 1, 2
    assert followers([a, b, a, b, a, c, a, b], 1).tolist() == [NONE, NONE, NONE, b, a, b, NONE, NONE]
    assert followers([a, b, c, a, b, c], 2).tolist() == [NONE, NONE, NONE, NONE, NONE, c]
    assert np.array_equal(followers([], 2), [])
