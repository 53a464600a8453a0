"""What every neuron is: parameters, state variables and one step, in a file of its own that registers itself.

A neuron defined here or anywhere else runs on backend "reference" at once. Other backends run what they declare, and
refuse the rest by name (:mod:`snmem.backends.base`).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import fields
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .._text import shown
from ..description import Description, frozen, real_array
from ..errors import NetworkError
from ..registry import Registry

if TYPE_CHECKING:
    from ..network import Network


FloatArray = NDArray[np.float64]
#: State variables of a population by name, each of shape (neurons,).
State = Mapping[str, NDArray[Any]]

#: State variable of neurons that may be refractory: the steps left in which they are.
LEFT = "refractory_left"
#: Neurons by name; a file that defines one registers it here.
NEURONS: Registry[type[Neuron]] = Registry("neuron", ("snmem.neurons.lif", "snmem.neurons.loihi"))


def parameter(owner: str, name: str, value: ArrayLike, *, integer: bool = False) -> Any:
    """A scalar, or a read-only vector with one value per neuron (collapsed to a scalar if all are equal)."""
    if type(value) is float and value == value and not integer:
        return value + 0.0  # without -0.0
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


def check_range(owner: str, name: str, value: Any, low: float, high: float) -> None:
    """Raise NetworkError where a value lies outside low..high."""
    if type(value) in (float, int) and low <= value <= high:
        return
    array = np.atleast_1d(value)
    bad = (array < low) | (array > high)
    if bad.any():
        raise NetworkError(f"{owner}.{name}: must lie in [{low:g}, {high:g}], got {array[bad][0]:g}")


def check_option(owner: str, name: str, value: Any, *known: str) -> None:
    """Raise NetworkError where an option is none of the two that there are."""
    if not isinstance(value, str) or value not in known:
        raise NetworkError(f'{owner}.{name}: must be "{known[0]}" or "{known[1]}", got {shown(value)}')


def begun(neuron: Any, state: dict[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    """``state``, which is 0, with u_init and v_init added to its u and v."""
    for name in ("u", "v"):
        state[name] += getattr(neuron, f"{name}_init")
    return state


class Neuron(Description):
    """Parameters of a population's neurons, and their step: a frozen dataclass with ``eq=False``.

    Each field is a number, or a vector with one value per neuron; a text or a truth value is an option, and None, where
    it is the default, stands for what is left out. Fields are checked against :attr:`limits` when the neuron is made.

    Attributes
    ----------
    arithmetic : str
        "float" (float64) or "loihi" (whole numbers); all populations of a network have the same.
    variables : tuple of str
        State variables, each zero before step 0 and recordable as "population.variable".
    receptors : tuple of str
        What synapses may deliver to; a projection delivers to the first unless it names another.
    limits : mapping of str to (low, high)
        Allowed range of each numeric field; a field that is not named may be any number but NaN.
    integers : tuple of str
        Fields that hold whole numbers, also where the arithmetic is "float".

    Raises
    ------
    NetworkError
        For a value that is no number, NaN, or outside its range.
    """

    arithmetic: ClassVar[str] = "float"
    variables: ClassVar[tuple[str, ...]] = ("u", "v")
    receptors: ClassVar[tuple[str, ...]] = ("u",)
    limits: ClassVar[Mapping[str, tuple[Any, Any]]] = {}
    integers: ClassVar[tuple[str, ...]] = ()

    def __post_init__(self) -> None:
        owner = type(self).__name__
        for f in fields(self):  # type: ignore[arg-type]
            if isinstance(f.default, (str, bool)) or (f.default is None and getattr(self, f.name) is None):
                continue
            integer = self.arithmetic == "loihi" or f.name in self.integers
            given = getattr(self, f.name)
            value = parameter(owner, f.name, given, integer=integer)
            object.__setattr__(self, f.name, value)
            if type(value) in (float, int) and np.size(given) > 1:  # a vector of one value, whose length counts still
                self.__dict__.setdefault("_lengths", {})[f.name] = np.size(given)
            if f.name in self.limits:
                check_range(owner, f.name, value, *self.limits[f.name])

    @classmethod
    def example(cls, rng: np.random.Generator, size: int) -> Neuron:
        """Neurons with random parameters, for the conformance suite.

        Unless a class draws its own, fields with finite :attr:`limits` are drawn from 17 equally spaced values (whole
        numbers in Loihi's integers), one for all neurons or one for each; the others keep their defaults.

        Parameters
        ----------
        rng : numpy.random.Generator
            Source of randomness.
        size : int
            Number of neurons.
        """
        values = {}
        for f in fields(cls):  # type: ignore[arg-type]
            low, high = cls.limits.get(f.name, (-np.inf, np.inf))
            if np.isfinite(high - low):
                drawn: NDArray[Any] = rng.integers(0, 17, int(rng.choice([1, size]))) / 16
                value: NDArray[Any] = low + (high - low) * drawn
                values[f.name] = np.round(value) if cls.arithmetic == "loihi" else value
        return cls(**values)

    @property
    def features(self) -> frozenset[str]:
        """Names of what these neurons do that a backend runs only if it declares it (``Backend.features``)."""
        return frozenset()

    @property
    def never_spikes(self) -> bool:
        """Whether all thresholds are meant to be out of reach, as those of a readout are."""
        return False

    @cached_property
    def start_note(self) -> str:
        """What a user may not expect of the first step; empty if nothing. :func:`snmem.simulate` warns of it."""
        return ""

    def initial(self, size: int) -> dict[str, NDArray[Any]]:
        """State before step 0 of ``size`` neurons."""
        kind = np.float64 if self.arithmetic == "float" else np.int64
        return {name: np.zeros(size, kind) for name in self.variables}

    def step(self, state: State, current: State, t: int) -> tuple[dict[str, NDArray[Any]], NDArray[np.bool_]]:
        """One step: the state after it, and which neurons spike.

        Parameters
        ----------
        state : mapping of str to array of shape (neurons,)
            Variables before the step; not to be changed.
        current : mapping of str to array of shape (neurons,)
            Summed weights of the synapses whose spikes arrive in this step, by receptor.
        t : int
            Number of the step, from 0.
        """
        raise NotImplementedError(f"{type(self).__name__} defines no step")

    def updated(self, state: State, current: State) -> NDArray[np.bool_]:
        """Which neurons count as updated in a step: those with a state, an input or a bias other than 0."""
        busy = np.zeros(len(next(iter(current.values()))), bool) | (np.asarray(getattr(self, "bias", 0)) != 0)
        for array in (*state.values(), *current.values()):
            busy |= array != 0
        return busy

    def vector(self, name: str, size: int) -> NDArray[Any]:
        """Parameter ``name`` as a vector of ``size`` values."""
        value = getattr(self, name)
        return np.full(size, value) if np.isscalar(value) else np.asarray(value)

    def check_size(self, owner: str, size: int) -> None:
        """Raise NetworkError where a per-neuron vector does not have ``size`` values.

        A vector of equal values, which is kept as a number, is looked at once and is a number from there on.
        """
        vectors = {f.name: np.size(getattr(self, f.name)) for f in fields(self)}  # type: ignore[arg-type]
        for name, length in (vectors | self.__dict__.get("_lengths", {})).items():
            if length not in (1, size):
                raise NetworkError(
                    f"{owner}: {name} holds {length} values but the population has {size} neurons; "
                    f"give one number or {size}"
                )
        self.__dict__.pop("_lengths", None)

    def __eq__(self, other: object) -> bool:
        if type(other) is not type(self):
            return NotImplemented
        names = [f.name for f in fields(self)]  # type: ignore[arg-type]
        return all(np.array_equal(getattr(self, n), getattr(other, n)) for n in names)

    __hash__ = None  # type: ignore[assignment]


def require_neurons(
    owner: str, network: Network, types: Collection[type], features: Collection[str] | None = ()
) -> None:
    """Raise NetworkError, naming the population, where neurons are not exactly of one of ``types``.

    A subclass is never taken for its parent, whose equations it may not have.

    Parameters
    ----------
    owner : str
        Who takes the network, for the message.
    network : Network
        The network.
    types : collection of types
        Neurons that it takes.
    features : collection of str, or None
        Features (``Network.features``) that it takes; None: all.
    """
    for p in network.neurons:
        if type(p.neuron) not in types:
            known = " or ".join(t.__name__ for t in types)
            raise NetworkError(
                f"{owner}: population {p.name!r} has neurons of type {type(p.neuron).__name__}; it takes {known}"
            )
    for kind, name, feature in network.features:
        if features is not None and feature not in features:
            raise NetworkError(f"{owner}: {kind} {name!r} uses the feature {feature!r}, which it does not take")
