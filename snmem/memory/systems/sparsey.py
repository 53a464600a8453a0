r"""Sparsey: Q modules of K units, one winner in each, drawn with noise that falls as the input is more familiar.

With binary weights W, an input x of s ones and :math:`V_i = \sum_j W_{ij} x_j / |x|`, familiarity is the mean over
modules of the best match, and sets how much better matches are preferred:

.. math::
    G = \frac{1}{Q} \sum_q \max_{i \in q} V_i, \qquad \eta = a\, G^b, \qquad
    \rho_i = \frac{\eta}{1 + e^{-(\lambda V_i + \phi)}} + 1, \qquad P(i \mid q) = \rho_i \Big/ \sum_{k \in q} \rho_k

A familiar input gets its old code, an unfamiliar one a random code, a similar one a similar code; storing sets the
weights between input and winners, both ways, in time that does not grow. A recall takes the best match of each module
without noise, with all that tie, and the ``active`` visible units with most winners.

``noise="sigmoid"`` draws as above. ``noise="levels"`` is what LIF neurons do: to the drives :math:`h_i = s V_i` they
add a whole number of noise bits :math:`n_{il} \in \{0, 1\}` from outside, of which familiarity lets the low ones pass,

.. math::
    h_i + \sum_l 2^l\, n_{il}\, \Big[ \sum_q \max\big(\max_{i \in q} h_i,\, 1\big) < Q (s - 2^l / c) \Big], \qquad c = 4

and all that tie for the most win. The sum over modules is read off the k-WTA circuit: its undo neurons spell how far
the threshold of each module lies below its span.

Sources: Rinkus 2010, doi 10.3389/fnana.2010.00017; constants of github.com/pulinagrawal/sparsey-csa, a third party.
"""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from ..._text import shown
from ...circuits.kwta.base import sparse_matrix, to_all
from ...circuits.kwta.exact import exact_kwta, exact_steps, exact_winners, undo_weights
from ...description import is_whole
from ...errors import InputError
from ...network import Input, Network, Population, Projection
from ...neurons import LIF
from ...plasticity import SelectiveSet
from ...spikes import Recording
from ..base import MEMORIES, PatternMemory, Stored, largest
from ..patterns import Patterns, active_units
from ..presentation import Presentation, volley
from .frozen import CUE, START, FrozenRecall, start_line

#: Most weights.
LIMIT = 1 << 28
#: a, b, lambda and phi of the draw; and c of the noise in levels.
GAIN, EXPONENT, SLOPE, SHIFT, SCALE = 10_000.0, 7.0, 26.0, -13.0, 4


