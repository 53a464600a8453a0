"""Real Lava: zero differing cells against the reference, refusals by name, and no trace of a run that went wrong."""

import dataclasses
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import psutil
import pytest
import scipy.sparse as sp

from snmem import LIF, Input, Instar, LoihiLIF, Network, Population, Projection, Spikes, simulate
from snmem.conformance import assert_same, features_of, random_inputs, random_network, refused_by
from snmem.errors import BackendError, InputError, MissingDependencyError
from snmem.lava import LavaSession, overflow, shim
from snmem.lava.cleanup import how_ended
from snmem.lava.plan import make_plan, order_free
from snmem.lava.session import TIMEOUT
from snmem.loihi.arithmetic import condition_weights
from snmem.lowering import split_delays
from snmem.neurons import LOIHI_STATE_LIMIT
from snmem.simulation import Job

REFUSED = {"plasticity", *refused_by("lava_float")}
SEEDS = range(12)


@pytest.fixture(scope="module", autouse=True)
def session():
    with LavaSession() as session:
        yield session


def traces(network):
    return [f"{p.name}.{var}" for p in network.neurons for var in "uv"]


def check(network, inputs, steps, record=()):
    """Lava equals the reference in every cell, and in every recorded u and v."""
    backend = "lava_float" if network.arithmetic == "float" else "lava_fixed"
    lava = simulate(network, inputs, steps, backend=backend, record=record)
    reference = simulate(network, inputs, steps, backend="reference", record=record)
    assert_same(lava, reference)
    assert lava.counters == dataclasses.replace(reference.counters, updated=None, changed=None)
    return lava


@pytest.mark.parametrize("seed", SEEDS[::2])
@pytest.mark.parametrize("arithmetic", ["float", "loihi"])
def test_generated_networks_agree(arithmetic, seed):
    network = random_network(seed, arithmetic=arithmetic, features=features_of(arithmetic, REFUSED))
    check(network, random_inputs(network, seed, 50), 50, record=traces(network) if seed % 4 else ())


def side_by_side(networks):
    """Independent networks as one: Lava's start-up takes longer than their runs."""
    populations, projections = [], []
    for i, network in enumerate(networks):
        populations += [dataclasses.replace(p, name=f"{i}.{p.name}") for p in network.populations]
        for q in network.projections:
            names = {key: f"{i}.{getattr(q, key)}" for key in ("pre", "post", "name")}
            projections.append(dataclasses.replace(q, **names))
    return Network(tuple(populations), tuple(projections))


@pytest.mark.parametrize("batch", range(4))
@pytest.mark.parametrize("arithmetic", ["float", "loihi"])
def test_sixty_generated_networks_agree(arithmetic, batch):
    """15 networks a run, without timed clears (each needs a process); every u and v of every step is compared too."""
    seeds = range(100 + 15 * batch, 115 + 15 * batch)
    features = features_of(arithmetic, REFUSED | {"clear"})
    networks = [random_network(seed, arithmetic=arithmetic, features=features) for seed in seeds]
    inputs = {
        f"{i}.{name}": spikes
        for i, (seed, network) in enumerate(zip(seeds, networks, strict=True))
        for name, spikes in random_inputs(network, seed, 50).items()
    }
    network = side_by_side(networks)
    lava = check(network, inputs, 50, traces(network))
    assert sum(len(lava.spikes[p.name]) > 0 for p in network.neurons) > len(networks)


def test_the_generated_networks_reach_the_corners():
    networks = [random_network(seed, arithmetic="loihi", features=features_of("loihi", REFUSED)) for seed in SEEDS]
    plans = [make_plan(Job(split_delays(n), random_inputs(n, 0, 5), 5), "lava_fixed") for n in networks]
    assert any(len(n.neurons) > 2 for n in networks)
    assert any(plan.delay_lines for plan in plans)
    assert any(p.clear for plan in plans for p in plan.neurons)
    assert {p.extended for plan in plans for p in plan.neurons} == {True, False}
    assert any(np.ndim(value) for plan in plans for p in plan.neurons for value in p.parameters.values())
    connections = [c for plan in plans for c in plan.connections]
    assert {c.sign for c in connections} == {"MIXED", "EXCITATORY", "INHIBITORY"}
    assert {c.dense for c in connections} == {True, False}
    assert min(c.exponent for c in connections) < 0 < max(c.exponent for c in connections)
    assert any(q.pre == q.post for n in networks for q in n.projections)


