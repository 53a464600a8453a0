"""What every origin is: a framework, the versions it was measured with, and the reading that its files need.

NIR leaves the time step, the reset, the gain of a spike and the unit of time open, and each framework fills them
otherwise. An :class:`Origin` says how; :func:`choose_origin` finds it from what a file shows. A framework of one's own
is one file too, inside the package or outside: a subclass and ``ORIGINS.add("name version", Subclass())``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from ...errors import FileError, InputError
from ...registry import Registry
from ..choices import Choice
from ..graph import Graph, Node
from ..nodes.neurons.base import NeuronNode

_FILES = ("snntorch", "norse", "sinabs", "rockpool", "spikingjelly", "spyx")
#: Origins by name and version, such as "sinabs 3".
ORIGINS: Registry[Origin] = Registry("origin", tuple(f"snmem.nir_io.origins.{name}" for name in _FILES))

#: Signs that a file must show before it is taken for one of an origin.
ENOUGH = 2


@dataclass(frozen=True)
class Sign:
    """Something in a file that speaks for an origin, in words, and how much: 1 hints, 2 is enough, 3 is a name."""

    weight: int
    what: str


class Origin:
    """A framework that writes NIR files.

    Attributes
    ----------
    versions : str
        What the reading was measured with, such as "snnTorch 1.0.0, nirtorch 2.6".
    options : mapping
        Options of :func:`snmem.nir_io.read_nir` -> value, where all files need the same.
    lost : tuple of str
        What the framework does not write down, so that its spikes may differ from what the file says.
    """

    versions: ClassVar[str] = ""
    options: ClassVar[Mapping[str, Any]] = {}
    lost: ClassVar[tuple[str, ...]] = ()

    def signs(self, traits: Traits) -> Iterable[Sign]:
        """What speaks for this origin in a file; nothing if the file cannot be one of this framework."""
        raise NotImplementedError

    def time_step(self, traits: Traits) -> float | None:
        """The time step of a file in its unit of time, or None if this origin does not say it."""
        return None

    def option(self, name: str, node: Node | None) -> Any:
        """The value of an option, for a node if there is one; None leaves it to the default."""
        return self.options.get(name)

    def prepare(self, graph: Graph) -> None:
        """Change the graph where the framework connects nodes otherwise than it means."""

    def __repr__(self) -> str:
        return f"{type(self).__qualname__}()"


@dataclass(frozen=True)
class Neurons:
    """The parameters of one node of neurons, each one number or an array, and their type."""

    node: Node
    values: Mapping[str, NDArray[np.float64]]
    dtypes: frozenset[np.dtype[Any]]

    def is_constant(self, key: str, value: float) -> bool:
        """Whether a parameter is there and has this value everywhere."""
        return key in self.values and bool((self.values[key] == value).all())

    @property
    def tau(self) -> NDArray[np.float64] | None:
        """The time constant of the membrane."""
        return self.values.get("tau_mem", self.values.get("tau"))


class Traits:
    """What a file shows of its origin: names, kinds of nodes, types and values of parameters."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.names = list(graph.nodes)
        self.version = graph.version

    @cached_property
    def neurons(self) -> list[Neurons]:
        """The nodes of neurons whose parameters can be read."""
        found = []
        for node in self.graph.nodes.values():
            if not isinstance(node.kind, NeuronNode):
                continue
            try:
                values = {k: node.numbers(k, finite=False) for k in node.kind.parameters if k in node.members}
                types = frozenset(node.declared_type(key) for key in values)
            except FileError:
                continue
            found.append(Neurons(node, values, types))
        return found

    @cached_property
    def weight_types(self) -> frozenset[np.dtype[Any]]:
        """Types of the weights of Linear, Affine and convolution nodes."""
        nodes = [node for node in self.graph.nodes.values() if "weight" in node.members]
        return frozenset(node.declared_type("weight") for node in nodes)

    def types(self) -> set[str]:
        """Types of the nodes of neurons."""
        return {n.node.type for n in self.neurons}

    def single(self) -> bool:
        """Whether all weights are float32, as frameworks have them that train; without weights, all parameters."""
        types = self.weight_types or frozenset(kind for n in self.neurons for kind in n.dtypes)
        return types == {np.dtype(np.float32)}

    def taus(self) -> NDArray[np.float64]:
        """All time constants of membranes."""
        taus = [np.unique(n.tau) for n in self.neurons if n.tau is not None]
        return np.concatenate(taus) if taus else np.zeros(0)

    def named(self, pattern: str) -> int:
        """How many nodes have a name that the pattern matches as a whole."""
        return sum(re.fullmatch(pattern, name) is not None for name in self.names)

    def all_neurons(self, test: Callable[[Neurons], bool]) -> bool:
        """Whether there are neurons, and a test holds for each node of them."""
        return bool(self.neurons) and all(map(test, self.neurons))


@dataclass(frozen=True)
class Assumed:
    """The origin that a file is read with: None, or one with the time step it takes for granted, and what to report."""

    origin: Origin | None = None
    time_step: float | None = None
    choices: tuple[Choice, ...] = ()


def choose_origin(graph: Graph, name: str | None) -> Assumed:
    """The origin called ``name``, or the one that the file shows; "none", or no signs of any: no origin.

    A file of snmem's own has none. InputError for an unknown name.
    """
    known = None if name in (None, "none") else find_origin(str(name))
    if name == "none" or "format" in graph.metadata:
        return Assumed(None if known is None else known[1])
    traits = Traits(graph)
    guess = guess_origin(traits)
    if known is None:
        if guess is None:
            return Assumed()
        title, origin, why = guess
        source = "deduced"
    else:
        (title, origin), source = known, "option"
        why = (
            "as asked for" if guess is None or guess[1] is origin else f"but the file looks like {guess[0]}: {guess[2]}"
        )
    lost = f"; not in the file: {'; '.join(origin.lost)}" if origin.lost else ""
    said = f"what {origin.versions} takes for granted ({why}){lost}"
    return Assumed(origin, origin.time_step(traits), (Choice("origin", title, source, said),))


def find_origin(name: str) -> tuple[str, Origin]:
    """The origin called ``name``: "sinabs 3", or "Sinabs", or with a longer version, "sinabs 3.1.3".

    InputError for an unknown one.
    """
    wanted, _, version = name.strip().lower().partition(" ")
    for known, origin in ORIGINS.items():
        framework, _, measured = known.partition(" ")
        if framework == wanted and (version + ".").startswith(measured + ".") | (not version):
            return known, origin
    raise InputError(f'read_nir: origin {name!r} is unknown; use one of {", ".join(ORIGINS)}, or "none"')


def guess_origin(traits: Traits) -> tuple[str, Origin, str] | None:
    """Name and origin that a file shows the most signs of, and these in words; None if no one stands out."""
    scores = []
    for name, origin in ORIGINS.items():
        signs = list(origin.signs(traits))
        total = sum(sign.weight for sign in signs)
        if total >= ENOUGH:
            scores.append((total, name, origin, "; ".join(sign.what for sign in signs)))
    scores.sort(key=lambda score: -score[0])
    if not scores or (len(scores) > 1 and scores[0][0] == scores[1][0]):
        return None
    return scores[0][1:]
