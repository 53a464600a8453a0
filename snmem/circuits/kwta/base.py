r"""k-winner-take-all by LIF neurons alone: from a volley of drives to a volley of the k most driven units.

Every strategy builds the same three populations and answers by the same protocol:

* ``<name>``: the *candidates*. The caller projects onto them; the drive of unit j is the sum of the weights that reach
  it one step after the start signal. Their current holds it (alpha = 1).
* ``<name>.control``: clock and decision neurons, started by one spike of the caller's start line in step 0.
* ``<name>.winners``: one neuron per candidate; the winners spike together in step ``latency``, the others never.

Every projection has a delay of one step, so spike times agree on every runtime, Lava included. State is cleared by a
timed reset once per presentation, of ``period`` steps. All weights lie on a dyadic grid when the span is a power of
two.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol

import numpy as np
import scipy.sparse as sp

from ...description import is_whole
from ...errors import InputError
from ...network import Population, Projection
from ...registry import Registry


@dataclass(frozen=True)
class Line:
    """One neuron used as a signal: population name, its size, index of the neuron."""

    population: str
    size: int
    index: int


@dataclass(frozen=True)
class Circuit:
    """What a strategy adds to a network.

    populations, projections : to be put into a Network.
    candidates, winners : names of the populations.
    latency : the winners spike in this step, counted from the start signal.
    finish : a neuron that spikes in the same step, to start a next stage.
    """

    populations: tuple[Population, ...]
    projections: tuple[Projection, ...]
    candidates: str
    winners: str
    latency: int
    finish: Line


class Strategy(Protocol):
    """The interface of a k-WTA strategy."""

    name: ClassVar[str]

    @property
    def latency(self) -> int:
        """Steps from the start signal to the winners' volley."""
        ...

    def build(self, name: str, size: int, k: int, start: Line, span: float, period: int, clear: int) -> Circuit:
        """Build the circuit: ``size`` candidates of which ``k`` win, with drives up to about ``span``.

        The candidates are cleared in step ``clear`` of every ``period`` steps: at the earliest with the winners'
        volley.
        """
        ...


def sparse_matrix(post: int, pre: int, entries: Mapping[tuple[int, int], float]) -> sp.csr_array:
    """A matrix (post, pre) of few entries."""
    rows, columns = zip(*entries, strict=True)
    return sp.csr_array((np.array(list(entries.values()), float), (rows, columns)), shape=(post, pre))


def to_all(size: int, pre: int, weights: Mapping[int, float]) -> sp.csr_array:
    """Neuron i of ``pre`` reaches all ``size`` targets with weight weights[i]."""
    columns = np.array(list(weights))
    data = np.tile([float(w) for w in weights.values()], size)
    rows = np.repeat(np.arange(size), len(columns))
    return sp.csr_array((data, (rows, np.tile(columns, size))), shape=(size, pre))


def from_all(size: int, post: int, weights: Mapping[int, float]) -> sp.csr_array:
    """Every one of ``size`` neurons reaches neuron i of ``post`` with weight weights[i]."""
    return sp.csr_array(to_all(size, post, weights).T)


def check_whole(name: str, value: Any, low: int, high: int) -> None:
    """Raise InputError if a parameter of a strategy is no whole number from ``low`` to ``high``."""
    if not is_whole(value) or not low <= value <= high:
        raise InputError(f"{name}: must be a whole number in {low}..{high}, got {value!r}")


def check_circuit(strategy: Strategy, size: int, k: int, span: float, period: int) -> None:
    """Raise InputError where a circuit could not answer: too many winners, no span, a period that cuts it off."""
    owner = type(strategy).__name__
    if not 1 <= k <= size:
        raise InputError(f"{owner}: k = {k} winners of {size} units; k must lie in 1..{size}")
    if not (np.isfinite(span) and span > 0):
        raise InputError(f"{owner}: span must be a positive number, got {span!r}")
    if period <= strategy.latency:
        raise InputError(
            f"{owner}: a presentation of period = {period} steps ends before the winners spike in step "
            f"{strategy.latency}; give a period of at least {strategy.latency + 1}"
        )


#: Strategies by name; a file that defines one registers it here.
STRATEGIES = Registry[type[Strategy]](
    "k-WTA strategy", ("snmem.circuits.kwta.successive_approximation", "snmem.circuits.kwta.race")
)


def kwta_strategy(name: str, **parameters: Any) -> Strategy:
    """Return a strategy by name ("successive_approximation", "race"); InputError names the known ones."""
    return STRATEGIES[name](**parameters)
