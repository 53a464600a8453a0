"""From a network to the flat arrays that the compiled loops run on."""

from .custom import CompiledNeuron
from .network import layout_of

__all__ = ["CompiledNeuron", "layout_of"]
