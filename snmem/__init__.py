"""Associative memories and attention out of spiking neurons, from a description to neuromorphic hardware.

Names are imported when first used, so that ``import snmem`` stays fast.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

_HOME = {
    "LIF": "neuron",
    "LoihiLIF": "neuron",
    "Input": "network",
    "Population": "network",
    "Projection": "network",
    "Network": "network",
    "Instar": "plasticity",
    "Outstar": "plasticity",
    "Spikes": "spikes",
    "Recording": "spikes",
    "simulate": "simulation",
    "SnmemError": "errors",
}
__all__ = ["__version__", *_HOME]

if TYPE_CHECKING:
    from .errors import SnmemError
    from .network import Input, Network, Population, Projection
    from .neuron import LIF, LoihiLIF
    from .plasticity import Instar, Outstar
    from .simulation import simulate
    from .spikes import Recording, Spikes


def __getattr__(name: str) -> Any:
    if name in _HOME:
        value = getattr(import_module(f".{_HOME[name]}", __name__), name)
        globals()[name] = value
        return value
    raise AttributeError(f"module 'snmem' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
