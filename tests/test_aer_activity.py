"""Which neurons are updated in which step: against a plain reading of the definition, for any cut into chunks."""

import numpy as np
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st

from snmem import LIF, Input, Network, Population, Projection, simulate
from snmem.cost.counting.activity import Activity, traces_needed

STEPS = 24


def network(rng, density, delay):
    """Two populations in a loop and an input; few synapses or many, some of weight 0, quiet neurons and driven ones."""
    n, m = int(rng.integers(1, 12)), int(rng.integers(1, 40))

    def weights(post, pre):
        w = sp.random_array((post, pre), density=density, rng=rng, format="csr")
        w.data[:] = rng.integers(-1, 3, w.nnz)
        return w

    bias = np.where(rng.random(m) < 0.2, 1.0, 0.0)
    populations = (
        Input("in", 7),
        Population("a", n, LIF(beta=0.0, theta=0.5)),
        Population("b", m, LIF(alpha=0.5, beta=0.5, theta=1.5, bias=bias)),
    )
    projections = (
        Projection("in", "a", weights(n, 7)),
        Projection("a", "b", weights(m, n), delay=delay),
        Projection("b", "a", weights(n, m), delay=2),
        Projection("b", "b", weights(m, m), delay=1),
    )
    return Network(populations, projections)


def updated_by_definition(net, run):
    """Not at rest before, or driven, or reached by a spike, or spiking: (steps, neurons of each population)."""
    out = []
    for p in net.neurons:
        before = {x: np.vstack([np.zeros(p.size), run.traces[f"{p.name}.{x}"][:-1]]) for x in "uv"}
        on = (before["v"] != 0) | (p.neuron.alpha * before["u"] != 0) | (np.asarray(p.neuron.bias) != 0)
        on |= run.spikes[p.name].raster()
        for q in (q for q in net.projections if q.post == p.name):
            there = sp.csr_array((np.ones(q.synapses), q.weights.indices, q.weights.indptr), shape=q.weights.shape)
            reached = run.spikes[q.pre].raster() @ there.toarray().T > 0
            on[q.delay :] |= reached[: STEPS - q.delay]
        out.append(on)
    return np.hstack(out)


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 10**6),
    density=st.floats(0.02, 1.0),
    rate=st.floats(0.0, 1.0),
    delay=st.integers(0, 5),
    chunk=st.integers(1, STEPS),
)
def test_updated_neurons_are_those_of_the_definition(seed, density, rate, delay, chunk):
    rng = np.random.default_rng(seed)
    net = network(rng, density, delay)
    x = rng.random((STEPS, 7)) < rate
    run = simulate(net, {"in": x}, STEPS, "reference", record=[f"{p.name}.{x}" for p in net.neurons for x in "uv"])
    activity, found = Activity(net), []
    for low in range(0, STEPS, chunk):
        high = min(low + chunk, STEPS)
        spikes = {name: s.between(low, high) for name, s in run.spikes.items()}
        traces = {name: run.traces[name][low:high] for name in traces_needed(net)}
        found.append(activity.chunk(spikes, traces, high - low).neurons)
    assert (np.vstack(found) == updated_by_definition(net, run)).all()
