"""A network in Loihi's integers as the constant tables of a C program: one byte a weight, the fewest an index needs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..errors import NetworkError
from ..loihi.arithmetic import condition_weights
from ..network import Network, Population, Projection
from ..neurons import LoihiLIF
from ..neurons.base import require_neurons
from ..neurons.loihi import LOIHI_SHIFT, LOIHI_STATE_LIMIT
from .ranges import largest

#: Synapses that are written as text; beyond, the compiler takes longer and more memory than anybody has.
SYNAPSES = 2**26
#: Sums and currents that 32 bits hold; what is beyond is held in 64.
_SMALL = 2**31 - 1
#: Features of neurons that network.c has.
FEATURES = ("refractory", "loihi_subtract", "initial_state")
#: Kinds of index of network.c, and the largest population each can name.
KINDS = (("BYTES", np.uint8), ("SHORTS", np.uint16), ("WORDS", np.uint32))


class Array(NamedTuple):
    """A constant array: its C type, name and values."""

    type: str
    name: str
    values: NDArray[Any]

    def text(self) -> str:
        """Its definition."""
        numbers = [str(n) for n in self.values.tolist()]
        lines = [", ".join(numbers[i : i + 24]) for i in range(0, len(numbers), 24)]
        return f"static const {self.type} {self.name}[{len(numbers)}] = {{\n  " + ",\n  ".join(lines) + "\n};\n"


@dataclass(frozen=True)
class Tables:
    """What a program is made of.

    Attributes
    ----------
    text : str
        Of ``network_tables.c``.
    sizes : str
        Of ``network_sizes.h``.
    constant, state : int
        Bytes of the constant tables, and of what changes in a run.
    wide : bool
        Whether sums take 64 bits.
    projections : mapping of str to dict
        For each projection: ``bytes`` of its tables, ``synapses`` stored, ``index`` ("none", or bits of an index).
    """

    text: str
    sizes: str
    constant: int
    state: int
    wide: bool
    projections: Mapping[str, dict[str, Any]]


def describe(network: Network) -> Tables:
    """Return the tables of a network.

    Parameters
    ----------
    network : Network
        Of LoihiLIF populations, without learning.

    Raises
    ------
    NetworkError
        For other neurons, learning, more synapses than a text can hold, and sums beyond 64 bits.
    """
    require_neurons("compile to C", network, (LoihiLIF,), FEATURES)
    for q in network.projections:
        if q.plasticity is not None:
            raise NetworkError(f"compile to C: projection {q.name!r} learns; freeze the network first (Network.freeze)")
    total = sum(q.synapses for q in network.projections)
    if total > SYNAPSES:
        raise NetworkError(f"compile to C: the network has {total:,} synapses, a program holds {SYNAPSES:,}; split it")
    return _Writer(network).tables()


def quoted(text: str) -> str:
    """``text`` as a C string literal: what is not a letter, digit, space or one of ``_-.`` becomes octal bytes."""
    data = text.encode("utf-8", "replace")
    plain = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789 _-."
    return '"' + "".join(chr(b) if b in plain else f"\\{b:03o}" for b in data) + '"'


def _bytes(size: int) -> int:
    """Words of 32 bits, in bytes, for a bit of each neuron."""
    return 4 * ((size + 31) // 32)


class _Writer:
    """Collects the arrays of a network and the rows of its tables."""

    def __init__(self, network: Network) -> None:
        self.network = network
        self.sources = [*network.inputs, *network.neurons]
        self.number = {p.name: i for i, p in enumerate(self.sources)}
        self.arrays: list[Array] = []
        self.projections: dict[str, dict[str, Any]] = {}
        self.rows: list[str] = []

    def tables(self) -> Tables:
        """All of it."""
        network = self.network
        sums, currents = largest(network, "compile to C")
        wide = max(LOIHI_SHIFT * sums + LOIHI_STATE_LIMIT, currents) > _SMALL
        order = [network[name] for name in network.update_order]
        populations = [self._population(p) for p in order]
        halved = any(q.exponent < 0 for q in network.projections)
        scratch = max(p.size for p in order) if halved else 0
        state, definitions = self._state(8 if wide else 4, scratch)
        text = [
            '#include "network_types.h"\n\n#include <stddef.h>\n',
            *(array.text() for array in self.arrays),
            *definitions,
            _table("source_t", "network_sources", self._sources()),
            _table("projection_t", "network_projections", self.rows or ["{0, 0, 0, 0, 0, 0, 0, NULL, NULL, NULL}"]),
            _table("population_t", "network_populations", populations),
            _table("char *const", "network_names", (quoted(p.name) for p in self.sources), "NETWORK_SOURCES"),
            _table("uint32_t", "network_sizes", (str(p.size) for p in self.sources), "NETWORK_SOURCES"),
        ]
        numbers = {"INPUTS": len(network.inputs), "SOURCES": len(self.sources)}
        numbers |= {"POPULATIONS": len(order), "SCRATCH": scratch}
        sizes = "".join(f"#define NETWORK_{name} {number}u\n" for name, number in numbers.items())
        sizes += f"typedef int{64 if wide else 32}_t sum_t;\n"
        return Tables("\n".join(text), sizes, self._constant(), state, wide, self.projections)

    def _constant(self) -> int:
        names = sum(len(p.name.encode("utf-8", "replace")) + 1 + 12 for p in self.sources)
        tables = 24 * len(self.sources) + 64 * len(self.rows) + 136 * len(self.network.neurons)
        return names + tables + sum(a.values.nbytes for a in self.arrays)

    def _incoming(self, p: Population) -> list[Projection]:
        return [q for q in self.network.projections if q.post == p.name]

    def _slots(self, name: str) -> int:
        return 1 + max([1, *(q.delay for q in self.network.projections if q.pre == name)])

    def _sources(self) -> Iterable[str]:
        for i, p in enumerate(self.sources):
            yield f"{{{(p.size + 31) // 32}, {self._slots(p.name)}, spikes{i}}}"

    def _state(self, width: int, scratch: int) -> tuple[int, list[str]]:
        """Bytes of what changes, and its definitions."""
        total, text = width * scratch + 4 * len(self.sources) + 8, []
        for i, p in enumerate(self.sources):
            words = self._slots(p.name) * ((p.size + 31) // 32)
            total += 4 * words
            text.append(f"static uint32_t spikes{i}[{words}];\n")
        for p in self.network.neurons:
            i, words = self.number[p.name], (p.size + 31) // 32
            total += (2 * width + 4) * p.size + 4 * words
            text.append(f"static sum_t u{i}[{p.size}], sum{i}[{p.size}];\n")
            text.append(f"static int32_t v{i}[{p.size}];\nstatic uint32_t awake{i}[{words}];\n")
            if "refractory" in p.neuron.features:
                total += p.size
                text.append(f"static uint8_t left{i}[{p.size}];\n")
        return total, text

    def _array(self, kind: str, name: str, values: Any) -> str:
        self.arrays.append(Array(kind, name, np.atleast_1d(values)))
        return name

    def _population(self, p: Population) -> str:
        assert isinstance(p.neuron, LoihiLIF)
        i, n = self.number[p.name], p.neuron
        first = len(self.rows)
        for q in self._incoming(p):
            self._projection(q, p)
        columns = {
            "decay_u": ("uint16_t", (4095 - np.asarray(n.du)).astype(np.uint16)),
            "decay_v": ("uint16_t", (4096 - np.asarray(n.dv)).astype(np.uint16)),
            "threshold": ("int32_t", (LOIHI_SHIFT * np.asarray(n.vth)).astype(np.int32)),
            "bias": ("int32_t", np.asarray(n.bias).astype(np.int32)),
        }
        held = "refractory" in n.features
        if held:
            columns["hold"] = ("uint8_t", (np.asarray(n.refractory) - 1).astype(np.uint8))
        each = ", ".join(str(int(values.size > 1)) for _, values in columns.values())
        names = ", ".join(self._array(kind, f"{name}{i}", values) for name, (kind, values) in columns.items())
        names += "" if held else ", NULL"
        starts = ", ".join(self._start(p, name) for name in ("u", "v"))
        restless = int(np.any(n.bias))
        period, offset = p.clear_every or 0, p.clear_offset
        if period >= 2**64:
            raise NetworkError(f"compile to C: population {p.name!r}: clear_every = {period} is beyond 2**64 - 1")
        return (
            f"{{{i}, {p.size}, {first}, {len(self.rows)}, UINT64_C({period}), UINT64_C({offset}), {restless}, "
            f"{int(n.reset == 'subtract')}, {{{each}}}, {names}, {starts}, u{i}, sum{i}, v{i}, "
            f"{f'left{i}' if held else 'NULL'}, awake{i}}}"
        )

    def _start(self, p: Population, variable: str) -> str:
        """The array of a variable before step 0, one value for each neuron."""
        begin = getattr(p.neuron, f"{variable}_init")
        if not np.any(begin):
            return "NULL"
        values = np.broadcast_to(np.asarray(begin, np.int32), (p.size,))
        return self._array("int32_t", f"start_{variable}{self.number[p.name]}", values)

    def _projection(self, q: Projection, post: Population) -> None:
        """Enter a projection, unless it has no weight but 0."""
        matrix = q.weights.astype(np.int64)
        matrix.data = condition_weights(q.weights.data)
        matrix = matrix.tocsc()
        matrix.sum_duplicates()
        matrix.eliminate_zeros()
        i, data = len(self.rows), matrix.data
        entry: dict[str, Any] = {"synapses": len(data), "bytes": 0, "index": "none"}
        self.projections[q.name] = entry
        if not len(data):
            return
        mixed = data.min() < 0 < data.max() or data.min() < -255  # weights of both signs are even
        scale = 2 if mixed else (-1 if data.min() < 0 else 1)
        stored = (data // scale).astype(np.int8 if mixed else np.uint8)
        weights = self._array("int8_t" if mixed else "uint8_t", f"weights{i}", stored)
        whole = len(data) == q.weights.shape[0] * q.weights.shape[1]
        rows, index, kind = "NULL", "NULL", "ALL"
        if not whole:
            kind, dtype = next((k, t) for k, t in KINDS if post.size - 1 <= np.iinfo(t).max)
            rows = self._array("uint32_t", f"rows{i}", matrix.indptr.astype(np.uint32))
            bits = 8 * np.dtype(dtype).itemsize
            index = self._array(f"uint{bits}_t", f"post{i}", matrix.indices.astype(dtype))
            entry["index"] = f"{bits} bits"
        mine = {f"{n}{i}" for n in ("weights", "rows", "post")}
        entry["bytes"] = sum(a.values.nbytes for a in self.arrays if a.name in mine)
        factor, halvings = scale * 2 ** max(q.exponent, 0), max(-q.exponent, 0)
        self.rows.append(
            f"{{{self.number[q.pre]}, {q.delay}, {q.weights.shape[1]}, {factor}, {halvings}, {kind}, {int(mixed)}, "
            f"{rows}, {index}, {weights}}}"
        )


def _table(kind: str, name: str, rows: Iterable[str], size: str = "") -> str:
    return f"const {kind} {name}[{size}] = {{\n  " + ",\n  ".join(rows) + "\n};\n"
