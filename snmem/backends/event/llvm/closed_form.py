"""Several cells at a time, brought up to date by the closed form in registers (:mod:`..kernels.cells`)."""

from __future__ import annotations

from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.np.arrayobj import make_array

from ..arrays import BATCH
from ..columns import AGE, FIELDS, INPUT
from ..kernels.neuron import lif_step
from .base import I32, I64, constant, data_of, everywhere, llvm
from .cells import REALS, columns, places, row_at, rows
from .lif import lif

_WHOLES = ir.VectorType(I64, BATCH)


def _size(builder, x):
    """The vector of absolute values."""
    positive = builder.and_(builder.bitcast(x, _WHOLES), constant(_WHOLES, (1 << 63) - 1))
    return builder.bitcast(positive, REALS)


def _larger(builder, a, b):
    return builder.select(builder.fcmp_ordered(">", a, b), a, b)


def _weights(context, builder, values, code, at, kind):
    """``values[at:]``, or ``values[code[at:]]``, of BATCH synapses."""
    out = ir.Constant(REALS, ir.Undefined)
    for j in range(BATCH):
        index = builder.add(at, I64(j))
        if code is not None:
            index = builder.zext(builder.load(builder.gep(code, [index])), I64)
        weight = context.cast(builder, builder.load(builder.gep(values, [index])), kind, types.float64)
        out = builder.insert_element(out, weight, I32(j))
    return out


def _catch_up_batch(
    cells: Any, target: Any, k: Any, values: Any, code: Any, at: Any, table: Any, form: Any, peaks: Any, t: Any
) -> int:
    ages = cells.view(np.int64)
    alpha, beta, bias, gain, drive, limit = form
    first = np.int64(k)
    for j in range(BATCH):
        if t - (ages[np.int64(target[first + j]) * FIELDS + AGE] >> 1) - 1 >= table.shape[0]:
            return -1
    reaching = 0
    for j in range(BATCH):
        c, synapse = np.int64(target[first + j]) * FIELDS, np.int64(at) + j
        weight = np.float64(values[synapse]) if code is None else np.float64(values[code[synapse]])
        u, v, given, steps = cells[c], cells[c + 1], cells[c + INPUT], t - (ages[c + AGE] >> 1)
        if steps > 0:  # the first of them takes the input that is there
            un, vn = lif_step(u, v, given, alpha, beta, bias)
            n = steps - 1
            u, v, given = table[n, 0] * un, table[n, 1] * vn + table[n, 2] * un + table[n, 3], 0.0
        given += weight
        cells[c], cells[c + 1], cells[c + INPUT], ages[c + AGE] = u, v, given, t << 1 | ages[c + AGE] & 1
        un, vn = lif_step(u, v, given, alpha, beta, bias)
        most = abs(vn) + gain * abs(un) + drive
        larger = most if most > abs(un) else abs(un)
        peaks[j] = larger if larger > peaks[j] else peaks[j]
        reaching |= (not (most <= limit)) << j
    return reaching


@llvm(_catch_up_batch)
def catch_up_batch(typing, cells, target, k, values, code, at, table, form, peaks, t):
    """Bring the BATCH different cells ``target[k:]`` to step t and add ``values[code[at:]]`` to their input of t.

    Returns a bit for each that may reach a limit; -1, with nothing done, where one is older than ``table``. Where
    ``code`` is None, the weights are ``values[at:]``. form: alpha, beta, bias, gain, drive, limit. peaks: the largest
    absolute u and v that may come of it, by place in the batch. ``cells`` and ``table`` are aligned to 32 bytes.
    """
    coded = not isinstance(code, types.NoneType)

    def generate(context, builder, signature, arguments):
        cells, target, values, table, peaks = data_of(context, builder, signature, arguments, (0, 1, 3, 6, 8))
        code = data_of(context, builder, signature, arguments, (4,))[0] if coded else None
        shape = make_array(signature.args[6])(context, builder, arguments[6]).shape
        last = everywhere(builder, builder.extract_value(shape, 0), _WHOLES)
        form = [everywhere(builder, builder.extract_value(arguments[7], n), REALS) for n in range(6)]
        gain, drive, limit = form[3:]
        now = everywhere(builder, arguments[9], _WHOLES)
        found = places(builder, cells, target, arguments[2])
        u, v, given, age = columns(builder, [builder.load(place, align=32) for place in found])
        age = builder.bitcast(age, _WHOLES)
        steps = builder.sub(now, builder.ashr(age, constant(_WHOLES, 1)))
        some = builder.icmp_signed(">", steps, constant(_WHOLES, 0))  # the first of them takes the input that is there
        further = builder.select(some, builder.sub(steps, constant(_WHOLES, 1)), constant(_WHOLES, 0))
        result = cgutils.alloca_once_value(builder, I64(-1))
        old = builder.bitcast(builder.icmp_signed(">=", further, last), ir.IntType(BATCH))
        with builder.if_then(builder.icmp_unsigned("==", old, old.type(0))):
            numbers = [builder.extract_element(further, I32(j)) for j in range(BATCH)]
            a, b, c, d = columns(builder, [builder.load(row_at(builder, table, n), align=32) for n in numbers])
            u1, v1 = lif(builder, u, v, given, *form[:3])
            v1 = builder.fadd(builder.fadd(builder.fmul(b, v1), builder.fmul(c, u1)), d)
            u, v = builder.select(some, builder.fmul(a, u1), u), builder.select(some, v1, v)
            more = _weights(context, builder, values, code, arguments[5], signature.args[3].dtype)
            given = builder.fadd(builder.select(some, constant(REALS, 0.0), given), more)
            age = builder.or_(builder.shl(now, constant(_WHOLES, 1)), builder.and_(age, constant(_WHOLES, 1)))
            for place, row in zip(found, rows(builder, [u, v, given, builder.bitcast(age, REALS)]), strict=True):
                builder.store(row, place, align=32)
            u1, v1 = (_size(builder, x) for x in lif(builder, u, v, given, *form[:3]))
            most = builder.fadd(builder.fadd(v1, builder.fmul(gain, u1)), drive)
            place = builder.bitcast(peaks, REALS.as_pointer())
            peak = _larger(builder, _larger(builder, most, u1), builder.load(place, align=8))
            builder.store(peak, place, align=8)
            reaching = builder.bitcast(builder.fcmp_unordered(">", most, limit), ir.IntType(BATCH))
            builder.store(builder.zext(reaching, I64), result)
        return builder.load(result)

    unsigned, six = types.uint64, types.UniTuple(types.float64, 6)
    return types.int64(cells, target, unsigned, values, code, unsigned, table, six, peaks, types.int64), generate
