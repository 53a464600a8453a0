"""What a run keeps: the choice (:class:`Record`), and where it goes, into memory or into a file.

Names are imported when first used: h5py, which reads files, takes 20 MB.
"""

from typing import TYPE_CHECKING

from .._lazy import attach

__all__ = ["Record", "open_recording"]

_HOME = {".choice": ("Record",), ".stored": ("open_recording",)}

if TYPE_CHECKING:
    from .choice import Record
    from .stored import open_recording

__getattr__, __dir__ = attach(__name__, _HOME)
