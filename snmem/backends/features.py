"""Features of a network that a backend may declare that it does not run: found by name, before it is asked to."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from ..network import Network


class Feature(NamedTuple):
    """Where a feature shows.

    Attributes
    ----------
    kind : str
        "population" or "projection".
    uses : callable
        Whether a population or projection has it.
    says : callable
        What it has, and what to do instead.
    """

    kind: str
    uses: Callable[[Any], bool]
    says: Callable[[Any], str]


def _first(values: Any) -> float:
    array = np.atleast_1d(values)
    return array[array != 0][0]


#: Features by the names of the conformance suite (``snmem.conformance.FEATURES``); it holds some more, which only say
#: what numbers a network has, and which no backend may refuse.
FEATURES = {
    "subtract": Feature(
        "population",
        lambda p: getattr(p.neuron, "reset", "zero") == "subtract",
        lambda p: "has reset='subtract'; use reset='zero'",
    ),
    "v_reset": Feature(
        "population",
        lambda p: bool(np.any(getattr(p.neuron, "v_reset", 0))),
        lambda p: f"has v_reset={_first(p.neuron.v_reset):g}; shift v, theta and bias so that it is 0",
    ),
    "bias": Feature(
        "population",
        lambda p: bool(np.any(getattr(p.neuron, "bias", 0))),
        lambda p: f"has bias={_first(p.neuron.bias):g}; give it as input",
    ),
    "clear": Feature(
        "population",
        lambda p: p.clear_every is not None,
        lambda p: f"has clear_every={p.clear_every}; run its presentations apart",
    ),
    "delay_0": Feature(
        "projection",
        lambda q: q.delay == 0,
        lambda q: "has delay 0; give it at least 1 (snmem.retime.retime)",
    ),
    "long_delays": Feature(
        "projection",
        lambda q: q.delay > 1,
        lambda q: f"has delay {q.delay}; give it 1",
    ),
    "plasticity": Feature(
        "projection",
        lambda q: q.plasticity is not None,
        lambda q: "is plastic; freeze it (Network.freeze)",
    ),
    "exponent": Feature(
        "projection",
        lambda q: q.exponent != 0,
        lambda q: f"has exponent={q.exponent}; put it into the weights",
    ),
}


def refused_feature(network: Network, without: frozenset[str]) -> str | None:
    """The first population or projection with a feature of ``without``, and what to do; None if there is none."""
    for name in without & FEATURES.keys():
        kind, uses, says = FEATURES[name]
        for item in network.neurons if kind == "population" else network.projections:
            if uses(item):
                return f"{kind} {item.name!r} {says(item)}, or use backend 'reference'"
    return None
