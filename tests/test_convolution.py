"""Convolutions and pools that are kept as kernels: the matrix they stand for, and the spikes of networks of them."""

from __future__ import annotations

import copy
import pickle
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import scipy.sparse as sp
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from snmem import LIF, Convolution, Input, Instar, LoihiLIF, Network, Population, Projection, quantize, simulate
from snmem.backends.event import layout_of
from snmem.backends.event.layout import shared as layout
from snmem.backends.event.layout.shared import is_shared
from snmem.description import same_matrix
from snmem.errors import BackendError, NetworkError
from snmem.quantization.calibration import report


@st.composite
def convolutions(draw: st.DrawFn, rank: int | None = None) -> Convolution:
    """Draw a small convolution of any geometry; its weights are whole numbers, some of them 0."""
    rank = draw(st.integers(1, 2)) if rank is None else rank
    groups = draw(st.integers(1, 3))
    inner, outputs = draw(st.integers(1, 2)), groups * draw(st.integers(1, 2))
    size = [draw(st.integers(1, 4)) for _ in range(rank)]
    dilation = [draw(st.integers(1, 3)) for _ in range(rank)]
    stride = [draw(st.integers(1, 3)) for _ in range(rank)]
    spans = [d * (k - 1) + 1 for d, k in zip(dilation, size, strict=True)]
    space = [draw(st.integers(1, 6)) for _ in range(rank)]
    least = [max(0, s - n) for s, n in zip(spans, space, strict=True)]
    ends = [draw(st.integers(0, few)) for few in least]
    pairs = [(e + draw(st.integers(0, 2)), n - e + draw(st.integers(0, 2))) for e, n in zip(ends, least, strict=True)]
    padding = draw(st.sampled_from((pairs, "same", max(map(max, pairs)))))
    kernel = np.array(draw(st.lists(st.integers(-3, 3), min_size=1, max_size=40)), np.float64)
    kernel = np.resize(kernel, (outputs, inner, *size))
    taps = np.resize(draw(st.lists(st.booleans(), min_size=1, max_size=7)), kernel.shape) | (kernel != 0)
    stride = 1 if padding == "same" else stride
    return Convolution(kernel, (inner * groups, *space), stride, padding, dilation, groups, taps)


def by_torch(c: Convolution, x: np.ndarray) -> np.ndarray:
    """The convolution by PyTorch, of the input padded beforehand."""
    around = [n for axis in reversed(c.axes) for n in (axis.before, axis.after)]
    padded = torch.nn.functional.pad(torch.tensor(x)[None], around)
    function = torch.nn.functional.conv1d if len(c.axes) == 1 else torch.nn.functional.conv2d
    return function(padded, torch.tensor(c.kernel), None, c.stride, 0, c.dilation, c.groups)[0].numpy()


@given(convolutions(), st.integers(0, 2**32 - 1))
def test_it_is_the_matrix_of_pytorchs_convolution(c: Convolution, seed: int) -> None:
    x = np.random.default_rng(seed).integers(-4, 5, c.input_shape).astype(np.float64)
    y = by_torch(c, x)
    assert c.output_shape == y.shape
    assert np.array_equal(c.tocsr() @ x.reshape(-1), y.reshape(-1))
    assert np.array_equal(c @ x.reshape(-1), y.reshape(-1))


@given(convolutions())
def test_counts_rows_and_parts_are_those_of_the_matrix(c: Convolution) -> None:
    matrix = c.tocsr()
    assert matrix.has_canonical_format
    assert c.shape == matrix.shape
    assert c.nnz == matrix.nnz
    columns = matrix.tocsc()
    assert np.array_equal(c.fan_out, np.diff(columns.indptr))
    assert np.array_equal(c.fan_in, np.diff(matrix.indptr))
    assert set(c.values.tolist()) == set(matrix.data.tolist())
    for j in range(c.shape[1]):
        targets, weights = c.row(j)
        mine = slice(*columns.indptr[j : j + 2])
        assert np.array_equal(targets, columns.indices[mine])
        assert np.array_equal(weights, columns.data[mine])
    for by_pre, whole in ((False, matrix), (True, columns)):
        parts = list(c.parts(by_pre, size=16))
        starts = np.cumsum([0, *(len(part[1]) for part in parts)])
        assert [part[0] for part in parts] == starts[:-1].tolist()
        assert np.array_equal(np.concatenate([part[1] for part in parts]), np.diff(whole.indptr))
        assert np.array_equal(np.concatenate([part[2] for part in parts]), whole.indices)
        assert np.array_equal(np.concatenate([part[3] for part in parts]), whole.data)


