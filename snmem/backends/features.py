"""Features of a network that a backend may declare that it does not run: found by name, before it is asked to."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any, NamedTuple

import numpy as np

from ..network import Network, Population, Projection

Item = Population | Projection


class Feature(NamedTuple):
    """Where a feature shows.

    Attributes
    ----------
    uses : callable
        Whether a population or projection has it.
    says : callable
        What it has, and what to do instead.
    """

    uses: Callable[[Item], bool]
    says: Callable[[Item], str]


def _parameter(name: str, default: Any = 0) -> Callable[[Item], Any]:
    return lambda item: getattr(item.neuron, name, default) if isinstance(item, Population) else default


def _nonzero(name: str) -> Callable[[Item], bool]:
    return lambda item: bool(np.any(_parameter(name)(item)))


def _value(name: str, hint: str) -> Callable[[Item], str]:
    def says(item: Item) -> str:
        values = np.atleast_1d(np.asarray(_parameter(name)(item), np.float64))
        return f"has {name}={values[values != 0][0]:g}; {hint}"

    return says


def _says(text: str) -> Callable[[Item], str]:
    return lambda item: text


def _subtracts(item: Item) -> bool:
    return _parameter("reset", "zero")(item) == "subtract"


def _cleared(item: Item) -> bool:
    return isinstance(item, Population) and item.clear_every is not None


def _delayed(low: int, high: float) -> Callable[[Item], bool]:
    return lambda item: isinstance(item, Projection) and any(low <= delay <= high for delay in item.delays)


def _differing(item: Item) -> bool:
    return isinstance(item, Projection) and len(item.delays) > 1


def _plastic(item: Item) -> bool:
    return isinstance(item, Projection) and item.plasticity is not None


def _exponent(item: Item) -> bool:
    return isinstance(item, Projection) and item.exponent != 0


#: Features by the names of the conformance suite (``snmem.conformance.FEATURES``); it holds some more, which only say
#: what numbers a network has, and which no backend may refuse.
FEATURES: dict[str, Feature] = {
    "subtract": Feature(_subtracts, _says("has reset='subtract'; use reset='zero'")),
    "v_reset": Feature(_nonzero("v_reset"), _value("v_reset", "shift v, theta and bias so that it is 0")),
    "bias": Feature(_nonzero("bias"), _value("bias", "give it as input")),
    "clear": Feature(_cleared, _says("has timed clears (clear_every); run its presentations apart")),
    "delay_0": Feature(_delayed(0, 0), _says("has delay 0; give it at least 1 (snmem.retime.retime)")),
    "long_delays": Feature(_delayed(2, np.inf), _says("has a delay above 1; give it 1")),
    "synapse_delays": Feature(_differing, _says("has synapses with delays of their own; give it one delay")),
    "plasticity": Feature(_plastic, _says("is plastic; freeze it (Network.freeze)")),
    "exponent": Feature(_exponent, _says("has an exponent; put it into the weights")),
}


def refused_feature(network: Network, without: frozenset[str]) -> str | None:
    """The first population or projection with a feature of ``without``, and what to do; None if there is none."""
    for name in without & FEATURES.keys():
        uses, says = FEATURES[name]
        for item in (*network.neurons, *network.projections):
            if uses(item):
                kind = "population" if isinstance(item, Population) else "projection"
                return f"{kind} {item.name!r} {says(item)}, or use backend 'reference'"
    return None


#: What to do without a feature that a backend runs only if it declares it (``Backend.features``): those of
#: ``Network.features`` that ship with snmem, each shown by the population or projection that uses it.
DECLARED = {
    "refractory": "has refractory neurons; set refractory=0",
    "freeze": "has neurons that stand still while refractory; use refractory_mode='hold', or set refractory=0",
    "reset_current": "has reset_current=True; set it to False",
    "adaptation": "has adaptive thresholds; set kappa=0",
    "second_current": "has a second synaptic current; leave alpha2 out",
    "noise": "has noise; set noise_sd=0",
    "initial_state": "begins at another u or v than 0; set u_init=0 and v_init=0",
    "loihi_subtract": "resets by subtraction (reset='subtract'); use reset='zero'",
    "receptor": "has a receptor of its own; let it reach the first",
    "potentials": "delivers potentials (signal='v'); let it deliver spikes",
}


def undeclared_feature(network: Network, declared: Collection[str] | None) -> str | None:
    """The first population or projection with a feature that is not ``declared``, and what to do; None if all are."""
    if declared is None:
        return None
    for kind, name, feature in network.features:
        if feature not in declared:
            says = DECLARED.get(feature, f"uses the feature {feature!r}, which it does not declare")
            return f"{kind} {name!r} {says}, or use backend 'reference'"
    return None
