"""Rules of connection: what they join, the statistics of what they draw, and the same result on any thread."""

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from snmem import LIF, Input, Network, Population, Projection, SnmemError, simulate
from snmem.stimuli import poisson
from snmem.topology import (
    RULES,
    Constant,
    Lognormal,
    Normal,
    Uniform,
    all_to_all,
    distance_dependent,
    fixed_in_degree,
    fixed_out_degree,
    fixed_probability,
    fixed_total_number,
    one_to_one,
)
from snmem.topology.distributions import normal_quantile

A, B = Input("a", 300), Population("b", 200, LIF())
PLACES = np.random.default_rng(0).random((200, 2))
DRAWN = {"weights": Normal(1, 0.2), "delays": Normal(4, 2, low=1, high=9)}
ARGUMENTS = {
    "one_to_one": (B, B),
    "all_to_all": (A, B),
    "fixed_probability": (A, B, 0.1),
    "fixed_in_degree": (A, B, 40),
    "fixed_out_degree": (A, B, 40),
    "fixed_total_number": (A, B, 5000),
    "distance_dependent": (B, B, (PLACES, PLACES), 0.1),
}


def pairs(q):
    """(post, pre) of every synapse."""
    return np.repeat(np.arange(q.weights.shape[0]), np.diff(q.weights.indptr)), q.weights.indices


@pytest.mark.parametrize("rule", list(RULES))
def test_threads_change_nothing_and_seeds_and_names_do(rule):
    make = RULES[rule]
    one = make(*ARGUMENTS[rule], **DRAWN, seed=7)
    assert (
        make(*ARGUMENTS[rule], **DRAWN, seed=7, threads=2) == make(*ARGUMENTS[rule], **DRAWN, seed=7, threads=3) == one
    )
    assert make(*ARGUMENTS[rule], **DRAWN, seed=8) != one
    assert not np.array_equal(make(*ARGUMENTS[rule], **DRAWN, seed=7, name="other").weights.data, one.weights.data)
    # what was written without looking at it is in the form of every projection
    again = Projection(one.pre, one.post, sp.csr_array(one.weights), np.array(one.delay), name=one.name)
    assert again == one
    assert one.weights.locked
    plain = make(*ARGUMENTS[rule], seed=7)
    assert Projection(plain.pre, plain.post, sp.csr_array(plain.weights), name=plain.name) == plain


def test_exact_rules_join_what_they_say():
    assert np.array_equal(one_to_one(B, B, 2.0).weights.toarray(), 2 * np.eye(200))
    assert np.array_equal(all_to_all(A, B, 0.5).weights.toarray(), np.full((200, 300), 0.5))
    assert np.array_equal(all_to_all(B, B, autapses=False).weights.toarray(), 1 - np.eye(200))
    q = fixed_in_degree(A, B, 40, multapses=False)
    assert (np.diff(q.weights.indptr) == 40).all()
    assert (fixed_out_degree(A, B, 40, multapses=False).fan_out == 40).all()
    assert fixed_total_number(A, B, 5000, multapses=False).synapses == 5000
    each = np.arange(200)
    assert np.array_equal(np.diff(fixed_in_degree(A, B, each, multapses=False).weights.indptr), each)
    assert fixed_in_degree(A, B, 300, multapses=False).weights.nnz == 60000


