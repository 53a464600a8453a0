"""Synapses with delays of their own that stand together in the event engine: which do, and that no bit changes."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from snmem import LIF, Input, Network, Population, Projection, simulate
from snmem.backends.event.layout.network import layout_of

pytestmark = pytest.mark.usefixtures("threads_together")


def network(rng, sizes=(300, 520), longest=9, density=0.2, grid=0.25, refractory=0, bias=0.0):
    """Populations that reach all others, half of the second inhibitory, with weights on a grid and many delays."""
    neuron = LIF(alpha=0.5, beta=0.875, theta=1.5, refractory=refractory, bias=bias)
    groups = [Population(f"p{k}", n, neuron) for k, n in enumerate(sizes)]
    projections = [Projection("in", "p0", np.where(rng.random((sizes[0], 40)) < 0.2, 1.0, 0.0), 1)]
    for pre in groups:
        for post in groups:
            shape = (post.size, pre.size)
            weights = rng.integers(-6, 6, shape) * grid * (rng.random(shape) < density)
            projections.append(Projection(pre.name, post.name, weights, rng.integers(1, longest + 1, shape)))
    return Network((Input("in", 40), *groups), tuple(projections))


def given_spikes(rng, steps=120):
    step, neuron = np.nonzero(rng.random((steps, 40)) < 0.1)
    return {"in": (step, neuron)}


def bundled(net):
    return layout_of(net).net.bundle.used.size > 0


def same(a, b):
    return all(a.spikes[name].differing(b.spikes[name])[0] == 0 for name in a.spikes)


@settings(max_examples=8, deadline=None)
@given(st.integers(0, 10**6), st.sampled_from([0, 3]), st.sampled_from([2, 20]))
def test_the_bundle_gives_the_reference_with_its_counters_and_in_pieces(seed, refractory, longest):
    rng = np.random.default_rng(seed)
    net, inputs = network(rng, (30, 290), longest, refractory=refractory), given_spikes(rng)
    assert bundled(net)
    whole, right = (simulate(net, inputs, 150, b, counters=True) for b in ("event", "reference"))
    assert same(whole, right)
    assert whole.counters == right.counters
    first = simulate(net, {"in": whole.spikes["in"].between(0, 70)}, 70)
    late = {"in": whole.spikes["in"].between(70, 150)}
    rest = simulate(net, late, 80, state=first.state)
    assert all(
        first.spikes[n].differing(s.between(0, 70))[0] == 0 and rest.spikes[n].differing(s.between(70, 150))[0] == 0
        for n, s in whole.spikes.items()
    )


@pytest.mark.parametrize("threads", [2, 3, 4, 7])
def test_threads_share_it_without_changing_a_bit(threads):
    rng = np.random.default_rng(threads)
    net, inputs = network(rng, (1100, 3300), 12, density=0.01, bias=0.2), given_spikes(rng)
    assert bundled(net)
    assert same(simulate(net, inputs, 150, threads=threads), simulate(net, inputs, 150))


def test_what_is_off_the_grid_keeps_the_order_of_its_sums():
    """A third of a weight into one population takes all that reach it out, and leaves the other as it was."""
    rng = np.random.default_rng(5)
    net, inputs = network(rng), given_spikes(rng)
    feed = net.projections[0]
    other = replace(net, projections=(replace(feed, weights=feed.weights / 3), *net.projections[1:]))
    layout = layout_of(other)
    assert bundled(other)
    assert [layout.index["p0"]] not in layout.net.bundle.target[:, :1].tolist()
    assert same(simulate(other, inputs, 150), simulate(other, inputs, 150, "reference"))


@pytest.mark.parametrize("change", [{"grid": 1 / 3}, {"grid": 2.0**-30}, {"sizes": (3, 4)}])
def test_weights_and_sizes_that_it_is_not_for(change):
    """No grid, sums or weights too wide for it, more table than synapses: the same spikes another way."""
    rng = np.random.default_rng(7)
    net = network(rng, **{"sizes": (60, 90)} | change)
    if change.get("grid") == 2.0**-30:  # a weight that needs more bits than there are beside a target's place
        q = net.projections[1]
        wide = q.weights.copy()
        wide.data[0] = 1.0
        net = replace(net, projections=(net.projections[0], replace(q, weights=wide), *net.projections[2:]))
    assert not bundled(net)
    inputs = given_spikes(rng)
    assert same(simulate(net, inputs, 150), simulate(net, inputs, 150, "reference"))


def test_spikes_that_carry_values_leave_no_grid():
    rng = np.random.default_rng(9)
    net = network(rng, bias=0.2)
    step, neuron = given_spikes(rng)["in"]
    net = replace(net, populations=(Input("in", 40, values=True), *net.populations[1:]))
    graded = {"in": (step, neuron, rng.random(len(step)))}
    assert same(simulate(net, graded, 150), simulate(net, graded, 150, "reference"))
    assert same(simulate(net, {"in": (step, neuron)}, 150), simulate(net, {"in": (step, neuron)}, 150, "reference"))