@MEMORIES.register("sparsey")
class SparseyMemory(FrozenRecall, PatternMemory):
    """Sparsey's coding field as a memory; equations: :mod:`snmem.memory.systems.sparsey`.

    Parameters
    ----------
    visible : int
        Size of an input.
    modules : int
        Modules (Q).
    units : int
        Units of a module (K), at least 2.
    active : int
        Ones of an input (s).
    noise : str
        "sigmoid" or "levels".
    seed : int
        Seed of the noise.

    Raises
    ------
    InputError
        For sizes that are not positive whole numbers, or too many weights.
    """

    threshold: ClassVar[float] = 0.9
    arrays: ClassVar[dict[str, Stored]] = {
        "weights": Stored("b", ("visible", ...)),
        "items": Stored("iu", (), 0, 2**53),
    }

    def __init__(
        self,
        visible: int = 512,
        modules: int = 70,
        units: int = 20,
        active: int = 51,
        noise: str = "sigmoid",
        seed: int = 0,
    ) -> None:
        for name, high in {"visible": LIMIT, "modules": LIMIT, "units": LIMIT, "active": visible}.items():
            value = locals()[name]
            low = 2 if name == "units" else 1
            if not is_whole(value) or not low <= value <= high:
                raise InputError(f"SparseyMemory.{name}: must be a whole number in {low}..{high}, got {shown(value)}")
        if visible * modules * units > LIMIT:
            raise InputError(f"SparseyMemory: {visible} x {modules} x {units} weights, limit {LIMIT}; use fewer units")
        if noise not in ("sigmoid", "levels"):
            raise InputError(f'SparseyMemory.noise: must be "sigmoid" or "levels", got {shown(noise)}')
        if not is_whole(seed) or seed < 0:
            raise InputError(f"SparseyMemory.seed: must be a whole number, got {shown(seed)}")
        self.visible, self.modules, self.units, self.active = visible, modules, units, active
        self.noise, self.seed = noise, seed
        self.weights: NDArray[np.bool_] = np.zeros((visible, modules * units), bool)
        self.items = 0

    @classmethod
    def for_patterns(cls, visible: int, active: int, *, bits: int | None = None, seed: int = 0) -> SparseyMemory:
        """Modules of 20 units, as many as fit; usually 70.

        See :meth:`snmem.memory.base.Memory.for_patterns`.
        """
        owner, most = f"{cls.__name__}.for_patterns", max(LIMIT // max(20 * visible, 1), 1)
        modules = 70 if bits is None else largest(bits, lambda n: 20 * n * visible, owner, most)
        return cls(visible, modules, 20, active, seed=seed)

    @property
    def hidden(self) -> int:
        """Units of all modules."""
        return self.modules * self.units

    @property
    def bits(self) -> int:
        """One for each pair of an input and a unit: both directions hold the same."""
        return self.visible * self.hidden

    def drives(self, inputs: Patterns) -> NDArray[np.int64]:
        """Active set synapses of each unit, (n, modules, units)."""
        rows = active_units(inputs, self.visible, "inputs").rows(np.float32)
        sums: Any = sp.csr_array(rows) @ self.weights.astype(np.float32)
        return sums.reshape(-1, self.modules, self.units).astype(np.int64)

    def familiarity(self, cues: Patterns) -> Any:
        """G of each cue: float64 (n,), or a float for a single cue."""
        given = active_units(cues, self.visible, "cues")
        best = self.drives(given.rows()).max(axis=2).mean(axis=1)
        found = best / np.maximum(np.diff(given.bounds), 1)
        return float(found[0]) if given.single else found

    def codes(self, inputs: Patterns, first: int = 0) -> NDArray[np.bool_]:
        """The code that each input would get now, noise included: bool (n, modules * units); nothing is learned.

        Parameters
        ----------
        inputs : array (n, visible)
            With exactly ``active`` ones.
        first : int
            Number of the item whose noise the first input has; the others follow.
        """
        rows = active_units(inputs, self.visible, "inputs", exactly=self.active).rows()
        made = [self._code(h, first + n) for n, h in enumerate(self.drives(rows))]
        return np.array(made, bool).reshape(len(rows), self.hidden)

    def _code(self, h: NDArray[np.int64], item: int) -> NDArray[np.bool_]:
        if self.noise == "levels":
            total = np.maximum(h.max(axis=1), 1).sum()
            passing = 1 << np.flatnonzero(total < self._limits())
            return exact_winners(h + self.noise_bits(item)[..., : len(passing)] @ passing, 1).ravel()
        v = h / self.active
        eta = GAIN * v.max(axis=1).mean() ** EXPONENT
        chance = (eta / (1 + np.exp(-(SLOPE * v + SHIFT))) + 1).cumsum(axis=1)
        drawn = np.random.default_rng((self.seed, 1, item)).random((self.modules, 1)) * chance[:, -1:]
        return (np.arange(self.units) == (chance <= drawn).sum(axis=1)[:, None]).ravel()

    @property
    def levels(self) -> int:
        """Noise bits of a unit: their largest sum reaches the largest drive."""
        return self.active.bit_length()

    def noise_bits(self, item: int) -> NDArray[np.int64]:
        """Noise of the item of that number, 0 or 1: (modules, units, levels)."""
        rng = np.random.default_rng((self.seed, 1, item))
        return rng.integers(2, size=(self.modules, self.units, self.levels))

    def _limits(self) -> NDArray[np.float64]:
        """Sum of the modules' best drives below which a level of noise passes; falls from level to level."""
        return self.modules * (self.active - 2.0 ** np.arange(self.levels) / SCALE)

    # Memories that need a number of ones say so alike, each for itself.
    def store(self, patterns: Patterns) -> None:
        """Store inputs, (n, visible) of 0 and 1, one after another.

        Raises
        ------
        InputError
            For another shape, other values, or another number of ones than ``active``.
        """
        rows = active_units(patterns, self.visible, "patterns", exactly=self.active).rows()
        for row in rows:
            units = np.flatnonzero(row)
            h = self.weights[units].sum(axis=0, dtype=np.int64).reshape(self.modules, self.units)
            self.weights[np.ix_(units, np.flatnonzero(self._code(h, self.items)))] = True
            self.items += 1

    def recall(self, cues: Patterns) -> NDArray[np.bool_]:
        """The recalled input of each cue: bool in the shape of ``cues``."""
        given = active_units(cues, self.visible, "cues")
        code = exact_winners(self.drives(given.rows()), 1).reshape(len(given), -1).astype(np.float32)
        recalled = exact_winners(code @ self.weights.T.astype(np.float32), self.active)
        return recalled[0] if given.single else recalled

    def _most(self) -> tuple[int, int]:
        """Largest drives of a unit and of a visible unit in a recall."""
        drive, votes = (int(self.weights.sum(axis=axis, dtype=np.int64).max()) for axis in (0, 1))
        return max(drive, 1), max(votes, 1)

    def presentation(self) -> Presentation:
        """The k-WTA of the modules, then that of the visible units."""
        latency = sum(map(exact_steps, self._most()))
        return Presentation(latency, latency + 1)

    def starts(self) -> tuple[tuple[int, int], ...]:
        """The modules' k-WTA begins with the cue."""
        return ((0, 0),)

    def network(self) -> Network:
        """Cue lines -> units, one winner a module -> visible units, whose best win."""
        when, (drive, votes) = self.presentation(), self._most()
        hidden = exact_kwta("hidden", self.hidden, 1, start_line(0, 1), drive, when.period, when.latency, self.modules)
        visible = exact_kwta("visible", self.visible, self.active, hidden.finish, votes, when.period, when.latency)
        weights = self.weights.astype(float)
        return Network(
            (Input(CUE, self.visible), Input(START, 1), *hidden.populations, *visible.populations),
            (
                Projection(CUE, "hidden", sp.csr_array(weights.T)),
                *hidden.projections,
                Projection(hidden.winners, "visible", sp.csr_array(weights)),
                *visible.projections,
            ),
            outputs=(visible.winners,),
        )

    def _storing_most(self) -> int:
        """Largest drive with noise."""
        return self.active + (1 << self.levels) - 1

    @property
    def round(self) -> int:
        """Steps of each of the two rounds of a storing presentation."""
        return exact_steps(self._storing_most()) + 3

    def learning_network(self) -> Network:
        """The network that stores by itself, in two rounds of the modules' k-WTA: without noise, and with it.

        In the first round "novelty" neurons, one a level, sum how far the modules' thresholds lie below the span; where
        it is enough, the noise lines of their level pass to the units of the second round, whose winners learn.

        Raises
        ------
        InputError
            For a memory with the noise "sigmoid".
        """
        if self.noise != "levels":
            raise InputError('SparseyMemory: noise="sigmoid" has no form in spikes; use noise="levels"')
        levels, most, period = self.levels, self._storing_most(), self.round
        hidden = exact_kwta("hidden", self.hidden, 1, start_line(0, 1), most, period, period - 1, self.modules)
        undo, span = undo_weights(hidden, most, self.modules)
        large = 2.0 * self.modules * span
        passed = self.modules * span - self._limits()  # novelty above which a level passes
        novelty = LIF(alpha=0, beta=1, theta=large)
        probe = {(level, hidden.finish.index): large - passed[level] for level in range(levels)}
        eye, units = sp.eye_array(levels, format="csr"), self.hidden
        relay = LIF(alpha=0, beta=0, theta=1.5)
        amount = sp.csr_array(sp.kron(sp.eye_array(units), 2.0 ** np.arange(levels)[None]))
        forward = sp.csr_array(np.ones((units, self.visible)))
        back = sp.csr_array(np.ones((self.visible, units)))
        forward.data[:], back.data[:] = self.weights.T.ravel(), self.weights.ravel()
        return Network(
            (
                Input(CUE, self.visible),
                Input(START, 1),
                Input("noise", units * levels),
                *hidden.populations,
                Population("novelty", levels, novelty, clear_every=2 * period),
                Population("passed", units * levels, relay),
                Population("visible", self.visible, LIF(alpha=0, beta=0, theta=np.inf)),
            ),
            (
                Projection(CUE, "hidden", forward, plasticity=SelectiveSet(gate=hidden.winners)),
                *hidden.projections,
                Projection("hidden.control", "novelty", to_levels(undo, levels), name="undo"),
                Projection("hidden.control", "novelty", sparse_matrix(levels, len(undo), probe), delay=2, name="probe"),
                Projection("novelty", "passed", sp.csr_array(sp.kron(np.ones((units, 1)), eye))),
                Projection("noise", "passed", sp.eye_array(units * levels, format="csr")),
                Projection("passed", "hidden", amount),
                Projection(hidden.winners, "visible", back, plasticity=SelectiveSet(gate=CUE)),
            ),
        )

    def storing_inputs(self, patterns: Patterns) -> tuple[dict[str, Any], int]:
        """Input events of the learning network for inputs, and the number of steps they take, two rounds each.

        The input spikes at the start of both rounds, and with the winners of the second, which learn it.
        """
        rows = active_units(patterns, self.visible, "patterns", exactly=self.active).rows()
        period, n = self.round, len(rows)
        volleys = [volley(rows, 2 * period, at) for at in (0, period, 2 * period - 3)]
        noise = np.array([self.noise_bits(self.items + i).ravel() for i in range(n)], bool).reshape(n, -1)
        starts = np.arange(2 * n) * period
        inputs = {
            CUE: tuple(np.concatenate(parts) for parts in zip(*volleys, strict=True)),
            START: (starts, np.zeros(2 * n, int)),
            "noise": volley(noise, 2 * period, period - 1),
        }
        return inputs, 2 * n * period

    def learned(self, recording: Recording) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        """Weights after a run of the learning network, by the forward and by the return synapses: (visible, hidden)."""
        forward: Any = recording.weights["cue->hidden"]
        back: Any = recording.weights["hidden.winners->visible"]
        return forward.toarray().T > 0, back.toarray() > 0


def to_levels(undo: NDArray[np.float64], levels: int) -> sp.csr_array:
    """Each control neuron reaches all novelty neurons with its weight."""
    return to_all(levels, len(undo), {int(i): float(undo[i]) for i in np.flatnonzero(undo)})
