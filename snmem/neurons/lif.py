r"""The leaky integrate-and-fire neuron in float64: its parameters and THE update equations.

Everything in snmem rests on one discrete-time definition. In step ``t``, for every neuron:

.. math::

    I &= \text{sum of } w \text{ over the synapses whose presynaptic neuron spiked in step } t - d \\
    u &\leftarrow \alpha u + I \\
    v &\leftarrow \beta v + u + c \\
    s &= v > \theta \quad\text{(strict)} \\
    v &\leftarrow v_\text{reset} \text{ where } s
        \quad(\text{reset = "zero"; or } v \leftarrow v - \theta \text{ where } s\text{, reset = "subtract"})

Each line is evaluated in float64 from left to right. With everything that may be switched on, it reads:

.. math::

    u &\leftarrow \alpha u + I_u, \qquad u_2 \leftarrow \alpha_2 u_2 + I_{u2} \\
    v &\leftarrow \beta v + u + u_2 + c + I_v + \sigma\, n(\text{seed}, \text{neuron}, t) \\
    a &\leftarrow \rho a \\
    s &= v > \theta + a \text{ and not refractory} \\
    v &\leftarrow \text{reset as above}, \quad u, u_2 \leftarrow 0 \text{ (reset\_current)}, \quad
        a \leftarrow a + \kappa \qquad\text{where } s

with :math:`I_u, I_{u2}, I_v` what arrives at the receptors "u", "u2" and "v" (``Projection.receptor``), and n a
standard normal deviate (:func:`snmem.neurons.noise.normal`). After a spike in step t a neuron is refractory in the
steps t + 1 to t + R: in the mode "hold" u and u2 go on and v stays what the reset made it; in the mode "freeze" u, u2
and v stand still and what arrives is lost. The threshold's a goes on in both.

The step functions below are the definition; every backend is tested against them (the engine's compiled steps:
:mod:`snmem.backends.event.kernels`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from functools import cached_property
from inspect import signature
from typing import Any, ClassVar, Self, cast

import numpy as np
from numpy.typing import NDArray

from .._text import shown
from ..errors import NetworkError
from .base import LEFT, NEURONS, FloatArray, Neuron, State, begun, check_option, check_range
from .noise import normal
from .units import step_parameters

#: Most refractory steps, and the largest seed of noise.
MOST_STEPS, MOST_SEED = 2**31 - 1, 2**32 - 1


@NEURONS.register("lif")
@dataclass(frozen=True, eq=False)
class LIF(Neuron):
    """Parameters of the LIF neuron in float64 (equations in the module docstring).

    Each is a number, or a vector with one value per neuron; all are dimensionless (see ``snmem.nir_io``
    for the mapping from and to physical units). What is not switched on costs nothing and changes no bit.

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
    refractory
        Steps after the step of a spike in which a neuron is refractory; 0 = never.
    refractory_mode
        "hold" (currents go on, v stays: as in NEST, Loihi and Lava) or "freeze" (currents and v stand still, what
        arrives is lost: Brian2's "unless refractory" on all of them; :mod:`snmem.neurons.units` has the number of
        steps).
    reset_current
        True: a spike also sets u and u2 to 0.
    alpha2
        Factor in [0, 1] kept of a second synaptic current ``u2`` per step; None = there is none.
    kappa
        What a spike adds to the neuron's threshold.
    rho
        Factor in [0, 1] kept per step of what spikes have added to the threshold.
    noise_sd
        Standard deviation of the noise added to ``v`` in every step, >= 0.
    noise_seed
        Seed of the noise, 0 .. 2**32 - 1; populations of the same seed have the same noise.
    u_init, v_init
        u and v before step 0. A timed clear (``Population.clear_every``) sets all variables to 0.

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
    refractory: Any = 0
    refractory_mode: str = "hold"
    reset_current: bool = False
    alpha2: Any = None
    kappa: Any = 0.0
    rho: Any = 0.0
    noise_sd: Any = 0.0
    noise_seed: int = 0
    u_init: Any = 0.0
    v_init: Any = 0.0

    limits: ClassVar[Mapping[str, tuple[Any, Any]]] = {"alpha": (0, 1), "beta": (0, 1)}
    integers: ClassVar[tuple[str, ...]] = ("refractory", "noise_seed")
    later: ClassVar[tuple[str, ...]] = (
        "refractory", "refractory_mode", "reset_current", "alpha2", "kappa", "rho", "noise_sd", "noise_seed", "u_init",
        "v_init",
    )  # fmt: skip

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("bias", "v_reset", "kappa", "noise_sd", "u_init", "v_init"):
            if not np.isfinite(getattr(self, name)).all():
                raise NetworkError(f"LIF.{name}: must be finite, got inf")
        ranges = {"refractory": MOST_STEPS, "noise_seed": MOST_SEED, "rho": 1, "noise_sd": np.inf}
        for name, high in (ranges | ({} if self.alpha2 is None else {"alpha2": 1})).items():
            check_range("LIF", name, getattr(self, name), 0, high)
        check_option("LIF", "reset", self.reset, "zero", "subtract")
        check_option("LIF", "refractory_mode", self.refractory_mode, "hold", "freeze")
        if not isinstance(cast(object, self.reset_current), bool):
            raise NetworkError(f"LIF.reset_current: must be True or False, got {shown(self.reset_current)}")
        if not np.isscalar(self.noise_seed):
            raise NetworkError("LIF.noise_seed: must be one number; neurons of a population differ in their noise")
        if self.reset == "subtract" and np.any(self.v_reset):
            raise NetworkError("LIF.v_reset: has no effect with reset='subtract'; leave it at 0")

    @classmethod
    def from_tau(cls, tau_mem: Any, tau_syn: Any = 0.0, dt: float = 1e-3, **options: Any) -> Self:
        """Neurons from time constants in seconds and potentials in one unit of your choice, such as mV.

        Potentials count from ``v_rest``, where v begins. Equations, weights and delays: :mod:`snmem.neurons.units`.

        Parameters
        ----------
        tau_mem : float or array
            Membrane time constant.
        tau_syn : float or array
            Time constant of the synaptic current u; 0 = none, spikes add to v at once.
        dt : float
            Duration of a step.
        **options
            ``tau_syn2`` (of the second current), ``tau_threshold`` (of what spikes add to the threshold, with
            ``kappa``) and ``refractory``, in seconds; ``theta``, ``v_rest``, ``v_reset`` and ``v_init`` (both the rest
            by default) and ``drive`` (what a constant current would lift v by), in the unit of potentials;
            ``integration``: "exact" or "euler"; other parameters of LIF as they are.

        Raises
        ------
        NetworkError
            For times that are not positive, a refractory period that is no multiple of dt, and unknown options.
        """
        known = {f.name for f in fields(cls)} - {"alpha", "beta", "alpha2", "bias", "rho"}
        physical = set(signature(step_parameters).parameters)
        for name in options:
            if name not in known | physical:
                names = ", ".join(sorted(known | physical))
                raise NetworkError(f"LIF.from_tau: there is no option {name!r}; use {names}")
        own = {name: value for name, value in options.items() if name in physical}
        if options.get("reset") == "subtract":
            own["v_reset"] = None
        return cls(**step_parameters(tau_mem, tau_syn, dt, **own), **{k: v for k, v in options.items() if k not in own})

    @cached_property
    def features(self) -> frozenset[str]:  # pyright: ignore[reportIncompatibleMethodOverride]
        """Names of what is switched on beyond the plain neuron."""
        has = {
            "refractory": _any(self.refractory) and self.refractory_mode == "hold",
            "freeze": _any(self.refractory) and self.refractory_mode == "freeze",
            "reset_current": self.reset_current,
            "second_current": self.alpha2 is not None,
            "adaptation": _any(self.kappa),
            "noise": _any(self.noise_sd),
            "initial_state": _any(self.u_init) or _any(self.v_init),
        }
        return frozenset(name for name, there in has.items() if there)

    @property
    def variables(self) -> tuple[str, ...]:  # pyright: ignore[reportIncompatibleVariableOverride]
        """State variables: u, v and, where switched on, u2, a and the refractory steps left."""
        switched = (("second_current", "u2"), ("adaptation", "a"), ("refractory", LEFT), ("freeze", LEFT))
        return ("u", "v", *(name for feature, name in switched if feature in self.features))

    @property
    def receptors(self) -> tuple[str, ...]:  # pyright: ignore[reportIncompatibleVariableOverride]
        """What synapses may deliver to: the current u, the second one u2 if there is one, and v itself."""
        return ("u", "v") if self.alpha2 is None else ("u", "u2", "v")

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
        if "initial_state" in self.features:
            return ""
        theta = float(np.broadcast_to(self.theta, passed.shape)[passed].flat[0])
        return (
            f"v begins at 0, above the threshold of {theta:g}, so neurons spike in step 0 without input; where these "
            "are millivolts, count all potentials from the resting potential (-65 mV: theta = -50 becomes 15), as "
            "read_nir does"
        )

    def initial(self, size: int) -> dict[str, NDArray[Any]]:
        """State before step 0 of ``size`` neurons: u_init, v_init, and 0."""
        return begun(self, super().initial(size))

    def step(self, state: State, current: State, t: int) -> tuple[dict[str, NDArray[Any]], NDArray[np.bool_]]:
        """One step by :func:`step_lif`, or by :func:`step_extended` where something is switched on."""
        if self.features or ("v" in current and np.any(current["v"])):
            return step_extended(self, state, current, t)
        u, v, s = step_lif(self, state["u"], state["v"], current["u"])
        return {"u": u, "v": v}, s

    def updated(self, state: State, current: State) -> NDArray[np.bool_]:
        """Which neurons have a state that is not 0, a current that outlives the step, an input, a bias or noise."""
        lasting = {name: state[name] for name in state if name not in ("u", "u2")} | {"u": self.alpha * state["u"]}
        if self.alpha2 is not None:
            lasting["u2"] = self.alpha2 * state["u2"]
        return super().updated(lasting, current) | (np.asarray(self.noise_sd) != 0)


