"""Network -> NIR -> Network is equal, bit for bit, and nir itself accepts every file."""

from __future__ import annotations

import resource
from pathlib import Path
from typing import Any

import h5py
import nir
import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from snmem import LIF, Convolution, Input, Instar, LoihiLIF, Network, Outstar, Population, Projection
from snmem.conformance.strategies import Case, cases
from snmem.errors import FileError
from snmem.nir_io import read_nir, write_nir
from snmem.plasticity import RULES

ANY_EXAMPLE = settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])


def round_trip(network: Network, path: Path, **options: Any) -> Network:
    write_nir(network, path, **options)
    again = read_nir(path)
    assert again == network
    assert again.digest() == network.digest()
    assert [q.weights.dtype for q in again.projections] == [q.weights.dtype for q in network.projections]
    return again


@ANY_EXAMPLE
@given(case=st.one_of(cases("float", ["potentials"]), cases("loihi")), max_dense=st.sampled_from([0, 2**24]))
def test_random_networks_come_back_equal(case: Case, max_dense: int, tmp_path: Path) -> None:
    path = tmp_path / "network.nir"
    round_trip(case.network, path, max_dense=max_dense)
    if max_dense:
        flat = not any(isinstance(q.weights, Convolution) for q in case.network.projections)
        nir.read(path, type_check=flat)  # kernels of generated networks stand between populations of other shapes


NAMES = st.text(st.characters(exclude_categories=("Cc", "Cs"), exclude_characters="/"), min_size=1, max_size=20)
NUMBERS = st.floats(-1e6, 1e6, allow_nan=False)
FACTORS = st.one_of(st.sampled_from([0.0, 0.1, 0.5, 0.9, 1 - 2**-53, 1.0]), st.floats(0, 1))


@st.composite
def odd_networks(draw: Any) -> Network:
    """Odd names and shapes, extreme parameters, explicit zeros, weight types, cycles, no inputs, no projections."""
    names = draw(st.lists(NAMES, min_size=2, max_size=5, unique=True))
    shapes = st.lists(st.integers(1, 3), min_size=1, max_size=3).map(tuple)
    is_input = [draw(st.booleans()) for _ in names[1:]] + [False]
    populations: list[Any] = []
    for name, source in zip(names, is_input, strict=True):
        shape = draw(shapes)
        if source:
            populations.append(Input(name, shape))
            continue
        size = int(np.prod(shape))
        values = {
            key: draw(st.one_of(kind, st.lists(kind, min_size=size, max_size=size)))
            for key, kind in {"alpha": FACTORS, "beta": FACTORS, "bias": NUMBERS, "v_reset": NUMBERS}.items()
        }
        values["theta"] = draw(st.one_of(NUMBERS, st.sampled_from([np.inf, -np.inf])))
        if draw(st.booleans()):
            values |= {"reset": "subtract", "v_reset": 0.0}
        every = draw(st.one_of(st.none(), st.integers(1, 2**40)))
        offset = draw(st.integers(0, every - 1)) if every else 0
        populations.append(Population(name, shape, LIF(**values), every, offset))
    neurons = [p for p in populations if isinstance(p, Population)]
    projections = []
    for name in draw(st.lists(NAMES.filter(lambda name: name not in names), max_size=4, unique=True)):
        pre, post = draw(st.sampled_from(populations)), draw(st.sampled_from(neurons))
        kind = draw(st.sampled_from([np.float64, np.float32, np.int8, np.int32]))
        rng = np.random.default_rng(draw(st.integers(0, 2**32)))
        rows, columns = np.nonzero(rng.random((post.size, pre.size)) < draw(st.sampled_from([0, 0.3, 1])))
        data = rng.integers(-3, 4, len(rows)).astype(kind)
        weights = sp.csr_array((data, (rows, columns)), shape=(post.size, pre.size))
        projections.append(Projection(pre.name, post.name, weights, draw(st.integers(1, 70)), name=name))
    outputs = draw(st.lists(st.sampled_from(names), max_size=3))
    dt = draw(st.one_of(st.sampled_from([1e-3, 1e-4, 1]), st.floats(1e-9, 1e3)))
    return Network(tuple(populations), tuple(projections), tuple(outputs), dt)


@ANY_EXAMPLE
@given(network=odd_networks(), delay_nodes=st.booleans())
def test_odd_networks_come_back_equal_even_through_nir(network: Network, delay_nodes: bool, tmp_path: Path) -> None:
    first, second = tmp_path / "first.nir", tmp_path / "second.nir"
    round_trip(network, first, delay_nodes=delay_nodes)
    nir.write(second, nir.read(first, type_check=True))
    assert read_nir(second) == network


