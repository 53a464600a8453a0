"""Rules of pairs of spikes: closed forms, bounds, and the same bits on engine and reference."""

from dataclasses import replace

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st

from snmem import LIF, Input, LoihiLIF, Network, Population, Projection, Record, SumOfProducts, simulate
from snmem.conformance.networks import features_of, random_inputs, random_network, refused_by
from snmem.errors import NetworkError
from snmem.plasticity import RULES, PairSTDP, RewardSTDP, SelectiveClear, SelectiveSet, SetClear
from snmem.plasticity.decay import BLOCK, TINY, powers

#: A postsynaptic neuron that spikes when its teacher does, whatever its plastic synapse delivers.
TEACHER = 2.0**40


def paired(rule, pre, post, delay=1, backend="event", steps=None, record=(), **more):
    """A run with one plastic synapse of weight 0.5, whose neurons spike in the steps given."""
    steps = steps or max([*pre, *post]) + 3
    network = Network(
        (Input("x", 1), Input("teacher", 1), Input("reward", 1), Population("h", 1, LIF(theta=TEACHER / 2))),
        (
            Projection("x", "h", np.array([[0.5]]), delay, rule, name="plastic"),
            Projection("teacher", "h", np.array([[TEACHER]]), 1),
        ),
    )
    inputs = {"x": np.zeros((steps, 1), bool), "teacher": np.zeros((steps, 1), bool), **more}
    inputs["x"][list(pre)] = True
    inputs["teacher"][[t - 1 for t in post]] = True  # its spike arrives a step later
    run = simulate(network, inputs, steps, backend, record=record)
    assert list(run.spikes["h"].step) == sorted(post)
    return run


def pair(*given, **options):
    """The weight at the end of such a run."""
    return float(paired(*given, **options).weights["plastic"].data[0])


@pytest.mark.parametrize("backend", ["reference", "event"])
@pytest.mark.parametrize("distance", [-40, -7, -1, 0, 1, 7, 40])
def test_the_window_is_exponential_on_both_sides(backend, distance):
    rule = PairSTDP.from_tau(20e-3, 15e-3, dt=1e-3, a_plus=0.1, a_minus=0.12)
    change = pair(rule, [50], [50 + distance], backend=backend) - 0.5
    expected = 0.1 * np.exp(-distance / 20) if distance >= 0 else -0.12 * np.exp(distance / 15)
    assert change == pytest.approx(expected, rel=1e-12)


def test_of_two_spikes_in_a_step_the_one_that_comes_first_decides():
    rule = PairSTDP(a_plus=0.1, a_minus=0.2)
    assert pair(rule, [9], [9]) == pytest.approx(0.6)
    assert pair(replace(rule, first="post"), [9], [9]) == pytest.approx(0.3)


def test_all_pairs_add_up_and_nearest_ones_do_not():
    rule = PairSTDP(a_plus=0.1, a_minus=0.05, decay_plus=0.9, decay_minus=0.8)
    pre, post = [10, 14, 17], [20, 22]
    gain = sum(0.1 * 0.9 ** (b - a) for a in pre for b in post)
    assert pair(rule, pre, post) == pytest.approx(0.5 + gain, rel=1e-12)
    nearest = sum(0.1 * 0.9 ** (b - 17) for b in post)
    assert pair(replace(rule, pairing="nearest"), pre, post) == pytest.approx(0.5 + nearest, rel=1e-12)
    loss = sum(0.05 * 0.8 ** (b - a) for a in [20, 22] for b in [25, 26])
    late = pair(rule, [25, 26], [20, 22])
    assert late == pytest.approx(0.5 - loss, rel=1e-12)
    nearest = sum(0.05 * 0.8 ** (b - 22) for b in [25, 26])
    assert pair(replace(rule, pairing="nearest"), [25, 26], [20, 22]) == pytest.approx(0.5 - nearest, rel=1e-12)


@pytest.mark.parametrize("delay", [1, 4])
@pytest.mark.parametrize("dependence", ["additive", "multiplicative"])
def test_any_number_of_postsynaptic_spikes_may_come_between_two_presynaptic_ones(delay, dependence):
    rule = PairSTDP(0.02, 0.03, 0.9, 0.8, dependence=dependence)
    pre, post = [2, 3, 40, 60], [*range(5, 24), 39, 40, 41, *range(50, 58)]
    runs = [paired(rule, pre, post, delay, backend, 70, ["h.v"]) for backend in ("event", "reference")]
    np.testing.assert_array_equal(runs[0].traces["h.v"], runs[1].traces["h.v"])
    equal(*runs)


