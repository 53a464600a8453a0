"""The event engine's ways of running a population, neuron by neuron and in blocks: the same bits, and the choice."""

import subprocess
import sys

import numpy as np
import pytest
import scipy.sparse as sp

from snmem import LIF, Input, Instar, LoihiLIF, Network, Population, Projection, Spikes, simulate
from snmem.backends.event import modes
from snmem.backends.event.modes import Modes, eligible

pytestmark = pytest.mark.usefixtures("threads_together")

#: (alpha, beta, bias, reset): without and with a bias, decays of 0 and 1, reset by subtraction.
NEURONS = [
    (0.5, 0.875, 0.0, "zero"), (0.9, 0.97, -0.01, "subtract"), (0.3, 0.0, 0.0, "zero"), (0.0, 0.97, 0.0, "zero"),
    (0.9, 1.0, 0.003, "subtract"), (0.97, 0.9, 0.0, "zero"),
]  # fmt: skip


@pytest.fixture
def by_cells(monkeypatch):
    """Every population that can runs by cells from its first piece on; yields the steps at which one did."""
    seen = []
    look = Modes.look

    def noted(self, t, prepare):
        look(self, t, prepare)
        seen.extend([t] * int(self.cells[0].on.sum()))

    monkeypatch.setattr(modes, "CELLS_FROM", 1)
    monkeypatch.setattr(modes, "CELL_LIMITS", dict.fromkeys((True, False), (-1, 0)))
    monkeypatch.setattr(Modes, "look", noted)
    return seen


def _network(seed, n, alpha, beta, bias, reset):
    """A balanced recurrent population and one behind it, without delay; weights off any grid, few of even seeds."""
    rng = np.random.default_rng(seed)
    rows, columns = rng.integers(n, size=(2, 20 * n))
    values = rng.normal(-0.12, 0.3, 20 * n)
    if seed % 2 == 0:
        values = np.round(values, 1) + 0.0123  # these are kept as numbers of one byte
    weights = sp.csr_array((values, (rows, columns)), shape=(n, n))
    lif = LIF(alpha, beta, 1.0, bias=bias, reset=reset)
    return Network(
        (Input("x", n), Population("h", n, lif), Population("o", n, lif)),
        (
            Projection("x", "h", 1.3 * sp.eye_array(n, format="csr")),
            Projection("h", "h", weights, delay=int(rng.integers(1, 4))),
            Projection("h", "o", -0.7 * weights, delay=int(rng.integers(0, 2))),
        ),
    )


