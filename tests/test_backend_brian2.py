"""Brian2 backend: what it refuses, what it leaves behind, and its compiled targets."""

import subprocess
import sys
import tempfile
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
import scipy.sparse as sp

from snmem import LIF, Input, Instar, Network, Outstar, Population, Projection, simulate
from snmem.backends.brian2_inputs import code_cache
from snmem.conformance import assert_same, random_inputs, random_network
from snmem.errors import BackendError, MissingDependencyError

STEPS = 40


def small_network():
    """Delay 0, a long delay, a rule with gate and signal, a clear, both resets, off-grid weights."""
    rng = np.random.default_rng(5)
    return Network(
        (
            Input("in", 8),
            Population("a", 8, LIF(alpha=0.3, beta=0.8, theta=rng.uniform(0.5, 1, 8), bias=0.07, reset="subtract")),
            Population("b", 6, LIF(beta=0.9, v_reset=-0.1), clear_every=7, clear_offset=3),
        ),
        (
            Projection("in", "a", rng.normal(0.4, 0.5, (8, 8)), delay=0),
            Projection("a", "b", rng.normal(0.2, 0.5, (6, 8)), delay=3),
            Projection(
                "in", "b", rng.normal(0.3, 0.3, (6, 8)), plasticity=Outstar(0.3, gate="a", signal="b", decay=0.4)
            ),
        ),
    )


def test_every_feature_in_one_network_on_the_numpy_target():
    network = small_network()
    both = [
        simulate(network, random_inputs(network, 2, STEPS, 0.3), STEPS, b, record=["a.u", "a.v", "b.v"], counters=True)
        for b in ("reference", "brian2")
    ]
    assert_same(*both)
    assert both[0].counters == both[1].counters
    assert all(0 < n < STEPS * 8 for n in both[1].counters.spikes.values())
    assert both[1].counters.weight_updates["in->b"] > 0


def test_cpp_standalone_equals_the_reference():
    network = small_network()
    inputs = random_inputs(network, 2, STEPS, 0.3)
    assert_same(*(simulate(network, inputs, STEPS, b, record=["a.v", "b.u"]) for b in ("reference", "brian2_cpp")))


def test_cython_equals_the_reference():
    """One population and one projection: every Brian2 object is a module to compile."""
    rng = np.random.default_rng(6)
    network = Network(
        (Input("in", 30), Population("a", 20, LIF(alpha=0.37, beta=0.83, bias=0.013, reset="subtract"))),
        (Projection("in", "a", rng.normal(0.05, 0.2, (20, 30)), delay=2),),
    )
    inputs = random_inputs(network, 2, 200, 0.3)
    one, other = (simulate(network, inputs, 200, b, record=["a.v"]) for b in ("reference", "brian2_cython"))
    assert_same(one, other)
    assert len(one.spikes["a"]) > 200


def test_thresholds_of_any_sign_and_infinite_values_with_and_without_clears():
    thresholds = np.array([-1.0, -np.inf, 0.5, np.inf, -0.0])
    populations, projections = [Input("in", 3)], []
    weights = np.random.default_rng(4).integers(-8, 12, (5, 3)) / 8
    for clear in (None, 3):
        for reset in ("subtract", "zero"):
            for size in (1.0, 1e308):  # the large ones overflow
                name = f"{reset} {clear} {size}"
                neuron = LIF(alpha=0.5 * (size == 1), beta=0.75, theta=thresholds * size, reset=reset)
                populations.append(Population(name, 5, neuron, clear))
                projections.append(Projection("in", name, weights * size))
    network = Network(tuple(populations), tuple(projections))
    inputs = random_inputs(network, 3, STEPS, 0.4)
    record = [f"{p.name}.{x}" for p in network.neurons for x in "uv"]
    expected, found = (simulate(network, inputs, STEPS, b, record=record) for b in ("reference", "brian2"))
    for name in expected.spikes:
        assert expected.spikes[name] == found.spikes[name], name
    for name, values in expected.traces.items():
        assert np.array_equal(values, found.traces[name], equal_nan=True), name
    assert np.isinf(expected.traces["subtract 3 1.0.v"]).any()


def test_loihi_populations_and_states_are_refused_by_name():
    loihi = random_network(1, arithmetic="loihi")
    with pytest.raises(BackendError, match=r"'brian2': population 'pop\d' has neurons of type LoihiLIF, .*; use"):
        simulate(loihi, {}, 3, "brian2")
    network = small_network()
    state = simulate(network, {}, 3, "event").state
    with pytest.raises(BackendError, match="cannot go on from a state; use backend 'event'"):
        simulate(network, {}, 3, "brian2", state=state)


