"""What NIR leaves open: every option does what it says, and what was chosen is reported."""

from __future__ import annotations

from graphlib import TopologicalSorter
from pathlib import Path
from typing import Any

import nir
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from snmem import LIF, Input, Network, Population, Projection, simulate
from snmem.errors import FileError, InputError
from snmem.nir_io import Choice, Limits, read_nir, write_nir
from snmem.nir_io.feedback import depths, feedback_edges

TS, TM, R, W_IN, LEAK = 0.004, 0.01, 3.0, 2.0, 0.5
NEURONS = {
    "I": {"r": R},
    "IF": {"r": R, "v_threshold": 1.0, "v_reset": 0.25},
    "LI": {"tau": TM, "r": R, "v_leak": LEAK},
    "LIF": {"tau": TM, "r": R, "v_leak": LEAK, "v_threshold": 1.0, "v_reset": 0.25},
    "CubaLI": {"tau_syn": TS, "tau_mem": TM, "r": R, "v_leak": LEAK, "w_in": W_IN},
    "CubaLIF": {
        "tau_syn": TS,
        "tau_mem": TM,
        "r": R,
        "v_leak": LEAK,
        "v_threshold": 1.0,
        "v_reset": 0.25,
        "w_in": W_IN,
    },
}


def neuron(kind: str, n: int = 1, **changed: float) -> Any:
    return getattr(nir, kind)(**{k: np.full(n, v) for k, v in (NEURONS[kind] | changed).items()})


def write(tmp_path: Path, *nodes: Any, metadata: dict[str, Any] | None = None) -> Path:
    n = len(nodes[0].input_type["input"]) and int(nodes[0].input_type["input"][0])
    graph = nir.NIRGraph.from_list(nir.Input(np.array([n])), *nodes, nir.Output(nodes[-1].output_type["output"]))
    graph.metadata = metadata or {}
    nir.write(tmp_path / "g.nir", graph)
    return tmp_path / "g.nir"


def only(network: Network) -> tuple[LIF, float]:
    """The one population's parameters and the one weight."""
    (population,), (projection,) = network.neurons, network.projections
    return population.neuron, float(projection.weights.data[0])  # type: ignore[return-value]


@pytest.mark.parametrize("kind", NEURONS)
def test_euler_gives_the_documented_parameters(kind: str, tmp_path: Path) -> None:
    dt = 0.001
    p, weight = only(read_nir(write(tmp_path, nir.Linear(np.array([[5.0]])), neuron(kind)), dt))
    cuba, leaky = kind.startswith("Cuba"), "tau" in str(NEURONS[kind])
    assert p.alpha == (1 - dt / TS if cuba else 0)
    assert p.beta == (1 - dt / TM if leaky else 1)
    gain = (W_IN * dt / TS if cuba else 1) * (R * dt / TM if leaky else R)
    assert weight == pytest.approx(5 * gain, rel=1e-15)
    assert p.bias == pytest.approx(LEAK * dt / TM if leaky else 0, rel=1e-15)
    assert (p.theta, p.v_reset) == ((1.0, 0.25) if kind.endswith("F") else (np.inf, 0))


def trace(network: Network, steps: int = 40) -> Any:
    (p,) = network.neurons
    return simulate(network, {"input": ([2], [0])}, steps, "reference", record=[f"{p.name}.v"]).traces[f"{p.name}.v"][
        :, 0
    ]


@pytest.mark.parametrize("ts", [0.004, 0.01, 0.01 * (1 + 1e-12), 0.3])
def test_exponential_dirac_follows_the_differential_equation_exactly(ts: float, tmp_path: Path) -> None:
    dt, weight = 0.001, 0.7
    k = np.arange(1, 39)  # steps since the spike; the state of step t is that at its end
    path = write(tmp_path, nir.Linear(np.array([[weight]])), neuron("CubaLI", tau_syn=ts, v_leak=0.0))
    found = trace(read_nir(path, dt, discretization="exp", spike="dirac"))
    apart = np.exp(-k * dt / ts) - np.exp(-k * dt / TM)
    limit = k * dt / TM * np.exp(-k * dt / TM)
    shape = limit if abs(ts - TM) < 1e-9 else ts / (ts - TM) * apart
    np.testing.assert_allclose(found[2:], R * W_IN / ts * weight * shape, rtol=1e-9)
    assert not found[:2].any()
    path = write(tmp_path, nir.Linear(np.array([[weight]])), neuron("LI"))
    found = trace(read_nir(path, dt, discretization="exp", spike="dirac"))
    rest = LEAK * (1 - np.exp(-np.arange(1, 41) * dt / TM))
    np.testing.assert_allclose(found[2:] - rest[2:], R * weight / TM * np.exp(-(k - 1) * dt / TM), rtol=1e-9)


