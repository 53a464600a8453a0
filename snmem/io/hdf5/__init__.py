"""HDF5 files: read without trusting them, written whole or not at all."""

from .store import Limits, open_store, save_hdf5
from .store import Store as Store

__all__ = ["Limits", "open_store", "save_hdf5"]
