"""Encoders as snnTorch has them; Poisson input, the same whatever the blocks; limits before memory is taken."""

import re
from typing import Any

import numpy as np
import pytest
import torch
from snntorch import spikegen

from snmem import LIF, Input, Network, Population, stimuli
from snmem.errors import InputError
from snmem.stimuli import at_times, delta, latency, poisson, rate

NETWORK = Network((Input("a", 7), Input("b", 3), Population("p", 1, LIF())))


@pytest.mark.parametrize("block", [1, 20, 2**22])
def test_blocks_draw_the_same_spikes(block, monkeypatch):
    monkeypatch.setattr(stimuli, "_BLOCK", block)
    found = poisson(NETWORK, 50, 3, 0.3)
    for i, source in enumerate(NETWORK.inputs):
        raster = np.random.default_rng([3, i]).random((50, source.size)) < -np.expm1(-0.3)
        assert np.array_equal(found[source.name].raster(), raster)


def test_the_rate_is_that_of_poisson_spikes_at_most_one_a_step():
    spikes = poisson(NETWORK, 20_000, 0, 0.5)["a"]
    expected, cells = 1 - np.exp(-0.5), 20_000 * 7
    assert abs(len(spikes) / cells - expected) < 4 * np.sqrt(expected * (1 - expected) / cells)
    assert len(poisson(NETWORK, 10, 0, np.inf)["a"]) == 70
    assert len(poisson(NETWORK, 10, 0, 0)["a"]) == len(poisson(NETWORK, 0, 0, 1.0)["a"]) == 0


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((99_999_999_999, 0, 0.1), r"99,999,999,999 steps of input 'a' \(7 lines\) are 7e\+11 random numbers"),
        ((10**9, 0, 5.0), "spikes, the limits are"),
        ((1.5, 0, 0.1), "steps must be a whole number"),
        ((5, -1, 0.1), "seed must be a whole number"),
        ((5, 0, np.nan), "rate must be a number"),
        ((5, 0, -0.1), "rate must be a number"),
        ((5, 0, "x"), "rate must be a number"),
    ],
)
def test_what_cannot_be_drawn_is_refused_at_once(arguments, words):
    with pytest.raises(InputError, match=words):
        poisson(NETWORK, *arguments)


# Encoders


def test_rates_are_probabilities_and_longer_runs_begin_alike() -> None:
    x = np.array([[0.0, 0.25], [1.0, 0.5]])
    spikes = rate(x, 20_000, seed=3)
    assert (spikes.steps, spikes.size) == (20_000, 4)
    found, p = spikes.counts() / 20_000, x.reshape(-1)
    assert found[0] == 0
    assert found[2] == 1
    assert (np.abs(found - p) <= 4 * np.sqrt(p * (1 - p) / 20_000)).all()
    assert rate(x, 500, seed=3) == spikes.between(0, 500)
    assert rate(x, 500, seed=4) != spikes.between(0, 500)
    assert rate(np.tile(x, (500, 1, 1)), seed=3) == spikes.between(0, 500)
    assert rate(x, 50, seed=3, gain=0.0, offset=2.0).counts().tolist() == [50] * 4
    raster = spikes.raster()[:, 1:4:2].astype(float)
    assert abs(np.corrcoef(raster.T)[0, 1]) < 0.03  # lines are independent
    assert abs(np.corrcoef(raster[1:, 1], raster[:-1, 1])[0, 1]) < 0.03  # and so are steps


@pytest.mark.parametrize("normalize", [True, False])
@pytest.mark.parametrize("linear", [True, False])
@pytest.mark.parametrize("clip", [True, False])
@pytest.mark.parametrize("first", [0, 2])
def test_latency_is_that_of_snntorch(normalize: bool, linear: bool, clip: bool, first: int) -> None:
    x = np.random.default_rng(0).random((7, 9))
    options: Any = {"threshold": 0.2, "tau": 1.5, "normalize": normalize, "linear": linear, "clip": clip}
    theirs = spikegen.latency(torch.tensor(x), num_steps=40, first_spike_time=first, **options).numpy()
    ours = latency(x, 40, first_spike_time=first, **options)
    assert (ours.raster().reshape(theirs.shape) == (theirs > 0)).all()
    assert len(ours) == (int((x >= 0.2).sum()) if clip else x.size)


