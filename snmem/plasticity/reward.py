r"""Reward-modulated STDP: pairs of spikes leave an eligibility, and a reward turns it into a change of weight.

Traces x and y are those of :mod:`snmem.plasticity.stdp`. Every synapse has an eligibility :math:`e_{ji}`, which decays
by a factor in every step and, where :class:`~snmem.plasticity.PairSTDP` would change the weight, gains that change:
:math:`e_{ji} \leftarrow e_{ji} - y_j` at presynaptic, :math:`e_{ji} \leftarrow e_{ji} + x_i` at postsynaptic spikes.
After both, in every step in which the reward r is not 0, at all synapses:

.. math:: w_{ji} \leftarrow w_{ji} + r\, e_{ji} \quad\text{clipped to the bounds}

r of a step is the sum of ``gains`` over the neurons of the reward population that spike in it, in ascending order, and
of what the series gives for the step. An eligibility changes at the spikes of its own neurons only
(:class:`snmem.plasticity.decay.Powers`), so that work goes with spikes, and with synapses x rewards.

Sources: Izhikevich 2007, doi 10.1093/cercor/bhl152; Fremaux & Gerstner 2016, doi 10.3389/fncir.2015.00085.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from .._text import shown
from ..description import number, whole
from ..errors import NetworkError
from .base import RULES, RuleSpikes
from .decay import check_decay, powers
from .stdp import PairMemory, Pairs, pair_changes, random_pairs, sides

if TYPE_CHECKING:
    from ..network import Projection


class _Memory(PairMemory):
    """Also the eligibility of each synapse, as it was after its last change, and the step of that."""

    def __init__(self, rule: RewardSTDP, weights: Any) -> None:
        super().__init__(rule, weights)
        self.e, self.last = np.zeros(len(self.pre)), np.zeros(len(self.pre), np.int64)
        self.powers, self.rewards = powers(rule.decay), dict(rule.series)


@RULES.register("reward_stdp")
@dataclass(frozen=True)
class RewardSTDP(Pairs):
    """Reward-modulated STDP; equations and order: :mod:`snmem.plasticity.reward`.

    Parameters
    ----------
    a_plus, a_minus : float
        What the pre- and the postsynaptic trace gain at a spike.
    decay_plus, decay_minus : float
        Factors that they keep per step.
    pairing : str
        "all" or "nearest".
    bounds : tuple of float
        (lowest, highest) weight.
    pre_delay, post_delay : int
        Steps after which the rule sees spikes; as in PairSTDP.
    first : str
        Which spikes of a step come first: "pre" or "post".
    decay : float
        Factor that an eligibility keeps per step.
    reward : str or None
        Population whose spikes are rewards.
    gains : tuple of float
        Reward of a spike of each of its neurons.
    series : tuple of (int, float)
        Steps, ascending, and the reward that is given in each.

    Raises
    ------
    NetworkError
        For parameters out of range, a series that does not ascend, and a rule without reward.
    """

    decay: float = 0.99
    reward: str | None = None
    gains: tuple[float, ...] = (1.0,)
    series: tuple[tuple[int, float], ...] = ()

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "decay", number("RewardSTDP.decay", self.decay))
        check_decay("RewardSTDP.decay", self.decay)
        self._set_name("reward")
        try:
            gains = tuple(number("RewardSTDP.gains", gain) for gain in self.gains)
            series = tuple(
                (whole("RewardSTDP.series", step, 0), number("RewardSTDP.series", value)) for step, value in self.series
            )
        except (TypeError, ValueError):
            raise NetworkError(
                f"RewardSTDP: gains must be numbers and series pairs (step, reward), got {shown(self.gains)} and "
                f"{shown(self.series)}"
            ) from None
        if not np.isfinite([*gains, *(value for _, value in series)]).all():
            raise NetworkError("RewardSTDP: rewards must be finite")
        if any(a[0] >= b[0] for a, b in pairwise(series)):
            raise NetworkError("RewardSTDP.series: steps must ascend, each once")
        if self.reward is None and not series:
            raise NetworkError("RewardSTDP: nothing rewards; give a reward population or a series")
        object.__setattr__(self, "gains", gains)
        object.__setattr__(self, "series", series)

    @classmethod
    def example(cls, rng: np.random.Generator) -> RewardSTDP:
        """A rule with random parameters and rewards."""
        steps = np.flatnonzero(rng.random(60) < 0.2)
        series = tuple((int(t), float(rng.normal())) for t in (*steps, 60))
        return cls(**random_pairs(rng), bounds=(-1.0, 1.0), decay=float(rng.uniform(0, 1)), series=series)

    def started_later(self, owner: str, steps: int) -> RewardSTDP:
        """Rewards of the series are given as many steps later."""
        return replace(self, series=tuple((step + steps, value) for step, value in self.series))

    def third_of(self, q: Projection) -> str | None:
        """The reward population."""
        return self.reward

    def check_third(self, owner: str, size: int, posts: int) -> None:
        """Raise NetworkError unless every reward neuron has its gain."""
        if len(self.gains) != size:
            raise NetworkError(
                f"{owner}: RewardSTDP has {len(self.gains)} gains, and {self.reward!r} has {size} neurons; give a gain "
                "for each"
            )

    def start(self, weights: Any, integer: bool) -> _Memory:
        """Traces and eligibilities: zero."""
        return _Memory(self, weights)

    def step(self, weights: Any, memory: _Memory, spikes: RuleSpikes) -> int:
        """One step; see the module."""
        memory.t += 1
        t, touched = memory.t, 0
        for side in sides(self):
            at, change = pair_changes(self, side, memory, spikes)
            e = memory.e[at] * memory.powers(t - memory.last[at])
            memory.e[at] = e - change if side == "pre" else e + change
            memory.last[at] = t
            touched += len(at)
        reward = sum((self.gains[int(neuron)] for neuron in spikes.third), 0.0)
        reward += memory.rewards.get(t, 0.0)
        if reward:
            e = memory.e * memory.powers(t - memory.last)
            weights.data[:] = np.clip(weights.data + reward * e, *self.bounds)
            touched += len(e)
        return touched
