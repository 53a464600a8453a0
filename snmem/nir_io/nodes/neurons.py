r"""NIR's neurons and snmem's: physical parameters to the update equations and back.

With the time step dt, forward Euler reads a NIR neuron as (:mod:`snmem.neurons`)

.. math::

    \alpha = 1 - dt/\tau_{syn}, \quad \beta = 1 - dt/\tau_{mem}, \quad
    g = (w_{in}\, dt/\tau_{syn})\,(r\, dt/\tau_{mem}), \quad c = v_{leak}\, dt/\tau_{mem}

where g multiplies the incoming weights; a spike is a current of 1 for one dt ("pulse"). The LIF has alpha = 0 and
g = r dt/tau, the IF alpha = 0, beta = 1. With "exp", decays are exponentials and the gain is that of the exact solution

.. math::

    g = w_{in}(1-\alpha)\, r\, \frac{\tau_{syn}}{\tau_{syn}-\tau_{mem}}(\alpha-\beta), \quad c = v_{leak}(1-\beta)

(LIF: g = r (1 - beta)). A spike of area 1 ("dirac") divides g by dt (Euler), or uses w_in/tau_syn for w_in (1 - alpha).
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...neurons import LIF, LoihiLIF
from ..graph import DEFAULTS, NEURONS, Node

Array = NDArray[np.float64]
#: A perfect integrator (beta = 1) is written with tau = dt * 2**60: 1 - dt/tau is 1 in float64, and r*dt/tau exact.
_FOREVER = 2.0**60
#: How far a product of four float32 numbers and dt may be from what it is meant to be, relative to it.
_FLOAT32 = 2.0**-21


@dataclass(frozen=True)
class Reading:
    """A NIR neuron read with a time step: LIF parameters as vectors, the gain on weights and the gain on biases."""

    alpha: Array
    beta: Array
    theta: Array
    bias: Array
    v_reset: Array
    gain: Array
    bias_gain: Array


def parameters(node: Node) -> dict[str, Array]:
    """The parameters of a NIR neuron, each with one value per neuron. FileError for NaN, infinity, tau <= 0.

    One value that all neurons have in common takes the memory of one.
    """
    found: dict[str, Array] = {}
    size = prod(node.shape_in)
    for key in NEURONS[node.type]:
        if key in node.members or key not in DEFAULTS:
            value = node.numbers(key, finite=key not in ("v_threshold", "threshold"))
        else:
            value = np.float64(DEFAULTS[key])
        one = value.reshape(-1)[0]
        found[key] = (
            np.broadcast_to(one, size) if (value == one).all() else np.broadcast_to(value, node.shape_in).reshape(-1)
        )
        if key.startswith("tau") and not (found[key] > 0).all():
            raise node.error(
                f"must be positive, got {found[key][found[key] <= 0][0]:g}; a time constant is a duration", key
            )
    return found


def read_neuron(node: Node, dt: float, scheme: str = "euler", spike: str = "pulse", if_gain: str = "r") -> Reading:
    """Read a NIR neuron with time step dt (equations in the module docstring).

    scheme : "euler" or "exp".
    spike : "pulse", "dirac", "current" (u jumps by W; w_in unused) or "unit" (gain 1 whatever r and w_in say).
    if_gain : "r", "r*dt" or "1", for I and IF whatever ``spike`` is.
    FileError where the decay of Euler would be negative (tau < dt).
    """
    values = parameters(node)
    alike = all(value.strides == (0,) for value in values.values())
    if alike:  # computed once for all neurons
        values = {key: value[:1] for key, value in values.items()}
    with np.errstate(all="ignore"):  # what overflows is refused below
        reading = _read(node, values, dt, scheme, spike, if_gain)
    for name in ("bias", "gain", "bias_gain"):
        value = getattr(reading, name)
        if not np.isfinite(value).all():
            raise node.error(
                f"its parameters give {name} = {value[~np.isfinite(value)][0]} with dt = {dt:g}; correct them"
            )
    if alike:
        size = prod(node.shape_in)
        return Reading(**{f.name: np.broadcast_to(getattr(reading, f.name), size) for f in fields(Reading)})
    return reading


def with_unit_gain(reading: Reading) -> Reading:
    """``reading`` itself, or with gains of exactly 1 where all are 1 but for the rounding of float32.

    Exporters write r = tau/dt and w_in = tau_syn/dt in float32, for gains that cancel. The last bit that is left of
    them would decide where v meets the threshold exactly.
    """
    gains = {name: getattr(reading, name) for name in ("gain", "bias_gain")}
    rounded = {n: np.ones_like(g) for n, g in gains.items() if (np.abs(g - 1) <= _FLOAT32).all() and (g != 1).any()}
    return replace(reading, **rounded) if rounded else reading


def from_rest(node: Node, reading: Reading) -> Reading:
    """``reading`` itself, or with potentials that count from v_leak, where v rests below a threshold below 0.

    v begins at 0. Where threshold and rest both lie below (biological units: -50 and -65 mV), it would begin above the
    threshold, and all neurons would spike in the first step. Counted from v_leak the equations are the same, and v
    begins at rest.
    """
    if "v_leak" not in NEURONS[node.type]:
        return reading
    rest = parameters(node)["v_leak"]
    below = (reading.theta < 0) & (rest <= reading.theta)
    if not below.any():
        return reading
    shift, bias = np.where(below, rest, 0.0), np.where(below, 0.0, reading.bias)
    return replace(reading, theta=reading.theta - shift, v_reset=reading.v_reset - shift, bias=bias)


def _read(node: Node, p: dict[str, Array], dt: float, scheme: str, spike: str, if_gain: str) -> Reading:
    one = np.ones(len(next(iter(p.values()))))
    zero = one * 0
    if node.type == "Threshold":
        return Reading(zero, zero, p["threshold"], zero, zero, one, one)
    theta, v_reset = p.get("v_threshold", one * np.inf), p.get("v_reset", zero)
    if node.type in ("I", "IF"):
        gain = {"r": p["r"], "r*dt": p["r"] * dt, "1": one}[if_gain]
        return Reading(zero, one, theta, zero, v_reset, gain, gain)
    membrane = "tau_mem" if "tau_mem" in p else "tau"
    beta, x_mem = _decay(node, membrane, p[membrane], dt, scheme)
    alpha = zero
    drive = p["r"] * x_mem
    dirac = drive / dt if scheme == "euler" else p["r"] / p[membrane]
    if "tau_syn" in p:
        alpha, x_syn = _decay(node, "tau_syn", p["tau_syn"], dt, scheme)
        if scheme == "exp":
            drive = p["r"] * _double_exponential(p["tau_syn"], p["tau_mem"], dt)
        dirac = p["w_in"] / p["tau_syn"] * drive
        drive = drive if spike == "current" else (p["w_in"] * x_syn) * drive
    gain, bias_gain = (dirac if spike == "dirac" else drive), drive
    gain, bias_gain = (one, one) if spike == "unit" else (gain, bias_gain)
    return Reading(alpha, beta, theta, p["v_leak"] * x_mem, v_reset, gain, bias_gain)


def _decay(node: Node, key: str, tau: Array, dt: float, scheme: str) -> tuple[Array, Array]:
    """The factor kept per step and what is lost (dt/tau for Euler)."""
    x = dt / tau
    if scheme == "exp":
        return np.exp(-x), -np.expm1(-x)
    if (x > 1).any():
        worst = tau[x > 1][0]
        raise node.error(f"{worst:g} is shorter than dt = {dt:g}; use a smaller dt or discretization='exp'", key)
    return 1 - x, x


def _double_exponential(ts: Array, tm: Array, dt: float) -> Array:
    """v after one step from u = 1 (exact solution): ts/(ts - tm) * (exp(-dt/ts) - exp(-dt/tm)), or its limit."""
    same = np.isclose(ts, tm, rtol=1e-9)
    apart = np.where(same, 1.0, ts - tm)
    # exp(-dt/ts) - exp(-dt/tm) = exp(-dt/tm) * expm1(dt/tm - dt/ts), without cancellation
    difference = np.exp(-dt / tm) * np.expm1(dt * (ts - tm) / (ts * tm))
    return np.where(same, dt / tm * np.exp(-dt / tm), ts / apart * difference)


# --- the way back ----------------------------------------------------------------------------------------------------


def node_type(neuron: LIF, feeds_others: bool) -> str:
    """The NIR node that means the same as ``neuron`` when read with Euler."""
    silent = np.isposinf(neuron.theta).all() and not feeds_others
    if np.any(neuron.alpha):
        return "CubaLI" if silent else "CubaLIF"
    if np.all(neuron.beta == 1) and not np.any(neuron.bias):
        return "I" if silent else "IF"
    return "LI" if silent else "LIF"


def physical(neuron: LIF, kind: str, dt: float) -> dict[str, Any]:
    """Parameters of a NIR node of type ``kind`` that Euler with dt reads as ``neuron`` with gain 1.

    tau = dt/(1 - decay), r = tau/dt, w_in = tau_syn/dt, v_leak = c tau/dt, each moved by a few units in the last place
    to where the reading comes closest, in most cases exactly. Numbers, or vectors where they differ by neuron.
    """
    values = {"v_threshold": neuron.theta, "v_reset": neuron.v_reset, "r": 1.0}
    if kind not in ("I", "IF"):
        tau, values["r"], x = _time_constant(neuron.beta, dt)
        values["tau"] = values["tau_mem"] = tau
        values["v_leak"] = _factor(neuron.bias, x)
    if kind.startswith("Cuba"):
        values["tau_syn"], values["w_in"], _ = _time_constant(neuron.alpha, dt)
    return {key: values[key] for key in NEURONS[kind]}


def _time_constant(decay: Any, dt: float) -> tuple[Array, Array, Array]:
    """(tau, factor, dt/tau) with 1 - dt/tau == decay and factor * (dt/tau) == 1, exact where float64 allows."""
    decay = np.asarray(decay, float)
    with np.errstate(divide="ignore"):
        start = np.where(decay == 1, dt * _FOREVER, dt / (1 - decay))
    tau, factor, cost = start, dt / start, np.full(decay.shape, np.inf)
    for k in sorted(range(-4, 5), key=abs):
        other = start + k * np.spacing(start)
        x = dt / other
        inverse = _factor(np.ones_like(x), x)
        now = np.abs(1 - x - decay) + 1e-3 * np.abs(inverse * x - 1)
        tau, factor = np.where(now < cost, other, tau), np.where(now < cost, inverse, factor)
        cost = np.minimum(cost, now)
    return tau, factor, dt / tau


def _factor(target: Any, x: Array) -> Array:
    """f with f * x == target, exact where one of the neighbours of target / x allows."""
    target = np.asarray(target, float)
    start = target / x
    best = start
    for k in (1, -1, 2, -2):
        other = start + k * np.spacing(start)
        best = np.where((best * x != target) & (other * x == target), other, best)
    return best


def loihi_as_float(neuron: LoihiLIF) -> LIF:
    """The LIF that a LoihiLIF approximates when its integers are not rounded: u and v in units of 64 (weight units)."""
    return LIF(
        alpha=1 - (np.asarray(neuron.du) + 1) / 4096,
        beta=1 - np.asarray(neuron.dv) / 4096,
        theta=np.asarray(neuron.vth, float),
        bias=np.asarray(neuron.bias) / 64,
    )
