"""Shapes in files of other origin: stale declarations, parameters per channel, axes in another order, nested graphs."""

from itertools import pairwise
from pathlib import Path
from typing import Any

import nir
import numpy as np
import pytest

from snmem import simulate
from snmem.errors import FileError
from snmem.nir_io import Choice, read_nir
from snmem.nir_io.shapes import joins

RNG = np.random.default_rng(3)


def lif(*shape: int, tau: Any = 1e-3) -> nir.LIF:
    one = np.ones(shape)
    return nir.LIF(tau=tau * one, r=10 * one, v_leak=0 * one, v_threshold=one, v_reset=0 * one)


def conv(out: int = 3, channels: int = 2, size: Any = (4, 4)) -> nir.Conv2d:
    weight = RNG.normal(0.2, 0.4, (out, channels, 3, 3))
    return nir.Conv2d(size, weight, stride=1, padding=1, dilation=1, groups=1, bias=np.zeros(out))


def written(path: Path, edges: Any, **nodes: Any) -> Path:
    file = path / "n.nir"
    nir.write(file, nir.NIRGraph(nodes, edges, type_check=False))
    return file


def chain(path: Path, *nodes: Any) -> Path:
    named = {f"n{i}": node for i, node in enumerate(nodes)}
    names = list(named)
    return written(path, list(pairwise(names)), **named)


def read(file: Path) -> tuple[Any, dict[str, Choice]]:
    choices: list[Choice] = []
    network = read_nir(file, report=choices.append)
    return network, {c.name: c for c in choices}


def test_axes_in_another_order_are_refused(tmp_path: Path) -> None:
    file = chain(tmp_path, nir.Input(np.array([2, 4, 4])), conv(), lif(4, 4, 3), nir.Output(np.array([48])))
    with pytest.raises(FileError, match="axes in another order; transpose"):
        read_nir(file)


@pytest.mark.parametrize(
    ("one", "other", "fits"),
    [
        ((3, 4, 4), (48,), True),
        ((48,), (3, 4, 4), True),
        ((3, 4, 4), (12, 4), True),
        ((1, 10), (10,), True),
        ((1, 1, 6), (6,), True),
        ((3, 4, 4), (4, 4, 3), False),
        ((2, 3), (3, 2), False),
        ((4, 6), (8, 3), False),
    ],
)
def test_shapes_fit_where_neighbouring_axes_are_joined(one: Any, other: Any, fits: bool) -> None:
    assert joins(one, other) is fits
    assert joins(other, one) is fits


def test_a_stale_input_of_a_nested_graph_takes_the_shape_of_what_feeds_it(tmp_path: Path) -> None:
    inner = nir.NIRGraph(
        {"in": nir.Input(np.array([7])), "lif": lif(4), "out": nir.Output(np.array([7]))},
        [("in", "lif"), ("lif", "out")],
        type_check=False,
    )
    nodes = {"i": nir.Input(np.array([5])), "w": nir.Linear(np.ones((4, 5))), "rnn": inner}
    file = written(tmp_path, [("i", "w"), ("w", "rnn"), ("rnn", "o")], **nodes, o=nir.Output(np.array([4])))
    network, choices = read(file)
    assert network["rnn.lif"].size == 4
    assert choices["shape"].value == [4]


@pytest.mark.parametrize("declared", [[0, 0], [7, 2]])
def test_a_flatten_of_unknown_or_stale_type_takes_what_feeds_it(tmp_path: Path, declared: list[int]) -> None:
    flat = nir.Flatten({"input": np.array(declared)}, start_dim=0, end_dim=-1)
    nodes = (nir.Input(np.array([2, 3])), flat, nir.Linear(np.ones((2, 6))), lif(2), nir.Output(np.array([2])))
    network, _ = read(chain(tmp_path, *nodes))
    assert [q.weights.shape for q in network.projections] == [(2, 6)]


def test_an_input_with_a_batch_axis_takes_the_shape_of_what_it_feeds(tmp_path: Path) -> None:
    file = chain(tmp_path, nir.Input(np.array([16, 2, 4, 4])), conv(), lif(3, 4, 4), nir.Output(np.array([3, 4, 4])))
    network, choices = read(file)
    assert network.inputs[0].shape == (2, 4, 4)
    assert "is not taken" in choices["shape"].decides


def test_parameters_per_channel(tmp_path: Path) -> None:
    tau = np.array([1e-3, 2e-3, 4e-3])
    one = np.ones(3)
    neuron = nir.LIF(tau=tau, r=10 * one, v_leak=0 * one, v_threshold=one, v_reset=0 * one)
    nodes = (nir.Input(np.array([2, 4, 4])), conv(), neuron, nir.Output(np.array([3, 4, 4])))
    network, _ = read(chain(tmp_path, *nodes))
    assert network["n2"].shape == (3, 4, 4)
    beta = network["n2"].neuron.vector("beta", 48).reshape(3, 16)
    assert np.allclose(beta, (1 - 1e-4 / tau)[:, None])


def test_a_transposed_weight_is_hinted_at(tmp_path: Path) -> None:
    file = chain(tmp_path, nir.Input(np.array([5])), nir.Linear(np.ones((5, 4))), lif(4), nir.Output(np.array([4])))
    with pytest.raises(FileError, match="transpose it"):
        read_nir(file)


def test_a_nested_graph_with_two_inputs_into_the_same_neurons(tmp_path: Path) -> None:
    inner = nir.NIRGraph(
        {"a": nir.Input(np.array([4])), "b": nir.Input(np.array([4])), "lif": lif(4), "o": nir.Output(np.array([4]))},
        [("a", "lif"), ("b", "lif"), ("lif", "o")],
        type_check=False,
    )
    nodes = {"l": nir.Input(np.array([4])), "r": nir.Input(np.array([4])), "sub": inner}
    file = written(tmp_path, [("l", "sub"), ("r", "sub"), ("sub", "out")], **nodes, out=nir.Output(np.array([4])))
    network, _ = read(file)
    assert sorted((q.pre, q.post) for q in network.projections) == [("l", "sub.lif"), ("r", "sub.lif")]
    left, right = (RNG.random((50, 4)) < 0.5 for _ in range(2))
    spikes = simulate(network, {"l": left, "r": right}).spikes["sub.lif"].raster()
    flat = written(
        tmp_path,
        [("l", "lif"), ("r", "lif"), ("lif", "out")],
        l=nir.Input(np.array([4])),
        r=nir.Input(np.array([4])),
        lif=lif(4),
        out=nir.Output(np.array([4])),
    )
    assert np.array_equal(spikes, simulate(read_nir(flat), {"l": left, "r": right}).spikes["lif"].raster())
    assert spikes.any()


def test_a_nested_graph_whose_inputs_lead_elsewhere_is_refused(tmp_path: Path) -> None:
    inner = nir.NIRGraph(
        {
            "a": nir.Input(np.array([4])),
            "b": nir.Input(np.array([4])),
            "w": nir.Linear(np.eye(4)),
            "lif": lif(4),
            "o": nir.Output(np.array([4])),
        },
        [("a", "lif"), ("b", "w"), ("w", "lif"), ("lif", "o")],
        type_check=False,
    )
    nodes = {"l": nir.Input(np.array([4])), "r": nir.Input(np.array([4])), "sub": inner}
    file = written(tmp_path, [("l", "sub"), ("r", "sub"), ("sub", "out")], **nodes, out=nir.Output(np.array([4])))
    with pytest.raises(FileError, match="has 2 inputs"):
        read_nir(file)
