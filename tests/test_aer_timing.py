"""The timing models: hand-checkable cases against SANA-FE 2.2.9, and what holds for any traffic."""

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st

from snmem import LIF, Network, Population, Projection
from snmem.cost import Placement, load_chip, measure

CHIP = load_chip("loihi1-nahuku")
#: name -> cores of the firing sources, cores of the idle targets (every source reaches every target), nanoseconds of
#: SANA-FE 2.2.9's simple, detailed and cycle-accurate models, picojoules, hops.
MICRO = {
    "alone": ([0], [], 645.7, 645.7, 647.0, 193.3, 0),
    "same core": ([0], [0], 654.5, 664.6, 679.0, 361.4, 0),
    "same tile": ([0], [1], 644.8, 664.6, 669.0, 361.4, 0),
    "next tile along y": ([0], [4], 1044.8, 1071.1, 1073.0, 365.6, 1),
    "next tile along x": ([0], [16], 1044.8, 1068.7, 1073.0, 364.4, 1),
    "diagonal": ([0], [20], 1044.8, 1075.2, 1077.0, 368.6, 2),
    "corner to corner": ([0], [124], 1044.8, 1112.8, 1109.0, 395.0, 10),
    "8 synapses": ([0], [4] * 8, 1077.6, 1097.7, 1132.0, 1123.7, 1),
    "8 cores": ([0], [4 * i for i in range(1, 9)], 1480.5, 1519.8, 1508.0, 1964.9, 18),
    "8 sources on a core": ([0] * 8, [4], 1358.4, 1384.7, 1388.0, 2415.2, 8),
    "8 sources on 8 cores": ([4 * i for i in range(8)], [124], 1558.4, 1638.4, 1633.0, 2588.0, 64),
    "64 sources, 16 synapses": ([0] * 64, [4] * 16, 5915.2, 5966.5, 5981.0, 53984.0, 64),
}


def all_to_all(sources, targets):
    n, k = len(sources), len(targets)
    theta = np.array([64.0] * n + [np.inf] * k)
    bias = np.array([128.0] * n + [0.0] * k)
    weights = np.zeros((n + k, n + k))
    weights[n:, :n] = 1.0
    network = Network((Population("n", n + k, LIF(theta=theta, bias=bias)),), (Projection("n", "n", weights),))
    return network, Placement({"n": np.array([*sources, *targets])})


@pytest.mark.parametrize("name", MICRO)
def test_hand_checkable_cases(name):
    sources, targets, simple, detailed, cycle, picojoules, hops = MICRO[name]
    network, placement = all_to_all(sources, targets)
    if not targets:  # the reference has an idle neuron that never wakes
        network = Network((Population("n", 2, LIF(theta=64.0, bias=[128.0, 0.0])),))
        placement = Placement({"n": np.array([0, 0])})
    two, three = (measure(network, {}, n, CHIP, placement=placement) for n in (2, 3))  # the third step is steady

    def last(f):
        return f(three) - f(two)

    assert last(lambda b: b.seconds["simple"]) == pytest.approx(simple * 1e-9, rel=1e-12)
    assert last(lambda b: b.dynamic["total"]) == pytest.approx(picojoules * 1e-12, rel=1e-12)
    assert last(lambda b: b.counters["hops_ew"] + b.counters["hops_ns"]) == hops
    assert last(lambda b: b.counters["synaptic_events"]) == len(sources) * len(targets)
    assert last(lambda b: b.counters["spikes"]) == len(sources)
    assert last(lambda b: b.counters["updated"]) == len(sources) + len(targets)
    assert last(lambda b: b.counters["packets"]) == len(sources) * len(set(targets))
    soma = 51.2 * max(len(sources) + len(targets), 2) + 21.6 * (len(sources) + len(targets)) + 69.3 * len(sources)
    assert last(lambda b: b.dynamic["soma"]) == pytest.approx(soma * 1e-12, rel=1e-12)
    assert last(lambda b: b.seconds["detailed"]) == pytest.approx(cycle * 1e-9, rel=0.01)
    assert last(lambda b: b.seconds["detailed"]) == pytest.approx(detailed * 1e-9, rel=0.03)


@settings(max_examples=25, deadline=None)
@given(st.integers(2, 40), st.integers(1, 128), st.floats(0.05, 1.0), st.integers(0, 10**6))
def test_detailed_time_is_never_below_simple_and_counts_do_not_depend_on_it(n, cores, density, seed):
    rng = np.random.default_rng(seed)
    weights = sp.random_array((n, n), density=density, rng=rng, format="csr")
    network = Network(
        (Population("n", n, LIF(theta=1.0, bias=rng.random(n))),), (Projection("n", "n", weights, delay=2),)
    )
    placement = Placement({"n": rng.integers(0, cores, n)})
    with_queues, without = (measure(network, {}, 12, CHIP, placement=placement, detailed=d) for d in (True, False))
    assert with_queues.counters == without.counters
    assert with_queues.seconds["simple"] == without.seconds["simple"] == without.seconds["free_running"]
    assert with_queues.seconds["detailed"] >= with_queues.seconds["simple"] * (1 - 1e-12)


def test_back_pressure_holds_packets_up_where_one_core_is_flooded():
    network, placement = all_to_all(list(range(4, 104)), [0] * 30)
    b = measure(network, {}, 3, CHIP, placement=placement)
    assert b.pace["packets_held_up"] > 0
    assert (b.pace["critical_core"], b.pace["critical_stage"]) == (0, "receive")
    calm, spread = all_to_all([4], [0])
    assert measure(calm, {}, 3, CHIP, placement=spread).pace["packets_held_up"] == 0


def test_the_slowest_core_is_named():
    network, _ = all_to_all([0] * 5, [0] * 500)
    busy_sender = Placement({"n": np.array([7] * 5 + [9] * 500)})
    pace = measure(network, {}, 3, CHIP, placement=busy_sender).pace
    assert (pace["critical_core"], pace["critical_stage"]) == (9, "receive")
    idle = Network((Population("n", 2, LIF()),))
    assert measure(idle, {}, 2, CHIP).pace["critical_stage"] == "barrier"
