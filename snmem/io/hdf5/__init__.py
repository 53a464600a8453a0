"""HDF5 files: read without trusting them, written whole or not at all."""

from .store import Limits, Store, open_store, save_hdf5

__all__ = ["Limits", "Store", "open_store", "save_hdf5"]
