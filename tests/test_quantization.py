"""Quantisation: what is kept exactly, what is rounded, what is refused."""

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st

from snmem import LIF, Input, Instar, Network, Population, Projection, quantize, simulate
from snmem.errors import NetworkError
from snmem.loihi.arithmetic import condition_weights
from snmem.quantization.calibration import STRATEGIES, calibrate, report
from snmem.verify import poisson


def _net(weights, neuron=None, **projection):
    weights = np.asarray(weights, float)
    return Network(
        (Input("x", weights.shape[1]), Population("h", weights.shape[0], neuron or LIF(alpha=0, beta=0.5, theta=1))),
        (Projection("x", "h", weights, **projection),),
    )


def _total(made, name, shape):
    """The float weights that the integer projections of ``name`` add up to."""
    total = np.zeros(shape)
    for part in made.parts[name]:
        q = made.network[part]
        total += q.weights.toarray() * 2.0**q.exponent / made.scale[q.post]
    return total


@settings(max_examples=100, deadline=None)
@given(st.integers(0, 2**32 - 1), st.sampled_from([1e-3, 1.0, 500.0]))
def test_every_weight_is_kept_to_its_mantissa(seed, size):
    """Error at most half a step of an 8-bit mantissa, or the clipping of the largest weight by 1/255 of it."""
    rng = np.random.default_rng(seed)
    weights = rng.normal(size=(6, 5)) * size
    made = quantize(_net(weights, LIF(theta=size)))
    error = np.abs(_total(made, "x->h", (6, 5)) - weights)
    for sign in (1, -1):
        mine = np.sign(weights) == sign
        if mine.any():
            assert error[mine].max() <= np.abs(weights[mine]).max() / 127
    assert made.weight_error["x->h"] == pytest.approx(error.max())


