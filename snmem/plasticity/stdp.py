r"""Spike-timing-dependent plasticity of pairs of spikes.

Neuron i of the presynaptic population has a trace :math:`x_i`, neuron j of the postsynaptic one :math:`y_j`. Of the
spikes that the rule sees in step t, with ``first="pre"``:

1. presynaptic spikes i: :math:`x_i \leftarrow x_i + A_+` (``pairing="all"``) or :math:`x_i \leftarrow A_+`
   (``"nearest"``), then at all its synapses :math:`w_{ji} \leftarrow w_{ji} - y_j\, f_-(w_{ji})`, within the bounds;
2. postsynaptic spikes j: :math:`y_j \leftarrow y_j + A_-` or :math:`y_j \leftarrow A_-`, then at all its synapses
   :math:`w_{ji} \leftarrow w_{ji} + x_i\, f_+(w_{ji})`, within the bounds.

So two spikes in the same step count as pre before post; ``first="post"`` exchanges 1 and 2. Between its spikes a trace
decays by its factor in every step (:class:`snmem.plasticity.decay.Powers`). Additive: :math:`f_\pm = 1`;
multiplicative: :math:`f_+ = w_{max} - w`, :math:`f_- = w - w_{min}` (soft bounds). This is the order of Brian2 where
``on_pre`` holds ``apre += A_plus; w = clip(w - apost, ...)`` and ``on_post`` ``apost += A_minus; w = clip(w + apre,
...)``.

The rule sees a presynaptic spike of step t in step t + ``pre_delay``, by default in that in which it is delivered
(delay - 1 of the projection), and a postsynaptic one in step t + ``post_delay``. Spikes are transmitted with the
weights at their delivery, before the rule acts in that step.

Sources: Morrison, Diesmann & Gerstner 2008, doi 10.1007/s00422-008-0233-1 (pairings); Song, Miller & Abbott 2000,
doi 10.1038/78829 (additive); van Rossum, Bi & Turrigiano 2000, doi 10.1523/JNEUROSCI.20-23-08812.2000 (soft bounds).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ..description import number, option, whole
from ..errors import NetworkError
from .base import RULES, LearningRule, RuleSpikes, interval
from .decay import Traces, check_decay, decay_of

if TYPE_CHECKING:
    from ..network import Projection

#: Largest delay of what a rule sees.
LONGEST = 1 << 16


def options(owner: str, **given: tuple[Any, tuple[str, ...]]) -> None:
    """Raise NetworkError for an option, given as (value, allowed values) by name, that is none of those allowed."""
    for name, (value, allowed) in given.items():
        option(f"{owner}.{name}", value, allowed)


@dataclass(frozen=True)
class Pairs(LearningRule):
    """What rules of pairs of spikes share: amplitudes, decays, pairing and delays."""

    a_plus: float = 0.01
    a_minus: float = 0.0105
    decay_plus: float = 0.95
    decay_minus: float = 0.95
    pairing: str = "all"
    bounds: tuple[float, float] = (0.0, 1.0)
    pre_delay: int | None = None
    post_delay: int = 0
    first: str = "pre"

    def __post_init__(self) -> None:
        name = type(self).__name__
        for field in ("a_plus", "a_minus", "decay_plus", "decay_minus"):
            object.__setattr__(self, field, number(f"{name}.{field}", getattr(self, field)))
            if not np.isfinite(getattr(self, field)):
                raise NetworkError(f"{name}.{field}: must be finite, got {getattr(self, field)!r}")
        for field in ("decay_plus", "decay_minus"):
            check_decay(f"{name}.{field}", getattr(self, field))
        object.__setattr__(self, "bounds", interval(f"{name}.bounds", self.bounds))
        for field in ("pre_delay", "post_delay"):
            value = getattr(self, field)
            if value is not None:
                object.__setattr__(self, field, whole(f"{name}.{field}", value, 0, LONGEST))
        options(name, pairing=(self.pairing, ("all", "nearest")), first=(self.first, ("pre", "post")))

    def delays(self, q: Projection) -> tuple[int, int]:
        """See :meth:`LearningRule.delays`."""
        return (max(q.delay - 1, 0) if self.pre_delay is None else self.pre_delay), self.post_delay

    def trace_updates(self, q: Projection, spikes: Any) -> int:
        """Spikes of both sides."""
        return spikes[q.pre] + spikes[q.post]


class PairMemory:
    """Traces of both sides, and where the synapses of each neuron stand."""

    def __init__(self, rule: Pairs, weights: Any) -> None:
        posts: int = weights.shape[0]
        lengths: Any = np.diff(weights.indptr)
        self.post: Any = np.arange(posts).repeat(lengths)
        self.pre: Any = weights.indices.astype(np.int64)
        self.x, self.y = Traces(weights.shape[1], rule.decay_plus), Traces(weights.shape[0], rule.decay_minus)
        self.t = -1


@RULES.register("pair_stdp")
@dataclass(frozen=True)
class PairSTDP(Pairs):
    """Pair STDP; equations and order: :mod:`snmem.plasticity.stdp`.

    Parameters
    ----------
    a_plus : float
        What the presynaptic trace gains at a spike: potentiation, in units of the weight, of a pair of no distance.
    a_minus : float
        What the postsynaptic trace gains: depression.
    decay_plus : float
        Factor that the presynaptic trace keeps per step, in [0, 1).
    decay_minus : float
        Factor that the postsynaptic trace keeps per step.
    pairing : str
        "all" (all pairs of spikes) or "nearest" (each spike with the latest of the other side).
    bounds : tuple of float
        (lowest, highest) weight.
    pre_delay : int or None
        Steps after which the rule sees a presynaptic spike; None: when it is delivered, delay - 1 of the projection.
    post_delay : int
        Steps after which it sees a postsynaptic one.
    first : str
        Which spikes of a step come first: "pre" or "post".
    dependence : str
        "additive" or "multiplicative" (soft bounds).
    """

    dependence: str = "additive"

    def __post_init__(self) -> None:
        super().__post_init__()
        options("PairSTDP", dependence=(self.dependence, ("additive", "multiplicative")))

    @classmethod
    def from_tau(cls, tau_plus: float, tau_minus: float, dt: float = 1e-3, **others: Any) -> PairSTDP:
        """The rule with time constants.

        Parameters
        ----------
        tau_plus : float
            Time constant of the presynaptic trace in seconds.
        tau_minus : float
            Time constant of the postsynaptic trace in seconds.
        dt : float
            Duration of a step in seconds, as that of the network.
        **others
            Further parameters.

        Raises
        ------
        NetworkError
            For a time constant that is not positive.
        """
        plus = decay_of("PairSTDP.from_tau: tau_plus", tau_plus, dt)
        minus = decay_of("PairSTDP.from_tau: tau_minus", tau_minus, dt)
        return cls(decay_plus=plus, decay_minus=minus, **others)

    @classmethod
    def example(cls, rng: np.random.Generator) -> PairSTDP:
        """A rule with random parameters."""
        return cls(
            **random_pairs(rng),
            bounds=(float(rng.choice([-1.0, 0.0])), float(rng.choice([0.5, 1.0]))),
            dependence=str(rng.choice(["additive", "multiplicative"])),
        )

    def start(self, weights: Any, integer: bool) -> PairMemory:
        """Traces of both sides: zero."""
        return PairMemory(self, weights)

    def step(self, weights: Any, memory: PairMemory, spikes: RuleSpikes) -> int:
        """One step; see the module."""
        memory.t += 1
        return sum(self._side(side, weights.data, memory, spikes) for side in sides(self))

    def _side(self, side: str, w: Any, memory: PairMemory, spikes: RuleSpikes) -> int:
        """Let the spikes of one side act."""
        at, change = pair_changes(self, side, memory, spikes)
        low, high = self.bounds
        if self.dependence == "multiplicative":
            change = change * (w[at] - low if side == "pre" else high - w[at])
        w[at] = np.clip(w[at] - change if side == "pre" else w[at] + change, low, high)
        return len(at)


def sides(rule: Pairs) -> tuple[str, str]:
    """Both sides in their order."""
    return ("pre", "post") if rule.first == "pre" else ("post", "pre")


def pair_changes(rule: Pairs, side: str, memory: PairMemory, spikes: RuleSpikes) -> tuple[Any, Any]:
    """Take in the spikes of one side; returns its synapses and the traces of the other side there."""
    nearest, t = rule.pairing == "nearest", memory.t
    if side == "pre":
        memory.x.spike(t, spikes.pre, rule.a_plus, nearest)
        at = np.flatnonzero(np.isin(memory.pre, spikes.pre))
        return at, memory.y.at(t, memory.post[at])
    memory.y.spike(t, spikes.post, rule.a_minus, nearest)
    at = np.flatnonzero(np.isin(memory.post, spikes.post))
    return at, memory.x.at(t, memory.pre[at])


def random_pairs(rng: np.random.Generator) -> dict[str, Any]:
    """Random parameters that rules of pairs share."""
    return {
        "a_plus": float(rng.uniform(0, 0.3)),
        "a_minus": float(rng.uniform(-0.1, 0.3)),
        "decay_plus": float(rng.choice([0.0, 0.5, rng.uniform(0.5, 1 - 1e-4)])),
        "decay_minus": float(rng.choice([0.0, 0.5, rng.uniform(0.5, 1 - 1e-4)])),
        "pairing": str(rng.choice(["all", "nearest"])),
        "pre_delay": None if rng.random() < 0.5 else int(rng.integers(0, 4)),
        "post_delay": int(rng.integers(0, 3)),
        "first": str(rng.choice(["pre", "post"])),
    }