def test_u_wraps_and_v_saturates_as_in_the_definition():
    neuron = LoihiLIF(du=[0, 0, 4095], dv=[0, 4095, 0], vth=131071, bias_mant=[0, 0, -4096], bias_exp=[0, 0, 7])
    weights = np.array([[255, 200], [-255, -256], [0, 0]])
    network = Network(
        (Input("in", 2), Population("p", 3, neuron)), (Projection("in", "p", weights, name="drive", exponent=6),)
    )
    raster = np.random.default_rng(0).random((80, 2)) < 0.8
    lava = check(network, {"in": raster}, 80, traces(network))
    u, v = lava.traces["p.u"], lava.traces["p.v"]
    assert (np.diff(np.sign(u[:, 0])) < 0).any()  # u went from positive through the limit to negative
    assert v.min() == -(LOIHI_STATE_LIMIT - 1)


def two_layers(arithmetic="float", **options):
    """in -> a -> b with parameters that make both spike."""
    neuron = LIF(alpha=0.5, beta=0.875, theta=1.0) if arithmetic == "float" else LoihiLIF(du=2047, dv=512, vth=90)
    unit = 1 if arithmetic == "float" else 64
    rng = np.random.default_rng(1)
    a, b = (unit * rng.choice([-1, 1, 2], shape) for shape in ((5, 3), (4, 5)))
    first = {"pre": "in", "post": "a", "weights": a} | options.pop("first", {})
    second = {"pre": "a", "post": "b", "weights": b} | options.pop("second", {})
    populations = (Input("in", 3), Population("a", 5, options.pop("neuron", neuron)), Population("b", 4, neuron))
    return Network(populations, (Projection(**first), Projection(**second)))


def drive(steps, seed=2):
    return {"in": np.random.default_rng(seed).random((steps, 3)) < 0.4}


@pytest.mark.parametrize("delay", [1, 2, 70])
@pytest.mark.parametrize("arithmetic", ["float", "loihi"])
def test_delays_and_steps_count_as_in_the_reference(arithmetic, delay):
    network = two_layers(arithmetic, first={"delay": delay}, second={"delay": delay})
    lava = check(network, drive(160), 160)
    assert lava.spikes["a"].step[0] >= delay
    assert len(lava.spikes["b"]) > 20


def test_several_projections_between_the_same_populations():
    network = two_layers("loihi")
    extra = [
        Projection("in", "a", network["in->a"].weights * k, delay=d, name=f"x{k}{d}") for k, d in ((1, 1), (-2, 3))
    ]
    check(dataclasses.replace(network, projections=(*network.projections, *extra)), drive(60), 60)


def test_each_projection_is_rounded_down_on_its_own():
    """3 * 2**-1 + 3 * 2**-1 = 1 + 1 in Loihi, although the sum is 3."""
    network = Network(
        (Input("in", 1), Population("p", 1, LoihiLIF(vth=131071))),
        tuple(Projection("in", "p", [[3]], name=f"half{k}", exponent=-1) for k in range(2)),
    )
    lava = check(network, {"in": [[1], [0], [0]]}, 3, ["p.u"])
    assert lava.traces["p.u"][:, 0].tolist() == [0, 2 * 64, 0]


def test_a_population_without_input_and_a_threshold_out_of_reach():
    network = Network(
        (
            Input("unused", 2),
            Population("alone", 3, LIF(beta=0.5, theta=1.0, bias=[0.25, 0.75, 2.0])),
            Population("integrator", 2, LIF(beta=1.0, theta=np.inf)),
        ),
        (Projection("alone", "integrator", np.ones((2, 3))),),
    )
    lava = check(network, {}, 30, ["integrator.v"])
    assert len(lava.spikes["integrator"]) == 0
    assert lava.traces["integrator.v"][-1, 0] > 10


