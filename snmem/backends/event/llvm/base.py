"""How functions in LLVM code and their plain twins go together, and what several of them need."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

from llvmlite import ir
from numba import types
from numba.extending import intrinsic
from numba.np.arrayobj import make_array

from ...._jit import DEBUG, kernel
from ..arrays import WIDE

F = TypeVar("F", bound=Callable[..., Any])
I32, I64 = ir.IntType(32), ir.IntType(64)
DOUBLE = ir.DoubleType()
#: A register of doubles.
DOUBLES = ir.VectorType(DOUBLE, WIDE)


def llvm(twin: F, always: bool = False) -> Callable[[Callable[..., Any]], F]:
    """Decorator of a definition for ``numba.extending.intrinsic``: compiled code that does what ``twin`` does.

    Parameters
    ----------
    twin : callable
        The same in plain Python, with the same arguments. In debug mode it is compiled, with checks of array bounds,
        and takes the place of the definition.
    always : bool
        Whether the definition stays in debug mode: where the twin is no atomic operation, or is not compiled.
    """

    def decorate(definition: Callable[..., Any]) -> F:
        function = kernel(twin, keep=False) if DEBUG and not always else intrinsic(definition)
        function.twin = twin  # pyright: ignore[reportAttributeAccessIssue]
        return cast(F, function)

    return decorate


def data_of(context: Any, builder: Any, signature: Any, arguments: Any, numbers: tuple[int, ...]) -> list[Any]:
    """Return pointers to the data of the array arguments with these numbers."""
    return [make_array(signature.args[n])(context, builder, arguments[n]).data for n in numbers]


def whole(context: Any, builder: Any, signature: Any, arguments: Any, numbers: tuple[int, ...]) -> list[Any]:
    """Return the arguments with these numbers as int64."""
    return [context.cast(builder, arguments[n], signature.args[n], types.int64) for n in numbers]


def vector_at(builder: Any, data: Any, index: Any, vector: Any) -> Any:
    """Return a pointer to the ``vector`` that begins at ``data[index]``."""
    return builder.bitcast(builder.gep(data, [index]), vector.as_pointer())


def everywhere(builder: Any, value: Any, vector: Any) -> Any:
    """Return a vector with ``value`` in all places."""
    nothing = ir.Constant(vector, ir.Undefined)
    same = ir.Constant(ir.VectorType(I32, vector.count), [0] * vector.count)
    return builder.shuffle_vector(builder.insert_element(nothing, value, I32(0)), nothing, same)


def constant(vector: Any, value: Any) -> Any:
    """Return a constant vector with ``value`` in all places."""
    return ir.Constant(vector, [value] * vector.count)


def prefetch_line(builder: Any, place: Any) -> None:
    """Make the processor fetch the line of the cache that a pointer points to."""
    place = builder.bitcast(place, ir.IntType(8).as_pointer())
    kind = ir.FunctionType(ir.VoidType(), [place.type, I32, I32, I32])
    fetch = builder.module.declare_intrinsic("llvm.prefetch", [place.type], kind)
    builder.call(fetch, [place, I32(0), I32(3), I32(1)])
