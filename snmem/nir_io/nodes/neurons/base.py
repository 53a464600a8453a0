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

from dataclasses import dataclass, field, fields, replace
from math import prod
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from ....neurons import LIF, LoihiLIF, Neuron
from ..base import NODES, NodeType, Use, per_element

if TYPE_CHECKING:
    from ...graph import Node

Array = NDArray[np.float64]
#: A perfect integrator (beta = 1) is written with tau = dt * 2**60: 1 - dt/tau is 1 in float64, and r*dt/tau exact.
_FOREVER = 2.0**60
#: How far a product of four float32 numbers and dt may be from what it is meant to be, relative to it.
_FLOAT32 = 2.0**-21


@dataclass(frozen=True)
class Reading:
    """A NIR neuron read with a time step.

    LIF parameters as vectors, the gain on weights and the gain on biases, and v before the first step.
    """

    alpha: Array
    beta: Array
    theta: Array
    bias: Array
    v_reset: Array
    gain: Array
    bias_gain: Array
    v_init: Array = field(default_factory=lambda: np.zeros(1), kw_only=True)  # readings of one's own have more

    def neuron(self, bias: Array, reset: str) -> Neuron:
        """The neurons, with the constant that reaches them added to their bias."""
        start: Any = self.v_init if self.v_init.any() else 0.0
        return LIF(self.alpha, self.beta, self.theta, bias, self.v_reset, reset, v_init=start)


class NeuronNode(NodeType):
    """How the neurons of one type are read as LIF neurons, and LIF neurons written as them.

    Attributes
    ----------
    graded : bool
        Whether the output is the membrane potential, not spikes.
    resets : bool
        Whether the option ``reset`` says what a spike does to v.
    synaptic : bool
        Whether there is a synaptic current, so that the option ``semantics`` says when v sees it.
    on_potential : bool
        Whether it looks at the potential of a graded neuron right in front of it.
    """

    defaults = {"v_reset": 0.0, "w_in": 1.0}  # noqa: RUF012
    graded: ClassVar[bool] = False
    resets: ClassVar[bool] = False
    synaptic: ClassVar[bool] = False
    on_potential: ClassVar[bool] = False

    def read(self, node: Node, values: dict[str, Array], dt: float, use: Use) -> Reading:
        """Read ``values`` of the parameters, vectors of one length, with time step ``dt``."""
        raise NotImplementedError

    def writes(self, neuron: LIF) -> bool:
        """Whether ``neuron`` is written as this type, if their outputs are of one kind (:attr:`graded`)."""
        return False

    def physical(self, neuron: LIF, dt: float) -> dict[str, Any]:
        """The parameters but threshold and reset that Euler with ``dt`` reads as ``neuron`` with gain 1."""
        raise NotImplementedError


def neuron_types() -> dict[str, NeuronNode]:
    """The types of neurons by name."""
    return {name: kind for name, kind in NODES.items() if isinstance(kind, NeuronNode)}


def is_graded(node: Node) -> bool:
    """Whether a node is a neuron whose output is its membrane potential."""
    return isinstance(node.kind, NeuronNode) and node.kind.graded


def parameters(node: Node) -> dict[str, Array]:
    """The parameters of a NIR neuron, each with one value per neuron. FileError for NaN, infinity, tau <= 0.

    One value that all neurons have in common takes the memory of one.
    """
    found: dict[str, Array] = {}
    size, kind = prod(node.shape_in), node.kind
    for key in kind.parameters:
        if key in node.members or key not in kind.defaults:
            value = node.numbers(key, finite=key not in ("v_threshold", "threshold"))
        else:
            value = np.float64(kind.defaults[key])
        one = value.reshape(-1)[0]
        found[key] = np.broadcast_to(one, size) if (value == one).all() else per_element(node, np.asarray(value))
        if key.startswith("tau") and not (found[key] > 0).all():
            raise node.error(
                f"must be positive, got {found[key][found[key] <= 0][0]:g}; a time constant is a duration", key
            )
    return found


def read_neuron(node: Node, dt: float, use: Use) -> Reading:
    """Read a NIR neuron with time step ``dt`` (equations in the module docstring).

    Parameters
    ----------
    node : Node
        A neuron.
    dt : float
        Step, in the file's unit of time.
    use : function
        The value of an option of :func:`snmem.nir_io.read_nir` by its name, such as "discretization".

    Raises
    ------
    FileError
        Where the decay of Euler would be negative (tau < dt), or numbers overflow.
    """
    kind: Any = node.kind
    values = parameters(node)
    alike = all(value.strides == (0,) for value in values.values())
    if alike:  # computed once for all neurons
        values = {key: value[:1] for key, value in values.items()}
    with np.errstate(all="ignore"):  # what overflows is refused below
        reading: Reading = kind.read(node, values, dt, use)
    for name in ("bias", "gain", "bias_gain"):
        value = getattr(reading, name)
        if not np.isfinite(value).all():
            raise node.error(
                f"its parameters give {name} = {value[~np.isfinite(value)][0]} with dt = {dt:g}; correct them"
            )
    if alike:
        size = prod(node.shape_in)
        return replace(reading, **{f.name: np.broadcast_to(getattr(reading, f.name), size) for f in fields(reading)})
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
    if "v_leak" not in node.kind.parameters:
        return reading
    rest = parameters(node)["v_leak"]
    below = (reading.theta < 0) & (rest <= reading.theta)
    if not below.any():
        return reading
    shift, bias = np.where(below, rest, 0.0), np.where(below, 0.0, reading.bias)
    return replace(reading, theta=reading.theta - shift, v_reset=reading.v_reset - shift, bias=bias)