def test_soft_bounds_scale_each_change_by_what_is_left():
    rule = PairSTDP(
        a_plus=0.1, a_minus=0.2, decay_plus=0.9, decay_minus=0.8, bounds=(0.2, 1.0), dependence="multiplicative"
    )
    assert pair(rule, [10], [13]) == pytest.approx(0.5 + 0.1 * 0.9**3 * 0.5)
    assert pair(rule, [13], [10]) == pytest.approx(0.5 - 0.2 * 0.8**3 * 0.3)


@pytest.mark.parametrize("delay", [1, 2, 7])
def test_the_rule_sees_a_spike_when_it_is_delivered_unless_told_otherwise(delay):
    rule = PairSTDP(a_plus=0.1, a_minus=0.2, decay_plus=0.9, decay_minus=0.8)
    assert pair(rule, [10], [20], delay) == pytest.approx(0.5 + 0.1 * 0.9 ** (20 - 10 - (delay - 1)))
    assert pair(replace(rule, pre_delay=0), [10], [20], delay) == pytest.approx(0.5 + 0.1 * 0.9**10)
    assert pair(replace(rule, post_delay=3), [10], [20], delay, steps=40) == pytest.approx(
        0.5 + 0.1 * 0.9 ** (13 - (delay - 1))
    )
    assert pair(replace(rule, post_delay=3), [10], [20], delay, steps=23) == 0.5


@pytest.mark.parametrize("backend", ["reference", "event"])
def test_a_spike_is_transmitted_with_the_weight_at_its_delivery(backend):
    """Sent in step 2 with delay 4, delivered at the end of step 5, before the rule acts in that step."""
    rule = PairSTDP(a_plus=0.1, decay_plus=0.5, pre_delay=0)
    for post, arrives in ((4, 0.5 + 0.1 * 0.5**2), (5, 0.5)):
        run = paired(rule, [2], [post], 4, backend=backend, record=["h.v"])
        assert run.traces["h.v"][6, 0] == pytest.approx(arrives)
        assert run.weights["plastic"].data[0] == pytest.approx(0.5 + 0.1 * 0.5 ** (post - 2))


def learning(name, seed, backend="event", without=()):
    """A random network with that rule that the backend runs, its inputs, and the reference's run."""
    network = random_network(seed, rule=name, features=features_of("float", {*refused_by(backend), *without}))
    inputs = random_inputs(network, seed, 60)
    with np.errstate(all="ignore"):
        return network, inputs, simulate(network, inputs, 60, "reference")


def equal(run, plain):
    """Both runs end with the same weights."""
    for name, weights in plain.weights.items():
        np.testing.assert_array_equal(run.weights[name].data, weights.data)


@settings(max_examples=80, deadline=None)
@given(st.sampled_from(sorted(RULES)), st.integers(0, 10**6))
def test_random_networks_give_the_bits_of_the_reference(name, seed):
    network, inputs, plain = learning(name, seed)
    with np.errstate(all="ignore"):
        run = simulate(network, inputs, 60, threads=2)
        first = simulate(network, {k: s.between(0, 23) for k, s in inputs.items()}, 23)
        rest = simulate(network, {k: s.between(23, 60) for k, s in inputs.items()}, 37, state=first.state)
    assert run.spikes == plain.spikes
    assert run.counters.weight_updates == plain.counters.weight_updates
    equal(run, plain)
    equal(rest, plain)
    assert all(rest.spikes[p.name] == plain.spikes[p.name].between(23, 60) for p in network.populations)


@pytest.mark.parametrize("seed", [2, 3, 5])
def test_weights_over_time_are_those_of_the_reference(seed):
    network, inputs, _ = learning("pair_stdp", seed)
    runs = [simulate(network, inputs, 60, b, record=Record(weights=True, every=3)) for b in ("event", "reference")]
    assert runs[0].weight_traces
    for name, rows in runs[1].weight_traces.items():
        np.testing.assert_array_equal(runs[0].weight_traces[name], rows)


