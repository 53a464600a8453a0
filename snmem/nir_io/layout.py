"""How a Network is laid out as NIR nodes and edges: one description (plain JSON), used to write a file and to check it.

* An Input becomes an Input node; if its shape has several axes, a Flatten node behind it.
* A Population becomes one neuron node with flat parameters (its shape is kept in the metadata).
* A Projection becomes a Linear (or SparseLinear) node, with a Delay node of d * dt in front of it. A projection of a
  population to itself with d = 1 goes without: a step per recurrent edge is what every reader assumes.
* A Projection of a convolution becomes a Conv1d or Conv2d node. A population that convolutions alone lead to, in its
  shape, keeps that shape in its node; what takes it flat stands behind a Flatten node.
* A Projection whose synapses have delays of their own becomes one for each delay, with its name under "of".
* An output becomes an Output node. Without any, populations that feed nothing get one, since nir asks for it.
"""

from __future__ import annotations

from typing import Any

from ..convolution import Convolution
from ..errors import NetworkError
from ..lowering import delay_parts, split_delays
from ..network import Input, Network, Population, Projection
from ..neurons import LIF, LoihiLIF
from ..neurons.base import require_neurons
from .rules import rule_entry
from .sources import source_entry

#: Version of the layout; readers refuse later ones.
LAYOUT = 2


class _Names:
    """Gives every node a name that HDF5 can hold and no other node has."""

    def __init__(self) -> None:
        self.taken: set[str] = set()

    def new(self, wanted: str, fallback: str) -> str:
        try:
            fits = 0 < len(wanted.encode("utf-8")) <= 255 and "/" not in wanted and "\0" not in wanted
        except UnicodeEncodeError:
            fits = False
        base = wanted if fits and wanted not in (".", "..") else fallback
        name, i = base, 2
        while name in self.taken:
            name, i = f"{base}_{i}", i + 1
        self.taken.add(name)
        return name


def layout_of(network: Network, delay_nodes: bool) -> dict[str, Any]:
    """Names of all nodes and everything of the network that is not an array, ready for JSON."""
    require_neurons("write_nir", network, (LIF, LoihiLIF), features=None)
    spiking = {q.pre for q in network.projections if q.signal == "spikes"}
    for q in network.projections:
        if q.signal == "v" and (q.pre in spiking or not network[q.pre].neuron.never_spikes):
            raise NetworkError(
                f"projection {q.name!r}: delivers v of {q.pre!r}, which also spikes; NIR nodes send one or the other, "
                "give it theta=inf"
            )
    names = _Names()
    populations = []
    for i, p in enumerate(network.populations):
        kind = "input" if isinstance(p, Input) else "population"
        populations.append({"node": names.new(p.name, f"{kind}_{i}"), "name": p.name, "kind": kind})
    for entry, p in zip(populations, network.populations, strict=True):
        if isinstance(p, Input):
            entry |= source_entry(p)
        elif _keeps_shape(network, p):
            entry["shaped"] = True
        flat = not any(q.pre == p.name for q in network.projections)
        flat = flat or any(q.pre == p.name and not _takes_shape(q, p) for q in network.projections)
        if len(p.shape) > 1 and flat and (isinstance(p, Input) or ("shaped" in entry and _feeds(network, p))):
            entry["flatten"] = names.new(f"{entry['node']}_flatten", "flatten")
    projections = []
    whole = {part.name: name for name, parts in delay_parts(network).items() for part in parts if len(parts) > 1}
    network = split_delays(network)
    for i, q in enumerate(network.projections):
        entry = {"node": names.new(q.name, f"projection_{i}"), "name": q.name, "pre": q.pre, "post": q.post}
        entry |= {
            "delay": q.delay,
            "exponent": int(q.exponent),
            "dtype": str(q.weights.dtype),
            "plasticity": rule_entry(q),
        }
        entry |= {"signal": q.signal} if q.signal != "spikes" else {}
        entry |= {"of": whole[q.name]} if q.name in whole else {}
        pre = network[q.pre]
        kept = isinstance(pre, Input) or _keeps_shape(network, pre)
        entry |= {"direct": True} if kept and _takes_shape(q, pre) else {}
        projections.append(entry | {"receptor": q.receptor} if q.receptor else entry)
    for entry, q in zip(projections, network.projections, strict=True):
        if delay_nodes and q.delay and not (q.pre == q.post and q.delay == 1):
            entry["delay_node"] = names.new(f"{entry['node']}_delay", "delay")
    kernels = any(isinstance(q.weights, Convolution) for q in network.projections)
    return {
        "layout": LAYOUT if network.features or kernels else 1,  # what older versions do not know, they must not read
        "arithmetic": network.arithmetic,
        "populations": populations,
        "projections": projections,
        "outputs": _outputs(network, names),
        "silent": _silent(network, names),
    }


def _feeds(network: Network, p: Population) -> bool:
    return any(q.pre == p.name for q in network.projections)


def _keeps_shape(network: Network, p: Population) -> bool:
    """Whether the node of a population has its shape: convolutions alone lead to it, and give that shape."""
    into = [q.weights for q in network.projections if q.post == p.name]
    return bool(into) and all(isinstance(w, Convolution) and w.output_shape == p.shape for w in into)


def _takes_shape(q: Projection, p: Input | Population) -> bool:
    """Whether a projection takes the values of a node with the shape of ``p`` as they are."""
    return isinstance(q.weights, Convolution) and q.weights.input_shape == p.shape


def _outputs(network: Network, names: _Names) -> list[dict[str, Any]]:
    declared = list(network.outputs)
    shown = declared
    if not declared:
        feeding = {q.pre for q in network.projections}
        shown = [p.name for p in network.neurons if p.name not in feeding] or [network.neurons[-1].name]
    label = (lambda name: "output") if len(shown) == 1 else (lambda name: f"output_{name}")
    return [{"node": names.new(label(n), "output"), "population": n, "declared": bool(declared)} for n in shown]


def _silent(network: Network, names: _Names) -> dict[str, Any] | None:
    """An Input node that nobody feeds, for a network in which every population is fed, but none by an input."""
    inputs = {p.name for p in network.inputs}
    fed = {q.post for q in network.projections}
    starts = inputs & ({q.pre for q in network.projections} | set(network.outputs))
    if starts or any(p.name not in fed for p in network.neurons):
        return None
    return {"node": names.new("silent_input", "input"), "population": network.neurons[0].name}


def edges_of(layout: dict[str, Any]) -> list[tuple[str, str, int]]:
    """(pre node, post node, delay in steps) of every edge, projections in order."""
    nodes = {p["name"]: p["node"] for p in layout["populations"]}
    sources = {p["name"]: p.get("flatten") or p["node"] for p in layout["populations"]}
    edges = [(p["node"], p["flatten"], 0) for p in layout["populations"] if p.get("flatten")]
    for q in layout["projections"]:
        source = (nodes if q.get("direct") else sources)[q["pre"]]
        if q.get("delay_node"):
            edges += [(source, q["delay_node"], q["delay"]), (q["delay_node"], q["node"], 0)]
        else:
            edges.append((source, q["node"], q["delay"]))
        edges.append((q["node"], nodes[q["post"]], 0))
    edges += [(nodes[o["population"]], o["node"], 0) for o in layout["outputs"]]
    if layout.get("silent"):
        edges.append((layout["silent"]["node"], nodes[layout["silent"]["population"]], 0))
    return edges
