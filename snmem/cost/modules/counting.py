"""Counting while a module runs: synaptic events of its connection layers, spikes of its layers of neurons.

A synaptic event is an input other than 0 that reaches an output by a weight, as NeuroBench's ``Effective_ACs`` counts
it (https://neurobench.ai): the layer is run with inputs and weights replaced by 1 where they are not 0.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from ...errors import InputError
from .frameworks import Framework


@dataclass
class Layer:
    """Counts of one layer over a sample.

    Attributes
    ----------
    name : str
        Its name in the module.
    kind : str
        "synapses" or "neurons".
    events, events_nonzero : int
        Inputs other than 0 times the synapses they reach; without weights of 0.
    macs : int
        Those of ``events_nonzero`` that multiply: in calls whose inputs are not all -1, 0 or 1.
    dense : int
        Multiplications of a dense layer over the same calls.
    synapses, neurons : int
        Weights other than 0 as connections of the last call; neurons of the last call, for all samples of the batch.
    spikes : float
        Sum of the outputs of neurons.
    accessed : int
        Neurons times steps.
    """

    name: str
    kind: str
    events: int = 0
    events_nonzero: int = 0
    macs: int = 0
    dense: int = 0
    synapses: int = 0
    neurons: int = 0
    spikes: float = 0.0
    accessed: int = 0


def _connections(torch: Any) -> dict[type, tuple[int, Any]]:
    """Connection layers: how many axes a sample has, and the function that runs one with other weights."""
    nn, f = torch.nn, torch.nn.functional

    def convolve(function: Any) -> Any:
        def run(layer: Any, x: Any, w: Any) -> Any:
            if layer.padding_mode != "zeros":
                raise InputError(f"cost: a convolution pads with {layer.padding_mode!r}; only 'zeros' is counted")
            return function(x, w, None, layer.stride, layer.padding, layer.dilation, layer.groups)

        return run

    return {
        nn.Linear: (1, lambda layer, x, w: f.linear(x, w)),
        nn.Conv1d: (2, convolve(f.conv1d)),
        nn.Conv2d: (3, convolve(f.conv2d)),
        nn.Conv3d: (4, convolve(f.conv3d)),
    }


class Counter:
    """Hooks on the layers of a module; a context manager that takes them off again."""

    def __init__(self, module: Any, framework: Framework) -> None:
        import torch

        self.torch, self.layers, self._hooks = torch, {}, []
        self.not_counted: list[str] = []
        kinds = _connections(torch)
        inside: set[int] = set()
        neurons: set[int] = set()
        for name, m in module.named_modules():
            if framework.is_neuron(m) and id(m) not in inside:
                inside |= {id(x) for x in m.modules() if framework.is_neuron(x)}
                neurons |= {id(x) for x in m.modules()}
                self._watch(name, "neurons", m, self._neurons)
            kind = next((k for k in kinds if isinstance(m, k)), None)
            if kind is not None:
                axes, run = kinds[kind]
                self._watch(name, "synapses", m, lambda layer, m, given, out, axes=axes, run=run: self._synapses(
                    layer, m, given, axes, run))  # fmt: skip
            elif id(m) not in neurons and any(True for _ in m.parameters(recurse=False)):
                self.not_counted.append(f"{name or 'the module'} ({type(m).__name__})")

    def _watch(self, name: str, kind: str, module: Any, count: Any) -> None:
        layer = self.layers[name] = Layer(name or type(module).__name__, kind)
        self._hooks.append(module.register_forward_hook(lambda m, given, out: count(layer, m, given, out)))

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Count until the end of the block; no gradients are kept."""
        try:
            with self.torch.no_grad():
                yield
        finally:
            for hook in self._hooks:
                hook.remove()

    def _neurons(self, layer: Layer, m: Any, given: Any, out: Any) -> None:
        spikes = out[0] if isinstance(out, (tuple, list)) else out
        layer.spikes += float(spikes.sum())
        layer.neurons = spikes.numel()
        layer.accessed += spikes.numel()

    def _synapses(self, layer: Layer, m: Any, given: Any, axes: int, run: Any) -> None:
        torch, x = self.torch, given[0].detach()
        x = x.flatten(0, x.dim() - axes - 1) if x.dim() > axes else x[None]
        there, weight = (x != 0).double(), m.weight.detach()
        every, nonzero = torch.ones_like(weight).double(), (weight != 0).double()
        one = torch.ones_like(there)
        events = round(float(run(m, there, nonzero).sum()))
        layer.events += round(float(run(m, there, every).sum()))
        layer.events_nonzero += events
        layer.macs += 0 if bool(((x == 0) | (x.abs() == 1)).all()) else events
        layer.dense += round(float(run(m, one, every).sum()))
        layer.synapses = round(float(run(m, one[:1], nonzero).sum()))
