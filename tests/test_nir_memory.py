"""NIR graphs in memory, and torch modules: the same networks as by way of a file."""

from pathlib import Path
from typing import Any

import nir
import numpy as np
import pytest
import snntorch
import torch
from torch import nn

import snmem
from snmem import LIF, Input, Network, Population, Projection, simulate
from snmem.errors import InputError
from snmem.nir_io import inspect_nir, read_nir, to_nir, write_nir

RNG = np.random.default_rng(0)


def network() -> Network:
    weights = RNG.integers(-8, 9, (5, 4)) / 16
    populations = (Input("i", 4), Population("a", 5, LIF(alpha=0.5, beta=0.75)))
    return Network(populations, (Projection("i", "a", weights, delay=0), Projection("a", "a", np.eye(5))), ("a",))


def test_a_network_as_a_graph_and_back_is_equal() -> None:
    graph = to_nir(network_ := network())
    assert isinstance(graph, nir.NIRGraph)
    assert read_nir(graph) == network_


def test_a_graph_is_read_and_written_as_its_file_would_be(tmp_path: Path) -> None:
    one = np.ones(3)
    lif = nir.LIF(tau=1e-3 * one, r=10 * one, v_leak=0 * one, v_threshold=one, v_reset=0 * one)
    graph = nir.NIRGraph.from_list(nir.Linear(RNG.normal(0.3, 0.3, (3, 4))), lif)
    nir.write(tmp_path / "a.nir", graph)
    assert read_nir(graph) == read_nir(tmp_path / "a.nir")
    assert inspect_nir(graph)["nodes"] == inspect_nir(tmp_path / "a.nir")["nodes"]
    write_nir(graph, tmp_path / "b.nir")
    assert read_nir(tmp_path / "b.nir") == read_nir(graph)


def test_a_network_that_nir_has_no_node_for_is_refused() -> None:
    with pytest.raises(InputError, match="max_dense"):
        to_nir(network(), max_dense=4)


def module(**options: Any) -> nn.Sequential:
    torch.manual_seed(0)
    linear = nn.Linear(12, 8)
    linear.weight.data = torch.round(64 * (0.03 + 0.12 * torch.randn(8, 12))) / 64
    half = torch.full((8,), 0.75)
    return nn.Sequential(linear, snntorch.Leaky(half, threshold=torch.ones(8), init_hidden=True, **options))


@pytest.mark.parametrize(
    "options",
    [{}, {"reset_mechanism": "zero"}, {"reset_mechanism": "subtract", "reset_delay": False}],
)
def test_a_module_of_snntorch_spikes_as_it_does_there(options: Any) -> None:
    net, x = module(**options), (torch.rand(100, 12) < 0.4).float()
    found = snmem.from_torch(net, x[:1])
    net[1].reset_mem()
    theirs = torch.stack([net(frame[None])[0] for frame in x]).detach().numpy()
    ours = simulate(found, {found.inputs[0].name: x.numpy().astype(bool)}).spikes["1"].raster()
    assert 0.05 < theirs.mean() < 0.9
    assert np.array_equal(ours, theirs)


def test_modules_that_cannot_be_read_are_refused_in_one_line() -> None:
    with pytest.raises(InputError, match="no spiking layers"):
        snmem.from_torch(nn.Linear(2, 2), torch.zeros(1, 2))
    with pytest.raises(InputError, match="without reset"):
        snmem.from_torch(module(reset_mechanism="none"), torch.zeros(1, 12))
