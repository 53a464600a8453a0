"""What a run keeps: the choice (:class:`Record`), and where it goes, into memory or into a file."""

from .choice import Record

__all__ = ["Record"]
