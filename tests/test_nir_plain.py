"""NIR files of any origin: what they mean by their plain values."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import nir
import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from nir_graphs import DT, GraphMaker
from nir_oracle import Oracle, run

from snmem import Network, simulate
from snmem.conformance import EXTENSIONS
from snmem.conformance.strategies import Case, cases
from snmem.lowering import split_delays
from snmem.nir_io import read_nir, write_nir

EXAMPLES = settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])


def compare(network: Network, oracle: Oracle, steps: int, rng: np.random.Generator) -> dict[str, Any]:
    """Run both on the same spikes; equal spikes of all neurons, equal values of all integrators and outputs."""
    inputs = {p.name: (rng.random((steps, p.size)) < 0.3).astype(float) for p in network.inputs}
    expected = run(oracle, inputs, steps)
    silent = [p.name for p in network.neurons if np.isposinf(p.neuron.theta).all()]
    found = simulate(network, inputs, steps, "reference", record=[f"{name}.v" for name in silent])
    for p in network.neurons:
        if p.name in silent:
            np.testing.assert_allclose(found.traces[f"{p.name}.v"], expected[p.name], rtol=1e-9, atol=1e-12)
        elif p.name in expected:
            np.testing.assert_array_equal(found.spikes[p.name].raster(), expected[p.name], err_msg=p.name)
    return expected


@EXAMPLES
@given(seed=st.integers(0, 2**32 - 1), reset=st.sampled_from(["zero", "subtract"]))
def test_random_graphs_give_the_spikes_of_an_independent_reading(seed: int, reset: str, tmp_path: Path) -> None:
    maker = GraphMaker(seed, v_reset=reset == "zero")
    graph = maker.graph()
    nir.write(tmp_path / "g.nir", graph)
    choices: list[Any] = []
    network = read_nir(tmp_path / "g.nir", DT, reset=reset, report=choices.append)
    oracle = Oracle(graph, DT, maker.feedback, reset)
    expected = compare(network, oracle, 25, np.random.default_rng(seed))
    assert {c.name for c in choices} >= {"dt", "feedforward_delay"}
    outputs = [name for name in expected if name.startswith("out")]
    assert len(network.outputs) == len(outputs)
    write_nir(network, tmp_path / "again.nir")
    assert read_nir(tmp_path / "again.nir") == network


@EXAMPLES
@given(case=cases("float", without=("subtract", "clear", "plasticity", "off_grid", "sources", *EXTENSIONS)))
def test_what_we_write_means_the_same_to_a_reader_that_ignores_metadata(case: Case, tmp_path: Path) -> None:
    write_nir(case.network, tmp_path / "n.nir")
    plain = read_nir(tmp_path / "n.nir", metadata=False)
    assert plain.dt == case.network.dt
    delays = [{(q.pre, q.post, q.delay) for q in split_delays(n).projections} for n in (plain, case.network)]
    assert delays[0] == delays[1]
    ours, theirs = (simulate(n, case.inputs, case.steps, "reference").spikes for n in (case.network, plain))
    for p in case.network.populations:
        assert ours[p.name] == theirs[p.name]


def test_the_random_graphs_hold_every_node_type() -> None:
    found = {type(node).__name__ for seed in range(80) for node in GraphMaker(seed).graph().nodes.values()}
    assert found == {name for name in nir.ir.__all__ if name[0].isupper()} - {"NIRNode", "NIRGraph"}


def write(graph: nir.NIRGraph, tmp_path: Path) -> Path:
    nir.write(tmp_path / "g.nir", graph)
    return tmp_path / "g.nir"


def chain(*nodes: Any) -> nir.NIRGraph:
    return nir.NIRGraph.from_list(*nodes)


def lif(n: int) -> nir.LIF:
    return nir.LIF(*(np.full(n, x) for x in (0.01, 1.0, 0.0, 1.0)))


def conv(weight: Any, size: Any) -> nir.Conv2d:
    return nir.Conv2d(size, weight.astype(np.float32), 1, 1, 1, 1, np.zeros(len(weight), np.float32))


def integrate_and_fire(*shape: int) -> nir.IF:
    return nir.IF(np.ones(shape), np.ones(shape))


def test_a_network_of_the_size_of_the_nir_papers_cnn(tmp_path: Path) -> None:
    """2 x 34 x 34 input, three convolutions, two pools, two dense layers; weights on a grid of 1/64."""
    rng = np.random.default_rng(0)

    def weights(*shape: int) -> Any:
        return np.round(64 * rng.normal(0.02, 0.3, shape)) / 64

    first = nir.Conv2d((34, 34), weights(16, 2, 5, 5), 2, 1, 1, 1, np.zeros(16))
    pools = [nir.SumPool2d(*np.array([[2, 2], [2, 2], [0, 0]])) for _ in range(2)]
    graph = chain(
        nir.Input(np.array([2, 34, 34])),
        *(first, integrate_and_fire(16, 16, 16)),
        *(conv(weights(16, 16, 3, 3), (16, 16)), integrate_and_fire(16, 16, 16), pools[0]),
        *(conv(weights(8, 16, 3, 3), (8, 8)), integrate_and_fire(8, 8, 8), pools[1]),
        nir.Flatten(np.array([8, 4, 4]), 0, -1),
        *(nir.Linear(weights(256, 128)), integrate_and_fire(256)),
        *(nir.Linear(weights(10, 256)), integrate_and_fire(10), nir.Output(np.array([10]))),
    )
    network = read_nir(write(graph, tmp_path))
    assert [p.shape for p in network.populations] == [(2, 34, 34), (16, 16, 16), (16, 16, 16), (8, 8, 8), (256,), (10,)]
    assert sum(q.synapses for q in network.projections) < 1_200_000
    expected = compare(network, Oracle(graph, 1e-4), 12, rng)
    assert expected["if_4"].sum() > 5


def test_a_network_of_the_size_of_the_nir_papers_rnn(tmp_path: Path) -> None:
    """CubaLIF 12-38-7 with recurrent hidden layer and biases, parameters as its exporter writes them."""
    rng, dt = np.random.default_rng(1), 2.0**-13

    def neurons(n: int) -> nir.CubaLIF:
        values = {"tau_syn": 4 * dt, "tau_mem": 8 * dt, "r": 8.0, "v_leak": 0.0, "v_threshold": 1.0, "w_in": 4.0}
        return nir.CubaLIF(**{k: np.full(n, v) for k, v in values.items()})

    def affine(n: int, m: int) -> nir.Affine:
        return nir.Affine(np.round(32 * rng.normal(0, 0.4, (n, m))) / 32, np.round(32 * rng.normal(0, 0.1, n)) / 32)

    nodes = {"input": nir.Input(np.array([12])), "fc1": affine(38, 12), "lif1": neurons(38), "rec": affine(38, 38)}
    nodes |= {"fc2": affine(7, 38), "lif2": neurons(7), "output": nir.Output(np.array([7]))}
    edges = [("input", "fc1"), ("fc1", "lif1"), ("lif1", "fc2"), ("fc2", "lif2"), ("lif2", "output")]
    graph = nir.NIRGraph(nodes, [*edges, ("lif1", "rec"), ("rec", "lif1")])
    choices: list[Any] = []
    network = read_nir(write(graph, tmp_path), dt, report=choices.append)
    assert [p.name for p in network.populations] == ["input", "bias", "lif1", "lif2"]
    assert network["rec"].delay == 1
    assert {"bias", "feedback"} <= {c.name for c in choices}
    expected = compare(network, Oracle(graph, dt, [("lif1", "rec")]), 256, rng)
    assert 100 < expected["lif2"].sum() < 256 * 7


def test_nested_graphs_mean_the_same_as_flat_ones(tmp_path: Path) -> None:
    def parts(n: int, prefix: str) -> tuple[dict[str, Any], list[tuple[str, str]]]:
        rng = np.random.default_rng(n)
        nodes = {"w": nir.Linear(rng.normal(size=(n, n))), "n": lif(n), "r": nir.Linear(rng.normal(size=(n, n)))}
        edges = [("w", "n"), ("n", "r"), ("r", "n")]
        return {prefix + k: v for k, v in nodes.items()}, [(prefix + a, prefix + b) for a, b in edges]

    ends = {"input": nir.Input(np.array([4])), "output": nir.Output(np.array([4]))}
    nodes, edges = parts(4, "a.b.")
    flat = nir.NIRGraph(ends | nodes, [("input", "a.b.w"), *edges, ("a.b.n", "output")])
    inner, inner_edges = parts(4, "")
    deep = nir.NIRGraph(ends | inner, [("input", "w"), *inner_edges, ("n", "output")])
    middle = nir.NIRGraph(ends | {"b": deep}, [("input", "b"), ("b", "output")])
    nested = nir.NIRGraph(ends | {"a": middle}, [("input", "a"), ("a", "output")])
    first, second = read_nir(write(flat, tmp_path), 1e-3), read_nir(write(nested, tmp_path), 1e-3)
    assert first == second


def test_a_graph_without_inputs_gets_them_as_nir_does(tmp_path: Path) -> None:
    nodes = {"a": lif(3), "out": nir.Output(np.array([3]))}
    nir.write(tmp_path / "g.nir", nir.NIRGraph(nodes, [("a", "out")], type_check=False))
    network = read_nir(tmp_path / "g.nir")
    assert [(p.name, p.shape) for p in network.inputs] == [("input_a", (3,))]
    assert set(nir.read(tmp_path / "g.nir").inputs) == {"input_a"}


def test_other_hdf5_layouts_are_read_alike(tmp_path: Path) -> None:
    """Newest HDF5 structures, texts of fixed length, big-endian and half-precision numbers, scalars for vectors."""
    four, other = np.array([4]), tmp_path / "other.nir"
    path = write(chain(nir.Input(four), nir.Linear(np.eye(4)), lif(4), nir.Output(four)), tmp_path)

    def copy(name: str, item: Any) -> None:
        if not isinstance(item, h5py.Dataset):
            return
        value = item[()]
        if item.dtype.kind == "O":
            value = np.array(value, "S20")
        elif name.endswith("weight"):
            value = value.astype(">f2")
        elif name.endswith("tau"):
            value = value[0]
        target[name] = value

    with h5py.File(path) as source, h5py.File(other, "w", libver="latest", track_order=True) as target:
        source.visititems(copy)
    assert read_nir(path) == read_nir(other)
