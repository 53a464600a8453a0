r"""How far u and v of a population can go, whatever its input does.

With :math:`W^+` the sum of a neuron's positive weights, all active in every step, u and v, which begin at 0, stay at or
below the solution of

.. math:: U \leftarrow \alpha U + W^+, \quad V \leftarrow \beta V + U + c

and with the negative weights alone at or above theirs. Both decide what can spike, what Loihi's 24 bits can hold, and
what can become infinite.
"""

from __future__ import annotations

from collections.abc import Container
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._weights import sums_of
from ..network import Network, Population
from ..neurons import LIF, LOIHI_SHIFT, LOIHI_STATE_LIMIT, LoihiLIF
from ..sources import Source

#: Steps beyond which nobody waits for v to leave its range.
LONGEST = 2**40


@dataclass(frozen=True)
class Reach:
    """What drives the neurons of a population at most; vectors with one value per neuron.

    Attributes
    ----------
    alpha, beta : array
        Factors of u and v kept per step.
    bias : array
        What is added to v in every step.
    up, down : array
        Sum of the positive weights, and of the magnitudes of the negative ones.
    """

    alpha: NDArray[np.float64]
    beta: NDArray[np.float64]
    bias: NDArray[np.float64]
    up: NDArray[np.float64]
    down: NDArray[np.float64]

    def highest(self) -> NDArray[np.float64]:
        """The bound of v: the larger of U + c and (U + c) / (1 - beta), where U = up / (1 - alpha); may be inf."""
        drive = _held(self.up, self.alpha) + self.bias
        return np.maximum(drive, _held(drive, self.beta))

    def most_current(self) -> NDArray[np.float64]:
        """The bound of the magnitude of u."""
        return np.maximum(_held(self.up, self.alpha), _held(self.down, self.alpha))

    def of(self, neurons: NDArray[np.bool_]) -> Reach:
        """The same for some of the neurons."""
        return Reach(*(getattr(self, name)[neurons] for name in ("alpha", "beta", "bias", "up", "down")))

    def steps_below(self, limit: float, steps: int = LONGEST, sign: int = 1) -> int | None:
        """The number of steps that every v surely stays at or below ``limit``; None: for ``steps`` steps and more.

        ``sign`` = -1: stays at or above ``-limit``.
        """
        weights, bias = (self.up, self.bias) if sign > 0 else (self.down, -self.bias)
        one, zero = np.ones_like(bias), np.zeros_like(bias)
        # (u, v, 1) after a step, from (u, v, 1) before it
        step = np.array([[self.alpha, zero, weights], [self.alpha, self.beta, weights + bias], [zero, zero, one]])
        powers = [np.moveaxis(step, 2, 0)]
        with np.errstate(over="ignore", invalid="ignore"):
            while 2 ** len(powers) <= steps:
                powers.append(powers[-1] @ powers[-1])
            state, done = np.tile([0.0, 0.0, 1.0], (len(bias), 1))[:, :, None], 0
            for k in reversed(range(len(powers))):  # once v rises above the limit it stays there
                after = powers[k] @ state
                if done + 2**k <= steps and not (after[:, 1, 0] > limit).any() and not np.isnan(after).any():
                    state, done = after, done + 2**k
        return done if done < steps else None


#: Features that leave the bounds of the plain neuron true.
_BOUNDED = {"refractory", "freeze", "reset_current"}


def reach(network: Network, p: Population, silent: Container[str] = ()) -> Reach | None:
    """The :class:`Reach` of population ``p``, of which the ``silent`` ones are no sources; None if it is not known.

    It is known for plain LIF, in units of v, and for LoihiLIF, in the unit of its integers, without learning synapses,
    where inputs give spikes, of value 1: sources whose events carry values drive it without bound.
    """
    neuron: Any = p.neuron
    if neuron.features - _BOUNDED or any(network.receptor_of(q) for q in network.projections if q.post == p.name):
        return None
    if type(neuron) is LIF:
        alpha, beta, bias = (neuron.vector(name, p.size) for name in ("alpha", "beta", "bias"))
        unit = 1.0
    elif type(neuron) is LoihiLIF:
        alpha, beta = (4095 - neuron.vector("du", p.size)) / 4096, (4096 - neuron.vector("dv", p.size)) / 4096
        bias, unit = np.zeros(p.size) + neuron.bias, float(LOIHI_SHIFT)
    else:
        return None
    up, down = np.zeros(p.size), np.zeros(p.size)
    for q in network.projections:
        if q.post != p.name or not q.synapses or q.pre in silent:
            continue
        pre = network[q.pre]
        if q.plasticity or (isinstance(pre, Source) and pre.values):
            return None
        with np.errstate(over="ignore"):
            up += sums_of(q.weights, _above, unit * 2.0**q.exponent)
            down -= sums_of(q.weights, _below, unit * 2.0**q.exponent)
    return Reach(alpha, beta, bias, up, down)


def _above(x: NDArray[Any]) -> NDArray[Any]:
    return np.maximum(x, 0)


def _below(x: NDArray[Any]) -> NDArray[Any]:
    return np.minimum(x, 0)


def _held(x: NDArray[Any], kept: NDArray[Any]) -> NDArray[Any]:
    """The limit of y = kept * y + x: x / (1 - kept); without leak infinite or, for x <= 0, at most 0."""
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        return np.where(kept == 1, np.where(x > 0, np.inf, np.minimum(x, 0.0)), x / (1 - kept))


def wraps(reached: Reach) -> NDArray[np.bool_]:
    """Whether u of LoihiLIF neurons could leave its 24 bits, and so come out at the other end."""
    return reached.most_current() >= LOIHI_STATE_LIMIT
