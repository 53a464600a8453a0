"""Words of synapse memory that spikes touch."""

import numpy as np
import pytest

from snmem import LIF, Input, Network, Population, Projection, simulate
from snmem.cost.memory_rows import memory_rows
from snmem.errors import InputError


def test_every_spike_touches_whole_words():
    weights = np.zeros((20, 2))
    weights[:9, 0], weights[0, 1] = 1, 1
    network = Network((Input("x", 2), Population("y", 20, LIF(theta=9))), (Projection("x", "y", weights),))
    run = simulate(network, {"x": ([0, 1, 1], [0, 0, 1])}, 3)
    assert memory_rows(network, run) == {"x->y": 2 * 2 + 1}  # 9 synapses of 8 bits fill two words of 64
    assert memory_rows(network, run, word_bits=8) == {"x->y": 2 * 9 + 1}
    with pytest.raises(InputError, match="memory_rows: word_bits must be at least 1, got 0"):
        memory_rows(network, run, word_bits=0)
