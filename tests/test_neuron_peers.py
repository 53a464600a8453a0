"""The table of snmem.neurons.units, line by line: small networks beside NEST and Brian2, spike for spike."""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import scipy.sparse as sp

from snmem import LIF, Network, Population, Projection, simulate
from snmem.backends.brian2_inputs import import_brian2
from snmem.neurons import synaptic_gain

DT, TAU, SIZE, STEPS = 1e-4, 20e-3, 30, 1500
THETA, RESET, C = 15.0, 2.0, 250.0  # mV above rest, pF


def pairs(spikes):
    return set(zip(spikes.step.tolist(), spikes.neuron.tolist(), strict=True))


class Drawn:
    """A recurrent network of both signs, each synapse with a delay of its own, and neurons that a current drives."""

    def __init__(self, seed, sd=6.0):
        rng = np.random.default_rng(seed)
        there = sp.random_array((SIZE, SIZE), density=0.3, rng=rng, format="csr")
        self.post, self.pre = (np.asarray(axis) for axis in there.nonzero())
        self.weight = rng.normal(0, sd, len(self.pre))
        self.delay = rng.integers(1, 30, len(self.pre))
        self.v, self.drive = rng.uniform(0, 14, SIZE), rng.uniform(14, 26, SIZE)

    def matrix(self, which, gain=1.0):
        """The synapses ``which`` of the network, with weights and delays in this order."""
        at = (self.post[which], self.pre[which])
        return sp.coo_array((self.weight[which] * gain, at), shape=(SIZE, SIZE)), self.delay[which]


def exponential(drawn, tau_e, tau_i, t_ref):
    """The network for NEST's iaf_psc_exp, and its twin: excitation reaches u, inhibition u2, delays are one longer."""
    ms = {"tau_m": TAU, "tau_syn_ex": tau_e, "tau_syn_in": tau_i, "t_ref": t_ref}
    case = nest_case("iaf_psc_exp", drawn, drawn.weight * C / (TAU * 1e3), ms)
    neuron = LIF.from_tau(
        TAU, tau_e, DT, tau_syn2=tau_i, theta=THETA, v_reset=RESET, v_init=drawn.v, drive=drawn.drive, refractory=t_ref
    )
    projections = []
    for receptor, tau, which in (("u", tau_e, drawn.weight > 0), ("u2", tau_i, drawn.weight < 0)):
        weights, delay = drawn.matrix(which, synaptic_gain(TAU, tau, DT))
        projections.append(Projection("h", "h", weights, delay + 1, name=receptor, receptor=receptor))
    return case, Network((Population("h", SIZE, neuron),), tuple(projections), dt=DT)


def delta(drawn, t_ref):
    """The network for NEST's iaf_psc_delta, and its twin: synapses reach v, with the same weights and delays."""
    case = nest_case("iaf_psc_delta", drawn, drawn.weight, {"tau_m": TAU, "t_ref": t_ref})
    neuron = LIF.from_tau(TAU, dt=DT, theta=THETA, v_reset=RESET, v_init=drawn.v, drive=drawn.drive, refractory=t_ref)
    synapses = Projection("h", "h", *drawn.matrix(drawn.weight != 0), receptor="v")
    return case, Network((Population("h", SIZE, neuron),), (synapses,), dt=DT)


def nest_case(model, drawn, weight, seconds):
    times = {name: value * 1e3 for name, value in seconds.items()}
    return {
        "model": model,
        "dt": DT * 1e3,
        "steps": STEPS,
        "params": {"E_L": 0.0, "V_th": THETA, "V_reset": RESET, "C_m": C, **times},
        "v": drawn.v.tolist(),
        "current": (drawn.drive * C / (TAU * 1e3)).tolist(),
        "synapses": [drawn.pre.tolist(), drawn.post.tolist(), weight.tolist(), drawn.delay.tolist()],
    }


def tie():
    """Neuron 0 spikes in step 0 and lifts neuron 1 to exactly theta, which is a spike in NEST."""
    drawn = Drawn(0)
    drawn.pre, drawn.post, drawn.weight, drawn.delay = (np.array([x]) for x in (0, 1, THETA, 3))
    drawn.v, drawn.drive = np.zeros(SIZE), np.zeros(SIZE)
    drawn.v[0] = 2 * THETA
    return delta(drawn, 0.0)


CASES = {
    "exponential": lambda: exponential(Drawn(1), 2e-3, 5e-3, 2e-3),
    "exponential, tau_syn = tau_m": lambda: exponential(Drawn(2, 2.0), TAU, 10e-3, 0.5e-3),
    "exponential, not refractory": lambda: exponential(Drawn(3), 0.5e-3, 0.5e-3, 0.0),
    "delta": lambda: delta(Drawn(4, 3.0), 2e-3),
    "delta, not refractory": lambda: delta(Drawn(5, 3.0), 0.0),
    "tie": tie,
}


@pytest.fixture(scope="module")
def nest_runs():
    """What NEST does with all cases: a process of its own, for it is not made to share one."""
    cases = json.dumps([make()[0] for make in CASES.values()])
    script = Path(__file__).with_name("nest_run.py")
    run = subprocess.run([sys.executable, str(script)], input=cases, capture_output=True, text=True, timeout=600)
    assert run.returncode == 0, run.stderr
    return dict(zip(CASES, json.loads(run.stdout), strict=True))


