r"""Clique memory: one unit in each of c clusters stands for a message, and all its units are linked with each other.

Storing sets the binary links between all active units of different clusters; M random messages over c clusters of l
units give the density :math:`d = 1 - (1 - 1/l^2)^M`. A recall starts from the cue; in a cluster of which nothing is
known, from all units. Then, in every pass, a unit has one vote for itself and one from each other cluster in which a
unit linked to it is active ("sum of max"), and those with most votes win:

.. math::
    s_j = v_j + \sum_{q \ne q(j)} \max_{i \in q} L_{ji} v_i, \qquad
    v_j \leftarrow [s_j \ge 1] \, [s_j = \max_{k \in q(j)} s_k]

Where only erasures are to be undone, the winners are the units with all c votes. Patterns that are no messages
(``winners="all"``) are recalled by the ``active`` units with most votes of all, with those that tie.

Links may also grow from noisy presentations (:meth:`CliqueMemory.grow`): every coincidence of two units strengthens
their synapse, and a cap on energy lets only so many of the strongest be consolidated.

Sources: Gripon & Berrou 2011, doi 10.1109/TNN.2011.2146789; Yao, Gripon & Rabbat 2014, arXiv 1303.7032 (sum of max);
Coyac, Gripon, Langlais & Berrou 2017, doi 10.1080/09540091.2017.1332013 (noise, energy and growth).
"""

from __future__ import annotations

import math
from typing import Any, ClassVar

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from ..._text import shown
from ...circuits.kwta.exact import exact_kwta, exact_steps, exact_winners
from ...description import is_whole
from ...errors import InputError
from ...network import Input, Network, Population, Projection
from ...neurons import LIF
from ...plasticity import SelectiveSet
from ...spikes import Recording
from ..base import MEMORIES, PatternMemory, Stored
from ..patterns import Patterns, active_units
from ..presentation import Presentation, volley
from .frozen import CUE, START, FrozenRecall, start_line

#: Most visible units: their links fill a square.
LIMIT = 1 << 14
#: Neurons that need one spike, and two in the same step.
_ONE, _TWO = (LIF(alpha=0, beta=0, theta=theta) for theta in (0.5, 1.5))