def starting_at(node: Node, reading: Reading, use: Use) -> Reading:
    """``reading`` with v at v_leak before the first step, where v_leak is not 0 and the option ``start`` says so."""
    if "v_leak" not in node.kind.parameters:
        return reading
    rest = parameters(node)["v_leak"]
    return replace(reading, v_init=rest) if rest.any() and use("start") == "v_leak" else reading


def decay(node: Node, key: str, tau: Array, dt: float, scheme: str) -> tuple[Array, Array]:
    """The factor kept per step and what is lost (dt/tau for Euler)."""
    x = dt / tau
    if scheme == "exp":
        return np.exp(-x), -np.expm1(-x)
    if (x > 1).any():
        worst = tau[x > 1][0]
        raise node.error(f"{worst:g} is shorter than dt = {dt:g}; use a smaller dt or discretization='exp'", key)
    return 1 - x, x


def double_exponential(ts: Array, tm: Array, dt: float) -> Array:
    """v after one step from u = 1 (exact solution): ts/(ts - tm) * (exp(-dt/ts) - exp(-dt/tm)), or its limit."""
    same = np.isclose(ts, tm, rtol=1e-9)
    apart = np.where(same, 1.0, ts - tm)
    # exp(-dt/ts) - exp(-dt/tm) = exp(-dt/tm) * expm1(dt/tm - dt/ts), without cancellation
    difference = np.exp(-dt / tm) * np.expm1(dt * (ts - tm) / (ts * tm))
    return np.where(same, dt / tm * np.exp(-dt / tm), ts / apart * difference)


def gains(spike: str, drive: Array, dirac: Array, kept: Array) -> tuple[Array, Array]:
    """The gain on weights and on biases.

    ``drive`` for a current of 1 in one dt, ``dirac`` for one of area 1, ``kept`` for what decays in the same step.
    """
    if spike == "unit":
        return np.ones_like(drive), np.ones_like(drive)
    if spike == "decayed":
        return kept, kept
    return (dirac if spike == "dirac" else drive), drive


# --- the way back ----------------------------------------------------------------------------------------------------


def written_as(neuron: LIF, feeds_others: bool, dt: float) -> tuple[str, dict[str, Any]]:
    """The NIR type that Euler with ``dt`` reads as ``neuron`` with gain 1, and its parameters.

    Parameters are moved by a few units in the last place to where the reading comes closest, in most cases exactly.
    Numbers, or vectors where they differ by neuron.
    """
    graded = bool(np.isposinf(neuron.theta).all()) and not feeds_others
    name, kind = next((n, k) for n, k in neuron_types().items() if k.graded == graded and k.writes(neuron))
    values = {"v_threshold": neuron.theta, "v_reset": neuron.v_reset} | kind.physical(neuron, dt)
    return name, {key: values[key] for key in kind.parameters}


def is_integrator(neuron: LIF) -> bool:
    """Whether v sums its input up for ever: no synaptic current, no leak, no bias."""
    return not np.any(neuron.alpha) and bool(np.all(neuron.beta == 1)) and not np.any(neuron.bias)


def time_constant(kept: Any, dt: float) -> tuple[Array, Array, Array]:
    """(tau, gain, dt/tau) with 1 - dt/tau == kept and gain * (dt/tau) == 1, exact where float64 allows."""
    kept = np.asarray(kept, float)
    with np.errstate(divide="ignore"):
        start = np.where(kept == 1, dt * _FOREVER, dt / (1 - kept))
    tau, gain, cost = start, dt / start, np.full(kept.shape, np.inf)
    for k in sorted(range(-4, 5), key=abs):
        other = start + k * np.spacing(start)
        x = dt / other
        inverse = factor(np.ones_like(x), x)
        now = np.abs(1 - x - kept) + 1e-3 * np.abs(inverse * x - 1)
        tau, gain = np.where(now < cost, other, tau), np.where(now < cost, inverse, gain)
        cost = np.minimum(cost, now)
    return tau, gain, dt / tau


def factor(target: Any, x: Array) -> Array:
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
