"""snmem compile: modules that run on Lava, spike as the network does, and reports and refusals that name things."""

import json
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import nir
import numpy as np
import psutil
import pytest

from snmem import LIF, Input, Instar, LoihiLIF, Network, Population, Projection, Spikes, quantize, simulate
from snmem.cli import main
from snmem.conformance import EXTENSIONS, features_of, random_inputs, random_network
from snmem.cost.mapping.limits import core_table
from snmem.errors import BackendError, InputError, NetworkError
from snmem.lava.compiler.compile import aligned, compile
from snmem.lava.compiler.module import MODULE, write_module
from snmem.lava.compiler.preparation import prepare
from snmem.lava.compiler.run import run_module
from snmem.nir_io import read_nir

INTEROP = Path(__file__).parent / "data" / "interop"
STEPS = 40
SEEDS = (13, 23, 37, 41, 47, 50, 53)


# As in benchmarks/c.py, which ships in the wheel and cannot import tests.
def braille_net(path, seed=0):
    """A recurrent CubaLIF net of the size of the NIR paper's Braille reader: 12 inputs, 38 hidden, 7 outputs."""
    rng, dt = np.random.default_rng(seed), 1e-4
    cuba = {"tau_syn": 5 * dt, "tau_mem": 10 * dt, "r": 10.0, "v_leak": 0.0, "v_threshold": 1.0, "w_in": 5.0}

    def layer(n):
        return nir.CubaLIF(**{k: np.full(n, v) for k, v in cuba.items()})

    nodes = {
        "input": nir.Input(np.array([12])),
        "fc1": nir.Affine(rng.normal(0, 0.5, (38, 12)), rng.normal(0, 0.02, 38)),
        "lif1": layer(38),
        "recurrent": nir.Affine(rng.normal(0, 0.15, (38, 38)), np.zeros(38)),
        "fc2": nir.Affine(rng.normal(0, 0.3, (7, 38)), rng.normal(0, 0.02, 7)),
        "lif2": layer(7),
        "output": nir.Output(np.array([7])),
    }
    edges = [("input", "fc1"), ("fc1", "lif1"), ("lif1", "recurrent"), ("recurrent", "lif1")]
    edges += [("lif1", "fc2"), ("fc2", "lif2"), ("lif2", "output")]
    nir.write(path, nir.NIRGraph(nodes, edges))
    return path


def coupled_net(path):
    """Two LIF neurons that excite and inhibit one another, with a leak and reset below rest."""
    dt = 1e-4
    one = {"tau": np.array([8 * dt]), "r": np.array([8.0]), "v_leak": np.array([0.0]), "v_threshold": np.array([1.0])}
    nodes = {
        "input": nir.Input(np.array([1])),
        "w": nir.Linear(np.array([[1.25]])),
        "a": nir.LIF(**one, v_reset=np.array([-0.25])),
        "ab": nir.Linear(np.array([[0.75]])),
        "b": nir.LIF(**one, v_reset=np.array([0.0])),
        "ba": nir.Linear(np.array([[-0.5]])),
        "output": nir.Output(np.array([1])),
    }
    edges = [("input", "w"), ("w", "a"), ("a", "ab"), ("ab", "b"), ("b", "ba"), ("ba", "a"), ("b", "output")]
    nir.write(path, nir.NIRGraph(nodes, edges))
    return path


def test_the_verb_writes_a_module_that_agrees_and_reports_everything(tmp_path, capsys):
    file, out = braille_net(tmp_path / "braille.nir"), tmp_path / "lava"
    assert main(["compile", str(file), "--out", str(out), "--json", "--steps", str(STEPS)]) == 0
    data = json.loads(capsys.readouterr().out)
    assert data["ok"]
    assert {"populations", "projections", "limits", "latency", "agreement"} <= set(data)
    lava = data["agreement"]["lava"]
    assert (lava["ran"], lava["cells"]) == (True, 0)
    assert data["agreement"]["prepared"]["cells"] == 0
    assert data["agreement"]["spikes"]["lif1"] > 50
    assert data["latency"]["lif2"] == 2
    fit = data["limits"]["loihi1-davies2018"]
    assert (fit["fits"], fit["cores"], fit["table"][0]["neurons_per_core"]) == (True, 1, 46)
    assert fit["binding"] == "neurons_per_core"
    assert {part["kind"] for row in data["projections"] for part in row["parts"]} == {"Dense", "Sparse"}
    assert sorted(p.name for p in out.iterdir()) == ["network.py", "parameters.npz", "report.json", "run.json"]


