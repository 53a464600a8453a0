"""The event engine: size, silence, continuing, counters. Equality with the reference: test_conformance.py."""

import mmap
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import scipy.sparse as sp

from snmem import LIF, Input, Instar, LoihiLIF, Network, Population, Projection, Spikes, simulate, simulate_batch
from snmem.backends.event import arrays, layout_of, team, tuning, turns
from snmem.backends.event.kernels import entries
from snmem.backends.event.layout import synapses
from snmem.errors import InputError
from snmem.spikes import Interrupted

pytestmark = pytest.mark.usefixtures("threads_together")


def _random(n, synapses, rng):
    rows, columns = rng.integers(n, size=(2, synapses))
    return sp.csr_array((rng.integers(-8, 9, synapses) / 16, (rows, columns)), shape=(n, n))


def test_a_network_of_100_000_neurons_and_10_million_synapses_stays_sparse():
    rng = np.random.default_rng(0)
    n = 100_000
    net = Network(
        (Input("x", n), Population("h", n, LIF(alpha=0.5, beta=0.5, theta=1.0))),
        (
            Projection("x", "h", sp.eye_array(n, format="csr") * 2.0),
            Projection("h", "h", _random(n, 10_000_000, rng)),
        ),
    )
    neurons = rng.choice(n, 500, replace=False)
    run = simulate(net, {"x": (np.zeros(500, int), neurons)}, 20)
    assert set(run.spikes["h"].between(1, 2).neuron) == set(neurons)
    assert len(run.spikes["h"]) > 500  # it spreads
    reached = run.counters.synaptic_events["h->h"]
    assert reached == net["h->h"].fan_out[run.spikes["h"].neuron].sum()


def test_silence_costs_no_update():
    """A million silent steps must not be stepped through: the kernel may not touch a sleeping block."""
    net = Network(
        (Input("x", 1), Population("h", 1000, LIF(alpha=0.5, beta=0.5, theta=1.0))),
        (Projection("x", "h", np.full((1000, 1), 0.75)),),
    )
    steps = 5_000_000
    run = simulate(net, {"x": ([0, steps - 2], [0, 0])}, steps, counters=True)
    assert run.counters.accessed["h"] == 1000 * steps
    assert run.counters.updated["h"] < 1000 * 3000  # until both decays have underflowed to zero
    assert len(run.spikes["h"]) == 0


def test_sleeping_neurons_wake_with_the_state_that_stepping_gives():
    """Silent stretches between inputs, timed clears among them: traces only exist in stepped runs, spikes in both."""
    rng = np.random.default_rng(3)
    net = Network(
        (
            Input("x", 5),
            Population("h", 700, LIF(0.9, 0.97, 1.0, bias=rng.uniform(-0.01, 0.02, 700)), clear_every=37),
            Population("o", 10, LIF(alpha=0.3, beta=1.0, theta=2.0, v_reset=-0.5)),
        ),
        (
            Projection("x", "h", rng.uniform(-0.4, 0.6, (700, 5))),
            Projection("h", "o", rng.uniform(-0.01, 0.02, (10, 700)), delay=3),
        ),
    )
    step = np.sort(rng.choice(2000, 60, replace=False))
    spikes = {"x": (step, rng.integers(5, size=60))}
    lazy, stepped = simulate(net, spikes, 2000, threads=2), simulate(net, spikes, 2000, record=["h.v"])
    reference = simulate(net, spikes, 2000, "reference")
    for name in net.update_order:
        assert lazy.spikes[name] == stepped.spikes[name] == reference.spikes[name]
    assert len(lazy.spikes["o"]) > 0


