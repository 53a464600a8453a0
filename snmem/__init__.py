"""Associative memories and attention out of spiking neurons, from a description to neuromorphic hardware.

Names are imported when first used, so that ``import snmem`` stays fast.
"""

from typing import TYPE_CHECKING

from ._lazy import attach
from ._moved import install

__version__ = "0.1.0"

__all__ = [
    "LIF",
    "Convolution",
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
    "Record",
    "Recording",
    "SnmemError",
    "Spikes",
    "SpikingKWinnerMemory",
    "SumOfProducts",
    "from_torch",
    "open_recording",
    "quantize",
    "read_nir",
    "simulate",
    "simulate_batch",
    "write_nir",
]

#: Module of each name above; a test compares them with the imports below.
_HOME = {
    ".convolution": ("Convolution",),
    ".errors": ("SnmemError",),
    ".quantization.grid": ("quantize",),
    ".memory.config": ("KWinnerConfig",),
    ".memory.kwinner": ("KWinnerMemory",),
    ".memory.spiking": ("SpikingKWinnerMemory",),
    ".network": ("Input", "Network", "Population", "Projection"),
    ".neurons": ("LIF", "LoihiLIF"),
    ".plasticity": ("Instar", "Outstar", "SumOfProducts"),
    ".nir_io": ("read_nir", "write_nir"),
    ".nir_io.origins.modules": ("from_torch",),
    ".recording": ("Record", "open_recording"),
    ".simulation": ("simulate", "simulate_batch"),
    ".spikes": ("Interrupted", "Recording", "Spikes"),
}

if TYPE_CHECKING:
    from .convolution import Convolution
    from .errors import SnmemError
    from .memory.config import KWinnerConfig
    from .memory.kwinner import KWinnerMemory
    from .memory.spiking import SpikingKWinnerMemory
    from .network import Input, Network, Population, Projection
    from .neurons import LIF, LoihiLIF
    from .nir_io import read_nir, write_nir
    from .nir_io.origins.modules import from_torch
    from .plasticity import Instar, Outstar, SumOfProducts
    from .quantization.grid import quantize
    from .recording import Record, open_recording
    from .simulation import simulate, simulate_batch
    from .spikes import Interrupted, Recording, Spikes


__getattr__, __dir__ = attach(__name__, _HOME)
install()
