"""Where the events of a network come from: inputs that the caller feeds."""

from .base import Input

__all__ = ["Input"]
