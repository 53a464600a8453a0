"""Dense projections as planes of bits: the same bits as adding weight after weight, and when they are used."""

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st

from snmem import LIF, Input, Instar, LoihiLIF, Network, Population, Projection, Spikes, simulate
from snmem.backends.event import layout_of
from snmem.backends.event.columns import FIRST_ROW

pytestmark = pytest.mark.usefixtures("threads_together")


def _dense(network):
    """Names of the projections that the engine keeps as planes of bits."""
    rows = layout_of(network).net.planes.dense[:, FIRST_ROW]
    return [q.name for q, row in zip(network.projections, rows, strict=True) if row >= 0]


def _matrix(rng, post, pre, density, low, high, unit=1.0):
    return sp.csr_array((rng.random((post, pre)) < density) * rng.integers(low, high + 1, (post, pre)) * unit)


def _input(rng, size, steps, rate):
    cells = np.flatnonzero(rng.random(steps * size) < rate)
    return Spikes(cells // size, cells % size, steps, size)


def _same(network, inputs, steps, threads=1):
    """Engine and reference agree in all spikes and in u and v after every step."""
    record = [f"{p.name}.{var}" for p in network.neurons for var in "uv"]
    wanted = simulate(network, inputs, steps, "reference", record=record)
    for options in ({"record": record}, {"threads": threads}):
        run = simulate(network, inputs, steps, **options)
        assert all(run.spikes[p.name] == wanted.spikes[p.name] for p in network.neurons)
        assert all(np.array_equal(run.traces[name], wanted.traces[name]) for name in run.traces)
    assert sum(len(wanted.spikes[p.name]) for p in network.neurons) > 0


@settings(max_examples=30)
@given(
    seed=st.integers(0, 10**6),
    post=st.integers(512, 6000),
    bits=st.integers(1, 8),
    density=st.floats(0.2, 1.0),
    unit=st.sampled_from([1.0, 2.0**-9, 0.75, 3 * 2.0**20]),
    delay=st.integers(0, 3),
    rate=st.sampled_from([0.02, 0.9]),
    threads=st.sampled_from([1, 2, 3]),
)
def test_planes_give_the_bits_of_the_reference(seed, post, bits, density, unit, delay, rate, threads):
    """Any size of population, number of bits and share of spikes, beyond what is added up at a time; mixed signs."""
    rng = np.random.default_rng(seed)
    high, pre = 2**bits - 1, 300
    weights = _matrix(rng, post, pre, density, -high, high, unit)
    lif = LIF(0.5, 0.75, 4 * high * unit)
    network = Network(
        (Input("x", pre), Population("h", post, lif)), (Projection("x", "h", weights, delay=delay, name="dense"),)
    )
    planes = (bits + 1) * (post / 64 + 32)  # words of a presynaptic neuron, at most
    assert _dense(network) == ["dense"] or 8 * planes > 0.8 * 6 * density * post
    _same(network, {"x": _input(rng, pre, 12, rate)}, 12, threads)


@pytest.mark.parametrize("threads", [1, 2])
def test_a_recurrent_population_of_several_tiles(threads):
    """6,000 neurons, a tenth of the pairs connected, weights as in the benchmark of the engine, over four tiles."""
    rng = np.random.default_rng(0)
    parts = [_matrix(rng, 6000, 4000, 0.1, 2, 6), _matrix(rng, 6000, 2000, 0.1, -38, -13)]
    network = Network(
        (Input("x", 6000), Population("h", 6000, LIF(0.5, 0.875, 1024.0))),
        (Projection("x", "h", 1280 * sp.eye_array(6000, format="csr")), Projection("h", "h", sp.hstack(parts, "csr"))),
    )
    assert _dense(network) == ["h->h"]
    _same(network, {"x": _input(rng, 6000, 40, 0.015)}, 40, threads)


@pytest.mark.parametrize("exponent", [-5, -2, 0, 3])
def test_loihi_sums_are_rounded_after_adding(exponent):
    rng = np.random.default_rng(1)
    weights = 2 * rng.integers(-120, 120, (700, 90))
    network = Network(
        (Input("x", 90), Population("h", 700, LoihiLIF(du=1024, dv=512, vth=300))),
        (Projection("x", "h", weights, exponent=exponent),),
    )
    assert _dense(network) == ["x->h"]
    _same(network, {"x": _input(rng, 90, 60, 0.2)}, 60)


def test_only_sums_that_are_exact_in_any_order_are_taken_by_planes():
    """Those on a grid, as long as nothing off it was added to the same neurons before; and enough synapses."""
    rng = np.random.default_rng(2)
    grid, off = _matrix(rng, 600, 50, 0.9, -7, 7, 0.25), sp.csr_array(rng.normal(0, 1, (600, 50)))

    def dense(*weights, delays=None, size=600, **options):
        names = "abc"[: len(weights)]
        network = Network(
            (Input("x", 50), Population("h", size, LIF(0.5, 0.75, 3.0))),
            tuple(
                Projection("x", "h", w, name=n, delay=d, **options)
                for n, w, d in zip(names, weights, delays or [1] * len(names), strict=True)
            ),
        )
        _same(network, {"x": _input(rng, 50, 20, 0.3)}, 20)
        return _dense(network)

    assert dense(grid) == ["a"]
    assert dense(off) == []
    assert dense(off, grid) == []
    assert dense(grid, off, grid) == ["a"]
    assert dense(off, grid, delays=[0, 2]) == ["b"]  # what has a delay of 0 is added last
    assert dense(grid, 2.0**50 * grid) == ["a"]  # exact each, not together
    assert dense(2.0**50 * grid, 2.0**52 * grid) == ["a", "b"]
    assert dense(_matrix(rng, 600, 50, 0.05, -7, 7)) == []
    assert dense(grid[:200], size=200) == []
    assert dense(0.9 * grid) == []
    assert dense(grid, plasticity=Instar(0.5)) == []


def test_going_on_from_a_state_and_counting_with_planes():
    rng = np.random.default_rng(3)
    network = Network(
        (Input("x", 64), Population("h", 800, LIF(0.5, 0.875, 40.0))),
        (
            Projection("x", "h", _matrix(rng, 800, 64, 0.5, 1, 7)),
            Projection("h", "h", _matrix(rng, 800, 800, 0.3, -3, 2), delay=3),
        ),
    )
    x = _input(rng, 64, 60, 0.1)
    whole = simulate(network, {"x": x}, 60, counters=True)
    first = simulate(network, {"x": x.between(0, 25)}, 25, threads=2)
    rest = simulate(network, {"x": x.between(25, 60)}, 35, threads=2, state=first.state)
    assert whole.spikes["h"].between(25, 60) == rest.spikes["h"]
    reference = simulate(network, {"x": x}, 60, "reference", counters=True)
    assert whole.counters == reference.counters
    assert whole.counters.synaptic_events["h->h"] > 1e5
