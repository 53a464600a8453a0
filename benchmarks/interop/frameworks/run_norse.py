"""Norse: LIFBoxCell, LIFCell, LIBoxCell, IAFCell; to_nir and from_nir."""

import norse.torch as norse
import numpy as np
import torch
from cases import IMAGE, LINES, Record, filled, raster
from torch import nn

record = Record("norse", "nirtorch", "nir", "torch", licence="LGPL-3.0")
CELLS = (norse.LIFBoxCell, norse.LIFCell, norse.LIBoxCell, norse.IAFCell)


def linear(pre, post, bias=True):
    return filled(nn.Linear(pre, post, bias=bias), post, pre, scale=4)


def box(n, kind=norse.LIFBoxCell, parameters=norse.LIFBoxParameters, **more):
    # time constants of 4 ms: a decay of 3/4 in a step of 1 ms
    return kind(parameters(tau_mem_inv=torch.full((n,), 250.0), v_leak=torch.zeros(n), **more))


def exported(*layers, shape=(LINES,)):
    def make():
        x = torch.tensor(raster(*shape))
        graph = norse.to_nir(norse.SequentialState(*layers), x[0])
        states, sent = [None] * len(layers), [[] for layer in layers if isinstance(layer, CELLS)]
        for frame in x:
            value, k = frame[None], 0
            for i, layer in enumerate(layers):
                if isinstance(layer, CELLS):
                    value, states[i] = layer(value, states[i])
                    sent[k].append(value[0].detach().numpy())
                    k += 1
                else:
                    value = layer(value)
        kinds = [layer for layer in layers if isinstance(layer, CELLS)]
        out = {}
        for i, (layer, rows) in enumerate(zip(kinds, sent, strict=True)):
            out["out" if isinstance(layer, norse.LIBoxCell) else f"layer{i}"] = np.stack(rows)
        return graph, x.numpy(), out

    return make


def run(graph, x):
    net, state, out = norse.from_nir(graph, dt=1e-4), None, []
    for frame in torch.tensor(x):
        value, state = net(frame[None], state)
        out.append(value[0].detach().numpy())
    return np.stack(out)


one = torch.ones(8)
lif = norse.LIFCell(
    norse.LIFParameters(tau_syn_inv=500 * one, tau_mem_inv=250 * one, v_th=one, v_leak=0 * one, v_reset=0 * one)
)
conv = filled(nn.Conv2d(2, 3, 3, padding=1), 3, 2, 3, 3)
li = box(8, norse.LIBoxCell, norse.LIBoxParameters)
iaf = norse.IAFCell(norse.IAFParameters(v_th=one * torch.linspace(0.8, 1.2, 8)))
record.theirs("Linear", exported(linear(LINES, 8, bias=False), box(8, v_th=one)))
record.theirs("Affine", exported(linear(LINES, 8), box(8, v_th=one)))
record.theirs("LIF", exported(linear(LINES, 8), box(8, v_th=one), linear(8, 4), box(4, v_th=one[:4])))
record.theirs("CubaLIF", exported(linear(LINES, 8), lif))
record.theirs("LI", exported(linear(LINES, 8), li))
record.theirs("IF", exported(linear(LINES, 8), iaf))
spread = norse.IAFCell(norse.IAFParameters(v_th=torch.linspace(0.8, 1.2, 108).reshape(3, 6, 6)))
record.theirs("Conv2d", exported(conv, spread, shape=IMAGE))
record.unable("no layer, or none that it exports", "Conv1d", "AvgPool2d", "SumPool2d", "Flatten", "Scale")
record.unable("no layer, or none that it exports", "Delay", "Threshold", "I", "CubaLI", "NIRGraph")
record.ours(run)
record.write()