@pytest.mark.parametrize("kind", ["LI", "CubaLI"])
@pytest.mark.parametrize("scheme", ["euler", "exp"])
def test_a_dirac_is_a_pulse_of_area_one(kind: str, scheme: str, tmp_path: Path) -> None:
    """For small dt, a pulse of height 1/dt and a Dirac are the same."""
    dt = 1e-7
    path = write(tmp_path, nir.Linear(np.array([[1.0]])), neuron(kind))
    pulse, dirac = (only(read_nir(path, dt, discretization=scheme, spike=s))[1] for s in ("pulse", "dirac"))
    assert pulse / dt == pytest.approx(dirac, rel=1e-4)
    assert only(read_nir(path, dt, discretization=scheme, spike="unit"))[1] == 1


def test_old_current_is_explicit_euler(tmp_path: Path) -> None:
    dt = 0.001
    path = write(tmp_path, nir.Affine(np.array([[1.0]]), np.array([0.5])), neuron("CubaLIF", r=20.0))
    u = v = 0.0
    expected = []
    for t in range(60):
        v, u = v + dt / TM * (LEAK - v + 20 * u), u + dt / TS * (-u + W_IN * ((t == 2) + 0.5))
        expected.append(v > 1)
        v = 0.25 if v > 1 else v
    network = read_nir(path, dt, semantics="v_then_u")
    spikes = simulate(network, {"input": ([2], [0])}, 60, "reference").spikes["cubalif"].raster()[:, 0]
    assert 3 < sum(expected) < 60
    np.testing.assert_array_equal(spikes, expected)


def test_gain_of_if(tmp_path: Path) -> None:
    path = write(tmp_path, nir.Linear(np.array([[5.0]])), neuron("IF"))
    assert [only(read_nir(path, 0.5, if_gain=g))[1] for g in (None, "r", "r*dt", "1")] == [15.0, 15.0, 7.5, 5.0]


def test_reset_and_threshold(tmp_path: Path) -> None:
    path = write(tmp_path, nir.Linear(np.array([[1.0]])), neuron("IF", v_reset=0.0, r=1.0))
    network = read_nir(path, reset="subtract")
    assert network.neurons[0].neuron.reset == "subtract"
    fired = [
        len(simulate(read_nir(path, threshold=s), {"input": ([0], [0])}, 3, "reference").spikes["if"])
        for s in (">", ">=")
    ]
    assert fired == [0, 1]
    path = write(tmp_path, nir.Linear(np.array([[1.0]])), neuron("IF"))
    with pytest.raises(FileError, match=r"node 'if' \(IF\): v_reset: 0.25 .* reset='subtract'"):
        read_nir(path, reset="subtract")


def test_feedforward_delay_counts_every_connection(tmp_path: Path) -> None:
    path = write(tmp_path, nir.Linear(np.array([[2.0]])), neuron("IF"), nir.Delay(np.array([0.003])), neuron("IF"))
    assert [q.delay for q in read_nir(path, 0.001).projections] == [0, 3]
    assert [q.delay for q in read_nir(path, 0.001, feedforward_delay=1).projections] == [1, 4]


def test_delays_off_the_grid(tmp_path: Path) -> None:
    path = write(tmp_path, nir.Delay(np.array([0.0014, 0.0016, 0.002])), neuron("IF", 3))

    def steps(rule: str | None) -> dict[int, int]:
        network = read_nir(path, 0.001, delay_rounding=rule)
        return {int(c): q.delay for q in network.projections for c in q.weights.indices}

    assert steps(None) == {0: 1, 1: 2, 2: 2}
    assert steps("floor") == {0: 1, 1: 1, 2: 2}
    assert steps("ceil") == {0: 2, 1: 2, 2: 2}
    with pytest.raises(FileError, match=r"node 'delay' .*0.0014|node 'delay' .*0.0016"):
        steps("exact")
    with pytest.raises(FileError, match="the limit is 1;"):
        read_nir(path, 0.001, limits=Limits(delay=1))


def reported(path: Path, **options: Any) -> dict[str, Choice]:
    choices: list[Choice] = []
    read_nir(path, report=choices.append, **options)
    return {c.name: c for c in choices}


