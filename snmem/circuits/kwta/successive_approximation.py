"""k-WTA by successive approximation: the k-th largest drive, bit by bit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from ...errors import InputError
from ...network import Population, Projection
from ...neurons import LIF
from .base import STRATEGIES, Circuit, Line, check_circuit, check_whole, sparse_matrix, to_all


@STRATEGIES.register("successive_approximation")
@dataclass(frozen=True)
class SuccessiveApproximation:
    """Search the k-th largest drive bit by bit: probe a threshold, count, keep it or undo it.

    In odd steps a common inhibition is the trial threshold, and candidates above it spike. A memoryless undo neuron
    per bit gets k from the clock and -1 from every spike: it fires exactly when fewer than k candidates are above, and
    takes the last rise back. After ``bits`` probes the k-th largest drive lies within span / 2**bits above the
    threshold: the winners are the k largest, plus those so close behind.

    With ``groups``, the candidates are that many groups of equal size, one after another. All share the clock; each has
    undo neurons, and k winners, of its own.

    Parameters
    ----------
    bits : int
        Number of probes B. Latency: 2 B + 2 steps.
    groups : int
        Groups that compete apart from each other.
    hold : str
        What holds a candidate's drive: its current "u", which Loihi's integers let leak by 1/4096 a step even where
        alpha = 1; or its potential "v", which they keep exactly (the threshold is 0, and subtracted by the reset).
    """

    bits: int = 9
    groups: int = 1
    hold: str = "u"
    name: ClassVar[str] = "successive_approximation"

    def __post_init__(self) -> None:
        check_whole("SuccessiveApproximation.bits", self.bits, 1, 24)
        check_whole("SuccessiveApproximation.groups", self.groups, 1, 1 << 20)
        if self.hold not in ("u", "v"):
            raise InputError(f'SuccessiveApproximation.hold: must be "u" or "v", got {self.hold!r}')

    @property
    def latency(self) -> int:
        """Steps from the start signal to the winners' volley."""
        return 2 * self.bits + 2

    def build(self, name: str, size: int, k: int, start: Line, span: float, period: int, clear: int) -> Circuit:
        """See :class:`Strategy`; ``size`` counts the candidates of all groups, ``k`` the winners of each."""
        if size % self.groups:
            raise InputError(
                f"SuccessiveApproximation: {size} units do not make {self.groups} groups of equal size; give a multiple"
            )
        units = size // self.groups
        check_circuit(self, units, k, span, period)
        ticks, bits = self.latency, self.bits
        tick = {step: step - 1 for step in range(1, ticks + 1)}  # neuron that spikes in that step
        total = ticks + self.groups * bits
        undo = {(g, b): ticks + g * bits + b - 1 for g in range(self.groups) for b in range(1, bits + 1)}
        timing = {"clear_every": period, "clear_offset": clear}
        held = {"u": LIF(alpha=1, beta=0, theta=0), "v": LIF(alpha=0, beta=1, theta=0, reset="subtract")}
        candidates = Population(name, size, held[self.hold], **timing)
        theta = np.where(np.arange(total) < ticks, 0.5, 0.0)
        control = Population(f"{name}.control", total, LIF(alpha=0, beta=0, theta=theta))
        winners = Population(f"{name}.winners", size, LIF(alpha=0, beta=0, theta=1.5))
        chain = {(tick[s + 1], tick[s]): 1.0 for s in range(1, ticks)}
        check = {(neuron, tick[2 * b - 1]): float(k) for (_, b), neuron in undo.items()}
        rise = {tick[2 * b - 2]: -span / 2**b for b in range(2, bits + 1)}
        undone = span / 2.0 ** np.arange(1, bits + 1)
        projections = [
            Projection(start.population, control.name, sparse_matrix(total, start.size, {(tick[1], start.index): 1.0})),
            Projection(start.population, name, to_all(size, start.size, {start.index: -span / 2})),
            Projection(control.name, control.name, sparse_matrix(total, total, chain | check)),
            Projection(name, control.name, self._count(units, np.full(bits, -1.0)).T),
            Projection(control.name, name, self._count(units, undone), name=f"{name}.undo"),
            Projection(name, winners.name, sp.eye_array(size, format="csr")),
            Projection(control.name, winners.name, to_all(size, total, {tick[ticks - 1]: 1.0})),
        ]
        if rise:
            projections.insert(4, Projection(control.name, name, to_all(size, total, rise), name=f"{name}.rise"))
        finish = Line(control.name, total, tick[ticks])
        return Circuit((candidates, control, winners), tuple(projections), name, winners.name, ticks, finish)

    def _count(self, units: int, weights: NDArray[Any]) -> sp.csr_array:
        """Between the undo neurons of a group and its units, (candidates, control): weights[b] for each bit."""
        within = sp.coo_array(np.tile(weights, (units, 1)))
        clock = sp.coo_array((self.groups * units, self.latency))
        return sp.csr_array(sp.hstack([clock, sp.kron(sp.eye_array(self.groups), within)]))