@pytest.mark.parametrize(("mean", "value"), [(False, 1.0), (True, 0.25)])
def test_a_pool_is_a_convolution_of_each_channel(mean: bool, value: float) -> None:
    pool = Convolution.pool((3, 4, 6), 2, mean=mean)
    assert pool.output_shape == (3, 2, 3)
    assert pool.groups == 3
    assert set(pool.values) == {value}
    assert pool.nnz == 3 * 4 * 6


def test_taps_may_be_synapses_of_weight_0() -> None:
    kernel = np.array([[[1.0, 0.0, -2.0]]])
    assert Convolution(kernel, (1, 5)).nnz == 6
    every = Convolution(kernel, (1, 5), taps=np.ones((1, 1, 3), bool))
    assert every.nnz == 9
    assert (every.tocsr().data == 0).sum() == 3


def test_copies_pickles_equality_and_digest() -> None:
    c = Convolution(np.arange(8.0).reshape(2, 1, 2, 2), (1, 4, 4), padding=((1, 0), (0, 1)))
    for other in (copy.copy(c), copy.deepcopy(c), pickle.loads(pickle.dumps(c)), c.with_kernel(c.kernel.copy())):
        assert other == c
        assert hash(other) == hash(c)
        with pytest.raises(ValueError, match="read-only"):
            other.kernel[0] = 1
    assert c != c.with_kernel(2 * c.kernel)
    assert c != Convolution(c.kernel, (1, 4, 4), padding=((0, 1), (0, 1)))
    assert Convolution(c.kernel, (1, 5, 5), 2, (1, 1)) == Convolution(c.kernel, (1, 5, 5), 2, ((1, 1), (1, 1)))
    kernel = c.kernel.copy()
    mine = Convolution(kernel, (1, 4, 4))
    kernel[:] = 7
    assert mine == Convolution(c.kernel, (1, 4, 4))
    network, other = (Network((Input("i", 16), Population("o", 32, LIF())), (Projection("i", "o", w),)) for w in (c, c))
    assert network == other
    assert network.digest() == other.digest()
    changed = network.with_weights({"i->o": c.with_kernel(2 * c.kernel)})
    assert network != changed
    assert network.digest() != changed.digest()
    assert pickle.loads(pickle.dumps(network)) == network


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({"kernel": np.ones((2, 2))}, r"kernel must be real numbers .* got shape \(2, 2\)"),
        ({"kernel": "x"}, "kernel must be real numbers"),
        ({"kernel": np.full((1, 1, 2, 2), np.nan)}, "NaN or infinity; give finite weights"),
        ({"kernel": np.full((1, 1, 2, 2), 2**60 + 1)}, "int64 numbers that float64 does not"),
        ({"input_shape": (4, 4)}, r"input_shape must be \(channels, 2 spatial axes\)"),
        ({"input_shape": (2, 4, 4)}, "takes 1 channels, .* the input has 2 channels"),
        ({"groups": 0}, "groups must be a whole number in 1"),
        ({"stride": 0}, "stride must be a whole number in 1"),
        ({"stride": (1, 1, 1)}, "stride must be a number or 2 of them"),
        ({"dilation": 1.5}, "dilation must be a whole number"),
        ({"padding": "reflect"}, "padding must be numbers, 'same' or 'valid'"),
        ({"padding": "same", "stride": 2}, "padding 'same' needs stride 1"),
        ({"padding": ((1, 2, 3), 0)}, r"a whole number or a pair \(before, after\)"),
        ({"dilation": 4}, "a window of 5 does not fit into 4 inputs"),
        ({"taps": np.ones(3, bool)}, "taps must be an array of bool of the kernel's shape"),
        ({"taps": np.zeros((1, 1, 2, 2), bool)}, "taps leave out a weight other than 0"),
        ({"input_shape": (1, 2**16, 2**16)}, "over the limit"),
        ({"padding": 2**30}, "output_shape: size .* is over the limit"),
    ],
)
def test_what_is_no_convolution_is_refused(arguments: dict[str, object], says: str) -> None:
    with pytest.raises(NetworkError, match=says):
        Convolution(**{"kernel": np.ones((1, 1, 2, 2)), "input_shape": (1, 4, 4)} | arguments)  # type: ignore[arg-type]


def test_what_a_projection_of_one_refuses() -> None:
    c = Convolution(np.ones((1, 1, 2, 2)), (1, 4, 4))
    with pytest.raises(NetworkError, match="a convolution has one delay"):
        Projection("i", "o", c, delay=np.ones(c.nnz, int))
    with pytest.raises(NetworkError, match="do not learn"):
        Projection("i", "o", c, plasticity=Instar(0.5))
    with pytest.raises(NetworkError, match=r"weights have shape \(9, 16\), expected \(post, pre\) = \(8, 16\)"):
        Network((Input("i", 16), Population("o", 8, LIF())), (Projection("i", "o", c),))


