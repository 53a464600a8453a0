"""Export networks from snnTorch, Norse and Sinabs with their own exporters, and record their own spikes.

Writes, beside this file, ``<case>.nir`` as the exporter made it, ``<case>.npz`` with the input raster and the spikes of
every spiking layer (steps, neurons), and ``versions.json``. Case ``ours`` goes the other way: Norse imports files that
snmem wrote (``ours_*.nir``, with their input, by ``tests/test_interop.py`` run as a program). Norse and Sinabs ask for
packages that the project does not use, so run it in an environment of its own::

    python -m venv /somewhere && . /somewhere/bin/activate
    pip install torch==2.13.0 h5py numpy pbr
    pip install --no-deps nir==1.0.8 nirtorch==2.6 snntorch==1.0.0 norse==1.1.0 sinabs==2.0.3
    python make.py

The files are made by these frameworks from random weights; they hold no third-party data.
"""

from __future__ import annotations

import json
import sys
import warnings
from importlib.metadata import version
from pathlib import Path

import nir
import norse.torch as norse
import numpy as np
import sinabs.activation as sa
import sinabs.layers as sl
import sinabs.nir
import snntorch
import torch
from snntorch.export_nir import export_to_nir
from torch import nn

HERE = Path(__file__).parent
STEPS = 200
warnings.filterwarnings("ignore")


def linear(pre: int, post: int, mean: float, sd: float, bias: bool = True, grid: int = 0) -> nn.Linear:
    """A dense layer with normal weights, on multiples of 1/grid if asked for."""
    layer = nn.Linear(pre, post, bias=bias)
    weight = mean + sd * torch.randn(post, pre)
    layer.weight.data = torch.round(weight * grid) / grid if grid else weight
    if bias:
        layer.bias.data = 0.02 * torch.randn(post)
    return layer


def conv(channels: int, out: int, size: int, scale: float, **options: int) -> nn.Conv2d:
    layer = nn.Conv2d(channels, out, size, **options)
    layer.weight.data = scale * (0.3 + torch.randn_like(layer.weight))
    layer.bias.data = 0.02 * torch.randn(out)
    return layer


def raster(*shape: int, rate: float = 0.2) -> torch.Tensor:
    return (torch.rand(STEPS, *shape) < rate).float()


def spread(n: int | tuple[int, ...], low: float, high: float) -> torch.Tensor:
    return low + (high - low) * torch.rand(n)


def run_snntorch(net: nn.Sequential, x: torch.Tensor) -> list[torch.Tensor]:
    """Step by step; cells keep their own state."""
    kinds = (snntorch.Leaky, snntorch.Synaptic, snntorch.RLeaky, snntorch.RSynaptic)
    spikes: list[list[torch.Tensor]] = [[] for layer in net if isinstance(layer, kinds)]
    for frame in x:
        value, k = frame[None], 0
        for layer in net:
            value = layer(value)
            if isinstance(layer, kinds):
                value = value[0] if isinstance(value, tuple) else value
                spikes[k].append(value[0])
                k += 1
    return [torch.stack(rows) for rows in spikes]


def run_norse(net: nn.Sequential, x: torch.Tensor) -> list[torch.Tensor]:
    cells = (norse.LIFBoxCell, norse.LIFCell, norse.IAFCell)
    spikes: list[list[torch.Tensor]] = [[] for layer in net if isinstance(layer, cells)]
    states = [None] * len(net)
    for frame in x:
        value, k = frame[None], 0
        for i, layer in enumerate(net):
            if isinstance(layer, cells):
                value, states[i] = layer(value, states[i])
                spikes[k].append(value[0])
                k += 1
            else:
                value = layer(value)
    return [torch.stack(rows) for rows in spikes]


def run_sinabs(net: nn.Sequential, x: torch.Tensor) -> list[torch.Tensor]:
    """All steps at once, layer by layer; the batch axis of the ...Squeeze layers is 1."""
    value, spikes = x, []
    for layer in net:
        value = layer(value)
        if isinstance(layer, (sl.LIFSqueeze, sl.IAFSqueeze)):
            spikes.append(value)
    return spikes


