"""Associative memories and attention out of spiking neurons, from a description to neuromorphic hardware.

Names are imported when first used, so that ``import snmem`` stays fast.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

__all__ = [
    "LIF",
    "Input",
    "Instar",
    "Interrupted",
    "KWinnerConfig",
    "KWinnerMemory",
    "LoihiLIF",
    "Network",
    "Outstar",
    "Population",
    "Projection",
    "Recording",
    "SnmemError",
    "Spikes",
    "SpikingKWinnerMemory",
    "SumOfProducts",
    "quantize",
    "read_nir",
    "simulate",
    "simulate_batch",
    "write_nir",
]

#: Module of each name above; a test compares them with the imports below.
_HOME = {
    "errors": ("SnmemError",),
    "loihi.quantization": ("quantize",),
    "memory.config": ("KWinnerConfig",),
    "memory.kwinner": ("KWinnerMemory",),
    "memory.spiking": ("SpikingKWinnerMemory",),
    "network": ("Input", "Network", "Population", "Projection"),
    "neuron": ("LIF", "LoihiLIF"),
    "plasticity": ("Instar", "Outstar", "SumOfProducts"),
    "nir_io": ("read_nir", "write_nir"),
    "simulation": ("simulate", "simulate_batch"),
    "spikes": ("Interrupted", "Recording", "Spikes"),
}
_MODULE_OF = {name: module for module, names in _HOME.items() for name in names}

if TYPE_CHECKING:
    from .errors import SnmemError
    from .loihi.quantization import quantize
    from .memory.config import KWinnerConfig
    from .memory.kwinner import KWinnerMemory
    from .memory.spiking import SpikingKWinnerMemory
    from .network import Input, Network, Population, Projection
    from .neuron import LIF, LoihiLIF
    from .nir_io import read_nir, write_nir
    from .plasticity import Instar, Outstar, SumOfProducts
    from .simulation import simulate, simulate_batch
    from .spikes import Interrupted, Recording, Spikes


def __getattr__(name: str) -> Any:
    if name not in _MODULE_OF:
        raise AttributeError(f"module 'snmem' has no attribute {name!r}")
    value = getattr(import_module(f".{_MODULE_OF[name]}", __name__), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
