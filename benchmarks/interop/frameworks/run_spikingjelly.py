"""SpikingJelly: IFNode, LIFNode, CUBALIFNode; export_to_nir and import_from_nir."""

import numpy as np
import torch
from cases import IMAGE, LINES, ROW, Record, filled, raster
from spikingjelly.activation_based import functional, layer, neuron
from spikingjelly.activation_based.nir_exchange import export_to_nir, import_from_nir
from torch import nn

record = Record("spikingjelly", "nirtorch", "nir", "torch", licence="SpikingJelly licence (Open-Intelligence)")
CELLS = (neuron.IFNode, neuron.LIFNode, neuron.CUBALIFNode)


def linear(pre, post, scale=1.0, bias=False):
    return filled(layer.Linear(pre, post, bias=bias), post, pre, scale=scale)


def conv(kind, *shape):
    return filled(kind(shape[1], shape[0], shape[2], padding=1), *shape)


def exported(*layers, shape=(LINES,)):
    def make():
        net, x = nn.Sequential(*layers), torch.tensor(raster(*shape))
        graph = export_to_nir(net, x[:1])
        functional.reset_net(net)
        sent = [[] for one in net if isinstance(one, CELLS)]
        for frame in x:
            value, k = frame[None], 0
            for one in net:
                value = one(value)
                if isinstance(one, CELLS):
                    sent[k].append(value[0].detach().numpy())
                    k += 1
        return graph, x.numpy(), {f"layer{i}": np.stack(rows) for i, rows in enumerate(sent)}

    return make


def run(graph, x):
    net, out = import_from_nir(graph, dt=1e-4), []
    state = None
    for frame in torch.tensor(x):
        value = net(frame[None], state)
        value, state = value if isinstance(value, tuple) else (value, None)
        out.append(value[0].detach().numpy())
    return np.stack(out)


def cuba():
    return neuron.CUBALIFNode(c_decay=0.5, v_decay=0.75, v_threshold=1.0, v_reset=0.0)


record.theirs("Linear", exported(linear(LINES, 8), neuron.IFNode()))
record.theirs("Affine", exported(linear(LINES, 8, bias=True), neuron.IFNode()))
record.theirs("IF", exported(linear(LINES, 8), neuron.IFNode(), linear(8, 4), neuron.IFNode()))
record.theirs(
    "LIF", exported(linear(LINES, 8, 2.0), neuron.LIFNode(tau=2.0), linear(8, 4, 2.0), neuron.LIFNode(tau=2.0))
)
record.theirs("LIF, decay_input=False", exported(linear(LINES, 8), neuron.LIFNode(tau=4.0, decay_input=False)))
record.theirs("CubaLIF", exported(linear(LINES, 8), cuba()))
record.theirs("Conv1d", exported(conv(layer.Conv1d, 3, 2, 3), neuron.IFNode(), shape=ROW))
record.theirs("Conv2d", exported(conv(layer.Conv2d, 3, 2, 3, 3), neuron.IFNode(), shape=IMAGE))
record.theirs("AvgPool2d", exported(layer.AvgPool2d(2), neuron.IFNode(), shape=IMAGE))
record.theirs("Flatten", exported(layer.Flatten(), linear(72, 8), neuron.IFNode(), shape=IMAGE))
record.unable("no layer, or none that it exports", "SumPool2d", "Scale", "Delay", "Threshold", "I", "LI", "CubaLI")
record.unable("no layer, or none that it exports", "NIRGraph")
record.ours(run)
record.write()
