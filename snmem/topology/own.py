"""The part of every projection that a process draws, where several processes share one network.

Neurons of a population are divided into ranges, one after the other, as evenly as whole numbers allow: range r of n has
the neurons from size * r // n on. Within :func:`own_rows` every rule of this package draws the synapses onto neurons of
one range only, the very same that it draws for them where it draws all. The rows of other neurons stay empty, and the
projection is marked, so that nothing but backend "mpi" takes it for the whole.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from ..description import whole

_OWN: ContextVar[tuple[int, int]] = ContextVar("own_rows", default=(0, 1))


def share(size: int, rank: int, ranks: int) -> tuple[int, int]:
    """The neurons of range ``rank`` of so many: the first, and the one behind the last."""
    return size * rank // ranks, size * (rank + 1) // ranks


def own_share(size: int) -> tuple[int, int]:
    """The neurons whose synapses are drawn here: all, unless :func:`own_rows` says otherwise."""
    return share(size, *_OWN.get())


@contextmanager
def own_rows(rank: int, ranks: int) -> Iterator[None]:
    """Let rules of connection draw the synapses of one range of neurons only.

    Parameters
    ----------
    rank : int
        Which range, from 0.
    ranks : int
        How many there are.

    Raises
    ------
    NetworkError
        For numbers that are not whole or out of range.
    """
    ranks = whole("own_rows: ranks", ranks, 1)
    token = _OWN.set((whole("own_rows: rank", rank, 0, ranks - 1), ranks))
    try:
        yield
    finally:
        _OWN.reset(token)
