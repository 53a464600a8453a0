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

from .base import LEFT, NEURONS, Neuron, State, begun, check_option, check_range

#: Loihi's u and v are 24-bit signed numbers.
LOIHI_STATE_LIMIT = 2**23
#: Charge on v per unit of synaptic weight (Loihi shifts synaptic input and thresholds left by 6 bits).
LOIHI_SHIFT = 64
#: The longest refractory period, in steps with that of the spike.
LONGEST_REFRACTORY = 64


@NEURONS.register("loihi_lif")
@dataclass(frozen=True, eq=False)
class LoihiLIF(Neuron):
    """Parameters of the LIF neuron in Loihi's fixed point.

    With ``dec(x, k) = sign(x k) (|x k| >> 12)`` and ``M = 2**23``::

        u = dec(u, 4096 - (du + 1)) + 64 * I          then wrapped once into (-M, M]
        v = clip(dec(v, 4096 - dv) + u + bias_mant * 2**bias_exp, -(M - 1), M - 1)
        s = v > 64 * vth
        v = 0 where s                     (reset = "zero"; or v = v - 64 * vth where s: "subtract")

    In the ``refractory - 1`` steps after that of a spike u goes on, v stays what the reset made it and the neuron does
    not spike. ``I`` sums, over the projections, ``(sum of weights) * 2**exponent`` rounded down.

    Source: Lava 0.10.0, process models of ``lava.proc.lif`` (see docs, "Loihi arithmetic"). The reset by subtraction is
    what a neuron program of Loihi 2 can do; Loihi 1 and Lava's own models reset to zero.

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
    reset
        "zero" (v becomes 0) or "subtract" (the threshold is taken off).
    u_init, v_init
        -(2**23 - 1) .. 2**23 - 1, u and v before step 0, in 1/64 of a weight unit.
    """

    du: Any = 4095
    dv: Any = 0
    vth: Any = 1
    bias_mant: Any = 0
    bias_exp: Any = 0
    refractory: Any = 1
    reset: str = "zero"
    u_init: Any = 0
    v_init: Any = 0

    later: ClassVar[tuple[str, ...]] = ("refractory", "reset", "u_init", "v_init")
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
        check_range("LoihiLIF", "refractory", self.refractory, 1, LONGEST_REFRACTORY)
        for name in ("u_init", "v_init"):
            check_range("LoihiLIF", name, getattr(self, name), 1 - LOIHI_STATE_LIMIT, LOIHI_STATE_LIMIT - 1)
        check_option("LoihiLIF", "reset", self.reset, "zero", "subtract")

    @property
    def bias(self) -> Any:
        """bias_mant * 2**bias_exp: what is added to v in every step."""
        return self.bias_mant * 2**self.bias_exp

    @cached_property
    def features(self) -> frozenset[str]:  # pyright: ignore[reportIncompatibleMethodOverride]
        """Names of what is switched on beyond the plain neuron."""
        has = {
            "refractory": bool(np.any(np.asarray(self.refractory) > 1)),
            "loihi_subtract": self.reset == "subtract",
            "initial_state": bool(np.any(self.u_init)) or bool(np.any(self.v_init)),
        }
        return frozenset(name for name, there in has.items() if there)

    @property
    def variables(self) -> tuple[str, ...]:  # pyright: ignore[reportIncompatibleVariableOverride]
        """State variables: u, v and, where switched on, the refractory steps left."""
        return ("u", "v", LEFT) if "refractory" in self.features else ("u", "v")

    @property
    def never_spikes(self) -> bool:
        """Whether all thresholds are the largest that there is."""
        return bool(np.all(np.asarray(self.vth) >= self.limits["vth"][1]))

    def initial(self, size: int) -> dict[str, NDArray[Any]]:
        """State before step 0 of ``size`` neurons: u_init, v_init, and 0."""
        return begun(self, super().initial(size))

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
    v = np.where(s, 0 if p.reset == "zero" else v - p.vth * LOIHI_SHIFT, v)
    return u, v, s
