"""Modules of other frameworks billed layer by layer, in Python and at the command line; counts beside NeuroBench's."""

import importlib
import json
import re

import norse.torch as norse
import numpy as np
import pytest
import sinabs.layers as sinabs
import snntorch as snn
import torch
from neurobench.benchmarks import Benchmark
from neurobench.metrics.workload import ActivationSparsity, SynapticOperations
from neurobench.models import NeuroBenchModel, SNNTorchModel
from sinabs.activation import SingleSpike
from spikingjelly.activation_based import functional, layer, neuron
from torch import nn

import snmem
from snmem.cli import main
from snmem.cost import load_chip
from snmem.cost.modules import cost_of, joules_metric
from snmem.errors import InputError

STEPS, BATCH, CHIP = 8, 3, "loihi1-nahuku"
#: A file of modules, as a user has one.
MODULES = """
import snntorch as snn
from torch import nn


def make(lines=36):
    return nn.Sequential(nn.Flatten(), nn.Linear(lines, 4), snn.Leaky(beta=0.9, init_hidden=True, threshold=0.1))


class Odd(nn.Module):
    def __init__(self):
        super().__init__()
        self.add_module("[bold]\x1b[31m{0}", nn.Linear(36, 2))
        self.add_module("<b>%s\u202e", snn.Leaky(beta=0.9, init_hidden=True))

    def forward(self, x):
        for part in self.children():
            x = part(x.flatten(1))
        return x


def other():
    return make(35)


def leaves():
    raise SystemExit(3)


def fails():
    raise ValueError("no\\nweights")
"""


@pytest.fixture
def images() -> torch.Tensor:
    return (torch.rand(STEPS, BATCH, 1, 6, 6, generator=torch.Generator().manual_seed(1)) < 0.4).float()


def make(name: str) -> nn.Module:
    torch.manual_seed(2)
    if name == "snntorch":
        spiking = (snn.Leaky(beta=0.9, init_hidden=True), snn.Leaky(beta=0.9, init_hidden=True, output=True))
        parts = (nn.Conv2d(1, 4, 3, padding=1), spiking[0], nn.Flatten(), nn.Linear(144, 5), spiking[1])
        return nn.Sequential(*parts)
    if name == "spikingjelly":
        parts = (layer.Conv2d(1, 4, 3, padding=1), neuron.IFNode(), layer.Flatten(), layer.Linear(144, 5))
        return nn.Sequential(*parts, neuron.LIFNode())
    if name == "sinabs":
        spiking = [sinabs.IAFSqueeze(batch_size=BATCH, spike_threshold=0.3, spike_fn=SingleSpike) for _ in range(2)]
        return nn.Sequential(nn.Conv2d(1, 4, 3, padding=1), spiking[0], nn.Flatten(), nn.Linear(144, 5), spiking[1])
    return norse.SequentialState(
        nn.Conv2d(1, 4, 3, padding=1), norse.LIFCell(p=norse.LIFParameters(v_th=torch.as_tensor(0.05))),
        nn.Flatten(), nn.Linear(144, 5), norse.LIFCell(),
    )  # fmt: skip


class Wrapped(NeuroBenchModel):
    """A module of another framework for NeuroBench's harness, whose data are (batch, steps, ...)."""

    def __init__(self, net, neurons, run):
        super().__init__()
        self.net, self.run = net, run
        for kind in neurons:
            self.add_activation_module(kind)

    def __call__(self, data):
        return self.run(self.net, data)

    def __net__(self):
        return self.net


def run_spikingjelly(net, data):
    functional.reset_net(net)
    return torch.stack([net(data[:, t]) for t in range(data.shape[1])], 1)


def run_norse(net, data):
    out, state = [], None
    for t in range(data.shape[1]):
        spikes, state = net(data[:, t], state)
        out.append(spikes)
    return torch.stack(out, 1)


THEIRS = {
    "snntorch": SNNTorchModel,
    "spikingjelly": lambda net: Wrapped(net, (neuron.IFNode, neuron.LIFNode), run_spikingjelly),
    "norse": lambda net: Wrapped(net, (norse.LIFCell,), run_norse),
    "sinabs": lambda net: Wrapped(net, (sinabs.IAFSqueeze,), lambda net, data: net(data.flatten(0, 1))),
}


