"""Induction heads: answers on vectors and in spikes, the tasks, the laws of the recipe, what is refused."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from snmem.attention import InductionHead, InductionNetwork
from snmem.attention.induction import predictions
from snmem.errors import InputError
from snmem.tasks.induction import TriggerTask, followed, repeated


def one_hot(tokens, order=1):
    """Codes without overlap."""
    keys = np.eye(order * tokens, dtype=bool).reshape(order, tokens, -1)
    return np.repeat(keys, 4, axis=2), np.eye(tokens, dtype=bool)


@settings(max_examples=12, deadline=None)
@given(st.integers(1, 2), st.integers(2, 5), st.integers(2, 12), st.sampled_from(["plastic", "cells"]), st.data())
def test_the_network_answers_as_the_algorithm_and_forgets_at_a_reset(order, tokens, hidden, form, data):
    rng = np.random.default_rng(data.draw(st.integers(0, 2**16)))
    keys, values = one_hot(tokens, order)
    if data.draw(st.booleans()):  # codes that overlap
        keys = rng.permuted(np.tile(np.arange(12) < 5, (order, tokens, 1)), axis=2)
    head = InductionHead(keys, values, hidden)
    sequences = [rng.integers(0, tokens, n) for n in (9, 1, 6)]
    found, _ = InductionNetwork(head, form).run(sequences)
    for answers, sequence in zip(found, sequences, strict=True):
        assert np.array_equal(answers, head.answers(sequence))


@given(st.integers(1, 3), st.lists(st.integers(0, 3), min_size=1, max_size=25))
def test_while_they_fit_all_matches_are_found(order, sequence):
    head = InductionHead(*one_hot(4, order), hidden=40)
    wanted = followed(sequence, order)
    found = predictions(head.answers(sequence))
    assert np.array_equal(found[wanted >= 0], wanted[wanted >= 0])


def test_triggers_are_followed_by_their_output():
    task = TriggerTask(length=300, triggers=3)
    sequence, seen = task.sample(4)
    places = np.flatnonzero(seen[:-1])
    assert np.array_equal(sequence[places + 1], followed(sequence)[places])
    assert set(sequence[places]) <= set(np.argsort(-task.counts.sum(1))[:3])
    assert repeated(3, 5, 2, 0).tolist() == [*repeated(3, 5, 1, 0)] * 2
    assert followed([0, 1, 0, 2, 0, 1, 0], 1).tolist() == [-1, -1, 1, -1, 2, 0, 1]
    assert followed([0, 1, 0, 1, 0], 2).tolist() == [-1, -1, -1, 0, 1]


def test_what_is_refused():
    keys, values = one_hot(3)
    for wrong in ([0.5], [[1]], [], [3], [-1]):
        with pytest.raises(InputError, match="sequence: "):
            InductionHead(keys, values, 4).answers(wrong)
    with pytest.raises(InputError, match=r"InductionHead\.keys: must be 0 and 1 with 3 axes, got shape \(3, 12\)"):
        InductionHead(keys[0], values, 4)
    with pytest.raises(InputError, match=r"InductionHead\.values: codes have 0 to 1 ones; use one number"):
        InductionHead(keys, values & (np.arange(3) > 0), 4)
    with pytest.raises(InputError, match="keys and values are codes of 3 and 2 tokens"):
        InductionHead(keys, np.eye(2), 4)
    with pytest.raises(InputError, match=r"InductionHead\.hidden: must be a whole number >= 1, got 0"):
        InductionHead(keys, values, 0)
    with pytest.raises(InputError, match="repeated: 6 different tokens of 5"):
        repeated(6, 5, 2, 0)
    with pytest.raises(InputError, match="TriggerTask: 0 triggers in 256 characters"):
        TriggerTask(triggers=0)
