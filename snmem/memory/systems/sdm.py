r"""Sparse distributed memory: patterns spread over random hard locations, an algorithm and LIF neurons.

M hard locations have fixed random addresses :math:`a_j \in \{0, 1\}^n` and one counter for each bit. A pattern x
activates the locations within Hamming radius r, which learn it; a read sums the counters of those that the cue
activates, and may be repeated with what it gave:

.. math::
    z_j(x) = [d(x, a_j) \le r], \qquad C_{ji} \leftarrow \mathrm{clip}(C_{ji} + z_j(x) (2 x_i - 1), \pm 127), \qquad
    \hat{x}_i = [\textstyle\sum_j z_j(c) C_{ji} > 0]

For sparse patterns of s ones (``design="sparse"``) addresses have s ones too, :math:`z_j = 1` where a location's
overlap with the cue is at least the share 1 - r / (2 s) of the cue's ones (for a whole pattern: within radius r), only
ones are counted, and the s bits with most votes are recalled, with all that tie.

The learning network has no form in Loihi's integers: its engine has no limits of a counter but those of 8 bits.

Sources: Kanerva 1988, "Sparse Distributed Memory"; Bricken & Pehlevan 2021, "Attention Approximates Sparse Distributed
Memory", arXiv 2111.05498; theory: :mod:`snmem.memory.systems.sdm_theory`.
"""

from __future__ import annotations

import math
from typing import Any, ClassVar

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from ...circuits.kwta.exact import exact_kwta, exact_steps, exact_winners
from ...description import is_whole
from ...errors import InputError
from ...network import Input, Network, Population, Projection
from ...neurons import LIF
from ...plasticity import SumOfProducts
from ...spikes import Recording
from ..base import MEMORIES, PatternMemory, Stored, largest
from ..patterns import Patterns, active_units
from ..presentation import Presentation, volley
from .frozen import CUE, START, FrozenRecall, start_line

#: Largest counter, and largest number of counters.
MOST, LIMIT = 127, 1 << 27
#: Elements of an array that is made on the way.
_BLOCK = 1 << 24
#: Neurons that need one spike, and two in the same step.
_ONE, _TWO = (LIF(alpha=0, beta=0, theta=theta) for theta in (0.5, 1.5))


