"""An independent reading of NIR graphs: every node evaluated densely, step by step, with forward Euler.

It shares no code with snmem: convolutions by sliding windows, neurons from their differential equations, delays by
history. Spikes are currents of 1 for one dt; I and IF add r per spike; ``feedback`` edges carry
the values of the step before.
"""

from __future__ import annotations

from typing import Any

import nir
import numpy as np

Edges = list[tuple[str, str]]


def convolve(x: Any, weight: Any, stride: Any, padding: Any, dilation: Any, groups: int) -> Any:
    """Correlation of x (channels, *space) with weight (out, in / groups, *kernel)."""
    n = x.ndim - 1
    stride, dilation = (np.broadcast_to(a, n) for a in (stride, dilation))
    kernel = np.array(weight.shape[2:])
    span = dilation * (kernel - 1)
    if isinstance(padding, str):
        pads = [(s // 2, s - s // 2) if padding == "same" else (0, 0) for s in span]
    else:
        pads = [(p, p) for p in np.broadcast_to(padding, n)]
    x = np.pad(x, [(0, 0), *pads])
    windows = np.lib.stride_tricks.sliding_window_view(x, span + 1, axis=tuple(range(1, n + 1)))
    for axis in range(n):
        windows = np.take(windows, range(0, windows.shape[1 + axis], stride[axis]), 1 + axis)
        windows = np.take(windows, range(0, span[axis] + 1, dilation[axis]), 1 + n + axis)
    out = []
    for xs, ws in zip(np.split(windows, groups), np.split(weight, groups), strict=True):
        out.append(np.tensordot(ws, xs, axes=([1, *range(2, n + 2)], [0, *range(n + 1, 2 * n + 1)])))
    return np.concatenate(out)


def linear(node: Any, x: Any) -> Any:
    """A node without state."""
    if isinstance(node, nir.Affine):
        return node.weight @ x + node.bias
    if isinstance(node, nir.Linear):
        return node.weight @ x
    if isinstance(node, nir.Scale):
        return node.scale * x
    if isinstance(node, nir.Flatten):
        shape, start = np.shape(x), node.start_dim
        end = node.end_dim % len(shape)
        return np.reshape(x, (*shape[:start], -1, *shape[end + 1 :]))
    if isinstance(node, (nir.Conv1d, nir.Conv2d)):
        y = convolve(x, node.weight, node.stride, node.padding, node.dilation, node.groups)
        return y + np.reshape(node.bias, (-1,) + (1,) * (y.ndim - 1))
    if isinstance(node, (nir.SumPool2d, nir.AvgPool2d)):
        ones = np.ones((len(x), 1, *np.broadcast_to(node.kernel_size, 2)))
        y = convolve(x, ones, node.stride, node.padding, 1, len(x))
        return y / ones[0].size if isinstance(node, nir.AvgPool2d) else y
    return x


class Oracle:
    """Runs a nir.NIRGraph without nesting."""

    def __init__(self, graph: nir.NIRGraph, dt: float, feedback: Edges = (), reset: str = "zero") -> None:  # type: ignore[assignment]
        self.nodes, self.edges, self.dt = graph.nodes, graph.edges, dt
        self.feedback, self.reset = set(feedback), reset
        self.u: dict[str, Any] = {}
        self.v: dict[str, Any] = {}
        self.history: dict[str, list[Any]] = {n: [] for n in self.nodes}  # inputs of Delay nodes
        self.before = {n: np.zeros(node.output_type["output"]) for n, node in self.nodes.items()}

    def step(self, inputs: dict[str, Any]) -> dict[str, Any]:
        """One step; the output of every node."""
        self.now: dict[str, Any] = {k: np.asarray(v, float) for k, v in inputs.items()}
        for name in self.nodes:
            self._value(name)
        for name, node in self.nodes.items():
            if isinstance(node, nir.Delay):
                self.history[name].append(self._input(name))
        self.before = self.now
        return self.now

    def _value(self, name: str) -> Any:
        if name not in self.now:
            self.now[name] = self._evaluate(name)
        return self.now[name]

    def _input(self, name: str) -> Any:
        total: Any = 0.0
        for pre, post in self.edges:
            if post == name:
                late = (pre, post) in self.feedback
                total = total + (self.before[pre] if late else self._value(pre))
        return total

    def _evaluate(self, name: str) -> Any:
        node = self.nodes[name]
        if isinstance(node, nir.Delay):
            return self._delayed(name, node)
        x = self._input(name)
        return self._neuron(name, node, x) if hasattr(node, "r") or isinstance(node, nir.Threshold) else linear(node, x)

    def _at_rest(self, name: str) -> Any:
        """Value of a node while no input and no neuron ever spiked: what biases give."""
        node = self.nodes[name]
        if isinstance(node, (nir.Input, nir.Threshold)) or hasattr(node, "r"):
            return np.zeros(node.output_type["output"])
        x = sum((self._at_rest(pre) for pre, post in self.edges if post == name), start=np.float64(0))
        return x if isinstance(node, nir.Delay) else linear(node, x)

    def _delayed(self, name: str, node: nir.Delay) -> Any:
        past = self.history[name]
        rest = np.broadcast_to(self._at_rest(name), node.delay.shape)
        steps = np.rint(node.delay / self.dt).astype(int)
        frames = [past[-d] if 0 < d <= len(past) else rest for d in range(steps.max() + 1)]
        if not steps.all():
            frames[0] = self._input(name)
        return np.choose(steps, [np.broadcast_to(f, steps.shape) for f in frames])

    def _neuron(self, name: str, node: Any, x: Any) -> Any:
        kind = type(node).__name__
        if kind == "Threshold":
            return (x > node.threshold).astype(float)
        shape = node.r.shape
        v = self.v.get(name, np.zeros(shape))
        if kind in ("I", "IF"):
            v = v + node.r * x
        else:
            tau = node.tau_mem if kind.startswith("Cuba") else node.tau
            current = np.broadcast_to(x, shape)
            if kind.startswith("Cuba"):
                u = self.u.get(name, np.zeros(shape))
                current = self.u[name] = u + self.dt / node.tau_syn * (node.w_in * current - u)
            v = v + self.dt / tau * (node.v_leak - v + node.r * current)
        if kind in ("I", "LI", "CubaLI"):
            self.v[name] = v
            return v
        spikes = v > node.v_threshold
        after = node.v_reset if self.reset == "zero" else v - node.v_threshold
        self.v[name] = np.where(spikes, after, v)
        return spikes.astype(float)


def run(oracle: Oracle, inputs: dict[str, Any], steps: int) -> dict[str, Any]:
    """Outputs of all nodes, each (steps, elements); ``inputs`` are (steps, elements)."""
    rows: list[dict[str, Any]] = []
    for t in range(steps):
        shaped = {k: x[t].reshape(oracle.nodes[k].input_type["input"]) for k, x in inputs.items()}
        rows.append(oracle.step(shaped))
    return {name: np.array([np.ravel(row[name]) for row in rows]) for name in rows[0]}
