"""Temporal context: free recall on vectors and in spikes, the laws of the recipe, what is refused."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from snmem.errors import InputError
from snmem.installation.content import load_script
from snmem.memory.systems.temporal_context import TemporalContextMemory, TemporalContextModel

RECIPE = load_script("models", "temporal_context")


@settings(max_examples=8, deadline=None)
@given(st.integers(2, 6), st.integers(1, 5), st.floats(0.1, 0.9), st.integers(1, 4), st.integers(0, 5), st.data())
def test_the_network_recalls_in_the_order_of_the_algorithm_and_stops(items, units, drift, ages, noise_bits, data):
    fan_in, winners, seed = min(8, (items + ages) * units), data.draw(st.integers(1, 6)), data.draw(st.integers(0, 99))
    memory = TemporalContextMemory(
        items, units, drift, ages, 30, fan_in, winners, noise_bits=max(1, noise_bits), seed=seed
    )
    noise = memory.noise(1, 1)[0]
    order = memory.recall(noise)
    assert sorted(order) == list(range(items))
    assert RECIPE.in_spikes(memory, noise)[0] == order
    inputs, steps = memory.recall_inputs(noise)
    longer = RECIPE.simulate(memory.network(), inputs, steps + 2 * memory.period)
    assert memory.read(longer) == order  # no item twice, however long it goes on


def test_contexts_fade_and_items_bring_their_own_back():
    memory = TemporalContextMemory(items=8, units=32, drift=0.5, ages=6, reinstated=1.0)
    active = [memory.context([0, *[1] * n]).reshape(-1, 32)[0].sum() for n in range(3)]
    aged = [memory.context([*[1] * n, 0]).reshape(-1, 32)[0].sum() for n in range(4)]
    assert active == [32, 32, 32]
    assert aged == [32, 16, 8, 4]
    assert np.array_equal(memory.weights[2][3], memory.context(memory.history(3)))
    model = TemporalContextModel(5, study=1.0)
    assert np.array_equal(model.associations, np.eye(5, k=1) + np.diag([0, 0, 0, 0, 1.0]))


def test_the_lag_crp_counts_what_could_come():
    crp = RECIPE.lag_crp([[0, 1, 2], [2, 1, 0]], 3)
    assert crp.tolist() == pytest.approx([0, 0, 0, 0, 0, 1, 0, 1, 0, 0, 0, 0, 0])


def test_what_is_refused():
    for name, value in (("drift", 1.0), ("rate", 0.0), ("reinstated", -0.1)):
        with pytest.raises(InputError, match=rf"TemporalContextMemory\.{name}: must lie between 0 and 1"):
            replace(TemporalContextMemory(), **{name: value})
    with pytest.raises(InputError, match=r"TemporalContextMemory\.fan_in: must be a whole number in 1\.\.384, got 400"):
        TemporalContextMemory(fan_in=400)
    with pytest.raises(InputError, match=r"TemporalContextModel\.study: must lie between 0 and 1, got 0"):
        TemporalContextModel(study=0)
