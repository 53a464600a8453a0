"""Placements: every neuron on a core, limits kept or named."""

from itertools import pairwise

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st

from snmem import LIF, Input, Network, Population, Projection
from snmem.cost import load_chip, place_in_order
from snmem.cost.mapping.placement import check_fit, core_loads, fit, tile_position
from snmem.errors import InputError

CHIP = load_chip("loihi1-nahuku")


def sparse_network(sizes, fan_in, seed):
    rng = np.random.default_rng(seed)
    pops = [Input("in", sizes[0])] + [Population(f"p{i}", n, LIF()) for i, n in enumerate(sizes[1:])]
    projections = []
    for pre, post in pairwise(pops):
        k = min(fan_in, pre.size)
        cols = np.concatenate([rng.choice(pre.size, k, replace=False) for _ in range(post.size)])
        rows = np.repeat(np.arange(post.size), k)
        weights = sp.csr_array(sp.coo_array((np.ones(len(rows)), (rows, cols)), shape=(post.size, pre.size)))
        projections.append(Projection(pre.name, post.name, weights))
    return Network(tuple(pops), tuple(projections))


@settings(max_examples=20, deadline=None)
@given(st.lists(st.integers(1, 60), min_size=2, max_size=4), st.integers(1, 8), st.integers(1, 20), st.integers(0, 99))
def test_in_order_places_every_neuron_once_and_in_order(sizes, fan_in, per_core, seed):
    network = sparse_network(sizes, fan_in, seed)
    placement = place_in_order(network, CHIP, per_core)
    core = np.concatenate([placement.core[p.name] for p in network.neurons])
    assert len(core) == sum(sizes[1:])
    assert (np.diff(core) >= 0).all()
    assert np.bincount(core).max() <= per_core
    loads = core_loads(network, placement, CHIP)
    assert loads["neurons_per_core"].sum() == len(core)
    assert loads["synapses_per_core"].sum() == sum(q.synapses for q in network.projections)
    assert len(np.unique(core)) == -(-len(core) // per_core)


def test_loads_count_axons_by_core():
    weights = np.array([[1, 1, 0], [0, 1, 0], [1, 1, 0], [0, 0, 1.0]])
    network = Network((Population("a", 3, LIF()), Population("b", 4, LIF())), (Projection("a", "b", weights),))
    loads = core_loads(network, place_in_order(network, CHIP, 3), CHIP)  # cores: a a a | b0 b1 b2 | b3
    assert loads["axons_in_per_core"].tolist() == [0, 2, 1]
    assert loads["axons_out_per_core"].tolist() == [3, 0, 0]
    assert loads["synapse_memory_per_core"].tolist() == [0, 2 * 64, 64]


def test_the_default_splits_until_axons_fit():
    network = sparse_network([10, 1500, 1500], 10, seed=0)
    placement = place_in_order(network, CHIP)
    assert fit(network, placement, CHIP).violations == ()
    wide = sparse_network([10, 1024, 4096], 100, seed=0)  # 1024 neurons, each with targets on at least 8 cores
    placement = place_in_order(wide, CHIP)
    assert fit(wide, placement, CHIP).utilisation["neurons_per_core"]["max"] < 1024
    assert fit(wide, placement, CHIP).violations == ()


def check(network, per_core=None):
    placement = place_in_order(network, CHIP, per_core)
    check_fit(fit(network, placement, CHIP), placement, CHIP)


def test_what_cannot_fit_is_said():
    full = Network(
        (Population("a", 5000, LIF()), Population("b", 2, LIF())), (Projection("a", "b", np.ones((2, 5000))),)
    )
    with pytest.raises(InputError, match=r"does not fit loihi1-nahuku \(in_order\): limit axons_in_per_core is 4096"):
        check(full)
    late = Network((Population("a", 2, LIF()),), (Projection("a", "a", np.eye(2), delay=63),))
    with pytest.raises(InputError, match="delay is 62 steps, projection 'a->a' has 63"):
        check(late)
    many = Network((Population("a", 128 * 32 + 1, LIF()),))
    with pytest.raises(InputError, match="limit chips is 32, the placement needs 33"):
        check(many, 1)
    with pytest.raises(InputError, match=r"neurons_per_core must lie in 1..1024 .*, got 0"):
        place_in_order(late, CHIP, 0)


def test_tiles_stand_on_the_mesh_column_by_column():
    x, y, tile = tile_position(CHIP, np.array([0, 3, 4, 16, 127, 128, 256]), chips=4)
    assert tile.tolist() == [0, 0, 1, 4, 31, 32, 64]
    assert list(zip(x.tolist(), y.tolist(), strict=True)) == [(0, 0), (0, 0), (0, 1), (1, 0), (7, 3), (8, 0), (0, 4)]