def test_latency_follows_its_equation() -> None:
    x, tau, threshold = np.array([1.0, 0.5, 0.1]), 10.0, 0.05
    exact = tau * np.log(x / (x - threshold))
    assert latency(x, 20, threshold=threshold, tau=tau).step.tolist() == sorted(np.rint(exact))
    assert latency(x, 20, tau=10, linear=True).step.tolist() == [0, 5, 9]


@pytest.mark.parametrize("padding", [True, False])
@pytest.mark.parametrize("off", [True, False])
def test_delta_is_that_of_snntorch(padding: bool, off: bool) -> None:
    x = np.random.default_rng(1).normal(size=(30, 4, 2)).cumsum(0)
    theirs = spikegen.delta(torch.tensor(x), 0.5, padding, off).numpy().reshape(30, 8)
    ours = delta(x, 0.5, padding=padding, off_spike=off).raster()
    assert (ours[:, :8] == (theirs > 0)).all()
    assert ours.shape == (30, 16 if off else 8)
    assert (ours[:, 8:] == (theirs < 0)[:, : ours.shape[1] - 8]).all()


def test_times_in_seconds_are_put_into_steps() -> None:
    spikes = at_times([[0.3, 0.0], [], [0.29]], dt=0.1)
    assert (spikes.step.tolist(), spikes.neuron.tolist()) == ([0, 2, 3], [0, 2, 0])
    assert (spikes.steps, spikes.size) == (4, 3)
    assert at_times([np.arange(100) * 1e-4], 1e-4).step.tolist() == list(range(100))
    assert at_times([[5.05]], 0.1, 10, start=5.0).step.tolist() == [0]


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: rate([np.nan], 3, seed=0), "rate: data must be finite numbers, got nan"),
        (lambda: rate(["a"], 3, seed=0), "rate: data are no array of numbers"),
        (lambda: rate([0.5], seed=0), "shape (steps, lines), got (1,)"),
        (lambda: rate([0.5], -1, seed=0), "rate: steps must be a whole number >= 0"),
        (lambda: rate([0.5], 3, seed=0.5), "rate: seed"),  # type: ignore[arg-type]
        (lambda: rate([0.5], 3, seed=0, gain=np.inf), "rate: gain must be a finite number, got inf"),
        (lambda: rate(np.ones(1000), 10**9, seed=0), "the limit is"),
        (lambda: latency([1.5], 3), "latency: data must lie in 0..1, got 1.5 to 1.5"),
        (lambda: latency([0.5], 3, first_spike_time=3), "first_spike_time < steps"),
        (lambda: latency([0.0], 3), "after the last of 3; use more steps, a smaller tau, or normalize=True"),
        (lambda: delta([1.0]), "delta: data must have shape (steps, lines)"),
        (lambda: delta([[1.0]], 0), "delta: threshold must be > 0, got 0"),
        (lambda: at_times([[0.1]], 0), "dt must be > 0 seconds, got 0"),
        (lambda: at_times([[-0.1]], 0.1), "times must lie between start = 0 s"),
        (lambda: at_times([[1e300]], 0.1), "times must lie between"),
        (lambda: at_times([[0.1, 0.11]], 0.1), "neuron 0 spikes twice in step 1"),
        (lambda: at_times([[0.5]], 0.1, 3), "step 5 is outside 0..2"),
    ],
)
def test_what_cannot_be_encoded_is_refused_in_one_line(call: Any, words: str) -> None:
    with pytest.raises(InputError, match=re.escape(words)) as error:
        call()
    assert "\n" not in str(error.value)
