"""Neurons in physical units against closed forms, and against Brian2, spike for spike."""

import numpy as np
import pytest
import scipy.sparse as sp

from snmem import LIF, Input, Network, Population, Projection, Spikes, simulate
from snmem.backends.brian2_inputs import import_brian2
from snmem.errors import NetworkError
from snmem.installation.content import load_script
from snmem.neurons import synaptic_gain

DT, TAU = 1e-4, 20e-3


def alone(neuron, steps, backend="event", record=(), **kind):
    """A population without synapses: its spikes and traces."""
    network = Network((Population("h", kind.get("size", 1), neuron),), dt=DT)
    return simulate(network, {}, steps, backend, record=[f"h.{name}" for name in record])


@pytest.mark.parametrize("refractory", [0.0, 2e-3, 5e-3])
def test_the_rate_follows_the_drive_as_the_closed_form_says(refractory):
    """The interval between spikes is t_ref + tau log(D / (D - theta)), up to one step."""
    drive = np.array([15.5, 18, 25, 40, 80.0])
    neuron = LIF.from_tau(TAU, dt=DT, theta=15.0, drive=drive, refractory=refractory)
    spikes = alone(neuron, 4000, size=5).spikes["h"]
    for i, d in enumerate(drive):
        interval = np.diff(spikes.step[spikes.neuron == i])
        assert len(set(interval.tolist())) == 1
        expected = refractory + TAU * np.log(d / (d - 15.0))
        assert expected <= interval[0] * DT <= expected + DT * (1 + 1e-9)


@pytest.mark.parametrize("tau_syn", [2e-3, 5e-3, 20e-3])
def test_a_psp_has_the_shape_and_peak_of_its_closed_form(tau_syn):
    """g decays from w; v = w tau_s / (tau_s - tau_m) (exp(-t/tau_s) - exp(-t/tau_m)), w t/tau exp(-t/tau) if equal."""
    neuron = LIF.from_tau(TAU, tau_syn, DT, theta=np.inf)
    weight = 3.0 * synaptic_gain(TAU, tau_syn, DT)
    network = Network((Input("x", 1), Population("h", 1, neuron)), (Projection("x", "h", [[weight]], 1),), dt=DT)
    v = simulate(network, {"x": [[1]]}, 1500, record=["h.v"]).traces["h.v"][1:, 0]
    t = DT * np.arange(1, 1500)
    if tau_syn == TAU:
        shape, peak = t / TAU * np.exp(-t / TAU), TAU
    else:
        shape = tau_syn / (tau_syn - TAU) * (np.exp(-t / tau_syn) - np.exp(-t / TAU))
        peak = np.log(tau_syn / TAU) / (1 / TAU - 1 / tau_syn)
    assert np.abs(v - 3.0 * shape).max() < 1e-12
    assert abs(t[v.argmax()] - peak) <= DT


def test_adaptation_settles_at_the_rate_of_its_closed_form():
    """At interval T, a just before a spike is kappa r/(1 - r), r = exp(-T/tau_a); v reaches theta + a then."""
    tau_a, kappa, drive = 50e-3, 3.0, 40.0
    neuron = LIF.from_tau(TAU, dt=DT, theta=10.0, drive=drive, tau_threshold=tau_a, kappa=kappa)
    steps = np.diff(alone(neuron, 12000).spikes["h"].step)
    assert steps[0] < steps[-1]
    times = DT * np.arange(1, 3000)
    kept = np.exp(-times / tau_a)
    reached = drive * (1 - np.exp(-times / TAU)) > 10.0 + kappa * kept / (1 - kept)
    assert abs(np.mean(steps[-20:]) - (np.argmax(reached) + 1)) <= 1


def test_noise_gives_v_the_spread_of_an_ornstein_uhlenbeck_process():
    """Variance sd^2 / (1 - beta^2), correlation beta^n after n steps; within five standard errors."""
    beta, sd, size = 0.9, 0.5, 20_000
    neuron = LIF(beta=beta, theta=np.inf, noise_sd=sd, noise_seed=3)
    v = alone(neuron, 200, record=("v",), size=size).traces["h.v"]
    last, variance = v[-1], sd**2 / (1 - beta**2)
    assert abs(last.mean()) < 5 * np.sqrt(variance / size)
    assert abs(last.var() - variance) < 5 * variance * np.sqrt(2 / size)
    assert abs(np.corrcoef(last, v[-11])[0, 1] - beta**10) < 5 / np.sqrt(size)


def test_euler_converges_to_exact_integration():
    """Halving dt halves the error of a PSP."""
    errors = []
    for dt in (1e-4, 5e-5):
        alpha, beta = 1 - dt / 5e-3, 1 - dt / TAU
        neuron = LIF.from_tau(TAU, 5e-3, dt, theta=np.inf, integration="euler")
        assert (neuron.alpha, neuron.beta) == (alpha, beta)
        weight = synaptic_gain(TAU, 5e-3, dt, "euler")
        network = Network((Input("x", 1), Population("h", 1, neuron)), (Projection("x", "h", [[weight]], 1),), dt=dt)
        steps = round(0.02 / dt)
        v = simulate(network, {"x": [[1]]}, steps + 1, record=["h.v"]).traces["h.v"][-1, 0]
        errors.append(abs(v - 5 / (5 - 20) * (np.exp(-0.02 / 5e-3) - np.exp(-0.02 / TAU))))
    assert 1.9 < errors[0] / errors[1] < 2.1


