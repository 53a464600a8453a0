"""Cores filled in network order, from the synapses of a part of the neurons at a time."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...convolution import Convolution
from ...network import Network, Population, Projection
from ..chip import Chip
from ..counting.wiring import offsets

Array = NDArray[Any]
#: Synapses that are listed at a time, unless a neuron has more.
_PART = 1 << 20


class Kernels:
    """Kernels that cores of a chip hold once for all synapses of an output channel, where the chip can.

    Attributes
    ----------
    shared : frozenset of str
        Projections whose synapses take no memory of their own.
    words : int64 array
        Words of memory of each kernel of one output channel.
    first : dict of str to int
        By such a projection, the number of its first channel.
    """

    def __init__(self, network: Network, chip: Chip) -> None:
        bits, word = chip.geometry("kernel_weight_bits", 0), chip.geometry("synapse_word_bits")
        shared = [q for q in network.projections if bits and isinstance(q.weights, Convolution)]
        self.shared, self.first, words = frozenset(q.name for q in shared), dict[str, int](), [np.zeros(0, np.int64)]
        for q in shared:
            self.first[q.name] = sum(map(len, words))
            places = q.weights.used.reshape(len(q.weights.kernel), -1).sum(axis=1)
            words.append(-(-places * bits // word))
        self.words = np.concatenate(words)

    def of(self, projections: list[Projection], low: int, high: int) -> Array:
        """Numbers of the kernels that the targets low .. high - 1 read, (targets, kernels of each)."""
        kept = [q for q in projections if q.name in self.shared]
        columns = [self.first[q.name] + np.arange(low, high) // _area(q) for q in kept]
        return np.array(columns, np.int64).reshape(len(kept), high - low).T.copy()

    def words_by_core(self, network: Network, core: dict[str, Array], cores: int) -> Array:
        """Words that kernels take on each core, of the core of every neuron by population."""
        out = np.zeros(cores, np.int64)
        for q in network.projections:
            if q.name in self.shared:
                channel = np.arange(network[q.post].size) // _area(q)
                pairs = np.unique(core[q.post].astype(np.int64) * len(q.weights.kernel) + channel)
                where, which = np.divmod(pairs, len(q.weights.kernel))
                np.add.at(out, where, self.words[self.first[q.name] + which])
        return out


def _area(q: Projection) -> int:
    """Neurons of an output channel."""
    return q.weights.shape[0] // len(q.weights.kernel)


def fill_in_order(network: Network, chip: Chip, per_core: int, work: Array | None, most_work: float) -> Array:
    """Core of every neuron where each core takes what its limits allow; arguments as of ``placement.fill``."""
    from .kernels import fill_cores

    count = sum(p.size for p in network.populations)
    kernels, core = Kernels(network, chip), np.zeros(sum(p.size for p in network.neurons), np.int64)
    names = ("axons_in_per_core", "synapses_per_core", "synapse_memory_per_core")
    limits = (per_core, *(chip.limit(name) or 2**62 for name in names))
    bits = (chip.geometry("synapse_bits", 0), chip.geometry("synapse_list_bits", 0), chip.geometry("synapse_word_bits"))
    load, at = np.zeros((len(core), 2)) if work is None else work, 0
    state = (np.zeros(count, np.int64), np.full(count, -1), np.full(len(kernels.words), -1), np.zeros(5, np.int64))
    busy = np.zeros(2)
    for p in network.neurons:
        into = [q for q in network.projections if q.post == p.name]
        for low, high, start, source, own in _parts(network, p, into, kernels.shared):
            here = slice(at, at := at + high - low)
            fill_cores(
                start, source, own, kernels.of(into, low, high), kernels.words, load[here], most_work, limits, bits,
                *state, busy, core[here],
            )  # fmt: skip
    return core


def _parts(
    network: Network, p: Population, into: list[Projection], shared: frozenset[str]
) -> Iterator[tuple[int, int, Array, Array, Array]]:
    """Stretches of the neurons of a population: first and last, where the synapses of each begin, their sources, and
    whether they take memory of their own."""
    from ..counting.windows import Windows

    first = offsets(network)
    windows = {q.name: Windows(q.weights) for q in into if isinstance(q.weights, Convolution)}
    step = max(1, int(_PART * p.size // max(sum(q.synapses for q in into), 1)))
    for low in range(0, p.size, step):
        high = min(low + step, p.size)
        rows: list[tuple[Array, Array, bool]] = []
        for q in into:
            if q.name in windows:
                start, source, _ = windows[q.name].rows(np.arange(low, high))
            else:
                start = q.weights.indptr[low : high + 1].astype(np.int64)
                source = q.weights.indices[start[0] : start[-1]]
            rows.append((start - start[0], source.astype(np.int64) + first[q.pre], q.name not in shared))
        yield low, high, *_side_by_side(rows, high - low)


def _side_by_side(rows: list[tuple[Array, Array, bool]], count: int) -> tuple[Array, Array, Array]:
    """The lists of each neuron one behind the other: starts, sources, and the mark of the rows they come from."""
    counts = np.array([np.diff(start) for start, _, _ in rows], np.int64).reshape(-1, count)
    start = np.concatenate([np.zeros(1, np.int64), np.cumsum(counts.sum(axis=0))])
    source, own, at = np.empty(start[-1], np.int64), np.empty(start[-1], np.uint8), start[:-1].copy()
    for (begin, sources, mark), many in zip(rows, counts, strict=True):
        to = np.repeat(at - begin[:-1], many) + np.arange(len(sources))
        source[to], own[to] = sources, mark
        at += many
    return start, source, own
