"""A network in Loihi's integers as the memories of ``network.v``, and the widths of its numbers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..c_target.ranges import largest
from ..c_target.tables import FEATURES, SYNAPSES
from ..errors import NetworkError
from ..loihi.arithmetic import condition_weights
from ..network import Network, Population, Projection
from ..neurons import LOIHI_SHIFT, LoihiLIF
from ..neurons.base import require_neurons

#: Widths of the fields of a neuron's row, the first in the highest bits.
NEURON = (13, 13, 24, 21, 6, 1, 24, 24)
_OWNER = "compile to Verilog"


@dataclass(frozen=True)
class Tables:
    """What a design is made of.

    Attributes
    ----------
    texts : mapping of str to str
        Files by name.
    constant, state : int
        Bytes of the tables, and of what changes in a run.
    sum_bits, u_bits, address : int
        Widths of a step's sum of weights, of u, and of an address.
    projections : mapping of str to dict
        For each projection ``synapses`` stored, ``bytes`` that they take, ``index``: bits of a neuron's number.
    """

    texts: Mapping[str, str]
    constant: int
    state: int
    sum_bits: int
    u_bits: int
    address: int
    projections: Mapping[str, dict[str, Any]]


def describe(network: Network) -> Tables:
    """Return the design of a network.

    Parameters
    ----------
    network : Network
        Of LoihiLIF populations with one delay for each projection, without learning.

    Raises
    ------
    NetworkError
        For other neurons, learning, and more synapses than a text can hold.
    """
    require_neurons(_OWNER, network, (LoihiLIF,), FEATURES)
    for q in network.projections:
        if q.plasticity is not None:
            raise NetworkError(f"{_OWNER}: projection {q.name!r} learns; freeze the network first (Network.freeze)")
    total = sum(q.synapses for q in network.projections)
    if total > SYNAPSES:
        raise NetworkError(f"{_OWNER}: the network has {total:,} synapses, a design holds {SYNAPSES:,}; split it")
    return _Writer(network).tables()


def bits_of(number: int) -> int:
    """Bits of a number, at least 1."""
    return max(int(number).bit_length(), 1)


def packed(fields: Sequence[int], widths: Sequence[int]) -> int:
    """Fields side by side, the first in the highest bits; negative ones as two's complement."""
    value = 0
    for field, width in zip(fields, widths, strict=True):
        value = value << width | int(field) & (1 << width) - 1
    return value


def words_of(size: int) -> int:
    """Words of 32 bits for so many neurons."""
    return (size + 31) // 32


