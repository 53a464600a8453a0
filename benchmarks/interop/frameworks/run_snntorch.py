"""snnTorch: Leaky, Synaptic, RLeaky; export_to_nir and import_from_nir."""

import numpy as np
import snntorch
import torch
from cases import IMAGE, LINES, Record, filled, raster, weights
from snntorch.export_nir import export_to_nir
from snntorch.import_nir import import_from_nir
from torch import nn

record = Record("snntorch", "nirtorch", "nir", "torch", licence="MIT")
CELLS = (snntorch.Leaky, snntorch.Synaptic, snntorch.RLeaky)


def linear(pre, post, bias=False):
    return filled(nn.Linear(pre, post, bias=bias), post, pre)


def leaky(*shape, reset="zero", delay=False):
    return snntorch.Leaky(
        torch.full(shape, 0.75), threshold=torch.ones(shape), init_hidden=True, reset_mechanism=reset, reset_delay=delay
    )


def synaptic(n):
    half = torch.full((n,), 0.5)
    return snntorch.Synaptic(
        half, 1.5 * half, threshold=2 * half, init_hidden=True, reset_mechanism="zero", reset_delay=False
    )


def rleaky(n):
    cell = snntorch.RLeaky(
        torch.full((n,), 0.75), linear_features=n, init_hidden=True, reset_mechanism="zero", reset_delay=False
    )
    cell.recurrent.weight.data = torch.tensor(weights(n, n, mean=0.0))
    cell.recurrent.bias.data = torch.zeros(n)
    return cell


def conv():
    return filled(nn.Conv2d(2, 3, 3, padding=1), 3, 2, 3, 3)


# The loop of tests/data/interop/make.py: this runs in the framework's environment, without the repository.
def exported(*layers, shape=(LINES,)):
    def make():
        net, x = nn.Sequential(*layers), torch.tensor(raster(*shape))
        graph = export_to_nir(net, x[:1], ignore_dims=[0])
        for layer in net:
            if hasattr(layer, "reset_mem"):
                layer.reset_mem()
        spikes = [[] for layer in net if isinstance(layer, CELLS)]
        for frame in x:
            value, k = frame[None], 0
            for layer in net:
                value = layer(value)
                if isinstance(layer, CELLS):
                    value = value[0] if isinstance(value, tuple) else value
                    spikes[k].append(value[0].detach().numpy())
                    k += 1
        return graph, x.numpy(), {f"layer{i}": np.stack(rows) for i, rows in enumerate(spikes)}

    return make


def run(graph, x):
    net, state, out = import_from_nir(graph), None, []
    for frame in torch.tensor(x):
        value, state = net(frame[None], state)
        out.append(value[0].detach().numpy())
    return np.stack(out)


record.theirs("Linear", exported(linear(LINES, 8), leaky(8)))
record.theirs("Affine", exported(linear(LINES, 8, bias=True), leaky(8)))
record.theirs("LIF", exported(linear(LINES, 8), leaky(8), linear(8, 4), leaky(4)))
record.theirs("LIF, default reset", exported(linear(LINES, 8), leaky(8, reset="subtract", delay=True)))
record.theirs("CubaLIF", exported(linear(LINES, 8), synaptic(8)))
record.theirs("NIRGraph", exported(linear(LINES, 8), rleaky(8)))
record.theirs("Conv2d", exported(conv(), leaky(3, 6, 6), shape=IMAGE))
record.theirs("AvgPool2d", exported(nn.AvgPool2d(2), leaky(2, 3, 3), shape=IMAGE))
record.theirs("Flatten", exported(nn.Flatten(), linear(72, 8), leaky(8), shape=IMAGE))
record.unable("no layer", "Conv1d", "SumPool2d", "Scale", "Delay", "Threshold", "I", "IF", "LI", "CubaLI")
record.ours(run)
record.write()
