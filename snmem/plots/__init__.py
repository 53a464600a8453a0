"""Pictures of runs, networks and recalls. Every function returns a matplotlib Figure and shows nothing.

Figures are one column of a paper wide (85 mm), with units, in colours that people with any colour vision tell apart.
"""

from .activity import raster, rates, traces
from .recall import item_recall, recall_raster, text_recall
from .structure import connectivity
from .style import COLUMN, PALETTE, label, plain_text

__all__ = [
    "COLUMN",
    "PALETTE",
    "connectivity",
    "item_recall",
    "label",
    "plain_text",
    "raster",
    "rates",
    "recall_raster",
    "text_recall",
    "traces",
]
