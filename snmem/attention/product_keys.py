r"""Product keys: the exact k best of n squared slots by three searches among few, as an algorithm and in LIF neurons.

Slot (i, j) has the key (row key i, column key j). A query of two halves q, p gives the drives
:math:`a_i = \sum_l R_{il} q_l` and :math:`b_j = \sum_l C_{jl} p_l`, and slot (i, j) the score :math:`a_i + b_j`.
A slot among the k best lies in one of the k best rows and one of the k best columns: k others would be better
otherwise. So 2 n + k squared scores decide among n squared slots. Slots that tie with the k-th win too.

The network, for a query that spikes in step 0 together with ``start`` (B = bits of a drive):

* two k-WTA circuits of n candidates each, on one clock, find rows and columns in step w = 2 B + 2 (population
  ``half``). A slot is a coincidence neuron of its row and its column; with k = 1 that is the answer.
* k > 1: each winner tells its slots how far its drive lies above the weakest winner's, bit by bit: the common
  inhibition falls by powers of two, a winner that still spikes has a bit of 1, and its ``bit`` neuron adds the power to
  its slots. The losers' candidates stay below threshold.
* the slots of both a winning row and a winning column then run a third search of B + 1 bits. Its thresholds reach them
  by way of ``down`` and ``up`` neurons of the winning rows only, so that an event is spent on k n slots, not on
  n squared.

All synaptic events therefore grow as n, the root of the number of slots.

Source: Lample et al. 2019, "Large memory layers with product keys", NeurIPS. The circuit is ours.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import ArrayLike, NDArray

from ..circuits.kwta import Circuit, Line, SuccessiveApproximation
from ..circuits.kwta.base import sparse_matrix, to_all
from ..description import Description, frozen, is_whole, real_array
from ..errors import InputError
from ..network import Input, Network, Population, Projection
from ..neurons import LIF
from ..quantization.grid import quantize
from ..simulation import get_backend, simulate
from ..spikes import Recording
from .cells import AND

#: A neuron that waits for its second spike: the first says that its row has won.
LATCH = LIF(alpha=0, beta=1, theta=1.5)
#: Most bits of a drive: weights of the circuit then fit the 8 bits of a chip.
MOST_BITS = 7


@dataclass(frozen=True, eq=False)
class ProductKeys(Description):
    """Two codebooks of half keys, and their exact k best pairs (equations above).

    Parameters
    ----------
    rows, columns : array (n, lines)
        Half keys: whole numbers >= 0. Queries have 2 ``lines`` bits of 0 and 1.
    k : int
        Winners.

    Raises
    ------
    InputError
        For codebooks of unequal shape, other numbers, drives of 128 and more, and k outside 1..n.
    """

    rows: Any
    columns: Any
    k: int = 1

    def __post_init__(self) -> None:
        for name in ("rows", "columns"):
            keys = real_array(getattr(self, name))
            if keys is None or keys.ndim != 2 or not keys.size or (keys < 0).any() or (keys % 1).any():
                raise InputError(f"ProductKeys.{name}: must be whole numbers >= 0 of shape (n, lines)")
            object.__setattr__(self, name, frozen(np.asarray(keys, np.int64)))
        if self.rows.shape != self.columns.shape:
            shapes = f"{self.rows.shape} and {self.columns.shape}"
            raise InputError(f"ProductKeys: rows and columns have the shapes {shapes}; make them equal")
        if not is_whole(self.k) or not 1 <= self.k <= len(self.rows):
            raise InputError(f"ProductKeys.k: {self.k!r} winners of {len(self.rows)} half keys; use 1..n")
        if self.bits > MOST_BITS:
            raise InputError(f"ProductKeys: drives reach {self.largest}, limit {2**MOST_BITS - 1}; use smaller keys")

    @property
    def slots(self) -> int:
        """Number of slots, n squared; slot n i + j has row i and column j."""
        return len(self.rows) ** 2

    @property
    def largest(self) -> int:
        """The largest drive that there can be."""
        return int(max(self.rows.sum(1).max(), self.columns.sum(1).max()))

    @property
    def bits(self) -> int:
        """Bits of a drive."""
        return max(1, self.largest.bit_length())

    def drives(self, queries: ArrayLike) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Drives of rows and columns, (queries, n) each; InputError unless queries are (q, 2 lines) of 0 and 1."""
        rows, lines = np.asarray(queries), self.rows.shape[1]
        if rows.ndim != 2 or rows.shape[1] != 2 * lines or not np.isin(rows, (0, 1)).all():
            raise InputError(f"queries: must be 0 and 1 of shape (n, {2 * lines}), got {rows.dtype} {rows.shape}")
        asked = rows.astype(np.int64)
        return asked[:, :lines] @ self.rows.T, asked[:, lines:] @ self.columns.T

    def winners(self, queries: ArrayLike) -> NDArray[np.bool_]:
        """The winning slots of each query by the three searches, bool (queries, slots); errors as :meth:`drives`."""
        rows, columns = self.drives(queries)
        out = np.zeros((len(rows), len(self.rows), len(self.rows)), bool)
        for won, a, b in zip(out, rows, columns, strict=True):
            i, j = (np.flatnonzero(d >= _kth(d, self.k)) for d in (a, b))
            scores = a[i, None] + b[None, j]
            won[np.ix_(i, j)] = scores >= _kth(scores.ravel(), self.k)
        return out.reshape(len(out), self.slots)

    def full_search(self, queries: ArrayLike) -> NDArray[np.bool_]:
        """The same by the scores of all slots."""
        rows, columns = self.drives(queries)
        scores = (rows[:, :, None] + columns[:, None, :]).reshape(len(rows), -1)
        return scores >= np.partition(scores, -self.k, axis=1)[:, [-self.k]]


