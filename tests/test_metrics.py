"""Measures of memory: definitions, theory against published numbers, and robustness."""

import numpy as np
import pytest
from scipy import stats

from snmem.errors import InputError
from snmem.metrics import (
    accuracy,
    auc,
    auc_d_prime,
    d_prime,
    exact_baseline,
    exponential_fit,
    identified,
    reliably_better,
    theorem_baseline,
    theorem_curve,
)
from snmem.tasks.patterns import random_patterns


def test_accuracy_scores_active_bits_only():
    wanted = np.array([[1, 1, 0, 0], [1, 1, 0, 0]])
    assert accuracy([[1, 0, 1, 0], [1, 1, 1, 1]], wanted).tolist() == [0.5, 1.0]
    with pytest.raises(InputError, match="equal shapes"):
        accuracy(wanted[:, :3], wanted)


def test_identified_counts_the_right_nearest_pattern():
    stored = random_patterns(30, 100, 10, seed=1)
    assert identified(stored[20:], stored, np.arange(20, 30)) == 1.0
    assert identified(stored[:10], stored, np.arange(20, 30)) == 0.0


def test_d_prime_is_the_paired_effect_size():
    stored, never = np.array([[0.9], [0.8], [0.7]]), np.array([[0.5], [0.5], [0.3]])
    difference = np.array([0.4, 0.3, 0.4])
    assert d_prime(stored, never)[0] == pytest.approx(difference.mean() / difference.std())
    assert d_prime([[1.0], [1.0]], [[0.5], [0.5]])[0] == np.inf
    assert d_prime([[0.5], [0.5]], [[1.0], [1.0]])[0] == -np.inf
    assert d_prime([[0.5], [0.5]], [[0.5], [0.5]])[0] == 0.0


def test_auc_agrees_with_the_rank_test_and_is_clipped():
    rng = np.random.default_rng(0)
    a, b = rng.integers(0, 9, (20, 7)), rng.integers(0, 7, (20, 7))
    expected = [stats.mannwhitneyu(a[:, i], b[:, i]).statistic / 400 for i in range(7)]
    np.testing.assert_allclose(auc(a, b), expected)
    assert auc_d_prime(np.ones((20, 1)), np.zeros((20, 1)))[0] == pytest.approx(5.2595, abs=1e-3)
    assert auc_d_prime(np.ones((20, 1)), np.ones((20, 1)))[0] == pytest.approx(0.0, abs=1e-12)
    normal = auc_d_prime(rng.normal(1.5, 1, (4000, 1)), rng.normal(0, 1, (4000, 1)))[0]
    assert normal == pytest.approx(1.5, abs=0.08)


def test_exponential_fit_finds_parameters_and_survives_values_below_zero():
    ages = np.arange(1, 201)
    clean = 0.3364 * np.exp(-0.00538 * ages)
    assert exponential_fit(clean) == pytest.approx((0.3364, 0.00538), rel=1e-6)
    noisy = 0.8 * np.exp(-0.03 * ages) + np.random.default_rng(1).normal(0, 0.02, 200)
    assert (noisy <= 0).any()
    assert exponential_fit(noisy) == pytest.approx((0.8, 0.03), rel=0.05)
    flat = exponential_fit(np.full(50, 0.2))
    assert flat == pytest.approx((0.2, 0.0), abs=1e-6)
    shifted = exponential_fit(np.exp(-0.1 * np.arange(10, 30)), np.arange(10, 30))
    assert shifted == pytest.approx((1.0, 0.1), rel=1e-6)
    for bad in ([1.0, 2.0], [1.0, np.nan, 2.0, 3.0]):
        with pytest.raises(InputError, match="at least 3 finite"):
            exponential_fit(bad)
    with pytest.raises(InputError, match="equal length"):
        exponential_fit([1, 2, 3], [1, 2])


def test_reliably_better_is_the_papers_test():
    """One-tailed, alpha 0.01, df 9: critical t 2.821 with the population standard deviation."""
    rng = np.random.default_rng(0)
    theirs = rng.normal(size=(10, 500))
    ours = theirs + rng.normal(0.8, 1, (10, 500))
    difference = ours - theirs
    t = difference.mean(0) / (difference.std(0) / np.sqrt(10))
    assert np.array_equal(reliably_better(ours, theirs), t > 2.8214)
    assert reliably_better(theirs, theirs).sum() == 0
    no_effect = reliably_better(rng.normal(size=(10, 20_000)), np.zeros((10, 20_000))).mean()
    assert 0.008 < no_effect < 0.02  # ddof 0 makes the test a little liberal
    with pytest.raises(InputError, match="at least 2 samples, got 1"):
        reliably_better([1.0], [0.0])


@pytest.mark.parametrize(
    ("share", "baseline", "curve"),
    [
        (1.0, 0.19105, {1: 0.8090, 5: 0.7771, 20: 0.6683, 100: 0.2991, 500: 0.0054}),
        (0.5, 0.16438, {1: 0.8356, 5: 0.8027, 20: 0.6904, 100: 0.3090, 500: 0.0055}),
    ],
)
def test_theorem_1(share, baseline, curve):
    """Values of Theorem 1 of Bhandarkar & McClelland 2025 for 100 hidden and 1000 visible units, 100 active."""
    assert theorem_baseline(share) == pytest.approx(baseline, abs=5e-6)
    assert theorem_curve(list(curve), share) == pytest.approx(list(curve.values()), abs=5e-5)


@pytest.mark.parametrize(("share", "published"), [(1.0, 0.17638), (0.5, 0.15427)])
def test_exact_baseline_equals_the_measured_one(share, published):
    """The authors' simulations give 0.1763 and 0.1543 (200 runs x 1000 patterns)."""
    assert exact_baseline(share) == pytest.approx(published, abs=5e-6)


def test_exact_baseline_of_one_slot_is_chance():
    assert exact_baseline(1.0, hidden=1) == pytest.approx(0.1)
    assert exact_baseline(1.0, hidden=5, visible=10, active=10) == pytest.approx(1.0)