def _input(seed, n, steps, per_step=1.5):
    """Input in every third stretch of 100 steps."""
    rng = np.random.default_rng(seed)
    counts = rng.poisson(per_step, steps) * (np.arange(steps) // 100 % 3 == 0)
    return _spikes(np.repeat(np.arange(steps), counts), rng.integers(n, size=counts.sum()), steps, n)


def _spikes(step, neuron, steps, n):
    return Spikes(*np.divmod(np.unique(np.asarray(step) * n + neuron), n), steps, n)


def _same(run, other):
    return all(run.spikes[p].differing(other.spikes[p]) == (0, None) for p in ("h", "o"))


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("case", range(len(NEURONS)))
def test_neuron_by_neuron_gives_the_bits_of_the_reference(case, threads, by_cells):
    n = 300 + 137 * case  # never whole blocks
    net, x = _network(case, n, *NEURONS[case]), _input(case, n, 900)
    wanted = simulate(net, {"x": x}, 900, "reference")
    run = simulate(net, {"x": x}, 900, threads=threads)
    assert len(by_cells) > 2
    assert len(wanted.spikes["h"]) > n / 2
    assert _same(run, wanted)
    traces = ("h.u", "h.v", "o.u", "o.v")
    after, truth = (
        simulate(net, {}, 50, backend, record=traces, state=r.state)
        for r, backend in ((run, "event"), (wanted, "reference"))
    )
    assert all(np.array_equal(after.traces[name], truth.traces[name]) for name in traces)


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("case", range(len(NEURONS)))
def test_the_closed_form_gives_the_same_spikes_and_nearly_the_same_state(case, threads, by_cells):
    """No v comes as near to theta as rounding, and the run says so; not where v never decays and rounding adds up."""
    n = 300 + 137 * case
    net, x = _network(case, n, *NEURONS[case]), _input(case, n, 900)
    wanted = simulate(net, {"x": x}, 900, "reference", record=("h.v",))
    run = simulate(net, {"x": x}, 900, threads=threads, exact=False)
    assert len(by_cells) > 2
    assert _same(run, wanted)
    assert run.exact == (NEURONS[case][1] < 1)
    assert not simulate(net, {}, 5, state=run.state).exact
    after, truth = (
        simulate(net, {}, 50, backend, record=("h.v", "o.v"), state=r.state).traces
        for r, backend in ((run, "event"), (wanted, "reference"))
    )
    scale = 1e-14 * 900 * np.abs(wanted.traces["h.v"]).max()
    assert all(np.abs(after[name] - truth[name]).max() <= scale for name in truth)


def test_a_spike_that_rounding_may_decide_is_not_called_exact(by_cells):
    net = Network(
        (Input("x", 2), Population("h", 2, LIF(0.5, 0.75, 1.0))), (Projection("x", "h", np.diag([1.5, 1.0])),)
    )
    assert simulate(net, {"x": ([0, 40], [0, 0])}, 80, exact=False).exact
    assert not simulate(net, {"x": ([0, 40], [0, 1])}, 80, exact=False).exact  # v = theta
    assert simulate(net, {"x": ([0, 40], [0, 1])}, 80).exact


@pytest.mark.parametrize("exact", [True, False])
def test_a_very_long_silence_is_not_stepped_through(exact, by_cells):
    """Ten million steps of 600 neurons would take minutes; u and v stop moving after some thousands."""
    net = _network(3, 600, 0.5, 0.875, 0.0, "zero")
    steps = 10_000_000
    ends = {"x": Spikes.from_events([0, 5, steps - 2, steps - 1], [1, 2, 1, 599], steps, 600)}
    short = {"x": Spikes.from_events([0, 5, 20_000, 20_001], [1, 2, 1, 599], 20_002, 600)}
    run, wanted = simulate(net, ends, steps, exact=exact), simulate(net, short, 20_002, "reference")
    assert by_cells
    assert np.array_equal(run.spikes["h"].neuron, wanted.spikes["h"].neuron)


def test_weights_that_are_learned_are_those_that_are_delivered(by_cells):
    n, steps = 400, 300
    rng = np.random.default_rng(5)
    net = Network(
        (Input("x", n), Input("teacher", n), Population("h", n, LIF(0.5, 0.9, 1.0))),
        (
            Projection(
                "x", "h", rng.random((n, n)) * (rng.random((n, n)) < 0.1), plasticity=Instar(0.3, gate="teacher")
            ),
        ),
    )
    inputs = {"x": _input(6, n, steps), "teacher": _input(7, n, steps)}
    run, wanted = simulate(net, inputs, steps), simulate(net, inputs, steps, "reference")
    assert by_cells
    assert len(wanted.spikes["h"]) > 0
    assert run.spikes["h"].differing(wanted.spikes["h"]) == (0, None)
    assert (run.weights["x->h"] != wanted.weights["x->h"]).nnz == 0


def _modes(monkeypatch, net, inputs, steps, threads=1):
    """Whether population h ran by cells, at every look, and the run."""
    seen = []
    look = Modes.look

    def noted(self, t, prepare):
        look(self, t, prepare)
        seen.append(bool(self.cells[0].on[0]))

    monkeypatch.setattr(Modes, "look", noted)
    return simulate(net, inputs, steps, threads=threads), seen


def test_the_choice_follows_the_activity(monkeypatch):
    """Quiet: by cells. Everything driven in every step: in blocks again. Spiking by the bias: tried less and less."""
    n = 10_000
    monkeypatch.setattr("snmem.backends.event.turns.SLICE_S", 0.0)  # a look every few steps
    net = Network((Input("x", n), Population("h", n, LIF(0.5, 0.875, 1.0))),
                  (Projection("x", "h", 0.1 * sp.eye_array(n, format="csr")),))  # fmt: skip
    rng = np.random.default_rng(0)
    quiet = _spikes(np.repeat(np.arange(100), 5), rng.integers(n, size=500), 100, n)
    for threads in (1, 2):
        _, seen = _modes(monkeypatch, net, {"x": quiet}, 100, threads)
        assert len(seen) > 10
        assert all(seen[2:])  # from step 10 on
    step, neuron = np.divmod(np.arange(20 * n), n)
    both = _spikes(np.append(quiet.step, 100 + step), np.append(quiet.neuron, neuron), 120, n)
    run, seen = _modes(monkeypatch, net, {"x": both}, 120)
    assert any(seen)
    assert not seen[-1]
    assert _one_population_equals_reference(net, {"x": both}, run)
    assert not simulate(net, {"x": both}, 120, exact=False).exact  # what happened in blocks was not looked at
    restless = Network((Population("h", n, LIF(0.5, 0.875, 1.0, bias=0.2)),), ())
    run, seen = _modes(monkeypatch, restless, {}, 100)
    assert not any(seen[-20:])
    assert _one_population_equals_reference(restless, {}, run)


def _one_population_equals_reference(net, inputs, run):
    return run.spikes["h"].differing(simulate(net, inputs, run.steps, "reference").spikes["h"]) == (0, None)


@pytest.mark.parametrize(
    ("population", "may"),
    [
        (Population("h", 8192, LIF(0.5, 0.5, 1.0)), True),
        (Population("h", 8192, LIF(0.5, 0.5, np.full(8192, 2.0))), True),
        (Population("h", 8192, LIF(0.5, 0.5, np.inf)), True),
        (Population("h", 8191, LIF(0.5, 0.5, 1.0)), False),
        (Population("h", 8192, LIF(0.5, 0.5, np.linspace(1, 2, 8192))), False),
        (Population("h", 8192, LIF(0.5, 0.5, 1.0), clear_every=10), False),
        (Population("h", 8192, LoihiLIF(du=100, dv=100, vth=10)), False),
    ],
)
def test_which_populations_may_run_by_cells(population, may):
    assert eligible(Network((population,), ()), population, True) is may


#: Neurons that stand still while refractory: some, all, with the time of each, and with a reset value.
STILL = [
    {"refractory": 7, "reset_current": True},
    {"refractory": 0, "reset_current": True},
    {"refractory": 22, "reset_current": True, "v_reset": -0.5},
    {"refractory": np.arange(400) % 30, "reset_current": True},
]


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("case", range(len(STILL)))
def test_neurons_that_stand_still_while_refractory_run_by_cells(case, threads, by_cells):
    """Kicks to v, one of them worth two, and dense input while the neurons wait, in one piece and in two."""
    rng = np.random.default_rng(case)
    n, steps = 400, 600
    weights = sp.random_array((n, n), density=0.05, rng=rng, data_sampler=lambda size: rng.normal(0.2, 0.4, size=size))
    lif = LIF(0.8, 0.95, 1.0, refractory_mode="freeze", **STILL[case])
    kick = sp.csr_array((np.full(40, 1.2), (np.arange(0, n, 10), np.arange(40))), shape=(n, 40))
    net = Network(
        (Input("x", n), Input("kicks", 40, values=True), Population("h", n, lif)),
        (
            Projection("x", "h", 0.6 * sp.eye_array(n, format="csr")),
            Projection("kicks", "h", kick, 1, receptor="v"),
            Projection("h", "h", weights.tocsr(), 3),
        ),
    )
    step, line = np.nonzero(rng.random((steps, 40)) < 0.02)
    inputs = {"x": _input(case, n, steps, 4.0), "kicks": (step, line, rng.integers(1, 3, len(step)).astype(float))}
    right = simulate(net, inputs, steps, "reference")
    run = simulate(net, inputs, steps, threads=threads)
    assert by_cells
    assert len(right.spikes["h"]) > 200
    assert run.spikes["h"].differing(right.spikes["h"]) == (0, None)
    first = simulate(net, {name: s.between(0, 250) for name, s in run.spikes.items() if name != "h"}, 250)
    late = {name: s.between(250, steps) for name, s in run.spikes.items() if name != "h"}
    rest = simulate(net, late, steps - 250, state=first.state, threads=threads)
    assert rest.spikes["h"].differing(right.spikes["h"].between(250, steps)) == (0, None)


@pytest.mark.parametrize(
    "more",
    [
        {"bias": 0.1}, {"reset": "subtract"}, {"v_reset": 2.0}, {"refractory_mode": "hold"},
        {"theta": -1.0, "v_reset": -2.0},  # v goes from v_reset to 0, and so over theta
    ],
)  # fmt: skip
def test_refractory_neurons_that_may_spike_by_themselves_stay_in_blocks(more):
    neuron = {"refractory": 5, "reset_current": True, "refractory_mode": "freeze", "theta": 1.0} | more
    population = Population("h", 8192, LIF(0.5, 0.5, **neuron))
    assert not eligible(Network((population,), ()), population, True)


def test_threads_that_fall_silent_agree_about_it():
    """One thread may look for work while another already does the next step; they must not come to skip it alone."""
    program = """
import numpy as np, scipy.sparse as sp
from snmem import LIF, Input, Network, Population, Projection, Spikes, simulate
from snmem.backends.event import team, turns
team.START_S, turns.Turns.choose = 60.0, lambda self, now: (True, 1.0)
rng = np.random.default_rng(1)
n = 1200
net = Network((Input("x", n), Population("h", n, LIF(0.9, 0.97, 1.0))),
              (Projection("x", "h", 0.2 * sp.eye_array(n, format="csr")),))
for k in range(5):
    x = Spikes(np.sort(rng.choice(20000, 150, replace=False)), rng.integers(n, size=150), 20000, n)
    one, two = (simulate(net, {"x": x}, 20000, threads=threads).spikes["h"] for threads in (1, 2))
    assert one.differing(two) == (0, None)
"""
    subprocess.run([sys.executable, "-c", program], check=True, timeout=600)


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("exact", [True, False])
def test_a_silence_of_billions_of_steps_is_like_a_long_one(exact, threads, by_cells):
    network, n, stretch = _network(1, 700, 0.5, 0.875, 0.0, "zero"), 700, 300
    x, found = _input(1, n, stretch), []
    for start in (100_000, 2_200_000_000, 5_000_000_000):
        steps = np.concatenate((x.step, start + x.step))
        spikes = Spikes.from_events(steps, np.tile(x.neuron, 2), start + stretch, n)
        run = simulate(network, {"x": spikes}, start + stretch, exact=exact, threads=threads)
        found.append([run.spikes[p].between(at, at + stretch) for p in "ho" for at in (0, start)])
        assert sum(map(len, found[-1])) == len(run.spikes["h"]) + len(run.spikes["o"]) > 0
    assert found[0] == found[1] == found[2]
    assert max(by_cells) > 4 * 10**9
