"""Shapes of the nodes of a NIR graph: from their own parameters, or from what feeds them.

What the parameters of a node say (the weight of a Linear, the values of neurons) is certain. What is only declared
(the shape of an Output, ``input_shape`` of a convolution, ``input_type`` of a Flatten) may be left over from another
graph: where its size is not that of what feeds it, the feeder decides, and that is reported.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from math import prod

from ..errors import FileError
from .choices import Choice
from .graph import Graph, Node
from .nodes.base import Shape

#: Values of all nodes together, for each neuron that a file may have: a neuron stands behind a few linear nodes.
_NODES_PER_NEURON = 4


def infer_shapes(graph: Graph, report: Callable[[Choice], None] = lambda choice: None) -> None:
    """Set ``shape_in`` and ``shape_out`` of every node.

    Parameters
    ----------
    graph : Graph
        The graph.
    report : function
        Is given a :class:`Choice` for each declared shape that is not taken, and for values that are reshaped.

    Raises
    ------
    FileError
        Where a shape cannot be known, is too large, or does not fit what feeds it: another size, or the same values in
        another order of axes.
    """
    _Shapes(graph, report).infer()
    _check_edges(graph, report)


class _Shapes:
    """Shapes settled so far, and nodes whose shape is open or only declared."""

    def __init__(self, graph: Graph, report: Callable[[Choice], None]) -> None:
        self.graph, self.report = graph, report
        self.out_of, self.into = graph.out_of(), graph.into()
        self.total = 0
        self.open: dict[str, Shape | None] = {}
        self.settled: deque[Node] = deque()

    def infer(self) -> None:
        """Settle what is certain, then along the edges what is fed, then what is only declared."""
        certain = {}
        for name, node in self.graph.nodes.items():
            shape, sure = node.kind.own_shape(node)
            if shape is not None and sure:
                certain[name] = shape
            else:
                self.open[name] = shape
        for name, shape in certain.items():
            self._settle(self.graph.nodes[name], shape)
        self._spread()
        while self.open:
            name = self._next_declared()
            self._settle(self.graph.nodes[name], self._declared(self.graph.nodes[name]))
            self._spread()

    def _spread(self) -> None:
        while self.settled:
            node = self.settled.popleft()
            for name in self.out_of[node.name]:
                if name in self.open:
                    post = self.graph.nodes[name]
                    self._settle(post, self._fed(post, node))

    def _settle(self, node: Node, shape: Shape) -> None:
        node.limit(shape)
        node.shape_in, node.shape_out = shape, node.kind.output_shape(node, shape)
        node.limit(node.shape_out)
        self.total += prod(node.shape_out)
        if self.total > _NODES_PER_NEURON * node.store.limits.neurons:
            raise node.error(f"brings the graph to {self.total} values; raise the limit of neurons if this is meant")
        self.open.pop(node.name, None)
        self.settled.append(node)

    def _fed(self, node: Node, pre: Node) -> Shape:
        """The shape of a node that ``pre`` feeds: its own, or where that cannot be, the one of ``pre``."""
        own, given = self.open[node.name], pre.shape_out
        taken = node.kind.fed_shape(node, own, given)
        if own is not None and taken != own and node.kind.declares:
            self._say(node, own, taken, f"{pre.name!r}, which feeds it, gives")
        return taken

    def _declared(self, node: Node) -> Shape:
        """The shape that a node declares; of an Input without its batch axis, if all that it feeds takes the rest."""
        own = self.open[node.name]
        assert own is not None
        posts = [self.graph.nodes[name] for name in self.out_of[node.name]]
        wanted = {post.shape_in or self.open.get(post.name) for post in posts}
        if self.into[node.name] or len(wanted) != 1 or not node.kind.declares:
            return own
        (taken,) = wanted
        if taken is None or prod(taken) == prod(own) or own[-len(taken) :] != taken:
            return own
        self._say(node, own, taken, f"{posts[0].name!r}, which it feeds, takes")
        return taken

    def _say(self, node: Node, own: Shape, taken: Shape, why: str) -> None:
        what = f"declared as {own}, but {why} {prod(taken)} values: the declared shape is not taken"
        self.report(Choice("shape", list(taken), "deduced", what, (node.name,)))

    def _next_declared(self) -> str:
        """An open node with a shape of its own: Inputs first, then any."""
        known = [name for name, shape in self.open.items() if shape is not None]
        inputs = [name for name in known if not self.into[name]]
        if known:
            return (inputs or known)[0]
        lost = self.graph.nodes[next(iter(self.open))]
        raise lost.error(
            f"its shape is unknown (fed by {self.into[lost.name] or 'nothing'}); start the graph with a shaped Input"
        )


def _check_edges(graph: Graph, report: Callable[[Choice], None]) -> None:
    for pre, post in graph.edges:
        given, node = graph.nodes[pre].shape_out, graph.nodes[post]
        taken = node.shape_in
        if prod(given) != prod(taken):
            raise _size_error(node, graph.nodes[pre])
        if not joins(given, taken):
            raise node.error(
                f"takes shape {taken}, but {pre!r} gives {given}: the same values with their axes in another order; "
                "transpose one of them"
            )
        if _lengths(given) != _lengths(taken):
            what = f"values of {pre!r}, in row-major order, from shape {given} to {taken}"
            report(Choice("reshape", list(taken), "deduced", what, (post,)))


def _size_error(node: Node, pre: Node) -> FileError:
    """What is wrong with an edge between nodes of different sizes, with a hint at a weight that lies on its side."""
    given, taken = pre.shape_out, node.shape_in
    hint = "correct them"
    for one, other_way in ((pre, prod(pre.shape_in) == prod(taken)), (node, prod(node.shape_out) == prod(given))):
        if "weight" in one.members and other_way:
            hint = f"if the weight of {one.name!r} is the other way round, transpose it to (outputs, inputs)"
    return node.error(
        f"takes shape {taken} = {prod(taken)} values, but {pre.name!r} gives {given} = {prod(given)}; {hint}"
    )


def _lengths(shape: Shape) -> Shape:
    """A shape without its axes of length 1."""
    return tuple(n for n in shape if n != 1)


def joins(one: Shape, other: Shape) -> bool:
    """Whether one of two shapes of equal size comes about by joining neighbouring axes of the other."""

    def ends(shape: Shape) -> set[int]:
        return {prod(shape[: i + 1]) for i in range(len(shape))} | {1}

    return ends(one) <= ends(other) or ends(other) <= ends(one)
