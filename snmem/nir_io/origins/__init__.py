"""Which framework wrote a NIR file, and how it means what it wrote: one file per framework, which registers itself."""

from .base import ORIGINS, Origin, choose_origin

__all__ = ["ORIGINS", "Origin", "choose_origin"]
