r"""Conditioning in spikes: counters that learn from pairs of spikes, by Hebb's rule or by its thresholded delta rule.

A pattern x is its own key and value, or a pattern has a target y. Unit i has a synapse from every other unit j, with
the weight :math:`W_{ij} = P_{ij} - N_{ij}` of two counters, each from 0 to ``most``:

.. math::
    \text{Hebb:}\quad & P_{ij} \leftarrow P_{ij} + y_i x_j \\
    \text{delta:}\quad & r_i = [\textstyle\sum_j W_{ij} x_j > \theta], \quad
        P_{ij} \leftarrow P_{ij} + y_i (1 - r_i)\, x_j, \quad N_{ij} \leftarrow N_{ij} + (1 - y_i)\, r_i\, x_j

with :math:`\theta` = ``active`` / 2: what is predicted already is not learned, and what is predicted wrongly is
unlearned (Rescorla & Wagner 1972; with binary responses, the perceptron rule). A recall is the ``active`` units of
largest drive :math:`W c` (all that tie with the last, none below 1).

While learning, error neurons compare the response to the key with the target and gate the counters. Decay of all
weights with every pair, the third rule of :mod:`snmem.attention.conditioning`, has no form of whole numbers, and stays
there.
"""

from __future__ import annotations

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
from ...plasticity import SumOfProducts
from ...spikes import Recording
from ..base import MEMORIES, PatternMemory, Stored
from ..patterns import Patterns, active_units
from ..presentation import Presentation, volley
from .frozen import CUE, START, FrozenRecall, start_line

#: Largest count, and most visible units: their counters fill two squares.
MOST, LIMIT = 127, 1 << 13
#: Steps of a pair while learning: key, response and target, error and key again, and two of silence.
PAIR = 5