@MEMORIES.register("cliques")
class CliqueMemory(FrozenRecall, PatternMemory):
    """Clique memory; equations: :mod:`snmem.memory.systems.cliques`.

    Parameters
    ----------
    visible : int
        Size of a pattern, at most 16,384; clusters follow one another in it.
    clusters : int
        Clusters of equal size, at least 2.
    active : int or None
        Ones of a recalled pattern; None: one in each cluster.
    winners : str
        "cluster" (units compete within their cluster) or "all" (the ``active`` best of all units win).
    passes : int
        Passes of a recall.

    Raises
    ------
    InputError
        For sizes that are not positive whole numbers or do not fit each other.
    """

    arrays: ClassVar[dict[str, Stored]] = {"links": Stored("b", ("visible", "visible"))}

    def __init__(
        self,
        visible: int = 512,
        clusters: int = 8,
        active: int | None = None,
        winners: str = "cluster",
        passes: int = 4,
    ) -> None:
        active = clusters if active is None else active
        limits = {"visible": LIMIT, "clusters": visible, "active": visible, "passes": 1000}
        for name, high in limits.items():
            value = locals()[name]
            if not is_whole(value) or not 1 <= value <= high:
                raise InputError(f"CliqueMemory.{name}: must be a whole number in 1..{high}, got {shown(value)}")
        if clusters < 2 or visible % clusters:
            raise InputError(
                f"CliqueMemory.clusters: {visible} units do not make {clusters} clusters of equal size >= 2"
            )
        if winners not in ("cluster", "all"):
            raise InputError(f'CliqueMemory.winners: must be "cluster" or "all", got {shown(winners)}')
        self.visible, self.clusters, self.active, self.winners, self.passes = visible, clusters, active, winners, passes
        self.links: NDArray[np.bool_] = np.zeros((visible, visible), bool)

    @classmethod
    def for_patterns(cls, visible: int, active: int, *, bits: int | None = None, seed: int = 0) -> CliqueMemory:
        """Patterns of any kind, in about as many clusters as they have ones; there is only one size and nothing random.

        See :meth:`snmem.memory.base.Memory.for_patterns`.
        """
        most = max(min(active, visible), 2)
        fitting = [n for n in range(2, most + 1) if visible % n == 0]
        memory = cls(visible, fitting[-1] if fitting else visible, active, "all", passes=4)
        if bits is not None and memory.bits > bits:
            raise InputError(
                f"CliqueMemory.for_patterns: bits = {shown(bits)}, all links take {memory.bits}; allow as many"
            )
        return memory

    @property
    def units(self) -> int:
        """Units of a cluster."""
        return self.visible // self.clusters

    @property
    def bits(self) -> int:
        """One for each link between units of different clusters, in each direction."""
        return self.visible * (self.visible - self.units)

    @property
    def density(self) -> float:
        """Share of the links between clusters that are set."""
        return float(self.links.sum() / self.bits)

    def _across(self) -> NDArray[np.bool_]:
        """Pairs of units of different clusters."""
        cluster = np.arange(self.visible) // self.units
        return cluster[:, None] != cluster

    def _rows(self, patterns: Patterns) -> NDArray[np.bool_]:
        exactly = self.active if self.winners == "all" else None
        rows = active_units(patterns, self.visible, "patterns", exactly=exactly, at_least=1).rows()
        if self.winners == "cluster":
            ones = rows.reshape(len(rows), self.clusters, self.units).sum(axis=2)
            if (wrong := np.flatnonzero((ones != 1).any(axis=1))).size:
                raise InputError(
                    f"patterns: row {wrong[0]} has not one unit in each of {self.clusters} clusters; use messages, or "
                    'winners="all"'
                )
        return rows

    def store(self, patterns: Patterns) -> None:
        """Link the units of each pattern, (n, visible) of 0 and 1.

        Raises
        ------
        InputError
            For another shape, other values, or patterns that have not one unit in each cluster (``winners="all"``: not
            ``active`` ones).
        """
        rows = self._rows(patterns).astype(np.float32)
        self.links |= (rows.T @ rows > 0) & self._across()

    def grow(
        self,
        patterns: Patterns,
        rounds: int = 10,
        erased: float = 0.1,
        inserted: float = 0.1,
        links: int | None = None,
        seed: int = 0,
    ) -> None:
        """Replace the links by those that grow from noisy presentations of the patterns.

        Parameters
        ----------
        patterns : array (n, visible)
            What is presented.
        rounds : int
            Presentations of each.
        erased : float
            Probability that a unit of a pattern is silent in a presentation.
        inserted : float
            Probability that a cluster has a random unit more.
        links : int or None
            Links that are consolidated (the cap on energy); None: as many as the density of so many random messages.
        seed : int
            Seed of the noise.
        """
        rows, rng = self._rows(patterns), np.random.default_rng(seed)
        count = np.zeros((self.visible, self.visible), np.float32)
        for _ in range(rounds):
            noisy = rows & (rng.random(rows.shape) >= erased)
            more = rng.integers(self.units, size=(len(rows), self.clusters)) + np.arange(self.clusters) * self.units
            hit = rng.random(more.shape) < inserted
            noisy[np.nonzero(hit)[0], more[hit]] = True
            seen = noisy.astype(np.float32)
            count += seen.T @ seen
        cap = round(self.bits * clique_density(self.units, len(rows))) if links is None else links
        row, column = np.nonzero(np.triu(self._across() & (count > 0)))
        order = np.argsort(-count[row, column] - rng.random(len(row)) / 2)[: max(cap, 0) // 2]  # ties at random
        self.links = np.zeros_like(self.links)
        self.links[row[order], column[order]] = self.links[column[order], row[order]] = True

    def recall(self, cues: Patterns, passes: int | None = None) -> NDArray[np.bool_]:
        """The recalled pattern of each cue: bool in the shape of ``cues``.

        Parameters
        ----------
        cues : array (n, visible) or (visible,)
            0 and 1; in a cluster without a 1, everything is possible.
        passes : int or None
            Passes; None: those of the memory.
        """
        given = active_units(cues, self.visible, "cues")
        state, links = given.rows(), self.links.astype(np.float32)
        by_cluster = (len(state), self.clusters, self.units)
        if self.winners == "cluster":
            state = (state.reshape(by_cluster) | ~state.reshape(by_cluster).any(axis=2, keepdims=True)).reshape(
                state.shape
            )
        for _ in range(self.passes if passes is None else passes):
            votes = state + self._support(state, links)
            if self.winners == "all":
                state = exact_winners(votes, self.active)
            else:
                state = exact_winners(votes.reshape(by_cluster), 1).reshape(state.shape)
        return state[0] if given.single else state

    def _support(self, state: NDArray[np.bool_], links: NDArray[np.float32]) -> NDArray[np.int64]:
        """Votes of the other clusters for each unit, (n, visible)."""
        votes = np.zeros(state.shape, np.int64)
        for first in range(0, self.visible, self.units):
            part = slice(first, first + self.units)
            votes += state[:, part].astype(np.float32) @ links[part] > 0
        return votes

    def familiarity(self, cues: Patterns) -> Any:
        """How complete a clique each cue is: of the votes that its units could get from its other clusters, the share.

        1 for stored patterns and for parts of them, about the density of links for others; float64 (n,), or a float for
        a single cue.
        """
        given = active_units(cues, self.visible, "cues")
        rows = given.rows()
        known = rows.reshape(len(rows), self.clusters, self.units).any(axis=2).sum(axis=1)
        votes = (rows * self._support(rows, self.links.astype(np.float32))).sum(axis=1)
        found = votes / np.maximum(rows.sum(axis=1) * (known - 1), 1)
        return float(found[0]) if given.single else found

    def presentation(self) -> Presentation:
        """A pass takes 4 steps and those of the k-WTA."""
        period = self.passes * (4 + exact_steps(self.clusters))
        return Presentation(period - 1, period)

    def starts(self) -> tuple[tuple[int, int], ...]:
        """Line 0 asks which clusters are silent, line 1 begins a k-WTA, line 2 takes its winners into the next pass."""
        period = self.presentation().period // self.passes
        begins = [period * n for n in range(self.passes)]
        return ((0, 0), *((1, t + 3) for t in begins), *((2, t + period - 1) for t in begins[:-1]))

    def network(self) -> Network:
        """State of the units -> a relay for each unit and cluster linked to it -> votes -> k-WTA -> state."""
        n, units, period = self.visible, self.units, self.presentation().period // self.passes
        one_to_one = sp.eye_array(n, format="csr")
        own = sp.csr_array(sp.kron(sp.eye_array(self.clusters), np.ones((units, 1))))  # units of each cluster
        line, relays = start_line(1, 3), n * self.clusters
        groups, k = (1, self.active) if self.winners == "all" else (self.clusters, 1)
        circuit = exact_kwta("visible", n, k, line, self.clusters, period, period - 1, groups)
        unit, source = np.nonzero(self.links)
        to_relay = sp.csr_array(
            (np.ones(len(unit)), (unit * self.clusters + source // units, source)), shape=(relays, n)
        )
        from_relay = sp.csr_array(sp.kron(sp.eye_array(n), np.ones((1, self.clusters))))
        gate, empty = np.zeros((n, 3)), np.zeros((self.clusters, 3))
        gate[:, 2] = empty[:, 0] = 1.0
        populations = [
            Input(CUE, n),
            Input(START, 3),
            Population("state", n, _ONE),
            Population("relay", relays, _ONE),
            Population("again", n, _TWO),
            *circuit.populations,
        ]
        projections = [
            Projection(CUE, "state", one_to_one, delay=2),
            Projection("again", "state", one_to_one, delay=2),
            Projection("state", "relay", to_relay),
            Projection("relay", "visible", from_relay),
            Projection("state", "visible", one_to_one, delay=2, name="self"),
            *circuit.projections,
            Projection(circuit.winners, "again", one_to_one),
            Projection(START, "again", sp.csr_array(gate)),
        ]
        if self.winners == "cluster":
            populations.append(Population("silent", self.clusters, _ONE))
            projections += [
                Projection(START, "silent", sp.csr_array(empty)),
                Projection(CUE, "silent", -own.T),
                Projection("silent", "state", own),
            ]
        return Network(tuple(populations), tuple(projections), outputs=(circuit.winners,))

    def learning_network(self) -> Network:
        """The network that stores by itself: a link is set where both of its units spike in the same step."""
        links = sp.csr_array(self._across().astype(float))
        links.data[:] = self.links[self._across()]
        return Network(
            (Input("message", self.visible), Population("units", self.visible, LIF(alpha=0, beta=0, theta=np.inf))),
            (Projection("message", "units", links, plasticity=SelectiveSet(gate="message")),),
        )

    def storing_inputs(self, patterns: Patterns) -> tuple[dict[str, Any], int]:
        """Input events of the learning network for patterns, one a step, and the number of steps they take."""
        rows = self._rows(patterns)
        return {"message": volley(rows, 1, 0)}, len(rows)

    def learned(self, recording: Recording) -> NDArray[np.bool_]:
        """The links after a run of the learning network, (visible, visible)."""
        weights: Any = recording.weights["message->units"]
        return weights.toarray() > 0


def clique_density(units: int, messages: int) -> float:
    """Share of links that so many random messages over clusters of ``units`` units set."""
    return -math.expm1(messages * math.log1p(-1 / units**2))


def one_pass_failure(clusters: int, units: int, messages: int, erased: int) -> float:
    """Probability that a message with ``erased`` clusters unknown has a rival after a pass, for independent links.

    .. math:: 1 - (1 - d^{c - e})^{(l - 1) e}
    """
    d = clique_density(units, messages)
    return 1 - (1 - d ** (clusters - erased)) ** ((units - 1) * erased)


def fluctuating_failure(clusters: int, units: int, messages: int, erased: int, draws: int, seed: int = 0) -> float:
    """The same where units belong to different numbers of messages (Poisson), so that links of a unit are alike.

    A rival of b messages is linked to a unit of the message, which belongs to a others, with probability
    :math:`1 - e^{-a b / M}`.

    Parameters
    ----------
    clusters, units, messages, erased : int
        Sizes.
    draws : int
        Messages drawn.
    seed : int
        Seed of the draw.
    """
    from scipy.stats import poisson

    known = clusters - erased
    other = np.random.default_rng(seed).poisson((messages - 1) / units, (draws, known))
    rival = np.arange(poisson.isf(1e-12, messages / units) + 1)
    linked = np.prod(-np.expm1(-other[:, :, None] * rival / messages), axis=1)
    chance = linked @ poisson.pmf(rival, messages / units)
    return float(np.mean(1 - (1 - chance) ** ((units - 1) * erased)))
