"""Rockpool: LIFTorch, LIFNeuronTorch, ExpSynTorch, LinearTorch; to_nir and from_nir."""

import torch
from cases import LINES, Record, biases, raster, weights
from rockpool.nn.combinators import Sequential
from rockpool.nn.modules import ExpSynTorch, LIFNeuronTorch, LIFTorch, LinearTorch
from rockpool.nn.modules.torch.nir import from_nir, to_nir

record = Record("rockpool", "nirtorch", "nir", "torch", licence="AGPL-3.0")
#: At most one spike a step, as NIR has it.
ONE = {"max_spikes_per_dt": torch.tensor(1.0), "dt": 1e-3}


def linear(pre, post, scale=1.0, bias=False):
    more = {"bias": torch.tensor(biases(post)), "has_bias": True} if bias else {"has_bias": False}
    return LinearTorch((pre, post), weight=torch.tensor(scale * weights(post, pre)).T, **more)


def lif(n, **more):
    return LIFTorch(
        n, tau_mem=torch.full((n,), 4e-3), tau_syn=torch.full((n, 1), 2e-3), bias=torch.zeros(n), **{**ONE, **more}
    )


def lif_neuron(n):
    return LIFNeuronTorch(n, tau_mem=torch.full((n,), 4e-3), bias=torch.zeros(n), **ONE)


def exported(*layers):
    def make():
        x = torch.tensor(raster(LINES))
        graph = to_nir(Sequential(*layers))
        sent, value, k = {}, x[None], 0
        for layer in layers:
            value, _, _ = layer(value)
            if not isinstance(layer, LinearTorch):
                name = "out" if isinstance(layer, ExpSynTorch) else f"layer{k}"
                sent[name], k = value[0].detach().numpy(), k + 1
        return graph, x.numpy(), sent

    return make


def run(graph, x):
    out = from_nir(graph)(torch.tensor(x)[None])
    return (out[0] if isinstance(out, tuple) else out).detach().numpy()


record.theirs("Linear", exported(linear(LINES, 8), lif_neuron(8)))
record.theirs("Affine", exported(linear(LINES, 8, bias=True), lif_neuron(8)))
record.theirs("LIF", exported(linear(LINES, 8), lif_neuron(8), linear(8, 4), lif_neuron(4)))
record.theirs("CubaLIF", exported(linear(LINES, 8), lif(8), linear(8, 4), lif(4)))
tau = torch.full((8,), 4e-3, requires_grad=False)
record.theirs("LI", exported(linear(LINES, 8), ExpSynTorch(8, tau=tau, dt=1e-3)))
rest = "Conv1d", "Conv2d", "AvgPool2d", "SumPool2d", "Flatten", "Scale", "Delay", "Threshold", "I", "IF", "CubaLI"
record.unable("no layer, or none that it exports", *rest, "NIRGraph")
record.ours(run)
record.write()
