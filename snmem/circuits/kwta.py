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

from ..errors import InputError
from ..network import Population, Projection
from ..neuron import LIF


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


def _matrix(post: int, pre: int, entries: Mapping[tuple[int, int], float]) -> sp.csr_array:
    """A matrix (post, pre) of few entries."""
    rows, columns = zip(*entries, strict=True)
    return sp.csr_array((np.array(list(entries.values()), float), (rows, columns)), shape=(post, pre))


def _to_all(size: int, pre: int, weights: Mapping[int, float]) -> sp.csr_array:
    """Neuron i of ``pre`` reaches all ``size`` targets with weight weights[i]."""
    columns = np.array(list(weights))
    data = np.tile([float(w) for w in weights.values()], size)
    rows = np.repeat(np.arange(size), len(columns))
    return sp.csr_array((data, (rows, np.tile(columns, size))), shape=(size, pre))


def _from_all(size: int, post: int, weights: Mapping[int, float]) -> sp.csr_array:
    """Every one of ``size`` neurons reaches neuron i of ``post`` with weight weights[i]."""
    return sp.csr_array(_to_all(size, post, weights).T)


def _check(strategy: str, size: int, k: int, span: float) -> None:
    if not 1 <= k <= size:
        raise InputError(f"{strategy}: k = {k} winners of {size} units; k must lie in 1..{size}")
    if not (np.isfinite(span) and span > 0):
        raise InputError(f"{strategy}: span must be a positive number, got {span!r}")


@dataclass(frozen=True)
class SuccessiveApproximation:
    """Search the k-th largest drive bit by bit: probe a threshold, count, keep it or undo it.

    In odd steps a common inhibition is the trial threshold, and candidates above it spike. A memoryless undo neuron
    per bit gets k from the clock and -1 from every spike: it fires exactly when fewer than k candidates are above, and
    takes the last rise back. After ``bits`` probes the k-th largest drive lies within span / 2**bits above the
    threshold: the winners are the k largest, plus those so close behind.

    Parameters
    ----------
    bits : number of probes B. Latency: 2 B + 2 steps.
    """

    bits: int = 9
    name: ClassVar[str] = "successive_approximation"

    def __post_init__(self) -> None:
        if not 1 <= self.bits <= 24:
            raise InputError(f"SuccessiveApproximation.bits: must lie in 1..24, got {self.bits}")

    @property
    def latency(self) -> int:
        """Steps from the start signal to the winners' volley."""
        return 2 * self.bits + 2

    def build(self, name: str, size: int, k: int, start: Line, span: float, period: int, clear: int) -> Circuit:
        """See :class:`Strategy`."""
        _check("SuccessiveApproximation", size, k, span)
        ticks, bits = self.latency, self.bits
        tick = {step: step - 1 for step in range(1, ticks + 1)}  # neuron that spikes in that step
        undo = {b: ticks + b - 1 for b in range(1, bits + 1)}
        total = ticks + bits
        timing = {"clear_every": period, "clear_offset": clear}
        candidates = Population(name, size, LIF(alpha=1, beta=0, theta=0), **timing)
        theta = np.where(np.arange(total) < ticks, 0.5, 0.0)
        control = Population(f"{name}.control", total, LIF(alpha=0, beta=0, theta=theta))
        winners = Population(f"{name}.winners", size, LIF(alpha=0, beta=0, theta=1.5))
        chain = {(tick[s + 1], tick[s]): 1.0 for s in range(1, ticks)}
        check = {(undo[b], tick[2 * b - 1]): float(k) for b in range(1, bits + 1)}
        rise = {tick[2 * b - 2]: -span / 2**b for b in range(2, bits + 1)}
        fall = {undo[b]: span / 2**b for b in range(1, bits + 1)}
        projections = [
            Projection(start.population, control.name, _matrix(total, start.size, {(tick[1], start.index): 1.0})),
            Projection(start.population, name, _to_all(size, start.size, {start.index: -span / 2})),
            Projection(control.name, control.name, _matrix(total, total, chain | check)),
            Projection(name, control.name, _from_all(size, total, dict.fromkeys(undo.values(), -1.0))),
            Projection(control.name, name, _to_all(size, total, fall), name=f"{name}.undo"),
            Projection(name, winners.name, sp.eye_array(size, format="csr")),
            Projection(control.name, winners.name, _to_all(size, total, {tick[ticks - 1]: 1.0})),
        ]
        if rise:
            projections.insert(4, Projection(control.name, name, _to_all(size, total, rise), name=f"{name}.rise"))
        finish = Line(control.name, total, tick[ticks])
        return Circuit((candidates, control, winners), tuple(projections), name, winners.name, ticks, finish)


