"""NIR's node types, each in the file of its family, where it registers how it is read and written."""

from .base import NODES, LinearNode, NodeType
from .neurons.base import NeuronNode, Reading

__all__ = ["NODES", "LinearNode", "NeuronNode", "NodeType", "Reading"]
