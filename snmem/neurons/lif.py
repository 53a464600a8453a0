r"""The leaky integrate-and-fire neuron in float64: its parameters and THE update equations.

Everything in snmem rests on one discrete-time definition. In step ``t``, for every neuron:

.. math::

    I &= \text{sum of } w \text{ over the synapses whose presynaptic neuron spiked in step } t - d \\
    u &\leftarrow \alpha u + I \\
    v &\leftarrow \beta v + u + c \\
    s &= v > \theta \quad\text{(strict)} \\
    v &\leftarrow v_\text{reset} \text{ where } s
        \quad(\text{reset = "zero"; or } v \leftarrow v - \theta \text{ where } s\text{, reset = "subtract"})

Each line is evaluated in float64 from left to right. The step function below is the definition; every backend is tested
against it (the engine's compiled step: :mod:`snmem.backends.event.kernels.neuron`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from ..errors import NetworkError
from .base import NEURONS, FloatArray, Neuron, State


@NEURONS.register("lif")
@dataclass(frozen=True, eq=False)
class LIF(Neuron):
    """Parameters of the LIF neuron in float64 (equations in the module docstring).

    Each is a number, or a vector with one value per neuron; all are dimensionless (see ``snmem.nir_io``
    for the mapping from and to physical units).

    Parameters
    ----------
    alpha
        Factor in [0, 1] kept of the synaptic current ``u`` per step; 0 = no synaptic memory.
    beta
        Factor in [0, 1] kept of the membrane potential ``v`` per step; 1 = perfect integrator.
    theta
        Threshold; a neuron spikes where ``v > theta``. ``inf`` makes a non-spiking leaky integrator.
    bias
        Constant ``c`` added to ``v`` in every step.
    v_reset
        Value of ``v`` after a spike when ``reset`` is "zero".
    reset
        "zero" (set ``v`` to ``v_reset``) or "subtract" (take ``theta`` off).

    Raises
    ------
    NetworkError
        If a value is NaN or outside its range.
    """

    alpha: Any = 0.0
    beta: Any = 1.0
    theta: Any = 1.0
    bias: Any = 0.0
    v_reset: Any = 0.0
    reset: str = "zero"

    limits: ClassVar[Mapping[str, tuple[Any, Any]]] = {"alpha": (0, 1), "beta": (0, 1)}

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("bias", "v_reset"):
            if not np.isfinite(getattr(self, name)).all():
                raise NetworkError(f"LIF.{name}: must be finite, got inf")
        if self.reset not in ("zero", "subtract"):
            raise NetworkError(f'LIF.reset: must be "zero" or "subtract", got {self.reset!r}')
        if self.reset == "subtract" and np.any(self.v_reset):
            raise NetworkError("LIF.v_reset: has no effect with reset='subtract'; leave it at 0")

    @property
    def never_spikes(self) -> bool:
        """Whether all thresholds are infinite."""
        return bool(np.all(np.asarray(self.theta) == np.inf))

    @cached_property
    def start_note(self) -> str:
        """Which threshold below 0 is passed in step 0 without any input, v beginning at 0."""
        low = np.min(self.theta)
        if low >= 0 or not np.any(passed := (np.asarray(self.theta) < 0) & (np.asarray(self.bias) > self.theta)):
            return ""
        theta = float(np.broadcast_to(self.theta, passed.shape)[passed].flat[0])
        return (
            f"v begins at 0, above the threshold of {theta:g}, so neurons spike in step 0 without input; where these "
            "are millivolts, count all potentials from the resting potential (-65 mV: theta = -50 becomes 15), as "
            "read_nir does"
        )

    def step(self, state: State, current: State, t: int) -> tuple[dict[str, NDArray[Any]], NDArray[np.bool_]]:
        """One step by :func:`step_lif`."""
        u, v, s = step_lif(self, state["u"], state["v"], current["u"])
        return {"u": u, "v": v}, s

    def updated(self, state: State, current: State) -> NDArray[np.bool_]:
        """Which neurons have v, a current that outlives the step, an input or a bias other than 0."""
        return super().updated({"u": self.alpha * state["u"], "v": state["v"]}, current)


def step_lif(p: LIF, u: FloatArray, v: FloatArray, current: FloatArray) -> tuple[FloatArray, FloatArray, NDArray[Any]]:
    """One step of :class:`LIF`; returns the new (u, v, spikes). Vectors of shape (neurons,)."""
    u = p.alpha * u + current
    v = p.beta * v + u + p.bias
    s = v > p.theta
    v = np.where(s, p.v_reset if p.reset == "zero" else v - p.theta, v)
    return u, v, s
