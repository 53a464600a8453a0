r"""BTSP memory: binary synapses set and cleared by random plateau potentials, without competition.

An item x in {0, 1}^m (CA3) meets n neurons (CA1) with random connections. In each presentation a neuron has a plateau
potential with probability q; half of these set their synapses from active inputs, the others clear them:

.. math::
    W_{ji} \leftarrow 1 \;\; (\text{set}_j \wedge x_i), \qquad W_{ji} \leftarrow 0 \;\; (\text{clear}_j \wedge x_i),
    \qquad y_j = [\textstyle\sum_i W_{ji} x_i \ge \theta]

y is the trace of the item, about n q / 2 neurons. Feedback synapses, on random connections of their own, are set
between the trace and the item; a recall takes the trace of the cue and, of the visible units, the ``active`` ones with
most feedback, with those that tie. A cue without a trace recalls nothing.

Plateaus are the draw of the seed and the number of items before, so that both levels have the same.

The learning network has no form in Loihi's integers: a rule of its engine has one gate, not one that sets and one that
clears.

Source: Wu & Maass 2025, "A simple model for Behavioral Time Scale Synaptic Plasticity (BTSP) provides content
addressable memory with binary synapses and one-shot learning", doi 10.1038/s41467-024-55563-6.
"""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from ..._text import shown
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

#: Most pairs of an input and a neuron.
LIMIT = 1 << 27
#: Share of the connected active inputs at which a neuron spikes.
SHARE = 0.45


