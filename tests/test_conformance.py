"""Every runtime against the reference, on random networks: zero differing cells, and equal bits where claimed."""

import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings

from snmem import Convolution, simulate
from snmem.conformance import (
    EXTENSIONS,
    FEATURES,
    assert_same,
    differing,
    features_of,
    random_inputs,
    random_network,
    refused_by,
)
from snmem.conformance.strategies import Case, cases
from snmem.sources import Source

STEPS = 40


def traces(network):
    return [f"{p.name}.{variable}" for p in network.neurons for variable in p.neuron.variables]


def run_by(backend, arithmetic="float", without=()):
    """Features that a backend runs, without some."""
    return features_of(arithmetic, {*refused_by(backend), *without})


def run(network, seed, backend, counters=False, exact=True):
    inputs = random_inputs(network, seed, STEPS)
    return simulate(network, inputs, STEPS, backend, record=traces(network) if exact else (), counters=counters)


@pytest.mark.parametrize("arithmetic", ["float", "loihi"])
@pytest.mark.parametrize("start", range(0, 200, 50))
def test_event_engine_equals_the_reference(arithmetic, start):
    for seed in range(start, start + 50):
        network = random_network(seed, arithmetic=arithmetic, features=run_by("event", arithmetic))
        expected, result = (run(network, seed, backend, counters=True) for backend in ("reference", "event"))
        assert_same(expected, result)
        assert result.counters == expected.counters, f"seed {seed}"


@given(cases(without=refused_by("event")))
@settings(max_examples=60, deadline=None)
def test_event_engine_equals_the_reference_in_float(case: Case):
    check(case)


@given(cases("loihi", without=refused_by("event")))
@settings(max_examples=60, deadline=None)
def test_event_engine_equals_the_reference_in_loihi_arithmetic(case: Case):
    check(case)


def check(case):
    expected, result = (
        simulate(case.network, case.inputs, case.steps, backend, record=traces(case.network))
        for backend in ("reference", "event")
    )
    assert_same(expected, result)


@pytest.mark.parametrize("arithmetic", ["float", "loihi"])
@pytest.mark.parametrize("backend", ["reference", "event"])
def test_going_on_from_a_state_equals_one_run(arithmetic, backend):
    for seed in range(20):
        network = random_network(seed, arithmetic=arithmetic, features=run_by(backend, arithmetic))
        inputs = random_inputs(network, seed, STEPS)
        whole = simulate(network, inputs, STEPS, "reference", record=traces(network))
        cut = 1 + seed % (STEPS - 1)
        first = simulate(network, {n: s.between(0, cut) for n, s in inputs.items()}, cut, backend)
        rest = {n: s.between(cut, STEPS) for n, s in inputs.items()}
        second = simulate(network, rest, STEPS - cut, backend, state=first.state, record=traces(network))
        tail = {name: s.between(cut, STEPS) for name, s in whole.spikes.items()}
        assert_same(replace(whole, spikes=tail, traces={n: x[cut:] for n, x in whole.traces.items()}), second)


@pytest.mark.parametrize("start", range(0, 100, 20))
def test_brian2_equals_the_reference(start):
    for seed in range(start, start + 20):
        large = 4 if seed % 4 == 0 else 2  # these take Brian2 a second
        network = random_network(seed, max_populations=large, features=run_by("brian2"))
        expected, result = (run(network, seed, b, counters=seed % 8 == 0) for b in ("reference", "brian2"))
        assert_same(expected, result)
        assert result.counters == expected.counters, f"seed {seed}"


@pytest.mark.parametrize("start", range(0, 120, 40))
def test_snntorch_in_float64_equals_the_reference_also_off_grid(start):
    for seed in range(start, start + 40):
        network = random_network(seed, features=run_by("snntorch", without=["plasticity"]))
        assert_same(run(network, seed, "reference"), run(network, seed, "snntorch"))


def test_snntorch_in_float32_equals_the_reference_on_grid():
    for seed in range(120):
        network = random_network(
            seed,
            features=run_by(
                "snntorch_float32",
                without=["plasticity", "off_grid", "fine_decays", "noise", "adaptation", "potentials"],
            ),
        )
        expected, result = (run(network, seed, b, exact=False) for b in ("reference", "snntorch_float32"))
        assert not any(d.differing for d in differing(expected, result).values()), f"seed {seed}"


