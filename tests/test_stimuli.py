"""Poisson input: the numbers of one draw whatever the blocks, and limits before memory is taken."""

import numpy as np
import pytest

from snmem import LIF, Input, Network, Population, stimuli
from snmem.errors import InputError
from snmem.stimuli import poisson

NETWORK = Network((Input("a", 7), Input("b", 3), Population("p", 1, LIF())))


@pytest.mark.parametrize("block", [1, 20, 2**22])
def test_blocks_draw_the_same_spikes(block, monkeypatch):
    monkeypatch.setattr(stimuli, "_BLOCK", block)
    found = poisson(NETWORK, 50, 3, 0.3)
    for i, source in enumerate(NETWORK.inputs):
        raster = np.random.default_rng([3, i]).random((50, source.size)) < -np.expm1(-0.3)
        assert np.array_equal(found[source.name].raster(), raster)


def test_the_rate_is_that_of_poisson_spikes_at_most_one_a_step():
    spikes = poisson(NETWORK, 20_000, 0, 0.5)["a"]
    expected, cells = 1 - np.exp(-0.5), 20_000 * 7
    assert abs(len(spikes) / cells - expected) < 4 * np.sqrt(expected * (1 - expected) / cells)
    assert len(poisson(NETWORK, 10, 0, np.inf)["a"]) == 70
    assert len(poisson(NETWORK, 10, 0, 0)["a"]) == len(poisson(NETWORK, 0, 0, 1.0)["a"]) == 0


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((99_999_999_999, 0, 0.1), r"99,999,999,999 steps of input 'a' \(7 lines\) are 7e\+11 random numbers"),
        ((10**9, 0, 5.0), "spikes, the limits are"),
        ((1.5, 0, 0.1), "steps must be a whole number"),
        ((5, -1, 0.1), "seed must be a whole number"),
        ((5, 0, np.nan), "rate must be a number"),
        ((5, 0, -0.1), "rate must be a number"),
        ((5, 0, "x"), "rate must be a number"),
    ],
)
def test_what_cannot_be_drawn_is_refused_at_once(arguments, words):
    with pytest.raises(InputError, match=words):
        poisson(NETWORK, *arguments)