def test_learning_rules_and_loihi_exponents_come_back(tmp_path: Path) -> None:
    lif = LIF()
    rules = Instar(0.25, gate="teacher", decay=0.5), Outstar(1.0, signal="teacher")
    populations = (Input("in", 3), Population("a", 3, lif), Population("teacher", 3, lif))
    plastic = [Projection("in", "a", np.eye(3), plasticity=rule, name=f"p{i}") for i, rule in enumerate(rules)]
    round_trip(Network(populations, tuple(plastic)), tmp_path / "plastic.nir")
    loihi = Population("a", (3,), LoihiLIF([1, 2, 3], 4095, 131071, -4096, 7))
    weights = sp.csr_array(np.array([[255, -256, 1]] * 3, np.int16))
    for max_dense in (0, 100):
        for exponent in (-8, 0, 7):
            network = Network((Input("in", 3), loihi), (Projection("in", "a", weights, exponent=exponent),))
            round_trip(network, tmp_path / "loihi.nir", max_dense=max_dense)


def test_notes_name_what_plain_readers_miss(tmp_path: Path) -> None:
    populations = (Input("in", 2), Population("a", 2, LIF(reset="subtract"), clear_every=5))
    network = Network(populations, (Projection("in", "a", np.eye(2), plasticity=Instar(0.5), name="learned"),))
    notes = write_nir(network, tmp_path / "n.nir", max_dense=0)
    assert [n.split(":")[0] for n in notes] == ["population 'a'"] * 2 + ["projection 'learned'"] * 2
    assert "subtraction" in notes[0]
    assert "every 5 steps" in notes[1]
    assert "Instar" in notes[2]
    assert "SparseLinear" in notes[3]
    exact = Network((Input("in", 2), Population("a", 2, LIF(0.5, 0.75))), (Projection("in", "a", np.eye(2)),))
    assert write_nir(exact, tmp_path / "n.nir") == ()


def test_plain_readers_refuse_sparse_nodes_instead_of_guessing(tmp_path: Path) -> None:
    network = Network((Input("in", 2), Population("a", 2, LIF())), (Projection("in", "a", np.eye(2)),))
    write_nir(network, tmp_path / "n.nir", max_dense=3)
    with pytest.raises(AssertionError):
        nir.read(tmp_path / "n.nir")


def test_a_large_network_never_becomes_dense(tmp_path: Path) -> None:
    n, k = 100_000, 20
    rng = np.random.default_rng(0)
    columns = np.sort(rng.integers(0, n // k, (n, k)) + np.arange(k) * (n // k), axis=1).astype(np.int32)
    weights = sp.csr_array((rng.normal(size=n * k), columns.reshape(-1), np.arange(0, n * k + 1, k)), shape=(n, n))
    network = Network((Population("a", n, LIF(beta=rng.uniform(0, 1, n))),), (Projection("a", "a", weights),))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    round_trip(network, tmp_path / "large.nir")
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 500_000  # kB; a dense block would be 80 GB


@pytest.mark.parametrize(
    ("where", "value", "named"),
    [
        ("nodes/a/tau", 5.0, "node 'a'"),
        ("nodes/a/v_threshold", 7.0, "node 'a'"),
        ("nodes/in->a_delay/delay", 0.5, "node 'in->a_delay'"),
        ("metadata/dt", -1.0, "dt"),
        ("nodes/a/metadata/beta", 0.25, "node 'a'"),
    ],
)
def test_edited_files_are_refused_by_name(where: str, value: float, named: str, tmp_path: Path) -> None:
    path = tmp_path / "n.nir"
    populations = Input("in", 2), Population("a", 2, LIF(beta=[0.5, 0.75]))
    write_nir(Network(populations, (Projection("in", "a", np.eye(2), 3),)), path)
    with h5py.File(path, "r+") as file:
        file["node"][where][...] = value
    with pytest.raises(FileError, match=named) as error:
        read_nir(path)
    assert "n.nir" in str(error.value)


def test_nothing_half_written_is_left_behind(tmp_path: Path) -> None:
    network = Network((Population("a", 2, LIF()),))
    write_nir(network, tmp_path / "n.nir")
    with pytest.raises(FileError, match="cannot be written"):
        write_nir(network, tmp_path / "absent" / "n.nir")
    assert [p.name for p in tmp_path.iterdir()] == ["n.nir"]


@pytest.mark.parametrize("name", sorted(RULES))
def test_every_rule_is_read_back_equal(tmp_path, name):
    rule = RULES[name].example(np.random.default_rng(3))
    network = Network(
        (Input("x", 3), Population("h", 2, LIF())), (Projection("x", "h", np.ones((2, 3)), 3, rule, name="learned"),)
    )
    write_nir(network, tmp_path / "n.nir")
    assert read_nir(tmp_path / "n.nir") == network
