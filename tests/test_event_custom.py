"""A neuron from elsewhere on the event engine, with one file: the bits of the reference, or a refusal by name."""

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
import scipy.sparse as sp

from snmem import LIF, Input, Instar, Network, Population, Projection, simulate
from snmem.backends.event import EVENT, CompiledNeuron
from snmem.conformance.networks import random_inputs, random_network
from snmem.errors import BackendError
from snmem.neurons import Neuron

FOLDER = Path(__file__).parent / "extensions"
sys.path.insert(0, str(FOLDER))


@pytest.fixture(autouse=True)
def declared(monkeypatch):
    """What a test declares is known to that test only; AdaptiveLIF is declared, as by a user's import."""
    from adaptive_lif import AdaptiveLIF

    monkeypatch.setattr(EVENT, "neurons", set(EVENT.neurons))
    monkeypatch.setattr(EVENT, "implementations", dict(EVENT.implementations))
    from adaptive_lif_event import step

    EVENT.implements(AdaptiveLIF)(CompiledNeuron(step, ("beta", "theta", "rho", "kappa")))


def same(network, inputs, steps, counters=True, **options):
    """Engine and reference agree in everything; returns the two runs."""
    record = [f"{p.name}.{name}" for p in network.neurons for name in p.neuron.variables]
    runs = [simulate(network, inputs, steps, b, record=record, counters=counters) for b in ("event", "reference")]
    quiet = simulate(network, inputs, steps, **options)
    assert runs[0].spikes == runs[1].spikes == quiet.spikes
    assert runs[0].counters == runs[1].counters
    for name in record:
        np.testing.assert_array_equal(runs[0].traces[name], runs[1].traces[name])
    for run in (runs[0], quiet):
        assert all((run.weights[name] != w).nnz == 0 for name, w in runs[1].weights.items())
    return quiet, runs[1]


@pytest.mark.parametrize("seed", range(12))
def test_random_networks_give_the_bits_of_the_reference(seed):
    network = random_network(seed, neuron="adaptive_lif")
    same(network, random_inputs(network, seed, 40), 40)


def mixed(learning=None):
    """Adaptive neurons beside LIF neurons: two blocks each, dense on a grid, sparse off it, delays 0 to 3, clears."""
    from adaptive_lif import AdaptiveLIF

    rng = np.random.default_rng(4)
    adaptive = AdaptiveLIF(beta=rng.random(300), theta=1.0, rho=0.9, kappa=0.4)
    dense = rng.integers(-7, 9, (600, 40)) / 8 * (rng.random((600, 40)) < 0.7)
    back = sp.csr_array(rng.normal(0, 0.5, (300, 600)) * (rng.random((300, 600)) < 0.02))
    return Network(
        (
            Input("x", 40),
            Population("lif", 600, LIF(0.5, 0.9, theta=2.0, bias=0.01)),
            Population("adaptive", 300, adaptive, clear_every=17, clear_offset=3),
            Population("dense", 600, AdaptiveLIF(0.75, 2.0, 0.5, 1.5)),
        ),
        (
            Projection("x", "lif", dense, delay=0),
            Projection("x", "dense", dense, delay=2),
            Projection("lif", "adaptive", back, delay=0, plasticity=None),
            Projection("dense", "adaptive", 0.5 * back, delay=1, plasticity=learning),
            Projection("adaptive", "lif", -back.T.tocsr(), delay=3),
            Projection("adaptive", "adaptive", rng.normal(0, 0.1, (300, 300)), delay=1),
        ),
    )


@pytest.mark.parametrize("learning", [None, Instar(0.25, decay=0.5)])
def test_populations_of_several_neurons_with_delays_and_learning(learning):
    network, x = mixed(learning), np.random.default_rng(5).random((120, 40)) < 0.1
    quiet, reference = same(network, {"x": x}, 120, threads=2)
    assert all(len(reference.spikes[p.name]) > 300 for p in network.neurons)
    first = simulate(network, {"x": x[:45]}, 45, exact=False)
    rest = simulate(network, {"x": x[45:]}, 75, state=first.state)
    for p in network.neurons:
        assert first.spikes[p.name] == reference.spikes[p.name].between(0, 45)
        assert rest.spikes[p.name] == reference.spikes[p.name].between(45, 120)
    after = [simulate(network, {}, 5, b, state=r.state, record=["adaptive.a", "lif.v"])
             for b, r in (("event", quiet), ("reference", reference))]  # fmt: skip
    for name in ("adaptive.a", "lif.v"):
        np.testing.assert_array_equal(after[0].traces[name], after[1].traces[name])