@MEMORIES.register("sdm")
class SparseDistributedMemory(FrozenRecall, PatternMemory):
    """Sparse distributed memory; equations: :mod:`snmem.memory.systems.sdm`.

    Parameters
    ----------
    visible : int
        Size of a pattern (n).
    locations : int
        Hard locations (M).
    radius : int
        Largest distance of an active location (r).
    active : int or None
        Ones in a pattern (s); None: half of the visible units. The dense design takes patterns of any number of ones.
    design : str
        "dense" (random patterns of half ones) or "sparse".
    passes : int
        Reads in a recall, each with the result of the one before.
    seed : int
        Seed of the addresses.

    Raises
    ------
    InputError
        For sizes that are not positive whole numbers, too many counters, or a radius at which no location or every
        one is active.
    """

    arrays: ClassVar[dict[str, Stored]] = {"counters": Stored("i", ("locations", "visible"), -MOST, MOST)}

    def __init__(
        self,
        visible: int = 256,
        locations: int = 10_000,
        radius: int = 108,
        active: int | None = None,
        design: str = "dense",
        passes: int = 1,
        seed: int = 0,
    ) -> None:
        active = max(visible // 2, 1) if active is None and is_whole(visible) else active
        limits = {"visible": LIMIT, "locations": LIMIT, "radius": visible, "active": visible, "passes": 1000}
        for name, high in limits.items():
            value = locals()[name]
            if not is_whole(value) or not 1 <= value <= high:
                raise InputError(f"SparseDistributedMemory.{name}: must be a whole number in 1..{high}, got {value!r}")
        if visible * locations > LIMIT:
            raise InputError(f"SparseDistributedMemory: {visible} x {locations} counters, limit {LIMIT}; use fewer")
        if design not in ("dense", "sparse"):
            raise InputError(f'SparseDistributedMemory.design: must be "dense" or "sparse", got {design!r}')
        if not is_whole(seed) or seed < 0:
            raise InputError(f"SparseDistributedMemory.seed: must be a whole number, got {seed!r}")
        self.visible, self.locations, self.radius, self.active = visible, locations, radius, int(active or 1)
        self.design, self.passes, self.seed = design, passes, seed
        if (design == "sparse" and not 0 < self._least <= self.active) or radius == visible:
            raise InputError(f"SparseDistributedMemory.radius: {radius} makes every location active; use a smaller one")
        self.addresses = self._draw()
        self.counters: NDArray[np.int8] = np.zeros((locations, visible), np.int8)

    @property
    def _least(self) -> int:
        """Overlap that a whole sparse pattern must have with an address."""
        return self.active - self.radius // 2

    def _draw(self) -> NDArray[np.float32]:
        rng = np.random.default_rng(self.seed)
        out = np.zeros((self.locations, self.visible), np.float32)
        rows = max(1, _BLOCK // self.visible)
        for first in range(0, self.locations, rows):
            keys = rng.random((min(rows, self.locations - first), self.visible), np.float32)
            if self.design == "dense":
                out[first : first + rows] = keys < 0.5
            else:
                chosen = np.argpartition(keys, self.active - 1, axis=1)[:, : self.active]
                np.put_along_axis(out[first : first + rows], chosen, np.float32(1), axis=1)
        return out

    @classmethod
    def for_patterns(
        cls, visible: int, active: int, *, bits: int | None = None, seed: int = 0
    ) -> SparseDistributedMemory:
        """The sparse design, 2 locations a visible unit; a location takes ``8 visible`` bits.

        The radius is the one at which a share of (M^2 / 5)^(-1/3) of the locations is active: Kanerva's optimum for
        M / 10 patterns. See :meth:`snmem.memory.base.Memory.for_patterns`.
        """
        from .sdm_theory import sparse_radius

        owner = f"{cls.__name__}.for_patterns"
        most = max(LIMIT // max(visible, 1), 1)
        locations = 2 * visible if bits is None else largest(bits, lambda n: 8 * n * visible, owner, most)
        share = min((locations**2 / 5) ** (-1 / 3), 0.5)
        return cls(visible, locations, sparse_radius(visible, active, share), active, "sparse", seed=seed)

    @property
    def answer(self) -> str:
        """The population that answers."""
        return "visible" if self.design == "dense" else "votes.winners"

    @property
    def bits(self) -> int:
        """8 for each counter."""
        return 8 * self.locations * self.visible

    def activated(self, patterns: Patterns) -> NDArray[np.bool_]:
        """Which locations patterns activate, bool (n, locations)."""
        return self._activated(active_units(patterns, self.visible, "patterns").rows(np.float32))

    def _activated(self, rows: NDArray[np.float32]) -> NDArray[np.bool_]:
        overlap, ones = rows @ self.addresses.T, rows.sum(axis=1, keepdims=True)
        if self.design == "sparse":
            return (self.active * overlap >= self._least * ones) & (ones > 0)
        return self.addresses.sum(axis=1) + ones - 2 * overlap <= self.radius

    def store(self, patterns: Patterns) -> None:
        """Write patterns, (n, visible) of 0 and 1 (in the sparse design with ``active`` ones), into active locations.

        Raises
        ------
        InputError
            For another shape, other values, or another number of ones.
        """
        self._write(patterns, 1)

    def forget(self, patterns: Patterns) -> None:
        """Take the writing of patterns back: exactly, where no counter is at its limit."""
        self._write(patterns, -1)

    def _write(self, patterns: Patterns, sign: int) -> None:
        exactly = self.active if self.design == "sparse" else None
        rows = active_units(patterns, self.visible, "patterns", exactly=exactly).rows(np.float32)
        step = max(1, _BLOCK // self.locations)
        for first in range(0, len(rows), step):
            part = rows[first : first + step]
            change = sign * (part if self.design == "sparse" else 2 * part - 1).astype(np.int16)
            for at, what in zip(self._activated(part), change, strict=True):
                self.counters[at] = np.clip(self.counters[at] + what, -MOST, MOST)

    def recall(self, cues: Patterns, passes: int | None = None) -> NDArray[np.bool_]:
        """The recalled pattern of each cue: bool in the shape of ``cues``.

        Parameters
        ----------
        cues : array (n, visible) or (visible,)
            0 and 1.
        passes : int or None
            Reads; None: those of the memory.
        """
        given = active_units(cues, self.visible, "cues")
        x, counters = given.rows(np.float32), self.counters.astype(np.float32)
        step = max(1, _BLOCK // self.locations)
        for _ in range(self.passes if passes is None else passes):
            parts = [self._activated(x[n : n + step]).astype(np.float32) @ counters for n in range(0, len(x), step)]
            votes = np.concatenate([x[:0], *parts])
            x = (exact_winners(votes, self.active) if self.design == "sparse" else votes > 0).astype(np.float32)
        out = x.astype(bool)
        return out[0] if given.single else out

    def _most(self) -> int:
        """Most votes that a bit can get."""
        return int(np.maximum(self.counters, 0).sum(axis=0, dtype=np.int64).max(initial=1))

    def presentation(self) -> Presentation:
        """A read takes 2 steps (sparse: 1 and those of the k-WTA), and one more to begin the next."""
        read = 2 if self.design == "dense" else 1 + exact_steps(self._most())
        return Presentation((self.passes - 1) * (read + 1) + read, self.passes * (read + 1))

    def starts(self) -> tuple[tuple[int, int], ...]:
        """Line 0 begins a read, line 1 its k-WTA, line 2 takes the result as the next cue."""
        period = self.presentation().period // self.passes
        begins = [period * n for n in range(self.passes)]
        return (
            *((0, t) for t in begins),
            *((1, t + 1) for t in begins if self.design == "sparse"),
            *((2, t + period - 1) for t in begins[:-1]),
        )

    def _match(self) -> tuple[sp.csr_array, NDArray[np.float64], float]:
        """Weights from visible units and from the start line to locations, and their threshold."""
        zeros = self.visible - self.addresses.sum(axis=1, dtype=np.float64)
        if self.design == "dense":  # matching bits: ones in common, and zeros in common
            return sp.csr_array(2.0 * self.addresses - 1.0), zeros, self.visible - self.radius - 0.5
        factor = math.gcd(self.active, self._least)
        weights = (self.active * self.addresses.astype(np.float64) - self._least) / factor
        return sp.csr_array(weights), np.ones(self.locations), 0.5

    def network(self) -> Network:
        """Visible lines -> hard locations -> visible units (dense: a threshold; sparse: k-WTA), and back.

        Locations count the matches by weights +1 and -1 from the lines, and by one synapse from the start line in place
        of the complement lines.
        """
        weights, zeros, theta = self._match()
        start = np.zeros((self.locations, 3))
        start[:, 0] = zeros
        period = self.presentation().period // self.passes
        populations = [
            Input(CUE, self.visible),
            Input(START, 3),
            Population("locations", self.locations, LIF(alpha=0, beta=0, theta=theta)),
        ]
        projections = [Projection(CUE, "locations", weights), Projection(START, "locations", sp.csr_array(start))]
        votes = sp.csr_array(self.counters.T.astype(np.float64))
        if self.design == "dense":
            populations.append(Population("visible", self.visible, _ONE))
            projections.append(Projection("locations", "visible", votes))
        else:
            line = start_line(1, 3)
            circuit = exact_kwta("votes", self.visible, self.active, line, self._most(), period, 0)
            populations += circuit.populations
            projections += [Projection("locations", "votes", votes), *circuit.projections]
        if self.passes > 1:
            again = np.zeros((self.visible, 3))
            again[:, 2] = 1.0
            populations.append(Population("again", self.visible, _TWO))
            projections += [
                Projection(self.answer, "again", sp.eye_array(self.visible, format="csr")),
                Projection(START, "again", sp.csr_array(again)),
                Projection("again", "locations", weights),
            ]
        return Network(tuple(populations), tuple(projections), outputs=(self.answer,))

    def learning_network(self) -> Network:
        """The network that stores by itself: counters move where a location and, a step after the cue, a bit spike."""
        weights, zeros, theta = self._match()
        dw = "2*y0*x1 - x0" if self.design == "dense" else "y0*x1"
        shape = (self.visible, self.locations)
        counters = sp.csr_array(np.ones(shape))
        counters.data[:] = self.counters.T.ravel()
        rule = SumOfProducts(dw, x1=(1, 0), gate="data", bounds=(-MOST, MOST))
        return Network(
            (
                Input(CUE, self.visible),
                Input(START, 1),
                Input("data", self.visible),
                Population("locations", self.locations, LIF(alpha=0, beta=0, theta=theta)),
                Population("visible", self.visible, LIF(alpha=0, beta=0, theta=np.inf)),
            ),
            (
                Projection(CUE, "locations", weights),
                Projection(START, "locations", sp.csr_array(zeros[:, None])),
                Projection("locations", "visible", counters, plasticity=rule),
            ),
        )

    def storing_inputs(self, patterns: Patterns) -> tuple[dict[str, Any], int]:
        """Input events of the learning network for patterns, one in 2 steps, and the number of steps they take."""
        rows = active_units(patterns, self.visible, "patterns").rows()
        n = len(rows)
        starts = (np.arange(n) * 2, np.zeros(n, int))
        return {CUE: volley(rows, 2, 0), START: starts, "data": volley(rows, 2, 1)}, 2 * n

    def learned(self, recording: Recording) -> NDArray[np.int8]:
        """The counters after a run of the learning network, (locations, visible)."""
        weights: Any = recording.weights["locations->visible"]
        return np.asarray(weights.toarray().T, np.int8)
