"""Names of a package that are imported when first used, so that ``import snmem`` stays fast."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from importlib.util import find_spec
from pkgutil import iter_modules
from typing import Any


def attach(package: str, modules: Mapping[str, Sequence[str]]) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """Return ``__getattr__`` and ``__dir__`` of ``package``.

    Parameters
    ----------
    package : str
        Full name of the package.
    modules : mapping of str to sequence of str
        Module, relative to the package (".config", "..tasks.mqar"), to the names that the package takes from it.
        Submodules that are not named are imported on attribute access too.
    """
    module_of = {name: module for module, names in modules.items() for name in names}
    namespace = sys.modules[package].__dict__

    def get(name: str) -> Any:
        if name in module_of:
            value = getattr(import_module(module_of[name], package), name)
        elif not name.startswith("_") and find_spec(f"{package}.{name}"):
            value = import_module(f".{name}", package)
        else:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        namespace[name] = value
        return value

    def names() -> list[str]:
        modules = {module.name for module in iter_modules(namespace["__path__"]) if not module.name.startswith("_")}
        return sorted({*module_of, *modules, *(name for name in namespace if name.startswith("__"))})

    return get, names
