"""snnTorch backend: a module to train, exact where claimed, refusing by name."""

import importlib
import sys

import numpy as np
import pytest
import scipy.sparse as sp
import snntorch
import torch

from snmem import LIF, Input, Instar, LoihiLIF, Network, Population, Projection, Spikes, simulate
from snmem.backends.snntorch import TorchNetwork, to_torch
from snmem.conformance import assert_same, features_of, random_inputs, random_network, refused_by
from snmem.errors import BackendError, InputError, MissingDependencyError
from snmem.registry import Registry

STEPS = 30


@pytest.fixture(autouse=True, scope="module")
def _one_thread():
    """More threads only wait for each other at these sizes."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def network_without_plasticity(seed):
    return random_network(seed, features=features_of("float", ["plasticity", *refused_by("snntorch")]))


HIDDEN = LIF(alpha=0.5, beta=0.75)


def classifier(seed=0, hidden=HIDDEN):
    rng = np.random.default_rng(seed)
    first = rng.normal(0.1, 0.3, (30, 20)) * (rng.random((30, 20)) < 0.1)  # 10 %: sparse
    return Network(
        (Input("in", 20), Population("hidden", 30, hidden), Population("out", 3, LIF(beta=0.9, theta=np.inf))),
        (
            Projection("in", "hidden", first),
            Projection("hidden", "hidden", sp.random_array((30, 30), density=0.05, rng=rng).tocsr()),
            Projection("hidden", "out", rng.normal(0, 0.2, (3, 30))),  # dense
        ),
        outputs=("out",),
    )


def test_cells_are_snntorch_cells():
    module = to_torch(classifier())
    assert isinstance(module, torch.nn.Module)
    assert isinstance(module.neurons[0].cell, snntorch.Synaptic)
    assert isinstance(module.neurons[1].cell, snntorch.Leaky)
    assert {s.dense for s in module.synapses} == {True, False}
    assert all(m.cell not in snntorch.SpikingNeuron.instances for m in module.neurons)


@pytest.mark.parametrize("exact", [False, True])
def test_module_run_as_a_batch_equals_the_reference(exact):
    """A matrix product sums in an order of its own, which shows in sums of potentials."""
    left_out = ["plasticity", "off_grid", *([] if exact else ["potentials"]), *refused_by("snntorch_float32")]
    for seed in range(8):
        network = random_network(seed, features=features_of("float", left_out))
        module = to_torch(network, dtype=torch.float64, exact=exact)
        samples = [random_inputs(network, 10 * seed + k, STEPS) for k in range(3)]
        names = [p.name for p in network.neurons]
        runs = [simulate(network, s, STEPS, "reference", record=[f"{n}.v" for n in names]) for s in samples]
        batch = {  # with what sources drew, which a module is given
            p.name: torch.tensor(np.stack([run.spikes[p.name].frames() for run in runs], 1), dtype=torch.float64)
            for p in network.inputs
        }
        outputs, state = module(batch, record=[*names, *(f"{n}.v" for n in names)])
        assert state.step == STEPS
        for k, expected in enumerate(runs):
            for name in names:
                assert Spikes.from_raster(outputs[name][:, k].detach().numpy()) == expected.spikes[name]
                assert np.array_equal(outputs[f"{name}.v"][:, k].detach().numpy(), expected.traces[f"{name}.v"])


def test_states_are_values():
    network = network_without_plasticity(4)
    inputs = random_inputs(network, 4, STEPS)
    whole = simulate(network, inputs, STEPS, "snntorch")
    first = simulate(network, {n: s.between(0, 11) for n, s in inputs.items()}, 11, "snntorch")
    for _ in range(2):  # the state is not used up
        rest = {n: s.between(11, STEPS) for n, s in inputs.items()}
        second = simulate(network, rest, STEPS - 11, "snntorch", state=first.state)
        assert second.spikes == {n: s.between(11, STEPS) for n, s in whole.spikes.items()}
    with pytest.raises(InputError, match="another network"):
        simulate(network_without_plasticity(5), {}, 3, "snntorch", state=first.state)


def test_counters_equal_the_reference():
    for seed in range(10):
        network = network_without_plasticity(seed)
        inputs = random_inputs(network, seed, STEPS)
        one, other = (simulate(network, inputs, STEPS, b, counters=True) for b in ("reference", "snntorch"))
        assert one.counters == other.counters


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_training_lowers_the_loss_and_comes_back_as_a_network(dtype):
    torch.manual_seed(0)
    network = classifier()
    module = to_torch(network, dtype=dtype, spike=snntorch.surrogate.fast_sigmoid(slope=5))
    rng = np.random.default_rng(1)
    labels = torch.tensor(rng.integers(0, 3, 24))
    rates = 0.1 + 0.6 * np.eye(3)[labels].repeat(7, 1)[:, :20]
    x = torch.tensor(rng.random((STEPS, 24, 20)) < rates, dtype=dtype)
    optimiser = torch.optim.Adam(module.parameters(), lr=0.02)
    losses = []
    for _ in range(25):
        outputs, _ = module({"in": x}, record=["out.v"])
        loss = torch.nn.functional.cross_entropy(outputs["out.v"].mean(0), labels)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    assert all(s.weight.grad.abs().sum() > 0 for s in module.synapses)
    assert losses[-1] < 0.3 * losses[0]
    learned = module.to_network()
    assert learned != network
    for before, after in zip(network.projections, learned.projections, strict=True):
        assert np.array_equal(before.weights.indices, after.weights.indices)
        assert not np.array_equal(before.weights.data, after.weights.data)
    sample = {"in": Spikes.from_raster(x[:, 0].numpy())}
    again, _ = module({"in": x[:, :1]}, record=["hidden"])
    backend = "snntorch" if dtype is torch.float64 else "snntorch_float32"
    assert simulate(learned, sample, STEPS, backend).spikes["hidden"] == Spikes.from_raster(
        again["hidden"][:, 0].detach().numpy()
    )


def test_parameters_can_be_learned_and_come_back():
    network = classifier(hidden=LIF(beta=np.linspace(0.5, 0.9, 30), bias=0.25))
    module = to_torch(network, dtype=torch.float64, learn=("alpha", "beta", "theta", "bias"))
    assert module.to_network() == network
    names = {name.split(".", 2)[-1] for name, p in module.named_parameters() if p.requires_grad}
    assert names == {"cell.alpha", "cell.beta", "cell.threshold", "bias"}
    outputs, _ = module({"in": torch.ones(STEPS, 2, 20, dtype=torch.float64)}, record=["hidden"])
    outputs["hidden"].sum().backward()
    with torch.no_grad():
        for parameter in module.parameters():
            if parameter.grad is not None:
                parameter += 0.01
    changed = module.to_network()["hidden"].neuron
    assert changed.bias == 0.26
    assert np.array_equal(changed.beta, np.linspace(0.5, 0.9, 30) + 0.01)
    assert isinstance(changed.alpha, float)


def test_module_can_be_saved_and_loaded(tmp_path):
    module = to_torch(classifier(0))
    torch.save(module.state_dict(), tmp_path / "weights.pt")
    other = to_torch(classifier(0))
    with torch.no_grad():
        for parameter in other.parameters():
            parameter.zero_()
    other.load_state_dict(torch.load(tmp_path / "weights.pt"))
    x = {"in": torch.ones(STEPS, 1, 20)}
    assert torch.equal(module(x, record=["out.v"])[0]["out.v"], other(x, record=["out.v"])[0]["out.v"])


def test_refusals_name_the_object():
    loihi = Network((Population("chip", 2, LoihiLIF()),))
    plastic = Network(
        (Input("in", 2), Population("a", 2, LIF())), (Projection("in", "a", np.eye(2), plasticity=Instar(0.5)),)
    )
    with pytest.raises(BackendError, match="population 'chip' has neurons of type LoihiLIF"):
        simulate(loihi, {}, 3, "snntorch")
    with pytest.raises(BackendError, match="projection 'in->a' is plastic; freeze it"):
        to_torch(plastic)
    with pytest.raises(InputError, match="cannot learn 'delay'; choose among weights, alpha"):
        to_torch(classifier(), learn=("delay",))
    module = to_torch(classifier())
    with pytest.raises(InputError, match=r"inputs are \['x'\], the network needs \['in'\]"):
        module({"x": torch.zeros(3, 1, 20)})
    with pytest.raises(InputError, match=r"cannot record 'out\.w'"):
        module({"in": torch.zeros(3, 1, 20)}, record=["out.w"])


def test_absent_torch_is_one_clear_error(monkeypatch):
    monkeypatch.delitem(sys.modules, "snmem.backends.snntorch")
    monkeypatch.setattr("snmem.backends.base.BACKENDS", Registry("backend"))
    monkeypatch.setitem(sys.modules, "snntorch", None)
    with pytest.raises(MissingDependencyError, match=r"pip install 'snmem\[snntorch\]'"):
        simulate(classifier(), {}, 3, "snntorch")
    monkeypatch.undo()
    assert importlib.import_module("snmem.backends.snntorch").TorchNetwork is TorchNetwork


@pytest.mark.parametrize("clear", [None, 4])
@pytest.mark.parametrize("alpha", [0.0, 1.0])
def test_values_that_overflow_equal_the_reference(alpha, clear):
    network = Network(
        (Input("in", 3), Population("a", 3, LIF(alpha=alpha, theta=[-np.inf, 1.0, np.inf]), clear)),
        (Projection("in", "a", 1e308 * np.array([[1, 1, -1], [1, -1, 1], [1, 1, 1]])),),
    )
    inputs, record = {"in": np.random.default_rng(0).random((20, 3)) < 0.6}, ["a.u", "a.v"]
    expected, found = (simulate(network, inputs, 20, b, record=record) for b in ("reference", "snntorch"))
    assert expected.spikes == found.spikes
    for name in record:
        assert np.array_equal(expected.traces[name], found.traces[name], equal_nan=True)
    assert not np.isfinite(expected.traces["a.u"]).all()


@pytest.mark.parametrize("backend", ["snntorch", "snntorch_float32"])
def test_odd_networks(backend):
    network = Network(
        (Input("in", 2), Population("a", 3, LIF(bias=0.5)), Population("b", 1, LIF(theta=np.inf, bias=1.0))),
        (Projection("in", "a", sp.csr_array((3, 2))), Projection("a", "b", np.ones((1, 3)), delay=5)),
    )
    for inputs in ({}, {"in": ([0, 3], [1, 0])}):
        assert_same(*(simulate(network, inputs, 9, b, record=["b.v"]) for b in ("reference", backend)))