def test_coupled_neurons_with_a_reset_below_zero_compile_in_float(tmp_path):
    file = coupled_net(tmp_path / "coupled.nir")
    with pytest.raises(NetworkError, match=r"cycle has less delay.*feedforward_delay=1"):
        compile(file, tmp_path / "x")
    made = compile(file, tmp_path / "lava", arithmetic="float", steps=STEPS, rate=2.0, feedforward_delay=1)
    assert made.report["ok"]
    assert made.report["agreement"]["prepared"]["cells"] == made.report["agreement"]["lava"]["cells"] == 0
    assert made.report["agreement"]["spikes"]["b"] > 3
    assert made.start == {"a": 0.25}


@pytest.mark.parametrize("seed", SEEDS)
def test_prepared_networks_spike_as_before_but_late(seed):
    network = random_network(
        seed, features=features_of("float", {"subtract", "plasticity", "clear", "synapse_delays", *EXTENSIONS})
    )
    made, inputs = prepare(network), random_inputs(network, seed, STEPS)
    assert all(q.delay for q in made.network.projections)
    assert not any(np.any(p.neuron.v_reset) for p in made.network.neurons)
    expected = simulate(network, inputs, STEPS, "reference").spikes
    assert aligned(made.network, made.late, inputs, STEPS)[0] == expected
    assert sum(len(expected[p.name]) for p in network.neurons) > 10


EMBED = """
import sys
sys.path.insert(0, {folder!r})
import numpy as np
from network import LATE, Network, Record, RingBuffer
spikes = np.load({folder!r} + "/in.npy")
kind = sys.argv[1]
steps, samples = len(spikes), 2
net = Network() if kind == "reset" else Network(sample_steps=steps)
source = RingBuffer(data=np.tile(spikes.T, samples).astype(float))
source.s_out.connect(net.inp)
total = samples * steps + max(LATE.values())
record = Record(total, net.out.shape[0], "record")
net.out.connect(record.s_in)
if kind == "reset":
    for _ in range(samples):
        net.run(steps, [source, record])
        net.reset()
else:
    net.run(total, [source, record])
np.save({folder!r} + "/out.npy", record.rows)
net.stop()
"""


@pytest.mark.parametrize("kind", ["reset", "sample_steps", "start"])
def test_a_module_can_be_embedded_and_samples_follow_one_another(tmp_path, kind):
    """Two equal samples give equal spikes, after reset() or with sample_steps, although spikes are on their way."""
    rng = np.random.default_rng(3)
    neuron = LIF(alpha=0.75, beta=0.875, theta=1.0)
    own = LIF(alpha=0.75, beta=0.875, theta=1.0, reset="subtract", refractory=2, v_init=0.75, u_init=-0.25)
    own = replace(own, alpha=0.0, reset="zero", u_init=0.0) if kind == "start" else own  # silent without input
    classes = replace(own, u_init=0.0, v_init=0.0) if kind == "sample_steps" else own
    populations = (
        Input("in", 4),
        Population("a", 6, own if kind == "start" else neuron),
        Population("class", 3, classes),
    )
    first, delay = {"reset": (0, 3), "sample_steps": (0, 0), "start": (1, 1)}[kind]
    network = Network(
        populations,
        (
            Projection("in", "a", rng.integers(-4, 9, (6, 4)) / 8, first),
            Projection("a", "class", rng.integers(-4, 9, (3, 6)) / 8, delay),
        ),
    )
    spikes = rng.random((30, 4)) < 0.3
    spikes[27:] &= kind != "start"  # what is on its way at the end of a sample belongs to the next
    made = prepare(network)
    write_module(tmp_path, made.network, "embedded", made.late)
    np.save(tmp_path / "in.npy", spikes)
    code = EMBED.format(folder=str(tmp_path))
    subprocess.run([sys.executable, "-c", code, kind], check=True, timeout=600, capture_output=True)
    rows, late = np.load(tmp_path / "out.npy"), made.late["class"] if kind == "sample_steps" else 0
    first, second = rows[late : late + 30], rows[30 + late : 60 + late]
    expected = simulate(made.network if kind == "reset" else network, {"in": spikes}, 30, "reference").spikes["class"]
    assert expected.raster().sum() > 5
    np.testing.assert_array_equal(first, expected.raster())
    np.testing.assert_array_equal(second, first)


