"""A NIR graph of any origin as a Network, from its plain values and the settings that fill what NIR leaves open.

* Input nodes become Inputs that take numbers as well as spikes, which NIR does not tell apart; neurons and Thresholds
  become Populations under their own names; chains of linear nodes become one Projection per source, target and delay.
* A constant (bias of Affine or Conv) into neurons with alpha = 0 becomes their ``bias``. Into neurons with a synaptic
  current it would have to be added to u, so a population "bias" of one neuron that fires in every step drives it.
* LI, CubaLI and I never spike (theta = inf): their v is the output, and what they feed gets it by a projection with
  signal="v". A Threshold on such a node becomes a neuron
  without reset: it loses theta at a spike and gets it back one step later by a projection to itself.
* An Output fed by weights, a sum or a constant becomes a population with alpha = beta = 0 and theta = inf, whose v is
  the value of the output in each step.
* A connection takes as many steps as its Delay nodes say. Where that leaves a cycle without delay, every connection
  on the cycle that leads to a population no farther from the inputs than its source takes one step.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from math import prod
from typing import Any

import numpy as np
import scipy.sparse as sp

from .._text import LONGEST_NAME, unique
from ..convolution import Convolution
from ..errors import InputError
from ..network import Input, Network, Population, Projection
from ..neurons import LIF
from .choices import DEFAULT_DT, UNITS, Choice, Settings
from .feedback import depths, feedback_edges
from .fuse import Array, Path, Signal, incoming
from .graph import Graph, Node
from .nodes.base import LinearNode, as_matrix, check_synapses
from .nodes.chains import channel_factors
from .nodes.neurons.base import NeuronNode, Reading, from_rest, is_graded, read_neuron, starting_at, with_unit_gain

#: Synapses up to which a convolution becomes a matrix; with more it stays a kernel.
MATRIX_TO = 1 << 20


def read_plain(
    graph: Graph,
    settings: Settings,
    dt: float | None,
    feedback: Iterable[tuple[str, str]] | None,
    usual_step: float | None = None,
) -> Network:
    """Build the Network.

    ``dt`` in the file's time unit, ``feedback`` the connections that take the step of a cycle, ``usual_step`` the time
    step that the origin of the file takes for granted.
    """
    _add_inputs(graph)
    step, unit = _time_step(graph, settings, dt, usual_step), UNITS[settings.use("time_unit")]

    def delays(node: Node) -> Any:
        assert isinstance(node.kind, LinearNode)
        return node.kind.delays(node, step, lambda option: settings.use(option, node))

    signals = incoming(graph, delays)
    return _Builder(graph, settings, step, signals).network(step * unit, feedback)


def _add_inputs(graph: Graph) -> None:
    """As nir does: in a graph without Input nodes, one in front of every node that nothing feeds."""
    if any(node.type == "Input" for node in graph.nodes.values()):
        return
    fed = {post for _, post in graph.edges}
    for name in [n for n in graph.nodes if n not in fed]:
        new = unique(f"input_{name}", graph.nodes)
        shape = graph.nodes[name].shape_in
        graph.nodes[new] = Node(graph.store, new, "Input", {}, shape, shape)
        graph.edges.append((new, name))


def _time_step(graph: Graph, settings: Settings, dt: float | None, usual: float | None) -> float:
    """The time step from caller, metadata, origin or default, with a hint where the file suggests another one."""
    found = graph.metadata.get("dt")
    if dt is not None:
        source = "option"
    elif isinstance(found, (int, float, np.integer, np.floating)) and 0 < found < np.inf:
        dt, source = float(found), "metadata"
    elif usual is not None:
        dt, source = usual, "origin"
    else:
        dt, source = DEFAULT_DT / UNITS[settings.use("time_unit")], "default"
    hint = "" if source in ("metadata", "origin") else _hint(graph, dt)
    settings.add(Choice("dt", dt, source, f"time step in the file's unit{hint}"))
    return dt


def _hint(graph: Graph, dt: float) -> str:
    """What the time constants say about the time step."""
    implied: set[str] = set()
    shortest = np.inf
    for node in graph.nodes.values():
        key = "tau_mem" if "tau_mem" in node.members else "tau"
        if isinstance(node.kind, NeuronNode) and key in node.members and "r" in node.members:
            tau, r = node.numbers(key), node.numbers("r")
            shortest = min(shortest, tau.min(initial=np.inf))
            if tau.size != r.size and 1 not in (tau.size, r.size):
                continue  # refused where the neurons are read
            with np.errstate(all="ignore"):
                implied |= {f"{x:.3e}" for x in np.unique(tau.ravel() / r.ravel())[:2]}
    # exporters that set r = tau/dt leave their dt behind: a round number, shorter than every time constant
    if len(implied) == 1 and (text := implied.pop())[1:5] == ".000" and dt != float(text) < shortest:
        return f"; tau/r is {float(text):g} in every neuron, which exporters that set r = tau/dt would make dt"
    if dt * 1e4 < shortest < np.inf:
        return f"; the shortest time constant is {shortest:g}, over 10,000 steps: is the file in another time unit?"
    return ""


class _Builder:
    """Collects populations and projections."""

    def __init__(self, graph: Graph, settings: Settings, dt: float, signals: dict[str, Signal]) -> None:
        self.graph, self.settings, self.dt, self.signals = graph, settings, dt, signals
        self.populations: list[Input | Population] = []
        self.projections: list[_Draft] = []
        self.outputs: list[str] = []
        self.bias = ""  # name of the population that drives constants, once there is one

    def network(self, dt_seconds: float, feedback: Iterable[tuple[str, str]] | None) -> Network:
        """The whole network; populations ordered by their distance from the inputs."""
        kept = self._graded_in_use()
        for name in self.signals:
            node = self.graph.nodes[name]
            if node.type == "Input":
                self.populations.append(Input(name, node.shape_out, values=True))
            elif node.type == "Output":
                self._output(node)
            elif not is_graded(node) or name in kept:
                self._neurons(node)
        drafts = sorted(self.projections, key=lambda draft: draft.order)
        edges = [(d.pre, d.post) for d in drafts if d.pre != self.bias]
        near = depths(
            [p.name for p in self.populations], edges, [p.name for p in self.populations if isinstance(p, Input)]
        )
        self._close_cycles(drafts, near, feedback)
        seen = {name: i for i, name in enumerate(dict.fromkeys(n for edge in self.graph.edges for n in edge))}
        self.populations.sort(key=lambda p: (isinstance(p, Population), near[p.name], seen.get(p.name, len(seen))))
        return Network(tuple(self.populations), self._named(drafts), tuple(self.outputs), dt_seconds)

    def _graded_in_use(self) -> set[str]:
        """Non-spiking integrators that are populations of their own: all but those that only Thresholds look at."""
        looked_at = {name: self._integrator(self.graph.nodes[name]) for name in self.signals}
        used = {p.source for name, s in self.signals.items() for p in s.paths if not looked_at[name]}
        hidden = set(looked_at.values()) - used
        return {n for n, node in self.graph.nodes.items() if is_graded(node) and n not in hidden}

    def _integrator(self, node: Node) -> str | None:
        """The LI, CubaLI or I node that a Threshold looks at directly, if it is one that does."""
        signal = self.signals[node.name]
        looks = isinstance(node.kind, NeuronNode) and node.kind.on_potential
        if not looks or len(signal.paths) != 1 or signal.constant is not None:
            return None
        path = signal.paths[0]
        direct = path.matrix is None and path.delay == 0 and is_graded(self.graph.nodes[path.source])
        return path.source if direct else None

    # --- nodes ---

    def _neurons(self, node: Node) -> None:
        """The population of a neuron node, or of a Threshold with what it looks at."""
        integrator = self._integrator(node)
        source = self.graph.nodes[integrator] if integrator else node
        kind, source_kind = node.kind, source.kind
        assert isinstance(kind, NeuronNode)
        assert isinstance(source_kind, NeuronNode)
        reading = self._read(source)
        theta = self._plain(node).theta if integrator else reading.theta
        if not kind.graded and self.settings.use("threshold", node) == ">=":
            theta = np.nextafter(theta, -np.inf)
        reset = "subtract" if integrator else "zero"
        if kind.resets:
            reset = self.settings.use("reset", node)
            if reset != "zero" and reading.v_reset.any():
                raise node.error(
                    f"{reading.v_reset[reading.v_reset != 0][0]:g} has no meaning with reset={reset!r}", "v_reset"
                )
        late = source_kind.synaptic and self.settings.use("semantics", source) == "v_then_u"
        reading = replace(reading, theta=theta)
        self._populate(node, self.signals[source.name], reading, "zero" if reset == "zero" else "subtract", int(late))
        taken = np.where(np.isfinite(theta), theta, 0)  # an infinite one never is
        if integrator or reset == "none":  # the threshold taken off at a spike comes back one step later
            self._correct(node, reading, reading.beta * taken, "no reset")
        elif reset == "subtract_late":  # of the threshold taken off at once, beta is left after the decay
            self._correct(node, reading, -(1 - reading.beta) * taken, "late reset")

    def _correct(self, node: Node, reading: Reading, change: Array, name: str) -> None:
        """Add ``change`` to v in the step after a spike, by projections of a population to itself.

        It goes through the synaptic current; what it leaves there is taken out in the next step.
        """
        for delay, weight in ((1, change), (2, -reading.alpha * change)):
            if weight.any():
                matrix = sp.csr_array(sp.diags_array(weight))
                self._draft(node.name, node.name, matrix, delay, f"{node.name} {name} {delay}")

    def _plain(self, node: Node) -> Reading:
        """As its numbers say."""
        return read_neuron(node, self.dt, lambda option: self.settings.use(option, node))

    def _read(self, node: Node) -> Reading:
        reading = self._plain(node)
        made = with_unit_gain(reading)
        if made is not reading:
            what = "its factors cancel but for the rounding of float32, so a spike adds W as it is"
            self.settings.deduce("gain", 1, what, node)
        counted = from_rest(node, made)
        if counted is not made:
            what = "threshold and v_leak lie below 0, where v begins, so potentials count from v_leak: v begins at rest"
            self.settings.deduce("potentials", "from v_leak", what, node)
            return counted
        return starting_at(node, made, lambda option: self.settings.use(option, node))

    def _output(self, node: Node) -> None:
        """An output that shows one population as it is, or a population of its own that computes it."""
        signal = self.signals[node.name]
        if not signal.paths and signal.constant is None:
            raise node.error("nothing feeds it; connect it or take it out")
        if len(signal.paths) == 1 and signal.constant is None:
            path = signal.paths[0]
            if path.matrix is None and path.delay == 0:
                self.outputs.append(path.source)
                return
        size = prod(node.shape_in)
        one, zero = np.ones(size), np.zeros(size)
        self._populate(node, signal, Reading(zero, zero, one * np.inf, zero, zero, one, one), "zero", 0)
        self.outputs.append(node.name)
        what = "computed by a population whose v is the value of the output"
        self.settings.add(Choice("readout", node.name, "deduced", what, (node.name,)))

    def _populate(self, node: Node, signal: Signal, reading: Reading, reset: str, late: int) -> None:
        """Add a population, its projections, and the constant that it receives."""
        bias, hop = reading.bias, self.settings.use("feedforward_delay", node)
        if signal.constant is not None:
            constant = signal.constant * reading.bias_gain
            # a constant on the current, or one that takes a step like the spikes beside it, comes as spikes
            on_current = np.where((reading.alpha != 0) | (hop > 0), constant, 0.0)
            bias = bias + (constant - on_current)
            if on_current.any():
                self._drive(node, on_current, late + hop)
        self.populations.append(Population(node.name, node.shape_in, reading.neuron(bias, reset)))
        for path in signal.paths:
            self._connect(path, node, reading.gain, late, hop)

    def _drive(self, node: Node, constant: Array, late: int) -> None:
        """A constant on the current, from a neuron that fires in every step."""
        if not self.bias:
            self.bias = unique("bias", self.graph.nodes)
            self.populations.append(Population(self.bias, 1, LIF(beta=0.0, theta=0.5, bias=1.0)))
        what = "its bias acts on the current, through a neuron that fires in every step"
        self.settings.add(Choice("bias", self.bias, "deduced", what, (node.name,)))
        self._draft(self.bias, node.name, sp.csr_array(constant[:, None]), late, f"{self.bias}->{node.name}")

    def _connect(self, path: Path, node: Node, gain: Array, late: int, hop: int) -> None:
        source = self.graph.nodes[path.source]
        matrix = (
            path.matrix if path.matrix is not None else sp.csr_array(sp.eye_array(prod(node.shape_in), format="csr"))
        )
        if isinstance(matrix, Convolution):
            matrix = self._kernel(matrix, node, gain)
        if (gain != 1).any() and not isinstance(matrix, Convolution):
            data = matrix.data * np.repeat(gain, np.diff(matrix.indptr))
            matrix = sp.csr_array((data, matrix.indices, matrix.indptr), shape=matrix.shape)
        draft = self._draft(path.source, node.name, matrix, path.delay + hop, path.label)
        draft.order, draft.late, draft.signal = path.order, late, "v" if is_graded(source) else "spikes"
        draft.closable = True

    def _kernel(self, kernel: Convolution, node: Node, gain: Array) -> sp.csr_array | Convolution:
        """A convolution times the gain of each neuron; as a matrix, without the gain, where that is as good."""
        factors = channel_factors(gain, kernel.output_shape)
        if factors is None or kernel.nnz <= MATRIX_TO:
            return as_matrix(node, kernel)
        weights = kernel.kernel * factors.reshape(-1, *[1] * (kernel.kernel.ndim - 1))
        return kernel.with_kernel(weights)

    # --- projections ---

    def _draft(self, pre: str, post: str, matrix: sp.csr_array | Convolution, delay: int, name: str) -> _Draft:
        draft = _Draft(pre, post, matrix, delay, name, len(self.graph.edges))
        self.projections.append(draft)
        return draft

    def _close_cycles(
        self, drafts: list[_Draft], near: dict[str, int], feedback: Iterable[tuple[str, str]] | None
    ) -> None:
        """Give the connections that close a cycle their step."""
        edges = [(d.pre, d.post) for d in drafts if d.closable and d.delay == 0]
        chosen = feedback_edges(edges, near) if feedback is None else set(map(tuple, feedback))
        if not chosen <= set(edges):
            raise InputError(
                f"read_nir: feedback {min(chosen - set(edges))} is no connection without delay of this graph"
            )
        for draft in drafts:
            draft.delay += ((draft.pre, draft.post) in chosen and draft.closable and draft.delay == 0) + draft.late
        if chosen:
            what = "connections that close a cycle and take one step"
            source = "deduced" if feedback is None else "option"
            self.settings.add(Choice("feedback", [list(edge) for edge in sorted(chosen)], source, what))

    def _named(self, drafts: list[_Draft]) -> tuple[Projection, ...]:
        """Projections under the name of the one node that holds their weights, or "pre->post"."""
        out, taken = [], {p.name for p in self.populations}
        synapses = 0
        for d in drafts:
            synapses += 0 if isinstance(d.matrix, Convolution) else d.matrix.nnz
            check_synapses(self.graph.nodes[d.post], synapses)
            arrow = f"{d.pre}->{d.post}"
            names = [n for n in (d.name, arrow, f"{arrow} after {d.delay}") if n]
            name = next((n for n in names if n not in taken and len(n) <= LONGEST_NAME), unique(names[-1], taken))
            taken.add(name)
            out.append(Projection(d.pre, d.post, d.matrix, d.delay, name=name, signal=d.signal))
        return tuple(out)


@dataclass(eq=False)
class _Draft:
    """A projection in the making. closable: its delay of 0 may become 1 to close a cycle; late: steps added on top."""

    pre: str
    post: str
    matrix: sp.csr_array | Convolution
    delay: int
    name: str
    order: int
    late: int = 0
    signal: str = "spikes"
    closable: bool = False
