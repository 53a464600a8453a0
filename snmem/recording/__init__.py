"""What a run keeps: the choice (:class:`Record`), and where it goes, into memory or into a file."""

from .choice import Record
from .stored import open_recording

__all__ = ["Record", "open_recording"]