def test_names_that_python_cannot_take_and_outputs_that_never_spike(tmp_path):
    network = Network(
        (
            Input("my input", 3),
            Population("class", 2, LIF(beta=0.5)),
            Population("1.v", 2, LIF(beta=0.5, theta=np.inf)),
        ),
        (Projection("my input", "class", np.ones((2, 3))), Projection("class", "1.v", np.eye(2) / 2)),
        outputs=("1.v",),
    )
    inputs = {"my input": np.tile(np.eye(3), (4, 1))}
    made = compile(network, tmp_path, inputs=inputs, steps=12, arithmetic="float", lava=False)
    run = simulate(network, inputs, 12, "reference", record=["1.v.v"])
    out = run_module(tmp_path, run.spikes, 12, 60)
    np.testing.assert_array_equal(out["class"], run.spikes["class"].raster())
    np.testing.assert_array_equal(out["1.v.v"], run.traces["1.v.v"])
    assert made.report["agreement"]["lava"] == {"ran": False, "why": "not asked for"}
    assert "class_2" in (tmp_path / MODULE).read_text()


@pytest.mark.parametrize("arithmetic", ["fixed", "float"])
def test_a_network_that_learns_becomes_learning_processes(tmp_path, arithmetic):
    """The module learns what the emulator does, on existing synapses only."""
    rng = np.random.default_rng(5)
    weights = np.where(rng.random((8, 10)) < 0.5, rng.integers(1, 128, (8, 10)) / 128, 0)
    network = Network(
        (Input("x", 10), Input("teacher", 8), Population("h", 8, LIF(beta=0.5, theta=1.5))),
        (Projection("x", "h", weights, plasticity=Instar(0.25, gate="teacher")),),
    )
    inputs = {"x": rng.random((STEPS, 10)) < 0.3, "teacher": rng.random((STEPS, 8)) < 0.1}
    made = compile(network, tmp_path, inputs=inputs, steps=STEPS, arithmetic=arithmetic)
    lava = made.report["agreement"]["lava"]
    assert (lava["cells"], made.report["ok"]) == (0, True)
    assert lava["weights"]["x->h"] < (1e-12 if arithmetic == "float" else 0.5)
    assert made.report["projections"][0]["parts"][0]["kind"] == "LearningDense"
    given = {name: Spikes.from_raster(raster) for name, raster in inputs.items()}
    learned = run_module(tmp_path, given, STEPS, 60)["x->h.weights"]
    assert (learned[weights == 0] == 0).all()
    assert np.abs(learned / learned.max() - weights).max() > 0.2


