"""Associative memories, each as an algorithm on vectors and as a network of spiking neurons."""

from typing import TYPE_CHECKING

from .._lazy import attach

__all__ = [
    "MEMORIES",
    "KWinnerConfig",
    "KWinnerMemory",
    "Memory",
    "ModernHopfieldMemory",
    "OnChipMemory",
    "PatternMemory",
    "RowMemory",
    "SpikingKWinnerMemory",
    "SpikingMemory",
    "StackedKWinnerMemory",
    "Stored",
]

_HOME = {
    ".base": ("MEMORIES", "Memory", "PatternMemory", "RowMemory", "SpikingMemory", "Stored"),
    ".config": ("KWinnerConfig",),
    ".hopfield": ("ModernHopfieldMemory",),
    ".kwinner": ("KWinnerMemory",),
    ".onchip": ("OnChipMemory",),
    ".spiking": ("SpikingKWinnerMemory",),
    ".stacked": ("StackedKWinnerMemory",),
}

if TYPE_CHECKING:
    from .base import MEMORIES, Memory, PatternMemory, RowMemory, SpikingMemory, Stored
    from .config import KWinnerConfig
    from .hopfield import ModernHopfieldMemory
    from .kwinner import KWinnerMemory
    from .onchip import OnChipMemory
    from .spiking import SpikingKWinnerMemory
    from .stacked import StackedKWinnerMemory

__getattr__, __dir__ = attach(__name__, _HOME)
