"""Rules of Loihi's learning engine: sums of products, written as text (:mod:`snmem.loihi.rules`)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from .._text import shown
from ..description import number, whole
from ..errors import NetworkError
from ..loihi.learning import Learning
from ..loihi.rules import TRACES, parse, plain_text
from .base import RULES, LearningRule, RuleSpikes, interval

if TYPE_CHECKING:
    from ..network import Projection


@RULES.register("sum_of_products")
@dataclass(frozen=True)
class SumOfProducts(LearningRule):
    """A rule of Loihi's learning engine as text: its grammar is in :mod:`snmem.loihi.rules`.

    In every step, after all spikes are known: traces decay and take in the spikes of this step, then ``dw``, ``dd`` and
    ``dt`` change the synaptic variables w (weight), d and t (tags). In Loihi networks traces have 7 bits and weights 8;
    both are rounded at random, by numpy generators as in Lava's simulation, so that its weights come out the same.

    Parameters
    ----------
    dw, dd, dt
        Sums of products, such as "2^-2*y0*x1 - 2^-2*y0*w"; at least one.
    x1, x2, y1, y2, y3
        (impulse, tau) of a trace: it decays by exp(-1/tau) per step and gains ``impulse`` at a spike; tau = 0 holds the
        impulse for the step of the spike only. Impulses lie in 0..127 in Loihi networks.
    gate
        Population whose spikes count as postsynaptic (y0 and the y traces), one neuron per postsynaptic neuron;
        default: the postsynaptic one.
    d, t
        Values that the tags of all synapses begin with.
    bounds
        (lowest, highest) weight; default: in floating point weights keep the sign that all begin with, if they have
        one; in Loihi networks they have 8 bits.
    seed
        Of the random rounding.
    """

    dw: str | None = None
    dd: str | None = None
    dt: str | None = None
    x1: tuple[float, float] = (0, 0)
    x2: tuple[float, float] = (0, 0)
    y1: tuple[float, float] = (0, 0)
    y2: tuple[float, float] = (0, 0)
    y3: tuple[float, float] = (0, 0)
    gate: str | None = None
    d: int = 0
    t: int = 0
    seed: int = 1
    bounds: tuple[float, float] | None = None

    def __post_init__(self) -> None:
        for name in ("dw", "dd", "dt"):
            text = getattr(self, name)
            if text is not None and not isinstance(text, str):
                raise NetworkError(f"SumOfProducts.{name}: must be the text of a rule, got {shown(text)}")
        given = {name: getattr(self, name) for name in ("dw", "dd", "dt") if getattr(self, name) is not None}
        if not given:
            raise NetworkError("SumOfProducts: changes nothing; give dw, dd or dt")
        products = [product for name, text in given.items() for product in parse(text, name)]
        if len({product.every for product in products if product.dependency == "u"}) > 1:
            raise NetworkError("SumOfProducts: dw, dd and dt have different u<k>; all products share one")
        used = {factor.variable for product in products for factor in product.factors}
        for name in TRACES:
            self._set_trace(name, name in used)
        for name, low in (("d", 0), ("t", -256)):
            object.__setattr__(self, name, whole(f"SumOfProducts.{name}", getattr(self, name), low, 255))
        object.__setattr__(self, "seed", whole("SumOfProducts.seed", self.seed, 0))
        self._set_name("gate")
        if self.bounds is not None:
            object.__setattr__(self, "bounds", interval("SumOfProducts.bounds", self.bounds))

    @property
    def arithmetics(self) -> tuple[str, ...]:  # type: ignore[override]
        """Arithmetics in which it learns: in floating point alone where a constant is none of Loihi's."""
        texts = [(text, name) for name in ("dw", "dd", "dt") if (text := getattr(self, name))]
        decimals = any(product.decimal is not None for pair in texts for product in parse(*pair))
        return ("float",) if decimals else ("float", "loihi")

    def _set_trace(self, name: str, used: bool) -> None:
        pair = getattr(self, name)
        try:
            impulse, tau = (number(f"SumOfProducts.{name}", value) for value in pair)
        except (TypeError, ValueError):
            raise NetworkError(f"SumOfProducts.{name}: must be (impulse, tau), got {shown(pair)}") from None
        if not (0 <= impulse <= 127 and tau >= 0):
            raise NetworkError(
                f"SumOfProducts.{name}: the impulse must lie in 0..127 and tau be 0 or more, got {(impulse, tau)}"
            )
        if used and impulse == 0:
            raise NetworkError(f"SumOfProducts.{name}: the rule uses this trace, but its impulse is 0; give both")
        pair = tuple(int(x) if x.is_integer() else x for x in (impulse, tau))  # equal rules print alike
        object.__setattr__(self, name, pair)

    @classmethod
    def example(cls, rng: np.random.Generator) -> SumOfProducts:
        """One of :data:`EXAMPLES`, with random rounding of its own."""
        chosen: dict[str, Any] = EXAMPLES[int(rng.integers(len(EXAMPLES)))]
        return cls(**chosen, seed=int(rng.integers(1, 1000)))

    def start(self, weights: Any, integer: bool) -> Learning:
        """The learning engine of one projection."""
        return Learning(self, weights, integer)

    def step(self, weights: Any, memory: Learning, spikes: RuleSpikes) -> int:
        """One step of the learning engine."""
        return memory.step(weights.data, spikes.pre, spikes.gate)

    def as_products(self, q: Projection, impulse: float = 1.0, exact: bool = True) -> SumOfProducts:
        """The rule itself, on one line and without decimals: Lava takes no others."""
        if self.bounds is not None:
            raise NetworkError(
                f"projection {q.name!r}: SumOfProducts has bounds={self.bounds!r}; Loihi's engine has those of its 8 "
                "bits only, leave them out"
            )
        texts = {key: getattr(self, key) for key in ("dw", "dd", "dt") if getattr(self, key)}
        return replace(self, **{key: plain_text(text, key) for key, text in texts.items()})

    def started_later(self, owner: str, steps: int) -> SumOfProducts:
        """The rule itself; a factor u<k> belongs to the steps that are multiples of 2^k, and these must stay so."""
        texts = [(text, name) for name in ("dw", "dd", "dt") if (text := getattr(self, name))]
        for product in (product for pair in texts for product in parse(*pair)):
            if product.dependency == "u" and steps % (1 << product.every):
                raise NetworkError(
                    f"{owner} runs {steps} steps late, and u{product.every} of its rule acts once in "
                    f"{1 << product.every} steps; delay what reaches it instead"
                )
        return self

    def trace_updates(self, q: Projection, spikes: Mapping[str, int]) -> int:
        """Spikes of both sides, once for every trace that has an impulse."""
        traces = {name: getattr(self, name)[0] != 0 for name in TRACES}
        before, after = (sum(on for name, on in traces.items() if name[0] == side) for side in "xy")
        return before * spikes[q.pre] + after * spikes[self.gate_of(q)]


#: Rules for the conformance suite: every kind of dependency, factor, trace and target.
EXAMPLES: tuple[dict[str, Any], ...] = (
    {"dw": "2^-2*y0*x1 - 2^-2*y0*w", "x1": (127, 0)},
    {"dw": "5*2^-4*x0*y1 - 5*2^-4*x0*w", "y1": (127, 0)},
    {"dw": "2^-2*y0*x1 - 2^-4*x0*y1", "x1": (20.7, 8.3), "y1": (11.3, 5)},
    {"dw": "2^-3*y0*x1*y1 - 2^-5*u2*(w-40)", "x1": (60, 4), "y1": (100.5, 3)},
    {"dw": "2^-2*y0*x1*t - 3*y0*sgn(w)", "dt": "2^-3*x0*y2 - 2^-4*u0*t", "x1": (60, 4), "y2": (30, 6), "t": 5},
    {"dd": "2*y0*x2", "dw": "2^-6*y0*d*x2 - y0*w*2^-3", "x2": (33, 7)},
    {"dw": "2^-1*y0*x1 - 2^-3*u1*w*y3", "x1": (9.5, 2), "y3": (3, 9)},
)
