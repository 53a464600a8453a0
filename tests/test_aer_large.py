"""Networks of the size that others publish: exact counts, closed-form energy and time, memory that does not grow."""

import tracemalloc

import numpy as np
import pytest
from aer_reference import random_network, recurrent_network

from snmem import simulate
from snmem.cost import Placement, load_chip, measure
from snmem.installation.content import load_script

CHIP = load_chip("loihi1-nahuku")
CORES = 128
X, Y = np.divmod(np.arange(CORES) // 4, 4)


def routes(network, per_core):
    """(source, core, synapses) of every packet that a spike of each neuron makes."""
    w = network.projections[0].weights.tocoo()
    pairs, synapses = np.unique(w.col.astype(np.int64) * CORES + w.row // per_core, return_counts=True)
    return *np.divmod(pairs, CORES), synapses


def by_hand(network, per_core, counts, steps, updated, rate=None):
    """Counters, joules and (where every step is the same: spikes per step ``rate``) seconds of the simple model."""
    source, core, synapses = routes(network, per_core)
    home, n = source // per_core, network["n"].size
    spikes = counts[source]
    c = {
        "spikes": counts.sum(),
        "packets": spikes.sum(),
        "synaptic_events": spikes @ synapses,
        "hops_ew": spikes @ abs(X[core] - X[home]),
        "hops_ns": spikes @ abs(Y[core] - Y[home]),
    }
    joules = 51.2 * n * steps + 21.6 * updated + 69.3 * c["spikes"] + 35.5 * c["synaptic_events"]
    joules += 111 * c["packets"] + 3.0 * c["hops_ew"] + 4.2 * c["hops_ns"]
    if rate is None:
        return c, joules * 1e-12, None
    send = 9.7 * per_core + np.bincount(np.arange(n) // per_core, 30.0 * rate, CORES)
    send = send + np.bincount(home, 5.1 * rate[source], CORES)
    receive = np.bincount(core, rate[source] * (16 + 3.8 * synapses), CORES)
    return c, joules * 1e-12, (max(send.max(), receive.max()) + 1800) * 1e-9


def test_ten_thousand_neurons_with_33_million_synaptic_events():
    network, steps = random_network(CORES, 80, 8, 16, 0.25, seed=2), 100
    fires = network["n"].neuron.bias > 0
    driven = fires | (network.projections[0].weights @ fires > 64)  # in every step but the first
    counts = fires + (steps - 1) * driven
    placement = Placement({"n": np.arange(CORES * 80) // 80})
    b = measure(network, {}, steps, CHIP, placement=placement)
    expected, joules, step = by_hand(network, 80, counts, steps, counts.sum(), driven.astype(float))
    assert {name: b.counters[name] for name in expected} == expected
    assert b.counters["synaptic_events"] > 33e6
    assert b.dynamic["total"] == pytest.approx(joules, rel=1e-12)
    first = by_hand(network, 80, counts, steps, 0, fires.astype(float))[2]  # sends less, reads the same
    assert b.seconds["simple"] == pytest.approx((steps - 1) * step + first, rel=1e-12)
    assert 1.0 < b.seconds["detailed"] / b.seconds["simple"] < 1.2


def test_ten_thousand_recurrent_neurons_with_millions_of_packets():
    network, steps = recurrent_network(125, 80, 100, seed=12), 90
    placement = Placement({"n": np.arange(10_000) // 80})
    b = measure(network, {}, steps, CHIP, placement=placement, limits="report")
    run = simulate(network, {}, steps, backend="reference", counters=True)
    expected, joules, _ = by_hand(network, 80, run.spikes["n"].counts(), steps, b.counters["updated"])
    assert {name: b.counters[name] for name in expected} == expected
    assert b.counters["packets"] > 2.4e6
    assert b.counters["updated"] >= run.counters.updated["n"]  # also where inputs that arrive cancel out
    assert b.dynamic["total"] == pytest.approx(joules, rel=1e-12)
    assert any("axons_out_per_core is 4096" in text for text in b.mapping["violations"])


def test_memory_does_not_grow_with_the_length_of_a_run():
    network = load_script("benchmarks", "mapping").layered_network()
    assert sum(p.size for p in network.neurons) == 18_678
    assert sum(q.synapses for q in network.projections) == 3_564_441
    peaks = []
    for steps in (100, 400):
        tracemalloc.start()
        b = measure(network, {}, steps, CHIP)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert b.counters["synaptic_events"] > 1e7
    assert peaks[1] < peaks[0] + 2e6