def _kth(values: NDArray[np.int64], k: int) -> Any:
    return np.partition(values, -k)[-k]


@dataclass(frozen=True, eq=False)
class ProductKeyNetwork(Description):
    """The circuit of the module docstring: input ``query``, winners in the population :attr:`output`.

    Parameters
    ----------
    keys : ProductKeys
        The codebooks and the number of winners.
    """

    keys: ProductKeys

    @property
    def kwta(self) -> SuccessiveApproximation:
        """The search among rows and columns; drives are held in v, which Loihi's integers keep exactly."""
        return SuccessiveApproximation(self.keys.bits, groups=2, hold="v")

    @property
    def output(self) -> str:
        """The population whose spikes in step :attr:`answer` are the winners."""
        return "slots" if self.keys.k == 1 else "winners"

    @property
    def third(self) -> int:
        """Step of the first probe among the slots (k > 1)."""
        return self.kwta.latency + 2 * self.keys.bits + 1

    @property
    def answer(self) -> int:
        """Step of a presentation in which the winners spike."""
        return self.kwta.latency + 1 if self.keys.k == 1 else self.third + 3 * (self.keys.bits + 1) + 1

    @property
    def period(self) -> int:
        """Steps of a presentation."""
        return self.answer + 2

    @cached_property
    def network(self) -> Network:
        """Inputs: ``query`` (both halves), and ``start`` (1)."""
        keys, n = self.keys, len(self.keys.rows)
        start = Line("start", 1, 0)
        half = self.kwta.build("half", 2 * n, keys.k, start, 2.0**keys.bits, self.period, 1)
        books = sp.block_diag((keys.rows, keys.columns), format="csr").astype(float)
        # a drive lies half a unit above the thresholds that it reaches, so that one of 0 may win too
        projections = [*half.projections, Projection("query", "half", books)]
        projections += [Projection("start", "half", np.full((2 * n, 1), 0.5), name="half.offset")]
        populations: list[Any] = [Input("query", books.shape[1]), Input("start", 1), *half.populations]
        if keys.k == 1:
            populations.append(Population("slots", keys.slots, AND))
            projections.append(Projection(half.winners, "slots", self._lines(1.0)))
        else:
            for more, wires in (self._bits(half), self._slots(half), self._search(half)):
                populations += more
                projections += wires
        return Network(tuple(populations), tuple(projections), outputs=(self.output,))

    def _lines(self, *weights: float) -> sp.csr_array:
        """From one neuron for each row, then each column, and weight, to the slots on its line."""
        return sp.csr_array(sp.hstack([self._rows(*weights), self._columns(*weights)]))

    def _rows(self, *weights: float) -> sp.csr_array:
        n = len(self.keys.rows)
        return sp.csr_array(sp.kron(sp.eye_array(n), np.tile(weights, (n, 1))))

    def _columns(self, *weights: float) -> sp.csr_array:
        n = len(self.keys.rows)
        return sp.csr_array(sp.kron(np.ones((n, 1)), sp.kron(sp.eye_array(n), np.array([weights]))))

    def _bits(self, half: Circuit) -> tuple[list[Population], list[Projection]]:
        """What a winner's drive exceeds the weakest winner's by, bit by bit; ``bit`` has one neuron a unit and bit.

        Tick m spikes m + 1 steps after the winners. The bit 2**b is probed by the spike before tick 2 (B - 1 - b),
        which lets its ``bit`` neuron pass; the last tick ends it.
        """
        bits, units, wide = self.keys.bits, 2 * len(self.keys.rows), self._ticks
        powers = [2.0**b for b in range(bits)]
        per_unit = sp.eye_array(units)
        chain = {(m + 1, m): 1.0 for m in range(wide - 1)}
        gates = sparse_matrix(bits, wide, {(b, 2 * (bits - 1 - b)): 1.0 for b in range(bits)})
        # after the probe of 2**b, half of it is given back: what is left of the probe is that of the next bit
        probes = {2 * (bits - 1 - b) + 1: 2.0 ** (b - 1) for b in range(1, bits)} | {2 * bits - 1: -(2.0 ** (bits + 1))}
        first = {half.finish.index: -powers[-1]}
        populations = [Population("ticks", wide, LIF(alpha=0, beta=0, theta=0.5)), Population("bit", units * bits, AND)]
        finish, total = half.finish.population, half.finish.size
        return populations, [
            Projection(finish, "ticks", sparse_matrix(wide, total, {(0, half.finish.index): 1.0})),
            Projection("ticks", "ticks", sparse_matrix(wide, wide, chain)),
            Projection(finish, "half", to_all(units, total, first), name="bit.first"),
            Projection("ticks", "half", to_all(units, wide, probes)),
            Projection("half", "bit", sp.csr_array(sp.kron(per_unit, np.ones((bits, 1))))),
            Projection("ticks", "bit", sp.csr_array(sp.kron(np.ones((units, 1)), gates))),
            Projection("bit", "half", sp.csr_array(sp.kron(per_unit, -np.array([powers])))),
        ]

    @property
    def _ticks(self) -> int:
        """Clock neurons behind the winners of rows and columns."""
        return self.third - self.kwta.latency + 3 * (self.keys.bits + 1)

    @property
    def _both(self) -> float:
        """What a line adds to its slots: with their scores, two lines reach the threshold and one never does."""
        return 2.0 ** (self.keys.bits + 1)

    def _slots(self, half: Circuit) -> tuple[list[Population], list[Projection]]:
        """Slots hold 2 ``_both`` + score - threshold of the search in v; a spike takes the threshold and gives it back.

        The winners' volley comes late, when all bits have arrived, and less the first probe, 2**B.
        """
        keys, theta = self.keys, 2 * self._both - 1
        powers = [2.0**b for b in range(keys.bits)]
        slots = Population("slots", keys.slots, LIF(alpha=0, beta=1, theta=theta, reset="subtract"), self.period, 1)
        delay, eye = self.third - self.kwta.latency, sp.eye_array(keys.slots, format="csr")
        volley = self._both - 2.0 ** (keys.bits - 1)
        return [slots], [
            Projection("bit", "slots", self._lines(*powers)),
            Projection(half.winners, "slots", self._lines(volley), delay=delay),
            Projection("slots", "slots", 2 * self._both * eye),
            Projection("slots", "slots", -1.0 * eye, name="slots.one"),
        ]

    def _search(self, half: Circuit) -> tuple[list[Population], list[Projection]]:
        """The third search: probe d (1..B + 1) acts in step ``third`` + 3 (d - 1), is counted, and kept or undone."""
        keys, n = self.keys, len(self.keys.rows)
        probes, first = keys.bits + 1, self.third - self.kwta.latency - 1  # tick in the step of the first probe
        sizes = [2.0 ** (probes - d) for d in range(1, probes + 1)]
        names = {"down": probes - 1, "up": probes, "gate": 1}
        populations = [Population(name, n * size, LATCH, self.period, 1) for name, size in names.items()]
        populations += [
            Population("undo", probes, LIF(alpha=0, beta=0, theta=0)),
            Population("winners", keys.slots, AND),
        ]
        won = {name: sp.kron(sp.eye_array(n, 2 * n), np.ones((size, 1)), format="csr") for name, size in names.items()}
        wide, each = self._ticks, np.ones((n, 1))
        down = sparse_matrix(probes - 1, wide, {(d - 1, first + 3 * d - 2): 1.0 for d in range(1, probes)})
        check = sparse_matrix(probes, wide, {(d, first + 3 * d): float(keys.k) for d in range(probes)})
        gate = sparse_matrix(1, wide, {(0, first + 3 * probes - 1): 1.0})
        return populations, [
            *(Projection(half.winners, name, sp.csr_array(weights)) for name, weights in won.items()),
            Projection("ticks", "down", sp.csr_array(sp.kron(each, down))),
            Projection("ticks", "undo", check),
            Projection("ticks", "gate", sp.csr_array(sp.kron(each, gate))),
            Projection("slots", "undo", np.full((probes, keys.slots), -1.0)),
            Projection("undo", "up", sp.csr_array(sp.kron(each, sp.eye_array(probes)))),
            Projection("down", "slots", self._rows(*(-s for s in sizes[1:]))),
            Projection("up", "slots", self._rows(*sizes)),
            Projection("slots", "winners", sp.eye_array(keys.slots, format="csr")),
            Projection("gate", "winners", self._rows(1.0)),
            # the row is done: its slots fall silent
            Projection("gate", "slots", self._rows(-4 * self._both)),
        ]

    def inputs(self, queries: ArrayLike) -> tuple[dict[str, Any], int]:
        """Input spikes of queries one after another, and the number of steps; errors as ``ProductKeys.drives``."""
        self.keys.drives(queries)
        number, line = np.nonzero(np.asarray(queries))
        starts = np.arange(len(np.asarray(queries))) * self.period
        spikes = {"query": (starts[number], line), "start": (starts, np.zeros_like(starts))}
        return spikes, len(starts) * self.period

    def run(self, queries: ArrayLike, backend: str = "event", **options: Any) -> tuple[NDArray[np.bool_], Recording]:
        """The winning slots of each query, bool (queries, slots), and the Recording; ``options`` go to ``simulate``.

        The network is quantized for backends of Loihi's arithmetic.
        """
        inputs, steps = self.inputs(queries)
        floats = "float" in get_backend(backend).arithmetics
        network = self.network if floats else quantize(self.network).network
        run = simulate(network, inputs, steps, backend, **options)
        spikes = run.spikes[self.output]
        at, out = spikes.step % self.period == self.answer, np.zeros((steps // self.period, self.keys.slots), bool)
        out[spikes.step[at] // self.period, spikes.neuron[at]] = True
        return out, run


def one_stage(keys: ProductKeys) -> tuple[Network, int, int]:
    """The same slots in one k-WTA circuit, each with synapses for its whole key: network, period, answer's step.

    Inputs and winners are those of :class:`ProductKeyNetwork`; the population of winners is ``all.winners``.
    """
    n, kwta = len(keys.rows), SuccessiveApproximation(keys.bits + 1, hold="v")
    period, lines = kwta.latency + 2, 2 * keys.rows.shape[1]
    circuit = kwta.build("all", keys.slots, keys.k, Line("start", 1, 0), 2.0 ** (keys.bits + 1), period, 1)
    books = np.hstack([np.repeat(keys.rows, n, 0), np.tile(keys.columns, (n, 1))]).astype(float)
    projections = (
        *circuit.projections,
        Projection("query", "all", books),
        Projection("start", "all", np.full((keys.slots, 1), 0.5), name="all.offset"),
    )
    inputs = (Input("query", lines), Input("start", 1))
    return Network((*inputs, *circuit.populations), projections, ("all.winners",)), period, kwta.latency