@pytest.mark.parametrize("backend", ["reference", "event"])
def test_a_run_in_two_parts_equals_the_whole(backend):
    rng = np.random.default_rng(1)
    net = Network(
        (Input("x", 20), Population("h", 30, LIF(0.5, 0.75, 1.0), clear_every=7)),
        (
            Projection("x", "h", rng.random((30, 20)), plasticity=Instar(0.25, decay=0.5)),
            Projection("h", "h", rng.integers(-8, 9, (30, 30)) / 16, delay=4),
        ),
    )
    raster = rng.random((60, 20)) < 0.2
    whole = simulate(net, {"x": raster}, 60, backend, record=["h.u"])
    first = simulate(net, {"x": raster[:23]}, 23, backend, record=["h.u"])
    second = simulate(net, {"x": raster[23:]}, 37, backend, record=["h.u"], state=first.state)
    again = simulate(net, {"x": raster[23:]}, 37, backend, state=first.state)
    assert whole.spikes["h"].between(0, 23) == first.spikes["h"]
    assert whole.spikes["h"].between(23, 60) == second.spikes["h"] == again.spikes["h"]
    np.testing.assert_array_equal(whole.traces["h.u"], np.concatenate([first.traces["h.u"], second.traces["h.u"]]))
    np.testing.assert_array_equal(whole.weights["x->h"].toarray(), second.weights["x->h"].toarray())


def test_a_state_of_another_network_is_refused():
    a, b = (Network((Population("h", 1, LIF(bias=c)),)) for c in (0.5, 0.25))
    with pytest.raises(InputError, match="another network"):
        simulate(b, {}, 1, state=simulate(a, {}, 1).state)


def test_progress_is_reported_and_ends_with_all_steps():
    seen = []
    simulate(Network((Population("h", 1, LIF(bias=0.3)),)), {}, 500, progress=seen.append)
    assert seen[-1] == 500
    assert seen == sorted(seen)


@pytest.mark.parametrize("backend", ["reference", "event"])
def test_a_current_that_decays_at_once_is_no_state_to_update(backend):
    """alpha = 0: u of the last step changes nothing any more. v = 0.75 twice: 2 and 2 steps until 0 with beta = 0."""
    net = Network((Input("x", 1), Population("h", 1, LIF(alpha=0.0, beta=0.0, theta=1.0))),
                  (Projection("x", "h", np.array([[0.75]])),))  # fmt: skip
    run = simulate(net, {"x": ([0, 10], [0, 0])}, 20, backend, counters=True)
    assert run.counters.updated["h"] == 4
    spiking = simulate(net.with_weights({"x->h": np.array([[2.0]])}), {"x": ([0], [0])}, 20, backend, counters=True)
    assert spiking.counters.updated["h"] == 1  # v is reset


def test_many_spikes_do_not_overflow_the_buffer():
    net = Network((Population("h", 40_000, LIF(bias=2.0)),))
    run = simulate(net, {}, 7)
    assert len(run.spikes["h"]) == 7 * 40_000
    assert run.spikes["h"] == Spikes.from_raster(np.ones((7, 40_000)))


def _held_back(size, delay, weight=-1.0):
    """Neurons that all spike in every step, or, once their spikes arrive, in every other stretch of ``delay`` steps."""
    back = Projection("h", "h", sp.eye_array(size, format="csr") * weight, delay=delay)
    return Network((Population("h", size, LIF(alpha=0.0, beta=0.0, bias=1.25)),), (back,))


@pytest.mark.parametrize("threads", [1, 2])
def test_spikes_on_their_way_may_be_more_than_the_buffer_holds(threads):
    """5000 neurons spike in each of 60 steps before the first of 300,000 spikes arrives."""
    size, delay, steps = 5000, 60, 130
    net = _held_back(size, delay)
    run = simulate(net, {}, steps, threads=threads)
    spiking = np.arange(steps) // delay % 2 == 0  # what arrives silences a neuron for one step
    assert run.spikes["h"] == Spikes.from_raster(np.tile(spiking[:, None], size))
    parts = [simulate(net, {}, 50, threads=threads)]
    parts.append(simulate(net, {}, steps - 50, threads=threads, state=parts[0].state))
    assert [r.spikes["h"] for r in parts] == [run.spikes["h"].between(0, 50), run.spikes["h"].between(50, steps)]