def _any(values: Any) -> bool:
    """Whether one of them is not 0."""
    return bool(values) if isinstance(values, float) else bool(np.any(values))


def reset(p: LIF, v: FloatArray, s: NDArray[np.bool_]) -> FloatArray:
    """v after the spikes ``s``: ``v_reset`` or v - theta, as ``p.reset`` says, where a neuron spikes."""
    return np.where(s, p.v_reset if p.reset == "zero" else v - p.theta, v)


def step_lif(p: LIF, u: FloatArray, v: FloatArray, current: FloatArray) -> tuple[FloatArray, FloatArray, NDArray[Any]]:
    """One step of the plain :class:`LIF`; returns the new (u, v, spikes). Vectors of shape (neurons,)."""
    u = p.alpha * u + current
    v = p.beta * v + u + p.bias
    s = v > p.theta
    return u, reset(p, v, s), s


def step_extended(p: LIF, state: State, current: State, t: int) -> tuple[dict[str, NDArray[Any]], NDArray[np.bool_]]:
    """One step of :class:`LIF` with all that may be switched on; the new state by variable, and the spikes."""
    has, now, theta = p.features, dict(state), p.theta
    held = state[LEFT] > 0 if LEFT in state else np.zeros(len(state["v"]), bool)
    still = held if "freeze" in has else np.zeros_like(held)
    now["u"] = p.alpha * state["u"] + current["u"]
    v = p.beta * state["v"] + now["u"]
    if "second_current" in has:
        now["u2"] = p.alpha2 * state["u2"] + current["u2"]
        v = v + now["u2"]
    v = v + p.bias
    if "v" in current:
        v = v + current["v"]
    if "noise" in has:
        v = v + p.noise_sd * normal(p.noise_seed, len(v), t)
    v = np.where(held, state["v"], v)
    if "adaptation" in has:
        now["a"] = p.rho * state["a"]
        theta = theta + now["a"]
    s = (v > theta) & ~held
    now["v"] = reset(p, v, s)
    for name in ("u", "u2") if "second_current" in has else ("u",):
        now[name] = np.where(still, state[name], now[name])
        if p.reset_current:
            now[name] = np.where(s, 0.0, now[name])
    if "adaptation" in has:
        now["a"] = np.where(s, now["a"] + p.kappa, now["a"])
    if LEFT in state:
        now[LEFT] = np.where(s, p.refractory, np.maximum(state[LEFT] - 1.0, 0.0))
    return now, s