@settings(max_examples=100, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_every_integer_projection_survives_lavas_conditioning(seed):
    """Parts have one sign, so no bit is lost to it: conditioning changes no weight."""
    rng = np.random.default_rng(seed)
    made = quantize(_net(rng.integers(-600, 600, (5, 5)) / 16))
    for q in made.network.projections:
        np.testing.assert_array_equal(condition_weights(q.weights.data), q.weights.data)


def test_whole_numbers_of_a_wide_range_are_split_and_kept_exactly():
    weights = [[1024.0, 512.0, 256.0, 128.0, 3.0]]
    made = quantize(_net(weights, LIF(theta=1000.0)), scales={"h": 1.0})
    assert len(made.parts["x->h"]) == 2
    np.testing.assert_array_equal(_total(made, "x->h", (1, 5)), weights)
    assert made.clipped["x->h"] == 0


def test_the_scale_keeps_u_from_wrapping_around():
    """All 2,000 synapses active at once stay below 2**23 in u."""
    made = quantize(_net(np.ones((1, 2000)), LIF(alpha=0.5, beta=0, theta=1.0)))
    q = made.network["x->h"]
    assert 64 * q.weights.sum() * 2**q.exponent / (1 - 0.5) < 2**23


def test_decays_thresholds_and_biases_follow_the_equations():
    made = quantize(_net([[1.0]], LIF(alpha=0.75, beta=0.5, theta=2.0, bias=0.25)))
    scale, neuron = made.scale["h"], made.network["h"].neuron
    assert (neuron.du, neuron.dv, neuron.vth) == (1023, 2048, 2 * scale)
    assert neuron.bias == 64 * 0.25 * scale


def test_a_grid_network_spikes_alike_in_both_arithmetics():
    """Dyadic weights and decays lose nothing but the rounding of decayed states; thresholds half a grid step away
    from ties."""
    rng = np.random.default_rng(2)
    net = Network(
        (Input("x", 40), Population("h", 60, LIF(alpha=0, beta=0, theta=2 + 1 / 32))),
        (
            Projection("x", "h", rng.integers(-16, 17, (60, 40)) / 16),
            Projection("h", "h", rng.integers(-16, 17, (60, 60)) / 16, delay=2),
        ),
    )
    spikes = {"x": rng.random((200, 40)) < 0.3}
    a, b = simulate(net, spikes, 200), simulate(quantize(net).network, spikes, 200, "loihi")
    assert len(a.spikes["h"]) > 1000
    assert a.spikes["h"] == b.spikes["h"]


def test_explicit_zero_weights_stay_synapses():
    weights = sp.csr_array((np.array([0.0, 1.0, -1.0]), ([0, 0, 1], [0, 1, 1])), shape=(2, 2))
    net = Network((Input("x", 2), Population("h", 2, LIF())), (Projection("x", "h", weights),))
    made = quantize(net)
    assert sum(made.network[part].synapses for part in made.parts["x->h"]) == 3


def test_float_learning_on_a_loihi_network_is_refused():
    made = quantize(_net([[1.0]])).network
    with pytest.raises(NetworkError, match=r"'x->h': Instar learns in float64.*freeze"):
        Network(made.populations, (Projection("x", "h", [[1]], plasticity=Instar(0.5)),))


@pytest.mark.parametrize(
    ("net", "words"),
    [
        (lambda: _net([[1.0]], LIF(kappa=1.0)), ["'h'", "feature 'adaptation'"]),
        (lambda: _net([[1.0]], LIF(refractory=[64])), ["'h'", "refractory for 64 steps", "63"]),
        (lambda: _net([[1.0]], LIF(v_reset=-1)), ["'h'", "v_reset", "-1"]),
        (lambda: _net([[1.0]], LIF(theta=-1)), ["'h'", "-1", "not negative"]),
        (lambda: _net([[2.0]], plasticity=Instar(0.1)), ["'x->h'", "learns", "[0, 1]", "freeze"]),
        (lambda: quantize(_net([[1.0]])).network, ["already"]),
    ],
)
def test_what_loihi_cannot_hold_is_refused_by_name(net, words):
    with pytest.raises(NetworkError) as error:
        quantize(net())
    for word in words:
        assert word in str(error.value)


def test_holds_subtractions_and_starts_on_a_grid_stay_exact():
    rng = np.random.default_rng(4)
    neuron = LIF(
        theta=rng.integers(8, 24, 12) / 16,
        reset="subtract",
        refractory=rng.integers(0, 64, 12),
        u_init=rng.integers(-9, 9, 12) / 16,
        v_init=rng.integers(-40, 40, 12) / 16,
    )
    net = _net(rng.integers(-4, 8, (12, 6)) / 16, neuron)
    inputs = poisson(net, 300, 1, 0.3)
    made = quantize(net)
    expected = simulate(net, inputs, 300, "reference", record=["h.v"])
    run = simulate(made, inputs, 300, "reference", record=["h.v"])
    assert run.spikes["h"] == expected.spikes["h"]
    assert np.array_equal(run.traces["h.v"], 64 * made.scale["h"] * expected.traces["h.v"])
    assert len(run.spikes["h"]) > 100


def test_what_comes_before_the_first_step_bounds_the_scale():
    """Without a weight that counts nothing else does."""
    made = quantize(_net([[0.0]], LIF(beta=0.5, theta=np.inf, v_init=-50.0)))
    assert made.network["h"].neuron.v_init == -50 * 64 * made.scale["h"] >= -(2**23)
    with pytest.raises(NetworkError, match=r"'h' needs v_init = 8.38861e\+06 units; the limit is 8388607"):
        quantize(_net([[0.0]], LIF(v_init=1.0)), {"h": 2.0**17})


def _layered(seed):
    """Two layers, recurrent, with biases: nothing on a grid."""
    rng = np.random.default_rng(seed)
    a = LIF(alpha=0.6, beta=0.9, theta=1.0, bias=rng.normal(0, 0.02, 40))
    return Network(
        (Input("x", 30), Population("a", 40, a), Population("b", 10, LIF(alpha=0, beta=0.8, theta=1.0))),
        (
            Projection("x", "a", rng.normal(0.05, 0.25, (40, 30))),
            Projection("a", "a", rng.normal(0, 0.05, (40, 40))),
            Projection("a", "b", rng.normal(0.02, 0.2, (10, 40))),
        ),
    )


@pytest.fixture(scope="module")
def strategies():
    """Reports of three networks under each strategy, on input that was not calibrated on."""
    found = {name: [] for name in STRATEGIES}
    for seed in range(3):
        network = _layered(seed)
        seen, fresh = (poisson(network, 300, 10 * seed + k, 0.2) for k in range(2))
        for name, reports in found.items():
            reports.append(report(network, calibrate(network, seen, 300, name), fresh, 300))
    return found


def _sum(reports, key):
    return sum(row[key] for r in reports for row in r["populations"].values())


def test_calibration_beats_plain_rounding_in_spikes(strategies):
    """With the float network's spikes as input a third of the differing cells or less, and fewer in the whole run."""
    plain, calibrated = strategies["plain"], strategies["calibrated"]
    assert _sum(calibrated, "measured") < _sum(plain, "measured") / 3
    assert _sum(calibrated, "differing") < _sum(plain, "differing")
    assert _sum(calibrated, "measured") <= _sum(strategies["grid"], "measured")
    for a, b in zip(calibrated, plain, strict=True):
        for name, row in a["projections"].items():
            assert row["relative"] < b["projections"][name]["relative"]


def test_the_expected_disagreement_has_the_right_size(strategies):
    for reports in strategies.values():
        assert _sum(reports, "measured") / 4 < _sum(reports, "expected") < 4 * _sum(reports, "measured")


def test_the_report_names_ranges_and_errors(strategies):
    for reports in strategies.values():
        for found in reports:
            for row in found["populations"].values():
                assert 0 < row["u_peak"] <= 1
                assert row["u_peak"] <= row["u_worst"]
                assert 0 < row["threshold"] <= 1
                assert row["spikes"] > 100
            assert all(row["error"] > 0 for row in found["projections"].values())


def test_calibration_keeps_what_the_grid_keeps_exactly():
    rng = np.random.default_rng(2)
    network = Network(
        (Input("x", 20), Population("h", 30, LIF(alpha=0, beta=0, theta=2 + 1 / 32))),
        (Projection("x", "h", rng.integers(-16, 17, (30, 20)) / 16),),
    )
    inputs = poisson(network, 100, 0, 0.3)
    made = calibrate(network, inputs, 100)
    found = report(network, made, inputs, 100)["populations"]["h"]
    assert made.scale == quantize(network).scale
    assert (found["differing"], found["expected"]) == (0, 0)


def test_one_piece_spends_a_bit_on_the_sign():
    made = quantize(_net([[1.0, -0.5], [0.25, 0.3]]), split=False)
    q = made.network["x->h"]
    assert made.parts["x->h"] == ("x->h",)
    assert (q.weights.data % 2 == 0).all()
    np.testing.assert_array_equal(condition_weights(q.weights.data), q.weights.data)
