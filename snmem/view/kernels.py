"""Compiled parts of the page: counts of spikes in cells, and spikes of a tile as gaps."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._jit import kernel

Array = NDArray[Any]
#: Quotients from here on are written as this byte and four bytes of the quotient.
ESCAPE = 255


@kernel
def count_cells(step: Array, neuron: Array, wide: int, high: int, first: int, cells: Array) -> None:
    """Add spikes to ``cells``, uint32 (rows, columns), each of ``high`` neurons and ``wide`` steps.

    ``step`` and ``neuron`` are int64 vectors; ``step + first`` counts from the begin of column 0.
    """
    for i in range(len(step)):
        cells[neuron[i] // high, (step[i] + first) // wide] += 1


@kernel
def split_bands(step: Array, neuron: Array, high: int, starts: Array, keys: Array, long: int, by_neuron: Array) -> None:
    """Sort the spikes of a block of time by band of ``high`` neurons, and number the places of each band.

    Parameters
    ----------
    step, neuron : int64 vectors
        Spikes in order; steps count from the begin of the block.
    high : int
        Neurons of a band.
    starts : int64 vector (bands + 1,)
        Receives where each band begins in ``keys``.
    keys : uint32 vector
        Receives the place of each spike in its tile: ``step * high + neuron``, or ``neuron * long + step`` in bands
        where that makes smaller gaps.
    long : int
        Steps of the block.
    by_neuron : uint8 vector (bands,)
        Receives 1 where the places count along neurons first.
    """
    for i in range(len(step)):
        starts[neuron[i] // high + 1] += 1
    for band in range(len(by_neuron)):
        starts[band + 1] += starts[band]
    at = starts[:-1].copy()
    for i in range(len(step)):
        band = neuron[i] // high
        keys[at[band]] = step[i] * high + neuron[i] - band * high
        at[band] += 1
    for band in range(len(by_neuron)):
        tile = keys[starts[band] : starts[band + 1]]
        other = transposed(tile, high, long)
        if bits(other) < 0.97 * bits(tile):
            tile[:] = other
            by_neuron[band] = 1


@kernel
def transposed(keys: Array, high: int, long: int) -> Array:
    """Places ``step * high + neuron`` in order as places ``neuron * long + step`` in order."""
    at = np.zeros(high + 1, np.int64)
    for i in range(len(keys)):
        at[keys[i] % high + 1] += 1
    for n in range(high):
        at[n + 1] += at[n]
    out = np.empty_like(keys)
    for i in range(len(keys)):
        n = keys[i] % high
        out[at[n]] = n * long + keys[i] // high
        at[n] += 1
    return out


@kernel
def bits(keys: Array) -> float:
    """Bits that the gaps between places take at least, were each written by itself as a number of unknown length.

    The entropy of the gaps' histogram, where gaps share a bin with those that differ by less than a sixteenth.
    """
    histogram = np.zeros(1024, np.int64)
    total, last = 0.0, -1
    for i in range(len(keys)):
        gap = np.int64(keys[i]) - last - 1
        last = np.int64(keys[i])
        extra = 0
        while gap >> extra >= 32:
            extra += 1
        histogram[extra * 16 + (gap >> extra)] += 1
        total += extra
    for n in histogram:
        if n:
            total -= n * np.log2(n / len(keys))
    return total


@kernel
def write_gaps(keys: Array, shift: int, quotients: Array, rests: Array) -> tuple[int, int]:
    """Write ascending places as gaps; returns how many bytes of ``quotients`` and of ``rests`` are used.

    The gap to the place before (less 1, the first counted from -1) is quotient * 2**shift + rest. Quotients take a byte
    each, or :data:`ESCAPE` and four bytes, lowest first; rests take ``shift`` bits each, lowest first.
    """
    at, last = 0, np.int64(-1)
    held, length, end = np.uint64(0), 0, 0
    for i in range(len(keys)):
        gap = np.int64(keys[i]) - last - 1
        last = np.int64(keys[i])
        quotient = gap >> shift
        if quotient < ESCAPE:
            quotients[at] = quotient
            at += 1
        else:
            quotients[at] = ESCAPE
            for n in range(4):
                quotients[at + 1 + n] = (quotient >> (8 * n)) & 255
            at += 5
        held |= np.uint64(gap & ((1 << shift) - 1)) << np.uint64(length)
        length += shift
        while length >= 8:
            rests[end] = held & np.uint64(255)
            held >>= np.uint64(8)
            length -= 8
            end += 1
    if length:
        rests[end] = held & np.uint64(255)
        end += 1
    return at, end


@kernel
def link_loads(
    start: Array, target: Array, core: Array, x: Array, y: Array, counts: Array, tree: bool, loads: Array
) -> None:
    """Count the packets on the links of a mesh, ``loads`` (width, height, 4): out of a tile to +x, -x, +y, -y.

    Source s sends ``counts[s]`` packets from its core, or the entry at the end of ``x`` and ``y``, to each of the cores
    ``target[start[s] : start[s + 1]]``, along x first. With ``tree`` one packet serves them all and branches.
    """
    entry = len(x) - 1
    crossed = np.full(loads.shape, -1, np.int64)  # by the packet of this source
    for s in range(len(start) - 1):
        home = core[s] if core[s] >= 0 else entry
        for r in range(start[s], start[s + 1]):
            at_x, at_y, end_x, end_y = x[home], y[home], x[target[r]], y[target[r]]
            while at_x != end_x or at_y != end_y:
                way = (0 if end_x > at_x else 1) if at_x != end_x else (2 if end_y > at_y else 3)
                if not tree or crossed[at_x, at_y, way] != s:
                    loads[at_x, at_y, way] += counts[s]
                    crossed[at_x, at_y, way] = s
                at_x += (way == 0) - (way == 1)
                at_y += (way == 2) - (way == 3)
