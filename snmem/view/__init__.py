"""One page to explore a run: raster, network, chip, energy and latency, offline in a browser.

``view(recording).save("run.html")``; ``snmem view`` on the command line.
"""

from ._view import view
from .page import View

__all__ = ["View", "view"]
