r"""Attention by fast weights as a network of LIF neurons.

One presentation takes ``period`` P steps. With w = ``decision`` the step of the hidden winners' volley, steps counted
from its start:

* 1 (cells) or 2 (other forms): the key, or query, spikes. The fast weights F_K turn it into drives of the candidates
  of a k-WTA circuit in step 3; *start* spikes in step 2. For an item, *fresh* spikes in step 1: it drives the unused
  units.
* w: the winners spike together. They read F_V, and its votes make ``output`` spike in step w + 1 (plastic) or w + 2
  (other forms): the answer to a query.
* For an item, *print* spikes in step w: with it the first of the winners makes the same neuron of ``gate`` spike in
  step w + 1, in which key and value spikes are given again. A gate spike writes: the fast weights of that unit become
  these spikes (rate 1), and it counts as used.
* At the end of a context *erase* makes every gate neuron spike, with keys and values silent: all fast weights become 0.

Forms of the fast weights: ``"plastic"``, plastic synapses (Instar, Outstar; backends reference and event);
``"cells"``, neurons (:mod:`snmem.attention.cells`; every backend, NIR, Loihi's arithmetic, Lava); ``"onchip"``, F_K and
the marks of unused units plastic, F_V cells: quantized, F_K is written by Loihi's learning engine (emulator and Lava),
which cannot gate F_V, whose gate is not the winners' own spike.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import ArrayLike, NDArray

from .._text import shown
from ..circuits.kwta import Circuit, Line, SuccessiveApproximation
from ..description import Description, frozen, real_array
from ..errors import InputError
from ..network import Input, Network, Population, Projection
from ..neurons import LIF
from ..plasticity import Instar, Outstar
from ..simulation import simulate
from ..spikes import Recording, Spikes
from .cells import PASS, fast_cells, per_line, per_unit
from .config import AttentionConfig

START, PRINT, ERASE = range(3)
FORMS = ("cells", "plastic", "onchip")
#: Slow weights are multiples of 1 / GRID, so that every runtime, Loihi's 8 bits included, holds them exactly.
GRID = 64


def between(threshold: float) -> float:
    """A threshold between two multiples of 1 / GRID, the lower one even: no sum of slow weights lies on it.

    Rounding half to even then keeps its side, so that also a scale of GRID decides every sum as float64 does.
    """
    return float((2 * np.round(threshold * GRID / 2) + 0.5) / GRID)


@dataclass(frozen=True, eq=False)
class SlowWeights(Description):
    """Learned projections from input lines to the neurons of the attention layer.

    keys : (keys, lines), from ``item``.    queries : (keys, lines), from ``query``.    values : (values, lines), from
    ``item``. A key neuron spikes where the weights of the spiking lines sum to more than ``key_theta``; a value neuron
    likewise with ``value_theta``.    project : input projection P (hidden, lines) that drives an item's units, or None.
    """

    keys: NDArray[np.float64]
    queries: NDArray[np.float64]
    values: NDArray[np.float64]
    project: NDArray[np.float64] | None = None
    key_theta: float = 0.5
    value_theta: float = 0.5

    def __post_init__(self) -> None:
        for name in ("keys", "queries", "values", "project"):
            matrix = real_array(getattr(self, name))
            if matrix is None or matrix.ndim != 2:
                if name == "project" and self.project is None:
                    continue
                raise InputError(f"SlowWeights.{name}: expected a matrix of numbers, got {shown(getattr(self, name))}")
            object.__setattr__(self, name, frozen(np.asarray(matrix, np.float64)))

    @property
    def lines(self) -> int:
        """Number of input lines."""
        return self.keys.shape[1]

    def check(self, config: AttentionConfig) -> None:
        """Raise InputError where a shape does not fit ``config``."""
        rows = {"keys": config.keys, "queries": config.keys, "values": config.values, "project": config.hidden}
        for name, n in rows.items():
            matrix = getattr(self, name)
            if matrix is not None and np.shape(matrix) != (n, self.lines):
                raise InputError(f"SlowWeights.{name}: expected shape {(n, self.lines)}, got {np.shape(matrix)}")


@dataclass(frozen=True, eq=False)
class AttentionNetwork(Description):
    """Spiking attention: contexts are written, queries are answered, all by spikes.

    Parameters
    ----------
    config
        Sizes.
    form
        "cells", "plastic" or "onchip", see above.
    slow
        Slow weights that make keys, values and queries out of ``item`` and ``query`` spikes.

    Raises
    ------
    InputError
        For an unknown form, or slow weights whose shape is not that of the configuration.
    """

    config: AttentionConfig
    form: str = "cells"
    slow: SlowWeights | None = None

    def __post_init__(self) -> None:
        if self.form not in FORMS:
            raise InputError(f"AttentionNetwork.form: unknown {self.form!r}; use one of {', '.join(FORMS)}")
        if self.slow is not None:
            self.slow.check(self.config)

    @property
    def kwta(self) -> SuccessiveApproximation:
        """The k-WTA strategy of the hidden units."""
        return SuccessiveApproximation(self.config.bits)

    @property
    def decision(self) -> int:
        """Step of a presentation in which the winners spike."""
        return 2 + self.kwta.latency

    @property
    def answer(self) -> int:
        """Step of a presentation in which the output spikes."""
        return self.decision + (1 if self.form == "plastic" else 2)

    @property
    def period(self) -> int:
        """Steps of a presentation."""
        return self.decision + 3

    @cached_property
    def network(self) -> Network:
        """Inputs: ``line`` (start, print, erase), ``fresh``, and ``key`` and ``value``, or ``item`` and ``query``."""
        c = self.config
        hidden = self.kwta.build("hidden", c.hidden, c.k, Line("line", 3, START), c.span, self.period, 3)
        populations: list[Any] = [Input("line", 3), Input("fresh", 1), *self._sources()[0], *hidden.populations]
        populations += [Population("gate", c.hidden, LIF(alpha=0, beta=0, theta=1.5))]
        output = LIF(alpha=0, beta=0, theta=np.floor(c.share * c.k) + 0.5)
        projections = [*self._sources()[1], *hidden.projections, *self._gate(hidden)]
        for weights in (self._key_weights(), self._value_weights(), self._unused_weights()):
            populations += weights[0]
            projections += weights[1]
        populations.append(Population("output", c.values, output))
        return Network(tuple(populations), tuple(projections), outputs=("output",))

    def _sources(self) -> tuple[list[Any], list[Projection]]:
        """Where keys and values come from."""
        c, slow = self.config, self.slow
        if slow is None:
            return [Input("key", c.keys), Input("value", c.values)], []
        populations: list[Any] = [Input("item", slow.lines), Input("query", slow.lines)]
        for name, size, theta in (("key", c.keys, slow.key_theta), ("value", c.values, slow.value_theta)):
            populations.append(Population(name, size, LIF(alpha=0, beta=0, theta=theta)))
        projections = [
            Projection("item", "key", slow.keys),
            Projection("query", "key", slow.queries),
            Projection("item", "value", slow.values),
        ]
        if slow.project is not None:  # arrives with the drives, in step 3
            delay = 3 if self.form == "cells" else 2
            projections.append(Projection("item", "hidden", slow.project, delay=delay))
        return populations, projections

    def _gate(self, hidden: Circuit) -> list[Projection]:
        """Written is the first winner, or every one, if *print* spikes with it; all if *erase* does. And the offset."""
        n = self.config.hidden
        first = sp.eye_array(n, format="csr")
        if not self.config.write_all:
            first = first - sp.csr_array(np.tri(n, k=-1))
        lines = np.zeros((n, 3))
        lines[:, PRINT], lines[:, ERASE] = 1.0, 2.0
        # drives lie half a quantum off the trial thresholds: no runtime has to decide a tie with a threshold
        offset = np.zeros((n, 3))
        offset[:, START] = -self.config.quantum / 2
        return [
            Projection(hidden.winners, "gate", first),
            Projection("line", "gate", lines),
            Projection("line", "hidden", offset, name="hidden.offset"),
        ]

    def _key_weights(self) -> tuple[list[Population], list[Projection]]:
        c = self.config
        if self.form != "cells":
            rule = Instar(1.0, gate="gate")
            return [], [Projection("key", "hidden", _zeros(c.hidden, c.keys), plasticity=rule)]
        populations, projections = fast_cells("key.fast", "key", c.keys, "gate", c.hidden)
        drives = Projection("key.fast", "hidden", sp.csr_array(per_unit(c.hidden, c.keys).T))
        return populations, [*projections, drives]

    def _value_weights(self) -> tuple[list[Population], list[Projection]]:
        c, winners = self.config, "hidden.winners"
        if self.form == "plastic":
            rule = Outstar(1.0, gate="gate", signal="value")
            synapses = _zeros(c.values, c.hidden, c.dead)
            return [], [Projection(winners, "output", synapses, plasticity=rule)]
        populations, projections = fast_cells("value.fast", winners, c.values, "gate", c.hidden, "value")
        alive = np.repeat(np.isin(np.arange(c.hidden), c.dead, invert=True), c.values)
        votes = Projection(
            "value.fast", "output", sp.csr_array(per_line(c.hidden, c.values).T @ sp.diags_array(1.0 * alive))
        )
        return populations, [*projections, votes]

    def _unused_weights(self) -> tuple[list[Population], list[Projection]]:
        """Which units are unused: fast weights from *fresh*, 1 after *erase* (fresh spikes with it), 0 once written."""
        c = self.config
        if not c.levels:
            return [], []
        drives = Projection("unused", "hidden", sp.diags_array(c.unused_drive, format="csr"))
        if self.form != "cells":
            fresh = Projection("fresh", "unused", _zeros(c.hidden, 1), plasticity=Instar(1.0, gate="gate"))
            return [Population("unused", c.hidden, PASS)], [fresh, drives]
        populations, projections = fast_cells("unused", "fresh", 1, "gate", c.hidden)
        return populations, [*projections, drives]

    def present(
        self,
        contexts: Sequence[Any],
        queries: Sequence[ArrayLike],
        backend: str = "event",
        **options: Any,
    ) -> Recording:
        """Write each context and ask its queries, one context after another in one run.

        Parameters
        ----------
        backend
            As for :func:`snmem.simulate`.
        contexts
            (keys, values) of each, 0/1 arrays (items, keys) and (items, values); with slow weights one array of input
            spikes (items, lines).
        queries
            0/1 array (n, keys) for each context; with slow weights (n, lines).
        options
            Go to :func:`snmem.simulate` (``counters``, ``record``, ...).

        Raises
        ------
        InputError
            For an empty context, no query, k above the number of items, wrong shapes.
        """
        inputs, steps = self.inputs(contexts, queries)
        return simulate(self.network, inputs, steps, backend, **options)

    def inputs(self, contexts: Sequence[Any], queries: Sequence[ArrayLike]) -> tuple[dict[str, Any], int]:
        """Input spikes for :meth:`present`, and the number of steps."""
        if len(contexts) != len(queries):
            raise InputError(f"present: {len(contexts)} contexts but queries for {len(queries)}; give some for each")
        if not len(contexts):
            raise InputError("present: there is no context; give at least one")
        script = _Script(self)
        if self.config.levels:
            script.erase(0)
            script.presentations += 1
        for context, asked in zip(contexts, queries, strict=True):
            items, questions = self._checked(context, asked)
            for item in zip(*items, strict=True):
                script.item(*item)
            for question in questions:
                script.query(question)
            script.erase(script.presentations - 1)
        return script.inputs(), script.presentations * self.period

    def _checked(self, context: Any, queries: Any) -> tuple[Any, Any]:
        """What spikes: ((keys, values) or (items,), queries), each a list of indices per presentation."""
        c, lines = self.config, self.slow.lines if self.slow else 0
        if self.slow is None:
            items = c.check_items(*context)
            questions = c.check_keys(queries, "queries")
        else:
            if np.shape(context)[:1] == (0,):
                raise InputError("context: is empty; give at least one item")
            items = (c.check(context, "items", lines),)
            questions = c.check(queries, "queries", lines)
        if len(questions) == 0:
            raise InputError("queries: there is none for this context; give at least one")
        c.check_query(len(items[0]))
        return [_lines(rows) for rows in items], _lines(questions)

    def read(self, output: Spikes, items: Sequence[int], queries: Sequence[int]) -> NDArray[np.bool_]:
        """The answers of a run out of the spikes of ``output``, bool (all queries, values).

        ``items``, ``queries``: their number in each context, as presented.
        """
        spikes, period = output, self.period
        at = bool(self.config.levels)
        out: list[NDArray[np.bool_]] = []
        for n, asked in zip(items, queries, strict=True):
            for query in range(asked):
                step = (at + n + query) * period + self.answer
                row = np.zeros(spikes.size, bool)
                row[spikes.neuron[slice(*np.searchsorted(spikes.step, (step, step + 1)))]] = True
                out.append(row)
            at += n + asked
        return np.array(out)


class _Script:
    """Input spikes in the making."""

    def __init__(self, attention: AttentionNetwork) -> None:
        self.attention, self.presentations = attention, 0
        self.events: dict[str, tuple[list[int], list[int]]] = {p.name: ([], []) for p in attention.network.inputs}
        slow = attention.slow is not None
        self.asks = "query" if slow else "key"
        # what slow weights have to turn into keys and values comes a step earlier
        self.first = (1 if attention.form == "cells" else 2) - slow
        self.again = attention.decision + 1 - slow

    def _add(self, name: str, step: int, neurons: Any, presentation: int | None = None) -> None:
        number = self.presentations if presentation is None else presentation
        steps, lines = self.events[name]
        steps.extend([number * self.attention.period + step] * len(neurons))
        lines.extend(map(int, neurons))

    def item(self, key: Any, value: Any = ()) -> None:
        """Present an item: its key and value, or (slow weights) its input spikes alone."""
        source = "key" if self.asks == "key" else "item"
        self._add(source, self.first, key)
        self._add("line", 2, [START])
        if self.attention.config.levels:
            self._add("fresh", 1, [0])
        self._add("line", self.attention.decision, [PRINT])
        self._add(source, self.again, key)
        self._add("value" if source == "key" else source, self.again, value)
        self.presentations += 1

    def query(self, key: Any) -> None:
        self._add(self.asks, self.first, key)
        self._add("line", 2, [START])
        self.presentations += 1

    def erase(self, presentation: int) -> None:
        """All fast weights become 0, all units unused, at the end of a presentation."""
        period = self.attention.period
        self._add("line", period - 2, [ERASE], presentation)
        if self.attention.config.levels:
            self._add("fresh", period - 1, [0], presentation)

    def inputs(self) -> dict[str, Any]:
        return {name: (np.array(s, np.int64), np.array(n, np.int64)) for name, (s, n) in self.events.items()}


def _lines(rows: NDArray[np.bool_]) -> list[NDArray[np.int64]]:
    return [np.flatnonzero(row) for row in rows]


def _zeros(post: int, pre: int, but: Sequence[int] = ()) -> sp.csr_array:
    """Synapses of weight 0 from everyone to everyone, ``but`` for some."""
    sources = np.setdiff1d(np.arange(pre), but)
    pointers = np.arange(post + 1) * sources.size
    return sp.csr_array((np.zeros(post * sources.size), np.tile(sources, post), pointers), shape=(post, pre))