def test_a_network_is_compiled_once():
    net = Network((Population("h", 10, LIF(bias=2.0)),))
    assert layout_of(net) is layout_of(net)


def _several_populations(arithmetic, seed):
    """Sizes on both sides of a block and a range; dense, sparse and one-to-one projections, delays 0 to 3, cycles."""
    rng = np.random.default_rng(seed)
    if arithmetic == "loihi":
        neuron, grid, theta = LoihiLIF(du=1024, dv=512, vth=80), 0.5, 60  # even weights
    else:
        neuron, grid, theta = LIF(alpha=0.5, beta=0.875), 64, 1.2
    a, b, c = 5000, 300, 2100

    def dense(post, pre, fan_in, mean):
        return np.round(grid * theta * rng.normal(mean, 1.0, (post, pre)) / fan_in) / grid

    def sparse(post, pre, each, mean):
        weights, targets = dense(each, pre, 4, mean), rng.integers(post, size=(each, pre))
        return sp.csr_array((weights.ravel(), (targets.ravel(), np.tile(np.arange(pre), each))), shape=(post, pre))

    def scaled(weights):
        whole = sp.csr_array(weights)
        return whole if arithmetic == "float" else sp.csr_array(whole.maximum(-255).minimum(255).astype(np.int64))

    populations = (Input("x", 40), Population("a", a, neuron), Population("b", b, neuron), Population("c", c, neuron))
    projections = (
        Projection("x", "a", scaled(dense(a, 40, 4, 0.3)), delay=0),
        Projection("a", "b", scaled(dense(b, a, 15, 0.0)), delay=0),
        Projection("b", "c", scaled(dense(c, b, 3, 0.0)), delay=3),
        Projection("c", "a", scaled(sparse(a, c, 40, -0.5)), delay=1),
        Projection("a", "a", scaled(sparse(a, a, 3, -0.5)), delay=2, exponent=-1 if arithmetic == "loihi" else 0),
    )
    return Network(populations, projections), rng


@pytest.mark.parametrize("arithmetic", ["float", "loihi"])
def test_any_number_of_threads_gives_the_same_bits(arithmetic):
    network, rng = _several_populations(arithmetic, 1)
    x = rng.random((120, 40)) < 0.15
    x[30:60] = False  # long enough for blocks to sleep
    names = ["a.v", "c.u"]
    runs = [simulate(network, {"x": x}, 120, record=names, counters=True, threads=k) for k in (1, 2, 3)]
    sleepy = [simulate(network, {"x": x}, 120, threads=k) for k in (1, 2, 3)]
    first = runs[0]
    assert all(0.001 < len(first.spikes[p]) / (120 * network[p].size) < 0.5 for p in "abc")
    for run in runs[1:]:
        assert run.spikes == first.spikes
        assert run.counters == first.counters
        assert all(np.array_equal(run.traces[name], first.traces[name]) for name in names)
    assert all(run.spikes == first.spikes for run in sleepy)
    halves = [simulate(network, {"x": x[:50]}, 50, threads=2)]
    halves.append(simulate(network, {"x": x[50:]}, 70, state=halves[0].state, threads=3))
    assert all(h.spikes[p] == first.spikes[p].between(*ends) for p in "abc"
               for h, ends in zip(halves, ((0, 50), (50, 120)), strict=True))  # fmt: skip


@pytest.mark.parametrize("threads", [1, 2])
def test_an_interrupted_run_hands_over_what_it_recorded(monkeypatch, threads):
    monkeypatch.setattr(turns, "SLICE_S", 0.0)
    network, rng = _several_populations("float", 2)
    x = rng.random((400, 40)) < 0.15
    whole = simulate(network, {"x": x}, 400, record=["b.v"])
    calls = []

    def stop(done):
        calls.append(done)
        if len(calls) == 2:
            raise KeyboardInterrupt

    with pytest.raises(Interrupted) as caught:
        simulate(network, {"x": x}, 400, record=["b.v"], counters=True, progress=stop, threads=threads)
    part = caught.value.recording
    assert part.counters == simulate(network, {"x": x[: part.steps]}, part.steps, counters=True).counters
    assert part.steps == calls[1] < 400
    assert all(part.spikes[p] == whole.spikes[p].between(0, part.steps) for p in "xabc")
    assert np.array_equal(part.traces["b.v"], whole.traces["b.v"][: part.steps])