def test_time_step_and_unit_come_from_option_metadata_or_default(tmp_path: Path) -> None:
    path = write(tmp_path, neuron("LIF"), metadata={"dt": 0.002})
    assert read_nir(path).dt == 0.002
    assert read_nir(path, 0.001).dt == 0.001
    assert read_nir(path, metadata=False).dt == 0.002
    assert [reported(path, **o)["dt"].source for o in ({}, {"dt": 0.001})] == ["metadata", "option"]
    path = write(tmp_path, neuron("LIF", tau=10.0))
    assert read_nir(path, time_unit="ms").dt == pytest.approx(1e-4)
    assert read_nir(path, 0.5, time_unit="ms").dt == pytest.approx(5e-4)
    assert only(read_nir(path, time_unit="ms"))[0].beta == pytest.approx(0.99)
    choice = reported(path)["dt"]
    assert (choice.value, choice.source) == (1e-4, "default")
    assert "10, over 10,000 steps: is the file in another time unit?" in choice.decides


def test_a_time_step_that_the_file_suggests_is_mentioned(tmp_path: Path) -> None:
    path = write(tmp_path, neuron("LIF", tau=0.02, r=20.0))
    assert "tau/r is 0.001 in every neuron" in reported(path)["dt"].decides
    assert "tau/r" not in reported(path, dt=0.001)["dt"].decides


def test_metadata_of_other_tools_settle_options(tmp_path: Path) -> None:
    node = neuron("IF", v_reset=0.0)
    node.metadata = {"reset": "subtract"}
    path = write(
        tmp_path, nir.Linear(np.array([[1.0]])), node, metadata={"if_gain": "r*dt", "dt": 0.25, "spike": "nonsense"}
    )
    choices = reported(path)
    assert (choices["reset"].value, choices["reset"].source, choices["reset"].nodes) == (
        "subtract",
        "metadata",
        ("if",),
    )
    assert only(read_nir(path))[1] == R * 0.25
    assert reported(path, reset="zero")["reset"].source == "option"
    assert reported(path, metadata=False)["reset"].value == "zero"


def test_choices_print_as_one_line() -> None:
    choice = Choice("reset", "zero", "default", "after a spike", ("a", "b", "c", "d", "e"))
    assert str(choice) == "reset = zero (default): after a spike [a, b, c, d, ...]"


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"reset": "late"}, "reset must be one of .*'late'"),
        ({"feedforward_delay": 2}, "feedforward_delay must be one of .*2"),
        ({"dt": 0}, "dt must be a positive number, got 0"),
        ({"feedback": [("if", "nothing")]}, "feedback .*nothing"),
    ],
)
def test_useless_options_are_refused(options: dict[str, Any], words: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=words):
        read_nir(write(tmp_path, neuron("IF")), **options)


def test_options_do_not_change_what_snmem_wrote(tmp_path: Path) -> None:
    path = tmp_path / "n.nir"
    network = Network((Input("in", 2), Population("a", 2, LIF())), (Projection("in", "a", np.eye(2)),), dt=0.002)
    write_nir(network, path)
    assert read_nir(path, 0.002) == network
    with pytest.raises(InputError, match=r"dt has no use for n.nir, .*metadata=False"):
        read_nir(path, 0.001)
    with pytest.raises(InputError, match="reset has no use"):
        read_nir(path, reset="subtract")
    assert read_nir(path, 0.001, metadata=False, reset="subtract")["a"].neuron.reset == "subtract"


def test_feedback_is_deduced_from_the_distance_to_the_inputs_or_given(tmp_path: Path) -> None:
    nodes = (
        {"input": nir.Input(np.array([2]))} | {k: neuron("IF", 2) for k in "abc"} | {"out": nir.Output(np.array([2]))}
    )
    edges = [("c", "a"), ("b", "c"), ("a", "b"), ("input", "a"), ("c", "out")]
    nir.write(tmp_path / "g.nir", nir.NIRGraph(nodes, edges))
    network = read_nir(tmp_path / "g.nir")
    assert [p.name for p in network.populations] == ["input", "a", "b", "c"]
    assert {(q.pre, q.post): q.delay for q in network.projections if q.pre != "input"} == {
        ("a", "b"): 0,
        ("b", "c"): 0,
        ("c", "a"): 1,
    }
    other = read_nir(tmp_path / "g.nir", feedback=[("a", "b")])
    assert {q.delay for q in other.projections if q.pre == "a"} == {1}
    with pytest.raises(FileError, match="cycle without delay"):
        read_nir(tmp_path / "g.nir", feedback=[])