@pytest.mark.parametrize("arithmetic", ["fixed", "float"])
def test_what_lava_has_no_neurons_for_compiles_with_a_process_of_the_module(tmp_path, arithmetic):
    """Holds, subtractions, starts, a delay for each synapse, and a population that nothing drives."""
    rng = np.random.default_rng(6)
    a = LIF(alpha=0.5, beta=0.875, theta=0.75, reset="subtract", refractory=rng.integers(0, 5, 9), v_init=0.5)
    b = LIF(beta=0.75, theta=1.0, v_reset=-0.25, refractory=2)
    low = LIF(beta=0.75, theta=np.inf, v_reset=-50.0)
    populations = (Input("in", 6), Population("a", 9, a), Population("b", 5, b), Population("low", 2, low))
    projections = (
        Projection("in", "a", rng.integers(-2, 9, (9, 6)) / 16, delay=rng.integers(1, 63, (9, 6))),
        Projection("a", "b", rng.integers(-2, 9, (5, 9)) / 8),
        Projection("a", "low", np.zeros((2, 9))),
    )
    inputs = {"in": rng.random((150, 6)) < 0.5}
    made = compile(Network(populations, projections), tmp_path, inputs=inputs, steps=150, arithmetic=arithmetic)
    agreement = made.report["agreement"]
    assert (agreement["lava"]["cells"], made.report["ok"]) == (0, True)
    assert agreement["prepared"]["cells"] == 0
    assert agreement["spikes"]["a"] > 100 < 10 * agreement["spikes"]["b"]
    assert {name: np.sign(v).tolist() for name, v in made.start.items()} == {"a": 1, "b": 1, "low": 1}
    text = (tmp_path / MODULE).read_text()
    assert "class ExtendedLIF(LIF)" in text


def test_a_current_that_could_wrap_around_is_named(tmp_path):
    """300 synapses on a slow current, of which few are active at a time: the scale for all of them is coarse."""
    weights = np.vstack([np.random.default_rng(0).uniform(0.5, 1, 300), np.full(300, 0.05)])
    network = Network((Input("x", 300), Population("h", 2, LIF(0.99, 0.5, 20.0))), (Projection("x", "h", weights),))
    found = {
        name: compile(network, tmp_path, steps=200, rate=0.001, lava=False, quantization=name).report
        for name in ("calibrated", "grid")
    }
    rows = {name: report["populations"][0] for name, report in found.items()}
    assert rows["calibrated"]["u_worst"] > 1 > rows["grid"]["u_worst"]
    assert rows["calibrated"]["measured"] < rows["grid"]["measured"]
    assert found["grid"]["warnings"] == []
    (warning,) = found["calibrated"]["warnings"]
    assert "population 'h'" in warning
    assert "wraps around" in warning


def test_an_input_of_the_wrong_length_is_named(tmp_path):
    write_module(tmp_path, prepare(small()).network, "small", {})
    wrong = {"x": Spikes.from_raster(np.ones((4, 3)))}
    with pytest.raises(BackendError, match=r"input 'x' has shape \(4, 3\), expected \(steps, 2\)"):
        run_module(tmp_path, wrong, 4, 60)


def small(neuron=None, **projection):
    neuron = neuron or LIF()
    return Network((Input("x", 2), Population("h", 2, neuron)), (Projection("x", "h", np.eye(2), **projection),))


@pytest.mark.parametrize(
    ("network", "options", "words"),
    [
        (small(LIF(beta=0.5, kappa=1.0)), {}, ["population 'h'", "feature 'adaptation'"]),
        (small(LIF(refractory=64)), {}, ["population 'h'", "refractory for 64 steps", "63"]),
        (small(LIF(v_reset=-1, theta=-2)), {}, ["population 'h'", "threshold of -1", "not negative"]),
        (small(), {"arithmetic": "int"}, ["arithmetic='int'", "fixed, float"]),
        (small(), {"start": "now"}, ["start='now'", "zero, reset"]),
        (quantize(small()).network, {"arithmetic": "float"}, ["integers", "'fixed'"]),
        (small(), {"chip": "loihi9"}, ["'loihi9'", "unknown"]),
    ],
)
def test_what_cannot_be_compiled_says_why(tmp_path, network, options, words):
    with pytest.raises((NetworkError, InputError)) as caught:
        compile(network, tmp_path, lava=False, **options)
    for word in words:
        assert word in str(caught.value)
    assert not list(tmp_path.iterdir())


