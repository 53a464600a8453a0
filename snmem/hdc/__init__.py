"""Hyperdimensional computing: algebras of very wide codes, on vectors and in LIF neurons."""

from typing import TYPE_CHECKING

from .._lazy import attach

__all__ = [
    "ALGEBRAS",
    "Algebra",
    "BinaryCodes",
    "BlockCodes",
    "MapB",
    "MapI",
    "algebra",
    "resonator",
]

_HOME = {
    ".algebras.binary": ("BinaryCodes",),
    ".algebras.block": ("BlockCodes",),
    ".algebras.map_b": ("MapB",),
    ".algebras.map_i": ("MapI",),
    ".base": ("ALGEBRAS", "Algebra", "algebra"),
    ".resonators": ("resonator",),
}

if TYPE_CHECKING:
    from .algebras.binary import BinaryCodes
    from .algebras.block import BlockCodes
    from .algebras.map_b import MapB
    from .algebras.map_i import MapI
    from .base import ALGEBRAS, Algebra, algebra
    from .resonators import resonator

__getattr__, __dir__ = attach(__name__, _HOME)