def _ours():
    return {thread.ident for thread in threading.enumerate() if thread.name.startswith("snmem")}


def test_runs_leave_their_threads_to_those_that_follow():
    network = _held_back(1000, 1)
    wanted = simulate(network, {}, 20).spikes["h"]

    def run(_):
        return [simulate(network, {}, 20, threads=k).spikes["h"] for k in (3, 2, 3)]

    with ThreadPoolExecutor(3) as several:  # at the same time
        first = list(several.map(run, range(6)))
    before = _ours()
    for _ in range(10):
        run(None)
    assert _ours() == before
    assert all(spikes == wanted for runs in first for spikes in runs)


def test_a_process_that_is_forked_off_starts_threads_of_its_own():
    code = """
import multiprocessing
from snmem import LIF, Network, Population, simulate
from snmem.backends.event import team, turns
team.START_S, turns.Turns.choose = 60.0, lambda self, now: (True, 1.0)

def run(_):
    network = Network((Population("h", 1000, LIF(0.5, 0.9, bias=0.15)),))
    return len(simulate(network, {}, 50, threads=2).spikes["h"])

here = run(0)
with multiprocessing.get_context("fork").Pool(2) as pool:
    assert pool.map(run, range(4)) == [here] * 4
print(here)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) > 0


def test_ctrl_c_before_the_first_piece_is_kept_loses_no_spike_of_a_continued_run(monkeypatch):
    network, rng = _several_populations("float", 2)
    x = rng.random((200, 40)) < 0.15
    whole = simulate(network, {"x": x}, 200)
    first = simulate(network, {"x": x[:50]}, 50)
    run = team.Team.run

    def stopped(team, *arguments):
        run(team, *arguments)
        raise KeyboardInterrupt

    monkeypatch.setattr(team.Team, "run", stopped)
    monkeypatch.setattr(turns, "SLICE_S", 0.0)
    with pytest.raises(Interrupted) as caught:
        simulate(network, {"x": x[50:]}, 150, state=first.state)
    part = caught.value.recording
    assert 0 < part.steps < 150
    assert all(part.spikes[p] == whole.spikes[p].between(50, 50 + part.steps) for p in "xabc")


@pytest.mark.parametrize("after", [True, False])
@pytest.mark.parametrize("threads", [1, 2, 3])
def test_ctrl_c_while_threads_run_leaves_whole_steps(monkeypatch, threads, after):
    """It is noticed as soon as the first thread leaves the compiled loop, or before that enters it."""
    network = Network((Population("a", 3000, LIF(alpha=0.5, beta=0.9, bias=0.15)),))
    whole, run = simulate(network, {}, 200, record=["a.v"], counters=True), entries.run

    def interrupted(*arguments):
        thread, at = arguments[-2].thread, arguments[-1]
        if thread == 0 and at[0] > 0:
            raise KeyboardInterrupt
        run(*arguments)
        if thread == 0 and after:
            raise KeyboardInterrupt

    monkeypatch.setattr(entries, "run", interrupted)
    monkeypatch.setattr(turns, "SLICE_S", 5e-5)
    for _ in range(30):
        with pytest.raises(Interrupted) as caught:
            simulate(network, {}, 200, record=["a.v"], counters=True, threads=threads)
        part = caught.value.recording
        assert 0 < part.steps < 200
        assert part.spikes["a"] == whole.spikes["a"].between(0, part.steps)
        assert np.array_equal(part.traces["a.v"], whole.traces["a.v"][: part.steps])
    monkeypatch.setattr(entries, "run", run)
    assert part.counters == simulate(network, {}, part.steps, counters=True).counters


def test_ctrl_c_while_spikes_are_moved_loses_none(monkeypatch):
    network, carry, buffers = _held_back(5000, 40, -0.1), team.Team.carry, team.Team._buffers

    def interrupted(*arguments):
        carry(*arguments)
        raise KeyboardInterrupt

    def used(*arguments):
        made = buffers(*arguments)
        for each in made:
            each.neuron[:] = each.step[:] = 1 << 40  # as memory that was used before
        return made

    whole = simulate(network, {}, 60)
    monkeypatch.setattr(team.Team, "_buffers", used)
    monkeypatch.setattr(team.Team, "carry", interrupted)
    with pytest.raises(Interrupted) as caught:
        simulate(network, {}, 60)
    part = caught.value.recording
    assert 0 < part.steps < 60
    assert part.spikes["h"] == whole.spikes["h"].between(0, part.steps)


def test_what_goes_wrong_in_another_thread_is_raised(monkeypatch):
    run = entries.run

    def fails(*arguments):
        if arguments[-2].thread == 1:
            raise MemoryError("no room")
        run(*arguments)

    monkeypatch.setattr(entries, "run", fails)
    with pytest.raises(MemoryError, match="no room"):
        simulate(_held_back(1000, 1), {}, 10, threads=2)


def test_silence_of_neurons_that_are_cleared_takes_no_time():
    """Would not end if it was stepped."""
    steps = 10**12
    network = Network(
        (Input("x", 1), Population("h", 300, LIF(alpha=0.5, beta=0.5), clear_every=10)),
        (Projection("x", "h", np.full((300, 1), 1.5)),),
    )
    spikes = simulate(network, {"x": ([0, steps - 2], [0, 0])}, steps).spikes["h"]
    assert np.unique(spikes.step).tolist() == [1, steps - 1]
    assert len(spikes) == 600


def test_threads_must_be_a_positive_whole_number():
    network, _ = _several_populations("float", 2)
    with pytest.raises(InputError, match="threads must be a whole number >= 1, got 0"):
        simulate(network, {}, 1, threads=0)


@pytest.mark.parametrize("threads", [1, 2])
def test_samples_of_a_batch_do_not_see_each_other(threads):
    network, rng = _several_populations("float", 3)
    samples = [{"x": rng.random((20, 40)) < 0.15} for _ in range(5)]
    found = simulate_batch(network, samples, 20, threads=threads, counters=True)
    alone = [simulate(network, x, 20, counters=True) for x in samples]
    assert [r.spikes for r in found] == [r.spikes for r in alone]
    assert [r.counters for r in found] == [r.counters for r in alone]
    assert found[0].spikes != found[1].spikes


def test_a_kernel_without_large_pages_gives_small_ones(monkeypatch):
    class Refusing(mmap.mmap):
        def madvise(self, *arguments):
            raise OSError(22, "Invalid argument")

    monkeypatch.setattr(mmap, "mmap", Refusing)
    assert not arrays.zeros(tuning.LARGE, dtype=np.uint8).any()


def test_weights_kept_in_float32_are_the_same_weights(monkeypatch):
    """Large networks keep weights that float32 holds exactly in it; here a small one does."""
    monkeypatch.setattr(synapses, "FLOAT32_FROM", 0)
    rng = np.random.default_rng(5)
    weights = rng.normal(0, 0.4, (60, 40)).astype(np.float32)
    net = Network(
        (Input("x", 40), Population("h", 60, LIF(alpha=0.5, beta=0.8, theta=1.0))),
        (Projection("x", "h", weights), Projection("h", "h", rng.normal(0, 0.2, (60, 60)).astype(np.float32))),
    )
    assert layout_of(net).weight.dtype == np.float32
    x = rng.random((200, 40)) < 0.2
    ours, reference = (simulate(net, {"x": x}, 200, backend) for backend in ("event", "reference"))
    assert len(reference.spikes["h"]) > 500
    assert ours.spikes == reference.spikes