@given(
    edges=st.lists(st.tuples(*[st.sampled_from("abcdef")] * 2), unique=True), starts=st.sets(st.sampled_from("abcdef"))
)
def test_feedback_edges_break_every_cycle_whatever_the_order(edges: list[tuple[str, str]], starts: set[str]) -> None:
    near = depths(list("abcdef"), edges, sorted(starts))
    cut = feedback_edges(edges, near)
    rest: dict[str, list[str]] = {name: [] for name in "abcdef"}
    for pre, post in set(edges) - cut:
        rest[post].append(pre)
    list(TopologicalSorter(rest).static_order())
    assert cut == feedback_edges(edges[::-1], depths(list("abcdef"), edges[::-1], sorted(starts)))
    acyclic = [(a, b) for a, b in edges if a < b]
    assert not feedback_edges(acyclic, depths(list("abcdef"), acyclic, sorted(starts)))


@pytest.mark.parametrize("kind", ["LIF", "CubaLIF"])
def test_neurons_in_millivolts_begin_at_rest(kind: str, tmp_path: Path) -> None:
    """Counted from v_leak, the same equations give the same spikes; nothing spikes before its input comes."""
    x = (np.arange(5, 60, 3), np.zeros(19, int))
    runs = {}
    for leak in (-65.0, 0.0):
        values = {"v_leak": leak, "v_threshold": leak + 15, "v_reset": leak, "r": 100.0}
        choices: list[Choice] = []
        network = read_nir(write(tmp_path, neuron(kind, **values)), 1e-3, report=choices.append)
        runs[leak] = simulate(network, {network.inputs[0].name: x}, 60).spikes[network.neurons[0].name]
        assert [c.value for c in choices if c.name == "potentials"] == (["from v_leak"] if leak else [])
    assert runs[-65.0] == runs[0.0]
    assert len(runs[0.0]) > 3
    assert runs[0.0].step[0] >= 5


@pytest.mark.parametrize("kind", ["LIF", "CubaLIF", "LI", "CubaLI"])
def test_v_starts_at_v_leak_where_asked_for(kind: str, tmp_path: Path) -> None:
    """With nothing coming in, v stays at rest; from 0 it rises to it."""
    file = write(tmp_path, nir.Linear(np.eye(2)), neuron(kind, 2, v_leak=0.5))
    for start, first in (("v_leak", 0.5), ("zero", 0.5 * 0.001 / TM)):
        network = read_nir(file, 0.001, start=start)
        (population,) = network.neurons
        run = simulate(network, {}, 200, "reference", record=[f"{population.name}.v"])
        v = run.traces[f"{population.name}.v"]
        assert v[0] == pytest.approx(first)
        assert v[-1] == pytest.approx(0.5)
        assert (np.diff(v[:, 0]) > 0).any() == (start == "zero")


def test_without_reset_v_goes_on_as_if_nothing_had_spiked(tmp_path: Path) -> None:
    file = write(tmp_path, nir.Linear(np.eye(1)), neuron("LIF", 1, v_reset=0.0, v_leak=0.0))
    spikes = np.random.default_rng(0).random((50, 1)) < 0.7
    network = read_nir(file, 0.001, reset="none")
    (population,) = network.neurons
    silent = read_nir(write(tmp_path, nir.Linear(np.eye(1)), neuron("LI", 1, v_leak=0.0)), 0.001)
    name = f"{silent.neurons[0].name}.v"
    free = simulate(silent, {"input": spikes}, 50, "reference", record=[name]).traces[name]
    run = simulate(network, {"input": spikes}, 50, "reference")
    assert np.array_equal(run.spikes[population.name].raster(), free > 1.0)
    assert len(run.spikes[population.name]) > 10


def test_an_option_may_be_settled_for_one_node(tmp_path: Path) -> None:
    """The entry "" stands for the others; names that take no such option are refused."""
    layer = neuron("LIF", 1, v_reset=0.0)
    file = write(tmp_path, nir.Linear(np.eye(1)), layer, nir.Linear(np.eye(1)), neuron("LIF", 1, v_reset=0.0))
    first, last = (p.name for p in read_nir(file, 0.001).neurons)
    network = read_nir(file, 0.001, reset={last: "subtract"})
    assert [p.neuron.reset for p in network.neurons] == ["zero", "subtract"]  # type: ignore[union-attr]
    network = read_nir(file, 0.001, reset={last: "zero", "": "subtract"})
    assert [p.neuron.reset for p in network.neurons] == ["subtract", "zero"]  # type: ignore[union-attr]
    with pytest.raises(InputError, match=f"no node 'nobody' takes the option reset; nodes that do: '({first}|{last})'"):
        read_nir(file, 0.001, reset={"nobody": "zero"})
    with pytest.raises(InputError, match=r"reset must be one of .*, got 'never'"):
        read_nir(file, 0.001, reset={last: "never"})