def test_multapses_keep_their_number_and_get_different_delays():
    q = fixed_in_degree(A, B, 400, delays=Uniform(1, 20, grid=1))
    assert (np.diff(q.weights.indptr) == 400).all()
    post, pre = pairs(q)
    together = np.stack([post, pre, q.delay])
    assert np.unique(together, axis=1).shape == together.shape
    assert np.unique(together[:2], axis=1).shape[1] < q.synapses
    summed = fixed_in_degree(A, B, 400, 0.5)
    assert (summed.weights.sum(axis=1) == 200).all()
    assert summed.weights.has_canonical_format
    few = fixed_in_degree(Input("c", 2), B, 9, delays=Uniform(1, 3, grid=1))  # more synapses than delays to go round
    assert (few.weights.sum(axis=1) == 9).all()


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 10**6), st.integers(1, 40), st.integers(1, 40), st.booleans(), st.booleans(), st.data())
def test_degrees_and_totals_hold_for_all_sizes(seed, m, n, multapses, own, data):
    pre, post = (Population("p", m, LIF()),) * 2 if own else (Input("p", n), Population("q", m, LIF()))
    options = {"multapses": multapses, "autapses": not own, "seed": seed}
    sources, targets = pre.size - own, post.size - own
    k = data.draw(st.integers(0, sources if sources else 0))
    found = fixed_in_degree(pre, post, k, **options)
    assert (found.weights.sum(axis=1) == k).all()
    k = data.draw(st.integers(0, targets))
    assert (fixed_out_degree(pre, post, k, **options).weights.sum(axis=0) == k).all()
    k = data.draw(st.integers(0, post.size * sources))
    total = fixed_total_number(pre, post, k, **options)
    assert total.weights.sum() == k
    if own:
        assert not found.weights.diagonal().any()
        assert not total.weights.diagonal().any()
        assert not fixed_probability(pre, post, 0.5, autapses=False, seed=seed).weights.diagonal().any()


def chi2_of(counts, expected):
    return stats.chi2.sf(((counts - expected) ** 2 / expected).sum(), counts.size - 1)


def test_chances_of_pairs_are_equal():
    """Chi-squared over sources and targets, and the binomial number of synapses in all."""
    big = Population("big", 2000, LIF())
    q = fixed_probability(A, big, 0.05, seed=1)
    n, p = 300 * 2000, 0.05
    assert abs(q.synapses - n * p) < 4 * np.sqrt(n * p * (1 - p))
    assert chi2_of(q.fan_out, q.synapses / 300) > 1e-3
    rows = np.diff(q.weights.indptr)
    assert abs(rows.var() - 300 * p * (1 - p)) < 4 * 300 * p * (1 - p) * np.sqrt(2 / 2000)
    for multapses in (True, False):
        found = fixed_in_degree(A, big, 30, multapses=multapses, seed=2)
        assert chi2_of(np.asarray(found.weights.sum(axis=0)).ravel(), 200.0) > 1e-3
        total = fixed_total_number(A, big, 60000, multapses=multapses, seed=3)
        assert chi2_of(np.asarray(total.weights.sum(axis=0)).ravel(), 200.0) > 1e-3
        assert chi2_of(np.asarray(total.weights.sum(axis=1)).ravel(), 30.0) > 1e-3
        out = fixed_out_degree(A, big, 200, multapses=multapses, seed=4)
        assert chi2_of(np.asarray(out.weights.sum(axis=1)).ravel(), 30.0) > 1e-3


@pytest.mark.parametrize(
    ("distribution", "cdf"),
    [
        (Normal(2, 0.5), stats.norm(2, 0.5).cdf),
        (Normal(0, 1, low=-1, high=2), stats.truncnorm(-1, 2).cdf),
        (Lognormal(0.5, 0.7), stats.lognorm(0.7, scale=np.exp(0.5)).cdf),
        (Uniform(-3, 5), stats.uniform(-3, 8).cdf),
    ],
)
def test_values_follow_their_distribution(distribution, cdf):
    values = fixed_in_degree(A, B, 100, distribution, multapses=False, seed=5).weights.data
    assert stats.kstest(values, cdf).pvalue > 1e-3


def test_the_normal_quantile_is_that_of_scipy():
    p = np.concatenate([np.geomspace(1e-300, 0.4, 200), np.linspace(0.01, 0.99, 200), 1 - np.geomspace(1e-15, 0.4, 99)])
    assert np.allclose([normal_quantile(x) for x in p], stats.norm.ppf(p), rtol=1e-13, atol=1e-15)


def test_grids_levels_and_types():
    q = all_to_all(A, B, Normal(1, 0.3, low=0.1, high=1.9, levels=256), dtype=np.float32)
    assert q.weights.dtype == np.float32
    assert len(np.unique(q.weights.data)) == 256
    assert q.weights.data.min() == np.float32(0.1)
    grid = all_to_all(A, B, Normal(1, 0.3, grid=1 / 16)).weights.data * 16
    assert np.array_equal(grid, np.rint(grid))
    whole = all_to_all(A, B, Uniform(-3.4, 3.4), Uniform(1, 400, grid=1), dtype=np.int8)
    assert whole.weights.dtype == np.int8
    assert np.unique(whole.weights.data).tolist() == list(range(-3, 4))
    assert whole.delay.dtype == np.uint16
    assert all_to_all(A, B, delays=Constant(3)).delay == 3