def save(case: str, graph: nir.NIRGraph, x: torch.Tensor, spikes: list[torch.Tensor], **more: torch.Tensor) -> None:
    nir.write(HERE / f"{case}.nir", graph)
    layers = {f"layer{i}": s.detach().reshape(STEPS, -1) for i, s in enumerate(spikes)}
    counts = {name: s.numpy().astype(np.uint8) for name, s in layers.items()}
    extra = {name: value.detach().numpy() for name, value in more.items()}
    np.savez_compressed(HERE / f"{case}.npz", x=x.reshape(STEPS, -1).numpy().astype(bool), **counts, **extra)
    rates = ", ".join(f"{s.mean():.3f} (max {int(s.max())})" for s in layers.values())
    print(f"{case}: {', '.join(type(n).__name__ for n in graph.nodes.values())}; spikes per cell {rates}")


def snntorch_cases() -> None:
    def leaky(n, reset="zero", delay=False, **more):
        return snntorch.Leaky(
            spread(n, 0.7, 0.95), threshold=spread(n, 0.8, 1.2), init_hidden=True, reset_mechanism=reset,
            reset_delay=delay, **more,
        )  # fmt: skip

    def synaptic(n, reset="zero", delay=False):
        return snntorch.Synaptic(
            spread(n, 0.3, 0.8), spread(n, 0.7, 0.95), threshold=spread(n, 0.8, 1.2), init_hidden=True,
            reset_mechanism=reset, reset_delay=delay,
        )  # fmt: skip

    def rleaky(n, reset, delay):
        cell = snntorch.RLeaky(
            spread(n, 0.7, 0.95), linear_features=n, threshold=spread(n, 0.8, 1.2), init_hidden=True,
            reset_mechanism=reset, reset_delay=delay,
        )  # fmt: skip
        cell.recurrent.weight.data = 0.15 * torch.randn(n, n)
        cell.recurrent.bias.data = torch.zeros(n)
        return cell

    def rsynaptic(n):
        cell = snntorch.RSynaptic(
            spread(n, 0.3, 0.8), spread(n, 0.7, 0.95), linear_features=n, threshold=spread(n, 0.8, 1.2),
            init_hidden=True, reset_mechanism="zero", reset_delay=True,
        )  # fmt: skip
        cell.recurrent.weight.data = 0.15 * torch.randn(n, n)
        cell.recurrent.bias.data = torch.zeros(n)
        return cell

    def make(case, net, x):
        graph = export_to_nir(net, x[:1], ignore_dims=[0])
        for layer in net:
            if hasattr(layer, "reset_mem"):
                layer.reset_mem()
        save(f"snntorch_{case}", graph, x, run_snntorch(net, x))

    net = nn.Sequential(linear(20, 30, 0.05, 0.2), leaky(30), linear(30, 10, 0.1, 0.3), leaky(10))
    make("leaky", net, raster(20))
    sub = "subtract"
    net = nn.Sequential(linear(20, 30, 0.03, 0.12), leaky(30, sub), linear(30, 10, 0.05, 0.15), leaky(10, sub))
    make("leaky_subtract", net, raster(20))
    make("leaky_subtract_late", nn.Sequential(linear(20, 30, 0.03, 0.12), leaky(30, sub, True)), raster(20))
    net = nn.Sequential(linear(20, 30, 0.02, 0.1), synaptic(30), linear(30, 10, 0.05, 0.2), synaptic(10))
    make("synaptic", net, raster(20))
    make("synaptic_late", nn.Sequential(linear(20, 30, 0.02, 0.1), synaptic(30, delay=True)), raster(20))
    first = conv(2, 4, 3, 0.15, padding=1), leaky((4, 8, 8)), nn.AvgPool2d(2), nn.Flatten()
    make("conv", nn.Sequential(*first, linear(64, 6, 0.05, 0.3), leaky(6)), raster(2, 8, 8, rate=0.15))
    first = linear(20, 30, 0.05, 0.2), rleaky(30, "zero", False)
    make("rleaky", nn.Sequential(*first, linear(30, 10, 0.1, 0.3), leaky(10)), raster(20))
    make("rsynaptic_late", nn.Sequential(linear(20, 30, 0.02, 0.1), rsynaptic(30)), raster(20))


