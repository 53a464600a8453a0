"""What generated networks hold of the features that backends declare, from random numbers of their own."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from typing import Any

import numpy as np

from ..network import Network, Population


def extended(network: Network, seed: int, allowed: Collection[str], used: Collection[str]) -> Network:
    """``network`` with each allowed feature in about one of two networks, there in about one of two places.

    Parameters
    ----------
    network : Network
        A generated network.
    seed : int
        The seed it was made from.
    allowed : collection of str
        Names among ``snmem.conformance.networks.EXTENSIONS``.
    used : collection of str
        Other features that the network uses; "per_neuron" and "off_grid" hold here too.
    """
    rng = np.random.default_rng([seed, 4])
    if "potentials" in allowed:
        network = _potentials(network, np.random.default_rng([seed, 6]))
    chosen = {name for name in sorted(set(allowed) - {"potentials"}) if rng.random() < 1 / 2}
    if not chosen:
        return network
    neurons: dict[str, Any] = {p.name: _neuron(rng, p, chosen, used) for p in network.neurons}
    populations = tuple(
        replace(p, neuron=neurons[p.name]) if isinstance(p, Population) else p for p in network.populations
    )
    projections = []
    for q in network.projections:
        receptors = neurons[q.post].receptors
        other = "receptor" in chosen and rng.random() < 1 / 2
        projections.append(replace(q, receptor=str(rng.choice(receptors))) if other else q)
    return replace(network, populations=populations, projections=tuple(projections))


def _potentials(network: Network, rng: np.random.Generator) -> Network:
    """In three of four networks, let some projections deliver potentials, with an eighth of the weights."""
    if rng.random() < 1 / 4:
        return network
    inputs, projections = {p.name for p in network.inputs}, []
    for q in network.projections:
        can = q.pre not in inputs and q.plasticity is None and len(q.delays) == 1
        chosen = can and rng.random() < 1 / 2
        projections.append(replace(q, signal="v", weights=q.weights * 0.125) if chosen else q)
    return replace(network, projections=tuple(projections))


class _Draw:
    """Values for the neurons of a population, one for all or one for each, on the grid of 1/16 or off it."""

    def __init__(self, rng: np.random.Generator, size: int, used: Collection[str]) -> None:
        self.rng, self.off_grid = rng, "off_grid" in used
        self.size = size if "per_neuron" in used and rng.random() < 1 / 2 else None

    def number(self, low: float, high: float) -> Any:
        if self.off_grid:
            return self.rng.uniform(low, high, self.size)
        return self.rng.integers(round(16 * low), round(16 * high) + 1, self.size) / 16

    def decay(self) -> Any:
        return self.rng.uniform(0, 1, self.size) if self.off_grid else self.rng.choice([0, 0.5, 1], self.size)

    def steps(self, low: int, high: int) -> Any:
        return self.rng.integers(low, high + 1, self.size)


def _neuron(rng: np.random.Generator, p: Population, chosen: Collection[str], used: Collection[str]) -> Any:
    """The neuron of ``p`` with what is drawn for it."""
    draw, here = _Draw(rng, p.size, used), {name for name in sorted(chosen) if rng.random() < 1 / 2}
    neuron: Any = p.neuron
    if neuron.arithmetic == "loihi":
        return replace(neuron, **_loihi(draw, here))
    values: dict[str, Any] = {}
    if here & {"refractory", "freeze"}:
        mode = "hold" if "refractory" in here else "freeze"
        values |= {"refractory": draw.steps(0, 5), "refractory_mode": mode}
    if "reset_current" in here:
        values |= {"reset_current": True}
    if "adaptation" in here:
        values |= {"kappa": draw.number(-0.125, 1), "rho": draw.decay()}
    if "second_current" in here:
        values |= {"alpha2": draw.decay()}
    if "noise" in here:
        values |= {"noise_sd": draw.number(0, 0.5), "noise_seed": int(rng.integers(0, 2**32))}
    if "initial_state" in here:
        values |= {"u_init": draw.number(-1, 1), "v_init": draw.number(-2, 2)}
    return replace(neuron, **values)


def _loihi(draw: _Draw, here: Collection[str]) -> dict[str, Any]:
    """What is drawn for Loihi neurons: refractory periods up to the longest, states on both sides of the threshold."""
    values: dict[str, Any] = {}
    if "refractory" in here:
        values |= {"refractory": draw.steps(1, 64 if draw.rng.random() < 1 / 4 else 6)}
    if "loihi_subtract" in here:
        values |= {"reset": "subtract"}
    if "initial_state" in here:
        values |= {"u_init": draw.steps(-20_000, 20_000), "v_init": draw.steps(-20_000, 20_000)}
    return values
