"""Results as plain data and as JSON."""

from __future__ import annotations

import dataclasses
import json
import math
import os
import platform
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..._text import escaped_json
from ..files import replace_file

#: Packages whose versions belong to a result.
_PACKAGES = ("snmem", "numpy", "scipy", "numba", "nir", "h5py", "matplotlib", "lava-nc", "brian2", "torch", "snntorch")


def plain(value: Any) -> Any:
    """Return ``value`` as dictionaries with text keys, lists, texts, numbers, booleans and None (NaN and infinity too).

    Understands numpy scalars and arrays, dataclasses, paths, sets and objects with ``to_dict()``; TypeError for others.
    """
    if value is None or isinstance(value, (str, bool, int)):
        return value
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if isinstance(value, (set, frozenset)):
        return sorted((plain(item) for item in value), key=str)
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    if hasattr(value, "to_dict"):
        return plain(value.to_dict())
    if hasattr(value, "tolist"):  # numpy
        return plain(value.tolist())
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
    raise TypeError(f"a result holds a {type(value).__name__}, which has no plain form")


def to_json(value: Any, indent: int | None = 2) -> str:
    """Return ``value`` as JSON that every parser accepts and no terminal acts upon: no NaN, no control characters."""
    text = json.dumps(plain(value), indent=indent, allow_nan=False, ensure_ascii=False)
    return escaped_json(text)


def write_json(path: Path, value: Any) -> None:
    """Write ``value`` as JSON to ``path``, whole or not at all."""
    with replace_file(path, "w") as file:
        file.write(to_json(value) + "\n")


def versions() -> dict[str, str]:
    """Return the versions of Python, the system and the installed packages that results depend on."""
    from importlib.metadata import PackageNotFoundError, version

    found = {"python": platform.python_version(), "system": platform.platform()}
    for package in _PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found
