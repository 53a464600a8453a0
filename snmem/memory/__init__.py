"""Associative memories, each as an algorithm on vectors and as a network of spiking neurons."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

_HOME = {
    "KWinnerConfig": "config",
    "KWinnerMemory": "kwinner",
    "ModernHopfieldMemory": "hopfield",
    "SpikingKWinnerMemory": "spiking",
    "StackedKWinnerMemory": "stacked",
}
__all__ = ["KWinnerConfig", "KWinnerMemory", "ModernHopfieldMemory", "SpikingKWinnerMemory", "StackedKWinnerMemory"]

if TYPE_CHECKING:
    from .config import KWinnerConfig
    from .hopfield import ModernHopfieldMemory
    from .kwinner import KWinnerMemory
    from .spiking import SpikingKWinnerMemory
    from .stacked import StackedKWinnerMemory


def __getattr__(name: str) -> Any:
    if name in _HOME:
        return getattr(import_module(f".{_HOME[name]}", __name__), name)
    raise AttributeError(f"module 'snmem.memory' has no attribute {name!r}")