@pytest.mark.parametrize("sign", [0, 1, -1])
def test_sparse_and_dense_condition_weights_alike(session, sign):
    """Every weight from -256 to 255 through Lava's own conditioning, read from u one step later."""
    values = np.arange(-256, 256) if sign == 0 else sign * np.arange(256)
    fixed = values.reshape(-1, 1).astype(np.int16)
    weights = sp.csr_array((fixed[:, 0], (np.arange(len(fixed)), np.zeros(len(fixed), int))), shape=fixed.shape)
    network = Network(
        (Input("in", 1), Population("p", len(values), LoihiLIF(vth=131071))), (Projection("in", "p", weights),)
    )
    job = Job(network, {"in": Spikes.from_events([0], [0], 3, 1)}, 3, ("p.u",))
    plan = make_plan(job, "lava_fixed")
    for dense in (True, False):
        connection = dataclasses.replace(plan.connections[0], dense=dense)
        u = session.run(dataclasses.replace(plan, connections=(connection,))).traces[0, "u"]
        assert (u[1] == 64 * condition_weights(values)).all()


def plan_of(network, steps=1):
    inputs = {p.name: Spikes.from_events([], [], steps, p.size) for p in network.inputs}
    return make_plan(Job(network, inputs, steps), "lava_float" if network.arithmetic == "float" else "lava_fixed")


def test_dense_is_chosen_for_full_matrices_unless_the_order_of_summation_shows():
    def dense(weights):
        populations = Input("in", 3), Population("p", 5, LIF())
        return plan_of(Network(populations, (Projection("in", "p", weights),))).connections[0].dense

    assert dense(np.full((5, 3), 0.125))
    assert not dense(np.full((5, 3), 0.1))
    assert not dense(np.eye(5, 3) * 0.125)
    assert order_free([0.5, -1024.25])
    assert not order_free([1e300])


def test_a_network_becomes_few_processes():
    network = two_layers()
    plan = plan_of(network)
    assert [p.name for p in plan.neurons] == ["a, b"]
    assert [c.name for c in plan.connections] == ["in->a, a->b"]
    assert plan.processes == 4  # inputs, neurons, connection, sink
    a, b = network.neurons
    cleared = dataclasses.replace(network, populations=(*network.inputs, a, dataclasses.replace(b, clear_every=7)))
    assert [(p.name, p.clear) for p in plan_of(cleared).neurons] == [("a", None), ("b", (7, 1))]


LEARNING = {"first": {"plasticity": Instar(0.3)}}


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"first": {"delay": 0}}, ["projection 'in->a'", "delay 0", "at least 1"]),
        (LEARNING, ["projection 'in->a'", "Instar", "rate=0.3", "0.3125"]),
        ({"neuron": LIF(kappa=1.0)}, ["population 'a'", "adaptive thresholds", "kappa=0"]),
        ({"neuron": LIF(refractory=2, refractory_mode="freeze")}, ["population 'a'", "stand still", "'hold'"]),
        ({"neuron": LIF(v_reset=[0, 0, 0.5, 0, 0])}, ["population 'a'", "v_reset=0.5", "shift"]),
        ({"neuron": LIF(alpha=0.3)}, ["population 'a'", "alpha=0.3", "0.30000000000000004"]),
        ({"neuron": LIF(beta=[0.5, 0.1, 0.5, 0.5, 0.5])}, ["population 'a'", "beta=0.1"]),
    ],
)
def test_what_lava_cannot_do_is_refused_by_name(options, words):
    with pytest.raises(BackendError) as caught:
        simulate(two_layers(**options), drive(5), 5, backend="lava_float")
    assert "lava_float" in str(caught.value)
    for word in words:
        assert word in str(caught.value)


