"""Traffic-aware placement: large gains where the network has structure, never a loss, limits kept."""

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st

from snmem import LIF, Network, Population, Projection, simulate
from snmem.cost import load_chip, measure, place, place_in_order
from snmem.cost.mapping.expected import expected_cores
from snmem.cost.mapping.hypergraph import partition_hyperedges
from snmem.cost.mapping.placement import fit
from snmem.errors import InputError, SnmemError
from snmem.installation.content import load_script

CHIP = load_chip("loihi1-nahuku")
mapping = load_script("benchmarks", "mapping")
shuffled_modules, convolutional, layered_network = (
    mapping.shuffled_modules,
    mapping.convolutional,
    mapping.layered_network,
)


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


def test_hyperedges_make_no_more_packets_than_pairs():
    network = shuffled_modules(modules=4, size=48, inside=15)
    placed = place(network, CHIP, strategy="hypergraph", objective="energy", neurons_per_core=24)
    kinds = ("METIS", "hypergraph")
    pairs, edges = (min(r["packets"] for n, r in placed.table.items() if n.startswith(kind)) for kind in kinds)
    assert edges <= 1.05 * pairs


def test_hyperedges_are_cut_where_the_fewest_packets_pass():
    """A source that reaches two places costs one packet between parts, however many targets are there."""
    reach = sp.csr_array(np.array([[1, 1, 0, 0], [1, 1, 0, 0], [0, 0, 1, 1], [0, 1, 1, 1], [1, 1, 1, 1]]))
    part, again = (partition_hyperedges(reach, np.array([5.0, 5, 5, 1, 0]), np.ones(4), 2) for _ in range(2))
    assert (part == again).all()
    assert part[0] == part[1] != part[2] == part[3]


@pytest.mark.parametrize("chip", ["loihi2", "spinnaker1"])
def test_cores_by_statistics_are_those_of_the_drawn_network(chip):
    sizes, synapses = mapping.microcircuit(0.05)
    pairs = {(i, j): sizes[i] * sizes[j] for i, j in synapses}
    distinct = {ends: pairs[ends] * -np.expm1(-n / pairs[ends]) for ends, n in synapses.items()}
    found = expected_cores(sizes, distinct, chip)
    for name in ("L23E", "L5I"):
        network = mapping.drawn(name, sizes, synapses)
        placement = place_in_order(network, load_chip(chip))
        assert found.populations[name]["cores"] == len(placement.cores)
        loads = fit(network, placement, load_chip(chip)).utilisation
        row = found.populations[name]
        for limit in ("neurons_per_core", "synapses_per_core"):
            assert row[limit] == pytest.approx(loads[limit]["mean"], rel=0.01)
    assert found.cores == sum(row["cores"] for row in found.populations.values())


def test_statistics_say_what_binds_and_how_many_turns_few_chips_take():
    sizes, synapses = mapping.microcircuit()
    assert sum(sizes.values()) == 77_169
    assert sum(synapses.values()) == pytest.approx(298.9e6, rel=1e-3)
    found = expected_cores(sizes, synapses, "loihi2")
    assert found.binding == "synapse_memory_per_core"
    assert found.chips == -(-found.cores // 128)
    few = expected_cores(sizes, synapses, "loihi2", most_chips=12)
    assert (few.chips, few.turns) == (12, -(-found.chips // 12))
    with pytest.raises(InputError, match="one neuron of 'L23E' breaks axons_in_per_core = 4096 of loihi1-nahuku"):
        expected_cores(sizes, synapses, "loihi1-nahuku")
    many = expected_cores({"a": 5 * 10**6}, {("in", "a"): 10**6}, "loihi1-nahuku", inputs={"in": 902})
    assert many.violations == (f"chips is 32, the network needs {many.chips}",)


@pytest.mark.parametrize(
    ("sizes", "synapses", "message"),
    [
        ({"a": 0}, {}, "size of 'a' must be a whole number >= 1, got 0"),
        ({"a": 5}, {("b", "a"): 3}, r"synapses \('b', 'a'\) = 3: give at least 0, from one of 'a'"),
        ({"a": 5}, {("a", "a"): -1}, "= -1: give at least 0"),
        ({"a": 5}, {("a", "a"): float("nan")}, "= nan: give at least 0"),
        ({"a": 5}, {("a", "a"): 10**9}, "one neuron of 'a' breaks synapse_memory_per_core = 1572864 of loihi2"),
    ],
)
def test_statistics_that_make_no_network_are_refused(sizes, synapses, message):
    with pytest.raises(SnmemError, match=message):
        expected_cores(sizes, synapses, "loihi2")


def test_the_benchmark_of_mappings_runs():
    found = mapping.bench_mapping(quick=True)
    assert found["ok"]
    assert [row["unit"] for row in found["rows"]] == ["ratio", "chips", "ratio", "chips"]
