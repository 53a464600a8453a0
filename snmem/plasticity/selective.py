r"""Rules that act on active inputs only: set, clear, and both.

At a gate spike of unit j in step t, every synapse i -> j moves to a value by the presynaptic trace:

.. math:: w_{ji} \leftarrow w_{ji} + \text{rate}\, x_i\, (\text{value} - w_{ji})

never beyond the value, and exactly to it where rate x = 1. x is 1 in the step of a spike of the signal and decays by a
factor per step (``decay = 0``: inputs of the same step only), so that synapses of silent inputs keep their weights.
(:class:`~snmem.plasticity.Instar` moves them too.)

Sources: Willshaw, Buneman & Longuet-Higgins 1969, doi 10.1038/222960a0 (set); Wu & Maass 2025,
doi 10.1038/s41467-024-55563-6 (set and clear by plateau potentials).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ..description import number
from ..errors import NetworkError
from .base import RULES, LearningRule, RuleSpikes
from .decay import Traces, check_decay
from .sum_of_products import SumOfProducts

if TYPE_CHECKING:
    from ..network import Projection


class _Memory:
    """Traces of the signal, and the neurons of each synapse."""

    def __init__(self, weights: Any, decay: float) -> None:
        posts: int = weights.shape[0]
        lengths: Any = np.diff(weights.indptr)
        self.post: Any = np.arange(posts).repeat(lengths)
        self.pre: Any = weights.indices.astype(np.int64)
        self.x, self.t = Traces(weights.shape[1], decay), -1


@dataclass(frozen=True)
class Selective(LearningRule):
    """What the rules of this file share."""

    rate: float = 1.0
    gate: str | None = None
    signal: str | None = None
    decay: float = 0.0

    def __post_init__(self) -> None:
        name = type(self).__name__
        for field in ("rate", "decay", *(field for field, _ in self.values())):
            object.__setattr__(self, field, number(f"{name}.{field}", getattr(self, field)))
        for field in ("gate", "signal"):
            self._set_name(field)
        if not 0.0 <= self.rate <= 1.0:
            raise NetworkError(f"{name}.rate: must lie in [0, 1], got {self.rate!r}")
        check_decay(f"{name}.decay", self.decay)
        for field, value in self.values():
            if not np.isfinite(value):
                raise NetworkError(f"{name}.{field}: must be finite, got {value!r}")

    def values(self) -> tuple[tuple[str, float], ...]:
        """Names and values to which the gate, then the second gate, move weights."""
        raise NotImplementedError

    def start(self, weights: Any, integer: bool) -> _Memory:
        """The trace of every neuron of the signal: zero."""
        return _Memory(weights, self.decay)

    def step(self, weights: Any, memory: _Memory, spikes: RuleSpikes) -> int:
        """One step; see the module."""
        memory.t += 1
        memory.x.spike(memory.t, spikes.signal, 1.0, nearest=True)
        w, touched = weights.data, 0
        for (_, value), gates in zip(self.values(), (spikes.gate, spikes.third), strict=False):
            at = np.flatnonzero(np.isin(memory.post, gates))
            share = self.rate * memory.x.at(memory.t, memory.pre[at])
            way = value - w[at]
            moved = w[at] + share * way
            moved = np.where(way >= 0, np.minimum(moved, value), np.maximum(moved, value))
            w[at] = np.where(share == 1, value, moved)
            touched += len(at)
        return touched

    def as_products(self, q: Projection, impulse: float = 1.0, exact: bool = True) -> SumOfProducts:
        """The rule with constant rate and the inputs of the same step; see :meth:`LearningRule.as_products`.

        In Loihi's integers w * x1 is shifted right by 5 bits, so that there the trace must be 32 where it is 1 here.
        With ``exact=False`` the weights are those integers, of which ``impulse``, a power of two, stands for 1.
        """
        owner, name = f"projection {q.name!r}", type(self).__name__
        if len(self.values()) > 1 or self.decay or self.signal not in (None, q.pre):
            raise NetworkError(
                f"{owner}: Loihi's learning engine expresses a {name} of one gate, the signal {q.pre!r} and decay 0 "
                "only; write the SumOfProducts for it"
            )
        if not exact:
            return self._in_integers(owner, impulse)
        ((_, value),) = self.values()
        rates = (self.rate * value, self.rate)
        terms = [f"{rates[0]!r}*y0*x1"] if rates[0] > 0 else []
        text = "+".join(terms) + f"-{rates[1]!r}*y0*x1*w"
        rule = SumOfProducts(text, x1=(1, 0), gate=self.gate, bounds=None)
        if value < 0 or rule.arithmetics == ("float",):
            raise NetworkError(
                f"{owner}: {name} has rate={self.rate!r} and value {value!r}; Loihi's engine takes whole numbers times "
                "a power of 2 from 2^-7 that are not negative"
            )
        return rule.as_products(q)

    def _in_integers(self, owner: str, unit: float) -> SumOfProducts:
        """The rule of integer weights of which ``unit`` stands for 1."""
        ((_, value),) = self.values()
        power, remainder = math.frexp(unit)[1] - 1, math.frexp(unit)[0]
        if self.rate != 1.0 or value not in (0.0, 1.0) or remainder != 0.5 or not 0 <= power <= 7:
            raise NetworkError(
                f"{owner}: {type(self).__name__} has rate={self.rate!r} and value {value!r}, {unit:g} stands for 1; "
                "Loihi's integers take rate 1, the values 0 and 1, and a power of two up to 128"
            )
        term = f"2^{power - 5}*y0*x1" if value else ""
        return SumOfProducts(f"{term}-y0*x1*w", x1=(32, 0), gate=self.gate)


@RULES.register("selective_set")
@dataclass(frozen=True)
class SelectiveSet(Selective):
    """At a gate spike, synapses of active inputs move to ``value``; equation: :mod:`snmem.plasticity.selective`.

    Parameters
    ----------
    rate : float
        Share of the way to the value, in [0, 1].
    gate : str or None
        Population whose spikes gate, one neuron per postsynaptic neuron (default: the postsynaptic one).
    signal : str or None
        Population whose spikes count as active inputs (default: the presynaptic one).
    decay : float
        Factor the trace of an input keeps per step; 0 = only spikes of the same step.
    value : float
        What weights are set to.
    """

    value: float = 1.0

    def values(self) -> tuple[tuple[str, float], ...]:
        """The value."""
        return (("value", self.value),)


@RULES.register("selective_clear")
@dataclass(frozen=True)
class SelectiveClear(SelectiveSet):
    """At a gate spike, synapses of active inputs move to ``value``, by default to 0; parameters as SelectiveSet."""

    value: float = 0.0


# Parameters that the rules of this file share are said for each by itself, as ``help`` shows one at a time.
@RULES.register("set_clear")
@dataclass(frozen=True)
class SetClear(Selective):
    """One gate sets, another clears, in this order where both spike; equation: :mod:`snmem.plasticity.selective`.

    Parameters
    ----------
    rate : float
        Share of the way to the value, in [0, 1].
    gate : str or None
        Population whose spikes set, one neuron per postsynaptic neuron (default: the postsynaptic one).
    signal : str or None
        Population whose spikes count as active inputs (default: the presynaptic one).
    decay : float
        Factor the trace of an input keeps per step; 0 = only spikes of the same step.
    clear : str or None
        Population whose spikes clear, one neuron per postsynaptic neuron (default: the postsynaptic one).
    high, low : float
        What weights are set to, and cleared to.
    """

    clear: str | None = None
    high: float = 1.0
    low: float = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        self._set_name("clear")

    def values(self) -> tuple[tuple[str, float], ...]:
        """Those of both gates."""
        return (("high", self.high), ("low", self.low))

    def third_of(self, q: Projection) -> str:
        """The population that clears."""
        return self.clear or q.post

    def check_third(self, owner: str, size: int, posts: int) -> None:
        """Raise NetworkError unless each postsynaptic neuron has one that clears."""
        if size != posts:
            raise NetworkError(f"{owner}: clear {self.clear!r} has {size} neurons, expected {posts} as the target has")
