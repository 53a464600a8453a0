r"""A float network as Lava can hold it: v reset to 0, decays that 1 - d can express, every projection a step or more.

* A neuron that resets to :math:`v_r \ne 0` is shifted, :math:`v' = v - v_r`: then
  :math:`\theta' = \theta - v_r`, :math:`c' = c - (1 - \beta) v_r`, and v' begins at :math:`-v_r` (or at 0).
* A reset by subtraction has no effect where :math:`\beta = 0` and becomes a reset to 0.
* Lava stores 1 - alpha and 1 - beta in float64. Factors below 1/2 that are no multiples of 2**-53 are rounded to one.
* Same-step projections get a delay (:mod:`snmem.retime`): populations then run late by the steps reported.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ...errors import InputError, NetworkError
from ...network import Network, Population
from ...neurons import LIF
from ...neurons.base import require_neurons
from ...retime import retime, when_cleared
from ..plan import FEATURES

STARTS = ("zero", "reset")


@dataclass(frozen=True)
class Prepared:
    """What :func:`prepare` returns.

    network : float network with v_reset = 0 and every delay >= 1.
    late : population or input name -> steps by which its spikes come later than in the network given.
    early : populations whose spikes of steps < ``late`` are to be left out (:class:`snmem.retime.Retimed`).
    changes : what was changed, a sentence each.
    """

    network: Network
    late: Mapping[str, int]
    early: tuple[str, ...]
    changes: tuple[str, ...]


def prepare(network: Network, start: str = "zero") -> Prepared:
    """Turn a float network into one that Lava can hold, which spikes the same (equations above).

    Parameters
    ----------
    network
        LIF populations. Learning rules stay as they are.
    start
        Membrane potentials that are shifted begin at v = 0 as in the network given ("zero"), or at their reset value
        ("reset"); those of neurons with a ``v_init`` of their own begin there.

    Raises
    ------
    NetworkError
        Naming what Lava cannot hold: integers already, what neither Lava's neurons nor those of snmem for Lava do
        (an adaptive threshold, a second current), timed clears of a population that resets to another value than 0,
        cycles without enough delay.
    """
    moved, changes = shifted(network, start)
    populations = tuple(_representable(p, changes) if isinstance(p, Population) else p for p in moved.populations)
    retimed = retime(replace(moved, populations=populations))
    most = max(retimed.late.values())
    if most:
        changes.append(f"same-step projections take a step each: populations run up to {most} steps late")
    return Prepared(retimed.network, retimed.late, retimed.early, tuple(changes))


def shifted(network: Network, start: str = "zero") -> tuple[Network, list[str]]:
    """Return the network with every v measured from its reset value, and what was changed.

    Raises
    ------
    InputError, NetworkError
        As :func:`prepare`.
    """
    if start not in STARTS:
        raise InputError(f"start={start!r}: use one of {', '.join(STARTS)}")
    if network.arithmetic == "loihi":
        raise NetworkError("prepare: the network is in Loihi's integers already; pass a float network")
    require_neurons("prepare", network, (LIF,), FEATURES)
    changes: list[str] = []
    populations = tuple(
        _shifted(_zero_reset(p), start, changes) if isinstance(p, Population) else p for p in network.populations
    )
    return replace(network, populations=populations), changes


def _zero_reset(p: Population) -> Population:
    assert isinstance(p.neuron, LIF)
    if p.neuron.reset == "zero":
        return p
    return replace(p, neuron=replace(p.neuron, reset="subtract" if np.any(p.neuron.beta) else "zero", v_reset=0.0))


def _shifted(p: Population, start: str, changes: list[str]) -> Population:
    """``p`` with v measured from its reset value."""
    neuron = p.neuron
    assert isinstance(neuron, LIF)
    if not np.any(neuron.v_reset):
        return p
    if p.clear_every:
        raise NetworkError(
            f"population {p.name!r} resets to v_reset = {np.max(neuron.v_reset):g} but is cleared to 0 "
            f"{when_cleared(p)}; Lava has one reset value: use v_reset = 0 or no clears"
        )
    low = np.asarray(neuron.v_reset)
    bias = neuron.bias - (1 - np.asarray(neuron.beta)) * low
    begin = neuron.v_init - low if start == "zero" or np.any(neuron.v_init) else 0.0
    changes.append(f"population {p.name!r}: v is measured from v_reset")
    return replace(p, neuron=replace(neuron, theta=neuron.theta - low, bias=bias, v_reset=0.0, v_init=begin))


def _representable(p: Population, changes: list[str]) -> Population:
    """``p`` with decay factors f such that 1 - (1 - f) = f."""
    neuron: Any = p.neuron
    factors = {name: np.asarray(getattr(neuron, name)) for name in ("alpha", "beta")}
    made = {name: 1 - (1 - factor) for name, factor in factors.items()}
    worst = max(float(np.abs(made[name] - factor).max()) for name, factor in factors.items())
    if worst == 0:
        return p
    changes.append(f"population {p.name!r}: decays rounded by up to {worst:.1g}, to what Lava can hold")
    return replace(p, neuron=replace(neuron, **made))