@dataclass(frozen=True, eq=False)
class Pacemaker(Neuron):
    """One variable, no parameters, a start other than 0: spikes every fourth step without input."""

    variables: ClassVar = ("phase",)
    receptors: ClassVar = ("phase",)

    def initial(self, size):
        return {"phase": np.full(size, 2.0)}

    def step(self, state, current, t):
        phase = state["phase"] + 1.0 + current["phase"]
        return {"phase": np.where(phase >= 4.0, 0.0, phase)}, phase >= 4.0


def pacing(neuron, size=3):
    return Network((Input("x", size), Population("p", size, neuron)), (Projection("x", "p", np.eye(size)),))


def test_a_neuron_with_one_variable_and_no_parameter_starts_where_it_says():
    def step(phase, current):
        phase = phase + 1.0 + current
        return 0.0 if phase >= 4.0 else phase, phase >= 4.0

    EVENT.implements(Pacemaker)(CompiledNeuron(step))
    quiet, _ = same(pacing(Pacemaker()), {"x": ([5, 6], [0, 2])}, 30, counters=True)
    assert quiet.spikes["p"].step[:3].tolist() == [1, 1, 1]


@dataclass(frozen=True, eq=False)
class Biased(Neuron):
    """v = v + bias + I, and who counts as updated is its own affair where ``updated`` is replaced."""

    bias: Any = 0.25

    variables: ClassVar = ("v",)
    receptors: ClassVar = ("v",)

    def step(self, state, current, t):
        v = state["v"] + self.bias + current["v"]
        return {"v": np.where(v > 1.0, 0.0, v)}, v > 1.0


def biased_step(v, current, bias):
    v = v + bias + current
    return 0.0 if v > 1.0 else v, v > 1.0


def test_a_bias_counts_as_an_update():
    EVENT.implements(Biased)(CompiledNeuron(biased_step, ("bias",)))
    run, _ = same(pacing(Biased([0.0, 0.25, 0.0])), {"x": ([5], [0])}, 20, counters=True)
    assert len(run.spikes["p"]) > 0


def test_what_the_engine_cannot_run_is_refused_by_name():
    def refused(neuron, match, **options):
        with pytest.raises(BackendError, match=match) as caught:
            simulate(pacing(neuron), {}, 2, **options)
        assert "\n" not in str(caught.value)

    refused(Pacemaker(), "population 'p' has neurons of type Pacemaker, this backend runs AdaptiveLIF, LIF, LoihiLIF")
    EVENT.implements(Pacemaker)("anything")
    refused(Pacemaker(), "'p' has neurons of type Pacemaker, declared without a CompiledNeuron")
    EVENT.implements(Pacemaker)(CompiledNeuron(biased_step, ("bias",)))
    refused(Pacemaker(), "'p' has neurons of type Pacemaker, which has no parameter 'bias'")
    EVENT.implements(Pacemaker)(CompiledNeuron(lambda phase: (phase, True)))
    refused(Pacemaker(), "CompiledNeuron of Pacemaker cannot be compiled; let its step take 1 variables")
    EVENT.implements(Pacemaker)(CompiledNeuron(lambda phase, current: current))
    refused(Pacemaker(), "CompiledNeuron of Pacemaker cannot be compiled")

    class Counting(Biased):
        def updated(self, state, current):
            return current["v"] != 0

    refused(Counting(), "population 'p' has neurons of type Counting, this backend runs")
    EVENT.implements(Counting)(CompiledNeuron(biased_step, ("bias",)))
    refused(Counting(), "'p' has neurons of type Counting, which say themselves which count", counters=True)
    assert simulate(pacing(Counting()), {}, 9).spikes["p"].step[0] == 4

    class Whole(Biased):
        arithmetic = "loihi"

    EVENT.implements(Whole)(CompiledNeuron(biased_step, ("bias",)))
    refused(Whole(0), "'p' has neurons of type Whole, in Loihi's integer arithmetic")


def test_networks_of_lif_neurons_hold_nothing_of_it():
    from snmem.backends.event import layout_of

    network = pacing(LIF())
    assert not layout_of(network).net.custom.steps.any()
    assert layout_of(network).net.custom.par.size == 0
    assert simulate(network, {}, 2**40).steps == 2**40  # silence still takes no time


def test_the_conformance_suite_accepts_it():
    files = [f"--snmem-load={FOLDER / name}.py" for name in ("adaptive_lif", "adaptive_lif_event")]
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--pyargs"]
    options = ["snmem.conformance.test_backend", "--snmem-backend=event", "--snmem-neuron=adaptive_lif"]
    done = subprocess.run(
        [*command, *options, "--snmem-networks=6", *files], capture_output=True, text=True, cwd=FOLDER
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "13 passed" in done.stdout