def test_distance_follows_the_profile_also_on_a_torus():
    line = np.linspace(0, 1, 1000, endpoint=False)[:, None]
    ring = Population("ring", 1000, LIF())
    for profile, expected in (
        ("gaussian", 0.5 * np.sqrt(2 * np.pi) * 0.05),
        ("exponential", 0.5 * 2 * 0.05 * (1 - np.exp(-10))),
        ("linear", 0.5 * 0.05),
        ("step", 0.5 * 2 * 0.05),
    ):
        q = distance_dependent(ring, ring, (line, line), 0.05, 0.5, profile, extent=1.0, seed=6)
        n = 1000**2 * expected
        assert abs(q.synapses - n) < 5 * np.sqrt(n) + 1000
    post, pre = pairs(q)
    apart = np.abs(post - pre)
    assert np.minimum(apart, 1000 - apart).max() <= 50


def test_the_result_runs():
    net = Network(
        (A, Population("b", 200, LIF(alpha=0.5, beta=0.9))),
        (
            fixed_total_number(A, B, 4000, Normal(0.2, 0.02), Uniform(1, 30, grid=1)),
            fixed_in_degree(B, B, 20, -0.05, Uniform(1, 30, grid=1), autapses=False),
        ),
    )
    inputs = poisson(net, 100, 1, 0.05)
    runs = [simulate(net, inputs, 100, name) for name in ("reference", "event")]
    assert len(runs[0].spikes["b"]) > 100
    assert runs[0].spikes["b"].differing(runs[1].spikes["b"])[0] == 0


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: fixed_probability(A, B, 1.5), "p must be a probability in 0..1, got 1.5"),
        (lambda: fixed_in_degree(A, B, 301, multapses=False), "in_degree must be a whole number in 0..300, got 301"),
        (lambda: fixed_in_degree(A, B, -1), "in_degree must be a whole number in 0..2147483647, got -1"),
        (lambda: fixed_total_number(A, B, 60001, multapses=False), "number must be a whole number in 0..60000"),
        (lambda: fixed_total_number(A, B, 2**40), "number must be a whole number in 0..2147483647"),
        (lambda: one_to_one(A, B), "populations of one size, got 300 and 200"),
        (lambda: one_to_one("a", B), "pre must be an Input or Population"),
        (lambda: all_to_all(A, B, delays=1.5), "delays must be a whole number"),
        (lambda: all_to_all(A, B, delays=Normal(1, 1)), r"delays from -5 to 7 steps must lie in 0\.\."),
        (lambda: all_to_all(A, B, 200.0, dtype=np.int8), "do not fit int8"),
        (lambda: fixed_in_degree(A, B, 3000, 20, dtype=np.int8), r"'a->b': weights of one pair .* int8 does not hold"),
        (lambda: all_to_all(A, B, dtype=np.uint8), "dtype must be one of"),
        (lambda: Normal(0, -1), "sd must be >= 0"),
        (lambda: Uniform(2, 1), "finite range, got low 2 and high 1"),
        (lambda: Normal(0, 1, levels=1), "at least 2 levels"),
        (lambda: distance_dependent(B, B, (PLACES, PLACES[:3]), 0.1), r"positions of 'b' must be finite \(200, d\)"),
        (
            lambda: distance_dependent(B, B, (PLACES, PLACES), 0.1, profile="flat"),
            "profile must be one of .* got 'flat'",
        ),
        (lambda: all_to_all(A, B, seed=-1), "seed must be a whole number >= 0"),
        (lambda: RULES["random"], "rule of connection 'random' is unknown"),
    ],
)
def test_what_cannot_be_is_one_clear_line(make, says):
    with pytest.raises(SnmemError, match=says) as error:
        make()
    assert "\n" not in str(error.value)
