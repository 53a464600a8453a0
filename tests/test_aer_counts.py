"""The bill of a recording counts as a measured run does: also where inputs cancel, and with every kind of neuron."""

import warnings
from dataclasses import replace

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st

from snmem import LIF, Input, LoihiLIF, Network, Population, Projection, simulate
from snmem.cost import bill, measure
from snmem.errors import SnmemWarning

CHIP, STEPS = "loihi1-nahuku", 24
NEURONS = {
    "plain": LIF(beta=0.0, theta=1.5),
    "current": LIF(alpha=0.5, beta=0.5, theta=1.5),
    "held": LIF(beta=0.5, theta=1.5, refractory=3),
    "frozen": LIF(alpha=0.5, theta=1.5, refractory=2, refractory_mode="freeze", reset_current=True),
    "two currents": LIF(alpha=0.0, alpha2=0.5, beta=0.5, theta=1.5),
    "adapting": LIF(beta=0.0, theta=0.5, kappa=1.0, rho=0.5),
    "noisy": LIF(beta=0.0, theta=1.5, noise_sd=np.array([0.0, 1.0, 0.0] * 3), noise_seed=5),
    "begun": LIF(beta=0.5, theta=1.5, u_init=0.25, v_init=-1.0),
    "loihi": LoihiLIF(du=4095, dv=4095, vth=2),
}


def network(rng, neuron, clear=None):
    """An input and two populations in a loop whose weights cancel often; some are 0."""

    def weights(post, pre):
        w = sp.random_array((post, pre), density=0.6, rng=rng, format="csr")
        w.data[:] = rng.integers(-1, 2, w.nnz)
        return w

    populations = (Input("in", 7), Population("a", 9, neuron, clear_every=clear), Population("b", 9, neuron))
    projections = (
        Projection("in", "a", weights(9, 7)),
        Projection("a", "b", weights(9, 9), delay=2),
        Projection("b", "a", weights(9, 9), delay=1),
    )
    return Network(populations, projections)


def counted(b):
    layers = {name: (row["updated"], row["changed"]) for name, row in b.layers.items()}
    return b.counters, layers, b.cores["updated"], b.seconds, b.dynamic


@pytest.mark.parametrize("kind", NEURONS)
@settings(max_examples=8, deadline=None)
@given(seed=st.integers(0, 10**6), rate=st.floats(0.05, 0.9), clear=st.sampled_from([None, 5]))
def test_a_recording_is_billed_as_measured(kind, seed, rate, clear):
    rng = np.random.default_rng(seed)
    net, x = network(rng, NEURONS[kind], clear), rng.random((STEPS, 7)) < rate
    measured = counted(measure(net, {"in": x}, STEPS, CHIP))
    assert counted(bill(net, simulate(net, {"in": x}, STEPS), CHIP)) == measured
    recorded = simulate(net, {"in": x}, STEPS, counters=True).counters.updated
    arrivals = measured[1]
    assert all(recorded[name] <= arrivals[name][0] for name in recorded)
    ones = with_weights_of_1(net)
    run = simulate(ones, {"in": x}, STEPS, counters=True)
    layers = bill(ones, run, CHIP).layers
    assert {name: layers[name]["updated"] for name in run.counters.updated} == run.counters.updated


def with_weights_of_1(net):
    """The network with weights of 1, which do not cancel."""
    ones = []
    for q in net.projections:
        w = sp.csr_array((np.ones(q.synapses), q.weights.indices, q.weights.indptr), shape=q.weights.shape)
        ones.append(replace(q, weights=w))
    return Network(net.populations, tuple(ones))


def test_inputs_that_cancel_are_an_update():
    weights = np.array([[1.0, -1.0]])
    net = Network((Input("in", 2), Population("out", 1, LIF(beta=0.0))), (Projection("in", "out", weights, delay=1),))
    run = simulate(net, {"in": np.ones((4, 2))}, 4, counters=True)
    assert run.counters.updated == {"out": 0}
    assert (
        bill(net, run, CHIP).counters["updated"] == measure(net, {"in": np.ones((4, 2))}, 4, CHIP).counters["updated"]
    )
    assert bill(net, run, CHIP).counters["updated"] == 3
    assert bill(net, run, CHIP, updated="recorded").counters["updated"] == 0


def test_a_run_that_the_engine_does_not_give_is_billed_by_its_own_counts():
    rng = np.random.default_rng(1)
    net, x = network(rng, NEURONS["plain"]), rng.random((STEPS, 7)) < 0.5
    run = simulate(net, {"in": x}, STEPS, counters=True)
    other = replace(run, spikes={**run.spikes, "b": run.spikes["a"]})
    with pytest.warns(SnmemWarning, match="cannot be repeated, spikes of 'b' are not those of the event engine"):
        found = bill(net, other, CHIP)
    assert found.counters["updated"] == sum(run.counters.updated.values())
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        bill(net, other, CHIP, updated="recorded")
