"""The bill of a run on address-event hardware: counts, placement, joules and seconds.

``bill(network, recording, "loihi1-nahuku")`` reads a Recording and never changes what is simulated.
"""

from .bill import Bill, bill
from .chip import Chip, chips, load_chip
from .mapping.placement import Placement, place_in_order
from .mapping.traffic import Placed, place
from .options import BillOptions
from .streaming import measure

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
