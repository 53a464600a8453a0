"""Spikes of a population as a page holds them: counts in cells for all of it, and tiles with every spike.

Cells count the spikes of so many neurons and steps; the page adds them up to coarser ones. A tile holds the spikes of a
block of steps and a band of neurons as the gaps between their places (:func:`snmem.view.kernels.write_gaps`), the
quotients compressed by zlib: for spikes at random, that is about one percent above their entropy.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .blobs import Blobs
from .kernels import count_cells, split_bands, write_gaps

#: Columns and rows of the cells of all populations together at most, columns at least, spikes of a cell on average.
COLUMNS, ROWS, FEWEST, FILLED = 4096, 256, 256, 32
#: Spikes of a tile on average, and neurons of a tile at least.
_SPIKES, _HIGH = 2**15, 512
#: Places of a tile, at most.
_PLACES = 2**31


@dataclass(frozen=True)
class Grid:
    """How the spikes of a population are cut into tiles and cells.

    Attributes
    ----------
    long, high : int
        Steps and neurons of a tile.
    wide, tall : int
        Steps and neurons of a cell.
    """

    long: int
    high: int
    wide: int
    tall: int


def grid_of(spikes: int, steps: int, size: int, rows: int, columns: int) -> Grid:
    """The grid for a population of ``size`` neurons, whose cells get about ``rows`` rows and ``columns`` columns."""
    high = size if size <= _HIGH else max(_HIGH, _power(size / 16))
    bands = -(-size // high)
    blocks = max(1, min(spikes // (_SPIKES * bands), steps))
    long = min(_power(steps / blocks), _power(_PLACES / high) // 2, _power(steps))
    return Grid(max(long, 1), high, max(-(-steps // columns), 1), -(-size // rows))


def _power(number: float) -> int:
    """The power of two that is ``number`` or next above it."""
    return 1 << max(int(np.ceil(np.log2(number))), 0)


def rows_of(sizes: list[int]) -> list[int]:
    """Rows of cells of each population: a share by the square root of its size, at least 8 or one for each neuron."""
    share = np.sqrt(sizes) / max(np.sqrt(sizes).sum(), 1.0)
    return [int(min(size, max(8, round(ROWS * part)))) for size, part in zip(sizes, share, strict=True)]


def columns_of(spikes: int) -> int:
    """Columns of cells for so many spikes of all populations together."""
    return int(np.clip(spikes // (FILLED * ROWS), FEWEST, COLUMNS))


def add_raster(blobs: Blobs, spikes: Any, rows: int, columns: int) -> dict[str, Any]:
    """Put the spikes of a population into the page; returns where they are.

    Parameters
    ----------
    blobs : Blobs
        Bytes of the page.
    spikes : Spikes or StoredSpikes
        Read block by block, so that a run on disk need not fit into memory.
    rows, columns : int
        Rows and columns of cells, about.

    Returns
    -------
    dict
        ``grid``; ``cells``: place of the counts, row by row, as uint32 compressed; ``tiles``: columns ``block``,
        ``band``, ``at`` (place of the quotients), ``count``, ``shift``, ``rests`` (bytes after the quotients) and
        ``by_neuron``.
    """
    steps, size = spikes.steps, spikes.size
    grid = grid_of(len(spikes), steps, size, rows, columns)
    cells = np.zeros((-(-size // grid.tall), max(-(-steps // grid.wide), 1)), np.uint32)
    names = ("block", "band", "at", "count", "shift", "rests", "by_neuron")
    tiles: dict[str, list[Any]] = {name: [] for name in names}
    for block in range(-(-steps // grid.long)):
        part = spikes.between(block * grid.long, min((block + 1) * grid.long, steps))
        if not len(part):
            continue
        step, neuron = (np.ascontiguousarray(x, np.int64) for x in (part.step, part.neuron))
        count_cells(step, neuron, grid.wide, grid.tall, block * grid.long, cells)
        for row in _tiles(blobs, step, neuron, grid, size):
            for name, value in zip(names, (block, *row), strict=True):
                tiles[name].append(value)
    place = blobs.add(zlib.compress(cells.astype("<u4").tobytes(), 6))
    shape = {"rows": cells.shape[0], "columns": cells.shape[1]}
    return {"grid": vars(grid), "cells": {"at": place, **shape}, "tiles": tiles}


def _tiles(blobs: Blobs, step: NDArray[Any], neuron: NDArray[Any], grid: Grid, size: int) -> Any:
    """Put the tiles of a block of steps into the page; yields a row for each that holds spikes."""
    bands = -(-size // grid.high)
    starts, keys = np.zeros(bands + 1, np.int64), np.empty(len(step), np.uint32)
    by_neuron = np.zeros(bands, np.uint8)
    split_bands(step, neuron, grid.high, starts, keys, grid.long, by_neuron)
    for band in range(bands):
        tile = keys[starts[band] : starts[band + 1]]
        if not len(tile):
            continue
        shift = max(int(np.log2((int(tile[-1]) + 1) / len(tile))) - 4, 0)
        quotients, rests = np.empty(5 * len(tile), np.uint8), np.empty(4 * len(tile) + 8, np.uint8)
        used, rest = write_gaps(tile, shift, quotients, rests)
        place = blobs.add(_packed(quotients[:used].tobytes()) + rests[:rest].tobytes())
        yield band, place, len(tile), shift, rest, int(by_neuron[band])


def _packed(data: bytes) -> bytes:
    """``data`` compressed, by Huffman codes alone where repeats do not pay."""
    coder = zlib.compressobj(6, zlib.DEFLATED, 15, 9, zlib.Z_HUFFMAN_ONLY)
    alone = coder.compress(data) + coder.flush()
    repeats = zlib.compress(data, 6)
    return min(alone, repeats, key=len)
