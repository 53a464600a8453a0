"""NIR files: write, read, inspect (see docs, "NIR files")."""

from ..io.hdf5 import Limits
from .choices import OPTIONS, Choice
from .inspect import inspect_nir, render, tables
from .read import read_nir
from .write import to_nir, write_nir

__all__ = ["OPTIONS", "Choice", "Limits", "inspect_nir", "read_nir", "render", "tables", "to_nir", "write_nir"]
