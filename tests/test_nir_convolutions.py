"""Convolutions and pools of NIR files: kernels where their matrix would be large, the same network either way."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import nir
import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given
from hypothesis import strategies as st

from snmem import LIF, Convolution, Input, Network, Population, Projection, quantize, read_nir, simulate, write_nir
from snmem.errors import FileError, NetworkError
from snmem.nir_io import plain
from snmem.nir_io.nodes.chains import joined


@st.composite
def chains(draw: st.DrawFn) -> tuple[Any, Any]:
    """Draw two maps, one after the other, of which one treats each channel by itself."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    shape = (draw(st.integers(1, 4)), draw(st.integers(3, 9)), draw(st.integers(3, 9)))
    apart, made = draw(st.integers(0, 1)), []
    for i in range(2):
        channels = shape[0]
        if i == apart and draw(st.booleans()):
            scale = np.repeat(rng.integers(-1, 3, channels) / 3, shape[1] * shape[2])
            made.append(sp.csr_array(sp.diags_array(scale)))
            continue
        groups = channels if i == apart else 1
        size = draw(st.integers(1, min(3, *shape[1:]))), draw(st.integers(1, min(3, *shape[1:])))
        outputs = channels if i == apart else draw(st.integers(1, 3))
        kernel = rng.normal(size=(outputs, channels // groups, *size)) * (rng.random((outputs, 1, *size)) < 0.9)
        stride, padding = draw(st.integers(1, 3)), draw(st.integers(0, 2))
        made.append(Convolution(kernel, shape, stride, padding, groups=groups))
        shape = made[-1].output_shape
    return made[1], made[0]


@given(chains())
def test_a_product_of_kernels_is_that_of_the_matrices(maps: tuple[Any, Any]) -> None:
    kernel = joined(*maps)
    second, first = (m.tocsr() for m in maps)
    product = sp.csr_array(sp.csr_array(second) @ sp.csr_array(first))
    product.eliminate_zeros()
    product.sort_indices()
    if kernel is None:  # what lies beyond the first one's outputs would not be 0, or both are diagonal
        assert all(isinstance(m, Convolution) for m in maps) or not any(isinstance(m, Convolution) for m in maps)
        return
    made = kernel.tocsr()
    assert np.array_equal(made.indptr, product.indptr)
    assert np.array_equal(made.indices, product.indices)
    assert np.array_equal(made.data, product.data)


def test_pools_that_fit_are_joined_with_what_follows() -> None:
    pool, kernel = Convolution.pool((3, 8, 8), 2, mean=True), np.ones((4, 3, 3, 3))
    assert joined(Convolution(kernel, (3, 4, 4), padding=1), pool).kernel.shape == (4, 3, 6, 6)  # type: ignore[union-attr]
    odd = Convolution.pool((3, 9, 8), 2)
    assert joined(Convolution(kernel, (3, 4, 4), padding=1), odd) is None


def lif(*shape: int, threshold: float = 0.2, r: Any = 2.0) -> nir.LIF:
    """Neurons of a shape."""
    tau, zero = np.full(shape, 2e-3), np.zeros(shape)
    return nir.LIF(tau, np.broadcast_to(np.asarray(r, float), shape).copy(), zero, np.full(shape, threshold))


def conv(kernel: np.ndarray, size: tuple[int, ...], stride: int = 1, padding: Any = 1, groups: int = 1) -> Any:
    """A convolution without bias."""
    kind = nir.Conv2d if kernel.ndim == 4 else nir.Conv1d
    return kind(size if len(size) > 1 else size[0], kernel, stride, padding, 1, groups, np.zeros(len(kernel)))


def written(path: Path, *chain: Any) -> Path:
    """A file of nodes in a row."""
    names = [f"n{i}" for i in range(len(chain))]
    nir.write(path, nir.NIRGraph(dict(zip(names, chain, strict=True)), list(pairwise(names)), type_check=False))
    return path


def mixed(path: Path) -> Path:
    """A file with every kind of map, gains by channel and by neuron, and a bias behind a pool."""
    rng = np.random.default_rng(0)
    by_channel = np.broadcast_to(np.array([1.5, 2.0, 0.5, 3.0])[:, None, None], (4, 8, 8))
    biased = conv(rng.normal(size=(6, 2, 3, 3)), (4, 4), groups=2)
    biased.bias = rng.normal(size=6) / 8
    return written(
        path, nir.Input(np.array([2, 16, 16])),
        conv(rng.normal(size=(4, 2, 5, 5)), (16, 16), 2, 2), nir.Scale(np.array([1.0, 0.5, 2.0, 0.25])),
        lif(4, 8, 8, r=by_channel), nir.AvgPool2d(np.array([2, 2]), np.array([2, 2]), np.array([0, 0])), biased,
        lif(6, 4, 4, r=rng.uniform(0.5, 2, (6, 4, 4))),
        nir.SumPool2d(np.array([3, 3]), np.array([1, 1]), np.array([1, 1])),
        lif(6, 4, 4), nir.Flatten(np.array([6, 4, 4]), 0, -1), nir.Linear(rng.normal(size=(10, 96))), lif(10),
        nir.Output(np.array([10])),
    )  # fmt: skip


def test_kernels_say_what_the_matrices_of_small_ones_say(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = mixed(tmp_path / "f.nir")
    matrices = read_nir(path, 1e-3)
    assert not any(isinstance(q.weights, Convolution) for q in matrices.projections)
    monkeypatch.setattr(plain, "MATRIX_TO", -1)
    kernels = read_nir(path, 1e-3)
    assert [isinstance(q.weights, Convolution) for q in kernels.projections] == [True, False, True, False]
    for a, b in zip(matrices.projections, kernels.projections, strict=True):
        assert (a.name, a.delay) == (b.name, b.delay)
        w: Any = b.weights.tocsr()
        assert np.array_equal(a.weights.indptr, w.indptr)
        assert np.array_equal(a.weights.indices, w.indices)
        assert np.array_equal(a.weights.data, w.data)
    assert matrices.populations == kernels.populations
    x = np.random.default_rng(1).random((20, 512)) < 0.1
    runs = [simulate(n, {n.inputs[0].name: x}, 20) for n in (matrices, kernels)]
    assert runs[0].spikes == runs[1].spikes
    assert min(map(len, runs[0].spikes.values())) > 0


def vgg(path: Path) -> Path:
    """Two blocks of 64 and 128 channels on 32 x 32 pixels: 142 million synapses."""
    rng = np.random.default_rng(0)

    def weights(*shape: int) -> np.ndarray:
        return rng.normal(0.02, 0.2, (*shape, 3, 3)).astype(np.float32)

    pool = nir.SumPool2d(np.array([2, 2]), np.array([2, 2]), np.array([0, 0]))
    return written(
        path, nir.Input(np.array([2, 32, 32])), conv(weights(64, 2), (32, 32)), lif(64, 32, 32),
        conv(weights(64, 64), (32, 32)), lif(64, 32, 32), pool, conv(weights(128, 64), (16, 16)), lif(128, 16, 16),
        conv(weights(128, 128), (16, 16)), lif(128, 16, 16), pool, nir.Flatten(np.array([128, 8, 8]), 0, -1),
        nir.Linear(rng.normal(0, 0.02, (10, 8192)).astype(np.float32)), lif(10), nir.Output(np.array([10])),
    )  # fmt: skip


def test_a_network_of_142_million_synapses_is_read_and_run(tmp_path: Path) -> None:
    network: Network = read_nir(vgg(tmp_path / "f.nir"), 1e-3)
    assert sum(q.synapses for q in network.projections) == 141_656_576
    kernels = [q.weights.kernel.shape for q in network.projections if isinstance(q.weights, Convolution)]
    assert kernels == [(64, 2, 3, 3), (64, 64, 3, 3), (128, 64, 6, 6), (128, 128, 3, 3)]
    run = simulate(network, {network.inputs[0].name: ([0, 0, 1], [40, 500, 900])}, 2)
    assert len(run.spikes["n2"]) > 0
    twin = simulate(network, {network.inputs[0].name: ([0, 0, 1], [40, 500, 900])}, 2, backend="reference")
    assert run.spikes == twin.spikes
    assert run.counters.synaptic_events == twin.counters.synaptic_events


def test_windows_and_channels_beyond_limits_are_refused(tmp_path: Path) -> None:
    wide = written(
        tmp_path / "f.nir",
        nir.Input(np.array([1, 200, 200])),
        conv(np.ones((1, 1, 150, 150)), (200, 200)),
        lif(1, 53, 53),
    )
    with pytest.raises(FileError, match=r"has a window of .* the limit is 16384 places"):
        read_nir(wide)


def small(weights: Convolution, **options: Any) -> Network:
    """A network of a convolution, and of matrices to and from what it leads to."""
    inputs = Input("in", weights.input_shape, values=True)
    made = Population("out", weights.output_shape, LIF(beta=0.875, theta=0.5))
    after = Population("after", 5, LIF(beta=0.5))
    flat = Projection("out", "after", np.ones((5, made.size)) / 16)
    return Network((inputs, made, after), (Projection("in", "out", weights, **options), flat), ("out", "after"), 1e-3)


RNG = np.random.default_rng(7)
KERNELS = {
    "plain": Convolution(RNG.normal(size=(4, 2, 3, 3)), (2, 6, 5), padding=1),
    "strided": Convolution(RNG.normal(size=(4, 1, 3, 2)).astype("f"), (2, 6, 5), (2, 1), (1, 0), (1, 2), groups=2),
    "same": Convolution(RNG.normal(size=(2, 2, 2, 2)), (2, 6, 5), padding="same"),
    "line": Convolution(RNG.normal(size=(3, 2, 4)), (2, 17), 3, 2),
    "pool": Convolution.pool((3, 6, 6), 2, mean=True),
    "zeros": Convolution(np.zeros((1, 1, 3, 3)), (1, 5, 5), padding=1, taps=np.eye(3, dtype=bool)[None, None]),
}


@pytest.mark.parametrize("delay", [0, 1, 3])
@pytest.mark.parametrize("name", KERNELS)
def test_a_kernel_is_written_as_a_convolution_and_comes_back_equal(name: str, delay: int, tmp_path: Path) -> None:
    network = small(KERNELS[name], delay=delay)
    write_nir(network, tmp_path / "f.nir")
    back = read_nir(tmp_path / "f.nir")
    assert back == network
    assert back.digest() == network.digest()
    # nir checks all shapes; it does not count groups
    graph = nir.read(tmp_path / "f.nir", type_check=KERNELS[name].groups == 1)
    node = graph.nodes["in->out"]
    assert type(node) is (nir.Conv1d if name == "line" else nir.Conv2d)
    assert np.array_equal(node.weight, KERNELS[name].kernel)
    plainly = read_nir(tmp_path / "f.nir", metadata=False)
    x = np.random.default_rng(1).random((15, network["in"].size)) < 0.3
    runs = [simulate(n, {"in": x}, 15) for n in (network, plainly)]
    assert runs[0].spikes["out"] == runs[1].spikes["out"]


def test_quantized_kernels_come_back_equal(tmp_path: Path) -> None:
    network = quantize(small(KERNELS["plain"])).network
    assert sum(isinstance(q.weights, Convolution) for q in network.projections) == 2
    write_nir(network, tmp_path / "f.nir")
    assert read_nir(tmp_path / "f.nir") == network


def test_populations_that_matrices_lead_to_stay_flat(tmp_path: Path) -> None:
    network = small(KERNELS["plain"])
    back = Projection("after", "out", np.ones((network["out"].size, 5)))
    network = replace(network, projections=(*network.projections, back))
    write_nir(network, tmp_path / "f.nir")
    assert read_nir(tmp_path / "f.nir") == network


def test_padding_that_nir_cannot_say_is_refused_and_nothing_is_written(tmp_path: Path) -> None:
    odd = Convolution(np.ones((1, 1, 3, 3)), (1, 6, 6), padding=((2, 0), (1, 1)))
    with pytest.raises(NetworkError, match=r"'in->out': a padding of .* differs before and after, which NIR"):
        write_nir(small(odd), tmp_path / "f.nir")
    assert not list(tmp_path.iterdir())


def test_the_network_of_142_million_synapses_is_written_as_it_was_read(tmp_path: Path) -> None:
    network = read_nir(vgg(tmp_path / "f.nir"), 1e-3)
    write_nir(network, tmp_path / "g.nir")
    assert read_nir(tmp_path / "g.nir") == network


def test_notes_say_what_nirs_own_checks_do_not_take(tmp_path: Path) -> None:
    assert write_nir(small(KERNELS["plain"]), tmp_path / "f.nir") == ()
    (note,) = write_nir(small(KERNELS["strided"]), tmp_path / "f.nir")
    assert "'in->out': 2 groups of channels, which nir reads with type_check=False only" in note
    flat = small(KERNELS["plain"])
    flat = replace(flat, populations=(Input("in", 60), *flat.populations[1:]))
    (note,) = write_nir(flat, tmp_path / "f.nir")
    assert "'in->out': a kernel between populations of other shapes" in note
