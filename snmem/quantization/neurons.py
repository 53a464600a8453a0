"""Parameters of LIF neurons in Loihi's integers, and what they leave of the range of scales."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..errors import NetworkError
from ..network import Population
from ..neurons import LIF, LOIHI_SHIFT, LOIHI_STATE_LIMIT, LoihiLIF
from ..neurons.loihi import LONGEST_REFRACTORY

#: Features of LIF that LoihiLIF has too.
TAKEN = ("refractory", "initial_state")
VTH_MAX = LoihiLIF.limits["vth"][1]


def integer_neuron(p: Population, scale: float) -> LoihiLIF:
    """The integer parameters of population ``p``; NetworkError where one does not fit."""
    owner, neuron = f"quantize: population {p.name!r}", p.neuron
    assert isinstance(neuron, LIF)
    if neuron.reset == "zero" and np.any(neuron.v_reset):
        raise NetworkError(f"{owner} resets to v_reset = {np.max(neuron.v_reset):g}; Loihi resets to zero only")
    theta = neuron.vector("theta", p.size)
    if (theta < 0).any():
        raise NetworkError(f"{owner} has a threshold of {theta.min():g}; Loihi's thresholds are not negative")
    longest = np.max(neuron.refractory)
    if longest >= LONGEST_REFRACTORY:
        raise NetworkError(
            f"{owner} is refractory for {longest} steps after that of a spike; Loihi's limit is "
            f"{LONGEST_REFRACTORY - 1}: shorten it, or use a longer time step"
        )
    vth = np.minimum(np.round(np.where(np.isfinite(theta), theta, 0) * scale), VTH_MAX)
    mantissa, exponent = _bias(owner, np.round(LOIHI_SHIFT * scale * neuron.vector("bias", p.size)))
    return LoihiLIF(
        du=np.clip(np.round(4096 * (1 - np.asarray(neuron.alpha))) - 1, 0, 4095),
        dv=np.clip(np.round(4096 * (1 - np.asarray(neuron.beta))), 0, 4095),
        vth=np.where(np.isfinite(theta), vth, VTH_MAX),
        bias_mant=mantissa,
        bias_exp=exponent,
        refractory=np.asarray(neuron.refractory) + 1,
        reset=neuron.reset,
        u_init=_state(owner, "u_init", neuron.u_init, scale),
        v_init=_state(owner, "v_init", neuron.v_init, scale),
    )


def _bias(owner: str, bias: Any) -> tuple[Any, int]:
    low, high = LoihiLIF.limits["bias_mant"]
    for exponent in range(LoihiLIF.limits["bias_exp"][1] + 1):
        mantissa = np.rint(bias / 2**exponent)
        if low <= mantissa.min() and mantissa.max() <= high:
            return mantissa, exponent
    raise NetworkError(
        f"{owner} needs a bias of {np.abs(bias).max():g} units; the limit is {high * 2**7}; lower its scale"
    )


def _state(owner: str, name: str, value: Any, scale: float) -> Any:
    units = np.round(LOIHI_SHIFT * scale * np.asarray(value))
    if np.abs(units).max() >= LOIHI_STATE_LIMIT:
        raise NetworkError(
            f"{owner} needs {name} = {np.abs(units).max():g} units; the limit is {LOIHI_STATE_LIMIT - 1}; "
            "lower its scale"
        )
    return units


def scale_limits(p: Population, current: float) -> list[float]:
    """The largest scales at which threshold, bias and initial state of a population fit.

    Where a spike takes the threshold off, v may be above it by what one step adds: there is room for that, too.

    Parameters
    ----------
    p : Population
        Of LIF neurons.
    current : float
        The largest \\|u\\| to reckon with.
    """
    neuron: Any = p.neuron
    theta, bias = (neuron.vector(n, p.size) for n in ("theta", "bias"))
    peaks = (np.abs(x).max(initial=0.0) for x in (theta[np.isfinite(theta)], bias))
    (threshold, most_bias), room = peaks, LOIHI_STATE_LIMIT - 1
    limits: list[float] = []
    if threshold > 0:
        limits.append((VTH_MAX + 0.5) / threshold)
        if neuron.reset == "subtract":
            limits.append(room / LOIHI_SHIFT / (threshold + current + most_bias))
    if most_bias > 0:
        limits.append(4095 * 2**7 / LOIHI_SHIFT / most_bias)
    start = max(np.abs(neuron.u_init).max(), np.abs(neuron.v_init).max())
    if start > 0:
        limits.append(room / LOIHI_SHIFT / start)
    return limits
