"""k-WTA by a race: the first k candidates to reach the threshold win."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import scipy.sparse as sp

from ...errors import InputError
from ...network import Population, Projection
from ...neurons import LIF
from .base import STRATEGIES, Circuit, Line, check_circuit, check_whole, from_all, sparse_matrix, to_all


@STRATEGIES.register("race")
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
    steps
        Length of the race. The winners are the k largest, plus those that finish in the same step as the k-th, whose
        drive is d: within d**2 / (slowest * span * steps) of it.
    slowest
        Share of the span that a candidate needs in order to finish within ``steps``: its threshold is slowest * span *
        steps.
    """

    steps: int = 60
    slowest: float = 0.1
    name: ClassVar[str] = "race"

    def __post_init__(self) -> None:
        check_whole("Race.steps", self.steps, 2, 10_000)
        slowest: Any = self.slowest
        if isinstance(slowest, bool) or not isinstance(slowest, (int, float, np.number)) or not 0 < slowest <= 1:
            raise InputError(f"Race.slowest: must lie in (0, 1], got {slowest!r}")

    @property
    def latency(self) -> int:
        """Steps from the start signal to the winners' volley."""
        return self.steps + 3

    def build(self, name: str, size: int, k: int, start: Line, span: float, period: int, clear: int) -> Circuit:
        """See :class:`Strategy`."""
        check_circuit(self, size, k, span, period)
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
        once = sparse_matrix(total, total, {(counter, counter): -float(size)})
        stop = -4.0 * span
        projections = (
            Projection(start.population, control.name, sparse_matrix(total, start.size, {(tick[1], start.index): 1.0})),
            Projection(control.name, control.name, sparse_matrix(total, total, chain)),
            Projection(control.name, control.name, once, name=f"{name}.once"),
            Projection(name, control.name, from_all(size, total, {counter: 1.0})),
            Projection(control.name, name, to_all(size, total, {counter: stop}), name=f"{name}.stop"),
            Projection(name, name, stop * sp.eye_array(size, format="csr")),
            Projection(name, winners.name, sp.eye_array(size, format="csr")),
            Projection(control.name, winners.name, to_all(size, total, {counter: -1.0}), name=f"{name}.late"),
            Projection(control.name, winners.name, to_all(size, total, gate)),
        )
        finish = Line(control.name, total, tick[ticks])
        return Circuit((candidates, control, winners), projections, name, winners.name, ticks, finish)