def norse_cases() -> None:
    def box(n, leak=0.0):
        return norse.LIFBoxCell(norse.LIFBoxParameters(
            tau_mem_inv=spread(n, 50, 200), v_th=spread(n, 0.8, 1.2), v_leak=leak * torch.randn(n)))  # fmt: skip

    def lif(n):
        return norse.LIFCell(norse.LIFParameters(
            tau_syn_inv=spread(n, 100, 400), tau_mem_inv=spread(n, 50, 200), v_th=spread(n, 0.8, 1.2),
            v_leak=torch.zeros(n), v_reset=torch.zeros(n)))  # fmt: skip

    def iaf(n):
        return norse.IAFCell(norse.IAFParameters(v_th=spread(n, 0.8, 1.2)))

    def make(case, net, x):
        sample = x[0]
        graph = norse.to_nir(norse.SequentialState(*net), sample)
        leak = {"v_leak": net[1].p.v_leak} if case == "lif_leak" else {}  # where v starts
        save(f"norse_{case}", graph, x, run_norse(net, x), **leak)

    make("lif", nn.Sequential(linear(20, 30, 0.3, 2.0), box(30), linear(30, 10, 1.0, 3.0), box(10)), raster(20))
    make("lif_leak", nn.Sequential(linear(20, 30, 0.3, 2.0), box(30, 0.2)), raster(20))
    make("cuba", nn.Sequential(linear(20, 30, 0.1, 0.5), lif(30), linear(30, 10, 0.1, 0.5), lif(10)), raster(20))
    make("iaf", nn.Sequential(linear(20, 30, 0.01, 0.1), iaf(30), linear(30, 10, 0.05, 0.3), iaf(10)), raster(20))


def sinabs_cases() -> None:
    single = {"batch_size": 1, "spike_fn": sa.SingleSpike, "min_v_mem": None}

    def lif(n, **more):
        # the exporter wants tau and threshold of one shape
        return sl.LIFSqueeze(tau_mem=spread(n, 5.0, 20.0), spike_threshold=torch.ones(n), **single, **more)

    def make(case, net, x):
        graph = sinabs.nir.to_nir(net, x)
        graph.infer_types()  # shapes of convolutions, without which nir cannot write them
        for layer in net:
            if hasattr(layer, "reset_states"):
                layer.reset_states()
        save(f"sinabs_{case}", graph, x, run_sinabs(net, x))

    def iaf():
        return sl.IAFSqueeze(**single)

    make("iaf", nn.Sequential(linear(20, 30, 0.02, 0.2), iaf(), linear(30, 10, 0.05, 0.3), iaf()), raster(20))
    first, second = (linear(n, m, 0.05, 0.25, bias=False, grid=16) for n, m in ((20, 30), (30, 10)))
    make("iaf_grid", nn.Sequential(first, iaf(), second, iaf()), raster(20))
    make("lif", nn.Sequential(linear(20, 30, 0.5, 2.5), lif(30), linear(30, 10, 1.0, 4.0), lif(10)), raster(20))
    make("lif_sum", nn.Sequential(linear(20, 30, 0.05, 0.2), lif(30, norm_input=False)), raster(20))
    first = conv(2, 4, 3, 0.2, padding=1), iaf(), sl.SumPool2d(2), nn.Flatten()
    make("conv", nn.Sequential(*first, linear(64, 6, 0.0, 0.2), iaf()), raster(2, 8, 8, rate=0.15))
    x = raster(20)
    make("multi", nn.Sequential(linear(20, 30, 0.1, 0.5), sl.IAFSqueeze(batch_size=1)), x)
    graph = nir.read(HERE / "sinabs_multi.nir")
    again = sinabs.nir.from_nir(graph, batch_size=1)
    save("sinabs_reimported", graph, x, [again(x)[0]])


def ours_cases() -> None:
    for path in sorted(HERE.glob("ours_*.nir")):
        cells, state, out = norse.from_nir(nir.read(path), dt=1e-3), None, []
        x = np.load(path.with_suffix(".npz"))["x"]
        for frame in torch.tensor(x, dtype=torch.float32):
            value, state = cells(frame[None], state)
            out.append(value[0])
        spikes = torch.stack(out).detach().numpy()
        np.savez_compressed(path.with_suffix(".npz"), x=x, norse=spikes.astype(bool))
        print(f"{path.stem}: Norse's spikes per cell {spikes.mean():.3f}")


if __name__ == "__main__":
    wanted = sys.argv[1:] or ["snntorch", "norse", "sinabs", "ours"]
    for name in wanted:
        torch.manual_seed(7)
        {"snntorch": snntorch_cases, "norse": norse_cases, "sinabs": sinabs_cases, "ours": ours_cases}[name]()
    packages = ("torch", "nir", "nirtorch", "snntorch", "norse", "sinabs")
    (HERE / "versions.json").write_text(json.dumps({name: version(name) for name in packages}, indent=1) + "\n")