def test_a_decay_that_lava_can_hold_is_taken_as_it_is():
    check(two_layers(neuron=LIF(alpha=0.30000000000000004, beta=np.exp(-1 / 7), theta=1.0)), drive(40), 40, ["a.v"])


def test_the_wrong_arithmetic_and_a_state_to_go_on_from_are_refused():
    with pytest.raises(BackendError, match=r"'lava_float': population '.*' has neurons of type LoihiLIF"):
        simulate(two_layers("loihi"), drive(5), 5, backend="lava_float")
    with pytest.raises(BackendError, match="quantize"):
        simulate(two_layers("float"), drive(5), 5, backend="lava_fixed")
    state = simulate(two_layers(), drive(5), 5, backend="reference").state
    with pytest.raises(BackendError, match="one call"):
        simulate(two_layers(), drive(5), 5, backend="lava_float", state=state)


@pytest.mark.parametrize(("weight", "bias"), [(1e300, 0.0), (1.0, 1e300)])
def test_timed_clears_of_values_that_could_be_infinite_are_refused(weight, bias):
    population = Population("p", 2, LIF(alpha=0.5, bias=bias), clear_every=4)
    network = Network((Input("in", 1), population), (Projection("in", "p", np.full((2, 1), weight)),))
    with pytest.raises(BackendError, match=r"population 'p': v of neuron 0 could reach .*; lower its weights or bias"):
        simulate(network, {}, 20, backend="lava_float")


def test_a_current_beyond_32_bits_is_reported():
    network = Network(
        (Input("in", 2000), Population("p", 1, LoihiLIF(du=0, vth=131071))),
        (Projection("in", "p", np.full((1, 2000), 255), exponent=7),),
    )
    with pytest.raises(BackendError, match=r"population 'p'.*step 1, .*32-bit"):
        simulate(network, {"in": np.ones((4, 2000))}, 4, backend="lava_fixed")


def test_a_current_that_could_but_does_not_overflow_is_no_error(monkeypatch):
    weights = np.where(np.arange(12) % 2, 250, -250).reshape(1, 12)
    network = Network(
        (Input("in", 12), Population("p", 1, LoihiLIF(du=0, vth=131071))),
        (Projection("in", "p", weights, exponent=7),),
    )
    raster = np.random.default_rng(0).random((20, 12)) < 0.5
    recording = check(network, {"in": raster}, 20, traces(network))
    monkeypatch.setattr(overflow, "LIMIT", 2**20)
    with pytest.raises(BackendError, match="population 'p'"):
        overflow.check_overflow(network, recording.spikes)


def test_lava_absent_gives_the_command_that_installs_it(monkeypatch):
    monkeypatch.setattr(shim, "installed_version", lambda: None)
    with pytest.raises(MissingDependencyError, match="not installed; run: snmem lava install"):
        simulate(two_layers(), drive(5), 5, backend="lava_float")


@pytest.mark.parametrize("value", ["soon", "0", "-3", "nan"])
def test_a_timeout_that_is_no_number_of_seconds_is_refused(monkeypatch, value):
    monkeypatch.setenv(TIMEOUT, value)
    with pytest.raises(InputError, match=f"{TIMEOUT}='{value}'"):
        simulate(two_layers(), drive(5), 5, backend="lava_float")


def test_progress_is_reported_up_to_the_last_step():
    seen = []
    simulate(two_layers(), drive(300), 300, backend="lava_float", progress=seen.append)
    assert seen == sorted(seen)
    assert seen[-1] == 300


# ---- when things go wrong ------------------------------------------------------------------------------------------


def long_plan():
    return plan_of(two_layers(), 100_000)


def family(pid):
    """All processes below ``pid``, however they are grouped."""
    return psutil.Process(pid).children(recursive=True)


def shared_memory(prefix):
    return list(Path("/dev/shm").glob(prefix.lstrip("/") + "*"))


def assert_gone(processes, prefix, seconds=600.0):
    _, alive = psutil.wait_procs(processes, timeout=seconds)
    assert not alive
    deadline = time.monotonic() + seconds
    while shared_memory(prefix) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not shared_memory(prefix)