class _Writer:
    """Lays out a network."""

    def __init__(self, network: Network) -> None:
        self.network = network
        self.order = [network[name] for name in network.update_order]
        self.word: dict[str, int] = {}
        total = 0
        for p in (*network.inputs, *network.neurons):
            self.word[p.name] = total
            total += words_of(p.size)
        self.words, self.input_words = total, sum(words_of(p.size) for p in network.inputs)
        self.word_bits = bits_of(total)
        self.slot_bits = bits_of(max([1, *(q.delay for q in network.projections)]))
        self.address = self.word_bits + 5
        self.rows: list[tuple[int, int]] = []
        self.synapses: list[Any] = []
        self.stored = 0
        self.of_projection: list[tuple[Projection, int]] = []
        self.report: dict[str, dict[str, Any]] = {}

    def tables(self) -> Tables:
        """All of it."""
        spans = [self._incoming(p) for p in self.order]
        sums, currents = largest(self.network, _OWNER)
        periods = [p.clear_every or 0 for p in self.order]
        width = {
            "ADDRESS": self.address,
            "SLOT": self.slot_bits,
            "PLACE": max(self.address, self.slot_bits + self.word_bits) + 1,
            "POPULATION": bits_of(len(self.order)),
            "PROJECTION": bits_of(len(self.of_projection)),
            "PERIOD": bits_of(max(periods)),
            "ROW": max(bits_of(len(self.rows)), self.address + 1),
            "SYNAPSE": bits_of(self.stored),
            "SUM": max(bits_of(sums) + 1, 17),
            "U": max(bits_of(currents) + 1, bits_of(sums) + 1, 25),
        }
        neurons = 32 * (self.words - self.input_words)
        count = {"POPULATIONS": len(self.order), "PROJECTIONS": max(len(self.of_projection), 1)}
        count |= {"ROWS": max(len(self.rows), 1), "SYNAPSES": max(self.stored, 1), "NEURONS": neurons}
        count |= {"INPUT_WORDS": self.input_words}
        count["PLACES"] = max(neurons, len(self.order), 2 ** (self.slot_bits + self.word_bits) - 1) + 1
        memories = self._memories(spans, width)
        texts = {name: _hex(*rows) for name, rows in memories.items()}
        texts["network_sizes.vh"] = self._sizes(width | count)
        texts["network_words.h"] = (
            f"#define NETWORK_INPUT_WORDS {self.input_words}u\n#define NETWORK_WORDS {self.words}u\n"
        )
        constant = sum(wide * len(rows) for rows, wide in memories.values())
        state = neurons * (width["U"] + 24 + 6 + 2 * width["SUM"]) + 32 * 2 ** (self.slot_bits + self.word_bits)
        state += len(self.order) * width["PERIOD"]
        return Tables(texts, -(-constant // 8), -(-state // 8), width["SUM"], width["U"], self.address, self.report)

    def _memories(self, spans: list[tuple[int, int]], width: Mapping[str, int]) -> dict[str, tuple[list[int], int]]:
        """File -> rows of a memory, and their width."""
        address, projection, period, row, synapse = (
            width[name] for name in ("ADDRESS", "PROJECTION", "PERIOD", "ROW", "SYNAPSE")
        )
        wide = (address, address, projection, projection, period, period, 1)
        populations = [packed(self._population(p, span), wide) for p, span in zip(self.order, spans, strict=True)]
        shape = (self.word_bits, self.word_bits, self.slot_bits, row, 3, 4)
        projections = [packed(self._projection(q, first), shape) for q, first in self.of_projection]
        lines = [packed(pair, (synapse, synapse)) for pair in self.rows]
        targets = [n for part in self.synapses for n in part.tolist()]
        return {
            "populations.hex": (populations, sum(wide)),
            "projections.hex": (projections or [0], sum(shape)),
            "rows.hex": (lines or [0], 2 * synapse),
            "synapses.hex": (targets or [0], address + 9),
            "neurons.hex": (list(self._neurons()), sum(NEURON)),
        }

    def _population(self, p: Population, span: tuple[int, int]) -> tuple[int, ...]:
        begins = 32 * (self.word[p.name] - self.input_words)
        return begins, p.size, *span, p.clear_every or 0, p.clear_offset, int(bool(p.clear_every))

    def _projection(self, q: Projection, first: int) -> tuple[int, ...]:
        size = words_of(self.network[q.pre].size)
        return self.word[q.pre], size, q.delay, first, max(q.exponent, 0), max(-q.exponent, 0)

    def _neurons(self) -> Iterable[int]:
        """Rows of all neurons, those of each population followed by what fills its last word."""
        for p in self.network.neurons:
            n, size = p.neuron, p.size
            assert isinstance(n, LoihiLIF)
            columns = (
                4095 - n.vector("du", size),
                4096 - n.vector("dv", size),
                LOIHI_SHIFT * n.vector("vth", size),
                np.broadcast_to(n.bias, size),
                n.vector("refractory", size) - 1,
                np.full(size, int(n.reset == "subtract")),
                n.vector("u_init", size),
                n.vector("v_init", size),
            )
            for fields in zip(*(column.tolist() for column in columns), strict=True):
                yield packed(fields, NEURON)
            yield from [0] * (32 * words_of(size) - size)

    def _incoming(self, p: Population) -> tuple[int, int]:
        """Lay out the projections onto a population; the first of them and the one behind the last."""
        first = len(self.of_projection)
        for q in self.network.projections:
            if q.post == p.name:
                self._lay_out(q)
        return first, len(self.of_projection)

    def _lay_out(self, q: Projection) -> None:
        """The rows of a projection and its synapses, unless it has no weight but 0."""
        matrix = q.weights.astype(np.int64)
        matrix.data = condition_weights(q.weights.data)
        matrix = matrix.tocsc()
        matrix.sum_duplicates()
        matrix.eliminate_zeros()
        bits, lines = matrix.nnz * (self.address + 9), 32 * words_of(matrix.shape[1])
        self.report[q.name] = {"synapses": matrix.nnz, "bytes": -(-bits // 8), "index": f"{self.address} bits"}
        if not matrix.nnz:
            return
        self.of_projection.append((q, len(self.rows)))
        counts = np.diff(matrix.indptr).tolist()
        begins = (matrix.indptr[:-1].astype(np.int64) + self.stored).tolist()
        self.rows += [*zip(begins, counts, strict=True)]
        self.rows += [(0, 0)] * (lines - len(counts))
        self.synapses.append(matrix.indices.astype(np.int64) << 9 | matrix.data & 511)
        self.stored += matrix.nnz

    def _sizes(self, numbers: Mapping[str, int]) -> str:
        """Macros, and where inputs and populations begin; names stand in the report."""
        lines = [f"`define NETWORK_{name} {number}\n" for name, number in numbers.items()]
        sources = (*self.network.inputs, *self.network.neurons)
        lines += [f"// source {i}: address {32 * self.word[p.name]}, {p.size}\n" for i, p in enumerate(sources)]
        return "".join(lines)


def _hex(rows: list[int], width: int) -> str:
    digits = (width + 3) // 4
    return "".join(f"{row:0{digits}x}\n" for row in rows)