def test_generated_networks_hold_every_feature():
    networks = [random_network(seed, arithmetic=a) for a in ("float", "loihi") for seed in range(60)]
    neurons = [p for n in networks for p in n.neurons]
    projections = [q for n in networks for q in n.projections]
    vector = [name for name in ("alpha", "beta", "theta", "bias", "v_reset") if any(
        isinstance(getattr(p.neuron, name, None), np.ndarray) for p in neurons)]  # fmt: skip
    held = {
        "subtract": any(getattr(p.neuron, "reset", "") == "subtract" for p in neurons),
        "v_reset": any(np.any(getattr(p.neuron, "v_reset", 0)) for p in neurons),
        "bias": any(np.any(p.neuron.bias) for p in neurons),
        "per_neuron": len(vector) == 5,
        "clear": any(p.clear_every for p in neurons),
        "delay_0": any(0 in q.delays for q in projections),
        "long_delays": {d for q in projections for d in q.delays} >= {2, 3, 4, 5},
        "synapse_delays": any(len(q.delays) > 1 for q in projections),
        "cycles": any(q.pre == q.post for q in projections),
        "zero_weights": any((q.weights.data == 0).any() for q in projections),
        "fine_decays": any(np.isin(p.neuron.beta, (0.25, 0.75)).any() for p in neurons if hasattr(p.neuron, "beta")),
        "off_grid": any((q.weights.data * 16 % 1 != 0).any() for q in projections),
        "plasticity": {type(q.plasticity).__name__ for q in projections} >= {"Instar", "Outstar"},
        "exponent": min(q.exponent for q in projections) < 0 < max(q.exponent for q in projections),
    }
    held["shared_weights"] = any(isinstance(q.weights, Convolution) for q in projections)
    held["values"] = any(i.values for n in networks for i in n.inputs)
    held["sources"] = any(isinstance(i, Source) for n in networks for i in n.inputs)
    held |= {name: any(name == f for n in networks for _, _, f in n.features) for name in EXTENSIONS}
    assert set(held) == set(FEATURES)
    assert all(held.values()), held


def test_features_left_out_do_not_occur():
    for seed in range(40):
        network = random_network(seed, features=())
        assert all(q.delay == 1 and not q.plasticity and q.pre != q.post for q in network.projections)
        assert all(p.clear_every is None and p.neuron.reset == "zero" for p in network.neurons)


def test_random_networks_are_reproducible_and_alive():
    share = []
    for seed in range(100):
        used = run_by("event", without=EXTENSIONS)  # most of which make neurons spike less
        network = random_network(seed, features=used)
        assert network == random_network(seed, features=used)
        spikes = run(network, seed, "event").spikes
        assert spikes == run(network, seed, "event").spikes
        share += [len(spikes[p.name]) / (STEPS * p.size) for p in network.neurons]
    assert 0.2 < np.median(share) < 0.6
    assert np.mean(np.array(share) > 0.01) > 0.8


def test_differing_counts_cells_and_the_first_step():
    network = random_network(3, features=run_by("event", without=["sources", "values", *EXTENSIONS]))
    one, other = (run(network, seed, "event") for seed in (3, 4))
    found = differing(one, other)
    for name, d in ((p.name, found[p.name]) for p in network.neurons):
        apart = one.spikes[name].raster() != other.spikes[name].raster()
        assert (d.cells, d.differing) == (apart.size, apart.sum())
        assert d.first_step == (np.flatnonzero(apart.any(1))[0] if apart.any() else None)
    with pytest.raises(AssertionError, match="differs in"):
        assert_same(one, other)


THIRD_PARTY = """
from dataclasses import replace
from snmem.backends.reference import run as reference
from snmem.errors import BackendError
from snmem.spikes import Spikes

def good(job):
    for q in job.network.projections:
        if q.delay == 0:
            raise BackendError(f"backend 'good': projection {q.name!r} has delay 0; use retime()")
    return replace(reference(job), backend="good")

def bad(job):
    recording = reference(job)
    late = {n: Spikes.from_events(s.step[1:], s.neuron[1:], s.steps, s.size) for n, s in recording.spikes.items()}
    return replace(recording, spikes=late, backend="bad")

def silent(job):
    raise BackendError("cannot")
"""


def suite(tmp_path, *options):
    """Run the shipped suite on backends that another distribution registers by entry point."""
    (tmp_path / "third_party.py").write_text(THIRD_PARTY)
    info = tmp_path / "third_party-1.0.dist-info"
    info.mkdir(exist_ok=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: third-party\nVersion: 1.0\n")
    names = "".join(f"{name} = third_party:{name}\n" for name in ("good", "bad", "silent"))
    (info / "entry_points.txt").write_text(f"[snmem.backends]\n{names}")
    plugin = ["-p", "no:snmem_conformance", "-p", "snmem.conformance.plugin", "-p", "no:cacheprovider"]
    command = [sys.executable, "-m", "pytest", "-q", *plugin, "--pyargs", "snmem.conformance.test_backend", *options]
    code = f"import sys; sys.path.insert(0, {str(tmp_path)!r}); import pytest; sys.exit(pytest.main({command[3:]!r}))"
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=tmp_path)


def test_plugin_passes_a_right_backend_of_a_third_party(tmp_path):
    done = suite(tmp_path, "--snmem-backend", "good", "--snmem-without", "delay_0", "--snmem-networks", "8")
    assert done.returncode == 0, done.stdout
    assert "17 passed" in done.stdout


def test_plugin_fails_a_wrong_backend_and_one_that_refuses_without_saying_what(tmp_path):
    wrong = suite(tmp_path, "--snmem-backend", "bad", "--snmem-networks", "4")
    assert wrong.returncode == 1
    assert "reference and bad: population" in wrong.stdout
    mute = suite(tmp_path, "--snmem-backend", "silent", "--snmem-without", "delay_0", "--snmem-networks", "4")
    assert mute.returncode == 1
    assert "does not say what is refused" in mute.stdout


def test_plugin_says_how_it_is_used(tmp_path):
    done = suite(tmp_path)
    assert done.returncode != 0
    assert "say which backend to test with --snmem-backend NAME" in done.stdout
    done = suite(tmp_path, "--snmem-backend", "good", "--snmem-without", "x")
    assert done.returncode == 4
    assert "unknown feature 'x'; use subtract" in done.stderr