class Watched(LavaSession):
    """A session that does something once ten steps are done, and remembers what was running then."""

    def __init__(self, action):
        super().__init__()
        self.action, self.processes, self.prefix, self.segments = action, [], "", 0

    def run(self, plan, progress=None):
        return super().run(plan, self.look)

    def look(self, step):
        if not self.processes and step > 10:
            self.prefix = self._server.prefix
            self.processes = [psutil.Process(self._server.process.pid), *family(self._server.process.pid)]
            self.segments = len(shared_memory(self.prefix))
            self.action(self)


def raise_keyboard_interrupt(_):
    raise KeyboardInterrupt


@pytest.mark.parametrize(
    ("action", "error", "words"),
    [
        (lambda s: s._server.process.kill(), BackendError, "ended while running .*signal 9"),
        (lambda s: os.kill(s._server.workers[0], signal.SIGKILL), BackendError, "signal SIGKILL"),
        (lambda s: s.processes[-1].kill(), BackendError, r"Lava failed in .* signal SIGKILL"),
        (lambda s: s.processes[-1].suspend(), BackendError, f"no result in time.*{TIMEOUT}"),
        (raise_keyboard_interrupt, KeyboardInterrupt, None),
    ],
    ids=["child killed", "worker killed", "process of Lava killed", "process of Lava stuck", "Ctrl-C"],
)
def test_nothing_is_left_when_a_run_ends_early(monkeypatch, action, error, words):
    watched = Watched(action)
    if words and TIMEOUT in words:  # the limit passes once ten steps are done, however long they took
        late = SimpleNamespace(monotonic=lambda: time.monotonic() + 1e6 * bool(watched.processes))
        monkeypatch.setattr("snmem.lava.session.time", late)
    with pytest.raises(error, match=words):
        watched.run(long_plan())
    assert len(watched.processes) > 6
    assert watched.segments > 10
    assert_gone(watched.processes, watched.prefix)


def test_an_exception_in_a_process_model_is_reported_and_the_session_goes_on(session):
    plan = make_plan(Job(two_layers(), {"in": Spikes.from_raster(drive(50)["in"])}, 50), "lava_float")
    good = session.run(plan)
    size, bounds, neuron = plan.inputs
    broken = dataclasses.replace(plan, inputs=(size, bounds, np.where(np.arange(len(neuron)) < 20, neuron, 77)))
    with pytest.raises(BackendError, match="Lava failed in process 'inputs': IndexError: index 77") as caught:
        session.run(broken)
    assert "run_spk" in caught.value.__notes__[0]
    assert (session.run(plan).bits == good.bits).all()


def test_an_input_of_the_wrong_length_starts_nothing(session):
    before = family(os.getpid())
    for raster, words in ((np.ones((5, 4)), "4 neurons, the input has 3"), (np.ones((9, 3)), "only 5 steps")):
        with pytest.raises(InputError, match=f"input 'in'.*{words}"):
            simulate(two_layers(), {"in": raster}, 5, backend="lava_float")
    assert family(os.getpid()) == before


SCRIPT = """
import sys
sys.path.insert(0, {tests!r})
import signal
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell in the background had it ignored
from test_lava import Watched, long_plan
def report(session):
    print(session.prefix, *(p.pid for p in session.processes), flush=True)
Watched(report).run(long_plan())
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_nothing_is_left_when_the_calling_program_is_ended(number):
    code = SCRIPT.format(tests=str(Path(__file__).parent))
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as program:
        prefix, *pids = program.stdout.readline().decode().split()
        processes = [psutil.Process(int(pid)) for pid in pids]
        assert shared_memory(prefix)
        program.send_signal(number)
        assert program.wait(600) != 0
        assert_gone(processes, prefix)


def test_shared_memory_without_room_is_named() -> None:
    assert how_ended(-signal.SIGBUS).startswith("signal SIGBUS; the shared memory in /dev/shm is full")
    assert (how_ended(-signal.SIGKILL), how_ended(3)) == ("signal SIGKILL", "exit code 3")
