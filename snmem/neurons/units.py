r"""LIF neurons in physical units: time constants and potentials become the factors of a step.

The neuron that is meant, with x the potential above rest, g and h what synapses add, in the unit of the potential, and
D a constant drive (R I, what it would lift the potential to):

.. math::

    \tau_m \dot x = -x + g + h + D, \qquad \tau_s \dot g = -g, \qquad \tau_{s2} \dot h = -h

A step of dt gives :math:`x' = \beta x + G g + G_2 h + (1 - \beta) D` and :math:`g' = \alpha g`, with

.. math::

    \text{exact:} \quad & \alpha = e^{-dt/\tau_s}, \quad \beta = e^{-dt/\tau_m}, \quad
        G = \frac{\tau_s}{\tau_s - \tau_m} (\alpha - \beta)
        \quad (\tau_s = \tau_m: \; G = \beta \, dt / \tau_m) \\
    \text{euler:} \quad & \alpha = 1 - dt/\tau_s, \quad \beta = 1 - dt/\tau_m, \quad G = dt/\tau_m

"exact" is the integration of NEST's ``iaf_psc_exp`` and of Brian2's method "exact"; "euler" is that of Brian2's method
"euler". Here u stands for G g: a synapse that adds w to g has the weight G w (:func:`synaptic_gain`). Both simulators
move x by the g of the step before, so that what they call a delay of d steps is a delay of d + 1 here:

===============================  ===============  ==============  ========  ================  ====================
synapse adds w to                receptor         weight          delay     refractory steps  v_reset
===============================  ===============  ==============  ========  ================  ====================
g, NEST ``iaf_psc_exp``          "u" or "u2"      G w tau_m / C   d + 1     t_ref / dt        v_reset
x, NEST ``iaf_psc_delta``        "v"              w               d         t_ref / dt        v_reset
g, Brian2                        "u" or "u2"      G w             d + 1     t_ref / dt - 1    v_reset
x, Brian2                        "v"              beta w          d + 1     t_ref / dt        beta v_reset + c
g, Brian2, g frozen too          "u" or "u2"      G w             d + 1     t_ref / dt        beta v_reset + c
===============================  ===============  ==============  ========  ================  ====================

(w in pA in the first line, where ``I_e`` of NEST is a drive of I_e tau_m / C; d = 0 is the default of Brian2.) x is
"unless refractory" in Brian2's lines, and in the last one g as well: refractory_mode "freeze". Such a neuron of Brian2
counts the step of its spike as refractory; in the step after its last refractory one it integrates, but what arrives
between the two is lost. The last two lines therefore let it stand still a step longer, at the potential
:math:`\beta v_\text{reset} + c` (c = ``LIF.bias``) that this step would lead to; at least one step. The last one needs
``reset_current``: where a frozen g outlives the spike, no number of steps gives the spikes of Brian2.

NEST spikes where x >= theta, here x > theta: ``theta=np.nextafter(theta, -np.inf)`` says the same. Each line has the
spikes of its simulator in the tests, entry by entry. v differs in the last digits (some 1e-14 of 15 mV): NEST
multiplies the sum of what arrived by G in each step, here each weight is multiplied once, and sums run in another
order. Source: Rotter and Diesmann 1999 (doi 10.1007/s004220050570) for exact integration.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .._text import shown
from ..description import option, real_array
from ..errors import NetworkError

INTEGRATIONS = ("exact", "euler")


def _positive(name: str, value: Any, zero: bool = False) -> Any:
    """``value`` as a number or array of seconds; NetworkError unless it is above 0, or 0 where that is allowed."""
    array = real_array(value)
    limit = ">= 0" if zero else "> 0"
    if array is None or not (np.isfinite(array) & ((array >= 0) if zero else (array > 0))).all():
        raise NetworkError(f"LIF.from_tau: {name} must be a number of seconds {limit}, got {shown(value)}")
    return array.astype(np.float64)


def decay(name: str, tau: Any, dt: Any, integration: str) -> Any:
    """The factor kept of a variable per step; 0 for a time constant of 0.

    Raises
    ------
    NetworkError
        For what is no time, an unknown integration, and a time constant below the step in Euler's.
    """
    option("LIF.from_tau: integration", integration, INTEGRATIONS)
    tau, dt = _positive(name, tau, zero=True), _positive("dt", dt)
    with np.errstate(divide="ignore"):
        if integration == "exact":
            return np.exp(-dt / tau)
        if ((tau > 0) & (tau < dt)).any():
            raise NetworkError(f'LIF.from_tau: {name} is below dt; take a smaller dt, or integration="exact"')
        return np.where(tau > 0, 1 - dt / tau, 0.0)


def synaptic_gain(tau_mem: Any, tau_syn: Any, dt: float, integration: str = "exact") -> Any:
    """What a synapse that adds 1 to g weighs: G of the equations in the module docstring.

    Parameters
    ----------
    tau_mem : float or array
        Membrane time constant in seconds.
    tau_syn : float or array
        Time constant of the synaptic current in seconds, above 0.
    dt : float
        Duration of a step in seconds.
    integration : str
        "exact" or "euler".

    Raises
    ------
    NetworkError
        As :func:`decay`.
    """
    alpha, beta = decay("tau_syn", tau_syn, dt, integration), decay("tau_mem", tau_mem, dt, integration)
    tau_mem, tau_syn = _positive("tau_mem", tau_mem), _positive("tau_syn", tau_syn)
    if integration == "euler":
        return dt / tau_mem
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(tau_syn == tau_mem, beta * dt / tau_mem, tau_syn / (tau_syn - tau_mem) * (alpha - beta))[()]


def steps_of(name: str, seconds: Any, dt: float) -> Any:
    """Whole steps of a time; NetworkError where it is no multiple of dt."""
    ratio: Any = _positive(name, seconds, zero=True) / dt
    steps: Any = np.rint(ratio)
    if (np.abs(ratio - steps) > 1e-6 * np.maximum(steps, 1)).any():
        raise NetworkError(f"LIF.from_tau: {name} must be a multiple of dt = {dt:g} s, got {shown(seconds)}")
    return steps


def step_parameters(
    tau_mem: Any,
    tau_syn: Any,
    dt: float,
    *,
    tau_syn2: Any = None,
    tau_threshold: Any = 0.0,
    theta: Any = 1.0,
    v_rest: Any = 0.0,
    v_reset: Any = None,
    v_init: Any = None,
    drive: Any = 0.0,
    refractory: Any = 0.0,
    integration: str = "exact",
) -> dict[str, Any]:
    """Parameters of :class:`snmem.LIF` by name; see :meth:`snmem.LIF.from_tau`."""
    if np.ndim(_positive("dt", dt)):
        raise NetworkError(f"LIF.from_tau: dt must be one number of seconds, got {shown(dt)}")
    beta = decay("tau_mem", _positive("tau_mem", tau_mem), dt, integration)
    potentials = {"theta": theta, "v_rest": v_rest, "v_reset": v_reset, "v_init": v_init, "drive": drive}
    for name, value in potentials.items():
        none = value is None and name in ("v_reset", "v_init")
        if not none and real_array(value) is None:
            raise NetworkError(f"LIF.from_tau: {name} must be a number or a vector of numbers, got {shown(value)}")

    def above_rest(value: Any) -> Any:
        return 0.0 if value is None else np.asarray(value, np.float64) - np.asarray(v_rest, np.float64)

    values: dict[str, Any] = {"alpha": decay("tau_syn", tau_syn, dt, integration), "beta": beta}
    if tau_syn2 is not None:
        values["alpha2"] = decay("tau_syn2", tau_syn2, dt, integration)
    values |= {"theta": above_rest(theta), "v_reset": above_rest(v_reset), "v_init": above_rest(v_init)}
    values |= {"bias": (1 - beta) * np.asarray(drive, np.float64), "refractory": steps_of("refractory", refractory, dt)}
    return values | {"rho": decay("tau_threshold", tau_threshold, dt, integration)}
