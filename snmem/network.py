"""Networks as plain immutable descriptions: inputs, populations, projections. Validated when built."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields, replace
from functools import cached_property
from graphlib import CycleError, TopologicalSorter
from typing import Any, ClassVar, cast

import numpy as np
import scipy.sparse as sp  # pyright: ignore[reportMissingTypeStubs]

from ._checks import LOIHI_EXPONENT, LOIHI_WEIGHT, check_pattern, check_rule
from ._delays import distinct, same_delays, with_delay
from ._digest import digest, summary
from ._features import used_features
from ._text import LONGEST_NAME, listed, shortened, shown
from ._weights import fan_out_of, values_of
from .description import Description, Summary, check_whole, name_of, number, option, same_matrix, shape_of, whole
from .errors import NetworkError, UnknownNameError
from .neurons import Neuron
from .plasticity import LearningRule
from .sources.base import Input, Source, checked_name


@dataclass(frozen=True)
class Population(Description):
    """Neurons with one parameter set (values may differ by neuron).

    Parameters
    ----------
    name
        Unique in the network.
    shape
        Number of neurons, or a tuple such as (16, 34, 34).
    neuron
        LIF (float64) or LoihiLIF (Loihi's integers).
    clear_every, clear_offset
        If given, u = v = 0 just before the update in every step t with ``t % clear_every == clear_offset``: a timed
        reset between presentations.

    Raises
    ------
    NetworkError
        For an invalid name, size, or parameter vector of another length.
    """

    name: str
    shape: Any
    neuron: Neuron
    clear_every: int | None = None
    clear_offset: int = 0

    def __post_init__(self) -> None:
        object.__setattr__(self, "name", checked_name("population", self.name))
        owner = f"population {self.name!r}"
        object.__setattr__(self, "shape", shape_of(owner, self.shape))
        if not isinstance(cast(object, self.neuron), Neuron):
            raise NetworkError(f"{owner}: neuron must be a neuron such as LIF(), got {type(self.neuron).__name__}")
        self.neuron.check_size(owner, self.size)
        if self.clear_every is not None:
            object.__setattr__(self, "clear_every", whole(f"{owner}: clear_every", self.clear_every, 1))
        offset = whole(f"{owner}: clear_offset", self.clear_offset, 0, (self.clear_every or 1) - 1)
        object.__setattr__(self, "clear_offset", offset)

    @cached_property
    def size(self) -> int:
        """Number of neurons."""
        return math.prod(self.shape)


@dataclass(frozen=True, eq=False)
class Projection(Description):
    """Synapses from population ``pre`` to population ``post``.

    Parameters
    ----------
    pre : str or Input or Population
        Where spikes come from: the object, or its name.
    post : str or Population
        Where they go to.
    weights : array or scipy sparse matrix of shape (post, pre), or Convolution
        Copied, and kept as CSR; row = fan-in of one neuron. Zeros of a dense array are no synapses; explicit zeros of a
        sparse one are synapses of weight 0. A :class:`snmem.Convolution` is kept as its kernel; it has one delay, and
        does not learn.
    delay : int, or array or scipy sparse matrix of shape (post, pre)
        Steps from a spike to its effect, >= 0. Every cycle must hold a delay >= 1. Synapses that differ in it are given
        by a matrix of the same pattern as the weights, or by one number for each synapse in the order of the (CSR, CSC
        or COO) weights' data; it is kept as a vector along the CSR data. The projection then says the same as one
        projection for each delay, ascending, in its place. Several synapses of two neurons add up to one, unless
        their delays differ.
    plasticity : Instar, Outstar, SumOfProducts or None
        Instar and Outstar learn in float networks only. Needs delay 1.
    name : str
        Unique in the network; by default "pre->post".
    exponent : int
        Loihi networks only: the summed weights of one step are multiplied by 2**exponent, rounded down.
    receptor : str
        What of the target neurons the spikes reach (``Neuron.receptors``), such as "u2" or "v" of LIF; by default the
        first, "u".
    signal : str
        "spikes", or "v": every synapse delivers weight * v in every step, with v of the presynaptic neuron ``delay``
        steps before (after its reset), presynaptic neurons in ascending order. Float networks only, without plasticity.

    Raises
    ------
    NetworkError
        For weights of a wrong type or not finite, and delays that are not whole steps or of another pattern.
    """

    pre: Any
    post: Any
    weights: Any
    delay: Any = 1
    plasticity: LearningRule | None = None
    name: str = ""
    exponent: int = 0
    receptor: str = ""
    signal: str = "spikes"

    later: ClassVar[tuple[str, ...]] = ("receptor", "signal")

    def __post_init__(self) -> None:
        for end in ("pre", "post"):
            object.__setattr__(self, end, name_of(getattr(self, end)))
            if not isinstance(getattr(self, end), str):
                raise NetworkError(
                    f"projection: {end} must be a population or its name, got a {type(getattr(self, end)).__name__}"
                )
            object.__setattr__(self, end, str.__str__(getattr(self, end)))  # as in checked_name
        given: Any = self.name
        none = given is None or (isinstance(given, str) and not given)
        name = shortened(f"{self.pre}->{self.post}", LONGEST_NAME) if none else given
        object.__setattr__(self, "name", checked_name("projection", name))
        owner = f"projection {self.name!r}"
        weights, delay = with_delay(owner, self.weights, self.delay)
        object.__setattr__(self, "weights", weights)
        object.__setattr__(self, "delay", delay)
        object.__setattr__(self, "exponent", whole(f"{owner}: exponent", self.exponent, *LOIHI_EXPONENT))
        if not isinstance(cast(object, self.receptor), str):
            raise NetworkError(f"{owner}: receptor must be a text, got {shown(self.receptor)}")
        option(f"{owner}: signal", self.signal, ("spikes", "v"))
        check_rule(owner, self.plasticity, weights)

    @property
    def synapses(self) -> int:
        """Number of synapses."""
        return int(self.weights.nnz)

    @cached_property
    def delays(self) -> tuple[int, ...]:
        """The different delays of the synapses in steps, ascending; one where ``delay`` is a number."""
        return distinct(self.delay)

    @cached_property
    def by_pre(self) -> sp.csc_array:
        """The weights ordered by presynaptic neuron (CSC), for delivering spikes."""
        return self.weights.tocsc()

    @cached_property
    def fan_out(self) -> Any:
        """Synapses of each presynaptic neuron, shape (pre,)."""
        return fan_out_of(self.weights)

    @cached_property
    def even_fan_out(self) -> int | None:
        """Synapses of a presynaptic neuron if all have the same number of them, else None."""
        few, most = self.fan_out.min(initial=self.synapses), self.fan_out.max(initial=0)
        return int(few) if few == most else None

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Projection):
            return NotImplemented
        names = [f.name for f in fields(self) if f.name not in ("weights", "delay")]
        same = all(getattr(self, n) == getattr(other, n) for n in names) and same_delays(self.delay, other.delay)
        return same and (self.weights is other.weights or same_matrix(self.weights, other.weights))

    __hash__ = None  # type: ignore[assignment]


@dataclass(frozen=True, eq=False, repr=False)
class Network(Summary, Description):
    """Inputs, populations and projections, in the order in which they were given.

    Parameters
    ----------
    populations
        Input and Population objects.
    projections
        Projection objects; spikes arriving at a neuron are summed in this order.
    outputs
        Names of the populations that are outputs of the network (for NIR and Lava).
    dt
        Duration of a step in seconds; only NIR export and real-time figures use it.

    Raises
    ------
    NetworkError
        For repeated or unknown names, weights that do not match the sizes, a cycle without delay, mixed float and Loihi
        populations, and rules whose gate or signal does not fit.
    """

    populations: tuple[Input | Population, ...]
    projections: tuple[Projection, ...] = ()
    outputs: tuple[str, ...] = ()
    dt: float = 1e-3
    #: Names of the neuron populations in the order in which a step updates them (along delay-0 projections).
    update_order: tuple[str, ...] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        for name, kinds in (("populations", (Input, Population)), ("projections", (Projection,)), ("outputs", (str,))):
            object.__setattr__(self, name, self._items(name, kinds))
        self._check_names()
        if not self.neurons:
            raise NetworkError("network: holds no population of neurons; add at least one Population")
        dt = number("network.dt", self.dt)
        if not (np.isfinite(dt) and dt > 0):
            raise NetworkError(f"network: dt must be a positive number of seconds, got {self.dt!r}")
        object.__setattr__(self, "dt", dt)
        for p in self.inputs:
            p.check(dt)
        if len({p.neuron.arithmetic for p in self.neurons}) > 1:
            raise NetworkError("network: mixes LIF and LoihiLIF populations; use one arithmetic (see snmem.quantize)")
        outputs = tuple(self._find(name, "network outputs").name for name in self.outputs)
        object.__setattr__(self, "outputs", outputs)
        for projection in self.projections:
            self._check_projection(projection)
        object.__setattr__(self, "update_order", self._update_order())

    def _check_names(self) -> None:
        kinds: dict[str, str] = {}
        for kind, items in (("population", self.populations), ("projection", self.projections)):
            for item in items:
                before = kinds.get(item.name)
                if before:
                    both = f"two {kind}s" if before == kind else f"a {before} and a {kind}"
                    raise NetworkError(f"network: {both} are called {item.name!r}; give each its own name")
                kinds[item.name] = kind

    def _items(self, name: str, kinds: tuple[type, ...]) -> tuple[Any, ...]:
        """Field ``name`` as a tuple; one object alone is a tuple of one, outputs become names."""
        value: Any = getattr(self, name)
        alone = isinstance(value, (str, Input, Population, Projection))
        if not alone and not isinstance(value, Iterable):
            raise NetworkError(f"network: {name} must be a sequence, got a {type(value).__name__}")
        items: tuple[Any, ...] = (value,) if alone else tuple(cast(Iterable[Any], value))
        items = tuple(map(name_of, items)) if name == "outputs" else items
        for item in items:
            if not isinstance(item, kinds):
                wanted = " and ".join(kind.__name__ for kind in kinds)
                raise NetworkError(f"network: {name} must hold {wanted} objects, got a {type(item).__name__}")
        return items

    def _find(self, name: str, owner: str) -> Input | Population:
        found = self._named.get(name)
        if isinstance(found, (Input, Population)):
            return found
        known = listed(p.name for p in self.populations)
        raise NetworkError(f"{owner}: there is no population {name!r}; the network has {known}")

    def _check_projection(self, q: Projection) -> None:
        owner = f"projection {q.name!r}"
        pre, post = self._find(q.pre, owner), self._find(q.post, owner)
        if isinstance(post, Input):
            raise NetworkError(f"{owner}: {q.post!r} is an input and receives no synapses; project to a population")
        if q.weights.shape != (post.size, pre.size):
            raise NetworkError(
                f"{owner}: weights have shape {q.weights.shape}, expected (post, pre) = {(post.size, pre.size)}"
            )
        if q.receptor and q.receptor not in post.neuron.receptors:
            known = ", ".join(post.neuron.receptors)
            raise NetworkError(f"{owner}: {q.post!r} has no receptor {q.receptor!r}; its neurons have {known}")
        if self.arithmetic == "loihi":
            check_whole(owner, values_of(q.weights), *LOIHI_WEIGHT)
        elif q.exponent:
            raise NetworkError(f"{owner}: exponent {q.exponent} is for Loihi networks only; scale the weights instead")
        plain = self.arithmetic == "float" and q.plasticity is None and len(q.delays) == 1
        if q.signal == "v" and (isinstance(pre, Input) or not plain):
            what = "for float networks with one delay and without plasticity only"
            what = "an input has none" if isinstance(pre, Input) else what
            raise NetworkError(f"{owner}: signal='v' delivers potentials, {what}; use signal='spikes'")
        if q.plasticity is not None:
            q.plasticity.check(q, self.arithmetic, lambda name, role: self._find(name, f"{owner}{role}").size)

    def _update_order(self) -> tuple[str, ...]:
        before: dict[str, list[str]] = {p.name: [] for p in self.neurons}
        for q in self.projections:
            if q.delays[0] == 0 and q.pre in before:
                before[q.post].append(q.pre)
        try:
            return tuple(TopologicalSorter(before).static_order())
        except CycleError as error:
            cycle = " -> ".join(error.args[1])
            raise NetworkError(
                f"network: cycle without delay: {cycle}; give one of its projections a delay of at least 1 step"
            ) from None

    @cached_property
    def inputs(self) -> tuple[Input, ...]:
        """The inputs, sources included."""
        return tuple(p for p in self.populations if isinstance(p, Input))

    @cached_property
    def fed(self) -> tuple[Input, ...]:
        """The inputs that the caller feeds: all but the sources, which draw their own events."""
        return tuple(p for p in self.inputs if not isinstance(p, Source))

    @cached_property
    def neurons(self) -> tuple[Population, ...]:
        """The populations that are not inputs."""
        return tuple(p for p in self.populations if isinstance(p, Population))

    @property
    def arithmetic(self) -> str:
        """ "float" or "loihi"."""
        return self.neurons[0].neuron.arithmetic

    def receptor_of(self, q: Projection) -> int:
        """Which of the target neurons' receptors a projection reaches, by its place among them."""
        return self[q.post].neuron.receptors.index(q.receptor) if q.receptor else 0

    @cached_property
    def features(self) -> tuple[tuple[str, str, str], ...]:
        """What a backend runs only if it declares it: ("population" or "projection", name, feature) of each use."""
        return tuple(used_features(self))

    @cached_property
    def max_delay(self) -> int:
        """Longest delay in steps."""
        return max((q.delays[-1] for q in self.projections), default=0)

    @cached_property
    def spike_memory(self) -> int:
        """Steps for which spikes are kept: the longest delay, and until learning rules have seen them."""
        late = (1 + max(q.plasticity.delays(q)) for q in self.projections if q.plasticity is not None)
        return max(1, self.max_delay, *late)

    @cached_property
    def _named(self) -> dict[str, Any]:
        return {item.name: item for item in (*self.populations, *self.projections)}

    def __getitem__(self, name: str) -> Any:
        """The population or projection of that name; UnknownNameError, a KeyError, names those that there are."""
        try:
            return self._named[name]
        except (KeyError, TypeError):
            raise UnknownNameError("network: no population or projection", name, self._named) from None

    def with_weights(self, weights: Mapping[str, Any]) -> Network:
        """The same network with other weights for the named projections (as ``Recording.weights`` holds them)."""
        names = [q.name for q in self.projections]
        given = cast(object, weights)
        if not isinstance(given, Mapping):
            raise NetworkError(f"network: with_weights takes a dict of projection -> weights, got {shown(given)}")
        for name in weights:
            if name not in names:
                raise NetworkError(f"network: there is no projection {name!r}; the network has {listed(names)}")
            check_pattern(self[name], weights[name])
        changed = tuple(replace(q, weights=weights[q.name]) if q.name in weights else q for q in self.projections)
        return replace(self, projections=changed)

    def freeze(self, grid_bits: int | None = None) -> Network:
        """The same network without plasticity; ``grid_bits`` = n rounds plastic weights to multiples of 2**-n."""

        def frozen(q: Projection) -> Projection:
            if q.plasticity is None:
                return q
            weights = q.weights
            if grid_bits is not None:
                weights = weights.copy()
                weights.data = np.round(weights.data * 2.0**grid_bits) / 2.0**grid_bits
            return replace(q, weights=weights, plasticity=None)

        return replace(self, projections=tuple(frozen(q) for q in self.projections))

    def digest(self) -> str:
        """sha256 of the whole description, weights included; equal networks have the same."""
        return self._digest

    @cached_property
    def _digest(self) -> str:
        return digest(self)

    def _summary(self) -> tuple[str, list[tuple[str, str]]]:
        return summary(self)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Network):
            return NotImplemented
        names = ("populations", "projections", "outputs", "dt")
        return all(getattr(self, name) == getattr(other, name) for name in names)

    __hash__ = None  # type: ignore[assignment]
