"""The bill of a run on address-event hardware: counts, placement, joules and seconds.

``bill(network, recording, "loihi1-nahuku")`` reads a Recording and never changes what is simulated.
``snmem.cost(module, sample)``, the package itself called, bills a torch module (:func:`snmem.cost.modules.cost_of`).
"""

from __future__ import annotations

import sys
from types import ModuleType
from typing import TYPE_CHECKING, Any

from .bill import Bill, bill
from .chip import Chip, chips, load_chip
from .mapping.placement import Placement, place_in_order
from .mapping.traffic import Placed, place
from .options import BillOptions
from .streaming import measure

if TYPE_CHECKING:
    from pathlib import Path

    from .modules import ModuleCost

__all__ = [
    "Bill",
    "BillOptions",
    "Chip",
    "Placed",
    "Placement",
    "bill",
    "chips",
    "load_chip",
    "measure",
    "place",
    "place_in_order",
]


class _Package(ModuleType):
    """This package as a module that can be called."""

    def __call__(
        self,
        module: Any,
        sample: Any,
        chip: str | Path | Chip = "loihi1-nahuku",
        *,
        batch: bool = True,
        whole: bool | None = None,
    ) -> ModuleCost:
        """:func:`snmem.cost.modules.cost_of`."""
        from .modules import cost_of

        return cost_of(module, sample, chip, batch=batch, whole=whole)


sys.modules[__name__].__class__ = _Package