@MEMORIES.register("btsp")
class BTSPMemory(FrozenRecall, PatternMemory):
    """BTSP memory; equations: :mod:`snmem.memory.systems.btsp`.

    Parameters
    ----------
    visible : int
        Size of an item (m).
    hidden : int
        Neurons (n).
    active : int
        Ones of an item.
    plateau : float
        Probability of a plateau potential (q), in (0, 1].
    connection : float
        Share of the pairs that are connected, in (0, 1].
    threshold_count : int or None
        Active set synapses at which a neuron spikes (theta); None: 45 % of those to expect.
    seed : int
        Seed of connections and plateaus.

    Raises
    ------
    InputError
        For sizes that are not positive whole numbers, too many pairs, or probabilities outside (0, 1].
    """

    arrays: ClassVar[dict[str, Stored]] = {
        "forward": Stored("b", ("visible", "hidden")),
        "back": Stored("b", ("hidden", "visible")),
        "items": Stored("iu", (), 0, 2**53),
    }

    def __init__(
        self,
        visible: int = 2500,
        hidden: int = 3900,
        active: int = 125,
        plateau: float = 0.005,
        connection: float = 0.6,
        threshold_count: int | None = None,
        seed: int = 0,
    ) -> None:
        for name, high in {"visible": LIMIT, "hidden": LIMIT, "active": visible}.items():
            value = locals()[name]
            if not is_whole(value) or not 1 <= value <= high:
                raise InputError(f"BTSPMemory.{name}: must be a whole number in 1..{high}, got {shown(value)}")
        if visible * hidden > LIMIT:
            raise InputError(f"BTSPMemory: {visible} x {hidden} pairs, limit {LIMIT}; use fewer neurons")
        for name, value in (("plateau", plateau), ("connection", connection)):
            if not 0 < number(f"BTSPMemory.{name}", value) <= 1:
                raise InputError(f"BTSPMemory.{name}: must lie in (0, 1], got {shown(value)}")
        if not is_whole(seed) or seed < 0:
            raise InputError(f"BTSPMemory.seed: must be a whole number, got {shown(seed)}")
        usual = max(int(active * connection * SHARE), 1)
        theta = usual if threshold_count is None else threshold_count
        if not is_whole(theta) or not 1 <= theta <= visible:
            raise InputError(f"BTSPMemory.threshold_count: must be a whole number in 1..{visible}, got {shown(theta)}")
        self.visible, self.hidden, self.active, self.seed = visible, hidden, active, seed
        self.plateau, self.connection, self.threshold_count = float(plateau), float(connection), theta
        rng = np.random.default_rng((seed, 0))
        #: Which pairs are connected: (visible, hidden) forward, (hidden, visible) back.
        self.connected = np.ascontiguousarray(self._drawn(rng).T)
        self.connected_back = self._drawn(rng)
        self.forward: NDArray[np.bool_] = np.zeros((visible, hidden), bool)
        self.back: NDArray[np.bool_] = np.zeros((hidden, visible), bool)
        self.items = 0

    def _drawn(self, rng: np.random.Generator) -> NDArray[np.bool_]:
        """Which pairs are connected, (hidden, visible): each by itself, with ``connection`` to 1/65,536."""
        return rng.integers(1 << 16, size=(self.hidden, self.visible), dtype=np.uint16) < self.connection * (1 << 16)

    @classmethod
    def for_patterns(cls, visible: int, active: int, *, bits: int | None = None, seed: int = 0) -> BTSPMemory:
        """The authors' proportions, with plateaus in at least 20 neurons.

        See :meth:`snmem.memory.base.Memory.for_patterns`.
        """
        owner, most = f"{cls.__name__}.for_patterns", max(LIMIT // max(visible, 1), 1)
        hidden = round(1.56 * visible) if bits is None else largest(bits, lambda n: n * visible, owner, most)
        while True:  # connections are drawn: the largest size that fits is found from above
            memory = cls(visible, max(hidden, 1), active, min(max(0.005, 20 / max(hidden, 1)), 1.0), seed=seed)
            if bits is None or memory.bits <= bits:
                return memory
            if hidden <= 1:
                raise InputError(f"{owner}: bits = {bits}, a single neuron takes {memory.bits}; allow as many")
            hidden -= max((memory.bits - bits) // (2 * visible), 1)

    @property
    def bits(self) -> int:
        """One for each synapse, both ways."""
        return int(self.connected.sum() + self.connected_back.sum())

    def plateaus(self, item: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """The neurons that set their synapses, and those that clear them, when the item of that number is stored."""
        drawn = np.random.default_rng((self.seed, 1, item)).random(self.hidden)
        return np.flatnonzero(drawn < self.plateau / 2), np.flatnonzero(
            (drawn >= self.plateau / 2) & (drawn < self.plateau)
        )

    def store(self, patterns: Patterns) -> None:
        """Store items, (n, visible) of 0 and 1, one presentation each.

        Raises
        ------
        InputError
            For another shape, other values, or another number of ones than ``active``.
        """
        given = active_units(patterns, self.visible, "patterns", exactly=self.active)
        for units in np.split(given.units, given.bounds[1:-1]) if len(given) else ():
            sets, clears = self.plateaus(self.items)
            for at, value in ((np.ix_(units, sets), True), (np.ix_(units, clears), False)):
                self.forward[at] = value & self.connected[at]
            at = np.ix_(self._trace(units), units)
            self.back[at] |= self.connected_back[at]
            self.items += 1

    def forget(self, patterns: Patterns) -> None:
        """Clear the synapses from each item's units to the neurons of its trace, so that it leaves none."""
        given = active_units(patterns, self.visible, "patterns")
        for units in np.split(given.units, given.bounds[1:-1]) if len(given) else ():
            self.forward[np.ix_(units, self._trace(units))] = False

    def _trace(self, units: NDArray[np.int64]) -> NDArray[np.int64]:
        return np.flatnonzero(self.forward[units].sum(axis=0, dtype=np.int64) >= self.threshold_count)

    def trace(self, cues: Patterns) -> NDArray[np.bool_]:
        """The neurons that spike for each cue, bool (n, hidden)."""
        given = active_units(cues, self.visible, "cues")
        out = np.zeros((len(given), self.hidden), bool)
        for n in range(len(given)):
            out[n, self._trace(given.units[given.bounds[n] : given.bounds[n + 1]])] = True
        return out

    def recall(self, cues: Patterns) -> NDArray[np.bool_]:
        """The recalled item of each cue: bool in the shape of ``cues``; no ones where nothing is found."""
        given = active_units(cues, self.visible, "cues")
        traces = sp.csr_array(self.trace(given.rows()).astype(np.float32))
        recalled = exact_winners(traces @ self.back.astype(np.float32), self.active)
        return recalled[0] if given.single else recalled

    def _most(self) -> int:
        """Most feedback that a unit can get."""
        return int(self.back.sum(axis=0, dtype=np.int64).max(initial=1))

    def presentation(self) -> Presentation:
        """One step to the trace, then those of the k-WTA."""
        latency = 1 + exact_steps(self._most())
        return Presentation(latency, latency + 1)

    def starts(self) -> tuple[tuple[int, int], ...]:
        """The k-WTA begins with the trace."""
        return ((0, 1),)

    def _cells(self) -> Population:
        return Population("hidden", self.hidden, LIF(alpha=0, beta=0, theta=self.threshold_count - 0.5))

    def network(self) -> Network:
        """Cue lines -> neurons -> visible units, whose best win."""
        when = self.presentation()
        circuit = exact_kwta(
            "visible", self.visible, self.active, start_line(0, 1), self._most(), when.period, when.latency
        )
        return Network(
            (Input(CUE, self.visible), Input(START, 1), self._cells(), *circuit.populations),
            (
                Projection(CUE, "hidden", sp.csr_array(self.forward.T.astype(float))),
                Projection("hidden", "visible", sp.csr_array(self.back.T.astype(float))),
                *circuit.projections,
            ),
            outputs=(circuit.winners,),
        )

    def learning_network(self) -> Network:
        """The network that stores by itself; plateaus come as spikes of the inputs "set" and "clear"."""
        forward = _on(self.connected.T, self.forward.T)
        back = _on(self.connected_back.T, self.back.T)
        return Network(
            (
                Input(CUE, self.visible),
                Input("set", self.hidden),
                Input("clear", self.hidden),
                Input("target", self.visible),
                self._cells(),
                Population("visible", self.visible, LIF(alpha=0, beta=0, theta=np.inf)),
            ),
            (
                Projection(CUE, "hidden", forward, plasticity=SetClear(gate="set", clear="clear")),
                Projection("hidden", "visible", back, plasticity=SelectiveSet(gate="target")),
            ),
        )

    def storing_inputs(self, patterns: Patterns) -> tuple[dict[str, Any], int]:
        """Input events of the learning network for items, and the number of steps they take, 3 each.

        Step 0: the item and the plateaus; step 1: the item again; step 2: its trace spikes, and the item as the target.
        """
        rows = active_units(patterns, self.visible, "patterns", exactly=self.active).rows()
        first, again = volley(rows, 3, 0), volley(rows, 3, 1)
        inputs: dict[str, Any] = {
            CUE: tuple(np.concatenate(pair) for pair in zip(first, again, strict=True)),
            "target": volley(rows, 3, 2),
        }
        drawn = [self.plateaus(self.items + n) for n in range(len(rows))]
        for name, each in zip(("set", "clear"), zip(*drawn, strict=True) if drawn else ([], []), strict=True):
            step = np.repeat(3 * np.arange(len(rows)), [len(neurons) for neurons in each])
            inputs[name] = (step, np.concatenate([np.zeros(0, np.int64), *each]))
        return inputs, 3 * len(rows)

    def learned(self, recording: Recording) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        """``forward`` and ``back`` after a run of the learning network."""
        forward, back = (recording.weights[name].toarray() > 0 for name in ("cue->hidden", "hidden->visible"))
        return forward.T, back.T


def _on(connected: NDArray[np.bool_], weights: NDArray[np.bool_]) -> sp.csr_array:
    """Weights on the synapses that there are, those of 0 included."""
    matrix = sp.csr_array(connected.astype(float))
    matrix.data[:] = weights[connected]
    return matrix
