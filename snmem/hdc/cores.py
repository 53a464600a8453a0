"""Context memories as networks of LIF neurons: pairs of codes are written, queries answered by the nearest item.

Both cores are asked alike: :attr:`network` has inputs for codes (``key``, ``value``, in the superposition also
``query``) and control lines, :meth:`schedule` says who spikes when, :meth:`read` finds the answers in the spikes of
``output`` (superposition) or ``found`` (fast weights).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from ..attention.network import AttentionNetwork
from ..circuits.kwta import Line
from ..errors import InputError
from ..network import Input, Network, Projection
from ..spikes import Spikes
from .algebras.block import BlockCodes
from .base import Codes
from .circuits import Part, coincidence, search_steps, trace, volley, winner
from .circuits.parts import one_to_one
from .context import fast_weights_config


class Volley(NamedTuple):
    """A code spikes: of which input, in which step; the key, value or query of which number in which context."""

    target: str
    step: int
    kind: str
    context: int
    number: int


@dataclass(frozen=True)
class Schedule:
    """Who spikes when.

    Attributes
    ----------
    volleys : tuple of Volley
        codes that spike.
    lines : dict
        control input -> (steps, neurons).
    steps : int
        length of the run.
    """

    volleys: tuple[Volley, ...]
    lines: dict[str, tuple[NDArray[np.int64], NDArray[np.int64]]]
    steps: int


class Core(Protocol):
    """A context memory in LIF neurons.

    Attributes
    ----------
    output : str
        population in which answers spike.
    network : Network
        its inputs are codes and control lines.
    """

    output: ClassVar[str]
    network: cached_property[Network]

    def schedule(self, pairs: Sequence[int], queries: Sequence[int]) -> Schedule:
        """Spikes that write so many pairs, and ask so many queries, in each context."""
        ...

    def answers(self, pairs: Sequence[int], queries: Sequence[int]) -> NDArray[np.int64]:
        """Steps in which the answers to all queries spike."""
        ...


@dataclass(frozen=True, eq=False)
class SuperpositionCore:
    """One bundle holds all pairs of a context: :class:`~snmem.hdc.context.Superposition` in neurons.

    A pair is bound by coincidence and adds its votes; a query reads the bundle, takes its key out of it by coincidence,
    and a k-WTA circuit finds the nearest item. Contexts are forgotten by a timed reset.

    Parameters
    ----------
    codes : BlockCodes
        the algebra.
    items : int (items, B)
        codes that an answer is one of.
    pairs, queries : int
        most pairs and queries of a context.
    most : int
        largest number of votes of a unit.
    lead : int
        steps that pass before the first pair of a context.
    """

    codes: BlockCodes
    items: Codes
    pairs: int
    queries: int
    most: int = 12
    lead: int = 0
    output: ClassVar[str] = "output"

    @property
    def volley(self) -> int:
        """Step of a query in which the bundle is read, and the query's code spikes."""
        return 2 * self.most + 3

    @cached_property
    def _parts(self) -> tuple[Part, ...]:
        line, decide = Line("line", 2, 0), Line("line", 2, 1)
        bound = coincidence("bound", self.codes, "key", "value")
        memory = trace("trace", self.codes, self.most, line, self.context)
        estimate = coincidence("estimate", self.codes, "trace", "query", inverse=True)
        find = winner("output", self.codes, "estimate", self.items, decide, self.period, self.period - 1)
        return bound, memory, estimate, find

    @property
    def answer(self) -> int:
        """Step of a query in which its item spikes."""
        return self.volley + 2 + search_steps(self.codes)

    @property
    def period(self) -> int:
        """Steps of a query."""
        return self.answer + 2

    @property
    def writing(self) -> int:
        """Steps in which the pairs of a context are written: a multiple of the period."""
        return -(-(self.lead + self.pairs + 4) // self.period) * self.period

    @property
    def context(self) -> int:
        """Steps of a context."""
        return self.writing + self.queries * self.period

    @cached_property
    def network(self) -> Network:
        """See :class:`Core`; inputs ``line`` (read, decide), ``key``, ``value``, ``query``."""
        n = self.codes.dimensions
        inputs = (Input("line", 2), Input("key", n), Input("value", n), Input("query", n))
        add = Projection("bound", "trace.counts", one_to_one(n))
        populations = (*inputs, *(p for part in self._parts for p in part.populations))
        return Network(populations, (add, *(q for part in self._parts for q in part.projections)), outputs=("output",))

    def schedule(self, pairs: Sequence[int], queries: Sequence[int]) -> Schedule:
        """See :class:`Core`; InputError for more pairs or queries than a context has."""
        volleys: list[Volley] = []
        steps: list[int] = []
        lines: list[int] = []
        for c, (written, asked) in enumerate(zip(pairs, queries, strict=True)):
            for name, count, most in (("pairs", written, self.pairs), ("queries", asked, self.queries)):
                if not 1 <= count <= most:
                    raise InputError(f"context {c}: {count} {name}; the network takes 1 to {most} in a context")
            first = c * self.context + self.lead
            for i in range(written):
                volleys += [Volley(kind, first + i, kind, c, i) for kind in ("key", "value")]
            for i in range(asked):
                begin = c * self.context + self.writing + i * self.period
                volleys.append(Volley("query", begin + self.volley, "query", c, i))
                steps += [begin, begin + self.volley + 2]
                lines += [0, 1]
        return Schedule(tuple(volleys), {"line": (np.array(steps), np.array(lines))}, len(pairs) * self.context)

    def answers(self, pairs: Sequence[int], queries: Sequence[int]) -> NDArray[np.int64]:
        """See :class:`Core`."""
        starts = [c * self.context + self.writing + i * self.period for c, n in enumerate(queries) for i in range(n)]
        return np.array(starts) + self.answer


# Parameters that both cores share are said for each by itself, as ``help`` shows one at a time.
@dataclass(frozen=True, eq=False)
class FastWeightsCore:
    """Each pair takes a hidden unit: :class:`~snmem.hdc.context.FastWeights` in neurons.

    :class:`~snmem.attention.network.AttentionNetwork` on the lines of the codes. Where values are items (``exact``),
    those that equal its output in three quarters of the blocks spike, all in one step; else a k-WTA circuit finds the
    nearest.

    Parameters
    ----------
    codes : BlockCodes
        the algebra.
    items : int (items, B)
        codes that an answer is one of.
    slots : int
        hidden units.
    form : str
        what the fast weights are: "plastic" or "onchip" synapses, or "cells" of neurons, which every runtime has.
    exact : bool
        whether every value is one of the items.
    """

    codes: BlockCodes
    items: Codes
    slots: int
    form: str = "plastic"
    exact: bool = True
    output: ClassVar[str] = "found"

    @cached_property
    def attention(self) -> AttentionNetwork:
        """The layer of fast weights."""
        return AttentionNetwork(fast_weights_config(self.codes, self.slots), self.form)

    @property
    def _spare(self) -> int:
        """Presentations without a key that end a context: erasing makes the output spike, which disturbs a search."""
        return 0 if self.exact else 1

    @cached_property
    def _find(self) -> Part:
        """The clean-up; drives are forgotten after each search, which takes less than a presentation."""
        if self.exact:
            return volley("found", self.codes, "output", self.items, -(-3 * self.codes.blocks // 4))
        period, end = self.attention.period, self.attention.answer + search_steps(self.codes) + 1
        return winner("found", self.codes, "output", self.items, Line("decide", 1, 0), period, end % period)

    @cached_property
    def network(self) -> Network:
        """See :class:`Core`; inputs ``line``, ``fresh``, ``key``, ``value`` and, unless exact, ``decide``."""
        inner, decide = self.attention.network, () if self.exact else (Input("decide", 1),)
        populations = (*inner.populations, *decide, *self._find.populations)
        return Network(populations, (*inner.projections, *self._find.projections), outputs=("found",))

    def schedule(self, pairs: Sequence[int], queries: Sequence[int]) -> Schedule:
        """See :class:`Core`."""
        one = np.zeros((1, self.codes.dimensions), bool)
        one[0, 0] = True  # one line stands for the code: only the steps of the script are used
        contexts = [(np.repeat(one, count, 0), np.repeat(one, count, 0)) for count in pairs]
        script, steps = self.attention.inputs(contexts, [np.repeat(one, count + self._spare, 0) for count in queries])
        keys, values = (iter(np.sort(script[name][0]).tolist()) for name in ("key", "value"))
        volleys: list[Volley] = []
        for c, (written, asked) in enumerate(zip(pairs, queries, strict=True)):
            for i in range(written):
                volleys += [Volley("key", next(keys), "key", c, i) for _ in range(2)]
                volleys.append(Volley("value", next(values), "value", c, i))
            volleys += [Volley("key", next(keys), "query", c, i) for i in range(asked)]
            for _ in range(self._spare):
                next(keys)
        lines = {name: script[name] for name in ("line", "fresh")}
        if not self.exact:
            at = self._outputs(pairs, queries)
            lines["decide"] = (at, np.zeros_like(at))
        return Schedule(tuple(volleys), lines, steps + self._find.latency)

    def _outputs(self, pairs: Sequence[int], queries: Sequence[int]) -> NDArray[np.int64]:
        """Steps in which the layer's output to each query spikes."""
        period, at = self.attention.period, 1
        steps: list[int] = []
        for written, asked in zip(pairs, queries, strict=True):
            steps += [(at + written + i) * period + self.attention.answer for i in range(asked)]
            at += written + asked + self._spare
        return np.array(steps)

    def answers(self, pairs: Sequence[int], queries: Sequence[int]) -> NDArray[np.int64]:
        """See :class:`Core`."""
        return self._outputs(pairs, queries) + self._find.latency


def read_items(spikes: Spikes, steps: NDArray[np.int64]) -> NDArray[np.int64]:
    """The item that spikes in each of the steps, the first of several; -1 where none does."""
    place = np.searchsorted(spikes.step, steps)
    found = np.minimum(place, max(len(spikes) - 1, 0))
    if not len(spikes):
        return np.full(len(steps), -1)
    return np.where(spikes.step[found] == steps, spikes.neuron[found], -1)
