"""What a NIR file leaves open, the options that settle it, and the record of what was chosen."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from .._text import shown
from ..errors import InputError
from .graph import Node


@dataclass(frozen=True)
class Option:
    """A choice that a NIR file leaves open: its default, what it may be, and what it decides."""

    default: Any
    allowed: tuple[Any, ...]
    decides: str


#: Options of :func:`snmem.nir_io.read_nir`; each may also stand in the metadata of a graph under the same name.
OPTIONS: dict[str, Option] = {
    "time_unit": Option("s", ("s", "ms", "us"), "unit of the file's times, dt included"),
    "discretization": Option("euler", ("euler", "exp"), "decays are 1 - dt/tau or exp(-dt/tau)"),
    "spike": Option(
        "pulse",
        ("pulse", "dirac", "current", "unit", "decayed"),
        "a spike is a current of 1 for one dt, of area 1, adds W to the synaptic current, adds W as is, or does so "
        "before the decay of the step",
    ),
    "if_gain": Option("r", ("r", "r*dt", "1"), "what a spike of weight 1 adds to v of an I or IF neuron"),
    "reset": Option(
        "zero",
        ("zero", "subtract", "subtract_late", "none"),
        "after a spike v becomes v_reset, or loses v_threshold, at once or after the decay of the next step, or stays",
    ),
    "start": Option("zero", ("zero", "v_leak"), "v before the first step"),
    "semantics": Option(
        "u_then_v", ("u_then_v", "v_then_u"), "v of a Cuba neuron uses the new current, or the old one"
    ),
    "threshold": Option(">", (">", ">="), "a neuron fires above its threshold, or at it already"),
    "feedforward_delay": Option(0, (0, 1), "steps that a connection takes that closes no cycle"),
    "delay_rounding": Option("round", ("round", "floor", "ceil", "exact"), "Delay nodes that are no multiple of dt"),
}
#: Time step where neither the caller nor the file gives one: that of the NIR paper and of snnTorch's exporter.
DEFAULT_DT = 1e-4
UNITS = {"s": 1.0, "ms": 1e-3, "us": 1e-6}


@dataclass(frozen=True)
class Choice:
    """One thing that a file left open and how it was settled.

    Attributes
    ----------
    name, value
        The option and its value.
    source
        "option", "metadata", "origin", "default", or "deduced" from the graph.
    decides
        What it means.
    nodes
        The nodes concerned (none: all).
    """

    name: str
    value: Any
    source: str
    decides: str
    nodes: tuple[str, ...] = ()

    def __str__(self) -> str:
        """One line for people."""
        where = f" [{', '.join(self.nodes[:4])}{', ...' if len(self.nodes) > 4 else ''}]" if self.nodes else ""
        return f"{self.name} = {self.value} ({self.source}): {self.decides}{where}"


class OriginOptions(Protocol):
    """What a framework takes for granted (:class:`snmem.nir_io.origins.Origin`)."""

    def option(self, name: str, node: Node | None) -> Any:
        """The value of an option for a node, or None."""


class Settings:
    """The options of one reading; remembers which of them were needed, and for which nodes."""

    def __init__(
        self, given: Mapping[str, Any], metadata: Mapping[str, Any] | None, origin: OriginOptions | None = None
    ) -> None:
        for name, value in given.items():
            for one in value.values() if isinstance(value, Mapping) else (value,):
                if one is not None and not (isinstance(one, (str, int)) and one in OPTIONS[name].allowed):
                    raise InputError(f"read_nir: {name} must be one of {OPTIONS[name].allowed}, got {shown(one)}")
        self.given, self.metadata, self.origin = given, metadata, origin
        self._used: dict[tuple[str, Any, str], list[str]] = {}
        self._extra: list[Choice] = []
        self._deduced: dict[tuple[str, Any, str], list[str]] = {}

    def use(self, name: str, node: Node | None = None) -> Any:
        """The value of an option for a node: as given, else from the metadata, else as its origin has it.

        The metadata of the node come before those of the graph; without an origin it is the default.
        """
        option = OPTIONS[name]
        value, source = self.given.get(name), "option"
        if isinstance(value, Mapping):
            value = value.get(node.name if node else "", value.get(""))
        places = [] if self.metadata is None else [self.metadata, *([node.metadata] if node else [])]
        for found in reversed(places):
            stored = found.get(name)
            stored = stored.item() if isinstance(stored, np.generic) else stored
            if value is None and isinstance(stored, (str, int)) and stored in option.allowed:
                value, source = stored, "metadata"
        if value is None and self.origin is not None:
            value, source = self.origin.option(name, node), "origin"
        if value is None:
            value, source = option.default, "default"
        nodes = self._used.setdefault((name, value, source), [])
        if node:
            nodes.append(node.name)
        return value

    def check_nodes(self) -> None:
        """InputError for a node that an option was given for and that does not take it."""
        for name, value in self.given.items():
            took = dict.fromkeys(node for (used, _, _), nodes in self._used.items() if used == name for node in nodes)
            strange = [node for node in value if node and node not in took] if isinstance(value, Mapping) else []
            if strange:
                known = ", ".join(map(shown, list(took)[:8])) or "none does"
                raise InputError(
                    f"read_nir: no node {shown(strange[0])} takes the option {name}; nodes that do: {known}"
                )

    def add(self, choice: Choice) -> None:
        """Record a choice that is not one of the options."""
        self._extra.append(choice)

    def deduce(self, name: str, value: Any, decides: str, node: Node) -> None:
        """Record what the numbers of a node say; nodes of which the same is said are reported together."""
        self._deduced.setdefault((name, value, decides), []).append(node.name)

    def report(self, to: Callable[[Choice], Any]) -> None:
        """Pass on every choice that was made."""
        for choice in self._extra:
            to(choice)
        for (name, value, decides), nodes in self._deduced.items():
            to(Choice(name, value, "deduced", decides, tuple(dict.fromkeys(nodes))))
        for (name, value, source), nodes in self._used.items():
            to(Choice(name, value, source, OPTIONS[name].decides, tuple(dict.fromkeys(nodes))))