@pytest.mark.parametrize("seed", range(10))
def test_brian2_learns_pairs_with_the_same_bits(seed):
    network, inputs, plain = learning("pair_stdp", seed, "brian2", ["values"])
    run = simulate(network, inputs, 60, "brian2")
    assert run.spikes == plain.spikes
    assert run.counters.weight_updates == plain.counters.weight_updates
    equal(run, plain)


@settings(max_examples=30, deadline=None)
@given(
    st.sampled_from(["pair_stdp", "reward_stdp"]),
    st.integers(0, 10**6),
    st.floats(-1, 1),
    st.floats(0, 2),
)
def test_weights_never_leave_the_bounds(name, seed, low, width):
    rule = replace(RULES[name].example(np.random.default_rng(seed)), bounds=(low, low + width))
    rng = np.random.default_rng(seed)
    weights = sp.csr_array(rng.uniform(low, low + width, (6, 5)))
    network = Network(
        (Input("x", 5), Population("h", 6, LIF(beta=0.9, theta=0.3))), (Projection("x", "h", weights, 2, rule),)
    )
    run = simulate(network, {"x": rng.random((60, 5)) < 0.3}, 60)
    assert ((run.weights["x->h"].data >= low) & (run.weights["x->h"].data <= low + width)).all()


def test_powers_of_a_decay_are_repeated_products_and_end_in_zero():
    p = powers(0.75)
    product, n = 1.0, 0
    while product >= TINY:
        assert p(n) == product
        product, n = product * 0.75, n + 1
    assert p(np.array([n, n + 1, 10**12])).tolist() == [0, 0, 0]
    assert powers(0.0)(np.arange(3)).tolist() == [1, 0, 0]
    slow = powers(1 - 1e-6)
    steps = np.array([0, 1, BLOCK - 1, BLOCK, 5 * BLOCK + 7, 10**7, 10**9])
    np.testing.assert_allclose(slow(steps), (1 - 1e-6) ** steps.astype(float), rtol=1e-9, atol=1e-300)
    assert slow(10**12) == 0


def test_slow_traces_cross_the_block_of_the_table():
    rule = PairSTDP(a_plus=0.1, decay_plus=1 - 1e-6, decay_minus=1 - 1e-6)
    pre, post = [3], [BLOCK + 100, 2 * BLOCK + 5]
    assert pair(rule, pre, post) == pytest.approx(0.5 + sum(0.1 * (1 - 1e-6) ** (t - 3) for t in post), rel=1e-9)


def selective(rule, x, gate, clear=None):
    """Weights 0.5 of 3 inputs onto 2 units after one step of inputs, gate and clear spikes."""
    network = Network(
        (Input("x", 3), Input("g", 2), Input("c", 2), Population("h", 2, LIF(theta=np.inf))),
        (Projection("x", "h", np.full((2, 3), 0.5), plasticity=rule),),
    )
    inputs = {"x": np.array(x, bool), "g": np.array(gate, bool), "c": np.array(clear or 0 * np.array(gate), bool)}
    runs = [simulate(network, inputs, len(x), b).weights["x->h"].toarray() for b in ("reference", "event")]
    np.testing.assert_array_equal(*runs)
    return runs[0].tolist()


def test_set_and_clear_touch_active_inputs_of_gated_units_only():
    once = ([[1, 0, 1]], [[0, 1]])
    assert selective(SelectiveSet(gate="g"), *once) == [[0.5, 0.5, 0.5], [1, 0.5, 1]]
    assert selective(SelectiveClear(gate="g"), *once) == [[0.5, 0.5, 0.5], [0, 0.5, 0]]
    assert selective(SelectiveSet(0.5, gate="g", value=2.0), *once) == [[0.5, 0.5, 0.5], [1.25, 0.5, 1.25]]
    late = ([[1, 0, 0], [0, 1, 0]], [[0, 0], [1, 0]])
    assert selective(SelectiveSet(gate="g"), *late) == [[0.5, 1, 0.5], [0.5, 0.5, 0.5]]
    assert selective(SelectiveSet(gate="g", decay=0.5), *late) == [[0.75, 1, 0.5], [0.5, 0.5, 0.5]]
    both = SetClear(gate="g", clear="c")
    assert selective(both, [[1, 0, 1]], [[1, 0]], [[0, 1]]) == [[1, 0.5, 1], [0, 0.5, 0]]
    assert selective(both, [[1, 0, 1]], [[1, 0]], [[1, 0]]) == [[0, 0.5, 0], [0.5, 0.5, 0.5]]


