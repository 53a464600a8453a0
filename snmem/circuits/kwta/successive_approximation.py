"""k-WTA by successive approximation: the k-th largest drive, bit by bit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import scipy.sparse as sp

from ...network import Population, Projection
from ...neurons import LIF
from .base import STRATEGIES, Circuit, Line, check_circuit, check_whole, from_all, sparse_matrix, to_all


@STRATEGIES.register("successive_approximation")
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
        check_whole("SuccessiveApproximation.bits", self.bits, 1, 24)

    @property
    def latency(self) -> int:
        """Steps from the start signal to the winners' volley."""
        return 2 * self.bits + 2

    def build(self, name: str, size: int, k: int, start: Line, span: float, period: int, clear: int) -> Circuit:
        """See :class:`Strategy`."""
        check_circuit(self, size, k, span, period)
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
            Projection(start.population, control.name, sparse_matrix(total, start.size, {(tick[1], start.index): 1.0})),
            Projection(start.population, name, to_all(size, start.size, {start.index: -span / 2})),
            Projection(control.name, control.name, sparse_matrix(total, total, chain | check)),
            Projection(name, control.name, from_all(size, total, dict.fromkeys(undo.values(), -1.0))),
            Projection(control.name, name, to_all(size, total, fall), name=f"{name}.undo"),
            Projection(name, winners.name, sp.eye_array(size, format="csr")),
            Projection(control.name, winners.name, to_all(size, total, {tick[ticks - 1]: 1.0})),
        ]
        if rise:
            projections.insert(4, Projection(control.name, name, to_all(size, total, rise), name=f"{name}.rise"))
        finish = Line(control.name, total, tick[ticks])
        return Circuit((candidates, control, winners), tuple(projections), name, winners.name, ticks, finish)
