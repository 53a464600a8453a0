"""Sums of products on the event engine: the bits of the plain learning engine, in both arithmetics."""

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st

from snmem import LIF, Input, LoihiLIF, Network, Population, Projection, SumOfProducts, simulate
from snmem._jit import kernel
from snmem.backends.event.kernels.learning.random import next_real, next_word, words
from snmem.errors import BackendError, NetworkError
from snmem.loihi.rules import Factor, Product, parse, plain_text

STEPS = 60


@kernel
def _numbers(state, real, out):
    for i in range(out.size):
        out[i] = next_real(state) if real else next_word(state) & np.uint64(0xFFFFFFFF)


@pytest.mark.parametrize("seed", [0, 1, 12345])
def test_random_numbers_are_those_of_numpy(seed):
    reals, whole = np.zeros(500), np.zeros(500)
    _numbers(np.array(words(np.random.default_rng(seed)), np.uint64), True, reals)
    _numbers(np.array(words(np.random.default_rng(seed)), np.uint64), False, whole)
    np.testing.assert_array_equal(reals, np.random.default_rng(seed).random(500))
    expected = np.random.default_rng(seed).integers(0, 128, 1000, dtype=int)[::2]  # two numbers from each word
    np.testing.assert_array_equal(whole.astype(np.int64) >> 25, expected)


_factors = st.sampled_from(
    ["x1", "x2", "y1", "y2", "y3", "w", "d", "t", "x0", "y0", "(w-40)", "(5-x1)", "sgn(w)", "sgn(t+1)"]
)
_products = st.tuples(
    st.sampled_from(["2^-3", "2^-6", "3*2^-5", "-2^-4", "-5*2^-7", "0.375"]),
    st.sampled_from(["x0", "y0", "y0", "u1", "u1"]),
    st.lists(_factors, min_size=1, max_size=3),
).map(lambda parts: f"{parts[0]}*{parts[1]}*{'*'.join(parts[2])}")
_series = st.lists(_products, min_size=1, max_size=3).map("+".join).map(lambda text: text.replace("+-", "-"))
_traces = st.tuples(st.sampled_from([127, 20.7, 9.25, 0.5]), st.sampled_from([0, 2, 8.3]))
_rules = st.builds(
    SumOfProducts,
    dw=_series,
    dd=st.none() | _series,
    dt=st.none() | _series,
    **dict.fromkeys(("x1", "x2", "y1", "y2", "y3"), _traces),
    gate=st.sampled_from([None, "g"]),
    d=st.integers(0, 20),
    t=st.integers(-20, 20),
    seed=st.integers(0, 99),
    bounds=st.sampled_from([None, None, (-30.0, 90.0)]),
)


def network_of(rule, arithmetic, seed=0):
    """12 plastic neurons with random synapses of one or both signs, and a teacher."""
    rng = np.random.default_rng(seed)
    neuron = LoihiLIF(vth=200, du=2000, dv=500) if arithmetic == "loihi" else LIF(alpha=0.5, beta=0.875, theta=200)
    values = rng.integers(1, 100, (12, 15)) * rng.choice([1, 1, -1]) ** (rng.random((12, 15)) < 0.2)
    weights = sp.csr_array((rng.random((12, 15)) < 0.6) * values)
    exponent = int(rng.integers(-2, 3)) if arithmetic == "loihi" else 0
    return Network(
        (Input("x", 15), Input("g", 12), Population("h", 12, neuron)),
        (Projection("x", "h", weights, plasticity=rule, exponent=exponent), Projection("h", "h", 3 * np.eye(12))),
    )


def given_spikes(seed=1):
    rng = np.random.default_rng(seed)
    return {"x": rng.random((STEPS, 15)) < 0.2, "g": rng.random((STEPS, 12)) < 0.1}


def same(network, inputs, backend, steps=STEPS):
    """Engine and plain twin agree in spikes, weights and counters; returns the engine's run."""
    with np.errstate(all="ignore"):
        ours, plain = (simulate(network, inputs, steps, b) for b in (backend, "reference"))
    assert ours.spikes == plain.spikes
    assert ours.counters.weight_updates == plain.counters.weight_updates
    for name, weights in plain.weights.items():
        assert ours.weights[name].dtype == weights.dtype
        np.testing.assert_array_equal(ours.weights[name].data, weights.data)
    return ours


@settings(max_examples=60, deadline=None)
@given(_rules, st.integers(0, 9), st.booleans())
def test_any_rule_learns_with_the_bits_of_the_plain_engine(rule, seed, integer):
    arithmetic, backend = ("loihi", "loihi") if integer else ("float", "event")
    same(network_of(rule, arithmetic, seed), given_spikes(seed), backend)


