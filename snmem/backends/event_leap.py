"""Several cells at a time, brought up to date by the closed form in the machine's registers (:mod:`.event_cells`)."""

from __future__ import annotations

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic
from numba.np.arrayobj import make_array

from .event_intrinsics import everywhere
from .event_types import FLOCK

_I32, _I64 = ir.IntType(32), ir.IntType(64)
_ROW = ir.VectorType(ir.DoubleType(), 4)
_DOUBLES, _WHOLES = ir.VectorType(ir.DoubleType(), FLOCK), ir.VectorType(_I64, FLOCK)
_NOTHING = ir.Constant(_DOUBLES, [0.0] * FLOCK)

#: What to take of two vectors of FLOCK = 8: even or odd pairs by turns; even or odd elements by turns.
_EVEN_PAIRS, _ODD_PAIRS = [0, 1, 8, 9, 4, 5, 12, 13], [2, 3, 10, 11, 6, 7, 14, 15]
_EVEN, _ODD = [0, 8, 2, 10, 4, 12, 6, 14], [1, 9, 3, 11, 5, 13, 7, 15]


def _take(builder, a, b, order):
    return builder.shuffle_vector(a, b, ir.Constant(ir.VectorType(_I32, len(order)), order))


def _columns(builder, rows):
    """The four columns of FLOCK rows."""
    two = [_take(builder, rows[j], rows[j + 4], list(range(8))) for j in range(4)]
    (a, b), (c, d) = ([_take(builder, two[j], two[j + 1], order) for order in (_EVEN, _ODD)] for j in (0, 2))
    return [_take(builder, x, y, order) for order in (_EVEN_PAIRS, _ODD_PAIRS) for x, y in ((a, c), (b, d))]


def _rows(builder, columns):
    """The FLOCK rows of four columns."""
    p, q, r, s = columns
    turned = [_take(builder, x, y, order) for order in (_EVEN_PAIRS, _ODD_PAIRS) for x, y in ((p, r), (q, s))]
    two = [_take(builder, turned[j], turned[j + 1], order) for j in (0, 2) for order in (_EVEN, _ODD)]
    return [_take(builder, pair, pair, list(range(k, k + 4))) for k in (0, 4) for pair in two]


def _whole(value):
    return ir.Constant(_WHOLES, [value] * FLOCK)


def _row(builder, array, index):
    """A pointer to a row of four of ``array``."""
    return builder.bitcast(builder.gep(array, [builder.shl(index, _I64(2))]), _ROW.as_pointer())


def _size(builder, x):
    """The vector of absolute values."""
    return builder.bitcast(builder.and_(builder.bitcast(x, _WHOLES), _whole((1 << 63) - 1)), _DOUBLES)


def _larger(builder, a, b):
    return builder.select(builder.fcmp_ordered(">", a, b), a, b)


def _step(builder, u, v, given, form):
    """u and v after a step with the input ``given``, as the reference step adds them up."""
    alpha, beta, bias = form[:3]
    u = builder.fadd(builder.fmul(alpha, u), given)
    return u, builder.fadd(builder.fadd(builder.fmul(beta, v), u), bias)


@intrinsic
def leap(typing, cells, target, k, values, code, at, table, form, peaks, t):
    """Bring the FLOCK different cells ``target[k:]`` to step t and add ``values[code[at:]]`` to their input of t.

    Returns a bit for each that may reach a limit; -1, with nothing done, where one is older than ``table``. Where
    ``code`` is None, the weights are ``values[at:]``. form: alpha, beta, bias, gain, drive, limit. peaks: the largest
    absolute u and v that may come of it, by place in the flock.
    """
    coded = not isinstance(code, types.NoneType)

    def weights(context, builder, values, code, at, kind):
        out = ir.Constant(_DOUBLES, ir.Undefined)
        for j in range(FLOCK):
            index = builder.add(at, _I64(j))
            if coded:
                index = builder.zext(builder.load(builder.gep(code, [index])), _I64)
            weight = context.cast(builder, builder.load(builder.gep(values, [index])), kind, types.float64)
            out = builder.insert_element(out, weight, _I32(j))
        return out

    def generate(context, builder, signature, arguments):
        arrays = {n: make_array(signature.args[n])(context, builder, arguments[n]) for n in (0, 1, 3, 6, 8)}
        cells, target, values, table, peaks = (array.data for array in arrays.values())
        code = make_array(signature.args[4])(context, builder, arguments[4]).data if coded else None
        last = everywhere(builder, builder.extract_value(arrays[6].shape, 0), _WHOLES)
        form = [everywhere(builder, builder.extract_value(arguments[7], n), _DOUBLES) for n in range(6)]
        gain, drive, limit = form[3:]
        now = everywhere(builder, arguments[9], _WHOLES)
        places = []
        for j in range(FLOCK):
            cell = builder.load(builder.gep(target, [builder.add(arguments[2], _I64(j))]))
            places.append(_row(builder, cells, builder.zext(cell, _I64) if cell.type.width < 64 else cell))
        u, v, given, age = _columns(builder, [builder.load(place, align=32) for place in places])
        age = builder.bitcast(age, _WHOLES)
        steps = builder.sub(now, builder.ashr(age, _whole(1)))
        some = builder.icmp_signed(">", steps, _whole(0))  # the first of them takes the input that is there
        further = builder.select(some, builder.sub(steps, _whole(1)), _whole(0))
        result = cgutils.alloca_once_value(builder, _I64(-1))
        old = builder.bitcast(builder.icmp_signed(">=", further, last), ir.IntType(FLOCK))
        with builder.if_then(builder.icmp_unsigned("==", old, old.type(0))):
            numbers = [builder.extract_element(further, _I32(j)) for j in range(FLOCK)]
            a, b, c, d = _columns(builder, [builder.load(_row(builder, table, n), align=32) for n in numbers])
            u1, v1 = _step(builder, u, v, given, form)
            v1 = builder.fadd(builder.fadd(builder.fmul(b, v1), builder.fmul(c, u1)), d)
            u, v = builder.select(some, builder.fmul(a, u1), u), builder.select(some, v1, v)
            more = weights(context, builder, values, code, arguments[5], signature.args[3].dtype)
            given = builder.fadd(builder.select(some, _NOTHING, given), more)
            age = builder.or_(builder.shl(now, _whole(1)), builder.and_(age, _whole(1)))
            rows = _rows(builder, [u, v, given, builder.bitcast(age, _DOUBLES)])
            for place, row in zip(places, rows, strict=True):
                builder.store(row, place, align=32)
            u1, v1 = (_size(builder, x) for x in _step(builder, u, v, given, form))
            most = builder.fadd(builder.fadd(v1, builder.fmul(gain, u1)), drive)
            place = builder.bitcast(peaks, _DOUBLES.as_pointer())
            peak = _larger(builder, _larger(builder, most, u1), builder.load(place, align=8))
            builder.store(peak, place, align=8)
            reaching = builder.bitcast(builder.fcmp_unordered(">", most, limit), ir.IntType(FLOCK))
            builder.store(builder.zext(reaching, _I64), result)
        return builder.load(result)

    unsigned, six = types.uint64, types.UniTuple(types.float64, 6)
    return types.int64(cells, target, unsigned, values, code, unsigned, table, six, peaks, types.int64), generate
