"""Inputs of a network: lines whose events come from outside."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar, cast

import numpy as np

from .._text import CONTROL, LONGEST_NAME, shown
from ..description import Description, shape_of
from ..errors import NetworkError


def checked_name(kind: str, name: object) -> str:
    """``name`` as a plain str, if every file and runtime can take it."""
    if not isinstance(name, str) or not name or "/" in name[:LONGEST_NAME]:
        raise NetworkError(
            f'{kind} name {shown(name)}: must be a non-empty text without "/" (NIR files cannot hold it)'
        )
    if len(name) > LONGEST_NAME:
        raise NetworkError(f"{kind} name {name[:20]!r}...: has {len(name):,} characters; use at most {LONGEST_NAME:,}")
    if found := CONTROL.search(name):
        what = "control character" if found[0] < "\ud800" else "lone surrogate"
        raise NetworkError(f"{kind} name {name!r}: holds the {what} {found[0]!r}; leave it out")
    return str.__str__(name)  # not of a subclass, which prints and so hashes differently


@dataclass(frozen=True)
class Input(Description):
    """A source of spikes that the caller provides.

    Parameters
    ----------
    name : str
        Unique in the network.
    shape : int or tuple of int
        Number of lines, or a tuple such as (2, 34, 34).
    values : bool
        Whether the lines take numbers: graded spikes, analog frames, currents. A synapse then delivers weight * value
        in the step of the event. Where this is not said, anything but 0 and 1 is refused, as a mistake.

    Raises
    ------
    NetworkError
        For an invalid name or size.
    """

    name: str
    shape: Any
    values: bool = False

    later: ClassVar[tuple[str, ...]] = ("values",)

    def __post_init__(self) -> None:
        object.__setattr__(self, "name", checked_name("input", self.name))
        object.__setattr__(self, "shape", shape_of(f"input {self.name!r}", self.shape))
        if not isinstance(cast(object, self.values), (bool, np.bool_)):
            raise NetworkError(f"input {self.name!r}: values must be True or False, got {shown(self.values)}")
        object.__setattr__(self, "values", bool(self.values))

    @cached_property
    def size(self) -> int:
        """Number of input lines."""
        return math.prod(self.shape)
