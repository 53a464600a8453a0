r"""Active dendrites as a memory, and the theory of what a segment mistakes for its pattern.

Of n inputs a are active. A segment with s synapses onto inputs of its pattern, which needs theta active ones, finds
a random pattern with the probability

.. math:: P_\text{false} = \sum_{b = \theta}^{s} \binom{s}{b} \binom{n - s}{a - b} \Big/ \binom{n}{a}

and misses its own, where each input fails with probability e, with
:math:`P_\text{missed} = \sum_{b < \theta} \binom{s}{b} (1 - e)^b e^{s - b}`. A union of M patterns of s ones has the
density :math:`1 - (1 - s / n)^M`.

The memory has cells with segments. Storing a pattern draws cells; on the next segment of each, the potential synapses
(random, a share of all inputs) of active inputs are set, the others cleared. Cells of the pattern set their synapses
back to it. A recall takes the cells of which a segment reaches theta, and the ``active`` visible units with most of
these cells, with those that tie. With one segment a cell it is a memory of point neurons.

The learning network has no form in Loihi's integers: a rule of its engine has one gate, not one that sets and one that
clears.

Sources: Ahmad & Hawkins 2016, "How do neurons operate on sparse distributed representations?", arXiv 1601.00720;
Hawkins & Ahmad 2016, doi 10.3389/fncir.2016.00023.
"""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any, ClassVar

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from ..._text import shown
from ...circuits.dendrites import dendrites
from ...circuits.kwta.exact import exact_kwta, exact_steps, exact_winners
from ...description import is_whole, number
from ...errors import InputError
from ...network import Input, Network, Population, Projection
from ...neurons import LIF
from ...plasticity import SelectiveSet, SetClear
from ...spikes import Recording
from ..base import MEMORIES, PatternMemory, Stored, largest
from ..patterns import Patterns, active_units
from ..presentation import Presentation, volley
from .frozen import CUE, START, FrozenRecall, start_line

#: Most pairs of an input and a segment.
LIMIT = 1 << 27
#: Potential synapses of a segment, and share of the expected ones that it needs.
POTENTIAL, NEEDED = 0.6, 0.4


def false_match(n: int, active: int, synapses: int, theta: int) -> float:
    """Probability that a random pattern activates a segment, summed exactly.

    Parameters
    ----------
    n, active : int
        Inputs, and how many of them are active.
    synapses, theta : int
        Synapses of the segment, and how many must be active.
    """
    ways = sum(
        math.comb(synapses, b) * math.comb(n - synapses, active - b)
        for b in range(theta, min(synapses, active) + 1)
        if active - b <= n - synapses
    )
    return float(Fraction(ways, math.comb(n, active)))


def missed(synapses: int, theta: int, failing: float) -> float:
    """Probability that a segment misses its own pattern where each input fails with probability ``failing``."""
    return sum(
        math.comb(synapses, b) * (1 - failing) ** b * failing ** (synapses - b) for b in range(min(theta, synapses + 1))
    )


def union_density(n: int, ones: int, patterns: int) -> float:
    """Share of n bits that the union of so many random patterns of ``ones`` ones sets."""
    return 1 - (1 - ones / n) ** patterns


def log_ratio(n: int, active: int, synapses: int, on: NDArray[Any], tilt: float) -> NDArray[np.float64]:
    """Log of the probability of patterns with ``on`` active synapses, over that when each is active with ``tilt``.

    For importance sampling: the other inputs are drawn uniformly in both.
    """
    from scipy.special import gammaln

    def log_comb(top: Any, bottom: Any) -> Any:
        return gammaln(top + 1) - gammaln(bottom + 1) - gammaln(top - bottom + 1)

    b = np.asarray(on, float)
    random = log_comb(n - synapses, active - b) - log_comb(n, active)
    return random - b * math.log(tilt) - (synapses - b) * math.log1p(-tilt)


