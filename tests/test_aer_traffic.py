"""Traffic-aware placement: large gains where the network has structure, never a loss, limits kept."""

import numpy as np
import pytest
import scipy.sparse as sp
from aer_reference import layered_network
from hypothesis import given, settings
from hypothesis import strategies as st

from snmem import LIF, Input, Network, Population, Projection, simulate
from snmem.cost import load_chip, measure, place
from snmem.errors import InputError

CHIP = load_chip("loihi1-nahuku")


def shuffled_modules(modules=8, size=128, inside=30, outside=2, seed=0):
    """Modules of dense wiring whose neurons are numbered at random."""
    rng = np.random.default_rng(seed)
    n = modules * size
    module = rng.permutation(np.arange(n) % modules)
    members = [np.flatnonzero(module == m) for m in range(modules)]
    post = np.concatenate(
        [np.r_[rng.choice(members[module[i]], inside, replace=False), rng.choice(n, outside)] for i in range(n)]
    )
    pre = np.repeat(np.arange(n), inside + outside)
    weights = sp.csr_array((np.where(pre < 0.8 * n, 1.0, -4.0), (post, pre)), shape=(n, n))
    lif = LIF(theta=100.0, bias=rng.integers(0, 10, n).astype(float))
    return Network((Population("n", n, lif),), (Projection("n", "n", weights),))


def convolutional(channels_first, sizes=((2, 28, 28), (8, 26, 26), (16, 24, 24), (16, 11, 11)), seed=0):
    """Three 3 x 3 convolutions, the last with stride 2; neurons numbered (c, y, x) or (y, x, c)."""
    rng = np.random.default_rng(seed)
    populations, projections = [Input("in", sizes[0])], []
    for k, ((ci, hi, wi), (co, ho, wo), stride) in enumerate(zip(sizes[:-1], sizes[1:], (1, 1, 2), strict=True)):
        c, y, x, d, i, j = np.indices((co, ho, wo, ci, 3, 3)).reshape(6, -1)
        v, u = y * stride + i, x * stride + j
        post = (c * ho + y) * wo + x if channels_first else (y * wo + x) * co + c
        pre = (d * hi + v) * wi + u if channels_first else (v * wi + u) * ci + d
        values = rng.normal(0.15, 1.0, (co, ci, 3, 3))[c, d, i, j]
        shape = (co * ho * wo, ci * hi * wi)
        populations.append(Population(f"conv{k}", shape[0], LIF(beta=0.8, theta=2.0)))
        weights = sp.csr_array((values, (post, pre)), shape=shape)
        projections.append(Projection(populations[-2].name, f"conv{k}", weights))
    return Network(tuple(populations), tuple(projections))


def test_modules_with_shuffled_neurons_come_together():
    network = shuffled_modules()
    spikes = simulate(network, {}, 200).spikes
    placed = place(network, CHIP, spikes, neurons_per_core=64)
    assert placed.table["in_order"]["cores"] >= 16
    assert placed.gain("network_joules") > 0.5
    assert placed.gain("seconds") >= 0.0
    before, after = (
        measure(
            network, {}, 200, CHIP, placement=place(network, CHIP, spikes, strategy=s, neurons_per_core=64).placement
        )
        for s in ("in_order", "traffic")
    )
    assert after.dynamic["network"] < 0.5 * before.dynamic["network"]
    assert after.dynamic["synapse"] == before.dynamic["synapse"]


@pytest.mark.parametrize("channels_first", [True, False])
def test_a_convolutional_net_gains_a_quarter(channels_first):
    network = convolutional(channels_first)
    cue = np.random.default_rng(1).random((30, network["in"].size)) < 0.1
    placed = place(network, CHIP, simulate(network, {"in": cue}, 30).spikes)
    assert placed.table["in_order"]["cores"] >= 16
    assert max(placed.gain("network_joules"), placed.gain("seconds")) > 0.25
    assert min(placed.gain("network_joules"), placed.gain("seconds")) >= 0.0
    assert placed.table[placed.strategy]["broken"] == 0


def test_layers_numbered_by_place_gain_time_without_more_packets():
    network = layered_network()
    spikes = simulate(network, {}, 20).spikes
    placed = place(network, CHIP, spikes)
    assert placed.table["in_order"]["cores"] >= 16
    assert placed.gain("seconds") > 0.25
    assert placed.gain("network_joules") > 0.0
    assert placed.table[placed.strategy]["broken"] == 0


@settings(max_examples=15, deadline=None)
@given(
    n=st.integers(2, 60),
    density=st.floats(0.0, 0.5),
    per_core=st.integers(1, 20),
    seed=st.integers(0, 10**6),
    objective=st.sampled_from(["energy", "time", "both"]),
    silent=st.booleans(),
)
def test_no_objective_gets_worse_and_every_neuron_keeps_a_place(n, density, per_core, seed, objective, silent):
    rng = np.random.default_rng(seed)
    weights = sp.random_array((n, n), density=density, rng=rng, format="csr")
    bias = np.zeros(n) if silent else rng.random(n)
    network = Network((Population("n", n, LIF(theta=1.5, bias=bias)),), (Projection("n", "n", weights),))
    spikes = simulate(network, {}, 20, backend="reference").spikes
    placed = place(network, CHIP, spikes, objective=objective, neurons_per_core=per_core)
    keys = {"energy": ["network_joules"], "time": ["seconds"], "both": ["network_joules", "seconds"]}
    assert all(placed.gain(key) >= 0.0 for key in keys[objective])
    core = placed.placement.core["n"]
    assert len(core) == n
    assert np.bincount(core).max() <= per_core


def test_without_a_run_every_source_counts_the_same():
    network = shuffled_modules(size=64, inside=20)
    assert place(network, CHIP, neurons_per_core=32).gain("network_joules") > 0.4


def test_packets_and_hops_decide_on_a_chip_without_prices():
    network = shuffled_modules(size=64, inside=20)
    table = (placed := place(network, "truenorth", neurons_per_core=32)).table
    before, after = table["in_order"], table[placed.strategy]
    assert before["network_joules"] is placed.gain("network_joules") is None
    assert before["seconds"] == after["seconds"] == 1e-3  # a tick
    assert after["packets_off_core"] + after["hops"] < 0.75 * (before["packets_off_core"] + before["hops"])
    assert after["broken"] <= before["broken"]


def test_unknown_strategies_are_refused():
    network = shuffled_modules(size=16, inside=4)
    with pytest.raises(InputError, match='strategy must be "in_order", "traffic" or "hypergraph", got \'magic\''):
        place(network, CHIP, strategy="magic")
    with pytest.raises(InputError, match="objective must be one of energy, time, both, got 'fun'"):
        place(network, CHIP, objective="fun")