@dataclass(frozen=True)
class Race:
    """Let every candidate integrate its drive; the first k to reach the threshold win.

    v of a candidate grows by its drive each step; it spikes once, then inhibits itself. A counter neuron integrates
    these spikes and fires one step after the k-th, which stops the candidates. A winner integrates its lead over the
    counter: u = 1 from its candidate's spike on, less 1 from the counter's on, so that v = t - s + 1 for a candidate
    that spiked in step s when the k-th did in step t. The gate lets those with a positive lead leave together: all that
    spiked no later than the k-th, nobody else. Few spikes, many steps.

    Parameters
    ----------
    steps : length of the race. The winners are the k largest, plus those that finish in the same step as the k-th,
        whose drive is d: within d**2 / (slowest * span * steps) of it.
    slowest : share of the span that a candidate needs in order to finish within ``steps``: its threshold is
        slowest * span * steps.
    """

    steps: int = 60
    slowest: float = 0.1
    name: ClassVar[str] = "race"

    def __post_init__(self) -> None:
        if self.steps < 2:
            raise InputError(f"Race.steps: must be at least 2, got {self.steps}")
        if not 0 < self.slowest <= 1:
            raise InputError(f"Race.slowest: must lie in (0, 1], got {self.slowest}")

    @property
    def latency(self) -> int:
        """Steps from the start signal to the winners' volley."""
        return self.steps + 3

    def build(self, name: str, size: int, k: int, start: Line, span: float, period: int, clear: int) -> Circuit:
        """See :class:`Strategy`."""
        _check("Race", size, k, span)
        ticks = self.latency
        tick = {step: step - 1 for step in range(1, ticks + 1)}
        counter, total = ticks, ticks + 1
        timing = {"clear_every": period, "clear_offset": clear}
        later, last = ({"clear_every": period, "clear_offset": (clear + n) % period} for n in (1, 2))
        theta = self.slowest * span * self.steps
        candidates = Population(name, size, LIF(alpha=1, beta=1, theta=theta), **timing)
        is_counter = np.arange(total) == counter
        neuron = LIF(alpha=0, beta=np.where(is_counter, 1.0, 0.0), theta=np.where(is_counter, k - 0.5, 0.5))
        control = Population(f"{name}.control", total, neuron, **later)
        lead = float(ticks)  # more than any winner can have
        winners = Population(f"{name}.winners", size, LIF(alpha=1, beta=1, theta=lead - 0.5), **last)
        gate = {tick[ticks - 1]: lead - 1.0, tick[ticks]: -lead}  # open for one step
        chain = {(tick[s + 1], tick[s]): 1.0 for s in range(1, ticks)}
        once = _matrix(total, total, {(counter, counter): -float(size)})
        stop = -4.0 * span
        projections = (
            Projection(start.population, control.name, _matrix(total, start.size, {(tick[1], start.index): 1.0})),
            Projection(control.name, control.name, _matrix(total, total, chain)),
            Projection(control.name, control.name, once, name=f"{name}.once"),
            Projection(name, control.name, _from_all(size, total, {counter: 1.0})),
            Projection(control.name, name, _to_all(size, total, {counter: stop}), name=f"{name}.stop"),
            Projection(name, name, stop * sp.eye_array(size, format="csr")),
            Projection(name, winners.name, sp.eye_array(size, format="csr")),
            Projection(control.name, winners.name, _to_all(size, total, {counter: -1.0}), name=f"{name}.late"),
            Projection(control.name, winners.name, _to_all(size, total, gate)),
        )
        finish = Line(control.name, total, tick[ticks])
        return Circuit((candidates, control, winners), projections, name, winners.name, ticks, finish)


STRATEGIES = {cls.name: cls for cls in (SuccessiveApproximation, Race)}


def kwta_strategy(name: str, **parameters: Any) -> Strategy:
    """A strategy by name ("successive_approximation" or "race"); InputError names the known ones."""
    if name not in STRATEGIES:
        raise InputError(f"k-WTA strategy {name!r} is unknown; use one of {', '.join(STRATEGIES)}")
    return STRATEGIES[name](**parameters)


def kwta_report(winners: Any, drives: Any, k: int) -> dict[str, Any]:
    """Compare winners with the exact k largest drives, presentation by presentation.

    Parameters
    ----------
    winners : bool (presentations, units).    drives : float (presentations, units).    k : winners wanted.

    Returns
    -------
    dict with ``winners`` (mean, min, max of their number) and ``jaccard`` (mean, min; intersection / union with the
    exact top k).
    """
    winners = np.asarray(winners, bool)
    top = np.argpartition(-np.asarray(drives), k - 1, axis=1)[:, :k]
    exact = np.zeros_like(winners)
    np.put_along_axis(exact, top, True, axis=1)
    jaccard = (winners & exact).sum(1) / np.maximum((winners | exact).sum(1), 1)
    number = winners.sum(1)
    return {
        "k": int(k),
        "presentations": len(winners),
        "winners": {"mean": float(number.mean()), "min": int(number.min()), "max": int(number.max())},
        "jaccard": {"mean": float(jaccard.mean()), "min": float(jaccard.min())},
    }