def test_a_network_that_does_not_fit_names_limit_core_and_population(tmp_path):
    wide = Network((Input("x", 5000), Population("h", 1, LoihiLIF())), (Projection("x", "h", np.ones((1, 5000))),))
    with pytest.raises(InputError, match=r"axons_in_per_core is 4096, core 0 needs 5000 \(core of 'h'\)"):
        compile(wide, tmp_path, chip="loihi1-davies2018", lava=False)


def test_a_delay_beyond_that_of_a_chip_is_named(tmp_path):
    delay = np.array([[1, 62], [63, 2]])
    network = Network((Input("x", 2), Population("h", 2, LoihiLIF())), (Projection("x", "h", np.ones((2, 2)), delay),))
    with pytest.raises(InputError, match=r"delay is 62 steps, projection 'x->h.63' has 63"):
        compile(network, tmp_path, chip="loihi1-davies2018", lava=False)


def test_populations_are_split_over_cores_by_the_limit_that_binds():
    """3,000 neurons need three Loihi 1 cores; with 300 synapses each, memory of a core binds first."""
    plain = Network((Input("x", 1), Population("h", 3000, LoihiLIF())), (Projection("x", "h", np.ones((3000, 1))),))
    found = core_table(plain, "loihi1-davies2018")
    assert (found["fits"], found["cores"], found["split"], found["binding"]) == (True, 3, {"h": 3}, "neurons_per_core")
    assert [row["neurons_per_core"] for row in found["table"]] == [1024, 1024, 952]
    dense = Network((Input("x", 300), Population("h", 600, LoihiLIF())), (Projection("x", "h", np.ones((600, 300))),))
    found = core_table(dense, "loihi1-davies2018")
    assert found["binding"] == "synapse_memory_per_core"
    assert found["cores"] == found["split"]["h"] > 3
    assert all(row["synapse_memory_per_core"] <= 2**20 for row in found["table"])


@pytest.mark.parametrize(
    ("code", "limit", "words"),
    [
        ("raise ValueError('no such thing')", 600.0, "ValueError: no such thing"),
        ("while True: pass", 1.0, "gave no result within"),
    ],
)
def test_a_module_that_fails_or_hangs_ends_with_a_cause(tmp_path, code, limit, words):
    (tmp_path / MODULE).write_text(code)
    with pytest.raises(BackendError, match=words):
        run_module(tmp_path, {}, 1, limit)


def test_a_module_ends_when_its_caller_is_killed(tmp_path):
    (tmp_path / MODULE).write_text(
        "import os, time\n"
        "from multiprocessing.shared_memory import SharedMemory\n"
        "memory, child = SharedMemory(create=True, size=64), os.fork()\n"
        f"if child: open({str(tmp_path / 'made')!r}, 'w').write(f'{{os.getpid()}} {{child}} {{memory.name}}\\n')\n"
        "time.sleep(600)\n"
    )
    code = "from pathlib import Path; from snmem.lava.compiler.run import run_module; "
    code += f"run_module(Path({str(tmp_path)!r}), {{}}, 1, 600)"
    with subprocess.Popen([sys.executable, "-c", code]) as caller:
        made = tmp_path / "made"
        while not (made.exists() and made.read_text().endswith("\n")):
            assert caller.poll() is None
            time.sleep(0.05)
        *pids, name = made.read_text().split()
        processes = [psutil.Process(int(pid)) for pid in pids]
        caller.kill()
        _, alive = psutil.wait_procs(processes, timeout=600)
    assert not alive
    assert not Path("/dev/shm", name.lstrip("/")).exists()


def test_real_exports_compile(tmp_path):
    network = read_nir(INTEROP / "snntorch_rleaky.nir")
    made = compile(network, tmp_path, steps=STEPS, rate=0.3)
    assert made.report["agreement"]["lava"]["cells"] == 0
    assert made.network.arithmetic == "loihi"
