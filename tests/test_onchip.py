"""Learning on chip: sums of products read from text, equal on emulator and Lava, and a memory that stores one-shot."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from snmem import (
    LIF,
    Input,
    Instar,
    KWinnerConfig,
    LoihiLIF,
    Network,
    Outstar,
    Population,
    Projection,
    SpikingKWinnerMemory,
    SumOfProducts,
    quantize,
    simulate,
)
from snmem.circuits import SuccessiveApproximation
from snmem.errors import BackendError, NetworkError
from snmem.lava import LavaSession
from snmem.loihi.rules import Factor, Product, parse, rate_constant, scale_warnings
from snmem.memory.onchip import OnChipMemory
from snmem.tasks.patterns import partial_cues, random_patterns

#: Every kind of dependency, factor, trace and target, with and without rounding at random.
RULES = (
    {"dw": "2^-2*y0*x1 - 2^-2*y0*w", "x1": (127, 0), "gate": "g"},
    {"dw": "5*2^-4*x0*y1 - 5*2^-4*x0*w", "y1": (127, 0)},
    {"dw": "2^-2*y0*x1-2^-4*x0*y1", "x1": (20.7, 8.3), "y1": (11.3, 5)},
    {"dw": "2^-3*y0*x1*y1-2^-5*u2*(w-40)", "x1": (60, 4), "y1": (100.5, 3), "gate": "g"},
    {"dw": "2^-2*y0*x1*t-3*y0*sgn(w)", "dt": "2^-3*x0*y2-2^-4*u0*t", "x1": (60, 4), "y2": (30, 6), "t": 5},
    {"dd": "2*y0*x2", "dw": "2^-6*y0*d*x2-y0*w*2^-3", "x2": (33, 7)},
    {"dw": "2^-1*y0*x1 - 2^-3*u1*w*y3", "x1": (9.5, 2), "y3": (3, 9)},
)
STEPS = 80


@pytest.fixture(scope="module", autouse=True)
def session():
    with LavaSession():
        yield


def learners(arithmetic):
    """One population per rule, all driven by the same input; the signs of the weights take turns."""
    rng = np.random.default_rng(0)
    neuron = LoihiLIF(vth=500, du=2000, dv=500) if arithmetic == "loihi" else LIF(alpha=0.5, beta=0.875, theta=500)
    populations, projections = [Input("x", 30), Input("g", 20)], []
    for k, rule in enumerate(RULES):
        weights = (rng.random((20, 30)) < 0.6) * rng.integers(1, 100, (20, 30))
        weights = weights * (-1) ** (rng.random((20, 30)) < 0.2) if k == 2 else weights
        populations.append(Population(f"h{k}", 20, neuron))
        rule = SumOfProducts(**rule, seed=7 + k)
        exponent = -1 if arithmetic == "loihi" and k == 1 else 0
        projections.append(Projection("x", f"h{k}", weights, plasticity=rule, exponent=exponent))
    inputs = {"x": rng.random((STEPS, 30)) < 0.2, "g": rng.random((STEPS, 20)) < 0.1}
    return Network(tuple(populations), tuple(projections)), inputs


@pytest.mark.parametrize(
    ("arithmetic", "ours", "lava"), [("loihi", "loihi", "lava_fixed"), ("float", "reference", "lava_float")]
)
def test_any_rule_learns_the_same_on_lava(arithmetic, ours, lava):
    network, inputs = learners(arithmetic)
    a, b = (simulate(network, inputs, STEPS, backend) for backend in (ours, lava))
    assert a.spikes == b.spikes
    for q in network.projections:
        made, expected = b.weights[q.name], a.weights[q.name]
        assert np.array_equal(made.indices, expected.indices)
        np.testing.assert_array_equal(made.data, expected.data, err_msg=q.plasticity.dw)
        assert np.abs(expected.data - q.weights.data).mean() > 1
        assert len(a.spikes[q.post]) > 30
    assert a.counters.weight_updates == b.counters.weight_updates


MEMORY = KWinnerConfig(visible=64, hidden=96, fan_in=32, winners=10, active=8, rate=0.3125)


def test_a_hundred_patterns_stored_one_shot_end_with_the_weights_of_lava():
    rng = np.random.default_rng(0)
    patterns = random_patterns(100, MEMORY.visible, MEMORY.active, rng)
    kwta = SuccessiveApproximation(7)
    memory = SpikingKWinnerMemory(MEMORY, 0, kwta)
    emulator, lava = (OnChipMemory(memory, backend) for backend in ("loihi", "lava_fixed"))
    a, b = emulator.store(patterns), lava.store(patterns)
    assert a.spikes == b.spikes
    assert len(a.weights) == 2
    for name, weights in a.weights.items():
        np.testing.assert_array_equal(b.weights[name].toarray(), weights.toarray())
        assert weights.dtype.kind == "i"
    memory.store(patterns)
    cues = partial_cues(patterns, 0.5, rng)
    score = [(m.recall(cues) & patterns).sum() / patterns.sum() for m in (emulator, lava, memory)]
    assert score[0] == score[1]
    assert abs(score[0] - score[2]) < 0.05
    newest = (emulator.recall(cues[-10:]) & patterns[-10:]).sum() / patterns[-10:].sum()
    assert newest > 0.7


def test_lava_in_floating_point_learns_as_the_float_memory():
    patterns = random_patterns(12, MEMORY.visible, MEMORY.active, np.random.default_rng(1))
    memory = SpikingKWinnerMemory(MEMORY, 0, SuccessiveApproximation(7))
    inputs, steps = memory.storing_inputs(patterns, patterns, patterns)
    ours, lava = (simulate(memory.learning_network, inputs, steps, b) for b in ("reference", "lava_float"))
    assert ours.spikes == lava.spikes
    for name, weights in ours.weights.items():
        np.testing.assert_allclose(lava.weights[name].toarray(), weights.toarray(), rtol=0, atol=1e-14)
    assert ours.counters.weight_updates == lava.counters.weight_updates


def test_a_rule_is_read_into_its_products():
    assert parse("-2^-2*y0*(3-x1)*4 + 20*u3*sgn(t+1)") == (
        Product("y0", (Factor("x1", -3),), 4, -2),
        Product("u", (Factor("t", 1, True),), 5, 2, 3),
    )


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 7), st.integers(-7, 8), st.sampled_from(["x0", "y0", "u", "u4"]), st.sampled_from(["w", "x1*y2"]))
def test_constants_survive_reading(mantissa, exponent, dependency, factors):
    (product,) = parse(f"{mantissa}*2^{exponent}*{dependency}*{factors}")
    assert product.mantissa * 2.0**product.exponent == mantissa * 2.0**exponent
    assert [f.variable for f in product.factors] == factors.split("*")


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        ({"dw": "2^-2*x1"}, ["2^-2*x1", "depends on nothing", "x0, y0 or u"]),
        ({"dw": "0..1*y0*w"}, ["cannot read '..1*y0*w'"]),
        ({"dw": "2^-8*y0*w"}, ["exponent -8", "-7..8"]),
        ({"dw": "127*y0*w"}, ["127 * 2^0", "-8..7"]),
        ({"dw": "y0*(x1-w)", "x1": (1, 1)}, ["'w' in brackets", "one variable"]),
        ({"dw": "y0*u*w"}, ["u beside y0"]),
        ({"dw": "u1*w - u2*w"}, ["u1 and u2"]),
        ({"dw": "y0*sgn(x1)", "x1": (1, 1)}, ["sgn of 'x1'", "w, d or t"]),
        ({"dw": "y0*w+"}, ["expected more", "the end"]),
        ({"dw": "y0*x1"}, ["SumOfProducts.x1", "impulse is 0"]),
        ({"dw": "y0*x1", "x1": (200, 1)}, ["SumOfProducts.x1", "0..127", "200"]),
        ({"dw": "y0*w", "t": 300}, ["SumOfProducts.t", "300"]),
        ({"dw": "u1*w", "dt": "u2*t"}, ["different u<k>"]),
        ({}, ["changes nothing", "dw, dd or dt"]),
    ],
)
def test_a_rule_that_loihi_cannot_run_says_what_is_wrong(rule, words):
    with pytest.raises(NetworkError) as error:
        SumOfProducts(**rule)
    for word in words:
        assert word in str(error.value)


def test_products_that_come_out_smaller_in_integers_are_named():
    assert scale_warnings("2^-2*y0*x1 - 2^-2*y0*w") == []
    (warning,) = scale_warnings("y0*w - x0*x1*y1")
    assert "product 2 (x1*y1)" in warning
    assert "3 bits" in warning


def test_rates_are_rounded_to_what_the_engine_has():
    assert rate_constant(0.3) == (5, -4)
    assert rate_constant(1.0) == (1, 0)
    rng = np.random.default_rng(0)
    network = Network(
        (Input("x", 6), Population("h", 4, LIF(theta=2.0))),
        (Projection("x", "h", rng.random((4, 6)), plasticity=Instar(0.3)),),
    )
    q = quantize(network).network["x->h"]
    assert q.plasticity.dw == "5*2^-4*y0*x1-5*2^-4*y0*w"
    assert q.plasticity.x1 == (127, 0)
    assert 0 <= q.weights.data.min() <= q.weights.data.max() <= 127


def one(plasticity, **neuron):
    populations = (Input("x", 2), Input("y", 2), Population("h", 2, LIF(**neuron)))
    return Network(populations, (Projection("x", "h", np.eye(2), plasticity=plasticity),))


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        (Instar(0.3), ["'x->h'", "rate=0.3", "0.3125"]),
        (Instar(0.5, signal="y"), ["'x->h'", "signal 'y'", "'x' only"]),
        (Outstar(0.5, gate="y"), ["'x->h'", "gate 'y'", "'x' only"]),
    ],
)
def test_rules_that_the_engine_cannot_say_are_refused_by_lava(rule, words):
    with pytest.raises(BackendError) as error:
        simulate(one(rule), {}, 3, "lava_float")
    for word in words:
        assert word in str(error.value)


def test_a_trace_of_an_instar_becomes_a_time_constant():
    q = one(Instar(0.5, decay=0.5))["x->h"]
    rule = q.plasticity.as_products(q)
    assert np.exp(-1 / rule.x1[1]) == pytest.approx(0.5)


def test_what_does_not_know_sums_of_products_says_so():
    network = one(SumOfProducts("y0*w"))
    with pytest.raises(BackendError, match=r"'x->h' learns by the rule SumOfProducts"):
        simulate(network, {}, 3, "brian2")
    with pytest.raises(NetworkError, match=r"gate 'h3' has 3 neurons, expected 2"):
        Network(
            (Input("x", 2), Population("h", 2, LIF()), Population("h3", 3, LIF())),
            (Projection("x", "h", np.eye(2), plasticity=SumOfProducts("y0*w", gate="h3")),),
        )