@pytest.mark.parametrize(("arithmetic", "backend"), [("float", "event"), ("loihi", "loihi")])
def test_a_continued_run_is_the_whole_run(arithmetic, backend):
    rule = SumOfProducts("2^-2*y0*x1*t-2^-5*u2*w", dt="2^-3*x0*y2-2^-4*u2*t", x1=(60.3, 4), y2=(30, 6), t=5)
    network, inputs = network_of(rule, arithmetic), given_spikes()
    whole = same(network, inputs, backend)
    half = {name: raster[:25] for name, raster in inputs.items()}
    rest = {name: raster[25:] for name, raster in inputs.items()}
    first = simulate(network, half, 25, backend)
    for _ in range(2):  # the state stays as it is
        second = simulate(network, rest, STEPS - 25, backend, state=first.state, threads=2)
        np.testing.assert_array_equal(second.weights["x->h"].data, whole.weights["x->h"].data)
        assert second.spikes["h"] == whole.spikes["h"].between(25, STEPS)


def test_a_chunk_of_synapses_is_no_limit():
    """Neurons with more synapses than learn together, and with none."""
    rng = np.random.default_rng(0)
    present = rng.random((300, 400)) < 0.9
    present[5], present[:, 7] = False, False
    rule = SumOfProducts("2^-3*y0*x1-2^-4*x0*y1-2^-7*u4*w", x1=(30, 5), y1=(20, 5))
    network = Network(
        (Input("x", 400), Population("h", 300, LIF(beta=0.9, theta=60.0))),
        (Projection("x", "h", sp.csr_array(present * rng.random((300, 400))), plasticity=rule),),
    )
    run = same(network, {"x": rng.random((40, 400)) < 0.05}, "event", 40)
    assert len(run.spikes["h"]) > 100


def test_traces_end_in_zero_and_a_silent_network_stays_as_it_is():
    rule = SumOfProducts("y0*x1", x1=(1, 0.01), y1=(1, 1))
    network = Network(
        (Input("x", 2), Population("h", 2, LIF(theta=np.inf))),
        (Projection("x", "h", np.ones((2, 2)), plasticity=rule),),
    )
    run = simulate(network, {"x": np.eye(2, dtype=bool)}, 5000)
    np.testing.assert_array_equal(run.weights["x->h"].toarray(), np.ones((2, 2)))


def test_decimals_are_read_exactly_or_learn_in_floating_point_only():
    assert parse("0.25*y0*w - 1.5*x0*(w-3)") == (
        Product("y0", (Factor("w"),), 1, -2),
        Product("x0", (Factor("w", -3),), -3, -1),
    )
    (product,) = parse("0.1*y0*w")
    assert product.constant == product.decimal == 0.1
    assert parse("2e-3*y0*w")[0].constant == 0.002
    assert plain_text("0.25*y0*(x1+2)*sgn(w) - 6.0*u3*t") == "1*2^-2*y0*(x1+2)*sgn(w)-3*2^1*u3*t"
    assert parse(plain_text("0.25*y0*(3-x1)")) == parse("0.25*y0*(3-x1)")
    rule = SumOfProducts("0.1*y0*x1 - 0.1*y0*w", x1=(1, 5))
    same(network_of(rule, "float"), given_spikes(), "event")
    with pytest.raises(NetworkError, match=r"'x->h': SumOfProducts learns in float64.*m\*2\^n"):
        network_of(rule, "loihi")
    with pytest.raises(NetworkError, match=r"Loihi has no constant 0.1"):
        plain_text("0.1*y0*w")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("1e999*y0*w", "out of range"),
        ("0.1*2^200*y0*w", "exponent 200"),
        ("1.23456789012345678901234567890*y0*w", "over"),
        ("1e9999*y0*w", "cannot read"),
    ],
)
def test_decimals_out_of_range_are_refused(text, words):
    with pytest.raises(NetworkError, match=words):
        parse(text)


@settings(max_examples=25, deadline=None)
@given(st.floats(-50, 50), st.floats(0, 100), st.integers(0, 9))
def test_weights_stay_within_bounds(low, width, seed):
    rule = SumOfProducts("y0*x1-x0*y1", x1=(30, 5), y1=(40, 5), bounds=(low, low + width))
    weights = simulate(network_of(rule, "float", seed), given_spikes(seed), STEPS).weights["x->h"].data
    moved = weights != network_of(rule, "float", seed)["x->h"].weights.data
    assert moved.any()
    assert ((weights >= low) & (weights <= low + width))[moved].all()


def test_bounds_that_nothing_can_keep_are_refused():
    for bounds in [(1, 0), (0, np.nan), 3, ("a", 1)]:
        with pytest.raises(NetworkError, match=r"SumOfProducts.bounds"):
            SumOfProducts("y0*w", bounds=bounds)
    network = network_of(SumOfProducts("y0*w", bounds=(0, 1)), "float")
    with pytest.raises(BackendError, match=r"'x->h': SumOfProducts has bounds=\(0.0, 1.0\)"):
        simulate(network, {}, 3, "lava_float")
