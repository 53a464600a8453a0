r"""Instar and outstar: existing synapses move towards a binary signal x whenever a *gate* neuron spikes.

.. math:: \Delta w = \text{rate}\,(x - w)

The trace takes in the spikes of a step first (:math:`x \leftarrow \text{decay}\,x + s_t`; with ``decay = 0``, x is 1
exactly where the neuron spiked in step t), then the rule acts.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from ..description import number
from ..errors import NetworkError
from ..loihi.rules import rate_constant
from .base import RULES, LearningRule, RuleSpikes
from .sum_of_products import SumOfProducts

if TYPE_CHECKING:
    from ..network import Projection


@dataclass(frozen=True)
class _Gated(LearningRule):
    rate: float
    gate: str | None = None
    signal: str | None = None
    decay: float = 0.0

    def __post_init__(self) -> None:
        name = type(self).__name__
        for field in ("rate", "decay"):  # numpy's numbers print, and so hash, differently
            object.__setattr__(self, field, number(f"{name}.{field}", getattr(self, field)))
        for field in ("gate", "signal"):
            self._set_name(field)
        if not 0.0 <= self.rate <= 1.0:
            raise NetworkError(f"{name}.rate: must lie in [0, 1], got {self.rate!r}")
        if not 0.0 <= self.decay < 1.0:
            raise NetworkError(f"{name}.decay: must lie in [0, 1), got {self.decay!r}")

    @classmethod
    def example(cls, rng: np.random.Generator) -> _Gated:
        """A rule with random parameters."""
        return cls(float(rng.uniform(0, 1)), decay=float(rng.choice([0.0, rng.uniform(0, 0.9)])))

    def start(self, weights: Any, integer: bool) -> Any:
        """The trace x of every neuron of the signal: zero."""
        return np.zeros(weights.shape[1 if self.gated_by == "post" else 0])

    def step(self, weights: Any, memory: Any, spikes: RuleSpikes) -> int:
        """``w += rate * (x - w)`` at the synapses of the neurons that gate."""
        memory *= self.decay
        memory[spikes.signal] += 1
        posts: int = weights.shape[0]
        lengths: Any = np.diff(weights.indptr)
        rows: Any = np.arange(posts).repeat(lengths)
        gated: Any
        other: Any
        gated, other = (rows, weights.indices) if self.gated_by == "post" else (weights.indices, rows)
        touched: Any = np.isin(gated, spikes.gate)
        weights.data[touched] += self.rate * (memory[other[touched]] - weights.data[touched])
        return int(touched.sum())

    def as_products(self, q: Projection, impulse: float = 1.0, exact: bool = True) -> SumOfProducts:
        """See :meth:`LearningRule.as_products`; the signal of an Instar, the gate of an Outstar, must be ``q.pre``."""
        instar, name, owner = self.gated_by == "post", type(self).__name__, f"projection {q.name!r}"
        role, source = ("signal", self.signal) if instar else ("gate", self.gate)
        if source not in (None, q.pre):
            raise NetworkError(
                f"{owner}: {name} has the {role} {source!r}; Loihi's engine takes it from {q.pre!r} only"
            )
        mantissa, exponent = rate_constant(self.rate)
        if exact and mantissa * 2.0**exponent != self.rate:
            raise NetworkError(
                f"{owner}: {name} has rate={self.rate!r}; Loihi's engine takes 1, 3, 5 or 7 times a power of 2 from "
                f"2^-7: use {mantissa * 2.0**exponent!r}"
            )
        trace = (impulse, -1 / math.log(self.decay) if self.decay else 0.0)
        scale = f"{mantissa}*2^{exponent}"
        if instar:
            return SumOfProducts(f"{scale}*y0*x1-{scale}*y0*w", x1=trace, gate=self.gate)
        return SumOfProducts(f"{scale}*x0*y1-{scale}*x0*w", y1=trace, gate=self.signal)


@RULES.register("instar")
class Instar(_Gated):
    """Postsynaptically gated: at a gate spike of unit j, every synapse i -> j learns ``w += rate * (x_i - w)``.

    Source: Grossberg 1976; eq. of the K-winner memory in Bhandarkar & McClelland 2025, arXiv 2511.04593.

    Parameters
    ----------
    rate
        Learning rate epsilon in [0, 1].
    gate
        Population whose spikes trigger learning, one neuron per postsynaptic neuron (default: the postsynaptic one).
    signal
        Population that provides x, one neuron per presynaptic neuron (default: the presynaptic one).
    decay
        Factor the trace x keeps per step; 0 = only spikes of the same step.
    """


# Parameters are said for each rule by itself: they mean the other side of the synapse.
@RULES.register("outstar")
class Outstar(_Gated):
    """Presynaptically gated: at a gate spike of unit i, every synapse i -> j learns ``w += rate * (x_j - w)``.

    Source: Grossberg 1976; the return weights of Bhandarkar & McClelland 2025, arXiv 2511.04593.

    Parameters
    ----------
    rate
        Learning rate epsilon in [0, 1].
    gate
        Population whose spikes trigger learning, one neuron per presynaptic neuron (default: the presynaptic one).
    signal
        Population that provides x, one neuron per postsynaptic neuron (default: the postsynaptic one).
    decay
        Factor the trace x keeps per step; 0 = only spikes of the same step.
    """

    gated_by: ClassVar[str] = "pre"
