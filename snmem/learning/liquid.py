r"""A liquid of LIF neurons whose plasticity an astrocyte holds in balance (NALSM).

Neurons stand on a cube, four fifths excitatory; those at distance D are joined with probability
:math:`C\, e^{-(D / 3)^2}`, C by kind. Excitatory synapses change by pairs of spikes, with traces x and y of the pre-
and postsynaptic neuron that gain 1 at a spike:

.. math::
    w \leftarrow w - A\, y \;\text{(presynaptic spike)}, \quad w \leftarrow w + a_+\, x \;\text{(postsynaptic spike)},
    \quad A \leftarrow A + \frac{g\,(n_\text{liquid} - n_\text{input}) + b - A}{\tau}

within bounds: the more the liquid spikes beyond its input, the stronger is depression. In a step presynaptic spikes
come first, then postsynaptic ones, then A.

Source: Ivanov & Michmizos 2021, "Increasing liquid state machine performance with edge-of-chaos dynamics organized by
astrocyte-modulated plasticity", NeurIPS (a+ 0.15, tau 100 ms, g 0.015 for 1000 neurons; membranes of 64 ms, threshold
20, refractory period of 2 ms). Initial weights, input weights, b and the traces' 20 ms are ours.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from ..description import Description, is_whole, number
from ..errors import InputError, NetworkError
from ..network import Input, Network, Population, Projection
from ..neurons import LIF
from ..plasticity import LearningRule, RuleSpikes
from ..plasticity.base import interval
from ..spikes import Recording

#: Connection constants and initial weights: from excitatory and inhibitory neurons (rows) to both (columns).
CHANCE, WEIGHT = ((0.2, 0.1), (0.3, 0.05)), ((3.0, 6.0), (-4.0, -4.0))
REACH, DENSITY = 3.0, 0.15
MEMBRANE, THETA, REFRACTORY = math.exp(-1 / 64), 20.0, 2
#: Weights of a frozen liquid are multiples of 1 / GRID.
GRID = 64


class _Memory:
    """Traces of both sides, and the astrocyte."""

    def __init__(self, weights: Any, level: float) -> None:
        posts, pres = weights.shape
        self.post, self.pre = np.arange(posts).repeat(np.diff(weights.indptr)), weights.indices.astype(np.int64)
        self.x, self.y, self.level = np.zeros(pres), np.zeros(posts), level


@dataclass(frozen=True)
class AstrocyteSTDP(LearningRule):
    """Pair STDP whose depression follows an astrocyte (equations in the module). Learns on the backend "reference".

    Parameters
    ----------
    inputs : str
        Population whose spikes count as input.
    a_plus : float
        Potentiation of a pair.
    gain : float
        g of the astrocyte; 0 makes plain pair STDP with the depression ``base``.
    base : float
        b, and the value that A begins with.
    tau : float
        Steps of the astrocyte.
    decay : float
        Factor that traces keep per step.
    bounds : tuple of float
        (lowest, highest) weight.
    """

    inputs: str = "input"
    a_plus: float = 0.15
    gain: float = 0.015
    base: float = 0.15
    tau: float = 100.0
    decay: float = math.exp(-1 / 20)
    bounds: tuple[float, float] = (0.0, 8.0)

    def __post_init__(self) -> None:
        for name in ("a_plus", "gain", "base", "tau", "decay"):
            object.__setattr__(self, name, number(f"AstrocyteSTDP.{name}", getattr(self, name)))
        if not (self.tau >= 1 and 0 <= self.decay < 1):
            raise NetworkError(f"AstrocyteSTDP: tau {self.tau} must be 1 or more, decay {self.decay} in [0, 1)")
        object.__setattr__(self, "bounds", interval("AstrocyteSTDP.bounds", self.bounds))
        self._set_name("inputs")

    def third_of(self, q: Projection) -> str:
        """The input."""
        return self.inputs

    def start(self, weights: Any, integer: bool) -> _Memory:
        """Traces 0, the astrocyte at its base."""
        return _Memory(weights, self.base)

    def step(self, weights: Any, memory: _Memory, spikes: RuleSpikes) -> int:
        """One step; see the module."""
        memory.x *= self.decay
        memory.y *= self.decay
        w, touched = weights.data, 0
        for spiked, trace, other, sign in (
            (spikes.pre, memory.x, memory.pre, -memory.level),
            (spikes.gate, memory.y, memory.post, self.a_plus),
        ):
            now = np.zeros(len(trace), bool)
            now[spiked] = True
            trace[spiked] += 1
            at = np.flatnonzero(now[other])
            change = memory.y[memory.post[at]] if sign is not self.a_plus else memory.x[memory.pre[at]]
            w[at] = np.clip(w[at] + sign * change, *self.bounds)
            touched += len(at)
        balance = self.gain * (len(spikes.gate) - len(spikes.third)) + self.base
        memory.level += (balance - memory.level) / self.tau
        return touched


@dataclass(frozen=True)
class Liquid(Description):
    """A liquid on a cube (equations in the module).

    Parameters
    ----------
    side : int
        Neurons along an edge; side cubed in all.
    lines : int
        Input lines; each reaches a share 0.15 of the excitatory neurons.
    drive : float
        Weight of an input line.
    scale : float
        Initial weights between the neurons, relative to the usual ones.
    seed : int
        Of the wiring.
    """

    side: int = 10
    lines: int = 64
    drive: float = 0.6
    scale: float = 1.0
    seed: int = 0

    def __post_init__(self) -> None:
        for name, high in (("side", 30), ("lines", 1 << 20)):
            value: Any = getattr(self, name)
            if not is_whole(value) or not 1 <= value <= high:
                raise InputError(f"Liquid.{name}: must be a whole number in 1..{high}, got {value!r}")

    @property
    def size(self) -> int:
        """Number of neurons."""
        return self.side**3

    @cached_property
    def excitatory(self) -> NDArray[np.bool_]:
        """Which neurons are excitatory, (size,)."""
        order = np.random.default_rng([self.seed, 0]).permutation(self.size)
        return order < round(0.8 * self.size)

    @cached_property
    def wiring(self) -> tuple[sp.csr_array, sp.csr_array, sp.csr_array]:
        """Weights from excitatory and from inhibitory neurons, (size, size), and from the input, (size, lines)."""
        rng, kind = np.random.default_rng([self.seed, 1]), np.where(self.excitatory, 0, 1)
        place = np.indices((self.side,) * 3).reshape(3, -1)
        far = sum((p[:, None] - p) ** 2 for p in place)
        pair = kind[None, :] * 2 + kind[:, None]
        there = rng.random(pair.shape) < np.ravel(CHANCE)[pair] * np.exp(-far / REACH**2)
        np.fill_diagonal(there, False)
        weights = there * np.round(self.scale * np.ravel(WEIGHT)[pair] * GRID) / GRID
        reached = (rng.random((self.size, self.lines)) < DENSITY) & self.excitatory[:, None]
        parts = weights * self.excitatory, weights * ~self.excitatory, self.drive * reached
        first, second, third = (sp.csr_array(part) for part in parts)
        return first, second, third

    def network(
        self, excitatory: Any = None, rule: LearningRule | None = None, clear_every: int | None = None
    ) -> Network:
        """Input ``input`` -> ``liquid``.

        Parameters
        ----------
        excitatory : sparse array (size, size)
            Learned weights from excitatory neurons; None: the initial ones.
        rule : LearningRule
            How they go on to learn.
        clear_every : int
            Steps of a sample, after which membranes begin at 0 again.
        """
        mine, inhibitory, drive = self.wiring
        neuron = LIF(alpha=0, beta=MEMBRANE, theta=THETA, refractory=REFRACTORY)
        weights = mine if excitatory is None else sp.csr_array(excitatory)
        return Network(
            (Input("input", self.lines), Population("liquid", self.size, neuron, clear_every)),
            (
                Projection("input", "liquid", drive),
                Projection("liquid", "liquid", weights, plasticity=rule, name="excitatory"),
                Projection("liquid", "liquid", inhibitory, name="inhibitory"),
            ),
            outputs=("liquid",),
        )


def on_grid(weights: Any) -> sp.csr_array:
    """Learned weights rounded to multiples of 1 / 64: their sums are then exact on every float runtime."""
    out = sp.csr_array(weights)
    return sp.csr_array((np.round(out.data * GRID) / GRID, out.indices, out.indptr), shape=out.shape)


class Branching(NamedTuple):
    """What :func:`branching` returns.

    ratio : spikes in a step over those in the step before, sums over the run.
    descendants : mean change of the spikes of a spike's targets by it.
    error : standard error of the mean.
    """

    ratio: float
    descendants: float
    error: float


def branching(
    network: Network, recording: Recording, spikes: int = 4000, horizon: int = 100, seed: int = 0
) -> Branching:
    """Two branching factors of a liquid's run.

    The *ratio* of spikes in successive steps (after Beggs & Plenz 2003, doi 10.1523/JNEUROSCI.23-35-11167.2003) is near
    1 wherever activity neither grows nor dies out. The *descendants* of a spike are counted one by one: its targets run
    again with and without it for ``horizon`` steps, all other spikes as they were.
    """
    liquid, given = (recording.spikes[name].raster() for name in ("liquid", "input"))
    weights: Any = sum(
        (q.weights for q in network.projections if q.pre == "liquid"), sp.csr_array(liquid.shape[1:] * 2)
    )
    drive: Any = next(q.weights for q in network.projections if q.pre == "input")
    current = np.zeros(liquid.shape)
    current[1:] = (weights @ liquid[:-1].T + drive @ given[:-1].T).T
    state = np.zeros((2, liquid.shape[1]))
    states = np.zeros((len(liquid), *state.shape))
    for step, arrives in enumerate(current):
        state, _ = _step(state, arrives)
        states[step] = state
    when, who = np.nonzero(liquid[: len(liquid) - horizon - 1])
    some = np.random.default_rng(seed).permutation(len(when))[:spikes]
    when, who = when[some], who[some]
    by_pre = sp.csc_array(weights)
    count = np.diff(by_pre.indptr)[who]
    at = np.concatenate([np.arange(by_pre.indptr[n], by_pre.indptr[n + 1]) for n in who])
    target, weight, first = by_pre.indices[at], by_pre.data[at], np.repeat(when, count)
    spiked = np.zeros((2, len(at)))
    for without in (0, 1):
        state = states[first, :, target].T.copy()
        for step in range(1, horizon + 1):
            arrives = current[first + step, target] - (without * weight if step == 1 else 0)
            state, now = _step(state, arrives)
            spiked[without] += now
    each = np.bincount(np.repeat(np.arange(len(who)), count), spiked[0] - spiked[1], len(who))
    per_step = liquid.sum(1)
    ratio = float(per_step[1:].sum() / max(per_step[:-1].sum(), 1))
    return Branching(ratio, float(each.mean()), float(each.std() / math.sqrt(len(each))))


def _step(state: NDArray[np.float64], arrives: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """One step of the liquid's neurons: (v, refractory steps left), and who spikes."""
    v, left = state
    held = left > 0
    v = np.where(held, v, MEMBRANE * v + arrives)
    spikes = (v > THETA) & ~held
    return np.stack([np.where(spikes, 0.0, v), np.where(spikes, REFRACTORY, np.maximum(left - 1, 0))]), spikes
