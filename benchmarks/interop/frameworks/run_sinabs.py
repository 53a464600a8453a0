"""Sinabs: LIF, IAF, ExpLeak; to_nir and from_nir."""

import sinabs.activation as sa
import sinabs.layers as sl
import sinabs.nir
import torch
from cases import IMAGE, LINES, ROW, STEPS, Record, filled, raster
from torch import nn

record = Record("sinabs", "nirtorch", "nir", "torch", licence="Apache-2.0")
SINGLE = {"batch_size": 1, "spike_fn": sa.SingleSpike, "min_v_mem": None}
CELLS = (sl.LIFSqueeze, sl.IAFSqueeze, sl.ExpLeakSqueeze)


def linear(pre, post, scale=1.0, bias=True):
    return filled(nn.Linear(pre, post, bias=bias), post, pre, scale=scale)


def lif(n, **more):
    # the exporter wants tau and threshold of one shape
    return sl.LIFSqueeze(tau_mem=torch.full((n,), 4.0), spike_threshold=torch.ones(n), **{**SINGLE, **more})


def conv(kind, *shape):
    return filled(kind(shape[1], shape[0], shape[2], padding=1), *shape)


def exported(*layers, shape=(LINES,)):
    def make():
        x = torch.tensor(raster(*shape))
        graph = sinabs.nir.to_nir(nn.Sequential(*layers), x)
        graph.infer_types()  # shapes of convolutions, without which nir cannot write them
        sent, value, k = {}, x, 0
        for layer in layers:
            if hasattr(layer, "reset_states"):
                layer.reset_states()
            value = layer(value)
            if isinstance(layer, CELLS):
                name = "out" if isinstance(layer, sl.ExpLeakSqueeze) else f"layer{k}"
                sent[name], k = value.detach().numpy(), k + 1
        return graph, x.numpy(), sent

    return make


def run(graph, x):
    net = sinabs.nir.from_nir(graph, batch_size=1)
    value = net(torch.tensor(x))
    return (value[0] if isinstance(value, tuple) else value).detach().numpy().reshape(STEPS, -1)


iaf = {"min_v_mem": None, "batch_size": 1}
record.theirs("Linear", exported(linear(LINES, 8, bias=False), sl.IAFSqueeze(**SINGLE)))
record.theirs("Affine", exported(linear(LINES, 8), sl.IAFSqueeze(**SINGLE)))
record.theirs("IF", exported(linear(LINES, 8), sl.IAFSqueeze(**SINGLE), linear(8, 4), sl.IAFSqueeze(**SINGLE)))
record.theirs("IF, several spikes a step", exported(linear(LINES, 8, 4.0), sl.IAFSqueeze(**iaf)))
record.theirs("LIF", exported(linear(LINES, 8, 8.0), lif(8)))
record.theirs("LIF, norm_input=False", exported(linear(LINES, 8), lif(8, norm_input=False)))
record.theirs("LI", exported(linear(LINES, 8), sl.ExpLeakSqueeze(tau_mem=torch.full((8,), 4.0), batch_size=1)))
record.theirs("Conv1d", exported(conv(nn.Conv1d, 3, 2, 3), sl.IAFSqueeze(**SINGLE), shape=ROW))
record.theirs("Conv2d", exported(conv(nn.Conv2d, 3, 2, 3, 3), sl.IAFSqueeze(**SINGLE), shape=IMAGE))
record.theirs("SumPool2d", exported(sl.SumPool2d(2), sl.IAFSqueeze(**SINGLE), shape=IMAGE))
record.theirs("Flatten", exported(nn.Flatten(), linear(72, 8), sl.IAFSqueeze(**SINGLE), shape=IMAGE))
record.unable("no layer, or none that it exports", "AvgPool2d", "Scale", "Delay", "Threshold", "I")
record.unable("no layer, or none that it exports", "CubaLI", "CubaLIF", "NIRGraph")
record.ours(run)
record.write()