@MEMORIES.register("pavlovian")
class PavlovianMemory(FrozenRecall, PatternMemory):
    """Conditioned counters; equations: :mod:`snmem.memory.systems.pavlovian`.

    Parameters
    ----------
    visible : int
        Size of a pattern, at most 8,192.
    active : int
        Ones of a pattern.
    rule : str
        "hebb" or "delta".
    most : int
        Largest count, up to 127.

    Raises
    ------
    InputError
        For sizes that are not positive whole numbers, and an unknown rule.
    """

    arrays: ClassVar[dict[str, Stored]] = {
        name: Stored("iu", ("visible", "visible"), 0, MOST) for name in ("plus", "minus")
    }

    def __init__(self, visible: int = 1000, active: int = 100, rule: str = "delta", most: int = MOST) -> None:
        for name, value, high in (("visible", visible, LIMIT), ("active", active, visible), ("most", most, MOST)):
            if not is_whole(value) or not 1 <= value <= high:
                raise InputError(f"PavlovianMemory.{name}: must be a whole number in 1..{high}, got {shown(value)}")
        if rule not in ("hebb", "delta"):
            raise InputError(f'PavlovianMemory.rule: must be "hebb" or "delta", got {shown(rule)}')
        self.visible, self.active, self.rule, self.most = visible, active, rule, most
        self.plus: NDArray[np.int8] = np.zeros((visible, visible), np.int8)
        self.minus: NDArray[np.int8] = np.zeros((visible, visible), np.int8)

    @classmethod
    def for_patterns(cls, visible: int, active: int, *, bits: int | None = None, seed: int = 0) -> PavlovianMemory:
        """The delta rule with counters of at most 7 bits; Hebb's with one bit where no more fits; nothing is random.

        See :meth:`snmem.memory.base.Memory.for_patterns`.
        """
        sizes = [("delta", 2**b - 1) for b in range(7, 0, -1)] + [("hebb", 1)]
        memories = (cls(visible, active, rule, most) for rule, most in sizes)
        if (fitting := next((m for m in memories if bits is None or m.bits <= bits), None)) is not None:
            return fitting
        least = visible * (visible - 1)
        raise InputError(
            f"PavlovianMemory.for_patterns: bits = {shown(bits)}, the counters take {least}; allow as many"
        )

    @property
    def bits(self) -> int:
        """Those of the counters: one a synapse for Hebb's rule, two for the delta rule."""
        counters = self.visible * (self.visible - 1) * (2 if self.rule == "delta" else 1)
        return counters * self.most.bit_length()

    @property
    def weights(self) -> NDArray[np.int16]:
        """W, (visible, visible)."""
        return self.plus.astype(np.int16) - self.minus

    def store(self, patterns: Patterns, targets: Patterns | None = None) -> None:
        """Pair patterns, (n, visible) with ``active`` ones, with themselves or with targets, in order.

        Raises
        ------
        InputError
            For another shape, other values, another number of ones, and another number of targets.
        """
        keys, values = self._pairs(patterns, targets)
        unlike = ~np.eye(self.visible, dtype=bool)
        for key, value in zip(keys, values, strict=True):
            on = np.flatnonzero(key)
            drive = self.plus[:, on].sum(1, dtype=np.int64) - self.minus[:, on].sum(1, dtype=np.int64)
            response = drive > (self.active / 2 if self.rule == "delta" else np.inf)
            for counters, units in ((self.plus, value & ~response), (self.minus, response & ~value)):
                at = np.ix_(np.flatnonzero(units), on)
                counters[at] = np.minimum(counters[at] + np.int16(1) * unlike[at], self.most)

    def _pairs(self, patterns: Patterns, targets: Patterns | None) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        keys = active_units(patterns, self.visible, "patterns", exactly=self.active).rows()
        if targets is None:
            return keys, keys
        values = active_units(targets, self.visible, "targets", exactly=self.active).rows()
        if len(values) != len(keys):
            raise InputError(f"store: {len(keys)} patterns but {len(values)} targets; give one for each pattern")
        return keys, values

    def recall(self, cues: Patterns) -> NDArray[np.bool_]:
        """The units of largest drive for each cue: bool in the shape of ``cues``."""
        given = active_units(cues, self.visible, "cues")
        out = exact_winners(given.rows(np.float32) @ self.weights.T.astype(np.float32), self.active)
        return out[0] if given.single else out

    def _most(self) -> int:
        """Most that a unit can be driven."""
        return int(np.maximum(self.weights, 0).sum(axis=1, dtype=np.int64).max(initial=1))

    def presentation(self) -> Presentation:
        """A cue in step 0, and the steps of the k-WTA."""
        latency = exact_steps(self._most())
        return Presentation(latency, latency + 1)

    def starts(self) -> tuple[tuple[int, int], ...]:
        """The k-WTA begins with the cue."""
        return ((0, 0),)

    def network(self) -> Network:
        """Visible lines -> counters -> k-WTA of the visible units."""
        period = self.presentation().period
        circuit = exact_kwta("visible", self.visible, self.active, start_line(0, 1), self._most(), period, 1 % period)
        inputs = (Input(CUE, self.visible), Input(START, 1))
        weights = Projection(CUE, "visible", sp.csr_array(self.weights.astype(np.float64)))
        return Network((*inputs, *circuit.populations), (weights, *circuit.projections), (circuit.winners,))

    def learning_network(self) -> Network:
        """The network that stores by itself: errors gate the counters of the synapses whose line spikes again."""
        n, eye = self.visible, sp.eye_array(self.visible, format="csr")
        delta = self.rule == "delta"
        error = LIF(alpha=0, beta=0, theta=0.5)
        populations = [Input(CUE, n), Input("target", n), Population("error.plus", n, error)]
        projections = [Projection("target", "error.plus", eye)]
        populations.append(Population("response", n, LIF(alpha=0, beta=0, theta=self.active / 2 if delta else np.inf)))
        counters = [("plus", 1.0, self.plus)]
        if delta:
            populations += [Input("learn", 1), Population("error.minus", n, LIF(alpha=0, beta=0, theta=1.5))]
            projections += [
                Projection("response", "error.plus", -1.0 * eye),
                Projection("response", "error.minus", eye),
                Projection("target", "error.minus", -1.0 * eye),
                Projection("learn", "error.minus", np.ones((n, 1))),
            ]
            counters.append(("minus", -1.0, self.minus))
        for name, sign, count in counters:
            synapses = sp.csr_array(1.0 - np.eye(n))
            synapses.data[:] = sign * count[~np.eye(n, dtype=bool)]
            bounds = (0.0, float(self.most)) if sign > 0 else (-float(self.most), 0.0)
            text = "y0*x1" if sign > 0 else "-1*y0*x1"
            rule = SumOfProducts(text, x1=(1, 0), gate=f"error.{name}", bounds=bounds)
            projections.append(Projection(CUE, "response", synapses, plasticity=rule, name=name))
        return Network(tuple(populations), tuple(projections), outputs=("response",))

    def storing_inputs(self, patterns: Patterns, targets: Patterns | None = None) -> tuple[dict[str, Any], int]:
        """Input events of the learning network for pairs, and the number of steps they take."""
        keys, values = self._pairs(patterns, targets)
        first, again = volley(keys, PAIR, 0), volley(keys, PAIR, 2)
        spikes: dict[str, Any] = {
            CUE: tuple(np.concatenate(both) for both in zip(first, again, strict=True)),
            "target": volley(values, PAIR, 1),
        }
        if self.rule == "delta":
            spikes["learn"] = (np.arange(len(keys)) * PAIR + 1, np.zeros(len(keys), np.int64))
        return spikes, len(keys) * PAIR

    def _restored(self) -> None:
        if max(self.plus.max(), self.minus.max()) > self.most or (self.plus.diagonal() + self.minus.diagonal()).any():
            raise InputError(f"counters: must lie in 0..{self.most}, and be 0 from a unit to itself")

    def learned(self, recording: Recording) -> tuple[NDArray[np.int8], NDArray[np.int8]]:
        """Both counters after a run of the learning network."""
        weights: Any = recording.weights
        plus = weights["plus"].toarray()
        minus = weights["minus"].toarray() if self.rule == "delta" else np.zeros_like(plus)
        return plus.astype(np.int8), (-minus).astype(np.int8)
