"""The leaky integrate-and-fire neuron in Loihi's fixed point, bit for bit as Lava's ``bit_accurate_loihi`` models.

The step function below is the definition; every backend is tested against it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from .base import LEFT, NEURONS, Neuron, State, check_range

#: Loihi's u and v are 24-bit signed numbers.
LOIHI_STATE_LIMIT = 2**23
#: Charge on v per unit of synaptic weight (Loihi shifts synaptic input and thresholds left by 6 bits).
LOIHI_SHIFT = 64


@NEURONS.register("loihi_lif")
@dataclass(frozen=True, eq=False)
class LoihiLIF(Neuron):
    """Parameters of the LIF neuron in Loihi's fixed point.

    With ``dec(x, k) = sign(x k) (|x k| >> 12)`` and ``M = 2**23``::

        u = dec(u, 4096 - (du + 1)) + 64 * I          then wrapped once into (-M, M]
        v = clip(dec(v, 4096 - dv) + u + bias_mant * 2**bias_exp, -(M - 1), M - 1)
        s = v > 64 * vth
        v = 0 where s

    In the ``refractory - 1`` steps after that of a spike u goes on, v stays 0 and the neuron does not spike.
    ``I`` sums, over the projections, ``(sum of weights) * 2**exponent`` rounded down.

    Source: Lava 0.10.0, process models of ``lava.proc.lif`` (see docs, "Loihi arithmetic").

    Parameters
    ----------
    du, dv
        0 .. 4095, decay of u and v per step in units of 1/4096 (du has an offset of 1: du = 0 still leaks).
    vth
        0 .. 131071, threshold in weight units.
    bias_mant, bias_exp
        -4096 .. 4095 and 0 .. 7; bias_mant * 2**bias_exp is added to v.
    refractory
        1 .. 64, the refractory period in steps as Loihi counts it, with the step of the spike: 1 is none.
    """

    du: Any = 4095
    dv: Any = 0
    vth: Any = 1
    bias_mant: Any = 0
    bias_exp: Any = 0
    refractory: Any = 1

    later: ClassVar[tuple[str, ...]] = ("refractory",)
    arithmetic: ClassVar[str] = "loihi"
    limits: ClassVar[Mapping[str, tuple[Any, Any]]] = {
        "du": (0, 4095),
        "dv": (0, 4095),
        "vth": (0, 131071),
        "bias_mant": (-4096, 4095),
        "bias_exp": (0, 7),
    }

    def __post_init__(self) -> None:
        super().__post_init__()
        check_range("LoihiLIF", "refractory", self.refractory, 1, 64)

    @property
    def bias(self) -> Any:
        """bias_mant * 2**bias_exp: what is added to v in every step."""
        return self.bias_mant * 2**self.bias_exp

    @cached_property
    def features(self) -> frozenset[str]:  # pyright: ignore[reportIncompatibleMethodOverride]
        """ "refractory", where a neuron is for longer than the step of its spike."""
        return frozenset(("refractory",) if np.any(np.asarray(self.refractory) > 1) else ())

    @property
    def variables(self) -> tuple[str, ...]:  # pyright: ignore[reportIncompatibleVariableOverride]
        """State variables: u, v and, where switched on, the refractory steps left."""
        return ("u", "v", LEFT) if self.features else ("u", "v")

    @property
    def never_spikes(self) -> bool:
        """Whether all thresholds are the largest that there is."""
        return bool(np.all(np.asarray(self.vth) >= self.limits["vth"][1]))

    def step(self, state: State, current: State, t: int) -> tuple[dict[str, NDArray[Any]], NDArray[np.bool_]]:
        """One step by :func:`step_loihi`."""
        u, v, s = step_loihi(self, state["u"], state["v"], current["u"])
        if LEFT not in state:
            return {"u": u, "v": v}, s
        held = state[LEFT] > 0
        s &= ~held
        left = np.where(s, np.asarray(self.refractory) - 1, np.maximum(state[LEFT] - 1, 0))
        return {"u": u, "v": np.where(held, state["v"], v), LEFT: left}, s

    def updated(self, state: State, current: State) -> NDArray[np.bool_]:
        """Which neurons have v, a current that outlives the step, an input or a bias other than 0."""
        return super().updated({**state, "u": (4095 - np.asarray(self.du)) * state["u"]}, current)


def _decay(x: NDArray[np.int64], k: Any) -> NDArray[np.int64]:
    product = x * k
    return np.sign(product) * (np.abs(product) >> 12)


def step_loihi(
    p: LoihiLIF, u: NDArray[np.int64], v: NDArray[np.int64], current: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[Any]]:
    """One step of :class:`LoihiLIF`; returns the new (u, v, spikes). int64 vectors of shape (neurons,)."""
    m = LOIHI_STATE_LIMIT
    u = _decay(u, 4096 - (p.du + 1)) + current * LOIHI_SHIFT
    u = np.where(u > m, u - 2 * m, np.where(u <= -m, u + 2 * m, u))
    v = np.clip(_decay(v, 4096 - p.dv) + u + p.bias, -(m - 1), m - 1)
    s = v > p.vth * LOIHI_SHIFT
    v = np.where(s, 0, v)
    return u, v, s
