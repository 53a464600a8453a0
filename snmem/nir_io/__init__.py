"""NIR files: write, read, inspect (see docs, "NIR files")."""

from .choices import OPTIONS, Choice
from .hdf5 import Limits
from .read import read_nir
from .write import write_nir

__all__ = ["OPTIONS", "Choice", "Limits", "read_nir", "write_nir"]
