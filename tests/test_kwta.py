"""k-WTA circuits of LIF neurons: who wins, when, and on which arithmetic."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from snmem import Input, Network, Projection, quantize, simulate
from snmem.circuits import Race, SuccessiveApproximation, kwta_strategy
from snmem.circuits.kwta import Line, kwta_report
from snmem.errors import InputError

START = Line("start", 1, 0)


def _compete(strategy, drives, k, span, backend="event", presentations=1):
    """Drive units once per presentation; returns the winners, bool (presentations, units), and the recording."""
    size, period = len(drives), strategy.latency + 2
    circuit = strategy.build("units", size, k, START, span, period, 0)
    weights = np.asarray(drives, float).reshape(-1, 1)
    net = Network(
        (Input("start", 1), Input("x", 1), *circuit.populations),
        (Projection("x", "units", weights), *circuit.projections),
        outputs=(circuit.winners,),
    )
    if backend in ("loihi", "lava_fixed"):
        net = quantize(net).network
    at = np.arange(presentations) * period
    once = (at, np.zeros(presentations, int))
    run = simulate(net, {"start": once, "x": once}, presentations * period, backend)
    spikes = run.spikes[circuit.winners]
    assert set(spikes.step % period) <= {circuit.latency}  # the winners spike in one step, nobody at another
    out = np.zeros((presentations, size), bool)
    out[spikes.step // period, spikes.neuron] = True
    return out, run


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 80), st.data())
def test_successive_approximation_finds_the_k_largest_of_distinct_drives(seed, size, data):
    """Drives on the grid of the search, all different: exactly the k largest win, for every k."""
    k = data.draw(st.integers(1, size))
    rng = np.random.default_rng(seed)
    drives = rng.choice(np.arange(1, 256), size, replace=False) / 256 + 1 / 512
    won, _ = _compete(SuccessiveApproximation(8), drives, k, 1.0, "reference")
    assert set(np.flatnonzero(won[0])) == set(np.argsort(drives)[-k:])


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(2, 10))
def test_successive_approximation_takes_at_least_k_and_only_ties_more(seed, bits):
    """Of any drives, the winners hold the k largest; whoever else wins is within span / 2**bits of the k-th."""
    rng = np.random.default_rng(seed)
    drives = rng.integers(1, 4096, 50) / 4096
    won, _ = _compete(SuccessiveApproximation(bits), drives, 7, 1.0, "reference")
    kth = np.sort(drives)[-7]
    assert won[0][drives >= kth].all()
    assert (drives[won[0]] > kth - 2.0**-bits).all()


def test_the_race_is_won_by_the_fastest():
    drives = np.array([0.9, 0.2, 0.8, 0.3, 0.1, 0.7])
    won, _ = _compete(Race(40, slowest=0.25), drives, 3, 1.0)
    assert list(np.flatnonzero(won[0])) == [0, 2, 5]


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 40), st.integers(10, 80))
def test_the_race_ends_with_the_step_of_the_kth_finisher(seed, k, steps):
    """The winners are all who finish no later than the k-th, and nobody who is still under way then."""
    drives = np.random.default_rng(seed).integers(205, 1024, 40) / 1024  # all fast enough to finish
    won, _ = _compete(Race(steps, slowest=0.125), drives, k, 1.0, "reference")
    finish = np.floor(0.125 * steps / drives) + 1
    np.testing.assert_array_equal(won[0], finish <= np.sort(finish)[k - 1])


def test_too_slow_units_never_win_the_race():
    won, _ = _compete(Race(30, slowest=0.5), [0.9, 0.1, 0.45], 2, 1.0)
    assert list(np.flatnonzero(won[0])) == [0]


@pytest.mark.parametrize("strategy", [SuccessiveApproximation(6), Race(25, slowest=0.25)])
@pytest.mark.parametrize("backend", ["reference", "event", "loihi"])
def test_presentations_do_not_influence_each_other(strategy, backend):
    drives = np.random.default_rng(4).uniform(0.05, 1, 30)
    won, _ = _compete(strategy, drives, 5, 1.0, backend, presentations=4)
    assert won[0].any()
    assert (won == won[0]).all()


@pytest.mark.parametrize("strategy", [SuccessiveApproximation(7), Race(40, slowest=0.25)])
def test_the_integer_circuit_chooses_the_same_units(strategy):
    """Drives well apart (1/32 of the span): rounding weights to 8 bits cannot reorder them."""
    drives = np.random.default_rng(5).permutation(np.arange(1, 31)) / 32
    expected, _ = _compete(strategy, drives, 6, 1.0)
    won, _ = _compete(strategy, drives, 6, 1.0, "loihi")
    np.testing.assert_array_equal(won, expected)


def test_every_connection_takes_a_step_and_weights_lie_on_a_dyadic_grid():
    for strategy in (SuccessiveApproximation(), Race()):
        circuit = strategy.build("units", 20, 3, START, 8.0, strategy.latency + 2, 0)
        for q in circuit.projections:
            assert q.delay == 1
            np.testing.assert_array_equal(q.weights.data * 2**10, np.round(q.weights.data * 2**10))


def test_the_finish_line_spikes_with_the_winners():
    for strategy in (SuccessiveApproximation(4), Race(10)):
        circuit = strategy.build("units", 5, 2, START, 1.0, strategy.latency + 2, 0)
        _, run = _compete(strategy, [0.9, 0.8, 0.1, 0.2, 0.3], 2, 1.0)
        line = circuit.finish
        spikes = run.spikes[line.population]
        assert list(spikes.step[spikes.neuron == line.index]) == [circuit.latency]


def test_report_counts_winners_and_overlap():
    drives = [[3.0, 2.0, 1.0, 0.0], [0.0, 1.0, 2.0, 3.0]]
    report = kwta_report([[1, 1, 0, 0], [0, 1, 1, 1]], drives, 2)
    assert report["winners"] == {"mean": 2.5, "min": 2, "max": 3}
    assert report["jaccard"] == {"mean": pytest.approx((1 + 2 / 3) / 2), "min": pytest.approx(2 / 3)}


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: SuccessiveApproximation(0), ["bits", "1..24", "0"]),
        (lambda: Race(1), ["steps", "2", "1"]),
        (lambda: Race(slowest=1.5), ["slowest", "1.5"]),
        (lambda: SuccessiveApproximation().build("h", 5, 6, START, 1.0, 30, 0), ["k = 6", "5 units", "1..5"]),
        (lambda: Race().build("h", 5, 2, START, -1.0, 90, 0), ["span", "-1.0"]),
        (lambda: SuccessiveApproximation().build("h", 5, 2, START, 1.0, 6, 0), ["period = 6", "step 20", "21"]),
        (lambda: kwta_strategy("lottery"), ["'lottery'", "race, successive_approximation"]),
    ],
)
def test_bad_parameters_are_refused(make, words):
    with pytest.raises(InputError) as error:
        make()
    for word in words:
        assert word in str(error.value)