@pytest.mark.parametrize("rule", [SelectiveSet(gate="g", rate=0.75), SelectiveClear(gate="g", rate=0.25)])
def test_set_and_clear_are_sums_of_products(rule):
    q = Projection("x", "h", np.full((2, 3), 0.5), plasticity=rule)
    rng = np.random.default_rng(0)
    spikes = (rng.random((30, 3)) < 0.4, rng.random((30, 2)) < 0.3)
    np.testing.assert_allclose(selective(rule, *spikes), selective(rule.as_products(q), *spikes), rtol=1e-12)


def test_set_and_clear_in_loihis_integers():
    for text, expected in (("2^2*y0*x1-y0*x1*w", 128), ("-1*y0*x1*w", 0)):
        network = Network(
            (Input("x", 2), Input("g", 1), Population("h", 1, LoihiLIF())),
            (Projection("x", "h", np.array([[37, 37]]), plasticity=SumOfProducts(text, x1=(32, 0), gate="g")),),
        )
        run = simulate(network, {"x": np.array([[1, 0]], bool), "g": np.ones((1, 1), bool)}, 1, "loihi")
        assert run.weights["x->h"].toarray().tolist() == [[expected, 37]]


def test_a_reward_turns_what_pairs_have_left_into_weight():
    rule = RewardSTDP(a_plus=0.1, a_minus=0.2, decay_plus=0.9, decay_minus=0.8, decay=0.95, series=((30, 2.0),))
    for backend in ("reference", "event"):
        change = pair(rule, [10], [13], backend=backend, steps=40) - 0.5
        assert change == pytest.approx(2 * 0.1 * 0.9**3 * 0.95**17)
        change = pair(rule, [13], [10], backend=backend, steps=40) - 0.5
        assert change == pytest.approx(-2 * 0.2 * 0.8**3 * 0.95**17)
        assert pair(rule, [10], [13], backend=backend, steps=30) == 0.5
        reward = np.zeros((40, 1), bool)
        reward[[20, 25]] = True
        by_neuron = replace(rule, series=(), reward="reward", gains=(-0.5,))
        change = pair(by_neuron, [10], [13], backend=backend, steps=40, reward=reward) - 0.5
        assert change == pytest.approx(-0.5 * 0.1 * 0.9**3 * (0.95**7 + 0.95**12))


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: PairSTDP(decay_plus=1.0), ["PairSTDP.decay_plus", "1.0"]),
        (lambda: PairSTDP(a_plus=np.nan), ["PairSTDP.a_plus", "finite"]),
        (lambda: PairSTDP(pairing="some"), ["PairSTDP.pairing", "'all' or 'nearest'", "'some'"]),
        (lambda: PairSTDP(dependence="x"), ["PairSTDP.dependence", "'additive' or 'multiplicative'"]),
        (lambda: PairSTDP(bounds=(1, 0)), ["PairSTDP.bounds", "(1.0, 0.0)"]),
        (lambda: PairSTDP(pre_delay=-1), ["PairSTDP.pre_delay", "-1"]),
        (lambda: PairSTDP.from_tau(0, 1), ["tau_plus", "positive"]),
        (lambda: RewardSTDP(), ["RewardSTDP", "nothing rewards"]),
        (lambda: RewardSTDP(series=((3, 1.0), (3, 2.0))), ["RewardSTDP.series", "ascend"]),
        (lambda: RewardSTDP(series=3), ["RewardSTDP", "pairs"]),
        (lambda: SelectiveSet(2.0), ["SelectiveSet.rate", "[0, 1]"]),
        (lambda: SelectiveSet(value=np.inf), ["SelectiveSet.value", "finite"]),
        (lambda: paired(RewardSTDP(reward="reward", gains=(1, 2)), [1], [2]), ["'plastic'", "2 gains", "1 neurons"]),
        (lambda: paired(RewardSTDP(reward="none"), [1], [2]), ["'plastic'", "no population 'none'"]),
        (lambda: paired(PairSTDP(), [1], [2], delay=0), ["'plastic'", "delay of 1"]),
    ],
)
def test_what_a_rule_cannot_be_is_refused(make, words):
    with pytest.raises(NetworkError) as error:
        make()
    for word in words:
        assert word in str(error.value)