def test_too_many_synapses_are_refused_where_they_would_be_written_out() -> None:
    c = Convolution(np.ones((64, 64, 3, 3), np.float32), (64, 64, 64), padding=1)
    assert c.nnz == 64 * 64 * (3 * 64 - 2) ** 2
    with pytest.raises(NetworkError, match="means 147,865,600 synapses, of which at most 100,000,000 are written out"):
        c.tocsr()
    network = Network((Input("i", (64, 64, 64)), Population("o", (64, 64, 64), LIF())), (Projection("i", "o", c),))
    with pytest.raises(BackendError, match=r"'snntorch' does not run .* 'i->o' shares its weights"):
        simulate(network, {"i": ([0], [0])}, 2, backend="snntorch")


def of_convolutions(seed: int, arithmetic: str = "float") -> tuple[Network, Network]:
    """A network of convolutions, and the same of matrices."""
    rng = np.random.default_rng(seed)

    def weights(*shape: int) -> np.ndarray:
        return rng.normal(0.05, 0.3, shape)

    first = Convolution(weights(4, 2, 3, 3), (2, 9, 8), padding=1)
    second = Convolution(weights(6, 2, 3, 2), (4, 9, 8), (2, 1), "valid", (1, 2), groups=2)
    pool = Convolution.pool((6, 4, 6), (2, 3), 1, mean=True)
    back = Convolution(-abs(weights(4, 4, 3, 3)), (4, 9, 8), padding="same")
    neuron = LIF(alpha=0.5, beta=0.9, theta=0.4)
    populations = (
        Input("in", (2, 9, 8), values=True),
        Population("a", (4, 9, 8), neuron),
        Population("b", (6, 4, 6), LIF(beta=0.7, theta=0.3)),
        Population("c", (6, 3, 4), LIF(beta=0.7, reset="subtract", theta=0.1)),
    )
    kernels = (("in", "a", first, 1), ("a", "b", second, 0), ("b", "c", pool, 3), ("a", "a", back, 2))
    shared = Network(populations, tuple(Projection(pre, post, w, d) for pre, post, w, d in kernels))
    plain = Network(populations, tuple(Projection(pre, post, w.tocsr(), d) for pre, post, w, d in kernels))
    return shared, plain


