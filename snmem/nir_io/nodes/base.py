"""What every NIR node type is: a record of how its nodes are read, in a file that registers it here.

A type of one's own is one file too, inside the package or outside: a :class:`LinearNode` for a map without state, a
:class:`~snmem.nir_io.nodes.neurons.base.NeuronNode` for neurons, and ``NODES.add("Name", record)``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import prod
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from ...convolution import Convolution
from ...registry import Registry

if TYPE_CHECKING:
    from ..graph import Node

Shape = tuple[int, ...]
#: The value of an option of :func:`snmem.nir_io.read_nir` for the node that is read.
Use = Callable[[str], Any]

_FILES = ("ends", "affine", "sparse_linear", "scale", "convolution", "flatten", "delay")
_FILES += ("neurons.lif", "neurons.cuba", "neurons.integrator", "neurons.threshold")
#: Node types by the name that stands in a file.
NODES: Registry[NodeType] = Registry("NIR node type", tuple(f"snmem.nir_io.nodes.{name}" for name in _FILES))


class NodeType:
    """How the nodes of one type are read.

    Attributes
    ----------
    parameters : tuple of str
        Datasets with one value per element, or one for all; together they say the shape of the node.
    defaults : mapping of str to float
        Parameters that may be absent, and their values then.
    declares : bool
        Whether :meth:`own_shape` is what the file declares, which may be stale, not the shape of parameters.
    """

    parameters: ClassVar[tuple[str, ...]] = ()
    defaults: ClassVar[Mapping[str, float]] = {}
    declares: ClassVar[bool] = False

    def own_shape(self, node: Node) -> tuple[Shape | None, bool]:
        """The input shape that a node declares itself, and whether it is certain (not open to broadcasting)."""
        if not self.parameters:
            return None, False
        present = [key for key in self.parameters if key in node.members or key not in self.defaults]
        shapes = [node.declared_shape(key) for key in present]
        largest = max(shapes, key=lambda shape: (prod(shape), len(shape)))
        if any(fitting(shape, largest) is None for shape in shapes):
            try:
                largest = np.broadcast_shapes(*shapes)
            except ValueError:
                raise node.error(f"parameters have shapes {shapes}, which do not fit together") from None
        return largest or (1,), False

    def fed_shape(self, node: Node, own: Shape | None, given: Shape) -> Shape:
        """The input shape of a node that declares ``own`` (None: nothing), when values of shape ``given`` feed it.

        A declared shape of another size gives way. Parameters are broadcast: one value for all, one per channel, or as
        numpy does.
        """
        if own is None or (self.declares and prod(own) != prod(given)):
            return given
        if self.declares or prod(own) == prod(given):
            return own
        return given if fitting(own, given) is not None else own

    def output_shape(self, node: Node, shape: Shape) -> Shape:
        """The output shape of a node with input of ``shape``; FileError where the node does not take it."""
        return shape

    def synapses(self, datasets: Mapping[str, Any]) -> int | None:
        """Synapses of a node, from what :func:`snmem.nir_io.inspect.inspect_nir` says of its datasets."""
        return None

    def __repr__(self) -> str:
        return f"{type(self).__qualname__}()"


def fitting(own: Shape, given: Shape) -> Shape | None:
    """Shape in which parameters of shape ``own`` broadcast to ``given``; None if they do not, or in two ways.

    A vector with a value for each channel, the first axis of ``given``, stands for (channels, 1, ...).
    """
    ways = [own, (*own, *(1,) * (len(given) - 1))] if len(own) == 1 and len(given) > 1 else [own]
    fits = {way for way in ways if len(way) <= len(given) and _broadcasts(way, given)}
    if len(fits) == 2 and own[0] > 1:
        return None
    return next(iter(fits), None)


def per_element(node: Node, values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Parameters as a vector with one value per element of the input of a node (:func:`fitting`)."""
    shape = fitting(values.shape, node.shape_in) or values.shape
    return np.broadcast_to(values.reshape(shape), node.shape_in).reshape(-1)


def _broadcasts(own: Shape, given: Shape) -> bool:
    try:
        return np.broadcast_shapes(own, given) == given
    except ValueError:
        return False


class LinearNode(NodeType):
    """A map without state, y(t) = W x(t - d) + b; whatever it does not define is the identity, 0 and 0."""

    def matrix(self, node: Node) -> sp.csr_array | Convolution | None:
        """W (output, input), row-major over ``node.shape_out`` and ``node.shape_in``, as CSR or as a kernel."""
        return None

    def bias(self, node: Node) -> NDArray[np.float64] | None:
        """The vector b, one value per output."""
        return None

    def delays(self, node: Node, dt: float, use: Use) -> NDArray[np.int64] | None:
        """The vector d of delays in steps of ``dt``, one value per input."""
        return None


def is_linear(node: Node) -> bool:
    """Whether a node is a map without state."""
    return isinstance(node.kind, LinearNode)


#: Bytes of a synapse in memory: a float64 and the index of its column.
SYNAPSE = 12


def check_synapses(node: Node, count: float, what: str = "synapses") -> None:
    """FileError where a matrix would hold more synapses than the limit."""
    limit = node.store.limits.synapses
    if count > limit:
        raise node.error(f"means {count:.0f} {what}, the limit is {limit}; raise the limit if this is meant")


def as_matrix(node: Node, weights: Any) -> sp.csr_array:
    """Weights as CSR; a convolution is written out, within the limits of the file."""
    if not isinstance(weights, Convolution):
        return weights
    check_synapses(node, weights.nnz)
    node.store.hold(SYNAPSE * weights.nnz, node.owner())
    written = weights.tocsr(node.store.limits.synapses)
    return sp.csr_array((written.data, written.indices, written.indptr), shape=written.shape)


def per_output(node: Node, bias: NDArray[np.float64]) -> NDArray[np.float64] | None:
    """A dataset ``bias`` with one value per output of the node, or None where all are 0."""
    try:
        bias = np.broadcast_to(bias, node.shape_out).reshape(-1)
    except ValueError:
        shape = node.declared_shape("bias")
        raise node.error(
            f"has shape {shape}, expected one value per output of shape {node.shape_out}", "bias"
        ) from None
    return bias if bias.any() else None
