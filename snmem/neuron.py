r"""The leaky integrate-and-fire neuron: its parameters and THE update equations.

Everything in snmem rests on one discrete-time definition. In step ``t``, for every neuron:

.. math::

    I &= \text{sum of } w \text{ over the synapses whose presynaptic neuron spiked in step } t - d \\
    u &\leftarrow \alpha u + I \\
    v &\leftarrow \beta v + u + c \\
    s &= v > \theta \quad\text{(strict)} \\
    v &\leftarrow v_\text{reset} \text{ where } s
        \quad(\text{reset = "zero"; or } v \leftarrow v - \theta \text{ where } s\text{, reset = "subtract"})

:class:`LIF` evaluates them in float64, each line from left to right. :class:`LoihiLIF` evaluates them in
Loihi's fixed point, bit for bit as Lava's ``bit_accurate_loihi`` process model does on a CPU.
The step functions below are the definition; every backend is tested against them.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .description import Description, frozen, real_array
from .errors import NetworkError
from .io.reading import shown

FloatArray = NDArray[np.float64]

#: Loihi's u and v are 24-bit signed numbers.
LOIHI_STATE_LIMIT = 2**23
#: Charge on v per unit of synaptic weight (Loihi shifts synaptic input and thresholds left by 6 bits).
LOIHI_SHIFT = 64


def _parameter(owner: str, name: str, value: ArrayLike, *, integer: bool = False) -> Any:
    """A scalar, or a read-only vector with one value per neuron (collapsed to a scalar if all are equal)."""
    kind = np.int64 if integer else np.float64
    array = real_array(value)
    if array is None:
        raise NetworkError(f"{owner}.{name}: expected a number or a vector of numbers, got {shown(value)}")
    array = array.astype(np.float64).reshape(-1) + 0.0  # a copy, without -0.0
    if array.size == 0 or np.isnan(array).any():
        raise NetworkError(f"{owner}.{name}: holds {'no value' if array.size == 0 else 'NaN'}; give finite numbers")
    if integer and (odd := (array != np.floor(array)) | np.isinf(array)).any():
        raise NetworkError(f"{owner}.{name}: must be whole numbers, got {array[odd][0]:g}")
    array = array.astype(kind, copy=False)
    if (array == array[0]).all():
        return array[0].item()
    return frozen(array, own=True)


def _check_range(owner: str, name: str, value: Any, low: float, high: float) -> None:
    array = np.atleast_1d(value)
    bad = (array < low) | (array > high)
    if bad.any():
        raise NetworkError(f"{owner}.{name}: must lie in [{low:g}, {high:g}], got {array[bad][0]:g}")


class Neuron(Description):
    """What all parameter sets share: per-neuron vectors, equality by value."""

    def vector(self, name: str, size: int) -> NDArray[Any]:
        """Parameter ``name`` as a vector of ``size`` values."""
        value = getattr(self, name)
        return np.full(size, value) if np.isscalar(value) else np.asarray(value)

    def check_size(self, owner: str, size: int) -> None:
        """Raise NetworkError where a per-neuron vector does not have ``size`` values."""
        for field in fields(self):  # type: ignore[arg-type]
            value = getattr(self, field.name)
            if isinstance(value, np.ndarray) and value.size != size:
                raise NetworkError(
                    f"{owner}: {field.name} holds {value.size} values but the population has {size} neurons; "
                    f"give one number or {size}"
                )

    def __eq__(self, other: object) -> bool:
        if type(other) is not type(self):
            return NotImplemented
        names = [f.name for f in fields(self)]  # type: ignore[arg-type]
        return all(np.array_equal(getattr(self, n), getattr(other, n)) for n in names)

    __hash__ = None  # type: ignore[assignment]


@dataclass(frozen=True, eq=False)
class LIF(Neuron):
    """Parameters of the LIF neuron in float64 (equations in the module docstring).

    Each is a number, or a vector with one value per neuron; all are dimensionless (see ``snmem.nir_io``
    for the mapping from and to physical units).

    Parameters
    ----------
    alpha : factor in [0, 1] kept of the synaptic current ``u`` per step; 0 = no synaptic memory.
    beta : factor in [0, 1] kept of the membrane potential ``v`` per step; 1 = perfect integrator.
    theta : threshold; a neuron spikes where ``v > theta``. ``inf`` makes a non-spiking leaky integrator.
    bias : constant ``c`` added to ``v`` in every step.
    v_reset : value of ``v`` after a spike when ``reset`` is "zero".
    reset : "zero" (set ``v`` to ``v_reset``) or "subtract" (take ``theta`` off).

    Raises
    ------
    NetworkError
        if a value is NaN or outside its range.
    """

    alpha: Any = 0.0
    beta: Any = 1.0
    theta: Any = 1.0
    bias: Any = 0.0
    v_reset: Any = 0.0
    reset: str = "zero"

    arithmetic: ClassVar[str] = "float"

    def __post_init__(self) -> None:
        for name in ("alpha", "beta", "theta", "bias", "v_reset"):
            object.__setattr__(self, name, _parameter("LIF", name, getattr(self, name)))
        _check_range("LIF", "alpha", self.alpha, 0, 1)
        _check_range("LIF", "beta", self.beta, 0, 1)
        for name in ("bias", "v_reset"):
            if not np.isfinite(getattr(self, name)).all():
                raise NetworkError(f"LIF.{name}: must be finite, got inf")
        if self.reset not in ("zero", "subtract"):
            raise NetworkError(f'LIF.reset: must be "zero" or "subtract", got {self.reset!r}')
        if self.reset == "subtract" and np.any(self.v_reset):
            raise NetworkError("LIF.v_reset: has no effect with reset='subtract'; leave it at 0")


@dataclass(frozen=True, eq=False)
class LoihiLIF(Neuron):
    """Parameters of the LIF neuron in Loihi's fixed point.

    With ``dec(x, k) = sign(x k) (|x k| >> 12)`` and ``M = 2**23``::

        u = dec(u, 4096 - (du + 1)) + 64 * I          then wrapped once into (-M, M]
        v = clip(dec(v, 4096 - dv) + u + bias_mant * 2**bias_exp, -(M - 1), M - 1)
        s = v > 64 * vth
        v = 0 where s

    where ``I`` sums, over the projections, ``(sum of weights) * 2**exponent`` rounded down.

    Parameters
    ----------
    du, dv : 0 .. 4095, decay of u and v per step in units of 1/4096 (du has an offset of 1: du = 0 still leaks).
    vth : 0 .. 131071, threshold in weight units.
    bias_mant : -4096 .. 4095 and bias_exp : 0 .. 7, the constant added to v.

    Source: Lava 0.10.0, process models of ``lava.proc.lif`` (see docs, "Loihi arithmetic").
    """

    du: Any = 4095
    dv: Any = 0
    vth: Any = 1
    bias_mant: Any = 0
    bias_exp: Any = 0

    arithmetic: ClassVar[str] = "loihi"
    limits: ClassVar[dict[str, tuple[int, int]]] = {
        "du": (0, 4095),
        "dv": (0, 4095),
        "vth": (0, 131071),
        "bias_mant": (-4096, 4095),
        "bias_exp": (0, 7),
    }

    def __post_init__(self) -> None:
        for name, (low, high) in self.limits.items():
            object.__setattr__(self, name, _parameter("LoihiLIF", name, getattr(self, name), integer=True))
            _check_range("LoihiLIF", name, getattr(self, name), low, high)

    @property
    def bias(self) -> Any:
        """bias_mant * 2**bias_exp: what is added to v in every step."""
        return self.bias_mant * 2**self.bias_exp


def step_lif(p: LIF, u: FloatArray, v: FloatArray, current: FloatArray) -> tuple[FloatArray, FloatArray, NDArray[Any]]:
    """One step of :class:`LIF`; returns the new (u, v, spikes). Vectors of shape (neurons,)."""
    u = p.alpha * u + current
    v = p.beta * v + u + p.bias
    s = v > p.theta
    v = np.where(s, p.v_reset if p.reset == "zero" else v - p.theta, v)
    return u, v, s


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