def brian2_run(weights, v0):
    """A small recurrent network as a Brian2 user writes it, integrated exactly: (step, neuron), v after each step."""
    b2 = import_brian2()
    b2.prefs.codegen.target = "numpy"
    clock = b2.Clock(dt=DT * b2.second)
    equations = "dv/dt = (g + 17 - v) / (20*ms) : 1 (unless refractory)\ndg/dt = -g / (5*ms) : 1"
    group = b2.NeuronGroup(
        len(v0), equations, threshold="v > 15", reset="v = 2", refractory=2 * b2.ms, method="exact", clock=clock
    )
    group.v = v0
    s = b2.Synapses(group, group, "w : 1", on_pre="g_post += w", delay=0.8 * b2.ms, clock=clock)
    post, pre = np.nonzero(weights)
    order = np.lexsort((post, pre))
    s.connect(i=pre[order], j=post[order])
    s.w = weights[post[order], pre[order]]
    spikes, trace = b2.SpikeMonitor(group), b2.StateMonitor(group, "v", record=True, when="end", clock=clock)
    b2.Network(group, s, spikes, trace).run(0.2 * b2.second, namespace={"ms": b2.ms})
    steps = np.round(np.asarray(spikes.t / b2.second) / DT).astype(int)
    return set(zip(steps.tolist(), np.asarray(spikes.i).tolist(), strict=True)), np.asarray(trace.v).T


def test_brian2_has_the_same_spikes_and_v():
    """Refractory neurons that hold v; v to rounding, spikes entry by entry."""
    rng = np.random.default_rng(5)
    weights, v0 = rng.normal(0, 8, (40, 40)) * (rng.random((40, 40)) < 0.2), rng.uniform(0, 14, 40)
    theirs, their_v = brian2_run(weights, v0)
    neuron = LIF.from_tau(TAU, 5e-3, DT, theta=15.0, v_reset=2.0, v_init=v0, drive=17.0, refractory=1.9e-3)
    gain = synaptic_gain(TAU, 5e-3, DT)
    network = Network((Population("h", 40, neuron),), (Projection("h", "h", sp.csr_array(weights * gain), 9),), dt=DT)
    run = simulate(network, {}, 2000, record=["h.v"])
    spikes = run.spikes["h"]
    ours = set(zip(spikes.step.tolist(), spikes.neuron.tolist(), strict=True))
    assert len(ours) > 150
    assert ours == theirs
    assert np.abs(run.traces["h.v"] - their_v).max() < 1e-9


def test_cuba_has_the_spikes_of_brian2():
    result = load_script("models", "cuba").reproduce(quick=True, report=lambda text: None)
    assert result["ok"], result["rows"]
    assert result["raw"]["spikes"] > 1000


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"tau_mem": 0}, "tau_mem must be a number of seconds > 0, got 0"),
        ({"tau_mem": 0.02, "tau_syn": -1}, "tau_syn must be a number of seconds >= 0, got -1"),
        ({"tau_mem": 0.02, "dt": 0}, "dt must be a number of seconds > 0"),
        (
            {"tau_mem": 0.02, "refractory": 2.5e-4, "dt": 1e-4},
            "refractory must be a multiple of dt = 0.0001 s, got 0.00025",
        ),
        ({"tau_mem": 0.02, "integration": "rk4"}, "integration must be 'exact' or 'euler'"),
        ({"tau_mem": 1e-4, "integration": "euler"}, "tau_mem is below dt"),
        ({"tau_mem": 0.02, "tau": 1}, "there is no option 'tau'; use "),
        ({"tau_mem": 0.02, "theta": "high"}, "theta must be a number or a vector of numbers"),
    ],
)
def test_units_that_do_not_fit_are_refused_in_one_line(values, message):
    with pytest.raises(NetworkError, match=f"LIF.from_tau: {message}") as error:
        LIF.from_tau(**values)
    assert "\n" not in str(error.value)


def test_potentials_count_from_rest_where_v_begins():
    neuron = LIF.from_tau(TAU, dt=DT, theta=-50.0, v_rest=-65.0, v_reset=-70.0)
    assert (neuron.theta, neuron.v_reset, neuron.v_init) == (15, -5, 0)
    assert not len(alone(neuron, 100).spikes["h"])


def test_ca3_cells_spike_once_for_a_spike_of_weight_6():
    """The slow cell of the CA3 memory of sPyMem (Casanueva-Morato et al. 2024): its constants, and a volley."""
    dt, tau_m, cm, tau_s = 1e-3, 3e-3, 0.27, 0.3e-3
    neuron = LIF.from_tau(tau_m, tau_s, dt, theta=-57.0, v_rest=-60.0, v_reset=-60.0, refractory=1e-3)
    assert (round(float(neuron.alpha), 4), round(float(neuron.beta), 4), neuron.refractory) == (0.0357, 0.7165, 1)
    # SpiNNaker's current-based cell: a spike adds .3 (1 - alpha) w, and v gains (tau / cm) (1 - beta) I
    weight = 6 * tau_s * 1e3 * (1 - neuron.alpha) * (tau_m * 1e3 / cm) * (1 - neuron.beta)
    assert round(weight, 1) == 5.5
    network = Network((Input("x", 1), Population("h", 1, neuron)), (Projection("x", "h", [[weight]], 1),), dt=dt)
    run = simulate(network, {"x": Spikes.from_events([0, 1, 2], [0, 0, 0], 8, 1)}, 8)
    assert run.spikes["h"].step.tolist() == [1, 3]
