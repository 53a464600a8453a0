"""Gains that exporters let cancel, in float32: read as 1, since a last bit decides where v meets the threshold."""

from pathlib import Path
from typing import Any

import nir
import numpy as np
import pytest
import snntorch as snn
import torch
from hypothesis import given
from hypothesis import strategies as st
from snntorch.export_nir import export_to_nir

from snmem import simulate
from snmem.nir_io import read_nir
from snmem.nir_io.choices import Choice


@pytest.mark.parametrize("beta", [0.9, 0.95])
def test_quantised_weights_of_snntorch_tie_as_in_snntorch(tmp_path: Path, beta: float) -> None:
    """Weights k/16 into a threshold of 1: v equals it again and again."""
    torch.manual_seed(1)
    one = torch.ones(8)
    lif = snn.Leaky(beta * one, threshold=one, init_hidden=True, output=True, reset_mechanism="zero", reset_delay=False)
    linear = torch.nn.Linear(12, 8, bias=False)
    with torch.no_grad():
        linear.weight.copy_(torch.randint(-4, 10, (8, 12)) / 16)
    module = torch.nn.Sequential(linear, lif)
    x = (torch.rand(100, 1, 12) < 0.3).float()
    expected = torch.stack([module(x[t])[0] for t in range(100)])[:, 0].detach().numpy() > 0
    nir.write(tmp_path / "s.nir", export_to_nir(module, x[0], ignore_dims=[0]))
    choices: list[Choice] = []
    network = read_nir(tmp_path / "s.nir", report=choices.append)
    found = simulate(network, {network.inputs[0].name: x[:, 0].numpy()}, 100).spikes[network.outputs[0]].raster()
    assert np.array_equal(found, expected)
    assert 100 < expected.sum() < 700
    (gain,) = [c for c in choices if c.name == "gain"]
    assert (gain.value, gain.source, gain.nodes) == (1, "deduced", network.outputs)
    assert "rounding of float32" in str(gain)


def neuron(kind: str, tau: Any, dt: float, number: Any) -> Any:
    """A NIR neuron whose gain is 1 in the numbers of type ``number``."""
    tau = np.asarray(tau, number)
    size = np.ones(np.shape(tau), number)
    common = {"v_leak": 0 * size, "v_threshold": size, "v_reset": 0 * size}
    if kind == "IF":
        return nir.IF(r=size / number(dt), v_threshold=size, v_reset=0 * size)
    if kind == "LIF":
        return nir.LIF(tau=tau, r=tau / number(dt), **common)
    tau_syn = 3 * tau
    return nir.CubaLIF(tau_mem=tau, tau_syn=tau_syn, r=tau / number(dt), w_in=tau_syn / number(dt), **common)


def weights_of(path: Path, one: Any, **options: Any) -> tuple[Any, Any, list[Choice]]:
    """Weights of the input, what its constant adds, and what was said about the gain."""
    size = len(np.atleast_1d(one.v_threshold))
    nodes = {
        "input": nir.Input(np.array([2])),
        "w": nir.Affine(np.full((size, 2), 0.3125), np.full(size, 0.0625)),
        "n": one,
        "output": nir.Output(np.array([size])),
    }
    nir.write(path, nir.NIRGraph(nodes, [("input", "w"), ("w", "n"), ("n", "output")]))
    choices: list[Choice] = []
    network = read_nir(path, report=choices.append, **options)
    weights = {q.pre: q.weights.toarray() for q in network.projections}
    constant = weights["bias"] if "bias" in weights else network["n"].neuron.vector("bias", size)
    return weights["input"], constant, [c for c in choices if c.name == "gain"]


@given(
    st.sampled_from(["IF", "LIF", "CubaLIF"]),
    st.lists(st.floats(2, 5000), min_size=1, max_size=5),
    st.sampled_from([1e-4, 1e-3, 1e-6, 1.0]),
    st.sampled_from([np.float32, np.float64]),
)
def test_gains_that_cancel_are_1(tmp_path_factory: Any, kind: str, steps: list[float], dt: float, number: Any) -> None:
    path = tmp_path_factory.mktemp("gain") / "n.nir"
    options: dict[str, Any] = {"if_gain": "r*dt"} if kind == "IF" else {}
    weights, constant, _ = weights_of(path, neuron(kind, np.array(steps) * dt, dt, number), dt=dt, **options)
    assert (weights == 0.3125).all()
    assert (constant == 0.0625).all()


@pytest.mark.parametrize("factor", [0.5, 0.999, 1 + 1e-5, 3])
def test_other_gains_stay(tmp_path: Path, factor: float) -> None:
    one = neuron("LIF", np.array([1e-3, 2e-3]), 1e-4, np.float64)
    one.r = one.r * np.array([1.0, factor])
    weights, _, said = weights_of(tmp_path / "n.nir", one)
    np.testing.assert_allclose(weights, 0.3125 * np.array([[1.0], [factor]]) * np.ones((1, 2)), rtol=1e-12)
    assert said == []