@pytest.mark.parametrize("name", THEIRS)
def test_a_module_of_each_framework_counts_as_neurobench_does(name, images):
    net = make(name)
    data = torch.utils.data.TensorDataset(images.transpose(0, 1), torch.zeros(BATCH))
    loader = torch.utils.data.DataLoader(data, batch_size=BATCH)
    found = Benchmark(THEIRS[name](net), loader, [], [], [[], [SynapticOperations]]).run(quiet=True)
    cost = snmem.cost(net, images)
    theirs = found["SynapticOperations"]
    assert {key: cost.counters[key] for key in theirs} == pytest.approx(theirs)
    assert cost.counters["Effective_ACs"] + cost.counters["Effective_MACs"] > 0


@pytest.mark.parametrize("name", ["snntorch", "spikingjelly", "norse", "sinabs"])
def test_a_module_of_each_framework_is_billed_by_layer(name, images):
    cost = cost_of(make(name), images, CHIP)
    assert [x.kind for x in cost.layers] == ["synapses", "neurons", "synapses", "neurons"]
    first, hidden, last, out = (x.counts for x in cost.layers)
    lit, ones = images.flatten(0, 1), torch.ones(4, 1, 3, 3)
    assert first["events"] == pytest.approx(float(nn.functional.conv2d(lit, ones, padding=1).sum()) / BATCH)
    assert hidden["spikes"] > 0
    assert hidden["neurons"] == 144
    assert last["events"] == pytest.approx(5 * hidden["spikes"])
    assert out["accessed"] == 5 * STEPS
    chip = load_chip(CHIP)
    soma = 144 * STEPS * (chip.energy("neuron_access") + chip.energy("neuron_update"))
    soma += hidden["spikes"] * (chip.energy("neuron_spike") + chip.energy("packet"))
    assert cost.layers[1].joules == pytest.approx(soma)
    assert cost.joules == pytest.approx(sum(x.joules for x in cost.layers))
    assert len(repr(cost).splitlines()) == 5


def test_all_steps_at_once_count_as_step_by_step(images):
    net = make("spikingjelly")
    single = cost_of(net, images, CHIP)
    functional.set_step_mode(net, "m")
    assert cost_of(net, images, CHIP) == single
    assert cost_of(net, images, CHIP) == single  # from rest again


def test_counts_are_those_of_neurobench():
    torch.manual_seed(3)
    spiking = (snn.Leaky(beta=0.9, init_hidden=True), snn.Leaky(beta=0.9, init_hidden=True, output=True))
    net = nn.Sequential(nn.Linear(8, 16), spiking[0], nn.Linear(16, 4), spiking[1])
    data = (torch.rand(6, STEPS, 8, generator=torch.Generator().manual_seed(4)) < 0.4).float()
    loader = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(data, torch.zeros(6)), batch_size=3)
    metrics = [SynapticOperations, ActivationSparsity, joules_metric(CHIP)]
    found = Benchmark(SNNTorchModel(net), loader, [], [], [[], metrics]).run(quiet=True)
    cost = cost_of(net, data.transpose(0, 1), CHIP)
    theirs = found.pop("SynapticOperations")
    assert {name: cost.counters[name] for name in theirs} == pytest.approx(theirs)
    assert found.pop("ActivationSparsity") == pytest.approx(1 - cost.counters["spikes"] / cost.counters["accessed"])
    assert found == {"JoulesPerSample": pytest.approx(cost.joules)}


def test_the_package_itself_is_called_and_stays_a_package(images):
    from snmem.cost import measure

    found = snmem.cost(make("snntorch"), images, "generic")
    assert found == cost_of(make("snntorch"), images, "generic")
    assert snmem.cost.measure is measure
    assert importlib.import_module("snmem.cost") is snmem.cost
    again = importlib.reload(snmem.cost)
    assert again is snmem.cost
    assert again(make("snntorch"), images, "generic") == found


