r"""Local learning rules: plain descriptions attached to a :class:`~snmem.network.Projection`.

Both rules move a synapse towards a binary signal x, on existing synapses only, whenever a *gate* neuron spikes:

.. math:: \Delta w = \text{rate}\,(x - w)

Timing, the same on every runtime: after all spikes of step t are known, first the trace takes them in
(:math:`x \leftarrow \text{decay}\,x + s_t`; with ``decay = 0``, x is 1 exactly where the neuron spiked in step t),
then the rule acts. Spikes emitted in step t are still transmitted with the weights as they were before; those of
step t + 1 with the new ones.
This is the order of Lava's learning engine with ``t_epoch = 1``.
"""

from __future__ import annotations

from dataclasses import dataclass

from .description import Description, name_of, number, whole
from .errors import NetworkError
from .io.reading import shown


class LearningRule(Description):
    """What all rules share: frozen dataclasses, each with its ``gate``."""

    def _set_name(self, field: str) -> None:
        name = name_of(getattr(self, field))
        if name is not None and not isinstance(name, str):
            raise NetworkError(f"{type(self).__name__}.{field}: must be a population or its name, got {shown(name)}")
        object.__setattr__(self, field, name)


@dataclass(frozen=True)
class _Rule(LearningRule):
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


class Instar(_Rule):
    """Postsynaptically gated: at a gate spike of unit j, every synapse i -> j learns ``w += rate * (x_i - w)``.

    Parameters
    ----------
    rate : learning rate epsilon in [0, 1].
    gate : population whose spikes trigger learning, one neuron per postsynaptic neuron (default: the postsynaptic one).
    signal : population that provides x, one neuron per presynaptic neuron (default: the presynaptic one).
    decay : factor the trace x keeps per step; 0 = only spikes of the same step.

    Source: Grossberg 1976; eq. of the K-winner memory in Bhandarkar & McClelland 2025, arXiv 2511.04593.
    """


class Outstar(_Rule):
    """Presynaptically gated: at a gate spike of unit i, every synapse i -> j learns ``w += rate * (x_j - w)``.

    Parameters
    ----------
    rate : learning rate epsilon in [0, 1].
    gate : population whose spikes trigger learning, one neuron per presynaptic neuron (default: the presynaptic one).
    signal : population that provides x, one neuron per postsynaptic neuron (default: the postsynaptic one).
    decay : factor the trace x keeps per step; 0 = only spikes of the same step.

    Source: Grossberg 1976; the return weights of Bhandarkar & McClelland 2025, arXiv 2511.04593.
    """


@dataclass(frozen=True)
class SumOfProducts(LearningRule):
    """A rule of Loihi's learning engine as text: its grammar is in :mod:`snmem.loihi.rules`.

    In every step, after all spikes are known: traces decay and take in the spikes of this step, then ``dw``, ``dd`` and
    ``dt`` change the synaptic variables w (weight), d and t (tags). In Loihi networks traces have 7 bits and weights 8;
    both are rounded at random, by numpy generators as in Lava's simulation, so that its weights come out the same.

    Parameters
    ----------
    dw, dd, dt : sums of products, such as "2^-2*y0*x1 - 2^-2*y0*w"; at least one.
    x1, x2, y1, y2, y3 : (impulse, tau) of a trace: it decays by exp(-1/tau) per step and gains ``impulse`` at a spike;
        tau = 0 holds the impulse for the step of the spike only. Impulses lie in 0..127 in Loihi networks.
    gate : population whose spikes count as postsynaptic (y0 and the y traces), one neuron per postsynaptic neuron;
        default: the postsynaptic one.
    d, t : values that the tags of all synapses begin with.
    seed : of the random rounding.
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

    def __post_init__(self) -> None:
        from .loihi.rules import TRACES, parse

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


Rule = Instar | Outstar | SumOfProducts
