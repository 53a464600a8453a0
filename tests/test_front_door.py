"""What users hand to simulate: inputs of every form, states, records; and what a recording knows of its run."""

import copy
import pickle
import threading
import warnings
from dataclasses import replace

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st

from snmem import (
    LIF,
    Input,
    Instar,
    Interrupted,
    KWinnerConfig,
    Network,
    Population,
    Projection,
    Recording,
    Spikes,
    SpikingKWinnerMemory,
    quantize,
    read_nir,
    simulate,
    simulate_batch,
    write_nir,
)
from snmem.backends.base import BACKENDS, Backend, register_backend
from snmem.cost import bill
from snmem.errors import BackendError, InputError, SnmemWarning, UnknownNameError
from snmem.io import arguments
from snmem.plots import recall_raster

X = np.random.default_rng(1).random((12, 6)) < 0.4


def network(shape=6, weights=None, **population):
    return Network(
        (Input("x", shape), Population("h", 4, LIF(alpha=0.5, beta=0.75, theta=0.9), **population)),
        (Projection("x", "h", np.eye(4, 6) if weights is None else weights, delay=2),),
    )


def events(spikes):
    return spikes.step, spikes.neuron


FORMS = {
    "Spikes": Spikes.from_raster,
    "events": lambda x: np.nonzero(x),
    "dict of events": lambda x: dict(zip(("step", "neuron"), np.nonzero(x), strict=True)),
    "bool": lambda x: x,
    "float": lambda x: x.astype(float),
    "nested lists": lambda x: x.astype(int).tolist(),
    "shape of the input": lambda x: x.reshape(-1, 2, 3),
    **{
        kind: (lambda x, kind=kind: getattr(sp, kind)(x))
        for kind in ("csr_array", "csc_array", "coo_array", "lil_matrix")
    },
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("named", [True, False])
def test_every_form_of_input_gives_the_same_run(form, named):
    net = network((2, 3))
    expected = simulate(net, {"x": Spikes.from_raster(X)}, 12)
    value = FORMS[form](X)
    assert simulate(net, {"x": value} if named else value, 12) == expected
    assert len(expected.spikes["h"])


def test_steps_are_those_of_the_longest_input():
    net = Network((Input("x", 6), Input("y", 2), Population("h", 1, LIF())))
    assert simulate(net, {"x": X, "y": ([19], [1])}).steps == 20
    assert simulate(net, {"x": X[:3]}).steps == 3
    assert simulate(net, {"y": Spikes.from_events([1], [0], 30, 2)}).steps == 30
    assert [r.steps for r in simulate_batch(net, [{"x": X}, {"x": X[:5]}])] == [12, 5]
    for inputs in ({}, None, {"x": ((), ())}):
        with pytest.raises(InputError, match="give the number of steps"):
            simulate(net, inputs)


@pytest.mark.parametrize(
    ("inputs", "words"),
    [
        ({"x": [[0, 1], [0, 0]]}, ["'x'", "tuple", "numpy.array"]),
        ({"x": [np.array([0, 1]), np.array([0, 0])]}, ["'x'", "tuple"]),
        ({"x": {"steps": [0], "neuron": [1]}}, ["'x'", '"step"', "'steps'"]),
        ({"x": X[0]}, ["'x'", "(steps, neurons)", "(6,)"]),
        ({"x": sp.csr_array(X * 2)}, ["'x'", "0 and 1"]),
        ({"x": X * 1j}, ["'x'", "0 and 1"]),
        ({"x": None}, ["'x'", "raster"]),
        ({"x": "spikes"}, ["'x'", "raster"]),
        ({"x": [[1, 0], [1]]}, ["'x'", "array"]),
        ({"x": X.reshape(12, 3, 2)}, ["'x'", "(12, 3, 2)"]),
        ({"x": ([0.5], [0])}, ["'x'", "steps", "whole"]),
        ({"x": ([np.inf], [0])}, ["'x'", "whole"]),
        ({"x": (["a"], [0])}, ["'x'", "whole"]),
    ],
)  # fmt: skip
@pytest.mark.parametrize("steps", [12, None])
def test_input_that_is_none_is_refused_by_name(inputs, words, steps):
    with pytest.raises(InputError) as error:
        simulate(network((2, 3)), inputs, steps)
    for word in words:
        assert word in str(error.value)
    assert "\n" not in str(error.value)


def test_spikes_alone_need_a_network_with_one_input():
    net = Network((Input("x", 6), Input("y", 6), Population("h", 1, LIF())))
    with pytest.raises(InputError, match=r"dict of input name -> spikes, got a ndarray.*'x', 'y'"):
        simulate(net, X, 5)


@pytest.mark.parametrize("steps", [0, -1, 2.0, "5", True, 2**62, np.array([3])])
def test_steps_that_are_no_number_of_steps_are_refused(steps):
    with pytest.raises(InputError, match="steps"):
        simulate(network(), {}, steps)


@pytest.mark.parametrize(
    ("record", "words"),
    [
        ({"h.v": [9]}, ["neuron 9", "'h.v'"]),
        (["h.w"], ["'h.w'", "'h'"]),
        (["x.v"], ["'x.v'"]),
        ([3], ["3"]),
        (3, ["3"]),
    ],
)
def test_what_cannot_be_recorded_is_refused(record, words):
    with pytest.raises(InputError) as error:
        simulate(network(), {}, 3, record=record)
    for word in words:
        assert word in str(error.value)


def test_a_trace_named_twice_is_kept_once():
    assert list(simulate(network(), X, record=["h.v", "h.v"]).traces) == ["h.v"]


def test_traces_that_do_not_fit_are_refused_before_memory_is_taken(monkeypatch):
    net = Network((Population("h", 10_000, LIF()),))
    with pytest.raises(InputError, match=r"wants 80,000\.0 GB.*hand on the state"):
        simulate(net, {}, 10**9, record="h.v")
    monkeypatch.setattr(arguments, "available_memory", lambda: 10**9)
    with pytest.raises(InputError, match=r"wants 0\.8 GB, more than the 0\.5 GB"):
        simulate(net, {}, 10**4, record="h.v")


def test_events_that_are_no_record_are_refused():
    good = Spikes([0, 0, 3], [1, 2, 0], 4, 3)
    assert good == Spikes.from_events([3, 0, 0], [0, 2, 1], 4, 3)
    assert good.step.dtype == good.neuron.dtype == np.int64
    for step, neuron, steps, size, words in (
        ([1, 0], [0, 0], 4, 3, "not sorted"),
        ([0, 0], [1, 1], 4, 3, "come twice"),
        ([0, 0], [2, 1], 4, 3, "not sorted"),
        ([0, 4], [0, 0], 4, 3, r"step 4 is outside 0\.\.3"),
        ([0], [-1], 4, 3, "neuron -1"),
        ([0], [0, 1], 4, 3, "1 steps but 2 neurons"),
        ([0.5], [0], 4, 3, "whole"),
        ([0], [0], 4.5, 3, "steps"),
        ([0], [0], 4, -3, "size"),
    ):
        with pytest.raises(InputError, match=words):
            Spikes(step, neuron, steps, size)


@given(st.integers(0, 200))
@settings(max_examples=25, deadline=None)
def test_a_raster_comes_back_from_its_events(seed):
    rng = np.random.default_rng(seed)
    raster = rng.random((rng.integers(1, 9), rng.integers(1, 9))) < 0.3
    spikes = Spikes.from_raster(raster)
    assert (spikes.raster() == raster).all()
    assert Spikes.from_raster(sp.coo_array(raster)) == spikes == Spikes(spikes.step, spikes.neuron, *raster.shape)
    order = rng.permutation(len(spikes))
    assert Spikes.from_events(spikes.step[order], spikes.neuron[order], *raster.shape) == spikes


# States


def test_a_run_goes_on_from_its_state_and_knows_where_it_began():
    net = network(clear_every=5)
    whole = simulate(net, X, record=["h.v"])
    first = simulate(net, X[:7], record=["h.v"])
    second = simulate(net, X[7:], state=first.state, record=["h.v"])
    assert (whole.start, first.start, second.start, second.state.step) == (0, 0, 7, 12)
    assert second.spikes["h"] == whole.spikes["h"].between(7, 12)
    assert second.time.tolist() == whole.time[7:].tolist()


@pytest.mark.parametrize("backend", ["event", "reference", "snntorch"])
@pytest.mark.parametrize(
    "other",
    [network(weights=2 * np.eye(4, 6)), network(clear_every=3), Network((Input("x", 6), Population("h", 5, LIF())))],
    ids=["weights", "clear", "size"],
)
def test_a_state_of_another_network_is_refused_by_every_backend(backend, other):
    state = simulate(network(), X, backend=backend).state
    with pytest.raises(InputError, match=rf"another network \({network().digest()[:12]}, this one is"):
        simulate(other, X, backend=backend, state=state)


def test_a_state_of_an_equal_network_and_a_copied_one_are_accepted():
    first = simulate(network(), X)
    expected = simulate(network(), X, state=first.state)
    for state in (copy.deepcopy(first.state), pickle.loads(pickle.dumps(first)).state):
        assert simulate(network(), X, state=state) == expected


@pytest.mark.parametrize(("one", "other"), [("event", "reference"), ("reference", "event"), ("snntorch", "event")])
def test_a_state_of_another_backend_is_refused(one, other):
    with pytest.raises(InputError, match=rf"on backend '{one}', from which backend '{other}' cannot"):
        simulate(network(), X, backend=other, state=simulate(network(), X, backend=one).state)


def test_precisions_do_not_mix():
    with pytest.raises(InputError, match="'snntorch_float32', from which backend 'snntorch' cannot"):
        simulate(network(), X, backend="snntorch", state=simulate(network(), X, backend="snntorch_float32").state)


def test_loihi_networks_go_on_from_states_of_the_event_engine():
    net = quantize(network()).network
    whole = simulate(net, X, backend="loihi")
    halves = [simulate(net, X[:6], backend="event")]
    halves.append(simulate(net, X[6:], backend="loihi", state=halves[0].state))
    halves.append(simulate(net, X[6:], backend="event", state=simulate(net, X[:6], backend="loihi").state))
    assert halves[1].spikes["h"] == halves[2].spikes["h"] == whole.spikes["h"].between(6, 12)


@pytest.mark.parametrize("state", [3, {}, simulate(network(), X)])
def test_what_is_no_state_is_refused(state):
    with pytest.raises(InputError, match=r"expected Recording\.state"):
        simulate(network(), X, state=state)


@pytest.fixture
def stateless():
    """A backend of another package, which makes its Recording itself and keeps no state."""

    def run(job):
        found = simulate(job.network, job.inputs, job.steps, "reference")
        return Recording("stateless", job.steps, found.spikes, {}, found.counters)

    yield register_backend(Backend("stateless", run))
    del BACKENDS._items["stateless"]


def test_a_backend_that_keeps_no_state_never_starts_again_in_silence(stateless):
    net = network()
    run = simulate(net, X, backend="stateless")
    assert (run.digest, run.dt, run.start, run.state.step) == (net.digest(), net.dt, 0, 12)
    with pytest.raises(InputError, match="'stateless' cannot be continued"):
        simulate(net, X, backend="stateless", state=run.state)
    with pytest.raises(InputError, match="'event', from which backend 'stateless'"):
        simulate(net, X, backend="stateless", state=simulate(net, X).state)


def test_a_backend_that_returns_no_recording_is_named(stateless):
    stateless.run = lambda job: None
    with pytest.raises(BackendError, match="'stateless': returned a NoneType"):
        simulate(network(), X, backend="stateless")


def test_the_state_of_an_interrupted_run_is_refused():
    def stop(step):
        raise KeyboardInterrupt

    net = Network((Population("h", 1, LIF(bias=1.5)),))
    with pytest.raises(Interrupted) as stopped:
        simulate(net, {}, 10**9, progress=stop)
    recording = pickle.loads(pickle.dumps(stopped.value)).recording
    assert recording.steps == stopped.value.recording.steps < 10**9
    with pytest.raises(InputError, match="interrupted"):
        simulate(net, {}, 5, state=recording.state)


# Recordings


def test_a_recording_says_what_it_holds_where_a_name_is_not_there():
    run = simulate(network(), X, record="h.v")
    with pytest.raises(UnknownNameError, match=r"no spikes of population 'y'; known: 'x', 'h'"):
        run.spikes["y"]
    with pytest.raises(KeyError, match=r'no trace .*record="population\.v".* \'h\.u\'; known: \'h\.v\''):
        run.traces["h.u"]
    with pytest.raises(KeyError, match="no learned weights of projection 'x->h'; known: none"):
        run.weights["x->h"]
    assert run.spikes.get("y") is None
    assert "y" not in run.spikes


def test_recordings_are_equal_where_what_was_recorded_is():
    net = network()
    run = simulate(net, X, record="h.v")
    assert run == simulate(network(), X, backend="reference", record="h.v")
    assert run == pickle.loads(pickle.dumps(run)) == pickle.loads(pickle.dumps(replace(run, state=None)))
    assert run != simulate(net, X)
    assert run != simulate(net, X[:-1], record="h.v")
    assert run != simulate(network(weights=np.eye(4, 6) / 4), X, record="h.v")
    assert run != 3
    learning = Network(
        (Input("x", 6), Population("h", 4, LIF(theta=0.5))),
        (Projection("x", "h", np.ones((4, 6)), plasticity=Instar(0.5)),),
    )
    first, second = (simulate(learning, X) for _ in range(2))
    assert first == second
    assert first != replace(second, weights={"x->h": second.weights["x->h"] * 2})


def test_names_that_xarray_uses_itself_are_told_apart():
    pops = [
        Population(name, n + 1, LIF(bias=1.5)) for n, name in enumerate(["step", "step.neuron", "h", "h.v", "h.spikes"])
    ]
    run = simulate(Network(pops), {}, 4, record=["h.v", "step.v"])
    data = run.to_xarray()
    assert data["step.v"].shape == (4, 1)
    assert data["h.v"].dims == ("step", "h")
    for p in pops:
        assert (data[f"{p.name}.spikes"].values == run.spikes[p.name].raster()).all()
    assert data.attrs == {"backend": "event", "dt": 1e-3, "start": 0}


def test_a_bill_is_made_for_the_network_that_was_simulated():
    net, other = network(), network(weights=np.eye(4, 6) / 2)
    run = simulate(net, X, counters=True)
    assert bill(net, run, "loihi1-nahuku").to_dict() == bill(network(), run, "loihi1-nahuku").to_dict()
    bigger = Network((Input("x", 6), Population("h", 5, LIF())), (Projection("x", "h", np.eye(5, 6)),))
    for wrong in (other, bigger):
        for recording in (run, pickle.loads(pickle.dumps(replace(run, state=None)))):
            with pytest.raises(InputError, match=rf"bill: .*another network \({net.digest()[:12]}, this one is"):
                bill(wrong, recording, "loihi1-nahuku")
    with pytest.raises(InputError, match=r"another network \(its populations differ\)"):
        bill(bigger, replace(run, network=None), "loihi1-nahuku")
    with pytest.raises(InputError, match="expected a Recording"):
        bill(net, run.spikes, "loihi1-nahuku")


def test_a_piece_of_a_run_is_billed_by_its_counts():
    net = network()
    whole = simulate(net, X, counters=True)
    pieces = [simulate(net, X[:6], counters=True, record=["h.u", "h.v"])]
    pieces.append(simulate(net, X[6:], counters=True, record=["h.u", "h.v"], state=pieces[0].state))
    counted = [bill(net, run, "loihi1-nahuku").counters["updated"] for run in (whole, *pieces)]
    assert counted[0] == counted[1] + counted[2]


def test_a_memory_reads_recordings_of_its_own_networks_only():
    memory, other = (
        SpikingKWinnerMemory(KWinnerConfig(visible=20, hidden=n, fan_in=8, winners=3, active=4)) for n in (12, 16)
    )
    cue = np.arange(20) < 4
    run = memory.present(cue)
    assert memory.read(run).shape == (1, 20)
    memory.store(cue)
    assert memory.read(run).shape == (1, 20)  # the same circuit with other weights
    with pytest.raises(InputError, match=r"read: .*another network .*of 16 neurons"):
        other.read(run)
    with pytest.raises(InputError, match=r"read: .*needs a population 'cue'"):
        memory.read(simulate(network(), X))


def test_what_holds_a_network_stands_for_it(tmp_path):
    made = quantize(network())
    assert simulate(made, X, backend="loihi") == simulate(made.network, X, backend="loihi")
    write_nir(made, tmp_path / "q.nir")
    assert read_nir(tmp_path / "q.nir") == made.network
    for wrong in (3, None, network):
        with pytest.raises(InputError, match="simulate: expected a Network, got a"):
            simulate(wrong, {}, 3)


def test_a_batch_on_threads_keeps_what_stands_around_it():
    from contextvars import ContextVar

    around, seen = ContextVar("around"), []

    def run(job):
        seen.append((around.get(None), threading.current_thread().name))
        return simulate(job.network, job.inputs, job.steps, "reference", progress=False)

    register_backend(Backend("looks around", run))
    token = around.set("session")
    try:
        simulate_batch(network(), [X] * 5, backend="looks around", threads=2)
    finally:
        around.reset(token)
        del BACKENDS._items["looks around"]
    assert [value for value, _ in seen] == ["session"] * 5
    assert len({name for _, name in seen}) > 1
    for threads in (0, 1.5, True):
        with pytest.raises(InputError, match="simulate_batch: threads"):
            simulate_batch(network(), [X], threads=threads)


def test_populations_of_one_neuron_have_a_raster():
    run = simulate(Network((Population("a", 1, LIF(bias=0.5)),)), {}, 5)
    assert len(recall_raster(run, 1).axes) == 1


def test_a_neuron_that_inherits_its_step_is_not_taken_for_its_parent():
    class Refractory(LIF):
        pass

    net = Network((Population("h", 2, Refractory()),))
    for backend in ("reference", "event", "snntorch"):
        with pytest.raises(BackendError, match="'h' has neurons of type Refractory"):
            simulate(net, {}, 3, backend)


# ---- what begins above its threshold --------------------------------------------------------------------------------


def _biological(**parameters):
    return Network((Input("x", 1), Population("h", 3, LIF(beta=0.9, **parameters))))


def test_neurons_in_millivolts_that_begin_above_their_threshold_are_named():
    net = _biological(theta=[1.0, -50.0, -45.0], bias=-6.5, v_reset=-65.0)
    with pytest.warns(SnmemWarning, match=r"'h': v begins at 0, above the threshold of -50, .* count all potentials"):
        run = simulate(net, {}, 2)
    assert run.spikes["h"].raster()[0].tolist() == [False, True, True]
    with warnings.catch_warnings(action="error"):
        simulate(net, {}, 2, state=run.state)  # goes on from below


@pytest.mark.parametrize(
    "parameters",
    [
        {"theta": 15.0},
        {"theta": 0.5, "bias": 1.0},  # driven, and meant to be
        {"theta": -1.0, "bias": -1.5},  # passes it on an input only
        {"theta": [np.inf, 1.0, 0.0]},
    ],
)
def test_other_thresholds_and_biases_pass_without_a_warning(parameters):
    with warnings.catch_warnings(action="error"):
        simulate(_biological(**parameters), {}, 2)


def test_a_warning_is_one_line_on_the_command_line(tmp_path, snmem):
    net = Network((Input("x", 1), Population("h", 3, LIF(theta=-50.0))), (), ("h",))
    write_nir(net, tmp_path / "net.nir")
    for _ in range(2):
        result = snmem("verify", tmp_path / "net.nir", "--backends", "event", "--steps", 5, "--json")
        assert [line.split(" begins")[0] for line in result.err.splitlines() if "snmem: warning" in line] == [
            "snmem: warning: population 'h': v"
        ]
        assert ".py" not in result.err