@pytest.mark.parametrize("case", [name for name in CASES if name != "tie"])
def test_nest_has_the_same_spikes_and_v(nest_runs, case):
    """t_ref, delays of single synapses, two currents, delta synapses: spikes entry by entry, v to rounding."""
    theirs, run = nest_runs[case], simulate(CASES[case]()[1], {}, STEPS, record=["h.v"])
    ours = pairs(run.spikes["h"])
    assert len(ours) > 100
    assert ours == {tuple(pair) for pair in theirs["spikes"]}
    assert np.abs(run.traces["h.v"] - np.array(theirs["v"])).max() < 1e-12


def test_nest_spikes_at_the_threshold_too(nest_runs):
    """NEST: x >= theta; the next smaller number as the threshold says the same here."""
    network = CASES["tie"]()[1]
    assert nest_runs["tie"]["spikes"] == [[0, 0], [3, 1]]
    assert pairs(simulate(network, {}, 10).spikes["h"]) == {(0, 0)}
    neuron = LIF.from_tau(TAU, dt=DT, theta=np.nextafter(THETA, 0), v_init=np.eye(SIZE)[0] * 2 * THETA)
    population = Population("h", SIZE, neuron)
    assert pairs(simulate(Network((population,), network.projections, dt=DT), {}, 10).spikes["h"]) == {(0, 0), (3, 1)}


def brian2_spikes(drawn, equations, on_pre, reset, refractory):
    """The network as a Brian2 user writes it, "unless refractory": spikes of exact integration with x in 1."""
    b2 = import_brian2()
    b2.prefs.codegen.target = "numpy"
    clock = b2.Clock(dt=DT * b2.second)
    group = b2.NeuronGroup(
        SIZE, equations, threshold=f"x > {THETA}", reset=reset, refractory=refractory * DT * b2.second,
        method="exact", clock=clock,
    )  # fmt: skip
    group.x, group.drive = drawn.v, drawn.drive
    s = b2.Synapses(group, group, "w : 1", on_pre=on_pre, clock=clock)
    order = np.lexsort((drawn.post, drawn.pre))
    s.connect(i=drawn.pre[order], j=drawn.post[order])
    s.w, s.delay = drawn.weight[order], drawn.delay[order] * DT * b2.second
    monitor = b2.SpikeMonitor(group)
    b2.Network(group, s, monitor).run(STEPS * DT * b2.second, namespace={"ms": b2.ms})
    steps = np.round(np.asarray(monitor.t / b2.second) / DT).astype(int)
    return set(zip(steps.tolist(), np.asarray(monitor.i).tolist(), strict=True))


def beside_brian2(drawn, receptor, gain, tau_syn, steps, after, **options):
    """Our spikes: ``steps`` refractory, ``after``: v is reset to where Brian2's v is one step later."""
    neuron = LIF.from_tau(TAU, tau_syn, DT, theta=THETA, v_init=drawn.v, drive=drawn.drive, refractory=steps * DT)
    v_reset = neuron.beta * RESET + neuron.bias if after else RESET
    neuron = replace(neuron, v_reset=v_reset, **options)
    weights, delay = drawn.matrix(drawn.weight != 0, gain * (neuron.beta if receptor == "v" else 1.0))
    projection = Projection("h", "h", weights, delay + 1, receptor=receptor)
    network = Network((Population("h", SIZE, neuron),), (projection,), dt=DT)
    return pairs(simulate(network, {}, STEPS).spikes["h"])


@pytest.mark.parametrize("refractory", [0, 1, 20])
def test_delta_synapses_of_brian2_that_are_lost_while_refractory(refractory):
    """Brian2 integrates in the last refractory step, but loses what arrives in it: v is reset to beta v_reset + c."""
    drawn = Drawn(6, 3.0)
    equations = "dx/dt = (drive - x) / (20*ms) : 1 (unless refractory)\ndrive : 1 (constant)"
    theirs = brian2_spikes(drawn, equations, "x_post += w", f"x = {RESET}", refractory)
    assert len(theirs) > 100
    assert beside_brian2(drawn, "v", 1.0, 0.0, max(refractory, 1), True) == theirs
    assert beside_brian2(drawn, "v", 1.0, 0.0, max(refractory - 1, 0), False) != theirs


@pytest.mark.parametrize("refractory", [1, 20])
def test_freeze_is_unless_refractory_of_brian2_on_all_variables(refractory):
    """Where a spike clears the current: as many steps, and v is reset to beta v_reset + c."""
    drawn = Drawn(7)
    equations = (
        "dx/dt = (drive + g - x) / (20*ms) : 1 (unless refractory)\ndg/dt = -g / (5*ms) : 1 (unless refractory)\n"
        "drive : 1 (constant)"
    )
    theirs = brian2_spikes(drawn, equations, "g_post += w", f"x = {RESET}; g = 0", refractory)
    gain = synaptic_gain(TAU, 5e-3, DT)
    assert len(theirs) > 100
    frozen = {"refractory_mode": "freeze", "reset_current": True}
    assert beside_brian2(drawn, "u", gain, 5e-3, refractory, True, **frozen) == theirs
    assert beside_brian2(drawn, "u", gain, 5e-3, refractory, False, **frozen) != theirs