@MEMORIES.register("dendrites")
class DendriticMemory(FrozenRecall, PatternMemory):
    """Memory of cells with active dendrites; equations: :mod:`snmem.memory.systems.dendrites`.

    Parameters
    ----------
    visible : int
        Size of a pattern.
    cells : int
        Cells.
    segments : int
        Segments of a cell.
    active : int
        Ones of a pattern.
    winners : int
        Cells drawn for a pattern, at most ``cells``.
    potential : float
        Share of the inputs that a segment can have synapses from, in (0, 1].
    theta : int or None
        Active synapses that a segment needs; None: 40 % of those it can have with a pattern.
    seed : int
        Seed of potential synapses and of the draw of cells.

    Raises
    ------
    InputError
        For sizes that are not positive whole numbers, too many pairs, or a share outside (0, 1].
    """

    arrays: ClassVar[dict[str, Stored]] = {
        "synapses": Stored("b", (..., "visible")),
        "back": Stored("b", ("cells", "visible")),
        "used": Stored("iu", ("cells",), 0, 2**53),
        "items": Stored("iu", (), 0, 2**53),
    }

    def __init__(
        self,
        visible: int = 1000,
        cells: int = 500,
        segments: int = 8,
        active: int = 100,
        winners: int = 10,
        potential: float = POTENTIAL,
        theta: int | None = None,
        seed: int = 0,
    ) -> None:
        limits = {"visible": LIMIT, "cells": LIMIT, "segments": LIMIT, "active": visible, "winners": cells}
        for name, high in limits.items():
            value = locals()[name]
            if not is_whole(value) or not 1 <= value <= high:
                raise InputError(f"DendriticMemory.{name}: must be a whole number in 1..{high}, got {shown(value)}")
        if visible * cells * segments > LIMIT:
            raise InputError(f"DendriticMemory: {visible} x {cells} x {segments} pairs, limit {LIMIT}; use fewer cells")
        if not 0 < number("DendriticMemory.potential", potential) <= 1:
            raise InputError(f"DendriticMemory.potential: must lie in (0, 1], got {shown(potential)}")
        usual = max(int(NEEDED * potential * active), 1)
        theta = usual if theta is None else theta
        if not is_whole(theta) or not 1 <= theta <= visible:
            raise InputError(f"DendriticMemory.theta: must be a whole number in 1..{visible}, got {shown(theta)}")
        if not is_whole(seed) or seed < 0:
            raise InputError(f"DendriticMemory.seed: must be a whole number, got {shown(seed)}")
        self.visible, self.cells, self.segments, self.active = visible, cells, segments, active
        self.winners, self.potential, self.theta, self.seed = winners, float(potential), theta, seed
        drawn = np.random.default_rng((seed, 0)).integers(1 << 16, size=(cells * segments, visible), dtype=np.uint16)
        #: Where a segment can have a synapse, (cells * segments, visible); segments of a cell follow one another.
        self.possible: NDArray[np.bool_] = drawn < potential * (1 << 16)
        self.synapses: NDArray[np.bool_] = np.zeros_like(self.possible)
        self.back: NDArray[np.bool_] = np.zeros((cells, visible), bool)
        self.used: NDArray[np.int64] = np.zeros(cells, np.int64)
        self.items = 0

    @classmethod
    def for_patterns(cls, visible: int, active: int, *, bits: int | None = None, seed: int = 0) -> DendriticMemory:
        """8 segments a cell and 10 cells a pattern; usually a cell for every 2 visible units, at least 40.

        Segments of sparse patterns have more potential synapses, so that 16 of them can be expected to be active.

        See :meth:`snmem.memory.base.Memory.for_patterns`.
        """
        owner, most = f"{cls.__name__}.for_patterns", max(LIMIT // max(8 * visible, 1), 1)
        cells = max(visible // 2, 40) if bits is None else largest(bits, lambda n: 9 * n * visible, owner, most)
        potential = min(max(POTENTIAL, 16 / max(active, 1)), 1.0)
        return cls(visible, min(cells, most), 8, active, min(10, cells), potential, seed=seed)

    @property
    def bits(self) -> int:
        """One for each potential synapse of a segment, and for each synapse back."""
        return int(self.possible.sum()) + self.cells * self.visible

    def drawn(self, item: int) -> NDArray[np.int64]:
        """The cells that learn the item of that number."""
        return np.random.default_rng((self.seed, 1, item)).permutation(self.cells)[: self.winners]

    def _growing(self, item: int, used: NDArray[np.int64]) -> NDArray[np.int64]:
        """The segments that learn an item; counts them as used."""
        cells = self.drawn(item)
        segments = cells * self.segments + used[cells] % self.segments
        used[cells] += 1
        return segments

    def store(self, patterns: Patterns) -> None:
        """Store patterns, (n, visible) of 0 and 1, each on new segments; the oldest of a cell are used again.

        Raises
        ------
        InputError
            For another shape, other values, or another number of ones than ``active``.
        """
        rows = active_units(patterns, self.visible, "patterns", exactly=self.active).rows()
        for row in rows:
            segments = self._growing(self.items, self.used)
            self.synapses[segments] = self.possible[segments] & row
            self.back[np.ix_(self._found(row), row)] = True
            self.items += 1

    def _found(self, row: NDArray[np.bool_]) -> NDArray[np.bool_]:
        sums = self.synapses[:, row].sum(axis=1, dtype=np.int64)
        return (sums >= self.theta).reshape(self.cells, self.segments).any(axis=1)

    def found(self, cues: Patterns) -> NDArray[np.bool_]:
        """The cells that spike for each cue, bool (n, cells)."""
        rows = active_units(cues, self.visible, "cues").rows(np.float32)
        sums: Any = sp.csr_array(rows) @ self.synapses.T.astype(np.float32)
        return (sums >= self.theta).reshape(-1, self.cells, self.segments).any(axis=2)

    def recall(self, cues: Patterns) -> NDArray[np.bool_]:
        """The recalled pattern of each cue: bool in the shape of ``cues``; no ones where no cell spikes."""
        given = active_units(cues, self.visible, "cues")
        votes = self.found(given.rows()).astype(np.float32) @ self.back.astype(np.float32)
        recalled = exact_winners(votes, self.active)
        return recalled[0] if given.single else recalled

    def _most(self) -> int:
        return max(int(self.back.sum(axis=0, dtype=np.int64).max()), 1)

    def presentation(self) -> Presentation:
        """Two steps to the cells, then those of the k-WTA."""
        latency = 2 + exact_steps(self._most())
        return Presentation(latency, latency + 1)

    def starts(self) -> tuple[tuple[int, int], ...]:
        """The k-WTA begins with the cells."""
        return ((0, 2),)

    def _cell_of(self) -> NDArray[np.int64]:
        return np.repeat(np.arange(self.cells), self.segments)

    def network(self) -> Network:
        """Cue lines -> segments -> cells -> visible units, whose best win."""
        when = self.presentation()
        part = dendrites("cells", CUE, self.synapses.astype(float), self._cell_of(), self.theta)
        line = start_line(0, 1)
        circuit = exact_kwta("visible", self.visible, self.active, line, self._most(), when.period, when.latency)
        return Network(
            (Input(CUE, self.visible), Input(START, 1), *part.populations, *circuit.populations),
            (
                *part.projections,
                Projection("cells", "visible", sp.csr_array(self.back.T.astype(float))),
                *circuit.projections,
            ),
            outputs=(circuit.winners,),
        )

    def learning_network(self) -> Network:
        """The network that stores by itself; inputs "grow" and "shrink" have a line for each segment."""
        synapses = sp.csr_array(self.possible.astype(float))
        synapses.data[:] = self.synapses[self.possible]
        back = sp.csr_array(np.ones((self.visible, self.cells)))
        back.data[:] = self.back.T.ravel()
        count, rule = self.cells * self.segments, SetClear(gate="grow", clear="shrink")
        part = dendrites("cells", CUE, synapses, self._cell_of(), self.theta, plasticity=rule)
        inputs = (Input(CUE, self.visible), Input("grow", count), Input("shrink", count), Input("target", self.visible))
        visible = Population("visible", self.visible, LIF(alpha=0, beta=0, theta=np.inf))
        return Network(
            (*inputs, *part.populations, visible),
            (*part.projections, Projection("cells", "visible", back, plasticity=SelectiveSet(gate="target"))),
        )

    def storing_inputs(self, patterns: Patterns) -> tuple[dict[str, Any], int]:
        """Input events of the learning network for patterns, and the number of steps they take, 5 each.

        Step 0: all inputs, and "shrink" of the segments that learn; step 1: the pattern, and "grow"; step 2: the
        pattern again; step 4: its cells spike, and the target.
        """
        rows = active_units(patterns, self.visible, "patterns", exactly=self.active).rows()
        n, used = len(rows), self.used.copy()
        volleys = [volley(np.ones_like(rows), 5, 0), volley(rows, 5, 1), volley(rows, 5, 2)]
        inputs: dict[str, Any] = {
            CUE: tuple(np.concatenate(parts) for parts in zip(*volleys, strict=True)),
            "target": volley(rows, 5, 4),
        }
        segments = np.array([self._growing(self.items + i, used) for i in range(n)], np.int64).reshape(n, -1)
        for name, step in (("shrink", 0), ("grow", 1)):
            inputs[name] = (np.repeat(5 * np.arange(n) + step, self.winners), segments.ravel())
        return inputs, 5 * n

    def learned(self, recording: Recording) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        """``synapses`` and ``back`` after a run of the learning network."""
        synapses, back = (recording.weights[name].toarray() > 0 for name in ("cue->cells.segments", "cells->visible"))
        return synapses, back.T
