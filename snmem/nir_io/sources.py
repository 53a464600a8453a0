"""Sources in NIR files: an Input node for other readers, and what it draws in the metadata."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import numpy as np

from ..errors import InputError, NetworkError
from ..network import Input
from ..sources.base import SOURCES, Source


def _parameters(kind: type[Source]) -> list[str]:
    return [f.name for f in fields(kind) if f.init and f.name not in ("name", "shape")]


def source_entry(p: Input) -> dict[str, Any]:
    """What the layout says of an input beyond its name: whether it takes numbers, or which source it is.

    Raises
    ------
    NetworkError
        For a source that is not registered.
    """
    if not isinstance(p, Source):
        return {"values": True} if p.values else {}
    kind = next((name for name in SOURCES if SOURCES[name] is type(p)), None)
    if kind is None:
        raise NetworkError(f"source {p.name!r}: a {type(p).__name__} is not registered, so no file can name it")
    values = {name: getattr(p, name) for name in _parameters(type(p))}
    plain = {name: x.tolist() if isinstance(x, np.ndarray) else x for name, x in values.items()}
    return {"source": {"kind": kind, "parameters": plain}}


def source_notes(p: Input) -> list[str]:
    """What readers that ignore the metadata miss."""
    if not isinstance(p, Source):
        return []
    return [f"input {p.name!r}: draws its own events ({type(p).__name__}); others see an Input to be fed"]


def read_input(name: str, shape: Any, entry: dict[str, Any]) -> Input:
    """The input that :func:`source_entry` described; NetworkError where that is damaged."""
    source = entry.get("source")
    if source is None:
        return Input(name, shape, bool(entry.get("values")))
    kind, values = source.get("kind"), source.get("parameters")
    try:
        made = SOURCES[kind]
    except InputError as error:
        raise NetworkError(f"source {name!r}: {error}") from None
    if not isinstance(values, dict) or set(values) != set(_parameters(made)):
        raise NetworkError(f"source {name!r}: its parameters are not those of a {made.__name__}")
    return made(name, shape, **values)
