"""Random NIR graphs that use every node type, on a dyadic grid: then every order of summation gives the same spikes."""

from __future__ import annotations

from typing import Any

import nir
import numpy as np

DT = 2.0**-10


class GraphMaker:
    """Grows a graph node by node; ``feedback`` collects the edges that close cycles."""

    def __init__(self, seed: int, v_reset: bool = True) -> None:
        self.rng, self.v_reset = np.random.default_rng(seed), v_reset
        self.nodes: dict[str, Any] = {}
        self.edges: list[tuple[str, str]] = []
        self.feedback: list[tuple[str, str]] = []

    def graph(self) -> nir.NIRGraph:
        """One or two inputs, one to three layers, perhaps recurrent or with a skip, and one or two outputs."""
        rng = self.rng
        shape = [(4,), (6,), (2, 6), (2, 6, 6), (1, 5, 7)][rng.integers(5)]
        last, shape = self.add("in", nir.Input(np.array(shape)), None, shape), shape
        spiking = last
        for _ in range(rng.integers(1, 4)):
            last, shape = self.linear_chain(last, shape)
            first_of_layer = last
            last = self.neuron(last, shape)
            if len(shape) == 1 and rng.random() < 0.4:
                self.recurrent(last, shape[0])
            if rng.random() < 0.2:
                self.edges.append((first_of_layer, self.output(shape)))
            spiking = last
        if len(shape) == 1 and rng.random() < 0.4:
            other = self.add("in", nir.Input(np.array([3])), None, (3,))
            self.edges.append((self.add("linear", nir.Linear(self.grid(shape[0], 3)), other, shape), spiking))
        if rng.random() < 0.4:
            last, shape = self.linear_chain(last, shape)
        elif rng.random() < 0.3:
            last = self.integrator(last, shape)
            if rng.random() < 0.6:
                last = self.add("threshold", nir.Threshold(self.grid(*shape, low=4, high=20)), last, shape)
        self.edges.append((last, self.output(shape)))
        return nir.NIRGraph(self.nodes, self.edges)

    def output(self, shape: tuple[int, ...]) -> str:
        return self.add("out", nir.Output(np.array(shape)), None, shape)

    def add(self, kind: str, node: Any, before: str | None, shape: Any) -> str:
        name = f"{kind}{len(self.nodes)}"
        self.nodes[name] = node
        if before is not None:
            self.edges.append((before, name))
        return name

    def grid(self, *shape: int, low: int = -16, high: int = 20) -> Any:
        return self.rng.integers(low, high + 1, shape) / 16

    def tau(self, shape: tuple[int, ...]) -> Any:
        return DT * self.rng.choice([1, 2, 4, 8], shape)

    def linear_chain(self, last: str, shape: tuple[int, ...]) -> tuple[str, tuple[int, ...]]:
        for _ in range(self.rng.integers(1, 4)):
            last, shape = self.linear(last, shape)
        return last, shape

    def linear(self, last: str, shape: tuple[int, ...]) -> tuple[str, tuple[int, ...]]:
        rng, kind = self.rng, self.rng.integers(6)
        if kind == 0:
            return self.add("scale", nir.Scale(self.grid(*shape, low=-32, high=48)), last, shape), shape
        if kind == 1:
            delay = DT * rng.integers(0, 4, shape if rng.random() < 0.5 else (1,) * len(shape)) * np.ones(shape)
            return self.add("delay", nir.Delay(delay), last, shape), shape
        if len(shape) == 1:
            n = int(rng.integers(2, 7))
            if rng.random() < 0.5:
                return self.add("linear", nir.Linear(self.grid(n, shape[0])), last, (n,)), (n,)
            node = nir.Affine(self.grid(n, shape[0]), self.bias(n))
            return self.add("affine", node, last, (n,)), (n,)
        if kind == 2 or min(shape[1:]) < 3:
            start = int(rng.integers(0, len(shape)))
            end = int(rng.integers(start, len(shape)))
            flat = (*shape[:start], int(np.prod(shape[start : end + 1])), *shape[end + 1 :])
            node = nir.Flatten(np.array(shape), start, end if rng.random() < 0.5 else end - len(shape))
            last = self.add("flatten", node, last, flat)
            return (last, flat) if len(flat) == 1 else self.linear_to_flat(last, flat)
        return self.space(last, shape)

    def linear_to_flat(self, last: str, shape: tuple[int, ...]) -> tuple[str, tuple[int, ...]]:
        flat = int(np.prod(shape))
        return self.add("flatten", nir.Flatten(np.array(shape), 0, -1), last, (flat,)), (flat,)

    def space(self, last: str, shape: tuple[int, ...]) -> tuple[str, tuple[int, ...]]:
        """A convolution or a pool."""
        rng, n = self.rng, len(shape) - 1
        if n == 2 and rng.random() < 0.4:
            kernel, stride, padding = rng.integers(1, 3, 2), rng.integers(1, 3, 2), rng.integers(0, 2, 2)
            average = rng.random() < 0.5
            kernel = np.array([2, 2]) if average else kernel  # dyadic
            out = (shape[0], *((np.array(shape[1:]) + 2 * padding - kernel) // stride + 1).tolist())
            return self.add(
                "pool", (nir.AvgPool2d if average else nir.SumPool2d)(kernel, stride, padding), last, out
            ), out
        groups = int(rng.choice([g for g in (1, 2) if shape[0] % g == 0]))
        channels = groups * int(rng.integers(1, 3))
        kernel, dilation = int(rng.integers(1, 4)), int(rng.integers(1, 2 if min(shape[1:]) < 5 else 3))
        padding: Any = ["same", "valid", 0, 1][rng.integers(4)]
        stride = 1 if padding == "same" else int(rng.integers(1, 3))
        weight = self.grid(channels, shape[0] // groups, *(kernel,) * n)
        options = (weight, stride, padding, dilation, groups, self.bias(channels))
        size: Any = shape[1] if n == 1 else shape[1:]
        node = (nir.Conv1d if n == 1 else nir.Conv2d)(size, *options)
        span = dilation * (kernel - 1)
        both = span if padding == "same" else 0 if padding == "valid" else 2 * padding
        out = (channels, *((np.array(shape[1:]) + both - span - 1) // stride + 1).tolist())
        if groups > 1:  # nir 1.0.8 takes the kernel's channels for the input's
            node.input_type = {"input": np.array(shape)}
        return self.add("conv", node, last, out), out

    def bias(self, n: int) -> Any:
        return self.grid(n, low=-4, high=8) if self.rng.random() < 0.6 else np.zeros(n)

    def neuron(self, last: str, shape: tuple[int, ...]) -> str:
        r, theta, v = (
            self.grid(*shape, low=8, high=32),
            self.grid(*shape, low=8, high=32),
            self.grid(*shape) / 4 * self.v_reset,
        )
        kind = self.rng.integers(4)
        if kind == 0:
            node: Any = nir.IF(r, theta, v)
        elif kind == 1:
            node = nir.LIF(self.tau(shape), 4 * r, self.grid(*shape) / 2, theta, v)
        elif kind == 2:
            w_in = 4 * self.grid(*shape, low=8, high=24)
            node = nir.CubaLIF(self.tau(shape), self.tau(shape), 2 * r, self.grid(*shape) / 2, theta, v, w_in)
        else:
            node = nir.Threshold(theta)
        return self.add("neuron", node, last, shape)

    def integrator(self, last: str, shape: tuple[int, ...]) -> str:
        last = self.add("scale", nir.Scale(self.grid(*shape, low=8, high=32)), last, shape)
        r, kind = self.grid(*shape, low=8, high=32), self.rng.integers(3)
        if kind == 0:
            return self.add("integrator", nir.I(r), last, shape)
        if kind == 1:
            return self.add("integrator", nir.LI(self.tau(shape), 4 * r, self.grid(*shape) / 2), last, shape)
        tau = self.tau(shape), self.tau(shape)
        return self.add("integrator", nir.CubaLI(*tau, 4 * r, self.grid(*shape) / 2), last, shape)

    def recurrent(self, name: str, n: int) -> None:
        weight = self.add("recurrent", nir.Linear(self.grid(n, n) / 2), name, (n,))
        if self.rng.random() < 0.5:
            weight = self.add("delay", nir.Delay(DT * self.rng.integers(1, 4, n)), weight, (n,))
        else:
            self.feedback.append((name, weight))
        self.edges.append((weight, name))
