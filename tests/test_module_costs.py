"""Modules of snnTorch, SpikingJelly and Norse billed layer by layer; counts beside NeuroBench's and beside ours."""

import norse.torch as norse
import pytest
import snntorch as snn
import torch
from neurobench.benchmarks import Benchmark
from neurobench.metrics.workload import ActivationSparsity, SynapticOperations
from neurobench.models import SNNTorchModel
from spikingjelly.activation_based import functional, layer, neuron
from torch import nn

from snmem.cost import load_chip
from snmem.cost.modules import cost_of, joules_metric
from snmem.errors import InputError

STEPS, BATCH, CHIP = 8, 3, "loihi1-nahuku"


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
    return norse.SequentialState(
        nn.Conv2d(1, 4, 3, padding=1), norse.LIFCell(p=norse.LIFParameters(v_th=torch.as_tensor(0.05))),
        nn.Flatten(), nn.Linear(144, 5), norse.LIFCell(),
    )  # fmt: skip


@pytest.mark.parametrize("name", ["snntorch", "spikingjelly", "norse"])
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
    both = nn.Sequential(make("snntorch"), make("spikingjelly"))
    with pytest.raises(InputError, match="holds snnTorch and SpikingJelly"):
        cost_of(both, images)
