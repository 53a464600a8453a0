"""The event engine: size, silence, continuing, counters. Equality with the reference: test_conformance.py."""

import numpy as np
import pytest
import scipy.sparse as sp

from snmem import LIF, Input, Instar, Network, Population, Projection, Spikes, simulate
from snmem.backends import event
from snmem.errors import InputError


def _random(n, synapses, rng):
    rows, columns = rng.integers(n, size=(2, synapses))
    return sp.csr_array((rng.integers(-8, 9, synapses) / 16, (rows, columns)), shape=(n, n))


def test_a_network_of_100_000_neurons_and_10_million_synapses_stays_sparse():
    rng = np.random.default_rng(0)
    n = 100_000
    net = Network(
        (Input("x", n), Population("h", n, LIF(alpha=0.5, beta=0.5, theta=1.0))),
        (
            Projection("x", "h", sp.eye_array(n, format="csr") * 2.0),
            Projection("h", "h", _random(n, 10_000_000, rng)),
        ),
    )
    neurons = rng.choice(n, 500, replace=False)
    run = simulate(net, {"x": (np.zeros(500, int), neurons)}, 20)
    assert set(run.spikes["h"].between(1, 2).neuron) == set(neurons)
    assert len(run.spikes["h"]) > 500  # it spreads
    reached = run.counters.synaptic_events["h->h"]
    assert reached == net["h->h"].fan_out[run.spikes["h"].neuron].sum()


def test_silence_costs_no_update():
    """A million silent steps must not be stepped through: the kernel may not touch a sleeping block."""
    net = Network(
        (Input("x", 1), Population("h", 1000, LIF(alpha=0.5, beta=0.5, theta=1.0))),
        (Projection("x", "h", np.full((1000, 1), 0.75)),),
    )
    steps = 5_000_000
    run = simulate(net, {"x": ([0, steps - 2], [0, 0])}, steps, counters=True)
    assert run.counters.accessed["h"] == 1000 * steps
    assert run.counters.updated["h"] < 1000 * 3000  # until both decays have underflowed to zero
    assert len(run.spikes["h"]) == 0


def test_sleeping_neurons_wake_with_the_state_that_stepping_gives():
    """Silent stretches between inputs, timed clears among them: traces only exist in stepped runs, spikes in both."""
    rng = np.random.default_rng(3)
    net = Network(
        (
            Input("x", 5),
            Population("h", 700, LIF(0.9, 0.97, 1.0, bias=rng.uniform(-0.01, 0.02, 700)), clear_every=37),
            Population("o", 10, LIF(alpha=0.3, beta=1.0, theta=2.0, v_reset=-0.5)),
        ),
        (
            Projection("x", "h", rng.uniform(-0.4, 0.6, (700, 5))),
            Projection("h", "o", rng.uniform(-0.01, 0.02, (10, 700)), delay=3),
        ),
    )
    step = np.sort(rng.choice(2000, 60, replace=False))
    spikes = {"x": (step, rng.integers(5, size=60))}
    lazy, stepped = simulate(net, spikes, 2000), simulate(net, spikes, 2000, record=["h.v"])
    reference = simulate(net, spikes, 2000, "reference")
    for name in net.update_order:
        assert lazy.spikes[name] == stepped.spikes[name] == reference.spikes[name]
    assert len(lazy.spikes["o"]) > 0


@pytest.mark.parametrize("backend", ["reference", "event"])
def test_a_run_in_two_parts_equals_the_whole(backend):
    rng = np.random.default_rng(1)
    net = Network(
        (Input("x", 20), Population("h", 30, LIF(0.5, 0.75, 1.0), clear_every=7)),
        (
            Projection("x", "h", rng.random((30, 20)), plasticity=Instar(0.25, decay=0.5)),
            Projection("h", "h", rng.integers(-8, 9, (30, 30)) / 16, delay=4),
        ),
    )
    raster = rng.random((60, 20)) < 0.2
    whole = simulate(net, {"x": raster}, 60, backend, record=["h.u"])
    first = simulate(net, {"x": raster[:23]}, 23, backend, record=["h.u"])
    second = simulate(net, {"x": raster[23:]}, 37, backend, record=["h.u"], state=first.state)
    again = simulate(net, {"x": raster[23:]}, 37, backend, state=first.state)
    assert whole.spikes["h"].between(0, 23) == first.spikes["h"]
    assert whole.spikes["h"].between(23, 60) == second.spikes["h"] == again.spikes["h"]
    np.testing.assert_array_equal(whole.traces["h.u"], np.concatenate([first.traces["h.u"], second.traces["h.u"]]))
    np.testing.assert_array_equal(whole.weights["x->h"].toarray(), second.weights["x->h"].toarray())


def test_a_state_of_another_network_is_refused():
    a, b = (Network((Population("h", 1, LIF(bias=c)),)) for c in (0.5, 0.25))
    with pytest.raises(InputError, match="another network"):
        simulate(b, {}, 1, state=simulate(a, {}, 1).state)


def test_progress_is_reported_and_ends_with_all_steps():
    seen = []
    simulate(Network((Population("h", 1, LIF(bias=0.3)),)), {}, 500, progress=seen.append)
    assert seen[-1] == 500
    assert seen == sorted(seen)


def test_many_spikes_do_not_overflow_the_buffer():
    net = Network((Population("h", 40_000, LIF(bias=2.0)),))
    run = simulate(net, {}, 7)
    assert len(run.spikes["h"]) == 7 * 40_000
    assert run.spikes["h"] == Spikes.from_raster(np.ones((7, 40_000)))


def test_a_network_is_compiled_once():
    net = Network((Population("h", 10, LIF(bias=2.0)),))
    assert event.layout(net) is event.layout(net)
