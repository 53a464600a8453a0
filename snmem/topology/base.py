"""From a rule of connection to a projection: rows of sources, then weights and delays, written by several threads."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from .._hash import mix
from .._jit import kernel
from .._text import shown
from ..description import Weights, flag, frozen, real_array, whole
from ..errors import NetworkError
from ..network import Input, Population, Projection
from ..registry import Registry
from .distributions import TRIES, UNIT, Distribution, as_distribution, draw
from .own import own_share

#: Synapses of one projection, at most; draws of a delay that another synapse of the two neurons has not.
MOST, AGAIN = 2**31 - 1, 64
#: Functions (pre, post, ..., weights, delays, seed, options) -> Projection, by name.
RULES: Registry[Callable[..., Projection]] = Registry(
    "rule of connection",
    tuple(
        f"snmem.topology.{name}"
        for name in ("one_to_one", "all_to_all", "probability", "in_degree", "out_degree", "total_number", "distance")
    ),
)
_TYPES = ("float64", "float32", "int8", "int16", "int32")


@dataclass(frozen=True)
class Pairs:
    """The pairs of neurons that a rule joins.

    Attributes
    ----------
    indptr : array of int64, shape (post + 1,)
        Where the synapses of each target begin.
    fill : callable
        ``fill(indices, low, high)`` writes the sources of the targets low .. high - 1, ascending for each, into an
        array that has room for just these.
    multapses : bool
        Whether a pair may come several times.
    divisible : bool
        Whether ``fill`` may be called for a part of the targets.
    """

    indptr: Any
    fill: Callable[[Any, int, int], None]
    multapses: bool = False
    divisible: bool = True


@dataclass(frozen=True)
class Ends:
    """The two populations of a projection, and the key of its random numbers.

    Attributes
    ----------
    pre : Input or Population
        Where spikes come from.
    post : Population
        Where they go to.
    key : uint64
        Differs for every seed and every name of a projection.
    name : str
        Of the projection.
    """

    pre: Input | Population
    post: Population
    key: np.uint64
    name: str

    @classmethod
    def of(cls, pre: Any, post: Any, seed: int, name: str) -> Ends:
        """Check both ends; NetworkError for what is no population of a size."""
        if not isinstance(pre, (Input, Population)):
            raise NetworkError(f"topology: pre must be an Input or Population, got {shown(pre)}")
        if not isinstance(post, Population):
            raise NetworkError(f"topology: post must be a Population, got {shown(post)}")
        name = name or f"{pre.name}->{post.name}"
        text = f"{whole('topology: seed', seed, 0)} {name}".encode("utf-8", "surrogatepass")
        key = np.frombuffer(hashlib.sha256(text).digest()[:8], "<u8")[0]
        return cls(pre, post, np.uint64(key), name)

    @property
    def owner(self) -> str:
        """What messages begin with."""
        return f"projection {self.name!r}"

    def stream(self, number: int) -> np.uint64:
        """The key of a stream of random numbers: 0 for pairs, 1 for weights, 2 for delays."""
        return np.uint64(mix(self.key, number))

    def sources(self, autapses: bool) -> int:
        """Sources that each target may choose from."""
        return self.pre.size - self.leaves_out(autapses)

    def leaves_out(self, autapses: bool) -> bool:
        """Whether the synapse of a neuron with itself is left out."""
        return not flag(f"{self.owner}: autapses", autapses) and self.same

    @property
    def same(self) -> bool:
        """Whether neurons may be joined to themselves."""
        return self.pre.name == self.post.name


def pointers(owner: str, counts: Any, divisible: bool = True) -> Any:
    """Where rows of these lengths begin; NetworkError where those drawn here are beyond the limit."""
    indptr = np.concatenate([np.zeros(1, np.int64), np.cumsum(counts, dtype=np.int64)])
    first, last = own_share(len(counts)) if divisible else (0, -1)
    if (many := int(indptr[last] - indptr[first])) > MOST:
        raise NetworkError(f"{owner}: {many:,} synapses, a projection holds at most {MOST:,}; divide its targets")
    return indptr


def degree(ends: Ends, what: str, value: Any, size: int, most: int, multapses: bool) -> Any:
    """A number of synapses for each of ``size`` neurons; NetworkError unless whole, >= 0 and possible."""
    limit = None if flag(f"{ends.owner}: multapses", multapses) and most else most
    given = real_array(value)
    if given is None or given.ndim == 0:
        return np.full(size, whole(f"{ends.owner}: {what}", value, 0, limit or MOST), np.int64)
    if given.shape != (size,) or given.dtype.kind not in "iu":
        raise NetworkError(f"{ends.owner}: {what} must be a whole number or {size} of them, got shape {given.shape}")
    for extreme in (given.min(), given.max()):
        whole(f"{ends.owner}: {what}", extreme, 0, limit)
    return given.astype(np.int64)


def counted(ends: Ends, write: Callable[[Any, Any, Any, int, int], None]) -> Pairs:
    """Pairs of which a rule draws each by itself, twice: first to count them, then to write them down.

    ``write(counts, indices, indptr, low, high)`` draws the sources of the targets low .. high - 1: where ``indices``
    has no room it sets ``counts``, else it writes the sources of target i from ``indices[indptr[i] - indptr[low]]`` on.
    """
    counts = np.zeros(ends.post.size, np.int64)
    write(counts, np.zeros(0, np.int32), counts, 0, ends.post.size)
    indptr = pointers(ends.owner, counts)

    def fill(indices: Any, low: int, high: int) -> None:
        if indices.size:
            write(counts, indices, indptr, low, high)

    return Pairs(indptr, fill)


def projection(
    ends: Ends,
    pairs: Pairs,
    weights: Any,
    delays: Any,
    dtype: Any = np.float64,
    threads: int = 1,
    **options: Any,
) -> Projection:
    """Draw weights and delays of ``pairs`` and return the projection.

    Parameters
    ----------
    ends : Ends
        Its populations.
    pairs : Pairs
        What the rule joins.
    weights : float or Distribution
        Weights. Those of the same pair add up, unless their delays differ.
    delays : int or Distribution
        Delays in steps, rounded to whole ones. Several synapses of a pair get different ones.
    dtype : type
        Of the weights, as they are kept: float64, float32, int8, int16 or int32 (whole numbers, rounded).
    threads : int
        How many to use; results are the same for any number.
    options
        Of :class:`snmem.Projection`.
    """
    try:
        kind = np.dtype(dtype)
    except (TypeError, ValueError):
        kind = None
    if kind is None or kind.name not in _TYPES:
        raise NetworkError(f"{ends.owner}: dtype must be one of {', '.join(_TYPES)}, got {shown(dtype)}")
    threads = whole("topology: threads", threads, 1, 256)
    weight, delay = _weight(ends.owner, weights, kind), _delay(ends.owner, delays)
    rows, (first, last) = len(pairs.indptr) - 1, own_share(len(pairs.indptr) - 1)
    base, size = int(pairs.indptr[first]), int(pairs.indptr[last] - pairs.indptr[first])
    indices, data = np.empty(size, np.int32), np.empty(size, kind)
    steps = np.empty(size if delay is not None else 0, np.min_scalar_type(int(np.rint(delay[1])) if delay else 0))
    clash = np.zeros(1, np.int64)

    def part(low: int, high: int) -> None:
        begin, end = (int(pairs.indptr[row]) - base for row in (low, high))
        if pairs.divisible:
            pairs.fill(indices[begin:end], low, high)
        _draw_weights(data[begin:end], weight, ends.stream(1), base + begin)
        if delay is not None:
            clash[0] |= _draw_delays(pairs.indptr, base, indices, steps, delay[0], ends.stream(2), low, high)

    if not pairs.divisible:
        indices = _undivided(pairs, base, size)
    bounds = np.searchsorted(pairs.indptr, base + np.linspace(0, size, 4 * threads + 1)[1:-1])
    bounds = np.unique([first, *bounds.clip(first, last).tolist(), last]).tolist()
    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(lambda ends: part(*ends), pairwise(bounds)))
    indptr = (pairs.indptr.clip(base, base + size) - base).astype(np.int32)
    matrix = Weights((data, indices, indptr), shape=(rows, ends.pre.size))
    matrix.data, matrix.indices, matrix.indptr = data, indices, indptr  # not views of them, which would be copied
    if (first, last) != (0, rows):
        matrix.rows = first, last
        matrix.drawn = int(ends.key), int(pairs.indptr[-1]), repr(weights), repr(delays)
    if clash[0]:
        return _marked(Projection(ends.pre, ends.post, matrix, steps, name=ends.name, **options), matrix)
    if pairs.multapses and (delay is None or steps.min(initial=0) == steps.max(initial=0)):
        matrix.add_up(ends.owner)
    when: Any = int(np.rint(as_distribution("delays", delays).limits()[0]))
    if delay is not None and size:
        when = int(steps[0]) if steps.min() == steps.max() else frozen(steps, own=True)
    return Projection(ends.pre, ends.post, matrix.lock(), when, name=ends.name, **options)


def _undivided(pairs: Pairs, base: int, size: int) -> Any:
    """The sources of some targets, of a rule that draws those of all at once."""
    indices = np.empty(int(pairs.indptr[-1]), np.int32)
    pairs.fill(indices, 0, len(pairs.indptr) - 1)
    return indices if size == len(indices) else indices[base : base + size].copy()


def _marked(projection: Projection, matrix: Weights) -> Projection:
    """The projection, of which only the rows of a matrix were drawn."""
    projection.weights.rows, projection.weights.drawn = matrix.rows, matrix.drawn
    return projection


def _weight(owner: str, weights: Any, kind: Any) -> Any:
    distribution = as_distribution(f"{owner}: weights", weights)
    low, high = distribution.limits()
    if kind.kind == "i" and not np.iinfo(kind).min <= np.rint(low) <= np.rint(high) <= np.iinfo(kind).max:
        raise NetworkError(f"{owner}: weights from {low:g} to {high:g} do not fit {kind}; take a wider dtype")
    return distribution.vector()


def _delay(owner: str, delays: Any) -> tuple[Any, float] | None:
    """The vector of a distribution of whole steps and its largest value; None where there is one delay."""
    if not isinstance(delays, Distribution):
        whole(f"{owner}: delays", delays, 0, MOST)
        return None
    (low, high), vector = delays.limits(), delays.vector()
    if np.rint(low) < 0 or np.rint(high) > MOST:
        raise NetworkError(
            f"{owner}: delays from {low:g} to {high:g} steps must lie in 0..{MOST}; give the distribution low and high"
        )
    return None if np.rint(low) == np.rint(high) else (vector, high + vector[UNIT])


@kernel
def _draw_weights(out, numbers, key, first):
    """Weights of the synapses number ``first``, ``first`` + 1, ..., rounded where ``out`` holds whole numbers."""
    for k in range(out.size):
        x = draw(numbers, mix(key, first + k), 0)
        out[k] = x if out.dtype.kind == "f" else np.rint(x)


@kernel
def _draw_delays(indptr, base, indices, out, numbers, key, low, high):
    """Delays of the synapses of some targets; those of one pair differ and ascend. True if they could not.

    base: number of the first synapse in ``indices`` and ``out``.
    """
    clash = False
    for row in range(low, high):
        begin = indptr[row] - base
        for k in range(begin, indptr[row + 1] - base):
            if k > begin and indices[k] != indices[k - 1]:
                begin = k
            own, at, d = mix(key, base + k), k, np.int64(0)
            for again in range(AGAIN):
                d = np.int64(np.rint(draw(numbers, own, again * TRIES)))
                at = k
                while at > begin and np.int64(out[at - 1]) > d:
                    at -= 1
                if at == begin or np.int64(out[at - 1]) != d:
                    break
            clash |= at > begin and np.int64(out[at - 1]) == d
            for j in range(k, at, -1):
                out[j] = out[j - 1]
            out[at] = d
    return clash