def test_numbers_of_any_type_and_a_sample_alone(images):
    net = make("snntorch")
    assert cost_of(net, images.numpy().astype(np.int8)) == cost_of(net, images) == cost_of(net, images.double())
    layers = (nn.Linear(6, 4), sinabs.LIF(tau_mem=9.0, spike_threshold=0.1))
    alone, batched = nn.Sequential(*layers), images[:, :, 0, 0]
    one = cost_of(alone, batched[:, 1], batch=False)
    assert (one.samples, one.steps) == (1, STEPS)
    assert one == cost_of(alone, batched[:, 1:2])


def test_the_command_line_bills_a_module_by_layer(images, tmp_path, capsys):
    (tmp_path / "nets.py").write_text(MODULES)
    np.save(tmp_path / "x.npy", images.numpy())
    words = ["cost", f"{tmp_path / 'nets.py'}:make", "--sample", str(tmp_path / "x.npy"), "--chip", CHIP]
    torch.manual_seed(1)
    assert main([*words, "--chip", "loihi2", "--json"]) == 0
    data = json.loads(capsys.readouterr().out)
    assert [x["name"] for x in data["layers"]] == ["1", "2"]
    assert data["joules"] > 0
    assert data["chips"]["loihi2"]["joules"] is None
    words[1] = words[1].replace("make", "Odd")
    assert main(words) == 0
    printed = capsys.readouterr().out
    assert "\x1b" not in printed
    assert "[bold]" in printed
    assert "<b>%s" in printed


@pytest.mark.parametrize(
    ("name", "more", "message"),
    [
        ("make", ["--steps", "3"], "--steps is for networks"),
        ("none", [], "has no 'none'; name a module or what makes one, as in .*: make, Odd, other, leaves, fails"),
        ("", [], "make, Odd, other, leaves, fails"),
        ("fails", [], r"fails\(\) fails: ValueError: no weights"),
        ("nn", [], "nn is a module, no torch.nn.Module and nothing to call"),
        ("leaves", [], r"leaves\(\) fails: SystemExit: 3"),
        ("make", ["--no-batch", "--seed", "1"], "--seed is for networks"),
        ("other", [], r"module Sequential fails on the sample of shape \(8, 3, 1, 6, 6\)"),
    ],
)
def test_what_the_command_line_cannot_bill_is_one_line(name, more, message, images, tmp_path, capsys):
    (tmp_path / "nets.py").write_text(MODULES)
    np.save(tmp_path / "x.npy", images.numpy())
    words = [f"{tmp_path / 'nets.py'}:{name}", "--input", str(tmp_path / "x.npy"), "--chip", CHIP]
    assert main(["cost", *words, *more]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert re.search(message, line)


def test_layers_that_are_not_counted_are_named(images):
    net = nn.Sequential(
        nn.Flatten(), nn.Linear(36, 4), nn.BatchNorm1d(4), snn.Leaky(beta=0.9, learn_beta=True, init_hidden=True)
    )
    assert cost_of(net.eval(), images).not_counted == ("2 (BatchNorm1d)",)
    assert cost_of(make("sinabs"), images).not_counted == ()


def test_numbers_as_input_multiply(images):
    cost = cost_of(make("snntorch"), 0.3 * images, CHIP)
    assert cost.counters["Effective_MACs"] == cost.layers[0].counts["events"] > 0
    assert cost.counters["Effective_ACs"] == cost.layers[2].counts["events"]


def test_a_chip_without_prices_gives_counts_and_leaves_joules_unknown(images):
    cost = cost_of(make("snntorch"), images, "loihi2")
    assert cost.joules is None
    assert "synaptic_event" in cost.unpriced
    assert cost.counters == cost_of(make("snntorch"), images, CHIP).counters


def test_what_cannot_be_billed_is_one_line(images):
    with pytest.raises(InputError, match="module Linear holds no spiking neurons of a known framework"):
        cost_of(nn.Linear(3, 3), images)
    with pytest.raises(InputError, match=r"expected a torch\.nn\.Module, got a int"):
        cost_of(3, images)
    with pytest.raises(InputError, match=r"sample has shape \(0, 3, 1, 6, 6\)"):
        cost_of(make("snntorch"), images[:0])
    with pytest.raises(InputError, match="numbers that are not finite"):
        cost_of(make("snntorch"), images * float("nan"))
    both = nn.Sequential(make("snntorch"), make("spikingjelly"))
    with pytest.raises(InputError, match="holds snnTorch and SpikingJelly"):
        cost_of(both, images)
