"""Several cells at a time, from their rows into vectors and back (:mod:`..kernels.cells`)."""

from __future__ import annotations

from typing import Any

import numpy as np
from llvmlite import ir
from numba import types

from ..arrays import BATCH
from ..columns import AGE, FIELDS, INPUT, NEURON
from .base import DOUBLE, I32, I64, constant, data_of, everywhere, llvm, vector_at, whole

_ROW = ir.VectorType(DOUBLE, FIELDS)
_WHOLES = ir.VectorType(I64, BATCH)
#: Vectors of a field of BATCH cells.
REALS = ir.VectorType(DOUBLE, BATCH)

#: What to take of two vectors of BATCH = 8: even or odd pairs by turns; even or odd elements by turns.
_EVEN_PAIRS, _ODD_PAIRS = [0, 1, 8, 9, 4, 5, 12, 13], [2, 3, 10, 11, 6, 7, 14, 15]
_EVEN, _ODD = [0, 8, 2, 10, 4, 12, 6, 14], [1, 9, 3, 11, 5, 13, 7, 15]


def _take(builder: Any, a: Any, b: Any, order: list[int]) -> Any:
    return builder.shuffle_vector(a, b, ir.Constant(ir.VectorType(I32, len(order)), order))


def columns(builder: Any, rows: list[Any]) -> list[Any]:
    """The four columns of BATCH rows."""
    two = [_take(builder, rows[j], rows[j + 4], list(range(8))) for j in range(4)]
    (a, b), (c, d) = ([_take(builder, two[j], two[j + 1], order) for order in (_EVEN, _ODD)] for j in (0, 2))
    return [_take(builder, x, y, order) for order in (_EVEN_PAIRS, _ODD_PAIRS) for x, y in ((a, c), (b, d))]


def rows(builder: Any, columns: list[Any]) -> list[Any]:
    """The BATCH rows of four columns."""
    p, q, r, s = columns
    turned = [_take(builder, x, y, order) for order in (_EVEN_PAIRS, _ODD_PAIRS) for x, y in ((p, r), (q, s))]
    two = [_take(builder, turned[j], turned[j + 1], order) for j in (0, 2) for order in (_EVEN, _ODD)]
    return [_take(builder, pair, pair, list(range(k, k + 4))) for k in (0, 4) for pair in two]


def row_at(builder: Any, array: Any, index: Any) -> Any:
    """A pointer to a row of four of ``array``."""
    return builder.bitcast(builder.gep(array, [builder.shl(index, I64(2))]), _ROW.as_pointer())


def places(builder: Any, cells: Any, entries: Any, at: Any) -> list[Any]:
    """Pointers to the cells of BATCH neurons, or entries of a list (64 bits), from ``entries[at]`` on."""
    found = [builder.load(builder.gep(entries, [builder.add(at, I64(j))])) for j in range(BATCH)]
    wide = [builder.zext(x, I64) if x.type.width < 64 else builder.and_(x, I64(NEURON)) for x in found]
    return [row_at(builder, cells, neuron) for neuron in wide]


def _load_cells(cells: Any, entries: Any, at: Any, u: Any, v: Any, given: Any, age: Any, j: Any) -> None:
    for k in range(BATCH):
        c = np.int64(entries[np.int64(at) + k] & NEURON) * FIELDS
        u[j + k], v[j + k], given[j + k] = cells[c], cells[c + 1], cells[c + INPUT]
        age[j + k] = entries[np.int64(at) + k] >> 32


@llvm(_load_cells)
def load_cells(typing, cells, entries, at, u, v, given, age, j):
    """u, v, input and age of the BATCH cells ``entries[at:]`` (cell + (age << 32)), into places from j on.

    ``cells`` is aligned to 32 bytes.
    """

    def generate(context, builder, signature, arguments):
        cells, entries, *arrays, age = data_of(context, builder, signature, arguments, (0, 1, 3, 4, 5, 6))
        at, j = whole(context, builder, signature, arguments, (2, 7))
        loaded = [builder.load(place, align=32) for place in places(builder, cells, entries, at)]
        for column, array in zip(columns(builder, loaded)[:AGE], arrays, strict=True):
            builder.store(column, vector_at(builder, array, j, REALS), align=8)
        ages = builder.ashr(builder.load(vector_at(builder, entries, at, _WHOLES), align=8), constant(_WHOLES, 32))
        builder.store(ages, vector_at(builder, age, j, _WHOLES), align=8)
        return context.get_dummy_value()

    return types.void(cells, entries, at, u, v, given, age, j), generate


def _store_cells(cells: Any, entries: Any, at: Any, u: Any, v: Any, j: Any, stamp: Any) -> None:
    ages = cells.view(np.int64)
    for k in range(BATCH):
        c = np.int64(entries[np.int64(at) + k] & NEURON) * FIELDS
        cells[c], cells[c + 1], cells[c + INPUT], ages[c + AGE] = u[j + k], v[j + k], 0.0, stamp


@llvm(_store_cells)
def store_cells(typing, cells, entries, at, u, v, j, stamp):
    """u and v from places j on, no input, and the age ``stamp``, to the BATCH different cells ``entries[at:]``."""

    def generate(context, builder, signature, arguments):
        cells, entries, *arrays = data_of(context, builder, signature, arguments, (0, 1, 3, 4))
        at, j, stamp = whole(context, builder, signature, arguments, (2, 5, 6))
        u, v = (builder.load(vector_at(builder, array, j, REALS), align=8) for array in arrays)
        stamp = builder.bitcast(everywhere(builder, stamp, _WHOLES), REALS)
        made = rows(builder, [u, v, constant(REALS, 0.0), stamp])
        for place, row in zip(places(builder, cells, entries, at), made, strict=True):
            builder.store(row, place, align=32)
        return context.get_dummy_value()

    return types.void(cells, entries, at, u, v, j, stamp), generate
