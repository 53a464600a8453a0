"""Where the events of a network come from: inputs that the caller feeds, and sources that draw their own.

A source is one file, which registers itself (``@SOURCES.register("name")``), a subclass of :class:`Source` with
``expected`` and ``draw``. Every backend runs it; only the event engine draws while it runs and keeps nothing.
"""

from .base import SOURCES, Input, Source
from .poisson import Poisson
from .regular import Regular
from .scheduled import Scheduled
from .seeds import reseeded

__all__ = ["SOURCES", "Input", "Poisson", "Regular", "Scheduled", "Source", "reseeded"]
