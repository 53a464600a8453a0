"""Loihi: its arithmetic, quantisation, limits, learning rules, and the compiler to Lava."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

__all__ = ["compile", "core_table", "prepare", "quantize"]

_HOME = {"compile": "compiler", "core_table": "limits", "prepare": "preparation", "quantize": "quantization"}

if TYPE_CHECKING:
    from .compiler import compile
    from .limits import core_table
    from .preparation import prepare
    from .quantization import quantize


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'snmem.loihi' has no attribute {name!r}")
    return getattr(import_module(f".{_HOME[name]}", __name__), name)
