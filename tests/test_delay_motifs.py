"""Detectors whose synapses differ in delay, delays that are learned, moving bars, and the recipe."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from snmem import Input, Network, simulate
from snmem.circuits.learned_delays import LearnedDelays
from snmem.circuits.motifs import first_spike, motif_detectors, on_levels
from snmem.errors import InputError
from snmem.tasks.moving_bars import MovingBars


@settings(max_examples=15, deadline=None)
@given(st.integers(1, 4), st.integers(1, 5), st.integers(1, 4), st.integers(0, 999))
def test_detectors_see_the_latest_spikes_and_the_first_one_wins(delays, lines, classes, seed):
    rng = np.random.default_rng(seed)
    kernels = rng.integers(-3, 4, (delays, lines, classes))
    kernels[0, 0, 0] = 2
    events, period = rng.random((3, 12, lines)) < 0.4, 12 + delays + 2
    motif, synapses = motif_detectors("m", "x", kernels, 2.5)
    winner, race = first_spike("w", "m", classes, period)
    net = Network((Input("x", lines), motif, winner), (*synapses, *race))
    padded = np.pad(events, ((0, 0), (0, period - 12), (0, 0))).reshape(-1, lines)
    run = simulate(net, padded)
    drive = np.zeros((len(padded) + 1, classes))
    for age, kernel in enumerate(kernels):
        drive[age + 1 :] += padded[: len(padded) - age] @ kernel
    above = drive[:-1] > 2.5
    wanted = np.zeros_like(above)
    wanted[run.spikes["m"].step, run.spikes["m"].neuron] = True
    assert np.array_equal(above, wanted)
    for film in range(3):
        now = above[film * period : (film + 1) * period]
        first = [(int(step), int(now[step].argmax())) for step in np.flatnonzero(now.any(1))[:1]]
        spikes = run.spikes["w"].between(film * period, (film + 1) * period)
        assert [(s - 1, n) for s, n in zip(spikes.step, spikes.neuron, strict=True)] == first


def test_levels_keep_the_side_of_the_threshold():
    weights, theta = on_levels(np.array([[[0.5, -1.0]]]), [0.25, -0.5])
    assert weights.tolist() == [[[128.0, -255.0]]]
    assert theta.tolist() == [63.5, -127.5]


def test_delays_are_learned_and_become_projections():
    module = LearnedDelays(pre=2, post=1, delays=8, seed=1)
    module.anneal(0.0)
    wide = module.sigma
    optimizer = torch.optim.Adam([module.delay], lr=0.2)
    window, other = torch.zeros(2, 1, 8, 2)
    window[0, 6, 0] = window[0, 1, 1] = other[0, 1, 0] = other[0, 6, 1] = 1
    for n in range(120):
        module.anneal(n / 120)
        loss = torch.nn.functional.softplus(module(other) - module(window)).sum()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert module.sigma == pytest.approx(0.23)
    assert wide > 2
    assert module.rounded()[1].tolist() == [[6, 1]]
    assert sorted(q.delay for q in module.projections("a", "b")) == [2, 7]


def test_bars_move_at_their_velocity():
    task = MovingBars(pixels=10, steps=8, velocities=(-2, 1), delays=3, missing=0.0, noise=0.0)
    films = task.sample(20, 3)
    assert np.array_equal(films.events.argmax(2), films.place)
    assert (films.events.sum(2) == 1).all()
    assert np.array_equal(np.diff(films.place, axis=1) % 10, np.repeat(np.where(films.label == 0, 8, 1)[:, None], 7, 1))
    assert (films.place == task.middle).any(1).all()
    seen = task.windows(films, np.array([4, 4]), np.array([5, 1]))
    assert np.array_equal(seen[0], films.events[4, [5, 4, 3]])
    assert not seen[1, 2].any()


def test_what_is_refused():
    with pytest.raises(InputError, match=r"m: kernels must be finite numbers \(delays, lines, classes\), not all 0"):
        motif_detectors("m", "x", np.zeros((1, 2, 3)), 1.0)
    with pytest.raises(InputError, match="LearnedDelays: sizes 0, 1 and 2 must be at least 1"):
        LearnedDelays(0, 1, 2)
    with pytest.raises(InputError, match="MovingBars: 64 pixels, 64 steps, 65 delays and 6 velocities"):
        MovingBars(delays=65)
    with pytest.raises(InputError, match=r"missing 1.5 and noise 0.02 must lie in \[0, 1\]"):
        MovingBars(missing=1.5)
