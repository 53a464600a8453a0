"""HDF5 files: read without trusting them, written whole or not at all."""

from .limits import Limits
from .store import Store as Store
from .store import open_memory, open_store, save_hdf5

__all__ = ["Limits", "open_memory", "open_store", "save_hdf5"]
