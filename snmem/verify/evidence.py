"""Evidence that a comparison of spikes rests on: which populations spike, which cannot, and input that drives them.

Two silent runs agree, whatever the arithmetic of the two runtimes: only a population that spikes is compared.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import BackendError
from ..network import Network, Population
from ..neurons import LOIHI_SHIFT, LoihiLIF
from ..quantization.reach import reach, wraps
from ..simulation import simulate
from ..spikes import Recording
from ..stimuli import poisson

#: Poisson rates above this are left out: nearly every line then spikes in every step.
_HIGHEST_RATE = 6.4
#: Steps of a run that is free to choose them: so many at first, and where populations stay silent.
STEPS, MORE_STEPS = 100, 1000
#: Longer runs are tried only while steps x synapses stay below this.
_MOST_EVENTS = 2 * 10**9


@dataclass(frozen=True)
class Evidence:
    """What was there to compare.

    Attributes
    ----------
    rate : float or None
        Poisson rate of the input, in spikes per line and step; None for input that was given.
    tried : tuple of float and int, or None
        The highest rate and number of steps that were tried.
    raised : bool
        Whether the rate or the number of steps was raised to make silent populations spike.
    silent : list of str
        Populations that could spike, but never did.
    readouts : list of str
        Populations of which no neuron has a finite threshold: they never spike by design.
    unable : dict
        Population name -> why no input whatever can make it spike.
    """

    rate: float | None = None
    tried: tuple[float, int] | None = None
    raised: bool = False
    silent: list[str] = field(default_factory=list)
    readouts: list[str] = field(default_factory=list)
    unable: dict[str, str] = field(default_factory=dict)


def is_readout(p: Population) -> bool:
    """Whether no neuron of ``p`` has a threshold that is meant to be reached."""
    return p.neuron.never_spikes


def unable_to_spike(network: Network) -> dict[str, str]:
    """Population name -> why no input can make it spike, for the populations of which this is certain.

    The bound of v is that of :mod:`snmem.quantization.reach`; sources that cannot spike are left out. Readouts are not
    listed, see :func:`is_readout`.
    """
    found: dict[str, str] = {}
    todo = [p for p in network.neurons if not is_readout(p)]
    while True:
        dead = {p.name for p in network.neurons if is_readout(p)} | set(found)
        added = {}
        for p in (p for p in todo if p.name not in found):
            highest, theta = _bound(network, p, dead)
            if (highest * (1 + 1e-9) <= theta).all():
                i = int(np.argmax(highest - theta))
                added[p.name] = f"v stays at or below {highest[i]:.4g}, the threshold is {theta[i]:.4g}"
        if not added:
            return found
        found |= added


def _bound(network: Network, p: Population, dead: set[str]) -> tuple[NDArray[Any], NDArray[Any]]:
    """The highest v that each neuron can reach (inf: not known), and its threshold, in the unit of v."""
    found = reach(network, p, dead)
    if found is None:
        return np.full(p.size, np.inf), np.zeros(p.size)
    if isinstance(p.neuron, LoihiLIF):  # u wraps around: far below zero it comes out above
        return np.where(wraps(found), np.inf, found.highest()), p.neuron.vector("vth", p.size) * float(LOIHI_SHIFT)
    return found.highest(), p.neuron.vector("theta", p.size)


def silent(network: Network, spikes: Any, unable: Any) -> list[str]:
    """Names of the populations that did not spike, although they may."""
    return [p.name for p in network.neurons if not len(spikes[p.name]) and p.name not in unable and not is_readout(p)]


def driving_input(
    network: Network, seed: int, rate: float, steps: int | None, unable: Any, report: Callable[[str], None]
) -> list[tuple[float, int]]:
    """Poisson rates (``rate`` or more) and numbers of steps tried, the best last: the fewest populations stay silent.

    ``steps``: the number of steps; None: free, from STEPS to MORE_STEPS. The first setting without silent populations
    ends the search.
    """
    tried: dict[tuple[float, int], int] = {}
    for setting in _settings(network, rate, steps):
        left = silent(network, _quick_run(network, seed, *setting).spikes, unable)
        tried[setting] = len(left)
        if not left:
            break
        report(f"silent at rate {setting[0]:.3g} in {setting[1]} steps: {', '.join(left)}")
    best = min(tried, key=lambda setting: tried[setting])
    return [*(setting for setting in tried if setting != best), best]


def _settings(network: Network, rate: float, steps: int | None) -> Iterator[tuple[float, int]]:
    longer = MORE_STEPS * sum(q.synapses for q in network.projections) < _MOST_EVENTS
    for length in (steps,) if steps is not None else (STEPS, MORE_STEPS)[: 1 + longer]:
        level = rate
        while True:
            yield level, length
            if rate == 0 or not network.fed or level >= _HIGHEST_RATE:
                break
            level = min(2 * level, _HIGHEST_RATE)


def _quick_run(network: Network, seed: int, rate: float, steps: int) -> Recording:
    inputs = poisson(network, steps, seed, rate)
    try:
        return simulate(network, inputs, steps, "event", progress=False)
    except BackendError:  # neurons and rules that it does not know
        other = "loihi" if network.arithmetic == "loihi" else "reference"
        return simulate(network, inputs, steps, other, progress=False)


def why_no_verdict(network: Network, recording: Recording, evidence: Evidence, file: bool) -> str | None:
    """One line with the remedy where the run is no evidence for every population, else None."""
    if evidence.unable:
        name, why = next(iter(evidence.unable.items()))
        remedy = "see what was taken: snmem inspect, --dt, --set" if file else "check weights, thresholds and decays"
        return f"no evidence: population {name!r} cannot spike with any input: {why}; {remedy}"
    if evidence.silent:
        first, *others = map(repr, evidence.silent)
        also = f" (nor did {', '.join(others)})" if others else ""
        remedy = _remedy(network, evidence, file)
        return f"no evidence: population {first} never fired{also} in {recording.steps} steps; {remedy}"
    if not any(len(recording.spikes[p.name]) for p in network.neurons):
        if any(np.ptp(v) > 0 for v in recording.traces.values() if v.size):
            return None  # v of readouts is compared
        names = ", ".join(map(repr, evidence.readouts)) or "none"
        return f"no evidence: nothing can spike and no v moves: the populations are readouts ({names})"
    return None


def _remedy(network: Network, evidence: Evidence, file: bool) -> str:
    reading = ", or read the file otherwise (snmem inspect; --dt, --set)" if file else ""
    if not network.inputs:
        return f"give more --steps{reading}"
    if evidence.rate is None:
        return f"give other --input or more --steps{reading}"
    if not evidence.tried or evidence.tried[0] < _HIGHEST_RATE:
        return "give --input or a higher --rate"
    tried = f"every --rate up to {evidence.tried[0]:.3g} in up to {evidence.tried[1]} steps was tried"
    return f"give --input or more --steps ({tried}){reading}"