def test_absent_brian2_is_one_clear_error(monkeypatch):
    monkeypatch.setitem(sys.modules, "brian2", None)
    with pytest.raises(MissingDependencyError, match=r"pip install 'snmem\[brian2\]'"):
        simulate(small_network(), {}, 3, "brian2")


def test_failing_compiler_is_one_clear_error_and_leaves_nothing(monkeypatch, tmp_path, capfd):
    import brian2

    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setitem(brian2.prefs, "devices.cpp_standalone.make_cmd_unix", "false")
    with pytest.raises(BackendError, match=r"'brian2_cpp': Brian2 failed: .*needs a C\+\+ compiler"):
        simulate(small_network(), {}, 3, "brian2_cpp")
    assert not [path for path in tmp_path.iterdir() if path.is_dir()]  # Brian2 deletes its log files when Python ends
    assert type(brian2.get_device()).__name__ == "RuntimeDevice"


def test_settings_of_the_user_survive_a_run(capfd):
    import brian2

    brian2.prefs["codegen.target"] = "cython"
    brian2.prefs["codegen.cpp.extra_compile_args"] = ["-O3"]
    brian2.defaultclock.dt = 0.25 * brian2.ms
    hook = sys.excepthook
    try:
        simulate(small_network(), {}, 3, "brian2")
        assert brian2.prefs["codegen.target"] == "cython"
        assert brian2.prefs["codegen.cpp.extra_compile_args"] == ["-O3"]
        assert brian2.defaultclock.dt == 0.25 * brian2.ms
        assert sys.excepthook is hook
        assert capfd.readouterr() == ("", "")
    finally:
        brian2.prefs["codegen.target"] = "auto"
        brian2.prefs["codegen.cpp.extra_compile_args"] = None


def test_where_there_is_no_home_to_write_to_compiled_code_is_kept_for_the_run_alone(tmp_path, monkeypatch):
    own, given = tmp_path / "run", tmp_path / "given"
    monkeypatch.setenv("HOME", str(tmp_path))
    assert code_cache(None, str(own)) == tmp_path / ".cython" / "brian_extensions"
    assert code_cache(str(given), str(own)) == given
    monkeypatch.setenv("HOME", str(tmp_path / "none"))
    assert code_cache(None, str(own)) == own
    monkeypatch.delenv("HOME")
    monkeypatch.setattr("os.path.expanduser", lambda path: path)  # as for users that the system does not know
    assert code_cache(None, str(own)) == own
    assert simulate(small_network(), {}, 3, "brian2").steps == 3


def test_odd_networks():
    """No synapses, no input spikes, a plastic projection without synapses, a threshold never reached."""
    empty = sp.csr_array((3, 2))
    network = Network(
        (Input("in", 2), Population("a", 3, LIF(bias=0.4)), Population("b", 1, LIF(theta=np.inf, bias=1.0))),
        (Projection("in", "a", empty, plasticity=Instar(0.5)), Projection("a", "b", np.ones((1, 3)), delay=5)),
    )
    for inputs in ({}, {"in": ([0, 3], [1, 0])}):
        one, other = (simulate(network, inputs, 9, b, record=["b.v"], counters=True) for b in ("reference", "brian2"))
        assert_same(one, other)
        assert one.counters == other.counters


def test_progress_reaches_the_end():
    seen = []
    simulate(small_network(), {}, 30, "brian2", progress=seen.append)
    assert seen[-1] == 30
    assert seen == sorted(seen)


def test_no_file_is_left_in_the_working_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    simulate(small_network(), {}, 3, "brian2")
    assert not list(tmp_path.iterdir())


def test_importing_the_backend_does_not_import_brian2():
    assert find_spec("snmem.backends.brian2") is not None
    source = Path(find_spec("snmem.backends.brian2").origin).read_text()
    assert "\nimport brian2" not in source


def test_ctrl_c_that_is_ignored_stays_so():
    code = (
        "import signal; signal.signal(signal.SIGINT, signal.SIG_IGN)\n"
        "from snmem import LIF, Network, Population, simulate\n"
        "simulate(Network((Population('a', 1, LIF()),), ()), {}, 3, 'brian2')\n"
        "signal.raise_signal(signal.SIGINT); print('alive')"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (found.returncode, found.stdout) == (0, "alive\n"), found.stderr
