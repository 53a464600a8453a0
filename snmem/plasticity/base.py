"""What every learning rule is: which spikes it listens to, and one step, in a file of its own that registers itself.

Timing, the same on every runtime: after all spikes of step t are known, the rule takes them in and changes the weights.
Spikes emitted in step t are still transmitted with the weights as they were before; those of step t + 1 with the new
ones. This is the order of Lava's learning engine with ``t_epoch = 1``.

A rule defined here or anywhere else learns on backend "reference" at once. Other backends learn by what they declare,
and refuse the rest by name (:mod:`snmem.backends.base`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

import numpy as np

from .._text import shown
from ..description import Description, name_of, number
from ..errors import NetworkError
from ..registry import Registry

if TYPE_CHECKING:
    from ..network import Projection
    from .sum_of_products import SumOfProducts

#: Learning rules by name; a file that defines one registers it here.
RULES: Registry[type[LearningRule]] = Registry(
    "learning rule",
    tuple(f"snmem.plasticity.{name}" for name in ("instar", "sum_of_products", "stdp", "selective", "reward")),
)


class RuleSpikes(NamedTuple):
    """Neurons whose spikes a rule sees in a step, as ascending indices; ``third``: see LearningRule.third_of."""

    pre: Any
    post: Any
    gate: Any
    signal: Any
    third: Any = ()


class LearningRule(Description):
    """Parameters of a rule and its step: a frozen dataclass.

    Attributes
    ----------
    arithmetics : tuple of str
        Arithmetics of the networks in which it learns: "float", "loihi".
    gated_by : str
        Side of the projection, "post" or "pre", that the gate is, or stands for neuron by neuron.
    gate : str or None
        Population that gates instead; None: the side itself.
    signal : str or None
        Population that provides the signal instead of the other side; None: that side itself.
    """

    arithmetics: ClassVar[tuple[str, ...]] = ("float",)
    gated_by: ClassVar[str] = "post"
    gate: str | None = None
    signal: str | None = None

    @classmethod
    def example(cls, rng: np.random.Generator) -> LearningRule:
        """A rule with random parameters, for the conformance suite; its defaults, unless a class draws its own."""
        return cls()

    def sides(self, q: Projection) -> tuple[str, str]:
        """Populations of the projection that gate and give the signal where the rule names no others."""
        return (q.post, q.pre) if self.gated_by == "post" else (q.pre, q.post)

    def gate_of(self, q: Projection) -> str:
        """Population whose spikes gate the learning of ``q``."""
        return self.gate or self.sides(q)[0]

    def signal_of(self, q: Projection) -> str:
        """Population whose spikes are the signal of ``q``."""
        return self.signal or self.sides(q)[1]

    def check(self, q: Projection, arithmetic: str, size_of: Callable[[str, str], int]) -> None:
        """Raise NetworkError, naming the projection, unless the rule can learn there.

        Parameters
        ----------
        q : Projection
            The projection.
        arithmetic : str
            That of the network.
        size_of : callable
            Size of a population by its name; the second argument says, for an error, what it is to the rule.
        """
        owner, kind = f"projection {q.name!r}", type(self).__name__
        if arithmetic not in self.arithmetics:
            numbers = {"float": "float64", "loihi": "Loihi's integers"}
            raise NetworkError(
                f"{owner}: {kind} learns in {numbers[self.arithmetics[0]]}, the network is in {numbers[arithmetic]}; "
                "freeze the network first (Network.freeze), or use a SumOfProducts of constants m*2^n"
            )
        if len(q.delays) > 1 or min(q.delays) < 1:
            got = min(q.delays) if len(q.delays) == 1 else f"{len(q.delays)} different ones"
            raise NetworkError(f"{owner}: a plastic projection needs one delay of 1 step or more, got {got}")
        roles = zip(("gate", "signal"), (self.gate_of(q), self.signal_of(q)), self.sides(q), strict=True)
        for role, name, like in roles:
            given, needed = size_of(name, f": {role}"), size_of(like, "")
            if given != needed:
                raise NetworkError(f"{owner}: {role} {name!r} has {given} neurons, expected {needed} as in {like!r}")
        third = self.third_of(q)
        if third is not None:
            self.check_third(owner, size_of(third, ""), q.weights.shape[0])

    def third_of(self, q: Projection) -> str | None:
        """A further population whose spikes the rule of ``q`` sees, such as a reward; None: none."""
        return None

    def check_third(self, owner: str, size: int, posts: int) -> None:
        """Raise NetworkError, for ``owner``, unless ``size`` neurons are right for a projection onto ``posts``."""

    def started_later(self, owner: str, steps: int) -> LearningRule:
        """The rule of a projection that runs ``steps`` steps late; NetworkError, for ``owner``, where there is none."""
        return self

    def delays(self, q: Projection) -> tuple[int, int]:
        """Steps after which the rule of ``q`` sees pre- and postsynaptic spikes; gate, signal and third at once."""
        return 0, 0

    def start(self, weights: Any, integer: bool) -> Any:
        """What the rule remembers of one projection before step 0: any object that can be copied.

        Parameters
        ----------
        weights : sparse array (post, pre)
            The projection's synapses, as CSR.
        integer : bool
            Whether the network is in Loihi's integers.
        """
        return None

    def step(self, weights: Any, memory: Any, spikes: RuleSpikes) -> int:
        """Learn from the spikes of one step.

        Parameters
        ----------
        weights : sparse array (post, pre)
            CSR; its ``data`` is changed in place.
        memory : object
            What :meth:`start` returned; changed in place.
        spikes : RuleSpikes
            Who spiked in this step.

        Returns
        -------
        int
            Number of synapses touched.
        """
        raise NotImplementedError(f"{type(self).__name__} defines no step")

    def as_products(self, q: Projection, impulse: float = 1.0, exact: bool = True) -> SumOfProducts:
        """This rule in the grammar of Loihi's learning engine.

        Parameters
        ----------
        q : Projection
            The projection that it belongs to.
        impulse : float
            What a trace gains at a spike: the weight that an active synapse learns.
        exact : bool
            Refuse a rate that is no mantissa times a power of 2, instead of taking the nearest one.

        Raises
        ------
        NetworkError
            Naming the projection, for what the grammar does not express.
        """
        raise NetworkError(f"projection {q.name!r}: Loihi's learning engine does not express {type(self).__name__}")

    def trace_updates(self, q: Projection, spikes: Mapping[str, int]) -> int:
        """Spikes that move traces of ``q``, each counted once for every trace; ``spikes`` by population."""
        return spikes[self.signal_of(q)]

    def _set_name(self, field: str) -> None:
        name = name_of(getattr(self, field))
        if name is not None and not isinstance(name, str):
            raise NetworkError(f"{type(self).__name__}.{field}: must be a population or its name, got {shown(name)}")
        object.__setattr__(self, field, name)


def interval(name: str, value: Any) -> tuple[float, float]:
    """Bounds of weights as two numbers; NetworkError unless the first is at most the second."""
    try:
        low, high = (number(name, bound) for bound in value)
    except (TypeError, ValueError):
        raise NetworkError(f"{name}: must be (lowest, highest), got {shown(value)}") from None
    if not low <= high:
        raise NetworkError(f"{name}: the lowest weight must be at most the highest, got {(low, high)}")
    return low, high