@pytest.fixture
def by_kernel(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the engine run every convolution by its kernel, small ones too."""
    monkeypatch.setattr(layout, "SHARED_FROM", -1)
    monkeypatch.setattr(layout, "SHARED_ROW", -1)


@pytest.mark.parametrize("backend", ["reference", "event", "snntorch"])
@pytest.mark.usefixtures("by_kernel")
def test_spikes_and_counts_are_those_of_the_matrix(backend: str) -> None:
    shared, plain = of_convolutions(1)
    x = np.random.default_rng(2).random((30, 144)) < 0.2
    runs = [simulate(n, {"in": x}, 30, record=["a.v"], backend=b) for n, b in ((shared, backend), (plain, "reference"))]
    assert min(len(s) for s in runs[0].spikes.values()) > 50
    for name in shared.update_order:
        assert runs[0].spikes[name] == runs[1].spikes[name]
    assert runs[0].counters.synaptic_events == runs[1].counters.synaptic_events
    assert np.array_equal(runs[0].traces["a.v"], runs[1].traces["a.v"])
    assert runs[0].network is shared
    if backend != "snntorch":
        half = simulate(shared, {"in": x[:13]}, 13, backend=backend)
        rest = simulate(shared, {"in": x[13:]}, 17, backend=backend, state=half.state)
        assert len(half.spikes["c"]) + len(rest.spikes["c"]) == len(runs[0].spikes["c"])
        assert np.array_equal(rest.spikes["c"].neuron, runs[0].spikes["c"].between(13, 30).neuron)


@st.composite
def runs(draw: st.DrawFn) -> tuple[Network, Network, np.ndarray]:
    """Draw a network of a convolution, the same of its matrix, and numbers or spikes of its input."""
    c, kind = draw(convolutions()), draw(st.sampled_from(("spikes", "values", "v", "loihi")))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    given, exponent = rng.normal(size=c.kernel.shape), 0
    neuron: LIF | LoihiLIF = LIF(alpha=0.5, beta=0.9, theta=0.5, reset="subtract")
    if kind == "loihi":
        given, exponent = rng.integers(-256, 256, given.shape), draw(st.integers(-3, 2))
        neuron = LoihiLIF(du=2000, dv=300, vth=60)
    weights = c.with_kernel(np.where(c.taps, given, 0))
    lines, source = Input("in", c.input_shape, values=True), "in"
    made: list[Population | Input] = [lines, Population("out", c.output_shape, neuron)]
    first: list[Projection] = []
    if kind == "v":
        source = "between"
        made.append(Population(source, c.input_shape, LIF(beta=0.5, theta=0.7)))
        first.append(Projection("in", source, np.eye(c.shape[1])))
    delay = draw(st.integers(0, 2))
    last = [
        Projection(source, "out", w, delay, exponent=exponent, signal="v" if kind == "v" else "spikes")
        for w in (weights, weights.tocsr())
    ]
    size = (12, c.shape[1])
    x = np.round(4 * rng.normal(size=size)) / 4 if kind in ("values", "v") else rng.random(size) < 0.4
    shared, plain = (Network(tuple(made), (*first, q)) for q in last)
    return shared, plain, x


@pytest.mark.usefixtures("by_kernel")
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(runs(), st.integers(1, 2))
def test_the_engine_delivers_by_the_kernel(drawn: tuple[Network, Network, np.ndarray], threads: int) -> None:
    shared, plain, x = drawn
    expected = simulate(plain, {"in": x}, len(x), record=["out.u", "out.v"], backend="reference", counters=True)
    for backend in ("reference", "event"):
        ways: dict[str, Any] = {"backend": backend, "threads": threads if backend == "event" else 1}
        run = simulate(shared, {"in": x}, len(x), record=["out.u", "out.v"], counters=True, **ways)
        assert run.spikes == expected.spikes
        assert run.counters == expected.counters
        assert all(np.array_equal(run.traces[name], trace) for name, trace in expected.traces.items())


def test_the_engine_divides_large_populations_among_threads() -> None:
    c = Convolution(np.random.default_rng(0).normal(0, 0.2, (10, 12, 3, 3)), (12, 40, 33), padding=1)
    populations = Input("in", c.input_shape), Population("out", c.output_shape, LIF(beta=0.5))
    shared, plain = (Network(populations, (Projection("in", "out", w),)) for w in (c, c.tocsr()))
    x = np.random.default_rng(1).random((6, c.shape[1])) < 0.05
    expected = simulate(plain, {"in": x}, 6, record=["out.v"])
    assert is_shared(layout_of(shared).network["in->out"])
    for threads in (1, 2, 3):
        run = simulate(shared, {"in": x}, 6, record=["out.v"], threads=threads)
        assert run.spikes == expected.spikes
        assert np.array_equal(run.traces["out.v"], expected.traces["out.v"])


def zeroed(network: Network) -> Network:
    """The network with resets to zero."""
    neurons = [replace(p, neuron=replace(p.neuron, reset="zero")) for p in network.neurons]
    return replace(network, populations=(*network.inputs, *neurons))


@pytest.mark.parametrize("split", [True, False])
def test_quantized_kernels_are_those_of_the_matrices(split: bool) -> None:
    shared, plain = (quantize(zeroed(n), split=split) for n in of_convolutions(3))
    assert (shared.scale, shared.weight_error, shared.parts) == (plain.scale, plain.weight_error, plain.parts)
    for a, b in zip(shared.network.projections, plain.network.projections, strict=True):
        assert isinstance(a.weights, Convolution)
        assert a.exponent == b.exponent
        assert same_matrix(a.weights.tocsr(), b.weights)
    x = np.random.default_rng(4).random((30, 144)) < 0.2
    runs = [simulate(n.network, {"in": x}, 30, backend="loihi") for n in (shared, plain)]
    assert runs[0].spikes == runs[1].spikes
    assert runs[0].counters == runs[1].counters
    assert min(map(len, runs[0].spikes.values())) > 50


def test_the_report_of_a_quantized_kernel_is_that_of_the_matrix() -> None:
    x = np.random.default_rng(4).random((12, 144)) < 0.2
    reports = []
    for network in map(zeroed, of_convolutions(3)):
        reports.append(report(network, quantize(network), {"in": x}, 12))
    for name, row in reports[0]["projections"].items():
        assert row["relative"] == pytest.approx(reports[1]["projections"][name]["relative"], rel=1e-12)
    for name, row in reports[0]["populations"].items():
        for key, value in row.items():
            expected = reports[1]["populations"][name][key]
            assert value is expected or value == pytest.approx(expected, rel=1e-12)


def test_it_is_taken_for_a_matrix_where_one_is_needed() -> None:
    c = Convolution(np.arange(1.0, 5).reshape(1, 1, 2, 2), (1, 3, 3))
    assert sp.issparse(c.tocsc())
    assert np.array_equal(c.toarray(), c.tocsr().toarray())
    assert np.array_equal(c.data, c.tocsr().data)
    assert c.expanded is c.expanded
    with pytest.raises(AttributeError, match="'Convolution' object has no attribute 'kernels'"):
        _ = c.kernels  # pyright: ignore[reportAttributeAccessIssue]
